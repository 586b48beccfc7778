"""Vector autoregression with a moving average, fitted by two least-squares regressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import (
    Scaler,
    checked_context,
    checked_training,
    covariance_root,
    delay_embedding,
)
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.settings import require_integer, single_threaded

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["VARIMA"]

_INVERTIBLE = 0.98  # largest root of the moving average
_RESOLVED = 1e-8  # smallest singular value that is fitted, relative to the largest
_LONG = 10  # lowest order of the autoregression that finds the innovations


@dataclass(frozen=True)
class VARIMA:
    """Vector ARIMA(p, d, q), the model of darts' `VARIMA` [lutkepohl2005], [herzen2022].

        w(t) = c + Σ_{i=1}^p A_i w(t-i) + e(t) + Σ_{j=1}^q M_j e(t-j)

    where w are the standardised variables, all together. With ``differences=1``, w are their first
    differences and there is no c.

    The coefficients are estimated by the method of Hannan and Rissanen [hannan1982]: a long
    autoregression gives the innovations e, and least squares on lagged w and e gives the
    coefficients. darts uses the maximum likelihood of statsmodels instead, which needed 9 s for
    1,000 points of Lorenz at p = 3, stopped before it converged, and is too slow for 40 variables.
    With q = 0 both estimates are the same except for the first p points. Moving averages that are
    not invertible are shrunk until their largest root is 0.98. On each context the innovations are
    computed starting from e = 0. The forecast continues the recursion with e = 0, for all windows
    together (a test compares it with statsmodels' filter at the same coefficients).

    The recursion must not explode. Maximum likelihood rules this out, least squares do not.
    Therefore directions whose variation is below 1e-8 of the largest are not fitted: lags of
    noise-free data are nearly dependent, and coefficients of 1e7 magnify every error, however small
    the roots. Nor can such data tell autoregression and moving average apart: a fit with a root
    beyond 1 is repeated without the moving average, and if that does not help, it is shrunk until
    no root exceeds 1.

    The samples are paths in which e is drawn from the normal distribution with the covariance of
    the residuals; all windows use the same draws.

    Cost: O(nT (max(10, p+q) d)²) time and O(nT max(10, p+q) d) memory to fit, O(C (p+q) d²) per
    window and O((p+q) d²) per step. It fails on chaos by construction: a linear map has no chaotic
    attractor, so its forecast turns into a decaying or growing oscillation within about one period.

    Attributes:
        p: order of the autoregression.
        differences: order d of differencing, 0 or 1.
        q: order of the moving average, 0 for none.
        samples: number of sampled paths, 0 for none.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"p": (1, 3, 10, 30), "differences": (0, 1), "q": (0, 1)}
    )

    p: int = 10
    differences: int = 0
    q: int = 1
    samples: int = 20

    def __post_init__(self) -> None:
        require_integer(self, "p", minimum=1)
        require_integer(self, "q", minimum=0)
        require_integer(self, "samples", minimum=0)
        require_integer(self, "differences", minimum=0)
        if self.differences > 1:
            raise ParameterError(f"VARIMA: differences must be 0 or 1, not {self.differences}")

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _VARIMAPredictor:
        """Fit by least squares.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the long
                autoregression.

        """
        long = max(_LONG, self.p + self.q) if self.q else 0
        minimum = self.differences + long + max(self.p, self.q) + 1
        values = checked_training(train, minimum=minimum, who="VARIMA")
        scaler = Scaler.of(values)
        w = np.diff(scaler.apply(values), n=self.differences, axis=1)
        d = w.shape[2]
        constant = self.differences == 0
        target, past = _lagged(w, self.p)
        if self.q:
            target, past = _lagged(w, long)
            slope, intercept = _least_squares(target, past, constant)
            innovations = target - (past @ slope + intercept)
            w = w[:, long:]
            drop = max(self.p, self.q)
            target, past = w[:, drop:], _lagged(w, self.p)[1][:, drop - self.p :]
            past = np.concatenate(
                [past, _lagged(innovations, self.q)[1][:, drop - self.q :]], axis=2
            )
        slope, intercept = _least_squares(target, past, constant)
        ahead, moving_average = slope[: self.p * d], _invertible(slope[self.p * d :], d)
        if _radius(ahead, d) > 1 and self.q:
            return replace(self, q=0).fit(train, seed=seed)
        stable = _shrunk(ahead, d, 1.0)
        if constant:
            intercept += past[..., : self.p * d].mean(axis=(0, 1)) @ (ahead - stable)
        slope[: self.p * d] = stable
        residual = (target - (past @ slope + intercept)).reshape(-1, d)
        return _VARIMAPredictor(
            config=self,
            seed=seed,
            root=covariance_root(residual.T @ residual / len(residual)),
            scaler=scaler,
            intercept=intercept,
            autoregression=stable,
            moving_average=moving_average,
        )


