"""Sparse regression for SINDy: the rows of the problem, and thresholded least squares on them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._polynomial import Polynomial, factors, terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["SparseRegression", "polynomial_powers"]

_LEAST_ROWS = 5000
# An equation with more terms than this is not sparse, and costs STLSQ seconds.
_MOST_TERMS_PER_EQUATION = 100


def polynomial_powers(d: int, degree: int) -> NDArray[np.int64]:
    """Return the exponents ``(p, d)`` of pysindy's polynomial library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pysindy.feature_library import PolynomialLibrary

        library = PolynomialLibrary(degree=degree)
        library.fit(np.zeros((2, d)))
        return np.asarray(library.powers_, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class SparseRegression:
    """Least squares Y ≈ Θ C through its triangular factor, with columns of unit size.

    The orthogonal factor of a QR decomposition changes no residual, so everything that follows
    works on p rows instead of on the data. Columns of Θ and Y are divided by their root mean
    squares: an entry of the scaled C is the share of a term in its equation, and one threshold
    means the same in every variable, unit of time and degree.

    Attributes:
        powers: exponents ``(p, d)``.
        triangle: ``(rows, p)``, scaled.
        targets: ``(rows, d)``, scaled.
        unit: root mean square of each term ``(p,)``.
        target_unit: root mean square of each target ``(d,)``.
        discrete: the targets are next values; otherwise time derivatives.

    """

    powers: NDArray[np.int64]
    triangle: FloatArray
    targets: FloatArray
    unit: FloatArray
    target_unit: FloatArray
    discrete: bool

    @classmethod
    def of(
        cls, u: FloatArray, powers: NDArray[np.int64], *, discrete: bool, half_width: int
    ) -> SparseRegression:
        """Gather the rows of trajectories ``(n, T, d)``, a block at a time."""
        p = len(powers)
        blocks = _rows(u, powers, discrete, half_width)
        factor = np.empty((0, p + u.shape[2]))
        count = 0
        for block in blocks:
            count += len(block)
            factor = np.asarray(np.linalg.qr(np.concatenate([factor, block]), mode="r"))
        factor = factor / np.sqrt(count)
        size = np.sqrt((factor**2).sum(axis=0))
        size = np.where(size > 0, size, 1.0)
        factor = factor / size
        return cls(
            powers=powers,
            triangle=factor[:, :p],
            targets=factor[:, p:],
            unit=size[:p],
            target_unit=size[p:],
            discrete=discrete,
        )

    def sparse(self, threshold: float) -> Polynomial:
        """Run sequentially thresholded least squares [brunton2016], pysindy's `STLSQ`.

        The first round, which uses all terms, is one solve for all equations. STLSQ continues with
        what each equation has left, at most the 100 terms of the largest shares.
        """
        with warnings.catch_warnings():
            # STLSQ warns when an equation loses all its terms, which is an answer: du/dt = 0.
            warnings.simplefilter("ignore")
            from pysindy.optimizers import STLSQ

            dense = _solve(self.triangle, self.targets)
            support = np.zeros(dense.shape, dtype=np.bool_)
            for i in range(dense.shape[1]):
                share = np.abs(dense[:, i])
                largest = np.argsort(share)[-_MOST_TERMS_PER_EQUATION:]
                kept = np.sort(largest[share[largest] >= threshold])
                if kept.size:
                    optimiser = STLSQ(threshold=threshold, alpha=1e-12, unbias=False)
                    optimiser.fit(self.triangle[:, kept], self.targets[:, [i]])
                    support[kept[optimiser.coef_[0] != 0], i] = True
        return self.restricted(support)

    def restricted(self, support: NDArray[np.bool_]) -> Polynomial:
        """Solve with only the terms of `support` ``(p, d)``."""
        scaled = np.zeros(support.shape)
        for i in range(support.shape[1]):
            kept = support[:, i]
            if kept.any():
                scaled[kept, i] = _solve(self.triangle[:, kept], self.targets[:, i])
        coefficients = scaled * self.target_unit / self.unit[:, np.newaxis]
        used = np.flatnonzero(support.any(axis=1))
        if not used.size:
            used = np.array([0])  # a polynomial needs a term, if only with coefficient zero
        return Polynomial(self.powers[used], coefficients[used], self.discrete)

    def shares(self, model: Polynomial) -> FloatArray:
        """Return the scaled coefficients of a polynomial made of this regression's terms."""
        place = {tuple(row): k for k, row in enumerate(self.powers.tolist())}
        unit = self.unit[[place[tuple(row)] for row in model.powers.tolist()]]
        return np.asarray(model.coefficients * unit[:, np.newaxis] / self.target_unit)


def _solve(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.lstsq(a, b, rcond=1e-14)[0])


def _rows(
    u: FloatArray, powers: NDArray[np.int64], discrete: bool, half_width: int
) -> Iterator[FloatArray]:
    """Yield blocks of rows [Θ, Y].

    A map has rows Θ(u(t)), u(t+1). A vector field has the weak form [messenger2021]: with the bump
    φ(τ) = (1-τ²)⁴ on windows of ``2 half_width + 1`` samples,

        ∫ φ Θ(u) dt C = -∫ φ' u dt,

    which differentiates φ instead of the data, so that noise is averaged and not amplified.
    """
    n, length, d = u.shape
    index = factors(powers)
    reach = 1 if discrete else 2 * half_width
    tau = np.arange(-half_width, half_width + 1) / half_width
    bump = (1 - tau**2) ** 4
    slope = -8 * tau * (1 - tau**2) ** 3 / half_width
    per_trajectory = length - reach
    wanted = max(6 * len(powers), _LEAST_ROWS)
    hop = max(1, (n * per_trajectory) // wanted)
    size = max(4 * len(powers), 1000) * hop
    for trajectory in u:
        for begin in range(0, per_trajectory, size):
            part = trajectory[begin : min(begin + size, per_trajectory) + reach]
            rows = len(part) - reach
            if discrete:
                theta, y = terms(part[:-1], index), part[1:]
            else:
                phi = terms(part, index)
                theta, y = np.zeros((rows, len(powers))), np.zeros((rows, d))
                for k in range(reach + 1):
                    theta += bump[k] / bump.sum() * phi[k : k + rows]
                    y -= slope[k] / bump.sum() * part[k : k + rows]
            yield np.concatenate([theta[::hop], y[::hop]], axis=1)
