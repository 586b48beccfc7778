"""Verifying a bundle: the data made anew from their recipes, every score from its forecast."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaosbench.datasets import StoredDataset, generate
from chaosbench.entries._bundle import Bundle, cell_of, open_bundle
from chaosbench.entries._rerun import Rerun, agree, chosen, run_again
from chaosbench.errors import InputError
from chaosbench.evaluation import Record, Rescored, rescore_record
from chaosbench.evaluation.exam import cache_directory
from chaosbench.evaluation.ranked import score_of
from chaosbench.systems import registry as systems
from chaosbench.tasks import Task
from chaosbench.tasks import registry as tasks

__all__ = ["Checked", "Verification", "verify_entry"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Checked:
    """One record of an entry, and what came of its verification.

    Attributes:
        record: as the bundle has it.
        trouble: why it cannot be what it says; empty where it can.
        differing: what differs, score by score, in words.
        note: what differs without being wrong.
        rerun: what came of running it again, where it was; a text where it could not be.

    """

    record: Record
    trouble: str = ""
    differing: tuple[str, ...] = ()
    note: str = ""
    rerun: Rerun | str | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it."""
        again = not isinstance(self.rerun, Rerun) or self.rerun.agrees
        return not self.trouble and not self.differing and again


@dataclass(frozen=True)
class Verification:
    """A bundle, and what came of the verification of each of its records.

    Attributes:
        bundle: the bundle.
        cells: one a record, in their order.
        rerun_seed: seed by which the cells to run again were drawn; None without any.

    """

    bundle: Bundle
    cells: tuple[Checked, ...]
    rerun_seed: int | None = None

    @property
    def holds(self) -> bool:
        """Whether every record is what it says."""
        return all(cell.holds for cell in self.cells)


def verify_entry(
    path: Path | str,
    *,
    rerun: float = 0.0,
    rerun_seed: int | None = None,
    plugins: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Verification:
    """Compute every score of a bundle again, from its forecasts and from data made here.

    Data are made from the recipes of this version's tasks, or taken from the cache if they were
    made before. Scores must agree to one part in 10⁹. Where the data of a kind of system that
    no arithmetic makes the same everywhere differ in their last bits, the score that ranks must
    agree as well as that of a cell that is run again.

    Args:
        path: the bundle.
        rerun: share of the cells to run again.
        rerun_seed: draws these cells; by default nobody can know which ones.
        plugins: Python files that define forecasters, to run cells again with.
        progress: called with (done, total, label).

    Raises:
        CorruptDataError: it is no bundle; nothing was computed.

    """
    bundle = open_bundle(path)
    made: dict[str, StoredDataset] = {}

    def data(task: Task) -> StoredDataset:
        recipe = task.dataset.hash
        if recipe not in made:
            made[recipe] = generate(task.dataset, cache_directory() / recipe)
        return made[recipe]

    again: list[Record] = []
    if rerun > 0:
        rerun_seed = secrets.randbits(32) if rerun_seed is None else rerun_seed
        again = chosen(bundle.records, rerun, rerun_seed)
    total, cells = len(bundle.records) + len(again), []
    for number, record in enumerate(bundle.records, 1):
        cells.append(_checked(bundle, record, data))
        if progress is not None:
            progress(number, total, f"{record.forecaster} on {record.task}")
    for number, record in enumerate(again, len(cells) + 1):
        place = bundle.records.index(record)
        if not cells[place].trouble:
            cells[place] = replace(cells[place], rerun=run_again(record, plugins))
        if progress is not None:
            progress(number, total, f"{record.forecaster} on {record.task}")
    return Verification(bundle, tuple(cells), rerun_seed if rerun > 0 else None)


def _checked(bundle: Bundle, record: Record, data: Callable[[Task], StoredDataset]) -> Checked:
    try:
        task = tasks[record.task].with_seed(record.exam_seed)
        if task.dataset.hash != record.provenance.get("dataset"):
            raise InputError(
                f"its recipe is {record.provenance.get('dataset')!r}, but that of {record.task} "
                f"with exam seed {record.exam_seed} is {task.dataset.hash!r}"
            )
        found = rescore_record(bundle, cell_of(record), record, data, lenient=not _same_here(task))
    except InputError as error:
        return Checked(record, trouble=str(error))
    if found.note:
        return _leniently(record, found)
    return Checked(record, differing=tuple(_difference(found, name) for name in found.differing))


def _same_here(task: Task) -> bool:
    """Say whether any machine makes the same bits of the data: flows and maps, rounded once."""
    return task.dataset.exact and systems[task.system].kind in ("flow", "map")


def _leniently(record: Record, found: Rescored) -> Checked:
    here = replace(record, scores=found.scores, window_scores=found.window_scores)
    before, after = score_of(record), score_of(here)
    if before is None or after is None or agree(before.metric, before.value, after.value):
        return Checked(record, note=found.note)
    words = f"{before.metric}: the record says {before.value:.6g}, its forecast {after.value:.6g}"
    return Checked(record, differing=(words,), note=found.note)


def _difference(found: Rescored, name: str) -> str:
    """Say what a record says and what its forecast gives, of one score."""
    for told, made in (
        (found.record.scores, found.scores),
        (found.record.window_scores, found.window_scores),
    ):
        if name not in told and name not in made:
            continue
        before, after = told.get(name), made.get(name)
        if before is None or after is None:
            return f"{name}: only {'its forecast gives' if before is None else 'the record has'} it"
        if not isinstance(before, tuple) or not isinstance(after, tuple):
            return f"{name}: the record says {before!r}, its forecast {after!r}"
        if len(before) != len(after):
            return f"{name}: the record has {len(before)} windows, its forecast {len(after)}"
        pairs = enumerate(zip(before, after, strict=True))
        wrong = [k for k, (a, b) in pairs if a != b and not (a != a and b != b)]
        first = wrong[0]
        return (
            f"{name}: the record says {before[first]!r} in window {first}, its forecast "
            f"{after[first]!r}; {len(wrong)} of {len(before)} windows differ"
        )
    return name
