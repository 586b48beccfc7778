"""How sure an order is: intervals of ranks, groups that cannot be told apart, and resolution.

Everything comes from the same paired bootstrap as the intervals of the scores; see `_resample`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.leaderboard._resample import LEVEL, expanded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["OFFSET", "Order", "above", "holm", "order", "paired"]

RANK_TAIL = 0.045
"""Nominal share left out on each side of an interval of ranks, before `expanded` corrects it.

Calibrated: with it the intervals hold the true place in 95% of cases, from dense boards to sparse
ones (benchmarks/rank_intervals.py).
"""

POWER = 0.8

OFFSET = 0.01
"""Lyapunov times added before logarithms are taken: a median may be 0."""


@dataclass(frozen=True, eq=False)
class Order:
    """What the bootstrap says about an order.

    Attributes:
        low, high: ``(F,)`` ends of the intervals of ranks; they hold the rank itself.
        group: ``(F,)`` tie group. The members of group 1 are those that nobody beats at 5% after
            Holm; without them, those of group 2, and so on.
        beats: ``(F, F)``, whether the first beats the second.
        resolution: smallest ratio of two median times that is told apart with 80% power; NaN where
            no time ranks, or nothing was drawn.

    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    group: NDArray[np.int64]
    beats: NDArray[np.bool_]
    resolution: float


def order(
    scores: Sequence[float],
    medians: FloatArray,
    ranks: Sequence[int],
    *,
    sign: int,
    systems: int,
    timed: bool,
    offset: float = OFFSET,
) -> Order:
    """Judge an order.

    Args:
        scores: ``(F,)``, as measured.
        medians: ``(F, B)`` replicates of them.
        ranks: ``(F,)``, as measured.
        sign: 1 where a higher score is better, -1 where a lower one is.
        systems: number of systems behind the scores.
        timed: the scores are times, which are compared by their ratio.

    """
    low, high = _rank_intervals(sign * medians, np.asarray(ranks), systems)
    measured, drawn = _comparable(np.asarray(scores), medians, timed=timed, offset=offset)
    difference = sign * (measured[:, np.newaxis] - measured[np.newaxis])
    error = _standard_errors(drawn, systems)
    beats = _beats(difference, error, systems)
    ratio = math.nan
    if timed and len(measured) > 1 and systems > 1:
        ratio = _resolution(error, systems)
    return Order(low, high, _groups(beats), beats, ratio)


def above(
    scores: Sequence[float],
    medians: FloatArray,
    ceiling: float,
    ceiling_medians: FloatArray,
    *,
    sign: int,
    systems: int,
    timed: bool,
) -> NDArray[np.bool_]:
    """Say which rows stand above the ceiling by more than chance, at 5% after Holm, ``(F,)``.

    Nobody forecasts better than the equation, so such a row shows a fault of the ceiling.
    """
    together = np.vstack([ceiling_medians, medians])
    measured, drawn = _comparable(np.array([ceiling, *scores]), together, timed=timed)
    difference = sign * (measured[1:] - measured[0])
    error = _standard_errors(drawn, systems)[1:, 0]
    p = _p_values(difference, error, systems) / 2  # one side only: below is where rows belong
    sure = holm(np.where(difference > 0, p, 1.0)) <= LEVEL
    return np.asarray(sure & (difference > 0))


