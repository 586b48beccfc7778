"""Polynomial vector fields and maps on many states at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["Polynomial", "factors", "terms"]

_SUBSTEPS = (1, 2, 4, 8, 16)


def factors(powers: NDArray[np.int64]) -> NDArray[np.intp]:
    """Turn exponents ``(p, d)`` into the variables to multiply, ``(degree, p)``.

    Index `d` stands for the constant 1, so that every term has the same number of factors.
    """
    p, d = powers.shape
    degree = max(1, int(powers.sum(axis=1).max(initial=0)))
    index = np.full((degree, p), d, dtype=np.intp)
    for term, exponents in enumerate(powers):
        chosen = np.repeat(np.arange(d), exponents)
        index[: len(chosen), term] = chosen
    return index


def terms(u: FloatArray, index: NDArray[np.intp]) -> FloatArray:
    """Evaluate the monomials, ``(n, d)`` to ``(n, p)``."""
    padded = np.concatenate([u, np.ones((len(u), 1))], axis=1)
    product = padded[:, index[0]]
    for factor in index[1:]:
        product *= padded[:, factor]
    return product


@dataclass(frozen=True, eq=False)
class Polynomial:
    """du/dt = Θ(u) C, or u(t+1) = Θ(u(t)) C when `discrete`; time counts sampling steps.

    Attributes:
        powers: exponents ``(p, d)`` of the terms that are used.
        coefficients: C ``(p, d)``.
        discrete: a map rather than a vector field.
        substeps: Runge–Kutta steps for one sampling step of a vector field.

    """

    powers: NDArray[np.int64]
    coefficients: FloatArray
    discrete: bool
    substeps: int = 1

    def advance(self, u: FloatArray) -> FloatArray:
        """Return the states ``(n, d)`` one sampling step later.

        Vector fields are integrated with the eighth-order steps of DOP853 [hairer1993], without
        step size control: `with_substeps` has chosen the number of steps.
        """
        index = factors(self.powers)
        if self.discrete:
            return np.asarray(terms(u, index) @ self.coefficients)
        return _integrate(u, index, self.coefficients, self.substeps)

    def with_substeps(self, u: FloatArray, tolerance: float) -> Polynomial:
        """Return a copy with the fewest substeps that halving changes by less than `tolerance`.

        Args:
            u: states ``(n, d)`` to judge by.
            tolerance: largest change of any variable over one sampling step.

        """
        if self.discrete:
            return self
        index = factors(self.powers)
        previous = _integrate(u, index, self.coefficients, _SUBSTEPS[0])
        chosen = _SUBSTEPS[-1]
        for substeps in _SUBSTEPS:
            finer = _integrate(u, index, self.coefficients, 2 * substeps)
            if np.abs(finer - previous).max() < tolerance:
                chosen = substeps
                break
            previous = finer
        return Polynomial(self.powers, self.coefficients, self.discrete, chosen)


def _integrate(
    u: FloatArray, index: NDArray[np.intp], coefficients: FloatArray, substeps: int
) -> FloatArray:
    a, b = _tableau()
    h = 1.0 / substeps
    slopes = np.empty((len(b), *u.shape))
    flat = slopes.reshape(len(b), -1)
    for _ in range(substeps):
        for stage in range(len(b)):
            offset = a[stage, :stage] @ flat[:stage]
            slopes[stage] = terms(u + h * offset.reshape(u.shape), index) @ coefficients
        u = u + h * (b @ flat).reshape(u.shape)
    return u


def _tableau() -> tuple[FloatArray, FloatArray]:
    from scipy.integrate import DOP853

    return np.asarray(DOP853.A), np.asarray(DOP853.B)
