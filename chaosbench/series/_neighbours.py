"""Nearest neighbours in a cloud of states, those close in time left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["nearest"]

FIRST = 8
"""Neighbours asked for at first; four times as many wherever all are too close in time."""


def nearest(
    states: FloatArray,
    rows: NDArray[np.int64],
    *,
    theiler: int,
    count: int = 1,
    last: int | None = None,
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Find the nearest neighbours of some states, more than `theiler` rows away in time.

    Args:
        states: ``(N, m)`` in temporal order.
        rows: states whose neighbours are wanted, ``(R,)``.
        theiler: neighbours at most this many rows away do not count (Theiler's window).
        count: number of neighbours.
        last: only the first so many states may be neighbours.

    Returns:
        Euclidean distances and rows of the neighbours, ``(R, count)``, nearest first; infinity and
        -1 where there are fewer.

    """
    from scipy.spatial import cKDTree

    pool = states[:last]
    tree = cKDTree(pool)
    distances = np.full((len(rows), count), np.inf)
    found = np.full((len(rows), count), -1, dtype=np.int64)
    left, ask = np.arange(len(rows)), min(max(FIRST, 2 * count), len(pool))
    while len(left):
        found_near, found_rows = tree.query(states[rows[left]], k=np.arange(1, ask + 1))
        near, index = np.asarray(found_near), np.asarray(found_rows)
        good = np.abs(index - rows[left][:, np.newaxis]) > theiler
        rank = np.cumsum(good, axis=1)
        done = (rank[:, -1] >= count) | (ask == len(pool))
        for k in range(count):
            here = good & (rank == k + 1)
            has = done & here.any(axis=1)
            place = here.argmax(axis=1)[has]
            distances[left[has], k] = near[has, place]
            found[left[has], k] = index[has, place]
        left = left[~done]
        ask = min(4 * ask, len(pool))
    return distances, found
