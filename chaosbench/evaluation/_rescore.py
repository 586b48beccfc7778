"""Scores computed anew from what a run keeps: forecasts, samples, polynomials and the data.

No forecaster runs. What comes out must be what the Records say; where it is not, a metric or the
library behind one has changed since, or somebody changed a file. Besides the scores each Record is
compared with what its run keeps: with its forecast, the data and their Lyapunov exponent, and with
the name of its file, which is a hash of forecaster, settings and seed. What a forecaster cost
cannot be computed again; it is only checked to be possible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, permutations
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chaosbench.datasets import StoredDataset, open_dataset
from chaosbench.datasets.recordings import provide
from chaosbench.dynamics.stored import constants
from chaosbench.errors import InputError
from chaosbench.evaluation._cell import CEILING, decided_by
from chaosbench.evaluation._record import Record
from chaosbench.evaluation._records import read_records, write_file
from chaosbench.evaluation._seal import answer_hash, question_hash
from chaosbench.evaluation._spec import spec_of
from chaosbench.evaluation._store import Answer, RunDirectory, know_recordings
from chaosbench.evaluation.checking import check_record
from chaosbench.evaluation.exam import LABEL, Exam, load_exam
from chaosbench.evaluation.scoring import score
from chaosbench.forecasters import registry as forecasters
from chaosbench.provenance import versions
from chaosbench.systems import registry as systems
from chaosbench.systems.monomials import monomials_of
from chaosbench.tasks import Task
from chaosbench.tasks import registry as tasks

__all__ = ["Kept", "Rescored", "rescore", "rescore_record"]

ROUNDING = 1e-9
"""Relative difference up to which two scores are the same: another platform's rounding."""

ORDERS_AT_MOST = 720
"""Orders of plugins that are tried: a Record names them without their order."""

Numbers = Mapping[str, float | tuple[float, ...]]


class Kept(Protocol):
    """Where answers are kept: a run's directory, or a bundle."""

    @property
    def what(self) -> str:
        """What it is, in one word."""

    def answered(self, cell: str) -> bool:
        """Say whether an answer of a cell is kept."""

    def answer(
        self, cell: str, *, dt: float, variables: tuple[str, ...], windows: int, steps: int
    ) -> Answer:
        """Read what a cell answered, if it has that shape."""


