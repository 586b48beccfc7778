"""Running some cells of an entry again, where its forecaster is installed here.

The bundle decides nothing but names and settings: what runs is what is installed, or the files
that the one who verifies gives, in a process of its own as in any run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chaosbench.errors import InputError, UnknownNameError
from chaosbench.evaluation import Budget, Cell, Record, run, spec_of
from chaosbench.evaluation.ranked import is_time, score_of
from chaosbench.tasks import registry as tasks

__all__ = ["TIME_APART", "Rerun", "agree", "chosen", "run_again"]

TIME_APART = 0.5
"""Lyapunov times by which two medians of a valid prediction time may differ."""

TIME_RELATIVE = 0.1
"""The same, relative to the larger one; whichever allows more counts."""

OTHER_RELATIVE = 0.5
"""Any other score may differ by a factor of two: D_stsp was .13 on one processor and .08 on
another, with the same seed."""

OTHER_APART = 0.01

OF_THE_MACHINE = ("timeout", "out_of_memory")
"""Failures that a slower or smaller machine has and another one has not."""

SECONDS_AT_MOST, MEMORY_AT_MOST = 3600.0, 65536.0


@dataclass(frozen=True)
class Rerun:
    """What came of running one cell again.

    Attributes:
        told, found: the score that ranks, as the record says and as it came out; None where there
            is none.
        same: the forecast is the same to the last bit, or to single precision where the bundle
            has no more.
        agrees: the two agree within the tolerance.
        note: what else there is to say: other code, a machine that is slower.

    """

    told: float | None
    found: float | None
    same: bool
    agrees: bool
    note: str = ""


def chosen(records: Sequence[Record], share: float, seed: int) -> list[Record]:
    """Draw a share of the records, at least one."""
    count = min(len(records), max(1, round(share * len(records))))
    drawn = np.random.default_rng(seed).permutation(len(records))[:count]
    return [records[k] for k in sorted(drawn)]


def run_again(record: Record, plugins: Sequence[Path]) -> Rerun | str:
    """Run the cell of a record; return why it could not be in words.

    Raises:
        InputError: the system offers too little isolation, or the data cannot be made.

    """
    label, _, tuned = record.forecaster.partition(" (tuned ")
    name = label.partition(":")[0]
    told = record.provenance.get("tuned")
    config = told.get("from") if tuned and isinstance(told, dict) else record.config
    try:
        spec = spec_of(name, plugins=plugins, config=config if isinstance(config, dict) else {})
    except UnknownNameError:
        return f"{name} is not installed here"
    except InputError as error:
        return f"{name} cannot be built here: {error}"
    if spec.label != label:
        return f"the settings make it {spec.label!r} here"
    cell = Cell(
        tasks[record.task].with_seed(record.exam_seed), spec, record.seed,
        tune=int(tuned.rstrip(")")) if tuned else 0,
    )  # fmt: skip
    (made,) = run([cell], budget=_budget(record))
    notes = []
    code = record.provenance.get("code")
    if spec.code.hash != (code.get("hash", "") if isinstance(code, dict) else ""):
        notes.append("other code of it is installed here")
    if made.status != record.status:
        excused = made.status in OF_THE_MACHINE or record.status in OF_THE_MACHINE
        notes.append(f"it ended as {made.status} here and as {record.status} there")
        return Rerun(None, None, same=False, agrees=excused, note="; ".join(notes))
    before, after = score_of(record), score_of(made)
    same = made.forecast in (record.forecast, record.provenance.get("rounded"))
    if before is None or after is None:
        return Rerun(None, None, same=same, agrees=True, note="; ".join(notes))
    return Rerun(
        before.value, after.value, same=same,
        agrees=agree(before.metric, before.value, after.value), note="; ".join(notes),
    )  # fmt: skip


def agree(metric: str, told: float, found: float) -> bool:
    """Say whether two medians of a score agree as well as two machines do."""
    if not (np.isfinite(told) and np.isfinite(found)):
        return bool(told == found or (np.isnan(told) and np.isnan(found)))
    larger, apart = max(abs(told), abs(found)), abs(told - found)
    if is_time(metric):
        return bool(apart <= max(TIME_APART, TIME_RELATIVE * larger))
    return bool(apart <= max(OTHER_APART, OTHER_RELATIVE * larger))


def _budget(record: Record) -> Budget:
    told = record.provenance.get("budget")
    usual = Budget()
    if not isinstance(told, dict):
        return usual

    def number(key: str, usual: float, least: float, at_most: float) -> float:
        value = told.get(key)
        if not isinstance(value, int | float) or not np.isfinite(value):
            return usual
        return min(max(float(value), least), at_most)

    return Budget(
        number("seconds", usual.seconds, 1.0, SECONDS_AT_MOST),
        number("memory_mib", usual.memory_mib, 64.0, MEMORY_AT_MOST),
    )
