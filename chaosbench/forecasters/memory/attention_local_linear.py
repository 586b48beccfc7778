"""Local-linear analogue whose neighbours are weighted by a softmax (attention)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import Library, prepare, weighted_affine
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["AttentionLocalLinear"]

# The first of each is used where the data are too short to choose.
_NEIGHBOURS = (24, 12, 48)
_BETAS = (4.0, 1.0, 2.0, 8.0)
_RIDGES = (1e-4, 1e-6, 1e-2)


@dataclass(frozen=True)
class AttentionLocalLinear:
    """Weighted ridge regression of increments under attention [casdagli1989], [ramsauer2021].

    The `neighbours` nearest training states x_j of the standardised, delay-embedded state ξ, at
    distances r_j with mean r̄, get the weights

        w = softmax_j(-β r_j² / r̄²).

    An affine map from x_j to the next increments Δ_j is fitted with these weights and evaluated at
    ξ. `Hopfield` recalls the mean of the values under its attention; this forecaster recalls their
    tangent plane, and its error falls with the square of the distance. An affine map is unbounded,
    so states are clipped to the box around the training data, widened by a tenth of its range on
    either side. β = 0 is plain least squares on the neighbourhood, β = 1 is `LocalLinear`. The
    forecast is iterated for all windows at once. Settings that are None are chosen by closed-loop
    forecasts of the last 15% of the training data: first the embedding, then neighbours and β
    together, then the ridge.

    Cost: O(nT log(nT)) to build the KD-tree. Each step of each window costs one query, O(k d
    log(nT)), and one solve of the smaller of the d- and k-dimensional systems; above 12 dimensions
    all distances are computed, O(nT d). Memory is O(nT d). It fails where neighbours are far (few
    data, many dimensions) and under noise, which it follows as if it were signal.

    Attributes:
        neighbours: number of states attended to, or None to choose it; all when there are fewer.
        beta: inverse temperature β, in units of the mean distance in the neighbourhood, or None to
            choose it.
        ridge: penalty relative to the variance of the neighbourhood, or None to choose it.
        delays: number of states stacked into one embedding vector, or None to choose it and the
            stride.
        stride: steps between stacked states, where `delays` is given.
        neighbourhood: ``"auto"`` to try models of neighbourhoods too, shared by all variables,
            where there are many; for 40 variables they cost some forty times as much to iterate.
            ``"all"`` for one model of all variables.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.spatial",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "stride": (1, 2, 3)}
    )

    neighbours: int | None = None
    beta: float | None = None
    ridge: float | None = None
    delays: int | None = None
    stride: int = 1
    neighbourhood: str = "all"

    def __post_init__(self) -> None:
        require_integer(self, "neighbours", minimum=1, optional=True)
        require_real(self, "beta", optional=True)
        require_real(self, "ridge", optional=True)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _AttentionPredictor:  # noqa: ARG002
        """Store the transitions and choose the settings that are None.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="AttentionLocalLinear",
            select=None in (self.neighbours, self.beta, self.ridge),
            local=self.neighbourhood == "auto",
            windows=32,
        )
        counts = _NEIGHBOURS if self.neighbours is None else (self.neighbours,)
        betas = _BETAS if self.beta is None else (self.beta,)
        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        plan = training.choose(
            training.plans,
            lambda plan: _AttentionPredictor(
                Library.of(training.fitted, training.scaler, plan), counts[0], betas[0], ridges[0]
            ),
        )
        library = Library.of(training.fitted, training.scaler, plan)
        count, beta = training.choose(
            [(count, beta) for count in counts for beta in betas],
            lambda pair: _AttentionPredictor(library, pair[0], pair[1], ridges[0]),
        )
        ridge = training.choose(
            ridges, lambda ridge: _AttentionPredictor(library, count, beta, ridge)
        )
        library = Library.of(training.values, training.scaler, plan)
        return _AttentionPredictor(library, count, beta, ridge)


@dataclass(frozen=True, eq=False)
class _AttentionPredictor:
    library: Library
    neighbours: int
    beta: float
    ridge: float

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        library = self.library
        values = delay_rollout(
            library.everywhere(self.increment),
            context,
            horizon,
            scaler=library.scaler,
            lags=library.lags,
            who="AttentionLocalLinear",
            box=library.box,
        )
        return Forecast(values[0])

    def increment(self, query: FloatArray) -> FloatArray:
        """Return the fitted increments ``(n, d)`` at delay vectors ``(n, p)``."""
        library = self.library
        distance, index = library.nearest(query, self.neighbours)
        mean = distance.mean(axis=1, keepdims=True)
        logit = -self.beta * (distance / np.where(mean > 0, mean, 1.0)) ** 2
        weight = np.exp(logit - logit.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        x, y = library.states[index], library.increments[index]
        return weighted_affine(query, x, y, weight, self.ridge)
