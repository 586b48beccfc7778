"""Local-linear analogue: an affine map fitted to the nearest training states at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from chaosbench.forecasters._shared.analogues import Library, LocallyLinear, prepare
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.regression import Plan
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["LocalLinear"]


@dataclass(frozen=True)
class LocalLinear:
    """Local-linear prediction from neighbouring training states [farmer1987], [casdagli1989].

    Let x be the standardised, delay-embedded state. The `neighbours` nearest
    training states x_j and their next increments Δ_j give

        Δ̂(x) = Δ̄ + (x - x̄)ᵀ B,   B = argmin Σ_j w_j |Δ_j - Δ̄ - (x_j - x̄)ᵀ B|² + λ|B|²,

    where bars are weighted means, w_j = exp(-(r_j / r̄)²) falls with the distance r_j, and λ is
    `ridge` times the mean variance of the neighbourhood. The forecast is iterated for all windows
    at once. An affine map is unbounded, so states are clipped to the box around the training data,
    widened by a tenth of its range on either side. With ``delays=None`` the embedding is the one
    whose closed loop follows the last 15% of the training data longest. With more than 8 variables,
    the choice includes memories of neighbourhoods, which all variables share.

    Cost: O(nT log(nT)) to build the KD-tree. Each step of each window costs one query, O(k d
    log(nT)), and one solve of the smaller of the d- and k-dimensional systems. A KD-tree prunes
    little in many dimensions: above 12, all distances are computed, O(nT d). Memory is O(nT d). It
    fails where neighbours are far (few data, many dimensions) and under noise: the error of one
    step grows with the squared distance, about as T^(-2/D) on an attractor of dimension D.

    Attributes:
        neighbours: number of nearest training states; all of them when there are fewer.
        delays: number of states stacked into one embedding vector, or None to choose it and the
            stride.
        stride: steps between stacked states, where `delays` is given.
        ridge: λ relative to the variance of the neighbourhood.
        neighbourhood: ``"auto"`` to try local models too where there are many variables, ``"all"``
            for one model of all variables.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.spatial",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "stride": (1, 2, 3), "neighbours": (8, 20, 50, 100)}
    )

    neighbours: int = 20
    delays: int | None = None
    stride: int = 1
    ridge: float = 1e-6
    neighbourhood: str = "auto"

    def __post_init__(self) -> None:
        require_integer(self, "neighbours", minimum=1)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)
        require_real(self, "ridge")
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> LocallyLinear:  # noqa: ARG002
        """Index the training states; raise `DivergedError` on non-finite training data."""
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="LocalLinear",
            select=False,
            local=self.neighbourhood == "auto",
            windows=8,
            horizon=150,
        )

        def memory(plan: Plan, values: FloatArray) -> LocallyLinear:
            library = Library.of(values, training.scaler, plan)
            return LocallyLinear(library, self.neighbours, self.ridge, "LocalLinear")

        plan = training.choose(training.plans, lambda plan: memory(plan, training.fitted))
        return memory(plan, training.values)
