"""What the memories share: training states and the increments that followed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.forecasters._shared.arrays import (
    Scaler,
    checked_training,
    delay_embedding,
)
from chaosbench.forecasters._shared.rollout import output_bounds
from chaosbench.forecasters._shared.selection import HeldOut, hold_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from chaosbench.forecasters._protocol import Predictor
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Library", "Training", "prepare", "weighted_affine"]

_TREE_DIMENSIONS = 12
_MARGIN = 0.1

# (delays, stride), in the order that decides ties: first the state alone, then its past over up to
# nine steps, a third of a Lyapunov time at the sampling of the track `forecast`.
_EMBEDDINGS = ((1, 1), (2, 1), (2, 3), (4, 1), (4, 3), (8, 1))


@dataclass(frozen=True, eq=False)
class Library:
    """Delay vectors of standardised training data and the increments that followed them.

    Attributes:
        scaler: standardisation of the data.
        lags: lags of the stacked states in steps, 0 first.
        states: delay vectors ``(N, p)``.
        increments: ``(N, d)``.
        squares: squared lengths of the states, ``(N,)``.
        box: lowest and highest values ``(2, d)``, widened by a tenth of their range on either side.
        tree: KD-tree of the states; None where none was asked for, or where it would prune little.

    """

    scaler: Scaler
    lags: tuple[int, ...]
    states: FloatArray
    increments: FloatArray
    squares: FloatArray
    box: FloatArray
    tree: Any

    @classmethod
    def of(
        cls, values: FloatArray, scaler: Scaler, lags: tuple[int, ...], *, tree: bool = True
    ) -> Library:
        """Collect the transitions within trajectories ``(n, T, d)``."""
        z = scaler.apply(values)
        states = delay_embedding(z[:, :-1], lags)
        points = states.reshape(-1, states.shape[2])
        increments = np.diff(z[:, max(lags) :], axis=1).reshape(-1, z.shape[2])
        index = None
        if tree and points.shape[1] <= _TREE_DIMENSIONS:
            from scipy.spatial import cKDTree

            index = cKDTree(points)
        box = output_bounds(z, margin=_MARGIN)
        return cls(scaler, lags, points, increments, (points**2).sum(axis=1), box, index)

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
        embeddings: the lags of each candidate.
        held_out: windows of the tail, or None where no choice is needed or the data are too short.

    """

    values: FloatArray
    scaler: Scaler
    embeddings: tuple[tuple[int, ...], ...]
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
        windows: number of held-out windows.
        horizon: length of these windows in steps.

    """
    shortest = 1 if delays is None else delays
    minimum = (shortest - 1) * stride + 2
    values = checked_training(train, minimum=minimum, who=who)
    if delays is None:
        # Many variables are taken to be the whole state: their past would only blur distances.
        options = [(k, s) for k, s in _EMBEDDINGS if k * values.shape[2] <= _TREE_DIMENSIONS]
        options = [(k, s) for k, s in options if 10 * (k - 1) * s < values.shape[1]] or [(1, 1)]
    else:
        options = [(delays, stride)]
    embeddings = tuple(tuple(i * s for i in range(k)) for k, s in options)
    scaler = Scaler.of(values)
    held_out = None
    if select or len(embeddings) > 1:
        reach = max(max(lags) for lags in embeddings)
        held_out = hold_out(
            values, scale=scaler.scale, warmup=reach + 1, windows=windows, horizon=horizon
        )
    return Training(values, scaler, embeddings, held_out)
