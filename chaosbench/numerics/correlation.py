"""The correlation sum of a cloud of points, after Grassberger and Procaccia [grassberger1983]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CorrelationSlope", "correlation_slope"]

LEAST_PAIRS = 300
"""Smallest number of pairs below the upper end of the scaling region."""

DEPTH = 1_000
"""Ratio of the numbers of pairs at the two ends of the scaling region."""

FEWEST_BELOW = 30
"""Smallest number of pairs below the lower end of the scaling region."""

RADII = 40
SAMPLED_PAIRS = 200_000
BLOCKS = 8

SAME = 1e-14
"""Distance up to which two states count as equal."""

Array = NDArray[np.float64]


class CorrelationSlope(NamedTuple):
    """Slope of the logarithm of the correlation sum over the scaling region.

    Attributes:
        value: the slope, an estimate of the correlation dimension.
        stderr: its standard error, from eight blocks of the series.
        lower, upper: ends of the scaling region.
        pairs: number of pairs closer than `upper`.

    """

    value: float
    stderr: float
    lower: float
    upper: float
    pairs: int


def correlation_slope(
    x: Array, *, share: float, apart: int, generator: np.random.Generator
) -> CorrelationSlope | None:
    """Return the slope of ``ln C(r)`` over ``ln r``; None if states return exactly.

    Args:
        x: points ``(T, d)`` in temporal order, in comparable units.
        share: fraction of all pairs that are closer than the upper end of the scaling region (at
            least 300 pairs); a thousandth of these (at least 30) are closer than its lower end.
        apart: pairs at most this many rows apart are left out (Theiler's window).
        generator: draws the pairs that estimate the upper end.

    """
    from scipy.spatial import cKDTree

    possible = (len(x) - apart) * (len(x) - apart - 1) / 2
    i, j = generator.integers(0, len(x), size=(2, SAMPLED_PAIRS))
    far = np.abs(i - j) > apart
    distances = np.linalg.norm(x[i[far]] - x[j[far]], axis=1)
    radius = float(np.quantile(distances, min(1.0, max(share, LEAST_PAIRS / possible))))
    if radius == 0:
        return None
    pairs = cKDTree(x).query_pairs(radius, output_type="ndarray")
    pairs = pairs[pairs[:, 1] - pairs[:, 0] > apart]
    near = np.linalg.norm(x[pairs[:, 0]] - x[pairs[:, 1]], axis=1)
    order = np.argsort(near)
    pairs, near = pairs[order], near[order]
    if len(near) <= FEWEST_BELOW:
        return None
    lower = float(near[max(FEWEST_BELOW, len(near) // DEPTH)])
    if lower <= SAME:  # the states return exactly
        return None
    radii = np.geomspace(lower, radius, RADII)
    value = _slope(near, radii)
    block = pairs * BLOCKS // len(x)
    estimates = [_slope(near[(block == b).any(axis=1)], radii) for b in range(BLOCKS)]
    error = float(np.std(estimates, ddof=1) / np.sqrt(BLOCKS))
    return CorrelationSlope(value, error, lower, radius, len(near))


def _slope(distances: Array, radii: Array) -> float:
    """Return the least-squares slope of the log count below each radius; 0 if it is undefined."""
    counts = np.searchsorted(distances, radii, side="right")
    if not counts.any():
        return 0.0
    logs = np.log(radii[counts > 0])
    logs -= logs.mean()
    spread = float(np.sum(logs**2))
    return float(np.sum(logs * np.log(counts[counts > 0])) / spread) if spread > 0 else 0.0
