"""Scores computed anew from what a run keeps: forecasts, samples, polynomials and the data.

No forecaster runs. What comes out must be what the Records say; where it is not, a metric or the
library behind one has changed since.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaosbench.datasets import StoredDataset, generate, open_dataset
from chaosbench.errors import InputError
from chaosbench.evaluation._record import Record
from chaosbench.evaluation._records import read_records, write_file
from chaosbench.evaluation._store import RunDirectory
from chaosbench.evaluation.exam import load_exam
from chaosbench.evaluation.scoring import score
from chaosbench.provenance import versions
from chaosbench.systems import registry as systems
from chaosbench.systems.monomials import monomials_of
from chaosbench.tasks import Task
from chaosbench.tasks import registry as tasks

__all__ = ["Rescored", "rescore"]

ROUNDING = 1e-9
"""Relative difference up to which two scores are the same: another platform's rounding."""

Numbers = Mapping[str, float | tuple[float, ...]]


@dataclass(frozen=True)
class Rescored:
    """One Record beside the scores computed anew.

    Attributes:
        record: as it is on disk.
        scores, window_scores: computed anew; empty where `trouble` says why they cannot be.
        trouble: one sentence; empty where all went well.

    """

    record: Record
    scores: Mapping[str, float]
    window_scores: Mapping[str, tuple[float, ...]]
    trouble: str = ""

    @property
    def differing(self) -> tuple[str, ...]:
        """Names of the scores that are not what the Record says, and of those only one has."""
        if self.trouble:
            return ()
        return (
            *_differing(self.record.scores, self.scores),
            *_differing(self.record.window_scores, self.window_scores),
        )


def rescore(
    directory: Path | str,
    *,
    write: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Rescored]:
    """Compute the scores of every Record of a run again, from what the run keeps.

    Args:
        directory: of the run.
        write: replace the Records whose scores differ; by default nothing is written.
        progress: called with (done, total, label).

    Returns:
        One entry a Record, in the order of their files.

    Raises:
        InputError: no run there.

    """
    folder = Path(directory)
    if not (folder / "run.json").is_file():
        raise InputError(f"{folder} is no run's directory, which is where forecasts are kept")
    records = read_records(folder)
    home = RunDirectory(folder, exam_seed=records[0].exam_seed)
    found = []
    for number, (path, made) in enumerate(_each(home), 1):
        found.append(made)
        if write and made.differing:
            record = replace(
                made.record,
                scores=made.scores,
                window_scores=made.window_scores,
                provenance={**made.record.provenance, "rescored": versions()},
            )
            write_file(path, [record])
        if progress is not None:
            progress(number, len(records), f"{made.record.forecaster} on {made.record.task}")
    return found


def _each(home: RunDirectory) -> Iterator[tuple[Path, Rescored]]:
    opened: dict[str, StoredDataset] = {}
    for path in sorted((home.path / "records").glob("*.parquet")):
        record = home.get(path.stem)
        try:
            yield path, _rescored(home, path.stem, record, opened)
        except InputError as error:
            yield path, Rescored(record, {}, {}, str(error))


def _rescored(
    home: RunDirectory, cell: str, record: Record, opened: dict[str, StoredDataset]
) -> Rescored:
    if record.status not in ("ok", "diverged") or not (record.scores or record.window_scores):
        return Rescored(record, {}, {})  # there was no forecast to score
    task = tasks[record.task].with_seed(record.exam_seed)
    if systems[record.system].fingerprint != record.provenance.get("fingerprint"):
        raise InputError(f"the equation of {record.system} has changed since; run it again")
    if task.id not in opened:
        opened[task.id] = _data(home, task)
    if opened[task.id].hash != record.provenance.get("dataset"):
        raise InputError(f"the data of {record.task} are not those that it was scored on")
    exam = load_exam(opened[task.id], task)
    variables = tuple(task.dataset.variables(task.system)[i] for i in exam.observed)
    answer = home.answer(cell, dt=exam.dt, variables=variables, windows=len(exam.truth))
    lost = _lost(record, samples=answer.samples is None, polynomial=answer.polynomial is None)
    if lost:
        raise InputError(f"the run does not keep its {lost}; run it again to score it again")
    scores, windows = score(
        task,
        exam,
        answer.values.values,
        answer.samples,
        monomials_of(answer.polynomial, exam.truth.shape[2]),
    )
    return Rescored(record, scores, windows)


def _data(home: RunDirectory, task: Task) -> StoredDataset:
    place = home.data(task.id)
    return open_dataset(place) if place.is_dir() else generate(task.dataset, place)


def _lost(record: Record, *, samples: bool, polynomial: bool) -> str:
    """Name what a run of an older version did not keep and the Record was scored from."""
    if samples and any(name.startswith("ensemble_vpt") for name in record.window_scores):
        return "samples"
    if polynomial and "structure_f1" in record.scores:
        return "polynomial"
    return ""


def _differing(before: Numbers, after: Numbers) -> list[str]:
    return [
        name
        for name in sorted({*before, *after})
        if name not in before or name not in after or not _same(before[name], after[name])
    ]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) or isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return math.isclose(a, b, rel_tol=ROUNDING, abs_tol=1e-300) or (a != a and b != b)
