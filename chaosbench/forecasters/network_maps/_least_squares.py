"""Layered networks with exact Jacobians, trained by the Levenberg–Marquardt method."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from chaosbench.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosbench.trajectories import FloatArray

__all__ = ["Layer", "Network", "descend"]

_CHUNK_BYTES = 64_000_000
_FIRST_DAMPING = 1e-3
_DAMPINGS = (1e-15, 1e10)
_EASIER, _HARDER = 1 / 3, 4.0
_TRIES = 12
# The damping is relative to the curvature of each weight, and this much is added to all of them.
_FLOOR = 1e-12


class Layer(Protocol):
    """One layer; its weights are a vector."""

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        ...

    @property
    def size(self) -> int:
        """Number of weights."""
        ...

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Draw weights for inputs of about unit size."""
        ...

    def value(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the outputs ``(N, o)`` at inputs ``(N, i)``."""
        ...

    def by_input(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the derivatives by the inputs, ``(N, o, i)``."""
        ...

    def by_weights(self, weights: FloatArray, x: FloatArray, outer: FloatArray) -> FloatArray:
        """Return ``outer`` ``(N, d, o)`` times the derivatives by the weights, ``(N, d, size)``."""
        ...


@dataclass(frozen=True)
class Network:
    """Layers one after the other."""

    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(layer.size for layer in self.layers)

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Draw all weights."""
        return np.concatenate([layer.start(rng) for layer in self.layers])

    def _parts(self, weights: FloatArray) -> Sequence[FloatArray]:
        return np.split(weights, np.cumsum([layer.size for layer in self.layers])[:-1])

    def value(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the outputs ``(N, d)`` at inputs ``(N, p)``."""
        for layer, own in zip(self.layers, self._parts(weights), strict=True):
            x = layer.value(own, x)
        return x

    def jacobian(self, weights: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the outputs ``(N, d)`` and their derivatives by the weights, ``(N, d, P)``."""
        parts = self._parts(weights)
        inputs = []
        for layer, own in zip(self.layers, parts, strict=True):
            inputs.append(x)
            x = layer.value(own, x)
        outer = np.broadcast_to(np.eye(x.shape[1]), (len(x), x.shape[1], x.shape[1]))
        blocks = []
        for layer, own, entering in list(zip(self.layers, parts, inputs, strict=True))[::-1]:
            blocks.append(layer.by_weights(own, entering, outer))
            outer = outer @ layer.by_input(own, entering)
        return x, np.concatenate(blocks[::-1], axis=2)


def _normal_equations(
    network: Network, weights: FloatArray, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return JᵀJ/N and Jᵀ(f - y)/N."""
    size = network.size
    gram, slope = np.zeros((size, size)), np.zeros(size)
    rows = max(1, _CHUNK_BYTES // (8 * size * y.shape[1]))
    for begin in range(0, len(x), rows):
        part = slice(begin, begin + rows)
        value, jacobian = network.jacobian(weights, x[part])
        flat = jacobian.reshape(-1, size)
        gram += flat.T @ flat
        slope += flat.T @ (value - y[part]).reshape(-1)
    return gram / len(x), slope / len(x)


def descend(
    network: Network,
    weights: FloatArray,
    x: FloatArray,
    y: FloatArray,
    *,
    ridge: float,
    steps: int,
    seconds: float = np.inf,
) -> Iterator[FloatArray]:
    """Minimise |f(x) - y|²/N + ridge |w|² and yield the weights after every step.

    A step of Levenberg–Marquardt solves (JᵀJ/N + ridge + λ diag) δ = -gradient. λ falls after a
    step that lowers the loss; a step that does not is tried again with a larger λ. It ends where no
    λ lowers the loss any more.

    Raises:
        DivergedError: the first loss is not finite.

    """
    from scipy import linalg

    deadline = time.monotonic() + seconds

    def loss(trial: FloatArray) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            error = network.value(trial, x) - y
            return float((error**2).sum()) / len(x) + ridge * float(trial @ trial)

    least, damping = loss(weights), _FIRST_DAMPING
    if not np.isfinite(least):
        raise DivergedError("the network's first outputs are not finite")
    for _ in range(steps):
        gram, slope = _normal_equations(network, weights, x, y)
        slope = slope + ridge * weights
        curvature = gram.diagonal() + _FLOOR * max(float(gram.diagonal().max()), 1e-300)
        for _ in range(_TRIES):
            damped = gram.copy()
            damped[np.diag_indices_from(damped)] += ridge + damping * curvature
            try:
                factor = linalg.cho_factor(damped, lower=True, check_finite=False)
                change = linalg.cho_solve(factor, slope, check_finite=False)
                value = loss(weights - change)
            except linalg.LinAlgError:
                value = np.inf
            if value < least:  # False for NaN
                weights, least = weights - change, value
                damping = max(damping * _EASIER, _DAMPINGS[0])
                break
            damping = min(damping * _HARDER, _DAMPINGS[1])
        else:
            return
        yield weights
        if time.monotonic() > deadline:
            return
