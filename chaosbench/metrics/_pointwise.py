"""Errors of a forecast relative to the truth, step by step or averaged over a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import (
    CEILING,
    by_variable,
    normalised_error,
    odd_unit,
    per_variable,
    real,
    windows,
)
from chaosbench.metrics._metadata import metric
from chaosbench.trajectories import real_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["mae", "mase", "mse", "nrmse", "prefix_mean", "rmse", "smape"]


@metric(
    unit="%",
    direction="lower",
    worst=200.0,
    limits=(0.0, 200.0),
    digits=1,
    label="sMAPE",
    source="gilpin2021",
)
def smape(truth: ArrayLike, forecast: ArrayLike, *, prefix: bool = False) -> FloatArray:
    """Symmetric mean absolute percentage error, by window and step.

    ``200 · mean_d(|y - ŷ| / (|y| + |ŷ|))`` with 0/0 = 0; a variable that is NaN or infinite
    contributes the largest possible ratio, 1. By default the value is *instantaneous*; with
    `prefix` each value is the mean over all steps up to that step. State which of the two you
    report. (dysts prints half of this value, on a scale to 100.)

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.
        prefix: average over all steps up to each step.

    Returns:
        ``(n, H)`` from 0 to 200 (worst); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2021, zhang2024.

    """
    y, yhat = windows(truth, forecast)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # Halving is exact, and it keeps the sum of two huge numbers finite.
        share = np.abs(y / 2 - yhat / 2) / (np.abs(y / 2) + np.abs(yhat / 2))
    share = np.where(y == yhat, 0.0, np.where(np.isnan(share), 1.0, share))
    curve = 200.0 * np.minimum(share, 1.0).mean(axis=-1)
    return prefix_mean(curve) if prefix else curve


def prefix_mean(curve: ArrayLike) -> FloatArray:
    """Average `curve` ``(..., H)`` over all steps up to and including each step, ``(..., H)``."""
    values = real_array(curve, what="a curve")
    if values.ndim == 0 or 0 in values.shape:
        raise InputError(f"a curve must have shape (..., H) with H > 0, not {values.shape}")
    return np.cumsum(values, axis=-1) / np.arange(1, values.shape[-1] + 1)


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="NRMSE",
    source="vlachas2020",
)
def nrmse(truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike) -> FloatArray:
    """Root mean square error over the variables in units of σ, by window and step.

    ``sqrt(mean_d((y - ŷ)² / σ²))``. The valid prediction time is the time at which this curve
    crosses its threshold. The value is capped at 10⁶, and NaN and infinity also give 10⁶, so that
    every aggregate exists.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``. In a variable with σ = 0, an
            error within rounding counts as 0 and a larger error as infinite.

    Returns:
        ``(n, H)`` from 0 to 10⁶ (worst); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        vlachas2020.

    """
    y, yhat = windows(truth, forecast)
    sigma = per_variable(scale, y.shape[2], what="scale")
    return np.minimum(normalised_error(y, yhat, sigma), CEILING)


@metric(
    unit="",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=2,
    label="MASE",
    source="hyndman2006",
)
def mase(truth: ArrayLike, forecast: ArrayLike, context: ArrayLike) -> FloatArray:
    """Mean absolute scaled error: the error relative to that of one-step persistence.

    Each variable's mean absolute error is divided by the mean absolute lag-1 difference of the
    *context*, the truth that the forecaster saw; then variables are averaged. For a constant
    context the denominator is zero: 0/0 is 0, and everything else is the cap of 10⁶. NaN and
    infinity also give 10⁶.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.
        context: ``(n, C, d)`` with C ≥ 2, finite: the steps before the truth.

    Returns:
        ``(n,)`` from 0 to 10⁶ (worst); lower is better.

    Raises:
        InputError: wrong shapes, or a truth or context that is not finite.

    References:
        hyndman2006; averaged over variables as in hemmer2025.

    """
    y, yhat = windows(truth, forecast)
    past = real(context, axes="n, C, d", what="context")
    n, _, d = y.shape
    if past.shape[0] != n or past.shape[2] != d or past.shape[1] < 2:
        raise InputError(
            f"context must have shape ({n}, C, {d}) with C of at least 2, not {past.shape}"
        )
    if not np.isfinite(past).all():
        raise InputError("the context must be finite; check the dataset")
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        error = by_variable(np.abs(y - yhat)).mean(axis=2)
        naive = by_variable(np.abs(past[:, 1:] - past[:, :-1])).mean(axis=2)
        ratio = np.where(error == 0, 0.0, error / naive)
        ratio = np.where(np.isnan(ratio), CEILING, ratio)
        capped: FloatArray = np.minimum(ratio, CEILING).mean(axis=1)
    return np.minimum(capped, CEILING)  # the mean of values at the cap may round above the cap


def _mean(error: FloatArray) -> FloatArray:
    """Average over steps and variables; NaN becomes infinity."""
    value = error.mean(axis=(1, 2))
    return np.where(np.isnan(value), np.inf, value)


@metric(
    unit="data units²",
    direction="lower",
    worst=np.inf,
    limits=(0.0, np.inf),
    digits=4,
    label="MSE",
    source="gilpin2021",
)
def mse(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Mean squared error over steps and variables.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` in squared units of the data, from 0 to infinity (worst: any NaN or infinity);
        lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2021.

    """
    y, yhat = windows(truth, forecast)
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean((y - yhat) ** 2)


@metric(
    unit="data units",
    direction="lower",
    worst=np.inf,
    limits=(0.0, np.inf),
    digits=4,
    label="MAE",
    source="gilpin2021",
)
def mae(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Mean absolute error over steps and variables.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` in units of the data, from 0 to infinity (worst: any NaN or infinity); lower is
        better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2021.

    """
    y, yhat = windows(truth, forecast)
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean(np.abs(y - yhat))


@metric(
    unit="data units",
    direction="lower",
    worst=np.inf,
    limits=(0.0, np.inf),
    digits=4,
    label="RMSE",
    source="gilpin2021",
)
def rmse(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Root mean square error over steps and variables: the square root of `mse`.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.

    Returns:
        ``(n,)`` in units of the data, from 0 to infinity (worst: any NaN or infinity); lower is
        better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2021.

    """
    y, yhat = windows(truth, forecast)
    unit = odd_unit(y)
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt(mse(y / unit, yhat / unit))
        return np.asarray(error * unit.item())
