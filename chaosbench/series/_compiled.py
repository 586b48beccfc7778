"""Loops over all pairs of states, compiled by numba.

This module is imported inside the functions that need it, so that importing the package does not
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

__all__ = ["count_lines"]

F = TypeVar("F", bound=Callable[..., Any])


def _jit(function: F) -> F:
    compiled: Any = jit()(function)
    return compiled  # type: ignore[no-any-return]  # numba does not keep the signature


@_jit
def count_lines(
    x: FloatArray, square: float, theiler: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the diagonal lines of the upper half and all vertical lines, by their lengths."""
    count, width = x.shape
    diagonal = np.zeros(count + 1, dtype=np.int64)
    vertical = np.zeros(count + 1, dtype=np.int64)
    for lag in range(theiler, count):
        run = 0
        for i in range(count - lag):
            distance = 0.0
            for k in range(width):
                distance += (x[i, k] - x[i + lag, k]) ** 2
            if distance <= square:
                run += 1
            elif run > 0:
                diagonal[run] += 1
                run = 0
        if run > 0:
            diagonal[run] += 1
    for j in range(count):
        run = 0
        for i in range(count):
            distance = 0.0
            if abs(i - j) < theiler:
                distance = np.inf
            else:
                for k in range(width):
                    distance += (x[i, k] - x[j, k]) ** 2
            if distance <= square:
                run += 1
            elif run > 0:
                vertical[run] += 1
                run = 0
        if run > 0:
            vertical[run] += 1
    return diagonal, vertical
