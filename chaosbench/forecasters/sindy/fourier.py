"""Fourier SINDy: terms are sines and cosines of the variables, with fitted frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.forecasters._shared.polynomial import Waves
from chaosbench.forecasters._shared.settings import require_integer, require_real
from chaosbench.forecasters.sindy._identification import (
    Candidate,
    EquationPredictor,
    Library,
    SparseIdentification,
)
from chaosbench.forecasters.sindy._sparse_regression import bump, polynomial_powers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chaosbench.forecasters._shared.selection import HeldOut
    from chaosbench.trajectories import FloatArray

__all__ = ["FourierSINDy"]

# Radians per standard deviation, eight per octave: from a quarter of a wave across an attractor of
# four standard deviations (less would be a parabola) to sixteen waves.
_GRID = 0.4 * 2.0 ** (np.arange(49) / 8)
_ROWS = 800
_SWEEPS = 2
_MOST_SWEPT = 8


@dataclass(frozen=True)
class FourierSINDy(SparseIdentification):
    """SINDy with trigonometric terms [brunton2016], as in pysindy's `FourierLibrary`.

    Everything is as for `SINDy`, with the terms

        1, monomials up to `degree`, sin(k ω_i u_i), cos(k ω_i u_i),   k = 1 … `harmonics`,

    without products of waves. pysindy's waves have ω = 1 in whatever units the data have; here the
    ω of each variable is fitted. First one ω for all variables, then the ω of each in turn, takes
    the value from 0.4 … 26 radians per standard deviation that leaves the smallest residual of the
    weak form. The refinement on the flow then fits the frequencies together with the coefficients.

    The default has no product of two variables. It identifies pendulums, phase oscillators and
    Thomas' system, but no quadratic flow. Where the equation has a product of two variables (x z in
    Lorenz' equations), no sum of waves of single variables can represent it, which limits the
    forecasts. A `degree` of 2 adds the products, at the price of a library in which waves and
    monomials resemble each other.

    Cost: that of `SINDy`, plus O(100 d) small regressions to find the frequencies (up to 8
    variables; beyond, one ω for all). It fails as `SINDy` does, and where frequencies below 0.4 or
    above 26 radians per standard deviation matter, for example for an angle that is not reduced
    modulo a turn.

    Attributes:
        degree: highest degree of a monomial; 0 leaves waves and a constant.
        threshold, discrete, half_width, refine, max_terms: as in `SINDy`.
        harmonics: highest multiple k of a fundamental frequency.
        frequency: ω in radians per standard deviation of each variable, or None to fit it.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "threshold": (0.001, 0.01, 0.03, 0.1, 0.3),
            "degree": (0, 1, 2, 3),
            "harmonics": (1, 2, 3),
        }
    )

    _least_degree: ClassVar[int] = 0
    _parsimonious: ClassVar[bool] = True

    degree: int = 1
    harmonics: int = 2
    frequency: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "harmonics", minimum=1)
        require_real(self, "frequency", open_low=True, optional=True)

    def _libraries(self, u: FloatArray, *, discrete: bool, half_width: int) -> Iterator[Library]:
        d = u.shape[2]
        monomials = polynomial_powers(d, self.degree) if self.degree else np.zeros((1, d), int)
        q = d * self.harmonics
        if len(monomials) + 2 * q > self.max_terms:
            raise ParameterError(
                f"{self._who}: {d} variables have {len(monomials)} monomials and {2 * q} waves; "
                f"lower degree or harmonics, or raise max_terms={self.max_terms}"
            )
        powers = np.zeros((len(monomials) + 2 * q, d + 2 * q), dtype=np.int64)
        powers[: len(monomials), :d] = monomials
        powers[len(monomials) :, d:] = np.eye(2 * q, dtype=np.int64)
        found = (
            _fundamental(u, monomials, self.harmonics, 0 if discrete else half_width)
            if self.frequency is None
            else np.full(d, self.frequency)
        )
        variable = np.repeat(np.arange(d), self.harmonics)
        yield powers, Waves(variable, np.tile(np.arange(1, self.harmonics + 1), d), found)

    def _predictor(
        self,
        chosen: Candidate,
        u: FloatArray,  # noqa: ARG002
        held_out: HeldOut | None,  # noqa: ARG002
        shown: dict[str, Any],
        seed: int,  # noqa: ARG002
    ) -> EquationPredictor:
        return EquationPredictor(model=chosen.model, who=self._who, **shown)


