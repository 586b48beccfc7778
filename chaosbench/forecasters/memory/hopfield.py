"""Modern Hopfield network: a softmax over all training states recalls the next increment."""

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

__all__ = ["Hopfield"]

# States are left out where their total weight is below this.
_NEGLIGIBLE = 1e-12
_FIRST_COUNT = 64
# β in units of 1/h², where h is the median distance between neighbouring training states. The first
# is used where the data are too short to choose.
_BETAS = (1.0, 1 / 4, 4.0, 16.0)
_SAMPLE = 500


@dataclass(frozen=True)
class Hopfield:
    """Continuous Hopfield network as a memory of transitions [ramsauer2021], [nadaraya1964].

    The keys x_j are the standardised, delay-embedded training states and the values Δ_j their next
    increments. The state ξ recalls

        Δ̂(ξ) = Σ_j Δ_j softmax_j(β x_jᵀξ - β|x_j|²/2) = Σ_j Δ_j softmax_j(-β|x_j - ξ|²/2),

    one update of a modern Hopfield network. The term -β|x_j|²/2 does what normalised patterns do:
    without it, long keys would win over near ones. β = 0 gives the mean increment and β → ∞ that of
    the nearest neighbour; between them it is a kernel regression with bandwidth 1/√β. The forecast
    is iterated for all windows at once. Settings that are None are chosen by closed-loop forecasts
    of the last 15% of the training data: first the embedding, then β between 1/4 and 16 times the
    inverse square of the typical distance between states.

    Keys whose total weight is below 1e-12 are left out: a KD-tree finds the nearest 64, 256, … keys
    until the rest weighs less.

    Cost: O(nT log(nT)) to build the tree. Each step of each window costs one query, O(k (d +
    log(nT))) for the k keys that matter, and O(nT d) above 12 dimensions or where k is more than an
    eighth of all keys. Memory is O(nT d). It fails because it is locally constant: the recalled
    increment is that of the centre of the neighbours, and the error is linear in their distance.

    Attributes:
        beta: inverse temperature β on standardised data, or None to choose it.
        delays: number of states stacked into one key, or None to choose it and the stride.
        stride: steps between stacked states, where `delays` is given.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.spatial",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "stride": (1, 2, 3)}
    )

    beta: float | None = None
    delays: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        require_real(self, "beta", optional=True)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _HopfieldPredictor:  # noqa: ARG002
        """Store the transitions and choose the settings that are None.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="Hopfield",
            select=self.beta is None,
            windows=32,
        )

        def memory(plan: Plan, beta: float | None) -> _HopfieldPredictor:
            library = Library.of(training.fitted, training.scaler, plan)
            return _HopfieldPredictor(library, _natural_beta(library) if beta is None else beta)

        plan = training.choose(training.plans, lambda plan: memory(plan, self.beta))
        library = Library.of(training.values, training.scaler, plan)
        if self.beta is not None:
            return _HopfieldPredictor(library, self.beta)
        natural = memory(plan, None)
        factor = training.choose(
            _BETAS,
            lambda factor: _HopfieldPredictor(natural.library, factor * natural.beta),
        )
        return _HopfieldPredictor(library, factor * _natural_beta(library))


def _natural_beta(library: Library) -> float:
    """Return 1/h², where h is the median distance of a state from its nearest neighbour."""
    chosen = np.linspace(0, len(library.states) - 1, _SAMPLE).astype(int)
    distance, _ = library.nearest(library.states[np.unique(chosen)], 2)
    apart = distance.max(axis=1)
    apart = apart[apart > 0]
    return 1.0 if len(apart) == 0 else float(1 / np.median(apart) ** 2)


@dataclass(frozen=True, eq=False)
class _HopfieldPredictor:
    library: Library
    beta: float

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        library = self.library
        values = delay_rollout(
            self.recall,
            context,
            horizon,
            scaler=library.scaler,
            lags=library.lags,
            who="Hopfield",
        )
        return Forecast(values[0])

    def recall(self, query: FloatArray) -> FloatArray:
        """Return the softmax-weighted increments ``(n, d)`` at delay vectors ``(n, p)``."""
        library = self.library
        total = len(library.states)
        result = np.empty((len(query), library.increments.shape[1]))
        left = np.arange(len(query))
        count = _FIRST_COUNT
        while len(left) and 8 * count <= total:
            distance, index = library.nearest(query[left], count)
            square = distance**2
            exponent = 0.5 * self.beta * (square.min(axis=1, keepdims=True) - square)
            # No state that was left out is nearer than the farthest one found.
            enough = exponent.min(axis=1) < np.log(_NEGLIGIBLE / total)
            weight = np.exp(exponent[enough])
            weight /= weight.sum(axis=1, keepdims=True)
            values = library.increments[index[enough]]
            result[left[enough]] = np.einsum("nk,nkd->nd", weight, values)
            left = left[~enough]
            count *= 4
        if len(left):
            logit = self.beta * (query[left] @ library.states.T - 0.5 * library.squares)
            weight = np.exp(logit - logit.max(axis=1, keepdims=True))
            weight /= weight.sum(axis=1, keepdims=True)
            result[left] = weight @ library.increments
        return result
