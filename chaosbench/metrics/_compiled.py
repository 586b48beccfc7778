"""Loops that would need large temporary arrays in numpy, compiled by numba and cached.

This module is imported inside the functions that need it, so that importing the metrics does not
load numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from chaosbench.jit import jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["cell_numbers", "concordance", "shared_information"]

F = TypeVar("F", bound=Callable[..., Any])


def _jit(function: F) -> F:
    compiled: Any = jit()(function)
    return compiled  # type: ignore[no-any-return]  # numba does not keep the signature


@_jit
def cell_numbers(values: FloatArray, edges: FloatArray, numbers: NDArray[np.int64]) -> None:
    """Write the bin of each of the values ``(rows, T)`` between the edges ``(rows, bins + 1)``."""
    bins = edges.shape[1] - 1
    for row in range(values.shape[0]):
        first, last = edges[row, 0], edges[row, bins]
        rate = bins / (last - first)
        for t in range(values.shape[1]):
            value = values[row, t]
            number = -1
            if first <= value <= last:
                share = (value - first) * rate
                number = 0
                if share >= bins:
                    number = bins - 1
                elif share > 0:
                    number = int(share)
                # The product may round to the other side of an edge; the edges decide.
                if number > 0 and value < edges[row, number]:
                    number -= 1
                elif number < bins - 1 and value >= edges[row, number + 1]:
                    number += 1
            numbers[row, t] = number


@_jit
def concordance(x: NDArray[np.int32], y: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return ``(rows, 3)``: concordant minus discordant pairs, pairs not tied in x, and in y."""
    found = np.zeros((x.shape[0], 3), dtype=np.int64)
    for row in range(x.shape[0]):
        for i in range(x.shape[1]):
            a, b = x[row, i], y[row, i]
            score = untied_x = untied_y = np.int32(0)
            for j in range(i):
                s = np.int32(a > x[row, j]) - np.int32(a < x[row, j])
                t = np.int32(b > y[row, j]) - np.int32(b < y[row, j])
                score += s * t
                untied_x += s * s
                untied_y += t * t
            found[row, 0] += score
            found[row, 1] += untied_x
            found[row, 2] += untied_y
    return found


@_jit
def shared_information(x: FloatArray, y: FloatArray, k: int, psi: FloatArray) -> float:
    """Return the mean over steps of ``ψ(k) - ψ(n_x) - ψ(n_y)`` for one pair of series ``(H,)``."""
    horizon = len(x)
    dx, dy = np.empty(horizon), np.empty(horizon)
    nearest = np.empty(k + 1)
    total = 0.0
    for i in range(horizon):
        nearest[:] = np.inf
        for j in range(horizon):
            dx[j], dy[j] = abs(x[i] - x[j]), abs(y[i] - y[j])
            distance = max(dx[j], dy[j])
            if distance < nearest[k]:
                place = k
                while place > 0 and nearest[place - 1] > distance:
                    nearest[place] = nearest[place - 1]
                    place -= 1
                nearest[place] = distance
        radius = nearest[k]  # nearest[0] is the state itself
        near = near_x = near_y = 0
        if radius > 0:
            near = k
            for j in range(horizon):
                near_x += dx[j] < radius
                near_y += dy[j] < radius
        else:
            for j in range(horizon):
                near_x += dx[j] == 0
                near_y += dy[j] == 0
                near += dx[j] == 0 and dy[j] == 0
        total += psi[near] - psi[near_x] - psi[near_y]
    return total / horizon