def _lagged(w: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Return w(t) and [w(t-1), …, w(t-order)] for every t that has all of these lags."""
    embedded = delay_embedding(w, tuple(range(order + 1)))
    d = w.shape[2]
    return embedded[..., :d], embedded[..., d:]


def _least_squares(
    target: FloatArray, past: FloatArray, constant: bool
) -> tuple[FloatArray, FloatArray]:
    """Return slope ``(k, d)`` of least norm and intercept ``(d,)``."""
    y, x = target.reshape(-1, target.shape[2]), past.reshape(-1, past.shape[2])
    shift = (x.mean(axis=0), y.mean(axis=0)) if constant else (np.zeros(x.shape[1]), 0.0 * y[0])
    slope = np.linalg.lstsq(x - shift[0], y - shift[1], rcond=_RESOLVED)[0]
    return slope, np.asarray(shift[1] - shift[0] @ slope)


def _invertible(moving_average: FloatArray, d: int) -> FloatArray:
    """Shrink ``(q d, d)`` until the innovations forget their initial values."""
    return -_shrunk(-moving_average, d, _INVERTIBLE)


def _radius(coefficients: FloatArray, d: int) -> float:
    """Return the modulus of the largest root of a recursion ``(k d, d)``, newest lag first."""
    if not len(coefficients):
        return 0.0
    companion = np.eye(len(coefficients), k=-d)
    companion[:d] = coefficients.T
    return float(np.abs(np.linalg.eigvals(companion)).max())


def _shrunk(coefficients: FloatArray, d: int, limit: float) -> FloatArray:
    """Shrink all roots of a recursion by one factor until none exceeds the limit."""
    radius = _radius(coefficients, d)
    if radius <= limit:
        return coefficients
    factor = (limit / radius) ** np.arange(1, len(coefficients) // d + 1)
    return coefficients * np.repeat(factor, d)[:, np.newaxis]


@dataclass(frozen=True, eq=False)
class _VARIMAPredictor:
    config: VARIMA
    scaler: Scaler
    seed: int
    root: FloatArray  # (d, d), a square root of the covariance of the innovations
    intercept: FloatArray  # (d,)
    autoregression: FloatArray  # (p d, d), newest lag first
    moving_average: FloatArray  # (q d, d), newest lag first

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        config, d = self.config, len(self.scaler.mean)
        rows, alive = checked_context(
            context,
            horizon,
            d=d,
            minimum=config.p + config.differences,
            used=None,
            who="VARIMA",
        )
        z = self.scaler.apply(rows)
        w = np.diff(z, n=config.differences, axis=1)
        past = w[:, : config.p][:, ::-1].reshape(len(w), -1)
        innovations = np.zeros((len(w), config.q * d))

        def expected() -> FloatArray:
            return np.asarray(
                self.intercept + past @ self.autoregression + innovations @ self.moving_average
            )

        def advance(newest: FloatArray, innovation: FloatArray) -> None:
            nonlocal past, innovations
            past = np.concatenate([newest, past[:, :-d]], axis=1)
            innovations = np.concatenate([innovation, innovations], axis=1)[:, : config.q * d]

        for t in range(config.p, w.shape[1]):
            advance(w[:, t], w[:, t] - expected())
        known = past, innovations

        def path(draws: FloatArray) -> FloatArray:
            nonlocal past, innovations
            past, innovations = known
            drawn = iter(draws)

            def step(latest: FloatArray) -> FloatArray:
                innovation = np.broadcast_to(next(drawn), latest.shape)
                newest = expected() + innovation
                advance(newest, innovation)
                return np.asarray(latest + newest) if config.differences else newest

            return self.scaler.undo(closed_loop(step, z[:, -1], horizon, alive))

        values = path(np.zeros((horizon, d)))
        if not config.samples:
            return Forecast(values)
        samples = []
        for k in range(config.samples):
            # The same draws for every window: a forecast does not depend on its batch.
            rng = np.random.default_rng([self.seed, k])
            samples.append(path(rng.standard_normal((horizon, d)) @ self.root.T))
        return Forecast(values, np.stack(samples))
