"""Collocation in time for semilinear equations whose stiff linear part is diagonal [hairer1996].

On every step the solution of u' = L u + N(u) is a polynomial in time that satisfies the equation
at eight Radau points (Radau IIA, order 15 at the end of a step, L-stable). The linear part is
solved exactly, with one small matrix for each mode. The nonlinear term is solved by fixed-point
iteration, which contracts in proportion to h |N'|. It is evaluated at all eight points at once,
which share the overhead of one transform call.

The method has nothing but the equation in common with ETDRK4 (`spectral`).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import numpy as np
from numpy.polynomial import legendre

from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

__all__ = ["STAGES", "Collocation", "radau"]

STAGES = 8

GUESSED = 7
"""Highest degree that is extrapolated into the next step as a first guess."""

MOST_ITERATIONS = 40

MANY_ITERATIONS = 16
"""If a step needs more iterations than this, no longer step is tried."""

SOLVED = 0.05
"""Fraction of the tolerance that the iteration may leave as its error."""

ROUNDING = 3e-16
"""Relative change in an iteration that is rounding error."""

POWER = 1.75
"""Power of a step's last Legendre terms that is as small as the error at the end of the step.

The terms are of order hˢ⁻². The error is of order h²ˢ⁻¹ for waves that the step resolves and of
order hˢ⁺¹ for waves that merely follow the others. Measured on all fields: between 1.6 and 1.9.
"""

ORDER = 11.0
"""Order of that power, as a power of the step."""

SAFETY = 0.8

SMALLEST = 1e-12
"""Smallest step, as a fraction of the span; a shorter one means the equation is at fault."""

STEPS_BETWEEN = 4
"""Accepted steps before a longer step is tried; each new step size needs new matrices."""


@lru_cache(maxsize=4)
def radau(stages):
    """Return points in (0, 1], the integration matrix A, and the matrix of Legendre coefficients.

    A[i, j] is the integral from 0 to point i of the polynomial that is 1 at point j and 0 at the
    others. The third matrix turns values at the points into Legendre coefficients on the step.
    """
    series = np.zeros(stages + 1)
    series[-2:] = -1.0, 1.0  # roots of P_s − P_{s−1}
    x = np.sort(legendre.legroots(series).real)
    x[-1] = 1.0
    for _ in range(3):  # Newton's method: the companion matrix loses a few digits
        x[:-1] -= legendre.legval(x[:-1], series) / legendre.legval(x[:-1], legendre.legder(series))
    terms = np.linalg.inv(legendre.legvander(x, stages - 1))
    integrals = [
        legendre.legval(x, legendre.legint(row, lbnd=-1)) for row in np.eye(stages)
    ]  # fmt: skip
    return 0.5 * (x + 1.0), 0.5 * np.stack(integrals, axis=1) @ terms, terms


class Collocation:
    """A solution of u' = L u + N(u) that moves through time with controlled steps.

    Attributes:
        modes: the unknowns ``(1, m, *modes)``.
        step: step size that the controller aims at; 0 before the first step.
        attempts: steps tried.
        evaluations: evaluations of the nonlinear term, counted per state.

    """

    def __init__(
        self, linear, nonlinear, modes, weights, *, step, rtol, atol, bound, max_steps
    ) -> None:
        self.linear, self.nonlinear, self.modes = linear, nonlinear, modes
        self.step, self.attempts, self.evaluations = step, 0, 0
        self._weights = np.ascontiguousarray(weights).reshape(-1)
        self._rtol, self._floor = rtol, atol / rtol
        self._bound, self._max_steps = bound, max_steps
        self._points, _, self._terms = radau(STAGES)
        self._matrices = lru_cache(maxsize=8)(self._solve)
        self._guess = lru_cache(maxsize=8)(self._continuation)
        self._rates, self._before = None, 0.0
        self._calm, self._worst = 0, 0.0

    def size(self, modes) -> float:
        """Return the root mean square over the grid of one field, by Parseval's identity."""
        return float(self._sizes(modes.reshape(1, -1))[0])

    def _sizes(self, rows):
        return np.sqrt((rows.real**2 + rows.imag**2) @ self._weights)

    def advance(self, span: float) -> tuple[int, float]:
        """Advance by exactly `span`; return the status and the elapsed time."""
        if self.step == 0.0:
            slope = self.linear * self.modes + self.nonlinear(self.modes)
            scale = self._floor + self.size(self.modes)
            self.step = 0.1 * scale / max(self.size(slope), 1e-300)
        left, h = self._grid(span)
        while left:
            error, iterations = self._try(h)
            if self.attempts > self._max_steps:
                return EXHAUSTED, span - left * h
            if not error <= 1.0:
                self._calm, self._worst = 0, 0.0
                self.step = h * max(0.2, min(0.7, SAFETY * error ** (-1 / ORDER)))
                if not self.step > SMALLEST * span:
                    return (UNDERFLOW if np.isfinite(error) else ESCAPED), span - left * h
                left, h = self._grid(left * h)
                continue
            left -= 1
            if not self.size(self.modes) < self._bound:
                return ESCAPED, span - left * h
            self._calm, self._worst = self._calm + 1, max(self._worst, error)
            if self._calm == STEPS_BETWEEN:
                factor = SAFETY * max(self._worst, 1e-10) ** (-1 / ORDER)
                self._calm, self._worst = 0, 0.0
                if factor > 1.1 and iterations <= MANY_ITERATIONS:
                    self.step = h * min(2.0, factor)
                    left, h = self._grid(left * h)
        return REACHED, span

    def _grid(self, span: float) -> tuple[int, float]:
        """Divide the remaining span into equal steps no longer than `step`."""
        count = ceil(span / self.step * (1.0 - 1e-9))
        return count, span / count if count else 0.0

    def _solve(self, h):
        """Return (I − hL A)⁻¹ (1 | hA) for every mode, as arrays ``(s, K)`` and ``(s, s, K)``."""
        _, integration, _ = radau(STAGES)
        identity = np.eye(STAGES)
        left = identity - h * self.linear.reshape(-1, 1, 1) * integration
        right = np.concatenate([np.ones((STAGES, 1)), h * integration], axis=1)
        solved = np.linalg.solve(left, np.broadcast_to(right, (len(left), *right.shape)))
        solved = np.ascontiguousarray(np.moveaxis(solved, 0, -1))
        return solved[:, 0], np.ascontiguousarray(solved[:, 1:])

    def _continuation(self, ratio):
        """Return the matrix that extrapolates values to the next step, which is `ratio` as long."""
        onward = legendre.legvander(1.0 + 2.0 * ratio * self._points, STAGES - 1)
        onward[:, GUESSED + 1 :] = 0.0
        return onward @ self._terms

    def _try(self, h):
        """Try one step and keep it unless it fails; return scaled error and iterations."""
        self.attempts += 1
        start, through = self._matrices(h)
        with np.errstate(over="ignore", invalid="ignore"):
            base = start * self.modes.reshape(-1)
            scale = self._floor + self.size(self.modes)
            if self._rates is None:
                rates = np.repeat(self.nonlinear(self.modes).reshape(1, -1), STAGES, axis=0)
                self.evaluations += 1
            else:
                rates = self._guess(h / self._before) @ self._rates
            values, last = base + np.einsum("ijk,jk->ik", through, rates), np.inf
            for iteration in range(1, MOST_ITERATIONS + 1):
                rates = self.nonlinear(values.reshape(STAGES, *self.modes.shape[1:]))
                rates = rates.reshape(STAGES, -1)
                self.evaluations += STAGES
                again = base + np.einsum("ijk,jk->ik", through, rates)
                change = float(self._sizes(again - values).max()) / scale
                values = again
                if not change < 1e6:
                    return np.inf, iteration
                shrinks, last = change / last, change
                if change <= ROUNDING or (
                    # the remaining error, estimated from the ratio of the last two changes
                    iteration > 1 and change * shrinks <= SOLVED * self._rtol * (1.0 - shrinks)
                ):
                    break
                if iteration > 4 and shrinks > 0.9:
                    return 1e9, iteration
            else:
                return 1e9, iteration
            tail = float(self._sizes(self._terms[-2:] @ values).max()) / scale
        error = tail**POWER / self._rtol
        if error <= 1.0:
            self._rates, self._before = rates, h
            self.modes = values[-1].reshape(self.modes.shape)
        return error, iteration
