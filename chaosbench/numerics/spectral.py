"""ETDRK4 for semilinear equations whose stiff linear part is diagonal [cox2002].

The unknowns are Fourier coefficients ``(batch, m, *modes)``. The first `leaders` rows of the batch
control the step; the other rows (tangent vectors, a twin) use the same step. The coefficients are
those of Cox & Matthews, computed from φ-functions. Near zero, where the formulas that Kassam &
Trefethen [kassam2005] evaluate on a contour suffer cancellation, the φ-functions come from their
Taylor series; elsewhere they come from the recurrence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, factorial

import numpy as np

from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

__all__ = ["Stepper", "etdrk4_coefficients", "etdrk4_step", "phi_functions"]

TAYLOR_TERMS = 20

STEPS_BETWEEN = 32
"""Accepted steps before a longer step is tried; each new step size needs new coefficients."""

SAFETY = 0.9

SMALLEST = 1e-14
"""Smallest step, as a fraction of the span; a shorter one means the equation is at fault."""

ORDER = 5
"""Order of the local error, as a power of the step."""


def phi_functions(z):
    """Return φ₁, φ₂ and φ₃ of an array, φₖ(z) = (φₖ₋₁(z) − 1/(k−1)!)/z with φ₀ = exp."""
    z = np.asarray(z)
    small = np.abs(z) < 1.0
    away = np.where(small, 1.0, z)
    value = np.exp(away)
    found = []
    for k in (1, 2, 3):
        value = (value - 1.0 / factorial(k - 1)) / away
        series = np.zeros_like(value)
        near = np.where(small, z, 0.0)
        for n in range(TAYLOR_TERMS, -1, -1):
            series = series * near + 1.0 / factorial(n + k)
        found.append(np.where(small, series, value))
    return found


def etdrk4_coefficients(linear, h):
    """Return exp(hL), exp(hL/2) and the weights of the half step and of the four stages."""
    z = h * linear
    one, two, three = phi_functions(z)
    half, _, _ = phi_functions(0.5 * z)
    return (
        np.exp(z),
        np.exp(0.5 * z),
        0.5 * h * half,
        h * (one - 3.0 * two + 4.0 * three),
        h * (2.0 * two - 4.0 * three),
        h * (4.0 * three - two),
    )


def etdrk4_step(coefficients, nonlinear, u, nu):
    """Take one step from `u` with nonlinear term `nu`.

    Returns the new unknowns, their nonlinear term, and the difference between the new unknowns and
    those of an embedded formula of order 3.
    """
    whole, half, q, f1, f2, f3 = coefficients
    u_half = half * u
    a = u_half + q * nu
    na = nonlinear(a)
    nb = nonlinear(u_half + q * na)
    nc = nonlinear(half * a + q * (2.0 * nb - nu))
    new = whole * u + f1 * nu + f2 * (na + nb) + f3 * nc
    rate = nonlinear(new)
    return new, rate, f3 * (rate - nc)


class Stepper:
    """A solution of u' = L u + N(u) that moves through time with controlled steps.

    The difference between the nonlinear term at the new point, which the next step needs anyway,
    and at the last stage gives the error of an embedded formula of order 3 [whalen2015] at no
    extra cost. This error is of order h⁴, and the local error of the step itself is of order h⁵.
    Therefore the embedded error to the power 5/4, relative to the solution, is held below `rtol`.

    Attributes:
        modes: the unknowns ``(batch, m, *modes)``.
        step: step size that the controller aims at; 0 before the first step.
        attempts: steps tried.

    """

    def __init__(
        self,
        linear: np.ndarray,
        nonlinear: Callable[[np.ndarray], np.ndarray],
        modes: np.ndarray,
        weights: np.ndarray,
        *,
        step: float,
        rtol: float,
        atol: float,
        bound: float,
        max_steps: int,
        leaders: int = 1,
    ) -> None:
        self._leaders = leaders
        self.linear, self.nonlinear, self.modes = linear, nonlinear, modes
        self.step, self.attempts = step, 0
        self._weights, self._bound, self._max_steps = weights, bound, max_steps
        self._rtol, self._floor = rtol, atol / rtol
        self._rate = nonlinear(modes)
        self._coefficients = lru_cache(maxsize=4)(lambda h: etdrk4_coefficients(linear, h))
        self._calm, self._worst = 0, 0.0

    def replace(self, modes) -> None:
        """Continue from other unknowns, as after orthonormalisation or after moving a twin back."""
        self.modes = modes
        self._rate = self.nonlinear(modes)

    def size(self, modes) -> float:
        """Return the root mean square over the grid of one field, by Parseval's identity."""
        return float(np.sqrt(np.vdot(self._weights, modes.real**2 + modes.imag**2)))

    def _sizes(self, modes) -> list[float]:
        return [self.size(row) for row in modes[: self._leaders]]

    def advance(self, span: float) -> tuple[int, float]:
        """Advance by exactly `span`; return the status and the elapsed time."""
        if self.step == 0.0:
            self._first_step(span)
        left, h = self._grid(span)
        while left:
            new, rate, error = self._try(h)
            if not error <= 1.0:
                self.step = h * (max(0.1, SAFETY * error ** (-1 / ORDER)) if error < 1e30 else 0.1)
                if not self.step > SMALLEST * span:
                    lost = not np.isfinite(error)
                    return (ESCAPED if lost else UNDERFLOW), span - left * h
                left, h = self._grid(left * h)
                continue
            self.modes, self._rate = new, rate
            left -= 1
            if not all(size < self._bound for size in self._sizes(new)):
                return ESCAPED, span - left * h
            if self.attempts > self._max_steps:
                return EXHAUSTED, span - left * h
            self._calm, self._worst = self._calm + 1, max(self._worst, error)
            if self._calm == STEPS_BETWEEN:
                factor = SAFETY * max(self._worst, 1e-10) ** (-1 / ORDER)
                self._calm, self._worst = 0, 0.0
                if factor > 1.25:
                    self.step = h * min(2.0, factor)
                    left, h = self._grid(left * h)
        return REACHED, span

    def _grid(self, span: float) -> tuple[int, float]:
        """Divide the remaining span into equal steps no longer than `step`."""
        count = ceil(span / self.step * (1.0 - 1e-9))
        return count, span / count if count else 0.0

    def _first_step(self, span: float) -> None:
        slope = max(self.size(self._rate[0]), self.size((self.linear * self.modes)[0]), 1e-300)
        h = min(span, 0.1 * (self._floor + self.size(self.modes[0])) / slope)
        for _ in range(8):
            _, _, error = self._try(h)
            factor = SAFETY * max(error, 1e-10) ** (-1 / ORDER) if np.isfinite(error) else 0.1
            h = min(span, h * min(4.0, max(0.1, factor)))
            if 0.8 < factor < 1.1 or h == span:
                break
        self.step = h

    def _try(self, h):
        """Try one step; return new unknowns, nonlinear term and error in units of the tolerance."""
        self.attempts += 1
        with np.errstate(over="ignore", invalid="ignore"):
            new, rate, apart = etdrk4_step(
                self._coefficients(h), self.nonlinear, self.modes, self._rate
            )
            errors = [
                (far / (self._floor + size)) ** 1.25 / self._rtol
                for far, size in zip(self._sizes(apart), self._sizes(self.modes), strict=True)
            ]
            error = float(np.max(errors))  # NaN if any of them is NaN
        return new, rate, error
