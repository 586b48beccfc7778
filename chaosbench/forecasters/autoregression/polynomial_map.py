"""Least squares on all monomials of the state, to the last digit of the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import DivergedError, ParameterError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.polynomial import exponents
from chaosbench.forecasters._shared.rollout import closed_loop, output_bounds
from chaosbench.forecasters._shared.selection import HeldOut, hold_out, lasting
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["PolynomialMap"]

_CHUNK_BYTES = 32_000_000
# Higher degrees reach the rounding of the data on every flow that was tried.
_HIGHEST = 15
# Samples times squared terms of the largest fit that is tried.
_WORK = 1e10
# A square root is the size of the penalty relative to a term: the first is rounding. The larger
# ones are for noise, and for variables that depend on each other.
_RIDGES = (1e-30, 1e-24, 1e-18, 1e-12, 1e-8, 1e-4)
_DEFAULT_RIDGE = 1e-8
_DEFAULT_DEGREE = 2
# The error of a fit to all digits begins at rounding, far below that of any other method.
_THRESHOLDS = 0.4 * 10.0 ** -np.arange(15.0)
_STEPS = 300


@dataclass(frozen=True)
class PolynomialMap:
    """Least squares of one-step increments on all monomials up to a degree [schotz2025].

    With the state u scaled to [-1, 1] by the range of the training data,

        u(t+1) = u(t) + Σ_{|α| ≤ degree} W_α T_α(u(t)),    T_α(u) = Π_i T_{α_i}(u_i),

    where T_k are Chebyshev polynomials. The T_α span the same space as the monomials u^α, so that
    the least-squares map is the same; on [-1, 1] they do not exceed 1 and are far from dependent,
    which keeps the digits of the solution and of every step. W is found by Householder QR and one
    step of refinement, with a penalty on |W|² that is at the level of rounding on clean data. The
    rounding errors of adding many small increments are carried along (compensated summation). All
    of it is in double, as the data are; ``benchmarks/polynomial_map.py`` measures what a solution
    in double-double would bring. A variable that is constant in the training data stays so.

    Degree and penalty are chosen by closed-loop forecasts of the last 15% of the training data: the
    score is the time for which the error stays below thresholds from 0.4 down to 4e-15 standard
    deviations, and is halved where all free runs of 1,000 steps diverge. The chosen map is then
    fitted to all data. All degrees to 15 are tried that have at most `max_features` terms, at most
    half as many terms as samples, and at most 1e10 for samples times squared terms. One QR serves
    all of them.

    Cost: with p = C(d + degree, degree) terms, O(nT p²) time and O(p²) memory to fit, and O(p d)
    per step and window. It fails where the state is not fully observed, because it has no delays;
    where noise is larger than the curvature of the flow over one step; where the flow is not
    smooth; and with many variables, because the number of terms then allows a low degree only. The
    output is clipped to the training range, widened by half of it on either side.

    Attributes:
        degree: highest total degree of the monomials, or None to choose it.
        ridge: penalty per sample, on scaled data, or None to choose it.
        max_features: largest number of terms; `fit` raises `ParameterError` where `degree` needs
            more.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"degree": (2, 3, 5, 7, 9, 11, 13), "ridge": (1e-30, 1e-18, 1e-12, 1e-8, 1e-4)}
    )

    degree: int | None = None
    ridge: float | None = None
    max_features: int = 1000

    def __post_init__(self) -> None:
        require_integer(self, "degree", minimum=1, optional=True)
        require_real(self, "ridge", optional=True)
        require_integer(self, "max_features", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _PolynomialPredictor:  # noqa: ARG002
        """Solve for the map.

        Raises:
            DivergedError: the training data are not finite, or the solution is not.
            InvalidForecastError: the training trajectories have fewer than two points.
            ParameterError: `degree` needs more than `max_features` terms for these variables.

        """
        values = checked_training(train, minimum=2, who="PolynomialMap")
        box, moving = _box(values)
        degrees = self._degrees(len(moving), values.shape[0] * values.shape[1])
        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        untrained = _PolynomialPredictor(
            scaler=box,
            moving=moving,
            powers=exponents(len(moving), degrees[-1]),
            readout=np.zeros((0, len(moving))),
        )
        held_out = None
        if len(degrees) * len(ridges) > 1:
            scale = Scaler.of(values).scale
            held_out = hold_out(values, scale=scale, warmup=1, horizon=_STEPS)
        if held_out is None:
            degree = min(_DEFAULT_DEGREE, degrees[-1]) if self.degree is None else self.degree
            ridge = _DEFAULT_RIDGE if self.ridge is None else self.ridge
            equations = _Equations(untrained.first(degree))
            equations.add(values)
        else:
            equations = _Equations(untrained)
            equations.add(values[:, : held_out.split])
            degree, ridge = _choose(equations, degrees, ridges, held_out)
            equations = equations.first(degree)
            # The first increment of the tail starts from the last state before it.
            equations.add(values[:, held_out.split - 1 :])
        found = equations.solve(ridge, [degree])[0]
        found = equations.refined(found, ridge, values)
        return replace(found, bounds=output_bounds(values))

    def _degrees(self, d: int, samples: int) -> list[int]:
        """Return the degrees to try for `d` variables, in ascending order."""
        lowest = self.degree or 1
        if comb(d + lowest, lowest) > self.max_features:
            raise ParameterError(
                f"PolynomialMap with degree={lowest} has {comb(d + lowest, lowest)} terms on {d} "
                f"variables; lower degree or raise max_features={self.max_features}"
            )
        if self.degree is not None or d == 0:
            return [lowest]
        most = min(self.max_features, samples // 2, int((_WORK / samples) ** 0.5))
        return [1, *(k for k in range(2, _HIGHEST + 1) if comb(d + k, k) <= most)]


def _box(values: FloatArray) -> tuple[Scaler, NDArray[np.intp]]:
    """Return the scaling of each variable to [-1, 1], and which variables are not constant."""
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    half = high / 2 - low / 2
    # By rounding, a constant has a range near machine precision instead of 0.
    constant = half <= 1e-13 * np.maximum(np.abs(low), np.abs(high))
    scaler = Scaler(mean=low / 2 + high / 2, scale=np.where(constant, 1.0, half))
    return scaler, np.flatnonzero(~constant)


def _factors(powers: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return which rows of the table of factors each term multiplies, ``(factors, p)``.

    Row 0 of the table is the constant 1, and row ``1 + (k - 1) d + i`` is T_k of variable i.
    """
    p, d = powers.shape
    most = max(1, int((powers > 0).sum(axis=1).max(initial=0)))
    index = np.zeros((most, p), dtype=np.intp)
    for term, row in enumerate(powers):
        used = np.flatnonzero(row)
        index[: len(used), term] = 1 + (row[used] - 1) * d + used
    return index


class _Equations:
    """R of the QR factorisation of [Φ Y], which determines the least-squares solution.

    Terms are sorted by total degree, so that leading blocks of R belong to lower degrees.
    """

    def __init__(self, untrained: _PolynomialPredictor) -> None:
        self.untrained = untrained
        self._factor = np.empty((0, len(untrained.powers) + len(untrained.moving)))
        self._samples = 0

    def first(self, degree: int) -> _Equations:
        """Return the equations of the terms up to a degree."""
        found = _Equations(self.untrained.first(degree))
        p, every = len(found.untrained.powers), len(self.untrained.powers)
        kept = np.concatenate([self._factor[:, :p], self._factor[:, every:]], axis=1)
        found._factor = np.asarray(np.linalg.qr(kept, mode="r"))
        found._samples = self._samples
        return found

    def add(self, values: FloatArray) -> None:
        """Add the steps within trajectories ``(n, T, d)``, in the units of the data."""
        for phi, increments in self._rows(values):
            both = np.concatenate([phi, increments], axis=1)
            if not np.isfinite(both).all():
                raise DivergedError("the terms of the training data are not finite")
            stacked = np.concatenate([self._factor, both])
            self._factor = np.asarray(np.linalg.qr(stacked, mode="r"))
            self._samples += len(both)

    def _rows(self, values: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield terms ``(rows, p)`` and scaled increments ``(rows, m)``, some rows at a time."""
        untrained, moving = self.untrained, self.untrained.moving
        d = values.shape[2]
        states = values[:, :-1].reshape(-1, d)[:, moving]
        increments = np.diff(values, axis=1).reshape(-1, d)[:, moving]
        increments = increments / untrained.scaler.scale[moving]
        width = self._factor.shape[1]
        # Each QR takes R along, which is wasted work unless many rows are added at once.
        rows = max(2 * width, _CHUNK_BYTES // (8 * max(1, width)))
        for begin in range(0, len(states), rows):
            part = slice(begin, begin + rows)
            yield untrained.terms(states[part]).T, increments[part]

    def _damped(self, ridge: float) -> FloatArray:
        """Return R of the factorisation with this penalty."""
        p = len(self.untrained.powers)
        # Below this, terms that depend on each other to rounding would be divided by zero.
        root = np.sqrt(max(ridge, _RIDGES[0]) * self._samples)
        damping = np.concatenate([root * np.eye(p), np.zeros((p, self._factor.shape[1] - p))], 1)
        return np.asarray(np.linalg.qr(np.concatenate([self._factor, damping]), mode="r"))

    def solve(self, ridge: float, degrees: list[int]) -> list[_PolynomialPredictor]:
        """Return the map of each degree with this penalty; one more QR serves all of them."""
        p = len(self.untrained.powers)
        damped = self._damped(ridge)
        found = []
        for degree in degrees:
            part = self.untrained.first(degree)
            size = len(part.powers)
            readout = _back(damped[:size, :size], damped[:size, p:])
            found.append(replace(part, readout=readout))
        return found

    def refined(
        self, found: _PolynomialPredictor, ridge: float, values: FloatArray
    ) -> _PolynomialPredictor:
        """Return the map of all terms with the least-squares solution of its own residual added.

        The factorisation leaves errors of several roundings of the data, which cost a Lyapunov
        time. Those of this step are relative to the residual. The normal equations are solved by
        the factor that is there.

        Args:
            found: the solution for this penalty.
            ridge: the penalty.
            values: all trajectories ``(n, T, d)`` that were added.

        """
        p = len(self.untrained.powers)
        factor = self._damped(ridge)[:p, :p]
        gradient = -max(ridge, _RIDGES[0]) * self._samples * found.readout
        for phi, increments in self._rows(values):
            gradient += phi.T @ (increments - phi @ found.readout)
        step = _back(factor, _back(factor, gradient, transposed=True))
        return replace(found, readout=found.readout + step)


def _back(triangle: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    """Solve an upper triangular system, or its transpose."""
    from scipy import linalg

    found = linalg.solve_triangular(
        triangle, right, trans="T" if transposed else "N", check_finite=False
    )
    if not np.isfinite(found).all():
        raise DivergedError("the regression has no finite solution; raise the penalty")
    return np.asarray(found)


def _choose(
    equations: _Equations, degrees: list[int], ridges: tuple[float, ...], held_out: HeldOut
) -> tuple[int, float]:
    """Return the degree and the penalty whose closed loop follows the held-out windows longest."""
    solved = [equations.solve(ridge, degrees) for ridge in ridges]
    candidates, scores, options = [], [], []
    for k, degree in enumerate(degrees):
        maps = [found[k] for found in solved]
        scores += list(_scores(maps, held_out))
        candidates += maps
        options += [(degree, ridge) for ridge in ridges]
    best, _ = lasting(scores, lambda i: held_out.bounded(candidates[i]))
    return options[best]


def _scores(maps: list[_PolynomialPredictor], held_out: HeldOut) -> list[float]:
    """Follow maps of one degree together, and return the score of each.

    It is the mean fraction of the horizon before the error exceeds a threshold, over windows and
    thresholds. Once no error is below the largest threshold, nothing can change any more.
    """
    first = maps[0]
    readouts = np.stack([one.readout.T for one in maps])
    states = np.tile(held_out.context[:, -1], (len(maps), 1, 1))
    n, horizon, _ = held_out.truth.shape
    lost = np.zeros_like(states)
    worst = np.zeros((len(maps), n))
    total = np.zeros(len(maps))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for h in range(horizon):
            phi = first.terms(states.reshape(-1, states.shape[2])[:, first.moving])
            phi = phi.reshape(len(phi), len(maps), n).swapaxes(0, 1)
            increments = (readouts @ phi).swapaxes(1, 2)
            states, lost = first.moved(states, lost, increments)
            offset = (states - held_out.truth[:, h]) / held_out.scale
            error = np.sqrt((offset**2).mean(axis=2))
            worst = np.maximum(worst, np.where(np.isfinite(error), error, np.inf))
            total += (worst[..., np.newaxis] <= _THRESHOLDS).mean(axis=(1, 2))
            # A lost window stands still, so that nothing overflows.
            gone = worst > _THRESHOLDS[0]
            states = np.where(gone[..., np.newaxis], first.scaler.mean, states)
            if gone.all():
                break
    return [float(score) for score in total / horizon]


@dataclass(frozen=True, eq=False)
class _PolynomialPredictor:
    scaler: Scaler
    moving: NDArray[np.intp]
    powers: NDArray[np.int64]
    readout: FloatArray
    bounds: FloatArray | None = None

    @cached_property
    def _index(self) -> NDArray[np.intp]:
        return _factors(self.powers)

    def first(self, degree: int) -> _PolynomialPredictor:
        """Return the same with the terms up to a degree only."""
        return replace(self, powers=self.powers[self.powers.sum(axis=1) <= degree])

    def terms(self, states: FloatArray) -> FloatArray:
        """Evaluate all terms at states of the moving variables ``(n, m)``, giving ``(p, n)``."""
        n, m = states.shape
        degree = int(self.powers.max(initial=0))
        u = ((states - self.scaler.mean[self.moving]) / self.scaler.scale[self.moving]).T
        # Row 0 is the constant; then T_1 of each variable, T_2 of each variable, and so on.
        table = np.ones((1 + degree * m, n))
        chebyshev = table[1:].reshape(degree, m, n)
        if degree:
            chebyshev[0] = u
        for k in range(1, degree):
            chebyshev[k] = 2 * u * chebyshev[k - 1] - (chebyshev[k - 2] if k > 1 else 1.0)
        product = table[self._index[0]]
        for factor in self._index[1:]:
            product *= table[factor]
        return np.asarray(product)

    def moved(
        self, states: FloatArray, lost: FloatArray, increments: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Add scaled increments ``(..., m)`` to states ``(..., d)``, and return what rounding lost.

        The sum and its rounding error are exact (Knuth's TwoSum); the error is added to the next
        increment.
        """
        change = lost.copy()
        change[..., self.moving] += increments * self.scaler.scale[self.moving]
        total = states + change
        part = total - states
        return total, (states - (total - part)) + (change - part)

    def next_state(self, states: FloatArray) -> FloatArray:
        """Return the states ``(n, d)`` one step later."""
        states = np.asarray(states, dtype=np.float64)
        increments = self.terms(states[:, self.moving]).T @ self.readout
        return self.moved(states, np.zeros_like(states), increments)[0]

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        d = len(self.scaler.mean)
        rows, alive = checked_context(context, horizon, d=d, minimum=1, used=1, who="PolynomialMap")
        states = rows[:, -1]
        lost = np.zeros_like(states)

        def step(_: FloatArray) -> FloatArray:
            nonlocal states, lost
            increments = self.terms(states[:, self.moving]).T @ self.readout
            states, lost = self.moved(states, lost, increments)
            if self.bounds is not None:
                states = np.clip(states, *self.bounds)
            return self.scaler.apply(states)

        values = closed_loop(step, self.scaler.apply(states), horizon, alive)
        return Forecast(self.scaler.undo(values))
