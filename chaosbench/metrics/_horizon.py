"""Error growth over the horizon: the error at one step, and the largest error so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import CEILING, normalised_error, per_variable, whole, windows
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["cumulative_maximum_error", "prediction_error"]


@metric(
    unit="data units²",
    direction="lower",
    worst=np.inf,
    limits=(0.0, np.inf),
    digits=4,
    label="PE(k)",
    source="hess2023",
)
def prediction_error(truth: ArrayLike, forecast: ArrayLike, *, k: int) -> FloatArray:
    """Mean squared error over the variables at step `k` of each forecast, PE(k).

    hess2023 reports the mean over all starts, on standardised data.

    Args:
        truth: ``(n, H, d)``, finite; one window for each start of a forecast.
        forecast: ``(n, H, d)``.
        k: step ahead, from 1 to `H`.

    Returns:
        ``(n,)`` in squared units of the data, from 0 to infinity (worst: NaN or infinity at that
        step); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a step beyond the horizon.

    References:
        hess2023.

    """
    y, yhat = windows(truth, forecast)
    step = whole(k, what="k")
    if step > y.shape[1]:
        raise InputError(f"k must be a step of the horizon, at most {y.shape[1]}, not {step}")
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.mean((y[:, step - 1] - yhat[:, step - 1]) ** 2, axis=1)
    return np.where(np.isnan(value), np.inf, value)


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="CME",
    source="schoetz2024",
    aliases=("cme",),
)
def cumulative_maximum_error(
    truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike
) -> FloatArray:
    """Return the largest error so far, ``max_{s≤t} ‖e_s‖₂`` with errors in σ, by window and step.

    Unlike the error at one step, it does not fall when a lost forecast happens to pass the truth.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; the error is 10⁶ from the first NaN or infinity on.
        scale: σ of each variable of the training data, ``(d,)``. In a variable with σ = 0, an
            error within rounding counts as 0 and a larger error as infinite.

    Returns:
        ``(n, H)``, non-decreasing in time, from 0 to 10⁶ (worst); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        schoetz2024.

    """
    y, yhat = windows(truth, forecast)
    d = y.shape[2]
    sigma = per_variable(scale, d, what="scale")
    norm = np.minimum(normalised_error(y, yhat, sigma), CEILING) * np.sqrt(d)
    largest: FloatArray = np.minimum(np.maximum.accumulate(norm, axis=1), CEILING)
    return largest
