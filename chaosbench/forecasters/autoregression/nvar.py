"""Nonlinear vector autoregression, also called next-generation reservoir computing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import comb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import (
    Scaler,
    checked_training,
    delay_embedding,
)
from chaosbench.forecasters._shared.ridge import NormalEquations
from chaosbench.forecasters._shared.rollout import delay_rollout, output_bounds
from chaosbench.forecasters._shared.selection import hold_out, lasting
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["NVAR"]

_CHUNK_BYTES = 32_000_000
# The best is 1e-10 on Lorenz at a step of 0.02, and 1e-4 on Rössler at 30 points per period.
_RIDGES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
_DEFAULT_RIDGE = 1e-6
# Other choices than the authors' are tried up to this many features.
_FEW = 400


@dataclass(frozen=True)
class NVAR:
    """Nonlinear vector autoregression (NG-RC) [gauthier2021].

    The features of the standardised series z at time t are a constant, the linear part L, and all
    unique monomials of degree `order` in L,

        L = z(t) ⊕ z(t-s) ⊕ … ⊕ z(t-(k-1)s),    Φ = 1 ⊕ L ⊕ {L_i L_j …},
        z(t+1) = z(t) + W Φ(t),

    with k = `delay`, s = `stride`, and W from ridge regression on the increments. These are the
    features of reservoirpy's `NVAR` node (a test compares the two). Only the indices of the
    monomials are taken from the node, because it computes features one step at a time in Python.

    Settings that are None are chosen by closed-loop forecasts of the last 15% of the training data:
    the features from k = 1 … 8, s = 1, 2 or 5 and order 2 or 3, the range of the literature, and
    the penalty from 1e-2 … 1e-12. A score is halved where all free runs of 1,000 steps diverge. The
    readout is then refitted to all data. k = 2, s = 1 and order 2 are the authors' settings for
    Lorenz at a time step of 0.025; they are too few for flows that are sampled more coarsely. A
    context has to hold all delayed states, 36 samples at most.

    Cost: with p = 1 + kd + C(kd + order - 1, order) features, O(nT p²) time and O(p²) memory to
    fit, for each of up to 20 choices of features, and O(p d) per step and window. Choices of more
    than 400 features are not tried, except the authors' and the smallest. It fails where the flow
    over one step is far from a polynomial of this degree in the delayed values (coarse sampling):
    the polynomial map then leaves the attractor, and the output is clipped to the training range,
    widened by half of it on either side.

    Attributes:
        delay: number k of states in the linear part, or None to choose it.
        order: degree of the monomials, or None to choose it; 1 keeps the linear part only.
        stride: steps s between delayed states, or None to choose it.
        ridge: penalty per sample, on standardised data, or None to choose it.
        max_features: largest number of features; `fit` raises `ParameterError` where the settings
            need more.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "reservoirpy.nodes")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delay": (1, 2, 3, 5), "stride": (1, 2, 5), "order": (2, 3)}
    )

    delay: int | None = None
    order: int | None = None
    stride: int | None = None
    ridge: float | None = None
    max_features: int = 6000

    def __post_init__(self) -> None:
        require_integer(self, "delay", minimum=1, optional=True)
        require_integer(self, "order", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1, optional=True)
        require_real(self, "ridge", optional=True)
        require_integer(self, "max_features", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _NVARPredictor:  # noqa: ARG002
        """Solve for the readout.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.
            ParameterError: the settings need more than `max_features` features for these variables.

        """
        shapes = self._shapes(train.values.shape[2])
        shortest = min(shape.reach for shape in shapes)
        values = checked_training(train, minimum=shortest + 2, who="NVAR")
        # Delays longer than a tenth of a trajectory would cost too much of the data.
        longest = max(shortest, values.shape[1] // 10)
        shapes = [shape for shape in shapes if shape.reach <= longest]
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        held_out = None
        if len(shapes) * len(ridges) > 1:
            warmup = max(shape.reach for shape in shapes) + 1
            held_out = hold_out(values, scale=scaler.scale, warmup=warmup)
        if held_out is None:
            ridge = _DEFAULT_RIDGE if self.ridge is None else self.ridge
            return _Trained(scaler, shapes[0], z).predictor(ridge, output_bounds(z))
        found = [_Trained(scaler, shape, z[:, : held_out.split]) for shape in shapes]
        candidates = [(trained, ridge) for trained in found for ridge in ridges]
        predictors = [trained.predictor(ridge) for trained, ridge in candidates]
        horizon = held_out.truth.shape[1]
        scores = [held_out.score(p.predict(held_out.context, horizon).values) for p in predictors]
        best, _ = lasting(scores, lambda i: held_out.bounded(predictors[i]))
        trained, ridge = candidates[best]
        # The first increment of the tail starts from the last states before the tail.
        trained.add(z[:, held_out.split - trained.shape.reach - 1 :])
        return trained.predictor(ridge, output_bounds(z))

    def _shapes(self, d: int) -> list[_Shape]:
        """Return the choices of features to try for `d` variables, the authors' own first."""
        shapes = []
        for default in _SHAPES:
            delay = self.delay or default.delay
            order = self.order or default.order
            # The stride has no meaning for a single state.
            stride = self.stride or (default.stride if delay > 1 else 1)
            shapes.append(_Shape(delay, stride, order))
        shapes = list(dict.fromkeys(shapes))
        smallest = min(shapes, key=lambda shape: shape.count(d))
        if smallest.count(d) > self.max_features:
            raise ParameterError(
                f"NVAR with delay={smallest.delay}, order={smallest.order} has "
                f"{smallest.count(d)} features on {d} variables; lower delay or order, or raise "
                f"max_features={self.max_features}"
            )
        # The authors' choice and the smallest are always tried, others if they have few features.
        always = (shapes[0], smallest)
        return [
            shape
            for shape in shapes
            if shape.count(d) <= (self.max_features if shape in always else _FEW)
        ]


@dataclass(frozen=True)
class _Shape:
    """A choice of features."""

    delay: int
    stride: int
    order: int

    @property
    def reach(self) -> int:
        """Steps back to the oldest state."""
        return (self.delay - 1) * self.stride

    def count(self, d: int) -> int:
        """Return the number of features for `d` variables."""
        linear = self.delay * d
        return 1 + linear + (comb(linear + self.order - 1, self.order) if self.order > 1 else 0)


_SHAPES = tuple(
    _Shape(delay, stride, order)
    for delay, stride in (
        (2, 1),
        (1, 1),
        (2, 2),
        (2, 5),
        (3, 1),
        (3, 2),
        (4, 1),
        (6, 1),
        (4, 5),
        (8, 5),
    )
    for order in (2, 3)
)


class _Trained:
    """The normal equations for one choice of features."""

    def __init__(self, scaler: Scaler, shape: _Shape, z: FloatArray) -> None:
        d = z.shape[2]
        self.shape = shape
        self._untrained = _NVARPredictor(
            scaler=scaler,
            lags=tuple(i * shape.stride for i in range(shape.delay)),
            monomials=_monomials(d, shape.delay, shape.order, shape.stride),
            readout=np.zeros((shape.count(d), d)),
        )
        self._equations = NormalEquations(*self._untrained.readout.shape)
        self.add(z)

    def add(self, z: FloatArray) -> None:
        """Add features and increments of standardised trajectories ``(n, T, d)``."""
        self._untrained.gather(self._equations, z)

    def predictor(self, ridge: float, bounds: FloatArray | None = None) -> _NVARPredictor:
        """Solve with this penalty; outputs are clipped to the bounds ``(2, d)``."""
        return replace(self._untrained, readout=self._equations.solve(ridge), bounds=bounds)


def _monomials(d: int, delay: int, order: int, stride: int) -> NDArray[np.intp]:
    """Return the factors of each monomial of reservoirpy's node, ``(order, M)``.

    The node computes the monomials one sample at a time in Python; `features` does so in batches.
    """
    if order == 1:
        return np.empty((1, 0), dtype=np.intp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reservoirpy.nodes import NVAR as Node

        node = Node(delay=delay, order=order, strides=stride)
        node.initialize(np.zeros((1, d)))
    return np.asarray(node._monomial_idx, dtype=np.intp).T.copy()


def features(linear: FloatArray, monomials: NDArray[np.intp]) -> FloatArray:
    """Return the constant, the linear part and the monomials, ``(rows, p)``."""
    rows, width = linear.shape
    phi = np.empty((rows, 1 + width + monomials.shape[1]))
    phi[:, 0] = 1.0
    phi[:, 1 : 1 + width] = linear
    product = phi[:, 1 + width :]
    np.take(linear, monomials[0], axis=1, out=product)
    for factor in monomials[1:]:
        product *= linear[:, factor]
    return phi


@dataclass(frozen=True, eq=False)
class _NVARPredictor:
    scaler: Scaler
    lags: tuple[int, ...]
    monomials: NDArray[np.intp]
    readout: FloatArray
    bounds: FloatArray | None = None

    def gather(self, equations: NormalEquations, z: FloatArray) -> None:
        """Add features and increments of standardised trajectories ``(n, T, d)``."""
        linear = delay_embedding(z[:, :-1], self.lags)
        rows = linear.reshape(-1, linear.shape[2])
        increments = np.diff(z[:, max(self.lags) :], axis=1).reshape(-1, z.shape[2])
        chunk = max(1, _CHUNK_BYTES // (8 * len(self.readout)))
        for begin in range(0, len(rows), chunk):
            part = slice(begin, begin + chunk)
            equations.add(features(rows[part], self.monomials), increments[part])

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        values = delay_rollout(
            lambda states: np.asarray(features(states, self.monomials) @ self.readout),
            context,
            horizon,
            scaler=self.scaler,
            lags=self.lags,
            who="NVAR",
            box=self.bounds,
        )
        return Forecast(values[0])
