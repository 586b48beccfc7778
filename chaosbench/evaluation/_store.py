"""A run's directory: a Parquet file a Record and a forecast, each whole or not there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chaosbench.datasets import MANIFEST, read_trajectories, write_trajectories
from chaosbench.datasets.recordings import load_recordings
from chaosbench.errors import CorruptDataError
from chaosbench.evaluation._record import Record
from chaosbench.evaluation._records import key_of, read_file, write_file
from chaosbench.files import claim, file_name, read_json, write_json
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["SUPERSEDED", "Answer", "RunDirectory", "know_recordings", "planned"]

FORMAT = 1

PLAN = "plan.json"
"""The cells that a run is to have; see `planned`."""

SUPERSEDED = "superseded"
"""Folder of a run for the Records of code that is no longer there, as they were in the run's."""


@dataclass(frozen=True, eq=False)
class Answer:
    """All that a Record is scored from, besides the data.

    Attributes:
        values: the forecast, or the right-hand side at the exam's states, `w` windows.
        samples: ``(m, w, H, d)``, where the forecaster drew some.
        polynomial: exponents and coefficients ``(p, d)``, where an equation is one.

    """

    values: Trajectories
    samples: FloatArray | None = None
    polynomial: tuple[FloatArray, FloatArray] | None = None


