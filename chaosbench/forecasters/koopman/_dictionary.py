"""Dictionaries of observables for extended dynamic mode decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["POLYNOMIALS", "Dictionary", "Polynomials", "Radial", "degree_within"]

POLYNOMIALS = ("legendre", "chebyshev", "monomials")


class Dictionary(Protocol):
    """Functions of a scaled state, sorted so that the leading ones form smaller dictionaries.

    The first function is the constant; the next `d` are affine, each in one variable.
    """

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the leading parts that are dictionaries themselves, ascending."""
        ...

    def first(self, size: int) -> Dictionary:
        """Return the dictionary of the first `size` functions."""
        ...

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate the functions at states ``(rows, d)``, giving ``(rows, p)``."""
        ...


def degree_within(d: int, degree: int, most: int) -> int:
    """Return the highest total degree up to `degree` with at most `most` polynomials; at least 1.

    There are C(d + k, k) polynomials of `d` variables up to total degree `k`.
    """
    while degree > 1 and comb(d + degree, degree) > most:
        degree -= 1
    return degree


@dataclass(frozen=True, eq=False)
class Polynomials:
    """Products of univariate polynomials, one factor per variable.

    Attributes:
        kind: ``"legendre"``, ``"chebyshev"`` or ``"monomials"``.
        powers: degree of the factor in each variable, ``(p, d)``, sorted by total degree.

    """

    kind: str
    powers: NDArray[np.int64]

    @property
    def _degree(self) -> int:
        return int(self.powers.max(initial=0))

    @cached_property
    def _steps(self) -> tuple[tuple[int, NDArray[np.intp], NDArray[np.intp]], ...]:
        """For each total degree: its first term, and the two factors of each of its terms.

        A term is one without its last variable times the factor of that variable, so that it costs
        one product. Factors are columns of the table of univariate polynomials, degree by degree.
        """
        d = self.powers.shape[1]
        place = {tuple(row): k for k, row in enumerate(self.powers.tolist())}
        total = self.powers.sum(axis=1)
        steps = []
        for degree in range(1, int(total.max(initial=0)) + 1):
            parents, columns = [], []
            for row in self.powers[total == degree].tolist():
                variable = max(i for i, power in enumerate(row) if power)
                columns.append(row[variable] * d + variable)
                row[variable] = 0
                parents.append(place[tuple(row)])
            first = int(np.argmax(total == degree))
            steps.append((first, np.array(parents, np.intp), np.array(columns, np.intp)))
        return tuple(steps)

    @property
    def sizes(self) -> tuple[int, ...]:
        total = self.powers.sum(axis=1)
        return tuple(int((total <= k).sum()) for k in range(1, int(total.max(initial=0)) + 1))

    def first(self, size: int) -> Polynomials:
        return Polynomials(self.kind, self.powers[:size])

    def __call__(self, x: FloatArray) -> FloatArray:
        degree = self._degree
        # One row per term: rows are gathered and multiplied several times faster than columns.
        x = np.ascontiguousarray(x.T)
        table = np.empty((degree + 1, *x.shape))
        table[0] = 1.0
        if degree > 0:
            table[1] = x
        for k in range(1, degree):
            if self.kind == "monomials":
                table[k + 1] = x * table[k]
            elif self.kind == "chebyshev":
                table[k + 1] = 2 * x * table[k] - table[k - 1]
            else:
                table[k + 1] = ((2 * k + 1) * x * table[k] - k * table[k - 1]) / (k + 1)
        flat = table.reshape(-1, x.shape[1])
        phi = np.empty((len(self.powers), x.shape[1]))
        phi[0] = 1.0
        for first, parents, columns in self._steps:
            last = first + len(parents)
            np.multiply(phi[parents], flat[columns], out=phi[first:last])
        return phi.T

    def expanded(self, mean: FloatArray, scale: FloatArray) -> FloatArray:
        """Return the coefficients ``(p, p)`` of each function in monomials of the data.

        The functions take x = (u - mean) / scale. The monomials are those of u, in the same order
        of exponents.
        """
        degree = self._degree
        place = {tuple(row): k for k, row in enumerate(self.powers.tolist())}
        single = [self._in_monomials(m, s, degree) for m, s in zip(mean, scale, strict=True)]
        matrix = np.zeros((len(self.powers), len(self.powers)))
        for term, row in enumerate(self.powers):
            expansion = {(0,) * len(row): 1.0}
            for variable in np.flatnonzero(row):
                factor = single[variable][row[variable]]
                grown = {}
                for powers, value in expansion.items():
                    for k in range(row[variable] + 1):
                        grown[(*powers[:variable], k, *powers[variable + 1 :])] = value * factor[k]
                expansion = grown
            for powers, value in expansion.items():
                matrix[term, place[powers]] += value
        return matrix

    def _in_monomials(self, mean: float, scale: float, degree: int) -> FloatArray:
        """Return the ascending coefficients in u of each univariate function of (u - m) / s."""
        from numpy.polynomial import Chebyshev, Legendre, Polynomial

        inner = Polynomial([-mean / scale, 1 / scale])
        basis = {"legendre": Legendre, "chebyshev": Chebyshev, "monomials": Polynomial}[self.kind]
        found = np.zeros((degree + 1, degree + 1))
        for k in range(degree + 1):
            coefficients = basis.basis(k).convert(kind=Polynomial)(inner).coef
            found[k, : len(coefficients)] = coefficients
        return found


@dataclass(frozen=True, eq=False)
class Radial:
    """A constant, the state, and thin-plate splines r² log r about centres ``(m, d)``."""

    centres: FloatArray

    @property
    def sizes(self) -> tuple[int, ...]:
        m, d = self.centres.shape
        return tuple(sorted({1 + d, *(1 + d + m // k for k in (4, 2, 1))}))

    def first(self, size: int) -> Radial:
        return Radial(self.centres[: size - 1 - self.centres.shape[1]])

    def __call__(self, x: FloatArray) -> FloatArray:
        offset = x[:, np.newaxis] - self.centres
        square = np.einsum("rmd,rmd->rm", offset, offset)
        splines = 0.5 * square * np.log(np.maximum(square, 1e-300))
        return np.concatenate([np.ones((len(x), 1)), x, splines], axis=1)