@dataclass(frozen=True)
class Rescored:
    """One Record beside the scores computed anew.

    Attributes:
        record: as it is on disk.
        scores, window_scores: computed anew; empty where `trouble` says why they cannot be.
        trouble: one sentence; empty where all went well.
        note: one sentence on data that differ, where that is no error.

    """

    record: Record
    scores: Mapping[str, float]
    window_scores: Mapping[str, tuple[float, ...]]
    trouble: str = ""
    note: str = ""

    @property
    def differing(self) -> tuple[str, ...]:
        """Names of the scores that are not what the Record says, and of those only one has."""
        if self.trouble:
            return ()
        return self.beyond(ROUNDING)

    def beyond(self, relative: float) -> tuple[str, ...]:
        """Names of the scores that differ by more than this, relative to the larger one."""
        return (
            *_differing(self.record.scores, self.scores, relative),
            *_differing(self.record.window_scores, self.window_scores, relative),
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
        InputError: no run there, or none of its systems is known.

    """
    folder = Path(directory)
    if not (folder / "run.json").is_file():
        raise InputError(f"{folder} is no run's directory, which is where forecasts are kept")
    records = read_records(folder)
    know_recordings(folder)
    if not any(record.system in systems or record.task in tasks for record in records):
        _ = tasks[records[0].task]  # a run on own systems, which are not loaded
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

    def data(task: Task) -> StoredDataset:
        if task.id not in opened:
            opened[task.id] = _data(home, task)
        return opened[task.id]

    for path in sorted((home.path / "records").glob("*.parquet")):
        record = home.get(path.stem)
        try:
            yield path, rescore_record(home, path.stem, record, data)
        except InputError as error:
            yield path, Rescored(record, {}, {}, str(error))


def rescore_record(
    home: Kept,
    cell: str,
    record: Record,
    data: Callable[[Task], StoredDataset],
    *,
    lenient: bool = False,
) -> Rescored:
    """Compute the scores of one Record again.

    Args:
        home: keeps what the Record was made from.
        cell: its name there.
        record: what it says of itself.
        data: returns the data of a task.
        lenient: data that differ from those that it was asked on, though not in their recipe, are
            a note instead of an error.

    Raises:
        InputError: it cannot be what its run made; the message says why.

    """
    check_record(record)
    _check_privilege(record)
    answered = home.answered(cell)
    scored = bool(record.scores or record.window_scores)
    if record.status not in ("ok", "diverged") and answered:
        raise InputError(f"its status is {record.status}, but the {home.what} keeps its forecast")
    if record.status != "ok" and not answered and not scored:
        _check_cell(cell, record)
        return Rescored(record, {}, {})  # there was no forecast to score
    task = tasks[record.task].with_seed(record.exam_seed)
    if task.recording is None and (
        systems[record.system].fingerprint != record.provenance.get("fingerprint")
    ):
        raise InputError(f"the equation of {record.system} has changed since; run it again")
    stored = data(task)
    if stored.hash != record.provenance.get("dataset"):
        raise InputError(f"the data of {record.task} are not those that it was scored on")
    _check_cell(cell, record)
    exam = load_exam(stored, task)
    _check_exponent(record, exam)
    note = ""
    if record.question and question_hash(task, stored.hash, exam) != record.question:
        note = (
            f"the data of {record.task} are not, to the last bit, what it was asked and scored on"
        )
        if not lenient:
            raise InputError(note)
    variables = tuple(task.dataset.variables(task.system)[i] for i in exam.observed)
    shape = exam.truth.shape
    answer = home.answer(cell, dt=exam.dt, variables=variables, windows=shape[0], steps=shape[1])
    lost = _lost(record, samples=answer.samples is None, polynomial=answer.polynomial is None)
    if lost:
        raise InputError(
            f"the {home.what} does not keep its {lost}; run it again to score it again"
        )
    if record.forecast and answer_hash(answer) != record.forecast:
        raise InputError(
            f"the forecast that the {home.what} keeps is not the one that it was made from"
        )
    finite = bool(np.isfinite(answer.values.values).all())
    if finite != (record.status == "ok"):
        raise InputError(
            f"its status is {record.status}, but its forecast is {'' if finite else 'not '}finite"
        )
    scores, windows = score(
        task,
        exam,
        answer.values.values,
        answer.samples,
        monomials_of(answer.polynomial, exam.truth.shape[2]),
    )
    return Rescored(record, scores, windows, note=note)


def _check_privilege(record: Record) -> None:
    if record.privileged != (record.forecaster == LABEL):
        raise InputError(
            f"it says that it was {'' if record.privileged else 'not '}given the equation, "
            f"but its label is {record.forecaster!r}"
        )


def _check_cell(cell: str, record: Record) -> None:
    """Compare a Record with the name of its file and with its own settings.

    Raises:
        InputError: they are of different forecasters, settings, seeds or data.

    """
    label, _, tuned = record.forecaster.partition(" (tuned ")
    told = record.provenance
    asked = (told.get("tuned") or {}).get("from") if tuned else record.config
    if asked is None or "dataset" not in told:
        return  # of a version that noted less
    name = CEILING.name if record.privileged else label.partition(":")[0]
    sources = [str(source) for source in (told.get("plugins") or {}).values()]
    decided = (
        decided_by(
            record.task, str(told["dataset"]), name, asked, order,
            str((told.get("code") or {}).get("hash", "")), seed=record.seed,
            tune=int(tuned.rstrip(")") or 0) if tuned else 0,
        )
        for order in islice(permutations(sources), ORDERS_AT_MOST)
    )  # fmt: skip
    known = cell.rpartition("--")[2]
    if re.fullmatch(r"[0-9a-f]{12}", known) and known not in decided:
        raise InputError(
            "its task, label, settings, seed or code are not those of the cell that its file is "
            "named after"
        )
    ours = (told.get("code") or {}).get("package") == "chaosbench"
    if ours and name in forecasters and not record.privileged:
        _check_label(label, name, asked)


def _check_label(label: str, name: str, asked: Mapping[str, Any]) -> None:
    try:
        right = spec_of(name, config=asked).label
    except InputError:
        return  # settings of another version, whose label is its own
    if right != label:
        raise InputError(f"its label is {label!r}, but its settings are those of {right!r}")


def _check_exponent(record: Record, exam: Exam) -> None:
    """Refuse another Lyapunov exponent than the constants that the recipe of the data names.

    Raises:
        InputError: the manifest or the Record holds another one.

    """
    recording = tasks[record.task].recording
    if recording is not None:
        right = recording.exponent
    else:
        known = constants(record.system)
        right = known.largest_lyapunov_exponent if known.lyapunov_time is not None else None
    told = record.provenance.get("lyapunov_exponent", exam.lyapunov_exponent)
    for value, what in ((exam.lyapunov_exponent, "the manifest of its data"), (told, "it")):
        if value != right:
            raise InputError(
                f"{what} has the Lyapunov exponent {value}, but that of {record.system} is {right}"
            )


def _data(home: RunDirectory, task: Task) -> StoredDataset:
    place = home.data(task.id)
    return open_dataset(place) if place.is_dir() else provide(task.dataset, place)


def _lost(record: Record, *, samples: bool, polynomial: bool) -> str:
    """Name what a run of an older version did not keep and the Record was scored from."""
    if samples and any(name.startswith("ensemble_vpt") for name in record.window_scores):
        return "samples"
    if polynomial and "structure_f1" in record.scores:
        return "polynomial"
    return ""


def _differing(before: Numbers, after: Numbers, relative: float = ROUNDING) -> list[str]:
    return [
        name
        for name in sorted({*before, *after})
        if name not in before or name not in after or not _same(before[name], after[name], relative)
    ]


def _same(a: Any, b: Any, relative: float) -> bool:
    if isinstance(a, tuple) or isinstance(b, tuple):
        return len(a) == len(b) and all(_same(*pair, relative) for pair in zip(a, b, strict=True))
    return math.isclose(a, b, rel_tol=relative, abs_tol=1e-300) or (a != a and b != b)
