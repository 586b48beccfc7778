"""Checks of series that all functions of this package share, and their autocorrelation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError, check_integer, shown
from chaosbench.trajectories import real_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = [
    "autocorrelation", "constant", "counted", "memory", "scalar", "standardised", "states", "step",
]  # fmt: skip

CONSTANT = 1e-12
"""A series whose range is below this fraction of its magnitude holds only rounding."""

LARGEST = 1e100
"""Largest sampling step, and the inverse of the smallest, so that no time overflows."""


def scalar(series: ArrayLike, *, least: int, what: str = "a series") -> FloatArray:
    """Return a scalar series ``(T,)``; ``(T, 1)`` is taken as one.

    Raises:
        InputError: it has another shape, gaps, infinities or fewer than `least` samples.

    """
    array = real_array(series, what=what)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"{what} must have the shape (T,), not {array.shape}; choose one variable")
    return _finite(array, least, what)


def states(series: ArrayLike, *, least: int, what: str = "a series") -> FloatArray:
    """Return states ``(T, d)``; a scalar series ``(T,)`` has one variable.

    Raises:
        InputError: it has another shape, gaps, infinities or fewer than `least` samples.

    """
    array = real_array(series, what=what)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(f"{what} must have the shape (T,) or (T, d), not {array.shape}")
    return _finite(array, least, what)


def _finite(array: FloatArray, least: int, what: str) -> FloatArray:
    if len(array) < least:
        raise InputError(f"{what} needs at least {least} samples, not {len(array)}")
    if not np.isfinite(array).all():
        raise InputError(
            f"{what} must be finite; {int((~np.isfinite(array)).sum())} values are missing or "
            "infinite, so fill the gaps or cut them out"
        )
    return array


def counted(name: str, value: object, least: int) -> int:
    """Return an integer of at least `least`; NumPy's integers count."""
    number = int(value) if isinstance(value, np.integer) else value
    check_integer(name, number, least)
    assert isinstance(number, int)
    return number


def step(dt: object) -> float:
    """Return a sampling step.

    Raises:
        InputError: it is not positive, or out of all reason.

    """
    if isinstance(dt, (int, float, np.integer, np.floating)) and 1 / LARGEST <= dt <= LARGEST:
        return float(dt)
    raise InputError(
        f"the sampling step dt must be positive and at most {LARGEST:g}, not {shown(dt)}"
    )


def constant(array: FloatArray) -> bool:
    """Return whether a series ``(T,)`` holds nothing but rounding."""
    return bool(np.ptp(array) <= CONSTANT * np.abs(array).max())


def standardised(array: FloatArray) -> FloatArray:
    """Return a series of mean 0 and standard deviation 1 along its first axis."""
    size = np.maximum(np.abs(array).max(axis=0), 1e-300)
    unit = array / size  # squares must not leave the range of a double
    spread = unit.std(axis=0)
    return np.asarray((unit - unit.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def autocorrelation(series: FloatArray) -> FloatArray:
    """Return the autocorrelation of a series ``(T,)`` at the lags 0 to T - 1 (biased estimate)."""
    x = standardised(series)
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    found = np.fft.irfft(power)[: len(x)]
    return np.asarray(found / found[0] if found[0] > 0 else found)


def memory(series: FloatArray) -> int:
    """Return the first lag at which the autocorrelation is below 1/e; T if there is none."""
    below = autocorrelation(series) < 1 / math.e
    return int(np.argmax(below)) if below.any() else len(series)
