"""Arrays in and out of a forecaster: checks, standardisation, delay vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import DivergedError, InputError, InvalidForecastError
from chaosbench.trajectories import real_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Scaler", "checked_context", "checked_training", "covariance_root", "delay_embedding"]


def checked_training(train: Trajectories, *, minimum: int, who: str) -> FloatArray:
    """Return the training values ``(n, T, d)`` after checking them.

    Raises:
        DivergedError: a value is not finite.
        InvalidForecastError: a trajectory has fewer than `minimum` points.

    """
    values = train.values
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise DivergedError(
            f"{who} cannot be fitted: {bad} of {values.size} training values are not finite; "
            "remove or interpolate them first"
        )
    if values.shape[1] < minimum:
        raise InvalidForecastError(
            f"{who} needs training trajectories of at least {minimum} points, not {values.shape[1]}"
        )
    return values


def checked_context(
    context: ArrayLike, horizon: int, *, d: int, minimum: int, used: int | None, who: str
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return a copy of the last `used` rows ``(n, C', d)`` and which windows ``(n,)`` are finite.

    Windows with a non-finite number in these rows are filled with zeros, so that the batch keeps
    its shape. The caller makes their forecast NaN.

    Raises:
        InvalidForecastError: the context is not ``(n, C, d)`` of real numbers or is shorter than
            `minimum`, or the horizon is not a positive integer.

    """
    try:
        array = np.array(real_array(context, what=f"the context of {who}"))
    except InputError as error:
        raise InvalidForecastError(str(error)) from error
    if array.ndim != 3 or array.shape[2] != d or array.shape[0] == 0:
        raise InvalidForecastError(
            f"{who} was trained on {d} variables and needs a context of shape (n, C, {d}), "
            f"not {array.shape}"
        )
    if array.shape[1] < minimum:
        raise InvalidForecastError(
            f"{who} needs a context of at least {minimum} points, not {array.shape[1]}"
        )
    if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or horizon < 1:
        raise InvalidForecastError(f"the horizon must be a positive integer, not {horizon!r}")
    if used is not None:
        array = array[:, -used:]
    alive = np.asarray(np.isfinite(array).all(axis=(1, 2)))
    array[~alive] = 0.0
    return array, alive


@dataclass(frozen=True, eq=False)
class Scaler:
    """Standardisation by the training data; a constant variable has scale 1."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Scaler:
        """Measure mean and standard deviation over trajectories and time, each ``(d,)``."""
        # Dividing by the largest value first keeps the squares of huge numbers finite.
        largest = np.maximum(np.abs(values).max(axis=(0, 1)), 1e-300)
        unit = values / largest
        mean = unit.mean(axis=(0, 1))
        scale = unit.std(axis=(0, 1))
        # By rounding, a constant has a standard deviation near machine precision instead of 0.
        scale = np.where(scale > 1e-13, scale, 1.0 / largest)
        return cls(mean=mean * largest, scale=scale * largest)

    def apply(self, values: FloatArray) -> FloatArray:
        """Standardise ``(..., d)``."""
        return np.asarray((values - self.mean) / self.scale)

    def undo(self, values: FloatArray) -> FloatArray:
        """Return ``(..., d)`` to the units of the data."""
        return np.asarray(values * self.scale + self.mean)


def delay_embedding(values: FloatArray, lags: tuple[int, ...]) -> FloatArray:
    """Stack lagged copies, ``(n, T, d)`` to ``(n, T - max(lags), len(lags) * d)``.

    Row `t` holds the values `lags` steps back from ``t + max(lags)``, in the given order.
    """
    reach = max(lags)
    length = values.shape[1] - reach
    return np.concatenate([values[:, reach - lag : reach - lag + length] for lag in lags], axis=2)


def covariance_root(covariance: FloatArray) -> FloatArray:
    """Return R with R Rᵀ equal to the covariance ``(k, k)``, negative rounding set to zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
