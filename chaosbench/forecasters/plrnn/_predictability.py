"""How long a series can be forecast, estimated from the series itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._shared.arrays import delay_embedding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["doubling_time"]

# Neighbours agree in a short past: one sample alone would confuse different stretches.
_LAGS = (0, 1, 2, 4, 8)
_STATES = 10_000
_PAIRS = 500
_NEIGHBOURS = 64
# Samples closer in time than this belong to the same stretch [theiler1986].
_APART = 50


def doubling_time(z: FloatArray, *, most: int) -> int:
    """Return the number of steps in which the distance of neighbours doubles, from 1 to `most`.

    The distance is the geometric mean over pairs of neighbours. The first step is not counted:
    neighbours are chosen for a small distance, noise included, which they lose at once. `most` is
    also returned where nothing doubles because the data are too few, or have too many variables,
    for neighbours to be near.

    Args:
        z: standardised trajectories ``(n, T, d)``.
        most: longest time of interest, in steps.

    """
    steps = np.arange(most + 2)
    n, length, _ = z.shape
    starts = min(length - max(_LAGS) - most - 1, _STATES // n)
    if n * starts < _PAIRS:
        return most
    from scipy.spatial import cKDTree

    past = delay_embedding(z, _LAGS)[:, :starts].reshape(n * starts, -1)
    chosen = np.linspace(0, n * starts - 1, _PAIRS).astype(int)
    near = np.asarray(cKDTree(past).query(past[chosen], k=_NEIGHBOURS)[1], dtype=np.intp)
    another = near // starts != chosen[:, np.newaxis] // starts
    another |= np.abs(near - chosen[:, np.newaxis]) > _APART
    found = another.any(axis=1)
    if not found.any():
        return most
    first = near[found, another[found].argmax(axis=1)]

    def followed(rows: NDArray[np.intp]) -> FloatArray:
        begin = max(_LAGS) + rows[:, np.newaxis] % starts
        return np.asarray(z[rows[:, np.newaxis] // starts, begin + steps])

    apart = np.linalg.norm(followed(chosen[found]) - followed(first), axis=2)
    growth = np.log(np.maximum(apart, np.finfo(float).tiny)).mean(axis=0)
    doubled = growth[1:] > growth[1] + np.log(2)
    return max(1, int(doubled.argmax())) if doubled.any() else most
