"""What every adapter does the same way: validate settings, check arrays, scale, roll out."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from chaosbench.errors import DivergedError, InvalidForecastError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "ESCAPE",
    "Scaler",
    "checked_context",
    "checked_training",
    "closed_loop",
    "covariance_root",
    "delay_embedding",
    "output_bounds",
    "require_integer",
    "require_real",
    "single_threaded",
]

P = ParamSpec("P")
R = TypeVar("R")

# A rollout this many training standard deviations away has left the attractor for good; going
# on would only overflow.
ESCAPE = 1e6

# Share of the training range that a bounded output may leave it by, on either side.
_MARGIN = 0.5


def single_threaded(function: Callable[P, R]) -> Callable[P, R]:
    """Keep BLAS to one thread during a call.

    The order of its sums, and so the last bits of a forecast, would otherwise depend on the number
    of cores; and on matrices this small the threads cost more than they give.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        # scipy brings a BLAS of its own; one that is loaded later would escape the limit.
        import scipy.linalg  # noqa: F401
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return wrapped


def require_integer(
    config: Any, name: str, *, minimum: int | None = None, optional: bool = False
) -> None:
    """Raise `ParameterError` unless the setting is an integer of at least `minimum`."""
    value = getattr(config, name)
    if optional and value is None:
        return
    wrong_type = isinstance(value, bool) or not isinstance(value, int)
    if wrong_type or (minimum is not None and value < minimum):
        bound = "" if minimum is None else f" of at least {minimum}"
        none = " or None" if optional else ""
        raise ParameterError(
            f"{type(config).__name__}: {name} must be an integer{bound}{none}, not {value!r}"
        )


def require_real(
    config: Any,
    name: str,
    *,
    low: float = 0.0,
    high: float = math.inf,
    open_low: bool = False,
    optional: bool = False,
) -> None:
    """Raise `ParameterError` unless the setting is a finite number within [low, high]."""
    value = getattr(config, name)
    if optional and value is None:
        return
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if good:
        above = value > low if open_low else value >= low
        good = math.isfinite(value) and above and value <= high
    if not good:
        bound = f"above {low:g}" if open_low else f"at least {low:g}"
        if math.isfinite(high):
            bound += f" and at most {high:g}"
        if optional:
            bound += " or None"
        raise ParameterError(
            f"{type(config).__name__}: {name} must be a finite number {bound}, not {value!r}"
        )


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
            f"{who} cannot be fitted: {bad} of {values.size} training values are not finite"
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

    Windows with a non-finite number in those rows are filled with zeros, so that they can ride
    along in a batch; their forecast is NaN.

    Raises:
        InvalidForecastError: the context is not ``(n, C, d)``, is shorter than `minimum`, or the
            horizon is not a positive integer.

    """
    array = np.array(context, dtype=np.float64)
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
    """Standardisation by the training data; a constant variable keeps scale 1."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> Scaler:
        """Measure mean and standard deviation over trajectories and time, each ``(d,)``."""
        # Dividing first keeps the squares of huge numbers finite.
        largest = np.maximum(np.abs(values).max(axis=(0, 1)), 1e-300)
        unit = values / largest
        mean = unit.mean(axis=(0, 1))
        scale = unit.std(axis=(0, 1))
        # Rounding leaves a constant with a standard deviation near machine precision, not 0.
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
    """Return R with R Rᵀ the covariance ``(k, k)``, its rounding below zero cut off."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def output_bounds(z: FloatArray) -> FloatArray:
    """Return the least and greatest outputs ``(2, d)`` for training data ``(n, T, d)``."""
    low, high = z.min(axis=(0, 1)), z.max(axis=(0, 1))
    margin = _MARGIN * (high - low)
    return np.stack([low - margin, high + margin])


def closed_loop(
    step: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    horizon: int,
    alive: NDArray[np.bool_],
) -> FloatArray:
    """Feed a one-step predictor its own output.

    Args:
        step: takes the newest standardised values ``(n, d)`` to the next ones; it keeps its own
            memory of older ones.
        start: the last row of the context ``(n, d)``, standardised.
        horizon: number of steps `H`.
        alive: ``(n,)``, False for windows whose context is not finite.

    Returns:
        ``(n, H, d)``; a window that leaves the training data by `ESCAPE` standard deviations, or
        the finite numbers, is NaN from that step on.

    """
    n, d = start.shape
    values = np.empty((n, horizon, d))
    alive = alive.copy()
    latest = start
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for h in range(horizon):
            latest = step(latest)
            alive &= np.abs(latest).max(axis=1) < ESCAPE  # False for NaN
            if not alive.all():
                # A dead window rides along as zeros: the batch keeps its shape and stays finite.
                latest = np.where(alive[:, np.newaxis], latest, 0.0)
            values[:, h] = latest
            values[~alive, h] = np.nan
            if not alive.any():
                values[:, h:] = np.nan
                break
    return values