def paired(
    scores: Sequence[float],
    medians: FloatArray,
    *,
    systems: int,
    timed: bool,
    offset: float = OFFSET,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compare all rows with one another by the test behind the tie groups.

    Args:
        scores: ``(F,)``, as measured.
        medians: ``(F, B)`` replicates of them.
        systems: number of systems behind the scores.
        timed: the scores are times, which are compared by their ratio.
        offset: added to times before their logarithms, see `OFFSET`.

    Returns:
        First less second on the scale of the test (of times the logarithm, see `OFFSET`), half the
        width of its 95% interval, and the two-sided p value, each ``(F, F)``.

    """
    from scipy.special import stdtrit

    measured, drawn = _comparable(np.asarray(scores), medians, timed=timed, offset=offset)
    difference = measured[:, np.newaxis] - measured[np.newaxis]
    error = _standard_errors(drawn, systems)
    reach = stdtrit(systems - 1, 1 - LEVEL / 2) * error if systems > 1 else error + np.inf
    return difference, reach, _p_values(difference, error, systems)


def _rank_intervals(
    merits: FloatArray, ranks: NDArray[np.int64], systems: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ends of the intervals of ranks from merits ``(F, B)``, higher is better.

    A place is left out where its mid-distribution function, half of its own probability and all
    of the places beyond, is within the tail: the whole probability would make intervals of whole
    numbers too wide. Equals have the best and the worst of the places that they share.
    """
    count, replicates = merits.shape
    tail = expanded(RANK_TAIL, systems)
    ordered = np.sort(merits, axis=0)
    low, high = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    better, as_good = np.empty_like(merits), np.empty_like(merits)
    for k in range(replicates):
        better[:, k] = count - np.searchsorted(ordered[:, k], merits[:, k], side="right")
        as_good[:, k] = count - np.searchsorted(ordered[:, k], merits[:, k], side="left")
    places = np.arange(count + 1)
    for row in range(count):
        best = np.bincount(1 + better[row].astype(np.int64), minlength=count + 1) / replicates
        worst = np.bincount(as_good[row].astype(np.int64), minlength=count + 1) / replicates
        low[row] = places[np.cumsum(best) - best / 2 > tail].min(initial=ranks[row])
        high[row] = places[np.cumsum(worst) - worst / 2 < 1 - tail].max(initial=ranks[row])
    return low, high


def _comparable(
    scores: FloatArray, medians: FloatArray, *, timed: bool, offset: float = OFFSET
) -> tuple[FloatArray, FloatArray]:
    """Return scores and replicates on a scale where differences mean the same everywhere."""
    if timed:
        return np.log(scores + offset), np.log(medians + offset)
    finite = np.abs(np.concatenate([scores, medians.ravel()]))
    most = 10 * np.max(finite, where=np.isfinite(finite), initial=1.0)
    return np.clip(scores, -most, most), np.clip(medians, -most, most)


def _standard_errors(drawn: FloatArray, systems: int) -> FloatArray:
    """Return the standard errors of all differences ``(F, F)``, with the bootstrap's bias off."""
    spread = np.atleast_2d(np.cov(drawn))
    variances = np.diag(spread)
    squares = variances[:, np.newaxis] + variances[np.newaxis] - 2 * spread
    # what is left of two equal rows is rounding
    squares[squares < 1e-12 * (variances[:, np.newaxis] + variances[np.newaxis])] = 0.0
    factor = systems / (systems - 1) if systems > 1 else 1.0
    return np.asarray(np.sqrt(factor * squares))


def _p_values(difference: FloatArray, error: FloatArray, systems: int) -> FloatArray:
    """Return two-sided p values of differences, with as many degrees as there are systems but one.

    Quantiles of the replicates would not do: after Holm among 53 rows a p value must be below
    4e-5, which takes 30,000 replicates to see once.
    """
    from scipy.special import stdtr

    if systems < 2:
        return np.ones_like(difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(np.where(difference == 0, 0.0, difference / error))
    return np.asarray(2 * stdtr(systems - 1, -t))


def holm(p: FloatArray) -> FloatArray:
    """Return p values ``(m,)`` that hold for all comparisons at once.

    References:
        S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
        Statistics 6 (1979) 65.

    """
    ascending = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[ascending]
    adjusted = np.empty_like(p)
    adjusted[ascending] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _beats(difference: FloatArray, error: FloatArray, systems: int) -> NDArray[np.bool_]:
    first, second = np.triu_indices(len(difference), 1)
    p = holm(_p_values(difference[first, second], error[first, second], systems))
    told = np.zeros(difference.shape, dtype=np.bool_)
    told[first, second] = told[second, first] = p <= LEVEL
    return np.asarray(told & (difference > 0))


def _groups(beats: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Peel off, again and again, the rows that nobody beats who is left."""
    group = np.zeros(len(beats), dtype=np.int64)
    number = 0
    while (left := group == 0).any():
        number += 1
        group[left & ~beats[left].any(axis=0)] = number
    return group


def _resolution(error: FloatArray, systems: int) -> float:
    """Return the ratio that the first, strictest step of Holm tells apart with 80% power."""
    from scipy.special import stdtrit

    first, second = np.triu_indices(len(error), 1)
    typical = float(np.median(error[first, second]))
    needed = stdtrit(systems - 1, 1 - LEVEL / 2 / len(first)) + stdtrit(systems - 1, POWER)
    return float(np.exp(min(needed * typical, 700.0)))
