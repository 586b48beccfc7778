"""Sparse regression for SINDy: the rows of the problem, and thresholded least squares."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._shared.polynomial import Polynomial, Waves, factors, terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = [
    "Rows",
    "SparseRegression",
    "bump",
    "gather",
    "polynomial_powers",
    "solved",
    "surviving",
    "thresholded",
]

Rows = tuple["FloatArray", int]
"""The triangular factor of rows [Θ, Y], and the number of these rows."""

_LEAST_ROWS = 5000
# Rows are reduced when they outnumber the columns this many times.
_WAITING = 8
# An equation with more terms than this is not sparse and would take STLSQ seconds.
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

    The orthogonal factor of a QR decomposition leaves residuals unchanged, so all further work is
    on p rows instead of the data. Columns of Θ and Y are divided by their root mean squares. An
    entry of the scaled C is then the share of a term in its equation, and a threshold means the
    same for every variable, unit of time and degree.

    Attributes:
        powers: exponents ``(p, d)``.
        triangle: ``(rows, p)``, scaled.
        targets: ``(rows, d)``, scaled.
        unit: root mean square of each term ``(p,)``.
        target_unit: root mean square of each target ``(d,)``.
        discrete: True when the targets are the next values, False when they are time derivatives.
        waves: additional variables from which terms are built.

    """

    powers: NDArray[np.int64]
    triangle: FloatArray
    targets: FloatArray
    unit: FloatArray
    target_unit: FloatArray
    discrete: bool
    waves: Waves | None = None

    @classmethod
    def of(
        cls,
        pieces: Iterable[Rows],
        powers: NDArray[np.int64],
        *,
        discrete: bool,
        waves: Waves | None = None,
    ) -> SparseRegression:
        """Combine the rows from `gather`, or a resample of them."""
        p = len(powers)
        factor, count = _stacked(pieces)
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
            waves=waves,
        )

    def sparse(self, threshold: float) -> Polynomial:
        """Run sequentially thresholded least squares [brunton2016], pysindy's `STLSQ`.

        The first round uses all terms and is one solve for all equations. STLSQ continues with the
        remaining terms of each equation, at most the 100 with the largest shares.
        """
        with warnings.catch_warnings():
            # STLSQ warns when an equation loses all its terms, a valid result: du/dt = 0.
            warnings.simplefilter("ignore")
            from pysindy.optimizers import STLSQ

            dense = solved(self.triangle, self.targets)
            support = np.zeros(dense.shape, dtype=np.bool_)
            for i in range(dense.shape[1]):
                kept = surviving(dense[:, i], threshold)
                if kept.size:
                    optimiser = STLSQ(threshold=threshold, alpha=1e-12, unbias=False)
                    optimiser.fit(self.triangle[:, kept], self.targets[:, [i]])
                    support[kept[optimiser.coef_[0] != 0], i] = True
        return self.restricted(support)

    def restricted(self, support: NDArray[np.bool_]) -> Polynomial:
        """Solve with only the terms in `support` ``(p, d)``."""
        scaled = np.zeros(support.shape)
        for i in range(support.shape[1]):
            kept = support[:, i]
            if kept.any():
                scaled[kept, i] = solved(self.triangle[:, kept], self.targets[:, i])
        coefficients = scaled * self.target_unit / self.unit[:, np.newaxis]
        used = np.flatnonzero(support.any(axis=1))
        if not used.size:
            used = np.array([0])  # a polynomial needs a term, even with coefficient zero
        return Polynomial(self.powers[used], coefficients[used], self.discrete, waves=self.waves)

    def shares(self, model: Polynomial) -> FloatArray:
        """Return the scaled coefficients of a polynomial in this regression's terms."""
        place = {tuple(row): k for k, row in enumerate(self.powers.tolist())}
        unit = self.unit[[place[tuple(row)] for row in model.powers.tolist()]]
        return np.asarray(model.coefficients * unit[:, np.newaxis] / self.target_unit)


