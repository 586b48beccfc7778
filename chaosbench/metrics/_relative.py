"""Relative errors of a window: relative to the truth, its range, its mean or its variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics._arrays import (
    CEILING,
    ROUNDING,
    by_variable,
    capped_ratio,
    normalised_error,
    odd_unit,
    own_scale,
    per_variable,
    windows,
)
from chaosbench.metrics._metadata import metric
from chaosbench.metrics._pointwise import smape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = [
    "coefficient_of_variation",
    "mape",
    "marre",
    "r2",
    "rmsle",
    "wape",
    "window_nrmse",
    "window_smape",
]


@metric(
    unit="%",
    direction="lower",
    worst=200.0,
    limits=(0.0, 200.0),
    digits=1,
    label="sMAPE (window)",
    source="gilpin2021",
)
def window_smape(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Symmetric mean absolute percentage error over the whole window: the mean of `smape`.

    dysts prints half of this value unless ``scaled=False``, and adds 1e-10 to each denominator.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; an entry that is NaN or infinite contributes the largest possible
            ratio, 1.

    Returns:
        ``(n,)`` from 0 to 200 (worst); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2021.

    """
    average: FloatArray = smape(truth, forecast).mean(axis=1)
    return average


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="NRMSE (window)",
    source="gilpin2023",
)
def window_nrmse(
    truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike | None = None
) -> FloatArray:
    """Root mean square error over steps and variables in units of σ.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.
        scale: σ of each variable, ``(d,)``; by default that of the truth in each window, as in
            dysts (which adds 1e-10 to σ²). In a variable with σ = 0, an error within rounding
            counts as 0 and a larger error as infinite.

    Returns:
        ``(n,)`` from 0 to 10⁶ (worst: any NaN or infinity); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        gilpin2023.

    """
    y, yhat = windows(truth, forecast)
    if scale is None:
        sigma = own_scale(by_variable(y))[:, np.newaxis]
    else:
        sigma = per_variable(scale, y.shape[2], what="scale")
    with np.errstate(over="ignore"):
        value = np.sqrt(np.mean(normalised_error(y, yhat, sigma) ** 2, axis=1))
    capped: FloatArray = np.minimum(value, CEILING)
    return capped


def _capped_mean(ratio: FloatArray, axis: int | tuple[int, ...]) -> FloatArray:
    capped: FloatArray = np.minimum(ratio.mean(axis=axis), CEILING)  # the mean may round up
    return capped


