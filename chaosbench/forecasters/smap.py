"""S-map: one linear map for all training states, weighted anew around every state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._analogues import Library, prepare, rollout, weighted_affine
from chaosbench.forecasters._common import require_integer, require_real, single_threaded
from chaosbench.forecasters._protocol import Forecast

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["SMap"]

# Ecology stops at 8: its series are short and noisy.
_THETAS = (8.0, 0.0, 1.0, 2.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_COARSE = (8.0, 64.0)
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class SMap:
    """Sequentially weighted global linear map [sugihara1994].

    With x_j the standardised, delay-embedded training states, Δ_j their next increments, d_j the
    distance of x_j from the state x and d̄ the mean of the d_j over all of them,

        Δ̂(x) = a + Bᵀx,   a, B = argmin Σ_j w_j |Δ_j - a - Bᵀx_j|² + λ|B|²,   w_j = exp(-θ d_j/d̄),

    with λ `ridge` times the weighted variance. θ = 0 is global linear regression, and a θ that
    forecasts better than 0 is Sugihara's sign of nonlinearity. The forecast is iterated. What is
    None is chosen by the closed loop on the last 15% of the training data: first the embedding with
    θ = 8 or 64, then θ among 0, 1, 2, 4, …, 256. All training states take part, however many there are,
    except those whose weight is below 1e-12 of the nearest one's divided by their number, which
    changes no forecast by more than that.

    Cost: O(nT p d) a step and window with p = d · delays, and O(nT p) memory; nothing to fit but
    the choice of θ. It fails where the slope changes within the distance that enough data need
    (coarse sampling, few data), and the exponential's heavy tail lets the far states bend the
    local map, for which `AttentionLocalLinear` has a cutoff.

    Attributes:
        theta: θ, the strength of localisation, or None to choose it.
        ridge: λ relative to the variance of the weighted states.
        delays: states stacked into one embedding vector, or None to choose it and the stride.
        stride: steps between stacked states, where `delays` is given.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 4, 8), "stride": (1, 3)}
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
        """Store the transitions and choose what is None.

        Raises:
            DivergedError: non-finite training data.
            InvalidForecastError: training trajectories shorter than the delays.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="SMap",
            select=self.theta is None,
            horizon=100,
        )
        thetas = _THETAS if self.theta is None else (self.theta,)

        def memory(lags: tuple[int, ...], theta: float, values: FloatArray) -> _SMapPredictor:
            library = Library.of(values, training.scaler, lags, tree=False)
            return _SMapPredictor(library, theta, self.ridge)

        coarse = _COARSE if self.theta is None else thetas
        pairs = [(lags, theta) for lags in training.embeddings for theta in coarse]
        lags, _ = training.choose(pairs, lambda pair: memory(*pair, training.fitted))
        theta = training.choose(thetas, lambda theta: memory(lags, theta, training.fitted))
        return memory(lags, theta, training.values)


@dataclass(frozen=True, eq=False)
class _SMapPredictor:
    library: Library
    theta: float
    ridge: float

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        library = self.library
        values = rollout(
            self.increment,
            context,
            horizon,
            scaler=library.scaler,
            lags=library.lags,
            who="SMap",
        )
        return Forecast(values[0])

    def increment(self, query: FloatArray) -> FloatArray:
        """Return the fitted increments ``(n, d)`` at delay vectors ``(n, p)``."""
        # One window at a time: its weighted states fit the cache, those of a batch would not.
        return np.concatenate([self._one(row) for row in query[:, np.newaxis]])

    def _one(self, query: FloatArray) -> FloatArray:
        states, increments = self.library.states, self.library.increments
        offset = states - query
        distance = np.sqrt(np.einsum("kp,kp->k", offset, offset))
        mean = float(distance.mean())
        exponent = (distance - distance.min()) * (self.theta / mean if mean > 0 else 0.0)
        near = exponent < np.log(len(exponent) / _NEGLIGIBLE)
        if not near.all():
            states, increments, exponent = states[near], increments[near], exponent[near]
        weight = np.exp(-exponent)
        weight /= weight.sum()
        return weighted_affine(
            query, states[np.newaxis], increments[np.newaxis], weight[np.newaxis], self.ridge
        )
