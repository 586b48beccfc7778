"""Valid prediction time: the number of Lyapunov times for which a forecast stays near the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics._arrays import (
    certified,
    normalised_error,
    per_variable,
    positive,
    windows,
)
from chaosbench.metrics._metadata import metric
from chaosbench.metrics._pointwise import prefix_mean, smape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["valid_prediction_steps", "valid_prediction_time", "valid_prediction_time_smape"]


def _leading(valid: NDArray[np.bool_], limit: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the leading True values of each row, up to `limit`."""
    leading = np.where(valid.all(axis=1), valid.shape[1], np.argmin(valid, axis=1))
    counted: NDArray[np.int64] = np.minimum(leading, limit)
    return counted


@metric(
    unit="steps",
    direction="higher",
    worst=0.0,
    limits=(0.0, np.inf),
    digits=0,
    label="valid steps",
    source="pathak2018",
)
def valid_prediction_steps(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    scale: ArrayLike,
    threshold: float = 0.4,
    certified_steps: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Count the leading steps whose error stays within `threshold` σ.

    A step is valid if ``sqrt(mean_d((y - ŷ)² / σ²)) ≤ threshold``. A step with NaN or infinity in
    the forecast is not valid. A window is right-censored (its true count is unknown but not
    smaller) exactly when the count equals ``min(H, certified_steps)``.

    Args:
        truth: ``(n, H, d)``, finite up to the certified step.
        forecast: ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``. In a variable with σ = 0, an
            error within rounding counts as 0 and a larger error as infinite.
        threshold: largest valid error, in σ.
        certified_steps: number of steps for which the truth is accurate, one integer or ``(n,)``;
            all by default.

    Returns:
        ``(n,)`` integers from 0 (worst) to `H`; higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ or threshold.

    References:
        pathak2018, vlachas2020.

    """
    y, yhat = windows(truth, forecast, certified_steps=certified_steps)
    sigma = per_variable(scale, y.shape[2], what="scale")
    limit = positive(threshold, what="threshold", zero=True)
    valid = normalised_error(y, yhat, sigma) <= limit
    return _leading(valid, certified(certified_steps, y.shape))


@metric(
    unit="Lyapunov times",
    direction="higher",
    worst=0.0,
    limits=(0.0, np.inf),
    digits=2,
    label="VPT",
    source="pathak2018",
    aliases=("vpt",),
)
def valid_prediction_time(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    scale: ArrayLike,
    dt: float,
    lyapunov_exponent: float,
    threshold: float = 0.4,
    certified_steps: ArrayLike | None = None,
) -> FloatArray:
    """Return the valid prediction time of each window in Lyapunov times.

    It is `valid_prediction_steps` times `dt` times the largest Lyapunov exponent. If the forecast
    stays valid over the whole horizon, the value is ``H·dt·λ`` and right-censored.

    Args:
        truth: ``(n, H, d)``, finite up to the certified step.
        forecast: ``(n, H, d)``; NaN and infinity end the valid time.
        scale: σ of each variable of the training data, ``(d,)``.
        dt: sampling step, in time units (1 for maps).
        lyapunov_exponent: largest Lyapunov exponent λ > 0, per time unit.
        threshold: largest valid error, in σ. Rankings use 0.4; 0.3 and 0.5 are also reported.
        certified_steps: number of steps for which the truth is accurate, one integer or ``(n,)``;
            the window is censored there.

    Returns:
        ``(n,)`` Lyapunov times from 0 (worst); higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, or a setting out of its range.

    References:
        pathak2018, vlachas2020.

    Example:
        >>> import numpy as np
        >>> truth = np.zeros((1, 4, 1))
        >>> forecast = np.array([[[0.1], [0.3], [0.5], [0.0]]])
        >>> valid_prediction_time(truth, forecast, scale=[1.0], dt=0.5, lyapunov_exponent=0.9)
        array([0.9])

    """
    step = positive(dt, what="dt") * positive(lyapunov_exponent, what="lyapunov_exponent")
    steps = valid_prediction_steps(
        truth, forecast, scale=scale, threshold=threshold, certified_steps=certified_steps
    )
    return steps.astype(np.float64) * step


@metric(
    unit="Lyapunov times",
    direction="higher",
    worst=0.0,
    limits=(0.0, np.inf),
    digits=2,
    label="VPT (sMAPE)",
    source="zhang2024",
    aliases=("vpt_smape",),
)
def valid_prediction_time_smape(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    dt: float,
    lyapunov_exponent: float,
    threshold: float = 30.0,
    certified_steps: ArrayLike | None = None,
) -> FloatArray:
    """Return the time before the prefix sMAPE first exceeds `threshold`, in Lyapunov times.

    A prefix average includes the good beginning. This time is therefore longer than
    `valid_prediction_time`, and the two are not comparable.

    Args:
        truth: ``(n, H, d)``, finite up to the certified step.
        forecast: ``(n, H, d)``; a variable that is NaN or infinite counts 200 at its step.
        dt: sampling step, in time units (1 for maps).
        lyapunov_exponent: largest Lyapunov exponent λ > 0, per time unit.
        threshold: largest valid prefix sMAPE, on the scale from 0 to 200.
        certified_steps: number of steps for which the truth is accurate, one integer or ``(n,)``;
            the window is censored there.

    Returns:
        ``(n,)`` Lyapunov times from 0 (worst) to ``H·dt·λ``; higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, or a setting out of its range.

    References:
        zhang2024.

    """
    step = positive(dt, what="dt") * positive(lyapunov_exponent, what="lyapunov_exponent")
    limit = positive(threshold, what="threshold", zero=True)
    y, yhat = windows(truth, forecast, certified_steps=certified_steps)
    ends = certified(certified_steps, y.shape)
    # Values beyond the certified truth may be anything; no prefix that counts includes them.
    y = np.where(np.isfinite(y), y, 0.0)
    steps = _leading(prefix_mean(smape(y, yhat)) <= limit, ends)
    return steps.astype(np.float64) * step
