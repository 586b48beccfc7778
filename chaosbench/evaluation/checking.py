"""What must hold of a Record before it may be ranked or scored again, whoever wrote it.

A Record is a stranger's word: these are the checks that need nothing but the Record itself.
`rescore` also compares it with what its run keeps.
"""

from __future__ import annotations

import math
import re
from typing import TypeGuard

import numpy as np

from chaosbench.errors import InputError
from chaosbench.evaluation._record import Record
from chaosbench.evaluation.exam import LABEL
from chaosbench.evaluation.ranked import LYAPUNOV_TIMES, base, is_time, unit_of
from chaosbench.forecasters import EXPOSURES
from chaosbench.isolation.outcome import INTEGER_AT_MOST, STATUSES
from chaosbench.metrics import registry as metrics
from chaosbench.tasks import registry as tasks

__all__ = ["check_record", "faults_of"]

COSTS = ("fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib")

COST_AT_MOST = 1e9
"""Seconds or MiB; no cell takes thirty years or a pebibyte."""

TIME_AT_MOST = 1e6
"""Lyapunov times; where a Record states its horizon, that is the limit."""

SLACK = 1 + 1e-9
"""A score may lie outside of its range by rounding."""

WINDOWS_AT_MOST = 100_000
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}/.{1,300}")
"""Pages and their files are named after the track, the part before the slash."""

_TUNED = re.compile(r".* \(tuned (\d+)\)")


def check_record(record: Record) -> None:
    """Refuse a Record that no run can have made.

    Raises:
        InputError: naming the Record and what is wrong with it.

    """
    found = faults_of(record)
    if found:
        raise InputError(
            f"the record of {record.forecaster!r} on {record.task} with seed {record.seed} "
            f"{found[0]}; no run writes this, so leave the record out or run it again"
        )


def faults_of(record: Record) -> list[str]:
    """Return what is wrong with a Record, each a predicate without a subject."""
    return [
        *_identity(record), *_costs(record), *_scores(record), *_windows(record), *_made(record),
    ]  # fmt: skip


def _identity(record: Record) -> list[str]:
    found = []
    if not isinstance(record.forecaster, str) or not record.forecaster.strip():
        found.append("has no label")
    if not _TASK.fullmatch(record.task):
        found.append("names no task of the form TRACK/SYSTEM")
    if record.status not in STATUSES:
        found.append(f"has the unknown status {record.status!r}")
    for name in ("seed", "exam_seed"):
        value = getattr(record, name)
        if not isinstance(value, int) or isinstance(value, bool):
            found.append(f"has the {name} {value!r}, which is no whole number")
        elif not 0 <= value <= INTEGER_AT_MOST:
            found.append(f"has the {name} {value}, which is not in 0 to {INTEGER_AT_MOST}")
    if not isinstance(record.privileged, bool):
        found.append(f"says neither yes nor no to privileged, but {record.privileged!r}")
    if record.forecaster == LABEL and record.privileged is not True:
        found.append("is of the ceiling and claims that it was not given the equation")
    if record.task in tasks and tasks[record.task].system != record.system:
        found.append(
            f"says that the system is {record.system!r}, but that of the task is "
            f"{tasks[record.task].system!r}"
        )
    return found


def _costs(record: Record) -> list[str]:
    found = []
    for name in COSTS:
        cost = getattr(record, name)
        if not _is_number(cost):
            found.append(f"has the {name} {cost!r}, which is no number")
        elif not (math.isnan(cost) or 0 <= cost <= COST_AT_MOST):
            found.append(f"has the {name} {cost!r}, which is not in 0 to {COST_AT_MOST:g}")
        elif math.isnan(cost) and record.forecast and not _may_lack_costs(record):
            found.append(f"has an answer and does not say its {name}")
    return found


def _may_lack_costs(record: Record) -> bool:
    """An answer to a season may come from any program, on any machine."""
    return record.privileged or bool(record.provenance.get("season"))


def _scores(record: Record) -> list[str]:
    found = []
    for name, value in record.scores.items():
        if not _is_number(value):
            found.append(f"has the score {name} {value!r}, which is no number")
        elif not _within(name, value):
            found.append(f"has the score {name} {value!r}, which is out of its range")
    if record.status not in ("ok", "diverged") and (record.scores or record.window_scores):
        found.append(f"has scores although its status is {record.status!r}")
    if record.status == "ok" and record.forecast and not record.window_scores:
        found.append("is ok, has an answer and no scores")
    return found


def _windows(record: Record) -> list[str]:
    found = []
    unit = unit_of(record)
    natural = unit == LYAPUNOV_TIMES  # a unit of a recording's own may be as small as it likes
    most = TIME_AT_MOST if natural else math.inf
    told = record.provenance.get("horizon_lyapunov" if natural else "horizon")
    horizon = float(told) if _is_number(told) and 0 < told < most else most
    for name, values in record.window_scores.items():
        if not len(values) <= WINDOWS_AT_MOST or not all(map(_is_number, values)):
            found.append(f"has no numbers, or too many, in the windows of {name}")
            continue
        if base(name) == "censored":
            if not set(values) <= {0.0, 1.0}:
                found.append(f"has marks in {name} that are neither 0 nor 1")
            continue
        timed = base(name) in metrics and is_time(name)
        limit = horizon * SLACK if timed else math.inf
        # a negative time counts as none, see `windows_of`
        wrong = [v for v in values if v > limit or not (timed or _within(name, v))]
        if wrong:
            words = f"in 0 to {horizon:g} {unit}" if timed else "in its range"
            found.append(f"has a window with {name} {float(wrong[0])!r}, which is not {words}")
    return found


def _made(record: Record) -> list[str]:
    """Check the parts that say how it was made, where they are there."""
    found = []
    tuned = _TUNED.fullmatch(record.forecaster)
    told = record.provenance.get("tuned")
    asked = told.get("asked") if isinstance(told, dict) else None
    if record.question and (int(tuned[1]) if tuned else None) != asked:
        found.append("has a label that does not say among how many settings it was tuned")
    if record.exposure not in ("", *EXPOSURES):
        found.append(f"has the exposure {record.exposure!r}; there are {', '.join(EXPOSURES)}")
    hashes = {"question": record.question, "forecast": record.forecast}
    return found + [
        f"has a hash of its {name} that is none"
        for name, text in hashes.items()
        if not re.fullmatch(r"|[0-9a-f]{64}", text)
    ]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _within(name: str, value: float) -> bool:
    """Say whether a score lies in the range of its metric; NaN and unknown metrics pass."""
    if math.isnan(value) or base(name) not in metrics:
        return True
    low, high = metrics[base(name)].range
    room = 1e-9 * max(1.0, *(abs(x) for x in (low, high) if math.isfinite(x)))
    return low - room <= value <= high + room