def _fundamental(
    u: FloatArray, monomials: NDArray[np.int64], harmonics: int, half_width: int
) -> FloatArray:
    """Return the ω ``(d,)`` whose waves leave the least of du/dt unexplained.

    A `half_width` of 0 means a map: the next states are to be explained.
    """
    d = u.shape[2]
    windows = _Windows(u, half_width)
    fixed = windows.mean(np.prod(u[:, :, np.newaxis] ** monomials, axis=3))
    y = windows.targets(u)
    y = y / np.maximum(np.sqrt((y**2).sum(axis=0)), 1e-300)

    def waves(i: int, omega: float) -> FloatArray:
        angle = u[:, :, i, np.newaxis] * omega * np.arange(1, harmonics + 1)
        return windows.mean(np.concatenate([np.sin(angle), np.cos(angle)], axis=2))

    def residual(columns: list[FloatArray]) -> float:
        theta = np.concatenate([fixed, *columns], axis=1)
        theta = theta / np.maximum(np.sqrt((theta**2).sum(axis=0)), 1e-300)
        # Normal equations are accurate enough for a comparison, and five times as fast.
        moment = theta.T @ y
        solution = np.linalg.lstsq(theta.T @ theta, moment, rcond=1e-12)[0]
        return -float((solution * moment).sum())

    errors = [residual([waves(i, omega) for i in range(d)]) for omega in _GRID]
    omega = np.full(d, _GRID[int(np.argmin(errors))])
    if d > _MOST_SWEPT:
        return omega
    columns = [waves(i, omega[i]) for i in range(d)]
    for sweep in range(_SWEEPS):
        for i in range(d):

            def error(value: float, i: int = i) -> float:
                return residual([*columns[:i], waves(i, value), *columns[i + 1 :]])

            errors = [error(value) for value in _GRID]
            omega[i] = _GRID[int(np.argmin(errors))]
            if sweep == _SWEEPS - 1:
                omega[i] = _sharpened(error, omega[i])
            columns[i] = waves(i, omega[i])
    return omega


def _sharpened(error: Any, omega: float) -> float:
    """Minimise the error around a grid point by golden-section search."""
    ratio = (5**0.5 - 1) / 2
    low, high = omega * 2 ** (-1 / 8), omega * 2 ** (1 / 8)
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    fa, fb = error(a), error(b)
    while high - low > 1e-4 * omega:
        if fa < fb:
            high, b, fb = b, a, fa
            a = high - ratio * (high - low)
            fa = error(a)
        else:
            low, a, fa = a, b, fb
            b = low + ratio * (high - low)
            fb = error(b)
    return (low + high) / 2


class _Windows:
    """Weak-form windows spread over the data, at most `_ROWS` of them."""

    def __init__(self, u: FloatArray, half_width: int) -> None:
        n, length, _ = u.shape
        starts = length - max(1, 2 * half_width)
        chosen = np.unique(np.linspace(0, n * starts - 1, min(_ROWS, n * starts)).astype(int))
        begin = chosen // starts * length + chosen % starts
        self._index = begin[:, np.newaxis] + np.arange(2 * half_width + 1)
        self._discrete = half_width == 0
        self._phi, self._slope = bump(half_width) if half_width else (np.ones(1), np.ones(1))

    def mean(self, values: FloatArray) -> FloatArray:
        """Return ∫ φ values dt, ``(n, T, p)`` to ``(rows, p)``."""
        return self._sum(values, self._phi)

    def targets(self, values: FloatArray) -> FloatArray:
        """Return -∫ φ' values dt, or the next values for a map, ``(n, T, p)`` to ``(rows, p)``."""
        if self._discrete:
            return np.asarray(values.reshape(-1, values.shape[2])[self._index[:, 0] + 1])
        return -self._sum(values, self._slope)

    def _sum(self, values: FloatArray, weight: FloatArray) -> FloatArray:
        flat = values.reshape(-1, values.shape[2])
        return np.asarray(np.einsum("k,rkp->rp", weight, flat[self._index]))
