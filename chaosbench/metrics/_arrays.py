"""Checks that every metric shares: shapes, finite truth, and what an error in σ means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["certified", "normalised_error", "per_variable", "positive", "real", "windows"]

# An error in a variable that never varies cannot be measured in σ = 0. Up to this fraction of the
# magnitudes at hand it is rounding and counts as none; beyond it, it is infinitely many σ.
ROUNDING = 1e-9


def real(values: ArrayLike, *, axes: str, what: str) -> FloatArray:
    """Return `values` as float64 with the axes named in `axes`, such as ``n, H, d``."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} must hold real numbers, not {array.dtype}")
    if array.ndim != axes.count(",") + 1 or 0 in array.shape:
        raise InputError(
            f"{what} must have shape ({axes}) without empty axes, not shape {array.shape}"
        )
    return array.astype(np.float64, copy=False)


def windows(
    truth: ArrayLike, forecast: ArrayLike, *, certified_steps: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return truth and forecast as ``(n, H, d)``, truth finite wherever it is certified."""
    y = real(truth, axes="n, H, d", what="truth")
    yhat = real(forecast, axes="n, H, d", what="forecast")
    if y.shape != yhat.shape:
        raise InputError(
            f"truth and forecast must have the same shape (n, H, d), not {y.shape} and {yhat.shape}"
        )
    known = np.isfinite(y).all(axis=-1)
    if certified_steps is not None:
        known |= np.arange(y.shape[1]) >= certified(certified_steps, y.shape)[:, np.newaxis]
    if not known.all():
        raise InputError("the truth must be finite wherever it is certified; mend the dataset")
    return y, yhat


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
    """Return one finite number ≥ 0 for each of `d` variables; a scalar serves them all."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.shape not in ((), (d,)):
        raise InputError(f"{what} must be one number, or one for each of {d} variables ({d},)")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise InputError(f"{what} must be finite and not negative, not {values!r}")
    return np.broadcast_to(array, (d,)).astype(np.float64)


def positive(value: float, *, what: str, zero: bool = False) -> float:
    """Return `value` if it is finite and positive, or zero where `zero` allows it."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be a number, not {value!r}") from error
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise InputError(f"{what} must be finite and positive, not {value!r}")
    return number


def normalised_error(truth: FloatArray, forecast: FloatArray, scale: FloatArray) -> FloatArray:
    """Root mean square over variables of the error in σ, ``(n, H)``; infinite where not finite."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error = np.abs(forecast - truth)
        ratio = error / scale
        if (scale == 0).any():
            rounding = ROUNDING * (np.abs(truth) + scale.max())
            exact = np.where(error <= rounding, 0.0, np.inf)
            ratio = np.where(scale > 0, ratio, exact)
        curve = np.sqrt(np.mean(ratio**2, axis=-1))
    return np.where(np.isnan(curve), np.inf, curve)
