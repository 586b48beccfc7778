"""Local-linear analogue: an affine map fitted to the nearest training states at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._common import (
    Scaler,
    checked_context,
    checked_training,
    closed_loop,
    delay_embedding,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters._protocol import Forecast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["LocalLinear"]

_TREE_DIMENSIONS = 12


@dataclass(frozen=True)
class LocalLinear:
    """Local-linear prediction from neighbouring training states [farmer1987], [casdagli1989].

    With x the standardised (and, for ``delays > 1``, delay-embedded) state, the `neighbours`
    nearest training states x_j with their next increments Δ_j give

        Δ̂(x) = Δ̄ + (x - x̄)ᵀ B,   B = argmin Σ_j w_j |Δ_j - Δ̄ - (x_j - x̄)ᵀ B|² + λ|B|²,

    where bars are weighted means, w_j = exp(-(r_j / r̄)²) falls with the distance r_j, and λ is
    `ridge` times the neighbourhood's mean variance. The forecast is iterated, all windows at once.

    Cost: O(nT log(nT)) to build the KD-tree; a step and window costs one query, O(k d log(nT)),
    and one solve of the smaller of the d- and k-dimensional systems. A KD-tree prunes little in
    many dimensions: above 12 all distances are computed, O(nT d). Memory O(nT d). It fails where
    neighbours are far (few data, many dimensions) and under noise: the error of one step grows
    with the squared distance, about as T^(-2/D) for an attractor of dimension D.

    Attributes:
        neighbours: number of nearest training states; all of them when there are fewer.
        delays: states stacked into one embedding vector, 1 when the state is fully observed.
        stride: steps between stacked states.
        ridge: λ relative to the variance of the neighbourhood.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.spatial",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"neighbours": (8, 20, 50, 100), "delays": (1, 2, 4, 8), "stride": (1, 3)}
    )

    neighbours: int = 20
    delays: int = 1
    stride: int = 1
    ridge: float = 1e-6

    def __post_init__(self) -> None:
        require_integer(self, "neighbours", minimum=1)
        require_integer(self, "delays", minimum=1)
        require_integer(self, "stride", minimum=1)
        require_real(self, "ridge")

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _LocalLinearPredictor:  # noqa: ARG002
        """Index the training states; raise `DivergedError` on non-finite training."""
        from scipy.spatial import cKDTree

        lags = tuple(i * self.stride for i in range(self.delays))
        values = checked_training(train, minimum=max(lags) + 2, who="LocalLinear")
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        states = delay_embedding(z[:, :-1], lags)
        increments = np.diff(z[:, max(lags) :], axis=1)
        points = states.reshape(-1, states.shape[2])
        return _LocalLinearPredictor(
            config=self,
            scaler=scaler,
            lags=lags,
            tree=cKDTree(points) if points.shape[1] <= _TREE_DIMENSIONS else None,
            squares=(points**2).sum(axis=1),
            states=points,
            increments=increments.reshape(-1, increments.shape[2]),
        )


@dataclass(frozen=True, eq=False)
class _LocalLinearPredictor:
    config: LocalLinear
    scaler: Scaler
    lags: tuple[int, ...]
    tree: Any  # None in many dimensions
    squares: FloatArray
    states: FloatArray
    increments: FloatArray

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        needed = max(self.lags) + 1
        rows, alive = checked_context(
            context,
            horizon,
            d=self.increments.shape[1],
            minimum=needed,
            used=needed,
            who="LocalLinear",
        )
        memory = self.scaler.apply(rows)

        def step(latest: FloatArray) -> FloatArray:
            memory[:, :-1] = memory[:, 1:]
            memory[:, -1] = latest
            return latest + self._increment(delay_embedding(memory, self.lags)[:, 0])

        start = memory[:, -1].copy()
        memory[:, 1:] = memory[:, :-1].copy()  # the first step shifts the context back in place
        return Forecast(self.scaler.undo(closed_loop(step, start, horizon, alive)))

    def _increment(self, query: FloatArray) -> FloatArray:
        """Return the fitted increment ``(n, d)`` at each query state ``(n, p)``."""
        distance, index = self._nearest(query)
        count = distance.shape[1]
        mean_distance = distance.mean(axis=1, keepdims=True)
        weight = np.exp(-((distance / np.where(mean_distance > 0, mean_distance, 1.0)) ** 2))
        weight /= weight.sum(axis=1, keepdims=True)
        x, y = self.states[index], self.increments[index]
        x_mean = np.einsum("nk,nkp->np", weight, x)
        y_mean = np.einsum("nk,nkd->nd", weight, y)
        root = np.sqrt(weight)[:, :, np.newaxis]
        a = root * (x - x_mean[:, np.newaxis])
        b = root * (y - y_mean[:, np.newaxis])
        at = a.swapaxes(1, 2)
        offset = (query - x_mean)[:, np.newaxis]
        p = a.shape[2]
        # The floor only matters where all neighbours coincide; then a and b are zero as well.
        penalty = self.config.ridge * np.einsum("nkp,nkp->n", a, a) / p + 1e-30
        ridge = penalty[:, np.newaxis, np.newaxis]
        if p <= count:
            slope = np.linalg.solve(at @ a + ridge * np.eye(p), at @ b)
            correction = offset @ slope
        else:  # the same fit through the k-dimensional dual
            dual = np.linalg.solve(a @ at + ridge * np.eye(count), b)
            correction = (offset @ at) @ dual
        return np.asarray(y_mean + correction[:, 0])

    def _nearest(self, query: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
        """Return distance and index of the nearest training states, each ``(n, k)``."""
        count = min(self.config.neighbours, len(self.states))
        if self.tree is not None:
            distance, index = self.tree.query(query, k=[*range(1, count + 1)])
            return distance, index
        # The cross term by one matrix product finds the neighbours; it loses digits where the
        # distance is small, so that the distances of those few are then computed directly.
        rank = self.squares - 2 * (query @ self.states.T)
        index = np.argpartition(rank, count - 1, axis=1)[:, :count]
        offset = self.states[index] - query[:, np.newaxis]
        return np.sqrt(np.einsum("nkp,nkp->nk", offset, offset)), index
