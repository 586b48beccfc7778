"""Functions that metrics share: checks of shapes and finite truth, errors in σ, histogram bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError, shown
from chaosbench.trajectories import in_order, unmasked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = [
    "CEILING",
    "CONSTANT",
    "ROUNDING",
    "by_variable",
    "capped_ratio",
    "cells",
    "certified",
    "ensemble",
    "everywhere",
    "normalised_error",
    "odd_unit",
    "own_scale",
    "per_variable",
    "positive",
    "real",
    "runs",
    "series",
    "standardised",
    "thinned",
    "whole",
    "windows",
]

# A forecast that is a million σ away is as useless as one at infinity, and a finite ceiling keeps
# means and medians defined.
CEILING = 1e6

# A series whose range is below this fraction of its magnitude holds only rounding, no signal.
CONSTANT = 1e-12

# An error in a constant variable cannot be measured in units of σ = 0. Up to this fraction of the
# magnitudes involved it is rounding and counts as 0; a larger error counts as infinite.
ROUNDING = 1e-9


# Sizes beyond which a square of a number or of its thousandth may leave the range of a double.
ODD_SIZES = (1e-140, 1e140)


def real(values: ArrayLike, *, axes: str, what: str) -> FloatArray:
    """Return `values` as float64 with the axes named in `axes`, such as ``n, H, d``.

    What a masked array hides is NaN. A score must not depend on how an array lies in memory.
    """
    array = unmasked(values)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} must hold real numbers, not {array.dtype}")
    if array.ndim != axes.count(",") + 1 or 0 in array.shape:
        raise InputError(
            f"{what} must have shape ({axes}) without empty axes, not shape {array.shape}"
        )
    return in_order(array.astype(np.float64, copy=False))


def windows(
    truth: ArrayLike, forecast: ArrayLike, *, certified_steps: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return truth and forecast as ``(n, H, d)``; check that certified truth is finite."""
    y = real(truth, axes="n, H, d", what="truth")
    yhat = real(forecast, axes="n, H, d", what="forecast")
    if y.shape != yhat.shape:
        raise InputError(
            f"truth and forecast must have the same shape (n, H, d), not {y.shape} and {yhat.shape}"
        )
    limit = certified(certified_steps, y.shape)
    if not np.isfinite(y).all():
        unknown = ~everywhere(np.isfinite(y), -1)
        if (unknown & (np.arange(y.shape[1]) < limit[:, np.newaxis])).any():
            raise InputError("the truth must be finite wherever it is certified; check the dataset")
    return y, yhat


