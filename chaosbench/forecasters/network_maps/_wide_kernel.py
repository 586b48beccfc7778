"""Kernels of fully connected networks of infinite width, and their functions about few centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["ACTIVATIONS", "Centred", "WideKernel"]

ACTIVATIONS = ("erf", "relu")

# Pivots below this fraction of the largest variance are rounding errors.
_SMALLEST_PIVOT = 1e-12
# Rows among which the centres are sought.
_CANDIDATES = 3000
_ROWS = 16


@dataclass(frozen=True)
class WideKernel:
    """The covariance, or the tangent kernel, of a network with infinitely wide hidden layers.

    With p inputs and independent standard normal weights W, b the network is

        h⁰ = σ_w W⁰x/√p + σ_b b⁰,   hˡ⁺¹ = σ_w Wˡ⁺¹ φ(hˡ)/√n + σ_b bˡ⁺¹,   f = hᴸ.

    As n → ∞, f is a Gaussian process with the covariance Kᴸ, and its gradients have the Gram matrix
    Θᴸ, where (u, v) ~ N(0, Kˡ) and

        K⁰ = σ_b² + σ_w² x·x'/p,   Kˡ⁺¹ = σ_b² + σ_w² E φ(u)φ(v),
        Θ⁰ = K⁰,                   Θˡ⁺¹ = Kˡ⁺¹ + σ_w² Θˡ E φ'(u)φ'(v).

    Both expectations have closed forms for φ = erf [williams1997] and φ = relu [cho2009].

    Attributes:
        activation: φ, ``"erf"`` or ``"relu"``.
        depth: number L of hidden layers.
        weight: σ_w².
        bias: σ_b².
        tangent: whether the kernel is Θ instead of K.

    """

    activation: str
    depth: int
    weight: float
    bias: float
    tangent: bool

    def __call__(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Return the kernel between rows ``(m, p)`` and ``(n, p)``, ``(m, n)``."""
        cross = self.bias + self.weight / a.shape[1] * (a @ b.T)
        left, right = (self._input(x) for x in (a, b))
        return self._through(cross, left[:, np.newaxis], right)

    def diagonal(self, a: FloatArray) -> FloatArray:
        """Return the kernel of each row with itself, ``(m,)``."""
        own = self._input(a)
        return self._through(own, own, own)

    def _input(self, x: FloatArray) -> FloatArray:
        return np.asarray(self.bias + self.weight / x.shape[1] * (x**2).sum(axis=1))

    def _through(self, cross: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
        """Pass the kernel of the inputs and its diagonals through the layers."""
        tangent = cross
        for _ in range(self.depth):
            cross, slope = self._layer(cross, left, right)
            left, right = (self._layer(own, own, own)[0] for own in (left, right))
            if self.tangent:
                tangent = cross + tangent * slope
        return tangent if self.tangent else cross

    def _layer(
        self, cross: FloatArray, left: FloatArray, right: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return σ_b² + σ_w² E φ(u)φ(v) and σ_w² E φ'(u)φ'(v)."""
        if self.activation == "erf":
            product = (1 + 2 * left) * (1 + 2 * right)
            ratio = 2 * cross / np.sqrt(product)
            value = 2 / np.pi * np.arcsin(np.clip(ratio, -1.0, 1.0))
            slope = 4 / np.pi / np.sqrt(product - 4 * cross**2)
        else:
            size = np.sqrt(left * right)
            cosine = np.clip(cross / np.where(size > 0, size, 1.0), -1.0, 1.0)
            angle = np.arccos(cosine)
            value = size * (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine) / (2 * np.pi)
            slope = (np.pi - angle) / (2 * np.pi)
        return self.bias + self.weight * value, self.weight * slope


@dataclass(frozen=True, eq=False)
class Centred:
    """Functions whose span is that of k(·, z) for few centres z, orthonormal for the kernel's norm.

    φ(x) = L⁻¹k_Z(x) with K_ZZ = LLᵀ, so that a ridge regression on φ is kernel ridge regression
    with the coefficients limited to the centres, and exact if every training point is a centre. The
    leading functions are those of the leading centres. Each centre is the row that the previous
    ones leave most uncertain (pivoted Cholesky decomposition).

    Attributes:
        kernel: k.
        centres: Z ``(m, p)``.
        whitening: L⁻ᵀ ``(m, m)``.

    """

    kernel: WideKernel
    centres: FloatArray
    whitening: FloatArray

    @classmethod
    def about(cls, kernel: WideKernel, rows: FloatArray, count: int) -> Centred:
        """Choose at most `count` centres among rows ``(N, p)``."""
        from scipy import linalg

        if len(rows) > max(_CANDIDATES, count):
            chosen = np.linspace(0, len(rows) - 1, max(_CANDIDATES, count)).astype(int)
            rows = rows[chosen]
        count = min(count, len(rows))
        rest = kernel.diagonal(rows)
        least = _SMALLEST_PIVOT * float(rest.max())
        factor = np.empty((count, len(rows)))
        pivots = []
        for m in range(count):
            pivot = int(rest.argmax())
            if m and rest[pivot] < least:
                break
            row = kernel(rows[pivot : pivot + 1], rows)[0] - factor[:m, pivot] @ factor[:m]
            row /= np.sqrt(rest[pivot])
            factor[m] = row
            rest = rest - row**2
            rest[pivot] = -np.inf  # never again
            pivots.append(pivot)
        lower = np.tril(factor[: len(pivots), pivots].T)
        inverse = linalg.solve_triangular(
            lower, np.eye(len(pivots)), lower=True, check_finite=False
        )
        return cls(kernel, rows[pivots], inverse.T)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of centres."""
        return (len(self.centres),)

    def first(self, size: int) -> Centred:
        """Return the functions of the leading centres."""
        return Centred(self.kernel, self.centres[:size], self.whitening[:size, :size])

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate at delay vectors ``(rows, p)``, giving ``(rows, m)``."""
        # L⁻ᵀ magnifies rounding a millionfold, and BLAS sums one row in another order than many.
        # Whole blocks of rows make a window's forecast the same alone and in a batch.
        padded = np.zeros((-(-len(x) // _ROWS) * _ROWS, x.shape[1]))
        padded[: len(x)] = x
        return np.asarray(self.kernel(padded, self.centres) @ self.whitening)[: len(x)]