def solved(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the least-squares solution of least norm."""
    return np.asarray(np.linalg.lstsq(a, b, rcond=1e-14)[0])


def surviving(shares: FloatArray, threshold: float) -> NDArray[np.intp]:
    """Return the terms whose shares ``(p,)`` reach the threshold, at most the 100 largest."""
    share = np.abs(shares)
    largest = np.argsort(share)[-_MOST_TERMS_PER_EQUATION:]
    return np.sort(largest[share[largest] >= threshold])


def thresholded(triangle: FloatArray, target: FloatArray, threshold: float) -> NDArray[np.bool_]:
    """Return which terms ``(p,)`` sequentially thresholded least squares keep in one equation.

    The result is that of pysindy's `STLSQ` (a test compares the two), without its checks, which
    take a third of a millisecond per round: an ensemble needs thousands of rounds.
    """
    kept = np.ones(triangle.shape[1], dtype=np.bool_)
    while kept.any():
        found = solved(triangle[:, kept], target)
        small = np.abs(found) < threshold
        if not small.any():
            break
        kept[np.flatnonzero(kept)[small]] = False
    return kept


def gather(
    u: FloatArray,
    powers: NDArray[np.int64],
    *,
    discrete: bool,
    half_width: int,
    waves: Waves | None = None,
    pieces: int = 1,
) -> list[Rows]:
    """Reduce the rows of trajectories ``(n, T, d)`` to triangular factors, one block at a time.

    Args:
        u: trajectories.
        powers: exponents of the terms ``(p, D)``.
        discrete: True for a map, False for a vector field.
        half_width: samples on each side of the centre of a weak-form window.
        waves: additional variables from which terms are built.
        pieces: number of consecutive parts of the data to keep separate; at least one per
            trajectory if more than 1.

    """
    n, length, _ = u.shape
    reach = 1 if discrete else 2 * half_width
    starts = length - reach
    each = -(-starts // max(1, pieces // n)) if pieces > 1 else starts
    found: list[Rows] = []
    for trajectory in u:
        for begin in range(0, starts, each):
            part = trajectory[begin : min(begin + each, starts) + reach]
            blocks = _rows(part, powers, discrete, half_width, waves, of=n * starts)
            found.append(_stacked((block, len(block)) for block in blocks))
    return found if pieces > 1 else [_stacked(found)]


def _stacked(pieces: Iterable[Rows]) -> Rows:
    waiting: list[FloatArray] = []
    count = 0
    for block, number in pieces:
        count += number
        waiting.append(block)
        # The pieces of an ensemble have fewer rows than columns. Adding each by itself would reduce
        # the same triangle again and again.
        if sum(map(len, waiting)) >= _WAITING * block.shape[1]:
            waiting = [_triangular(waiting)]
    assert waiting, "there is at least one row"
    return _triangular(waiting), count


def _triangular(blocks: list[FloatArray]) -> FloatArray:
    return np.asarray(np.linalg.qr(np.concatenate(blocks), mode="r"))


def bump(half_width: int) -> tuple[FloatArray, FloatArray]:
    """Return φ(τ) = (1-τ²)⁴ at ``2 half_width + 1`` samples, and φ' per sample, both over Σφ."""
    tau = np.arange(-half_width, half_width + 1) / half_width
    phi = (1 - tau**2) ** 4
    slope = -8 * tau * (1 - tau**2) ** 3 / half_width
    return phi / phi.sum(), slope / phi.sum()


def _rows(
    part: FloatArray,
    powers: NDArray[np.int64],
    discrete: bool,
    half_width: int,
    waves: Waves | None,
    *,
    of: int,
) -> Iterator[FloatArray]:
    """Yield blocks of rows [Θ, Y] from consecutive states ``(T, d)``.

    A map has rows Θ(u(t)), u(t+1). A vector field has the weak form [messenger2021]. With the bump
    φ on windows of ``2 half_width + 1`` samples,

        ∫ φ Θ(u) dt C = -∫ φ' u dt,

    where φ is differentiated instead of the data, so that noise is averaged instead of amplified.
    Where all data together have more rows (`of`) than are needed, the rows are thinned out evenly.
    """
    index = factors(powers)
    reach = 1 if discrete else 2 * half_width
    phi, slope = bump(half_width)
    starts, d = len(part) - reach, part.shape[1]
    hop = max(1, of // max(6 * len(powers), _LEAST_ROWS))
    size = max(4 * len(powers), 1000) * hop
    for begin in range(0, starts, size):
        states = part[begin : min(begin + size, starts) + reach]
        rows = len(states) - reach
        if discrete:
            theta, y = terms(states[:-1], index, waves), states[1:]
        else:
            values = terms(states, index, waves)
            theta, y = np.zeros((rows, len(powers))), np.zeros((rows, d))
            for k in range(reach + 1):
                theta += phi[k] * values[k : k + rows]
                y -= slope[k] * states[k : k + rows]
        yield np.concatenate([theta[::hop], y[::hop]], axis=1)