def series(truth: ArrayLike, forecast: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return truth and forecast as ``(T, d)`` and ``(T', d)``; check that the truth is finite.

    A truth with more variables than samples is refused: most likely it is ``(d, T)``.
    """
    y = real(truth, axes="T, d", what="truth")
    yhat = real(forecast, axes="T, d", what="forecast")
    if y.shape[1] != yhat.shape[1]:
        raise InputError(
            f"truth has {y.shape[1]} variables and forecast {yhat.shape[1]}; "
            "both must have the same variables"
        )
    if y.shape[1] > y.shape[0]:
        raise InputError(
            f"a truth of shape {y.shape} would be {y.shape[0]} samples of {y.shape[1]} variables; "
            "transpose truth and forecast to (T, d), or give more samples than variables"
        )
    if not np.isfinite(y).all():
        raise InputError("the truth must be finite; check the dataset")
    return y, yhat


def runs(truth: ArrayLike, forecast: ArrayLike) -> tuple[FloatArray, FloatArray, bool]:
    """Return truth and forecast as windows ``(n, T, d)``, and whether they were single series."""
    if np.ndim(truth) == 2:
        y, yhat = series(truth, forecast)
        return y[np.newaxis], yhat[np.newaxis], True
    y = real(truth, axes="n, T, d", what="truth")
    yhat = real(forecast, axes="n, T, d", what="forecast")
    if (len(y), y.shape[2]) != (len(yhat), yhat.shape[2]):
        raise InputError(
            "truth and forecast must have the same windows and variables (n, T, d), "
            f"not {y.shape} and {yhat.shape}"
        )
    if not np.isfinite(y).all():
        raise InputError("the truth must be finite; check the dataset")
    return y, yhat, False


def ensemble(
    truth: ArrayLike, samples: ArrayLike, *, certified_steps: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return truth ``(n, H, d)`` and samples ``(m, n, H, d)``; a point forecast has m = 1."""
    x = unmasked(samples)
    if x.ndim == 3:
        x = x[np.newaxis]
    x = real(x, axes="m, n, H, d", what="samples")
    y, _ = windows(truth, x[0], certified_steps=certified_steps)
    return y, x


def certified(steps: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the number of scorable steps of each window, ``(n,)``, at most the horizon."""
    n, horizon = shape[:2]
    if steps is None:
        return np.full(n, horizon, dtype=np.int64)
    array = np.asarray(steps)
    if array.dtype.kind not in "iu" or array.shape not in ((), (n,)) or (array < 0).any():
        raise InputError(
            f"certified_steps must be a whole number, or {n} of them, none negative, not {steps!r}"
        )
    limit: NDArray[np.int64] = np.minimum(np.broadcast_to(array, (n,)), horizon).astype(np.int64)
    return limit


def per_variable(values: ArrayLike, d: int, *, what: str) -> FloatArray:
    """Return one finite number ≥ 0 for each of `d` variables; a scalar is used for all."""
    array = unmasked(values)
    if array.dtype.kind not in "fiu" or array.shape not in ((), (d,)):
        raise InputError(f"{what} must be one number, or one for each of {d} variables ({d},)")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise InputError(f"{what} must be finite and not negative, not {shown(values)}")
    return np.broadcast_to(array, (d,)).astype(np.float64)


def everywhere(mask: NDArray[np.bool_], axis: int | tuple[int, ...]) -> NDArray[np.bool_]:
    """Return ``mask.all(axis)`` as an array."""
    return np.asarray(mask.all(axis=axis), dtype=np.bool_)


def positive(value: float, *, what: str, zero: bool = False) -> float:
    """Return `value` if it is finite and positive, or zero if `zero` allows it."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be a number, not {shown(value)}") from error
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise InputError(f"{what} must be finite and positive, not {shown(value)}")
    return number


def whole(value: int, *, what: str, least: int = 1) -> int:
    """Return `value` if it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{what} must be a whole number of at least {least}, not {shown(value)}")
    return int(value)


def by_variable(windows: FloatArray) -> FloatArray:
    """Return ``(n, H, d)`` as contiguous ``(n, d, H)``, so that sums over time are fast."""
    return np.ascontiguousarray(windows.transpose(0, 2, 1))


def own_scale(rows: FloatArray) -> FloatArray:
    """Return the standard deviation along the last axis, exactly 0 for constant rows."""
    unit = odd_unit(rows, axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        rows = rows / unit
        spread = np.where(np.ptp(rows, axis=-1) > 0, rows.std(axis=-1), 0.0)
        return np.asarray(unit[..., 0] * spread)


def odd_unit(truth: FloatArray, axis: int | None = None) -> FloatArray:
    """Return a power of two in which the squares of these numbers neither overflow nor vanish.

    It is 1, which changes no digit, unless they are further from 1 than any usual unit brings. Its
    axes are those of `truth`, of length 1 where it is the same for all numbers.
    """
    finite = np.isfinite(truth)
    largest = np.abs(truth).max(axis=axis, keepdims=True, initial=0.0, where=finite)
    odd = (largest > 0.0) & ((largest < ODD_SIZES[0]) | (largest > ODD_SIZES[1]))
    power = np.clip(np.round(np.log2(np.where(odd, largest, 1.0))), -1022, 1023)
    return np.asarray(2.0**power, dtype=np.float64)


def capped_ratio(
    error: FloatArray, scale: FloatArray, *, negligible: FloatArray | float = 0.0
) -> FloatArray:
    """Divide an error ≥ 0 by a scale ≥ 0; cap the ratio at 10⁶, which NaN and infinity also get.

    0/0 is 0. If the scale is 0, an error up to `negligible` also gives 0.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        ratio = error / scale
    ratio = np.where((error == 0) | ((scale == 0) & (error <= negligible)), 0.0, ratio)
    return np.minimum(np.where(np.isnan(ratio), CEILING, ratio), CEILING)


def standardised(
    truth: FloatArray, forecast: FloatArray, scale: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Return both series minus the truth's mean, in units of σ (by default that of the truth).

    In a constant variable, a forecast that differs by more than rounding becomes infinite.
    """
    sigma = own_scale(np.ascontiguousarray(truth.T))
    if scale is not None:
        given = per_variable(scale, truth.shape[1], what="scale")
        sigma = np.where(given > 0, given, sigma)
    still = sigma == 0
    centre = np.where(still, truth[0], truth.mean(axis=0))
    unit = np.where(still, 1.0, sigma)
    with np.errstate(over="ignore", invalid="ignore"):
        y, yhat = (truth - centre) / unit, (forecast - centre) / unit
    near = np.abs(yhat[:, still]) <= ROUNDING * np.abs(centre[still])
    yhat[:, still] = np.where(near, 0.0, np.inf)
    return y, yhat


def thinned(points: FloatArray, most: int) -> FloatArray:
    """Keep at most `most` evenly spaced rows, which cover the whole run."""
    if len(points) <= most:
        return points
    rows: FloatArray = points[np.linspace(0, len(points) - 1, most).astype(np.int64)]
    return rows


def cells(values: FloatArray, low: FloatArray, high: FloatArray, bins: int) -> NDArray[np.int64]:
    """Return the bin number of each value along the last axis; -1 if outside or not finite.

    `low` and `high` have the shape of `values` without its last axis. Bins are those of
    `numpy.histogram`: closed at the lower end, the last one also at the upper end.
    """
    from chaosbench.metrics._compiled import cell_numbers

    edges = np.linspace(low, high, bins + 1, axis=-1).reshape(-1, bins + 1)
    rows = np.ascontiguousarray(values).reshape(len(edges), -1)
    numbers = np.empty(rows.shape, dtype=np.int64)
    cell_numbers(rows, edges, numbers)
    return numbers.reshape(values.shape)


def normalised_error(truth: FloatArray, forecast: FloatArray, scale: FloatArray) -> FloatArray:
    """Return the root mean square over variables of the error in σ, ``(n, H)``; NaN is infinity."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error = np.abs(forecast - truth)
        ratio = error / scale
        if (scale == 0).any():
            rounding = ROUNDING * (np.abs(truth) + scale.max(axis=-1, keepdims=True))
            exact = np.where(error <= rounding, 0.0, np.inf)
            ratio = np.where(scale > 0, ratio, exact)
        curve = np.sqrt(np.mean(ratio**2, axis=-1))
    return np.where(np.isnan(curve), np.inf, curve)
