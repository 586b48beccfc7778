"""What the memories share: training states and the increments that followed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_training
from chaosbench.forecasters._shared.regression import Plan, plans_for, transitions
from chaosbench.forecasters._shared.rollout import delay_rollout, output_bounds
from chaosbench.forecasters._shared.selection import HeldOut, hold_out
from chaosbench.forecasters._shared.settings import single_threaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from chaosbench.forecasters._protocol import Predictor
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Library", "LocallyLinear", "Training", "embedding", "prepare", "weighted_affine"]

_TREE_DIMENSIONS = 12
_MARGIN = 0.1
_NEARLY = 0.9

# A memory that all variables share holds so many times the transitions of one variable.
_POOLED = 3


@dataclass(frozen=True, eq=False)
class Library:
    """Delay vectors of standardised training data and the increments that followed them.

    Attributes:
        scaler: standardisation of the data.
        plan: which delayed values make a state.
        states: delay vectors ``(N, p)``.
        increments: ``(N, d)``, or ``(N, 1)`` where all variables share the memory.
        squares: squared lengths of the states, ``(N,)``.
        box: lowest and highest values ``(2, d)``, widened by a tenth of their range on either side.
        tree: KD-tree of the states; None where none was asked for, or where it would prune little.

    """

    scaler: Scaler
    plan: Plan
    states: FloatArray
    increments: FloatArray
    squares: FloatArray
    box: FloatArray
    tree: Any

    @property
    def lags(self) -> tuple[int, ...]:
        """Lags of the stacked states in steps, 0 first."""
        return self.plan.lags

    @classmethod
    def of(cls, values: FloatArray, scaler: Scaler, plan: Plan, *, tree: bool = True) -> Library:
        """Collect the transitions within trajectories ``(n, T, d)``."""
        scaler = plan.scaling(scaler)
        z = scaler.apply(values)
        n, length, d = values.shape
        points, increments = transitions(
            plan, z, n * length * _POOLED // d if plan.shared else n * length
        )
        if plan.shared:
            points = points.reshape(-1, points.shape[2])
            increments = increments.reshape(-1, 1)
        index = None
        if tree and points.shape[1] <= _TREE_DIMENSIONS:
            from scipy.spatial import cKDTree

            index = cKDTree(points)
        box = output_bounds(z, margin=_MARGIN)
        return cls(scaler, plan, points, increments, (points**2).sum(axis=1), box, index)

    def everywhere(
        self, increment: Callable[[FloatArray], FloatArray]
    ) -> Callable[[FloatArray], FloatArray]:
        """Return the map from delay vectors of all variables to the increments of all variables."""
        around = self.plan.around
        if around is None:
            return increment

        def local(states: FloatArray) -> FloatArray:
            cut = around.local(states)
            return increment(cut.reshape(-1, cut.shape[2])).reshape(len(states), -1)

        return local

    def nearest(self, query: FloatArray, count: int) -> tuple[FloatArray, NDArray[np.intp]]:
        """Return distance and index of the nearest states of each query, each ``(n, count)``.

        They are in ascending order of distance with a tree, and in no order without one.
        """
        count = min(count, len(self.states))
        if self.tree is not None:
            distance, index = self.tree.query(query, k=[*range(1, count + 1)])
            return distance, index
        # One matrix product gives the cross terms and finds the neighbours. It loses digits where
        # the distance is small, so the distances to the neighbours are then computed directly.
        rank = self.squares - 2 * (query @ self.states.T)
        index = np.argpartition(rank, count - 1, axis=1)[:, :count]
        offset = self.states[index] - query[:, np.newaxis]
        return np.sqrt(np.einsum("nkp,nkp->nk", offset, offset)), index


def weighted_affine(
    query: FloatArray, x: FloatArray, y: FloatArray, weight: FloatArray, ridge: float
) -> FloatArray:
    """Fit an affine map to weighted pairs around each query and evaluate it there, ``(n, d)``.

    Args:
        query: ``(n, p)``.
        x: inputs of the pairs, ``(n, k, p)``.
        y: outputs of the pairs, ``(n, k, d)``.
        weight: ``(n, k)``, with sum 1 over k.
        ridge: penalty on the slopes relative to the mean variance of the inputs.

    """
    x_mean = np.einsum("nk,nkp->np", weight, x)
    y_mean = np.einsum("nk,nkd->nd", weight, y)
    root = np.sqrt(weight)[:, :, np.newaxis]
    a = root * (x - x_mean[:, np.newaxis])
    b = root * (y - y_mean[:, np.newaxis])
    at = a.swapaxes(1, 2)
    offset = (query - x_mean)[:, np.newaxis]
    count, p = a.shape[1:]
    # The constant only matters where all neighbours coincide; then a and b are zero as well.
    penalty = ridge * np.einsum("nkp,nkp->n", a, a) / p + 1e-30
    diagonal = penalty[:, np.newaxis, np.newaxis]
    if p <= count:
        slope = np.linalg.solve(at @ a + diagonal * np.eye(p), at @ b)
        correction = offset @ slope
    else:  # the same fit as a k-dimensional dual problem
        dual = np.linalg.solve(a @ at + diagonal * np.eye(count), b)
        correction = (offset @ at) @ dual
    return np.asarray(y_mean + correction[:, 0])


@dataclass(frozen=True, eq=False)
class Training:
    """Checked training data, candidate embeddings, and the windows that judge them.

    Attributes:
        values: ``(n, T, d)``.
        scaler: standardisation, measured on all of the values.
        plans: which delayed values make a state, for each candidate.
        held_out: windows of the tail, or None where no choice is needed or the data are too short.

    """

    values: FloatArray
    scaler: Scaler
    plans: tuple[Plan, ...]
    held_out: HeldOut | None

    @property
    def fitted(self) -> FloatArray:
        """The values to which candidates are fitted."""
        return self.values if self.held_out is None else self.values[:, : self.held_out.split]

    def choose(self, candidates: Sequence[Any], build: Callable[[Any], Predictor]) -> Any:
        """Return the candidate whose predictor follows the held-out windows longest.

        Without held-out windows it is the first candidate.
        """
        if self.held_out is None or len(candidates) == 1:
            return candidates[0]
        return candidates[self.held_out.best([build(candidate) for candidate in candidates])]


def prepare(
    train: Trajectories,
    *,
    delays: int | None,
    stride: int,
    who: str,
    select: bool,
    local: bool = False,
    windows: int = 16,
    horizon: int = 200,
) -> Training:
    """Check and scale the training data, and hold out windows for the choice of settings.

    Args:
        train: the training trajectories.
        delays: number of stacked states, or None to try all embeddings that the data allow.
        stride: steps between stacked states, where `delays` is given.
        who: name of the forecaster for error messages.
        select: whether any setting other than the embedding has to be chosen.
        local: whether to try memories of neighbourhoods that all variables share.
        windows: number of held-out windows.
        horizon: length of these windows in steps.

    """
    shortest = 1 if delays is None else delays
    minimum = (shortest - 1) * stride + 2
    values = checked_training(train, minimum=minimum, who=who)
    scaler = Scaler.of(values)
    # Many variables are taken to be the whole state: their past would only blur distances.
    plans = plans_for(
        values,
        scaler,
        delays=delays,
        stride=None if delays is None else stride,
        local=local,
        widest=_TREE_DIMENSIONS,
    )
    # One memory for each variable would cost as many trees, and delays would blur distances.
    kept = [p for p in plans if p.around is None or (p.shared and len(p.lags) == (delays or 1))]
    held_out = None
    if select or len(kept) > 1:
        reach = max(max(plan.lags) for plan in kept)
        held_out = hold_out(
            values, scale=scaler.scale, warmup=reach + 1, windows=windows, horizon=horizon
        )
    return Training(values, scaler, tuple(kept), held_out)


@dataclass(frozen=True, eq=False)
class LocallyLinear:
    """An affine map fitted to the nearest states of a library at every step [farmer1987]."""

    library: Library
    neighbours: int
    ridge: float
    who: str

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context ``(n, C, d)`` by `horizon` steps."""
        library = self.library
        values = delay_rollout(
            library.everywhere(self._increment),
            context,
            horizon,
            scaler=library.scaler,
            lags=library.lags,
            who=self.who,
            box=library.box,
        )
        return Forecast(values[0])

    def _increment(self, query: FloatArray) -> FloatArray:
        """Return the fitted increments ``(n, d)`` at delay vectors ``(n, p)``."""
        library = self.library
        distance, index = library.nearest(query, self.neighbours)
        mean_distance = distance.mean(axis=1, keepdims=True)
        weight = np.exp(-((distance / np.where(mean_distance > 0, mean_distance, 1.0)) ** 2))
        weight /= weight.sum(axis=1, keepdims=True)
        x, y = library.states[index], library.increments[index]
        return weighted_affine(query, x, y, weight, self.ridge)


def embedding(train: Trajectories, *, who: str) -> tuple[int, ...]:
    """Choose lags for a network, which is too expensive to be tried with each embedding.

    Locally linear maps stand in for it. Of the embeddings whose score reaches nine tenths of the
    best one, the first is chosen: more delays than the state needs make a network's task harder.
    """
    training = prepare(train, delays=None, stride=1, who=who, select=False, windows=8, horizon=150)
    held_out = training.held_out
    if held_out is None or len(training.plans) == 1:
        return training.plans[0].lags
    steps = held_out.truth.shape[1]
    scores = []
    for plan in training.plans:
        library = Library.of(training.fitted, training.scaler, plan)
        values = LocallyLinear(library, 20, 1e-6, who).predict(held_out.context, steps).values
        scores.append(held_out.score(values))
    enough = _NEARLY * max(scores)
    return next(p.lags for p, score in zip(training.plans, scores, strict=True) if score >= enough)
