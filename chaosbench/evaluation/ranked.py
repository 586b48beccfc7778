"""The score by which a Record is ranked, window by window and as one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaosbench.errors import InputError, UnknownNameError
from chaosbench.evaluation._record import Record
from chaosbench.metrics import registry as metrics
from chaosbench.metrics import survival
from chaosbench.trajectories import FloatArray

__all__ = [
    "LYAPUNOV_TIMES", "USUAL", "Score", "base", "is_time", "ranked_by", "score_of", "unit_of",
    "windows_of",
]  # fmt: skip


USUAL = "vpt@0.4"
"""Ranks where a record names no other score."""


LYAPUNOV_TIMES = "Lyapunov times"


@dataclass(frozen=True)
class Score:
    """The ranked score of one Record.

    Attributes:
        metric: name of the window score, such as ``vpt@0.4``.
        value: median over the windows, of a valid prediction time that of Kaplan and Meier, as on
            the leaderboard.
        is_lower_bound: at least half of the windows outlived the exam, so that the median is at
            least `value`.

    """

    metric: str
    value: float
    is_lower_bound: bool


def base(score: str) -> str:
    """Return the metric behind a score's name: ``smape`` of ``smape@1``."""
    return score.partition("@")[0]


def is_time(metric: str) -> bool:
    """Say whether a score is a time that the exam's horizon may censor."""
    return metrics[base(metric)].unit == LYAPUNOV_TIMES


def unit_of(record: Record) -> str:
    """Return in what a Record's times are: Lyapunov times, or the time unit of a recording."""
    told = record.provenance.get("unit")
    return told if isinstance(told, str) and told else LYAPUNOV_TIMES


def ranked_by(record: Record) -> str:
    """Return the window score by which the record's task ranks."""
    return str(record.provenance.get("ranked", USUAL))


def windows_of(record: Record, metric: str) -> tuple[FloatArray, NDArray[np.bool_]] | None:
    """Return the windows' scores ``(n,)`` and whether each is censored; None without any.

    Raises:
        InputError: the record holds other marks of censoring than scores.

    """
    values = record.window_scores.get(metric)
    if not values:
        return None
    scores = np.asarray(values, dtype=np.float64)
    if not is_time(metric):
        # any NaN is nothing that a metric returns; infinity may be its worst value
        worst = metrics[base(metric)].worst
        return np.where(np.isnan(scores), worst, scores), np.zeros(len(scores), dtype=np.bool_)
    known = np.isfinite(scores) & (scores > 0)
    key = metric.replace(base(metric), "censored", 1)
    marks = np.asarray(record.window_scores.get(key, np.zeros(len(scores))), dtype=np.float64)
    if marks.shape != scores.shape:
        raise InputError(
            f"the record of {record.forecaster!r} on {record.task} has {len(scores)} windows "
            f"in {metric} and {len(marks)} in {key}; they must agree"
        )
    return np.where(known, scores, 0.0), (marks > 0.5) & known


def score_of(record: Record) -> Score | None:
    """Return the score by which a record is ranked.

    None for a record without a forecast to score, and for one that ranks by a metric that is not
    known here; the leaderboard fills in the former.
    """
    metric = ranked_by(record)
    try:
        found = windows_of(record, metric)
    except UnknownNameError:
        return None
    if found is None:
        return None
    values, censored = found
    if not is_time(metric):
        return Score(metric, float(np.median(values)), is_lower_bound=False)
    curve = survival.survival(values, censored, np.ones(len(values)))
    middle, bounded = survival.median(*curve)
    return Score(metric, float(middle), bool(bounded))
