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
from chaosbench.forecasters._ridge import NormalEquations, select_ridge
from chaosbench.forecasters._selection import hold_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["NVAR"]

_CHUNK_BYTES = 32_000_000
# Two decades apart: on Lorenz at 0.02 the best is 1e-10, on Rössler at 30 points a period 1e-4.
_RIDGES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
_DEFAULT_RIDGE = 1e-6


@dataclass(frozen=True)
class NVAR:
    """Nonlinear vector autoregression (NG-RC) [gauthier2021].

    The features of the standardised series z at time t are a constant, the linear part and all
    unique monomials of degree `order` in it,

        L = z(t) ⊕ z(t-s) ⊕ … ⊕ z(t-(k-1)s),    Φ = 1 ⊕ L ⊕ {L_i L_j …},
        z(t+1) = z(t) + W Φ(t),

    which reservoirpy's `NVAR` node defines (a test holds the two equal), with k = `delay`,
    s = `stride`, and W from ridge regression on the increments. The node itself is not called: it
    makes features one step at a time in Python. With ``ridge=None`` the penalty is the one of
    1e-2 … 1e-12 whose closed loop follows the last 15% of the training data longest; the readout
    is then refitted to all of it.

    Cost: with p = 1 + kd + C(kd + order - 1, order) features, O(nT p²) time and O(p²) memory to
    fit, and O(p d) a step and window. It fails where the flow over one step is not near a
    polynomial of this degree in the delayed values (coarse sampling), and by divergence, since
    nothing bounds a polynomial map.

    Attributes:
        delay: number of states in the linear part.
        order: degree of the monomials; 1 leaves the linear part only.
        stride: steps between delayed states.
        ridge: penalty per sample, on standardised data, or None to choose it by held-out rollout.
        max_features: `fit` raises `ParameterError` beyond this many features.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "reservoirpy.nodes")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delay": (1, 2, 3, 5), "stride": (1, 2, 5), "order": (2, 3)}
    )

    delay: int = 2
    order: int = 2
    stride: int = 1
    ridge: float | None = None
    max_features: int = 6000

    def __post_init__(self) -> None:
        require_integer(self, "delay", minimum=1)
        require_integer(self, "order", minimum=1)
        require_integer(self, "stride", minimum=1)
        require_real(self, "ridge", optional=True)
        require_integer(self, "max_features", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _NVARPredictor:  # noqa: ARG002
        """Solve for the readout.

        Raises:
            DivergedError: non-finite training data.
            InvalidForecastError: training trajectories shorter than the delays.
            ParameterError: more than `max_features` features for this many variables.

        """
        lags = tuple(i * self.stride for i in range(self.delay))
        values = checked_training(train, minimum=max(lags) + 2, who="NVAR")
        linear = self.delay * values.shape[2]
        count = 1 + linear + (comb(linear + self.order - 1, self.order) if self.order > 1 else 0)
        if count > self.max_features:
            raise ParameterError(
                f"NVAR with delay={self.delay}, order={self.order} has {count} features on "
                f"{values.shape[2]} variables; lower them or raise max_features={self.max_features}"
            )
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        fitted = _NVARPredictor(
            scaler=scaler,
            lags=lags,
            monomials=_monomials(values.shape[2], self.delay, self.order, self.stride),
            readout=np.zeros((count, z.shape[2])),
        )
        ridge = self.ridge
        equations = NormalEquations(*fitted.readout.shape)
        held_out = None
        if ridge is None:
            held_out = hold_out(values, scale=scaler.scale, warmup=max(lags) + 1)
        split = z.shape[1] if held_out is None else held_out.split
        fitted.gather(equations, z[:, :split])
        if held_out is not None:
            ridge = select_ridge(
                equations, _RIDGES, lambda readout: replace(fitted, readout=readout), held_out
            )
            # The first increment of the tail starts from the last states before it.
            fitted.gather(equations, z[:, split - max(lags) - 1 :])
        readout = equations.solve(_DEFAULT_RIDGE if ridge is None else ridge)
        return replace(fitted, readout=readout)


def _monomials(d: int, delay: int, order: int, stride: int) -> NDArray[np.intp]:
    """Take from reservoirpy's node the factors of each of its monomials, ``(order, M)``.

    The node itself computes them one sample at a time in Python; `features` does so in batches.
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
    """Return constant, linear part and monomials, ``(rows, p)``."""
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
        needed = max(self.lags) + 1
        rows, alive = checked_context(
            context,
            horizon,
            d=self.readout.shape[1],
            minimum=needed,
            used=needed,
            who="NVAR",
        )
        memory = self.scaler.apply(rows)

        def step(latest: FloatArray) -> FloatArray:
            memory[:, :-1] = memory[:, 1:]
            memory[:, -1] = latest
            phi = features(delay_embedding(memory, self.lags)[:, 0], self.monomials)
            return np.asarray(latest + phi @ self.readout)

        start = memory[:, -1].copy()
        memory[:, 1:] = memory[:, :-1].copy()  # the first step shifts the context back in place
        return Forecast(self.scaler.undo(closed_loop(step, start, horizon, alive)))
