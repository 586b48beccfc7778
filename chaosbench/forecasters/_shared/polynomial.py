"""Sparse polynomial vector fields and maps, evaluated on many states at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["Monomials", "Polynomial", "Waves", "exponents", "factors", "terms"]

_SUBSTEPS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, eq=False)
class Waves:
    """Additional variables sin(k ω u) and cos(k ω u), each a function of one variable u.

    Attributes:
        variable: index of u, ``(q,)``.
        harmonic: k, ``(q,)``.
        fundamental: ω of each variable ``(d,)``, in radians per unit of the variable.

    """

    variable: NDArray[np.intp]
    harmonic: NDArray[np.int64]
    fundamental: FloatArray

    @property
    def frequencies(self) -> FloatArray:
        """k ω, ``(q,)``."""
        return np.asarray(self.harmonic * self.fundamental[self.variable])

    def lift(self, u: FloatArray) -> FloatArray:
        """Append all sines and then all cosines, ``(n, d)`` to ``(n, d + 2q)``."""
        angle = u[:, self.variable] * self.frequencies
        return np.concatenate([u, np.sin(angle), np.cos(angle)], axis=1)


def exponents(d: int, degree: int) -> NDArray[np.int64]:
    """Return the exponents ``(p, d)`` of all monomials up to `degree`, sorted by total degree."""
    rows = [
        np.bincount(np.array(chosen, dtype=np.int64), minlength=d)
        for total in range(degree + 1)
        for chosen in combinations_with_replacement(range(d), total)
    ]
    return np.array(rows, dtype=np.int64)


def factors(powers: NDArray[np.int64]) -> NDArray[np.intp]:
    """Turn exponents ``(p, d)`` into the indices of the variables to multiply, ``(degree, p)``.

    Index `d` stands for the constant 1, so that every term has the same number of factors.
    """
    p, d = powers.shape
    degree = max(1, int(powers.sum(axis=1).max(initial=0)))
    index = np.full((degree, p), d, dtype=np.intp)
    for term, exponents in enumerate(powers):
        chosen = np.repeat(np.arange(d), exponents)
        index[: len(chosen), term] = chosen
    return index


def terms(u: FloatArray, index: NDArray[np.intp], waves: Waves | None = None) -> FloatArray:
    """Evaluate monomials in the variables and their waves, ``(n, d)`` to ``(n, p)``."""
    if waves is not None:
        u = waves.lift(u)
    padded = np.concatenate([u, np.ones((len(u), 1))], axis=1)
    product = padded[:, index[0]]
    for factor in index[1:]:
        product *= padded[:, factor]
    return product


@dataclass(frozen=True, eq=False)
class Monomials:
    """All monomials of the given exponents ``(p, d)``, sorted by total degree, the constant first.

    The exponents hold, with a monomial, also those of lower degree that divide it.
    """

    powers: NDArray[np.int64]

    @cached_property
    def _steps(self) -> tuple[tuple[int, NDArray[np.intp], NDArray[np.intp]], ...]:
        """For each total degree: its first term, and the two factors of each of its terms.

        A term is a term of one degree less times one variable, so that it costs one product.
        """
        place = {tuple(row): k for k, row in enumerate(self.powers.tolist())}
        total = self.powers.sum(axis=1)
        steps = []
        for degree in range(2, int(total.max(initial=0)) + 1):
            parents, variables = [], []
            for row in self.powers[total == degree].tolist():
                variable = max(i for i, power in enumerate(row) if power)
                row[variable] -= 1
                parents.append(place[tuple(row)])
                variables.append(variable)
            first = int(np.argmax(total == degree))
            steps.append((first, np.array(parents, np.intp), np.array(variables, np.intp)))
        return tuple(steps)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of monomials up to each total degree from 1 on."""
        total = self.powers.sum(axis=1)
        return tuple(int((total <= k).sum()) for k in range(1, int(total.max(initial=0)) + 1))

    def first(self, size: int) -> Monomials:
        """Return the leading `size` monomials."""
        return Monomials(self.powers[:size])

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate at states ``(rows, d)``, giving ``(rows, p)``."""
        # One row per term: rows are gathered and multiplied several times faster than columns.
        columns = np.ascontiguousarray(x.T)
        phi = np.empty((len(self.powers), len(x)))
        phi[0] = 1.0
        phi[1 : 1 + len(columns)] = columns[: len(phi) - 1]
        for first, parents, variables in self._steps:
            last = first + len(parents)
            np.multiply(phi[parents], columns[variables], out=phi[first:last])
        return phi.T


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A polynomial vector field du/dt = Θ(u) C, or map u(t+1) = Θ(u(t)) C when `discrete`.

    Time is measured in sampling steps.

    Attributes:
        powers: exponents ``(p, D)`` of the terms; D = d without waves.
        coefficients: C ``(p, d)``, or ``(m, p, d)`` for an ensemble of m equations in the same
            terms. An ensemble takes m times as many states, those of its first member first.
        discrete: True for a map, False for a vector field.
        substeps: Runge–Kutta steps within one sampling step of a vector field.
        waves: additional variables from which terms are built.

    """

    powers: NDArray[np.int64]
    coefficients: FloatArray
    discrete: bool
    substeps: int = 1
    waves: Waves | None = None

    def rate(self, u: FloatArray) -> FloatArray:
        """Return Θ(u) C, ``(n, d)``."""
        return _product(terms(u, factors(self.powers), self.waves), self.coefficients)

    def advance(self, u: FloatArray) -> FloatArray:
        """Return the states ``(n, d)`` one sampling step later.

        Vector fields are integrated with the eighth-order formula of DOP853 [hairer1993] at a fixed
        step size: `with_substeps` has chosen the number of steps.
        """
        return self.rate(u) if self.discrete else self._integrate(u, self.substeps)

    def with_substeps(self, u: FloatArray, tolerance: float) -> Polynomial:
        """Return a copy with the fewest substeps whose halving changes less than `tolerance`.

        Args:
            u: states ``(n, d)`` on which the change is measured.
            tolerance: largest change of any variable over one sampling step.

        """
        if self.discrete:
            return self
        previous = self._integrate(u, _SUBSTEPS[0])
        chosen = _SUBSTEPS[-1]
        for substeps in _SUBSTEPS:
            finer = self._integrate(u, 2 * substeps)
            if np.abs(finer - previous).max() < tolerance:
                chosen = substeps
                break
            previous = finer
        return replace(self, substeps=chosen)

    def _integrate(self, u: FloatArray, substeps: int) -> FloatArray:
        a, b = _tableau()
        index = factors(self.powers)
        h = 1.0 / substeps
        slopes = np.empty((len(b), *u.shape))
        flat = slopes.reshape(len(b), -1)
        for _ in range(substeps):
            for stage in range(len(b)):
                offset = a[stage, :stage] @ flat[:stage]
                theta = terms(u + h * offset.reshape(u.shape), index, self.waves)
                slopes[stage] = _product(theta, self.coefficients)
            u = u + h * (b @ flat).reshape(u.shape)
        return u


def _product(theta: FloatArray, coefficients: FloatArray) -> FloatArray:
    if coefficients.ndim == 2:
        return np.asarray(theta @ coefficients)
    members, p, d = coefficients.shape
    return np.asarray((theta.reshape(members, -1, p) @ coefficients).reshape(-1, d))


def _tableau() -> tuple[FloatArray, FloatArray]:
    from scipy.integrate import DOP853

    return np.asarray(DOP853.A), np.asarray(DOP853.B)
