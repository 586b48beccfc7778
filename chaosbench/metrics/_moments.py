"""Errors in the simplest statistics of the climate of a free run: its mean and its spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics._arrays import CEILING, series, standardised
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["mean_error", "spread_error"]


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="Δmean",
    source="pathak2017",
)
def mean_error(truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike | None = None) -> float:
    """Absolute error of the mean of a free run in σ, averaged over the variables.

    Args:
        truth: ``(T, d)``, finite.
        forecast: ``(T', d)``; its length may differ.
        scale: σ of each variable, ``(d,)``; the truth's own by default and where σ = 0.

    Returns:
        From 0 to 10⁶ (worst: any NaN or infinity); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        pathak2017, for comparing the climate of a free run.

    """
    y, yhat = standardised(*series(truth, forecast), scale)
    with np.errstate(over="ignore", invalid="ignore"):
        return _worst_if_lost(np.abs(yhat.mean(axis=0) - y.mean(axis=0)))


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="Δspread",
    source="pathak2017",
)
def spread_error(truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike | None = None) -> float:
    """Absolute error of the standard deviation of a free run in σ, averaged over the variables.

    A run that settles on a fixed point has the error 1.

    Args:
        truth: ``(T, d)``, finite.
        forecast: ``(T', d)``; its length may differ.
        scale: σ of each variable, ``(d,)``; the truth's own by default and where σ = 0.

    Returns:
        From 0 to 10⁶ (worst: any NaN or infinity); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        pathak2017, for comparing the climate of a free run.

    """
    y, yhat = standardised(*series(truth, forecast), scale)
    with np.errstate(over="ignore", invalid="ignore"):
        return _worst_if_lost(np.abs(yhat.std(axis=0) - y.std(axis=0)))


def _worst_if_lost(error: FloatArray) -> float:
    value = float(error.mean())
    return min(value, CEILING) if np.isfinite(value) else CEILING