@metric(
    unit="%",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=1,
    label="MARRE",
    source="gilpin2023",
)
def marre(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Mean absolute ranged relative error: ``100 · mean_H|y - ŷ| / (max y - min y)``.

    Each variable has its own range over the window; then variables are averaged. (dysts divides
    all variables by one range over all of them, so that the largest variable hides the others.)

    Args:
        truth: ``(n, H, d)``, finite. In a constant variable, an error within rounding counts as 0
            and a larger error as infinite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` per cent from 0 to 10⁶; lower is better. A variable with NaN or infinity counts
        10⁶, the worst value.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023; one variable: equal to darts' ``marre``.

    """
    y, yhat = (by_variable(a) for a in windows(truth, forecast))
    with np.errstate(over="ignore", invalid="ignore"):
        error = 100 * np.abs(y - yhat).mean(axis=2)
        spread = np.ptp(y, axis=2)
        negligible = 100 * ROUNDING * np.abs(y).max(axis=2)
    return _capped_mean(capped_ratio(error, spread, negligible=negligible), 1)


@metric(
    unit="%",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=1,
    label="MAPE",
    source="gilpin2023",
)
def mape(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Mean absolute percentage error: ``100 · mean(|y - ŷ| / |y|)`` over steps and variables.

    0/0 is 0, and each entry is capped at 10⁶ %, so that a single zero of the truth does not
    determine the score. It remains a poor score for series that cross zero. (dysts adds 1e-10 to
    the signed denominator.)

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; an entry that is NaN or infinite counts 10⁶.

    Returns:
        ``(n,)`` per cent from 0 to 10⁶ (worst); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    y, yhat = windows(truth, forecast)
    with np.errstate(over="ignore", invalid="ignore"):
        error = 100 * np.abs(y - yhat)
    return _capped_mean(capped_ratio(error, np.abs(y)), (1, 2))


@metric(
    unit="%",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=1,
    label="WAPE",
    source="gilpin2023",
)
def wape(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Weighted absolute percentage error: ``100 · Σ|y - ŷ| / Σ|y|`` over steps and variables.

    Args:
        truth: ``(n, H, d)``, finite. If it is zero throughout, a forecast of zeros scores 0 and
            every other forecast 10⁶.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` per cent from 0 to 10⁶ (worst: any NaN or infinity); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    y, yhat = windows(truth, forecast)
    with np.errstate(over="ignore", invalid="ignore"):
        # Means instead of sums, because a sum of huge numbers overflows earlier.
        error = 100 * np.abs(y - yhat).mean(axis=(1, 2))
        return capped_ratio(error, np.abs(y).mean(axis=(1, 2)))


@metric(
    unit="%",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=1,
    label="CV",
    source="gilpin2023",
    aliases=("cv",),
)
def coefficient_of_variation(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Coefficient of variation of the RMSE: ``100 · RMSE / |mean y|``, averaged over variables.

    It means little for variables whose mean is near zero. (dysts divides the standard deviation of
    the error, which ignores any constant bias, by the signed mean over all variables. If that mean
    is negative, the largest error therefore scores best.)

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` per cent from 0 to 10⁶; lower is better. A variable with NaN or infinity counts
        10⁶, the worst value.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    y, yhat = _in_usual_units(*windows(truth, forecast))
    with np.errstate(over="ignore", invalid="ignore"):
        error = 100 * np.sqrt(np.mean((y - yhat) ** 2, axis=2))
        return _capped_mean(capped_ratio(error, np.abs(y.mean(axis=2))), 1)


@metric(
    unit="log data units",
    direction="lower",
    worst=np.inf,
    limits=(0.0, np.inf),
    digits=4,
    label="RMSLE",
    source="gilpin2023",
)
def rmsle(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Root mean squared logarithmic error, with values measured from the truth's minimum.

    With ``u = y - min y`` of each variable in its window and ``v = ŷ - min y``, it is the root
    mean square of ``log(1 + u) - sign(v)·log(1 + |v|)`` over steps and variables. It is also
    defined if the forecast falls below the minimum. (dysts shifts truth and forecast by their own
    minima, so that a forecast with any constant error scores 0.)

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` from 0 to infinity (worst: any NaN or infinity); lower is better. It depends on
        the units of the data.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    y, yhat = windows(truth, forecast)
    low = y.min(axis=1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):
        above = yhat - low
        error = np.log1p(y - low) - np.sign(above) * np.log1p(np.abs(above))
        value = np.sqrt(np.mean(error**2, axis=(1, 2)))
    return np.where(np.isnan(value), np.inf, value)


@metric(
    unit="",
    direction="higher",
    worst=-CEILING,
    limits=(-CEILING, 1.0),
    digits=3,
    label="R²",
    source="gilpin2023",
)
def r2(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Coefficient of determination: ``1 - Σ(y - ŷ)² / Σ(y - mean y)²``, averaged over variables.

    A forecast of the window's own mean scores 0. (dysts subtracts one mean over all variables, so
    that variables that merely differ in level seem to be explained. scikit-learn agrees with this
    function, except that it gives 0 for any error in a constant variable.)

    Args:
        truth: ``(n, H, d)``, finite. In a constant variable, an error within rounding counts as 0
            and a larger error as infinite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` from -10⁶ to 1 (perfect); higher is better. A variable with NaN or infinity
        counts -10⁶, the worst value.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    y, yhat = _in_usual_units(*windows(truth, forecast))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error = np.mean((y - yhat) ** 2, axis=2)
        variance = own_scale(y) ** 2
        negligible = (ROUNDING * np.abs(y).max(axis=2)) ** 2
        # capped at one above the ceiling, so that 1 - ratio is -10⁶ exactly
        ratio = np.where(
            (error == 0) | ((variance == 0) & (error <= negligible)), 0.0, error / variance
        )
        ratio = np.where(np.isnan(ratio), np.inf, ratio)
    explained: FloatArray = np.mean(1.0 - np.minimum(ratio, CEILING + 1.0), axis=1)
    return np.maximum(explained, -CEILING)


def _in_usual_units(y: FloatArray, yhat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return truth and forecast by variable, in units in which squares do not overflow."""
    unit = odd_unit(y)
    with np.errstate(over="ignore", invalid="ignore"):
        return by_variable(y / unit), by_variable(yhat / unit)
