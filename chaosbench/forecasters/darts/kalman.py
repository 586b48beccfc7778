"""Kalman filter of a linear state-space model that darts identifies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import (
    Scaler,
    checked_context,
    checked_training,
    covariance_root,
)
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.settings import require_integer, single_threaded
from chaosbench.forecasters.darts._series import series, silence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Kalman"]

# Smallest variance of the observation noise: without noise, a constant variable has no gain.
_NOISE = 1e-8


@dataclass(frozen=True)
class Kalman:
    """Linear state-space model with Kalman filter, darts' `KalmanForecaster` [vanoverschee1994].

        x(t+1) = A x(t) + v(t),    z(t) = C x(t) + w(t)

    for the standardised variables z, all together [herzen2022]. darts identifies A, C and the
    covariances of v and w by the subspace method N4SID. On each context the filter starts from x =
    0 with unit covariance; the forecast continues it without data. The gains do not depend on the
    data, so that one recursion serves all windows. It is darts' recursion (a test compares the two
    for small N), but it keeps the covariance symmetric: otherwise rounding errors grow, and darts'
    own filter diverged on noise-free Lorenz from N = 6 on.

    The samples are paths of the model: the state is drawn from the covariance that the filter
    leaves, and noise v and w is added at every step. The point forecast is the path without noise.
    All windows use the same draws.

    darts' identification takes a singular value decomposition of all its points at once, whose time
    and memory grow as their cube and square; it hangs beyond some 1,200 points. Therefore only the
    last `points` of the first trajectory are used.

    Cost: O(points³) time to fit, O(C (N + d)³) for the gains, O(N (N + d)) per step and window. It
    fails on chaos by construction: a linear map has no chaotic attractor, and when it is identified
    from a short piece of data it may even be unstable.

    Attributes:
        units: dimension N of the state x.
        points: largest number of training points that are used.
        samples: number of sampled paths, 0 for none.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "darts.models")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"units": (3, 6, 12, 24)}
    )

    units: int = 12
    points: int = 1000
    samples: int = 20

    def __post_init__(self) -> None:
        require_integer(self, "units", minimum=1)
        require_integer(self, "points", minimum=100)
        require_integer(self, "samples", minimum=0)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _KalmanPredictor:
        """Identify the model; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=4 * max(10, self.units), who="Kalman")
        scaler = Scaler.of(values)
        with silence():
            from darts.models import KalmanForecaster

            model = KalmanForecaster(dim_x=self.units)
            model.fit(series(scaler.apply(values[:1, -self.points :]))[0])
        return _KalmanPredictor(scaler=scaler, model=model, samples=self.samples, seed=seed)


@dataclass(frozen=True, eq=False)
class _KalmanPredictor:
    scaler: Scaler
    model: Any  # the fitted darts model
    samples: int
    seed: int

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context, horizon, d=len(self.scaler.mean), minimum=1, used=None, who="Kalman"
        )
        z = self.scaler.apply(rows)
        kalman = self.model.darts_kf.kf
        a, c = kalman.state_space.a, kalman.state_space.c
        noise = kalman.r + _NOISE * np.eye(len(c))
        state = np.zeros((len(z), len(a)))
        covariance = np.eye(len(a))
        for t in range(z.shape[1]):
            cross = kalman.s + a @ covariance @ c.T
            gain = np.linalg.solve(noise + c @ covariance @ c.T, cross.T).T
            state = state @ a.T + (z[:, t] - state @ c.T) @ gain.T
            covariance = a @ covariance @ a.T + kalman.q - gain @ cross.T
            covariance = (covariance + covariance.T) / 2
        # The state of the filter is already one step ahead.
        path = self._path(z[:, -1], state, horizon, alive, noise=None)
        if not self.samples:
            return Forecast(path)
        joint = np.block([[kalman.q, kalman.s], [kalman.s.T, kalman.r]])
        root, open_root = covariance_root(joint), covariance_root(covariance)
        made = []
        for k in range(self.samples):
            # The same draws for every window: a forecast does not depend on its batch.
            rng = np.random.default_rng([self.seed, k])
            start = state + open_root @ rng.standard_normal(len(a))
            noises = rng.standard_normal((horizon, len(root))) @ root.T
            made.append(self._path(z[:, -1], start, horizon, alive, noise=noises))
        return Forecast(path, np.stack(made))

    def _path(
        self,
        last: FloatArray,
        state: FloatArray,
        horizon: int,
        alive: NDArray[np.bool_],
        *,
        noise: FloatArray | None,
    ) -> FloatArray:
        """Continue from states ``(n, N)``, with noise ``(H, N + d)`` of state and observation."""
        space = self.model.darts_kf.kf.state_space
        a, c = space.a, space.c
        noises = np.zeros((horizon, len(a) + len(c))) if noise is None else noise
        drawn = iter(noises)

        def step(_: FloatArray) -> FloatArray:
            nonlocal state
            now = next(drawn)
            values = np.asarray(state @ c.T + now[len(a) :])
            state = state @ a.T + now[: len(a)]
            return values

        return self.scaler.undo(closed_loop(step, last, horizon, alive))
