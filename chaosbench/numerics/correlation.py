"""The correlation sum of a cloud of points, after Grassberger and Procaccia [grassberger1983]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CorrelationSlope", "correlation_slope"]

LEAST_PAIRS = 300
DEPTH = 1_000  # the scaling region spans this factor in pairs, down to thirty of them
FEWEST_BELOW = 30
RADII = 40
SAMPLED_PAIRS = 200_000
BLOCKS = 8
SAME = 1e-14

Array = NDArray[np.float64]


class CorrelationSlope(NamedTuple):
    """Slope of the logarithm of the correlation sum over the scaling region.

    Attributes:
        value: the slope, an estimate of the correlation dimension.
        stderr: its standard error, from eight blocks of the series.
        lower, upper: ends of the scaling region.
        pairs: pairs inside it.

    """

    value: float
    stderr: float
    lower: float
    upper: float
    pairs: int


def correlation_slope(
    x: Array, *, share: float, apart: int, generator: np.random.Generator
) -> CorrelationSlope | None:
    """Return the slope of ``ln C(r)`` over ``ln r``; None where states return exactly.

    Args:
        x: points ``(T, d)``, one after the other in time, in comparable units.
        share: of all pairs, how many are closer than the upper end of the scaling region (at
            least 300); a thousandth of these (at least 30) are closer than its lower end.
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
    """Least-squares slope of the log of the number below each radius; 0 of fewer than two."""
    counts = np.searchsorted(distances, radii, side="right")
    if not counts.any():
        return 0.0
    logs = np.log(radii[counts > 0])
    logs -= logs.mean()
    spread = float(np.sum(logs**2))
    return float(np.sum(logs * np.log(counts[counts > 0])) / spread) if spread > 0 else 0.0