class RunDirectory:
    """Where a run keeps what it made; opening one that holds another exam is refused.

    Raises:
        RecipeMismatchError: the directory holds another exam or something else altogether.

    """

    what = "run"

    def __init__(self, path: Path | str, *, exam_seed: int) -> None:
        self.path = Path(path)
        owner = {"format": FORMAT, "exam_seed": exam_seed}
        claim(self.path, "run.json", owner, what="run", by=["exam_seed", "format"])
        self._keys: dict[tuple[str, int], tuple[object, ...]] = {}

    def data(self, task: str) -> Path:
        """Return where the dataset of a task lies."""
        return self.path / "data" / file_name(task)

    def expect(self, cells: Mapping[str, tuple[str, str]]) -> None:
        """Note the cells that are to be run, name to forecaster and task, for `status_of`."""
        place = self.path / PLAN
        known = planned(self.path)
        if any(name not in known for name in cells):
            write_json(place, {"cells": known | {k: list(v) for k, v in cells.items()}})

    def has(self, cell: str) -> bool:
        """Say whether a cell is finished."""
        return self.place(cell).is_file()

    def get(self, cell: str) -> Record:
        """Read a finished cell."""
        (record,) = read_file(self.place(cell))
        return record

    def others(self, cell: str, stem: str, record: Record) -> list[str]:
        """List what else is kept of a cell: of other code, or from before a setting was added.

        Args:
            cell: id of the cell.
            stem: what the ids of the same task and forecaster begin with.
            record: its Record.

        """
        files = sorted((self.path / "records").glob(f"{stem}*.parquet"))
        others = [file.stem for file in files if file.stem != cell]
        return [other for other in others if self._key(other) == key_of(record)]

    def _key(self, cell: str) -> tuple[object, ...]:
        """Return the key of a cell's Record, which is read once as long as its file stays."""
        version = cell, self.place(cell).stat().st_mtime_ns
        if version not in self._keys:
            self._keys[version] = key_of(self.get(cell))
        return self._keys[version]

    def set_aside(self, cell: str) -> Path:
        """Move a cell out of the way, with what it answered; return the place of its Record."""
        for path in (*self._answers(cell), self.place(cell)):  # the Record last: then it is done
            self._move(path, self._aside(path))
        return self._aside(self.place(cell))

    def restore(self, cell: str) -> bool:
        """Put a cell back that was set aside; say whether there was one."""
        found = self._aside(self.place(cell)).is_file()
        for path in (*self._answers(cell), self.place(cell)) if found else ():
            self._move(self._aside(path), path)
        return found

    def _aside(self, path: Path) -> Path:
        return self.path / SUPERSEDED / path.relative_to(self.path)

    def _move(self, path: Path, place: Path) -> None:
        if path.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)

    def put(self, cell: str, record: Record, answer: Answer | None) -> None:
        """Keep a finished cell: first what it answered, then its Record, which makes it count.

        A Record that was there is replaced only then; what it answered and this one did not is
        removed after it.
        """
        kept = set()
        if answer is not None:
            values, samples, polynomial = self._answers(cell)
            made = answer.values
            write_trajectories(values, made)
            kept.add(values)
            if answer.samples is not None:
                assert made.start_times is not None
                drawn = answer.samples.reshape(-1, *answer.samples.shape[2:])
                starts = np.tile(made.start_times, len(answer.samples))
                write_trajectories(samples, Trajectories(drawn, made.dt, made.variables, starts))
                kept.add(samples)
            if answer.polynomial is not None:
                powers, coefficients = answer.polynomial
                numbers = [
                    [c if math.isfinite(c) else None for c in row] for row in coefficients.tolist()
                ]
                write_json(polynomial, {"powers": powers.tolist(), "coefficients": numbers})
                kept.add(polynomial)
        write_file(self.place(cell), [record])
        for path in self._answers(cell):
            if path not in kept:
                path.unlink(missing_ok=True)

    def answer(
        self,
        cell: str,
        *,
        dt: float,
        variables: tuple[str, ...],
        windows: int | None = None,
        steps: int | None = None,
    ) -> Answer:
        """Read what a cell answered: so many windows of the given step and variables.

        Without `windows` or `steps` there may be any number of them.

        Raises:
            CorruptDataError: it is not there, or something else is.

        """
        first, second, third = self._answers(cell)
        values = read_trajectories(first, dt=dt, variables=variables)
        if windows is None:
            windows = len(values)
        if len(values) != windows:
            raise CorruptDataError(f"{first} holds {len(values)} windows where there are {windows}")
        if steps is not None and values.values.shape[1] != steps:
            raise CorruptDataError(
                f"{first} holds forecasts of {values.values.shape[1]} steps where {steps} were "
                "asked for"
            )
        samples = polynomial = None
        if second.is_file():
            drawn = read_trajectories(second, dt=dt, variables=variables).values
            if len(drawn) % windows or drawn.shape[1:] != values.values.shape[1:]:
                raise CorruptDataError(f"{second} does not hold samples of {first.name}")
            samples = drawn.reshape(-1, *values.values.shape)
        if third.is_file():
            held = read_json(third)
            try:
                powers = np.array(held["powers"], dtype=np.float64)
                coefficients = np.array(held["coefficients"], dtype=np.float64)
            except (KeyError, TypeError, ValueError) as error:
                raise CorruptDataError(f"{third} holds no polynomial") from error
            d = len(variables)
            polynomial = powers.reshape(-1, d), coefficients.reshape(-1, d)
        return Answer(values, samples, polynomial)

    def variables(self, cell: str) -> tuple[str, ...]:
        """Return the names of the variables of a forecast, as its file has them.

        Raises:
            CorruptDataError: it cannot be read.

        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._answers(cell)[0]
        try:
            return tuple(pq.read_schema(path).names[3:])  # after trajectory, step and time
        except (OSError, pa.ArrowException) as error:
            raise CorruptDataError(
                f"{path} cannot be read as Parquet ({type(error).__name__})"
            ) from error

    def answered(self, cell: str) -> bool:
        """Say whether the run keeps an answer of a cell."""
        return self._answers(cell)[0].is_file()

    def _answers(self, cell: str) -> tuple[Path, Path, Path]:
        """Return where the forecast of a cell lies, its samples and its polynomial."""
        return (
            self.path / "forecasts" / f"{cell}.parquet",
            self.path / "samples" / f"{cell}.parquet",
            self.path / "polynomials" / f"{cell}.json",
        )

    def place(self, cell: str) -> Path:
        """Return the file that holds a cell's Record, or will."""
        return self.path / "records" / f"{cell}.parquet"


def planned(directory: Path | str) -> dict[str, tuple[str, str]]:
    """Return the cells that a run is to have: name to forecaster and task."""
    place = Path(directory) / PLAN
    if not place.is_file():
        return {}
    held = read_json(place).get("cells")
    if not isinstance(held, dict):
        raise CorruptDataError(f"{place} lists no cells; delete it, only `run status` needs it")
    return {str(name): (str(cell[0]), str(cell[1])) for name, cell in held.items()}


def know_recordings(directory: Path | str) -> None:
    """Make the recordings known that a run keeps; they are what its Records are about."""
    for manifest in sorted(Path(directory).glob(f"data/own-*/{MANIFEST}")):
        load_recordings(manifest.parent)
