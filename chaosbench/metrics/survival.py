"""Kaplan–Meier estimates: what is known about a time when some windows outlived the exam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["HALF", "largest", "median", "restricted_mean", "survival"]

# Weighted products of ratios land a rounding error beside the half that they equal on paper.
HALF = 0.5 + 1e-9


def survival(
    times: FloatArray, censored: NDArray[np.bool_], weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimate the probability of lasting longer than each distinct time.

    A window censored at `t` is known to last beyond every time before `t` and counts as at risk
    at `t` itself.

    Args:
        times: ``(N,)`` observed times, not negative.
        censored: ``(N,)``, True where the time is only a lower bound.
        weights: ``(..., N)``, how often each observation counts; leading axes are independent
            estimates, such as bootstrap replicates.

    Returns:
        Distinct times ``(k,)`` in ascending order; survival beyond each ``(..., k)``; weight at
        risk at each ``(..., k)``.

    References:
        kaplan1958.

    """
    order = np.argsort(times, kind="stable")
    distinct, first = np.unique(times[order], return_index=True)
    weight = weights[..., order]
    at_time = np.add.reduceat(weight, first, axis=-1)
    events = np.add.reduceat(weight * ~censored[order], first, axis=-1)
    at_risk = np.cumsum(at_time[..., ::-1], axis=-1)[..., ::-1]
    hazard = np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    return distinct, np.cumprod(1.0 - np.minimum(hazard, 1.0), axis=-1), at_risk


def median(
    distinct: FloatArray, surviving: FloatArray, at_risk: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the median ``(...)``, and whether it is only a lower bound.

    It is the first time that less than half outlast. Where exactly half outlast a time, it is the
    middle between that time and the next at which survival falls, so that without censoring it is
    the ordinary median, also of an even number of times. Where survival does not fall that far,
    the largest time with anything at risk stands in as a lower bound.
    """
    reached, passed = surviving <= HALF, surviving < 1.0 - HALF
    undefined: NDArray[np.bool_] = np.logical_not(passed.any(axis=-1))
    last = largest(distinct, at_risk)
    first = np.where(reached.any(axis=-1), distinct[np.argmax(reached, axis=-1)], last)
    second = np.where(undefined, last, distinct[np.argmax(passed, axis=-1)])
    with np.errstate(invalid="ignore"):  # scores may be infinite, and equal then
        middle = np.where(first == second, first, (first + second) / 2)
    return middle, undefined


def largest(distinct: FloatArray, at_risk: FloatArray) -> FloatArray:
    """Return the largest time at which anything was still at risk, ``(...)``."""
    last = len(distinct) - 1 - np.argmax(at_risk[..., ::-1] > 0, axis=-1)
    times: FloatArray = distinct[last]
    return times


def restricted_mean(distinct: FloatArray, surviving: FloatArray) -> float:
    """Area under one survival curve ``(k,)`` from 0 to the largest observed time."""
    edges = np.concatenate([[0.0], distinct])
    heights = np.concatenate([[1.0], surviving[:-1]])
    return float(np.sum(np.diff(edges) * heights))
