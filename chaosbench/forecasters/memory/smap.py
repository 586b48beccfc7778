"""S-map: a linear map fitted to all training states, reweighted around every state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import Library, prepare
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.regression import Plan
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["SMap"]

# Ecologists stop at 8, because their series are short and noisy.
# In this order the more linear map wins a tie.
_THETAS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_TRIAL_THETA = 16.0
_TRIALS = 500
# No weight is below 1e-26 of the nearest one's: denormal numbers would slow the arithmetic down.
_LARGEST_EXPONENT = 60.0


@dataclass(frozen=True)
class SMap:
    """Sequentially weighted global linear map [sugihara1994].

    Let x_j be the standardised, delay-embedded training states, Δ_j their next increments, d_j the
    distance of x_j from the state x, and d̄ the mean of all d_j. Then

        Δ̂(x) = a + Bᵀx,   a, B = argmin Σ_j w_j |Δ_j - a - Bᵀx_j|² + λ|B|²,   w_j = exp(-θ d_j/d̄),

    where λ is `ridge` times the weighted variance. θ = 0 is global linear regression; a θ > 0 that
    forecasts better is Sugihara's sign of nonlinearity. The forecast is iterated. Settings that are
    None are chosen on the last 15% of the training data: the embedding by closed-loop forecasts at
    θ = 16, then θ among 0, 1, 2, 4, …, 128 by the mean squared error of one-step forecasts. This is
    Sugihara's criterion; under noise a closed loop says little about θ. All training states take
    part, however many there are. Far from them the map is unbounded, so states are clipped to the
    box around the training data, widened by a tenth of its range on either side.

    Cost: O(nT p d) per step and window with p = d · delays, and O(nT p) memory; only θ has to be
    fitted. It fails where the slope changes within the distance that holds enough data (coarse
    sampling, few data). Its exponential weights have a heavy tail, so far states bend the local
    map; `AttentionLocalLinear` cuts them off.

    Attributes:
        theta: θ, the strength of localisation, or None to choose it; 0 where the data are too short
            to hold anything out.
        ridge: λ relative to the variance of the weighted states.
        delays: number of states stacked into one embedding vector, or None to choose it and the
            stride.
        stride: steps between stacked states, where `delays` is given.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "stride": (1, 2, 3), "theta": (4.0, 16.0, 64.0, 256.0)}
    )

    theta: float | None = None
    ridge: float = 1e-8
    delays: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        require_real(self, "theta", optional=True)
        require_real(self, "ridge")
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _SMapPredictor:  # noqa: ARG002
        """Store the transitions and choose the settings that are None.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="SMap",
            select=self.theta is None,
        )
        thetas = _THETAS if self.theta is None else (self.theta,)

        def memory(plan: Plan, theta: float, values: FloatArray) -> _SMapPredictor:
            library = Library.of(values, training.scaler, plan, tree=False)
            table = np.concatenate(
                [np.ones((1, len(library.states))), library.states.T, library.increments.T]
            )
            return _SMapPredictor(library, table, theta, self.ridge)

        trial = _TRIAL_THETA if self.theta is None else self.theta
        plan = training.choose(training.plans, lambda plan: memory(plan, trial, training.fitted))
        if len(thetas) == 1 or training.held_out is None:
            return memory(plan, thetas[0], training.values)
        # The first increment of the tail starts from the last states before the tail.
        tail = training.values[:, training.held_out.split - max(plan.lags) - 1 :]
        unseen = Library.of(tail, training.scaler, plan, tree=False)
        chosen = np.unique(np.linspace(0, len(unseen.states) - 1, _TRIALS).astype(int))
        errors = [
            memory(plan, theta, training.fitted).increment(unseen.states[chosen])
            - unseen.increments[chosen]
            for theta in thetas
        ]
        best = int(np.argmin([np.square(error).sum() for error in errors]))
        return memory(plan, thetas[best], training.values)


@dataclass(frozen=True, eq=False)
class _SMapPredictor:
    library: Library
    table: FloatArray  # (1 + p + d, N)
    theta: float
    ridge: float

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        library = self.library
        values = delay_rollout(
            self.increment,
            context,
            horizon,
            scaler=library.scaler,
            lags=library.lags,
            who="SMap",
            box=library.box,
        )
        return Forecast(values[0])

    def increment(self, query: FloatArray) -> FloatArray:
        """Return the fitted increments ``(n, d)`` at delay vectors ``(n, p)``."""
        # One window at a time: its weights fit into the cache, those of a batch would not.
        return np.stack([self._one(row) for row in query])

    def _one(self, query: FloatArray) -> FloatArray:
        library = self.library
        square = library.squares - 2 * (library.states @ query) + query @ query
        distance = np.sqrt(np.maximum(square, 0.0))
        mean = float(distance.mean())
        exponent = (distance - distance.min()) * (self.theta / mean if mean > 0 else 0.0)
        weight = np.exp(-np.minimum(exponent, _LARGEST_EXPONENT))
        weight /= weight.sum()
        p = len(query)
        # The rows of the table are 1, the states and the increments.
        moments = (self.table[: 1 + p] * weight) @ self.table.T
        x_mean, y_mean = moments[0, 1 : 1 + p], moments[0, 1 + p :]
        gram = moments[1:, 1 : 1 + p] - np.outer(x_mean, x_mean)
        gram[np.diag_indices(p)] += self.ridge * max(np.trace(gram), 0.0) / p + 1e-30
        slope = np.linalg.solve(gram, moments[1:, 1 + p :] - np.outer(x_mean, y_mean))
        return np.asarray(y_mean + (query - x_mean) @ slope)
