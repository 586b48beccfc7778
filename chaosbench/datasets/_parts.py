"""The parts of a dataset: which files are made together, and how large they become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaosbench.datasets._recipe import SEGMENT, Dataset, Pace, Split
from chaosbench.datasets._store import FOLDER
from chaosbench.dynamics.orbits import LANES

__all__ = ["Job", "bytes_of", "jobs_of", "source_of", "splits_of"]

ROWS = 2**20
"""Rows of a part, unless one trajectory has more."""

NUMBERS = 2**24
"""Most numbers of a part of several trajectories: 128 MiB."""

ABREAST = 8
"""Trajectories on lanes come in multiples of this number, so that no lane idles."""


@dataclass(frozen=True)
class Job:
    """Files that are made from one integration.

    Attributes:
        system: name of the system.
        source: the split whose trajectories are integrated.
        splits: the splits that are made from them.
        first, last: the trajectories; `last` is not among them.
        numbers: of the files among those of their split, one for each segment of the
            trajectory; empty where the split has one file.
        steps: samples of each trajectory.

    """

    system: str
    source: Split
    splits: tuple[Split, ...]
    first: int
    last: int
    numbers: tuple[int, ...]
    steps: int

    def paths(self, split: Split) -> list[str]:
        """Return where the files of a split lie in the directory of the dataset."""
        folder = f"{FOLDER}/system={self.system}"
        if not self.numbers:
            return [f"{folder}/{split}.parquet"]
        return [f"{folder}/{split}-{number:05}.parquet" for number in self.numbers]

    @property
    def files(self) -> list[str]:
        """Where all its files lie."""
        return [path for split in self.splits for path in self.paths(split)]

    @property
    def segmented(self) -> bool:
        """Whether it is one trajectory in several files."""
        return len(self.numbers) > 1

    def segments(self) -> Iterator[tuple[int, int]]:
        """Yield the first step of each file and the one after its last."""
        for begin in range(0, self.steps, SEGMENT) if self.segmented else (0,):
            yield begin, min(self.steps, begin + SEGMENT) if self.segmented else self.steps


def source_of(split: Split) -> Split:
    """Return the split from whose clean trajectories a split is made."""
    if split in ("validation", "validation_clean"):
        return "validation"
    return "train" if split in ("train", "train_clean") else "test"


def splits_of(dataset: Dataset) -> dict[Split, tuple[Split, ...]]:
    """Return the splits that a dataset has, by the split whose trajectories they are made from."""
    beside = bool(dataset.corruptions)
    found: dict[Split, tuple[Split, ...]] = {
        "train": ("train", "train_clean") if beside else ("train",)
    }
    if dataset.windows:
        more: list[Split] = ["test"]
        more += ["context"] if dataset.corrupted else []
        more += ["observations"] if dataset.observe_every else []
        found["test"] = tuple(more)
    if dataset.validation_trajectories:
        found["validation"] = ("validation", "validation_clean") if beside else ("validation",)
    return found


def jobs_of(dataset: Dataset, name: str, pace: Pace) -> Iterator[Job]:
    """Yield the jobs of one system, in the order of their files."""
    width = len(dataset.variables(name)) + 1
    for source, splits in splits_of(dataset).items():
        count, steps = {
            "train": (dataset.train_trajectories, dataset.train_points),
            "validation": (dataset.validation_trajectories, dataset.train_points),
            "test": (dataset.windows, dataset.context + pace.horizon),
        }[source]
        if steps > SEGMENT and source != "test":
            each = -(-steps // SEGMENT)
            for k in range(count):
                numbers = tuple(range(k * each, (k + 1) * each))
                yield Job(name, source, splits, k, k + 1, numbers, steps)
            continue
        together = max(1, min(ROWS, NUMBERS // width) // steps)
        if dataset.integrator == LANES and source != "test":
            together = max(ABREAST, together - together % ABREAST)
        for number, first in enumerate(range(0, count, together)):
            last = min(count, first + together)
            numbers = (number,) if count > together else ()
            yield Job(name, source, splits, first, last, numbers, steps)


def bytes_of(dataset: Dataset, job: Job, pace: Pace) -> tuple[int, int]:
    """Return the rows of a job's files, and about how many bytes they take on disk.

    Splitting by bytes leaves some nine tenths of a number and a byte or two of the index.
    """
    size = 8 if dataset.precision == "float64" else 4
    rows = total = 0
    for split in job.splits:
        steps = {"context": dataset.context, "observations": pace.horizon}.get(split, job.steps)
        clean = split in ("test", "train_clean", "validation_clean", "observations")
        width = len(dataset.variables(job.system) if clean else dataset.seen(job.system))
        made = (job.last - job.first) * steps
        rows += made
        total += int(made * (0.9 * size * width + 1.5)) + 4096 * len(job.paths(split))
    return rows, total
