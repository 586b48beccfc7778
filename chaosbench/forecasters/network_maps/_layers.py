"""Layers of quadratic neurons and of functions on edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["BASES", "EdgeLayer", "QuadraticLayer"]

BASES = ("spline", "chebyshev")


@dataclass(frozen=True)
class QuadraticLayer:
    """Neurons (w₁·x + b₁)(w₂·x + b₂) + w₃·x² + c."""

    inputs: int
    outputs: int

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.outputs * 3 * (self.inputs + 1)

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Draw neurons that are nearly linear."""
        scale = 1 / np.sqrt(self.inputs)
        made = rng.standard_normal((self.outputs, 3, self.inputs + 1)) * scale
        made[:, 1:] *= 0.1
        made[:, 1, -1] += 1.0
        return np.asarray(made.reshape(-1))

    def _factors(self, weights: FloatArray, x: FloatArray) -> tuple[FloatArray, ...]:
        w = weights.reshape(self.outputs, 3, self.inputs + 1)
        linear = x @ w[:, :2, :-1].reshape(-1, self.inputs).T + w[:, :2, -1].reshape(-1)
        linear = linear.reshape(len(x), self.outputs, 2)
        return w, linear[..., 0], linear[..., 1]

    def value(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the outputs ``(N, o)`` at inputs ``(N, i)``."""
        w, first, second = self._factors(weights, x)
        return np.asarray(first * second + x**2 @ w[:, 2, :-1].T + w[:, 2, -1])

    def by_input(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the derivatives by the inputs, ``(N, o, i)``."""
        w, first, second = self._factors(weights, x)
        made = second[..., np.newaxis] * w[:, 0, :-1] + first[..., np.newaxis] * w[:, 1, :-1]
        return np.asarray(made + 2 * x[:, np.newaxis] * w[:, 2, :-1])

    def by_weights(self, weights: FloatArray, x: FloatArray, outer: FloatArray) -> FloatArray:
        """Return ``outer`` ``(N, d, o)`` times the derivatives by the weights, ``(N, d, size)``."""
        _, first, second = self._factors(weights, x)
        one = np.ones((len(x), 1))
        linear, square = (np.concatenate([f, one], axis=1) for f in (x, x**2))
        made = np.stack(
            [
                second[..., np.newaxis] * linear[:, np.newaxis],
                first[..., np.newaxis] * linear[:, np.newaxis],
                np.broadcast_to(square[:, np.newaxis], (*first.shape, self.inputs + 1)),
            ],
            axis=2,
        )  # (N, o, 3, i + 1)
        all_ = outer[..., np.newaxis, np.newaxis] * made[:, np.newaxis]
        return np.asarray(all_.reshape(len(x), outer.shape[1], self.size))


@dataclass(frozen=True)
class EdgeLayer:
    """Sums of a function of each input, Σ_i φ_oi(x_i), with φ = w silu + Σ_b c_b B_b.

    Attributes:
        inputs: number of inputs.
        outputs: number of outputs.
        basis: ``"spline"`` for the cubic B-splines on `grid` equal intervals of [-reach, reach],
            or ``"chebyshev"`` for the Chebyshev polynomials of the degrees 0 to `grid` + 2 of
            tanh(x/reach).
        grid: number of intervals.
        reach: half the width of the grid.

    """

    inputs: int
    outputs: int
    basis: str
    grid: int
    reach: float

    @property
    def functions(self) -> int:
        """Number of coefficients of an edge: the basis and silu."""
        return self.grid + 4

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.outputs * self.inputs * self.functions

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Draw smooth functions, mostly silu, whose sum has about unit size."""
        scale = 1 / np.sqrt(self.inputs)
        shape = (self.outputs, self.inputs, self.functions)
        made = rng.standard_normal(shape) * scale
        made[..., :-1] *= 0.1
        return np.asarray(made.reshape(-1))

    def _edges(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the functions at each input and their derivatives, ``(N, i, functions)``."""
        sigmoid = 0.5 * (1 + np.tanh(0.5 * x))
        base = x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))
        found = self._splines(x) if self.basis == "spline" else self._chebyshev(x)
        value, slope = (
            np.concatenate([f, b[..., np.newaxis]], axis=2)
            for f, b in zip(found, base, strict=True)
        )
        return value, slope

    def _splines(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        step = 2 * self.reach / self.grid
        centres = -self.reach + step * np.arange(-1, self.grid + 2)
        offset = (x[..., np.newaxis] - centres) / step
        u = np.abs(offset)
        far = np.maximum(2 - u, 0.0)
        near = np.maximum(1 - u, 0.0)
        value = (far**3 - 4 * near**3) / 6
        slope = np.sign(offset) * (-(far**2) + 4 * near**2) / (2 * step)
        return value, slope

    def _chebyshev(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        squashed = np.tanh(x / self.reach)
        inner = (1 - squashed**2) / self.reach
        value = [np.ones_like(x), squashed]
        second = [np.ones_like(x), 2 * squashed]  # U_n, with T_n' = n U_{n-1}
        for _ in range(self.functions - 3):
            value.append(2 * squashed * value[-1] - value[-2])
            second.append(2 * squashed * second[-1] - second[-2])
        slope = [np.zeros_like(x), *(n * inner * u for n, u in enumerate(second[:-1], start=1))]
        return np.stack(value, axis=2), np.stack(slope, axis=2)

    def value(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the outputs ``(N, o)`` at inputs ``(N, i)``."""
        functions = self._edges(x)[0].reshape(len(x), -1)
        return np.asarray(functions @ weights.reshape(self.outputs, -1).T)

    def by_input(self, weights: FloatArray, x: FloatArray) -> FloatArray:
        """Return the derivatives by the inputs, ``(N, o, i)``."""
        coefficients = weights.reshape(self.outputs, self.inputs, self.functions)
        slopes = self._edges(x)[1]
        return np.asarray(np.einsum("nib,oib->noi", slopes, coefficients, optimize=True))

    def by_weights(self, weights: FloatArray, x: FloatArray, outer: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return ``outer`` ``(N, d, o)`` times the derivatives by the weights, ``(N, d, size)``."""
        functions = self._edges(x)[0].reshape(len(x), 1, 1, -1)
        made = outer[..., np.newaxis] * functions
        return np.asarray(made.reshape(len(x), outer.shape[1], self.size))
