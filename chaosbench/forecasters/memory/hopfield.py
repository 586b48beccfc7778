"""Modern Hopfield analogue: a softmax over all training states recalls the next increment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded
from chaosbench.forecasters.memory._analogues import Library, prepare

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Hopfield"]

# Where the states left out weigh less than this altogether, they are left out.
_NEGLIGIBLE = 1e-12
_FIRST_COUNT = 64
# β in units of 1/h², h the median distance between neighbouring training states. The first one
# stands where there is nothing to choose by.
_BETAS = (1.0, 1 / 4, 4.0, 16.0)
_SAMPLE = 500


@dataclass(frozen=True)
class Hopfield:
    """Continuous Hopfield network as a memory of transitions [ramsauer2021], [nadaraya1964].

    The keys x_j are the standardised, delay-embedded training states, the values Δ_j their next
    increments; the state ξ recalls

        Δ̂(ξ) = Σ_j Δ_j softmax_j(β x_jᵀξ - β|x_j|²/2) = Σ_j Δ_j softmax_j(-β|x_j - ξ|²/2),

    one update of a modern Hopfield network. The term -β|x_j|²/2 does what normalised patterns do:
    without it long keys would win over near ones. So β = 0 gives the mean increment, β → ∞ that of
    the nearest neighbour, and in between it is a kernel regression with bandwidth 1/√β. The
    forecast is iterated, all windows at once. What is None is chosen by the closed loop on the
    last 15% of the training data, first the embedding, then β between 1/4 and 16 times the
    inverse square of the states' typical distance.

    Keys that together weigh less than 1e-12 are left out: a KD-tree finds the 64, 256, …
    nearest until the rest is that light.

    Cost: O(nT log(nT)) to build the tree; a step and window costs one query, O(k (d + log(nT)))
    for the k keys that matter, and O(nT d) above 12 dimensions or where k is more than an eighth
    of all keys. Memory O(nT d). It fails as a constant in place of a slope does: the recalled
    increment is that of the neighbours' centre, an error linear in their distance.

    Attributes:
        beta: inverse temperature on standardised data, or None to choose it.
        delays: states stacked into one key, or None to choose it and the stride.
        stride: steps between stacked states, where `delays` is given.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.spatial",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 4, 8), "stride": (1, 3)}
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
        """Store the transitions and choose what is None.

        Raises:
            DivergedError: non-finite training data.
            InvalidForecastError: training trajectories shorter than the delays.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="Hopfield",
            select=self.beta is None,
            windows=32,
        )

        def memory(lags: tuple[int, ...], beta: float | None) -> _HopfieldPredictor:
            library = Library.of(training.fitted, training.scaler, lags)
            return _HopfieldPredictor(library, _natural_beta(library) if beta is None else beta)

        lags = training.choose(training.embeddings, lambda lags: memory(lags, self.beta))
        library = Library.of(training.values, training.scaler, lags)
        if self.beta is not None:
            return _HopfieldPredictor(library, self.beta)
        natural = memory(lags, None)
        factor = training.choose(
            _BETAS,
            lambda factor: _HopfieldPredictor(natural.library, factor * natural.beta),
        )
        return _HopfieldPredictor(library, factor * _natural_beta(library))


def _natural_beta(library: Library) -> float:
    """Return 1/h², h the median distance of a state from its nearest other one."""
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
            # None of the states left out is nearer than the farthest one found.
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
