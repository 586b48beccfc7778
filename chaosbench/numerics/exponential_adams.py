"""Exponential Adams methods for semilinear equations with diagonal linear part [hochbruck2011].

The equation is u' = L u + N(u). The predictor integrates the polynomial through the last six values
of N exactly against exp((h − t) L). The corrector does the same with the polynomial through the
newly predicted value and the five before it. Each is evaluated once (PECE, order 6), so a step
costs two evaluations. The first five steps are composed of small ETDRK4 steps.

The method serves as a witness for collocation, with which it has little in common: it does not
iterate, it has a memory, and its weights are quadratures of exponentials.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import numpy as np
from numpy.polynomial import Polynomial, legendre

from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW
from chaosbench.numerics.spectral import etdrk4_coefficients, etdrk4_step

__all__ = ["STEPS", "ExponentialAdams", "adams_weights"]

STEPS = 6
"""Number of values that each polynomial interpolates, which is also the order."""

QUADRATURE = 48
"""Number of Gauss points, enough for exponentials up to `LARGE`."""

LARGE = 30.0

MILNE = 863 / (863 + 19087)
"""Fraction of the correction that estimates the corrector's error, for L = 0."""

SUBSTEPS = 16
"""Number of ETDRK4 steps in each of the first steps."""

SAFETY = 0.8

SMALLEST = 1e-12
"""Smallest step, as a fraction of the span; a shorter one means the equation is at fault."""

STEPS_BETWEEN = 64
"""Accepted steps before a longer step is tried; each new step size starts a new memory."""


def adams_weights(z, nodes):
    """Return the weights ``(nodes, *z)`` of the values at `nodes`, in steps from the present.

    They are the integrals of exp((1 − t) z) ℓ(t) over [0, 1], where ℓ is 1 at one node and 0 at the
    others. Powers of t are avoided, because their ill-conditioning would cost three digits.
    """
    z = np.asarray(z)
    x, w = legendre.leggauss(QUADRATURE)
    t, w = 0.5 * (x + 1.0), 0.5 * w
    small = np.abs(z) < LARGE
    near, away = np.where(small, z, 0.0), np.where(small, 1.0, z)
    grown, whole = np.exp((1.0 - t) * near[..., np.newaxis]), np.exp(away)
    found = []
    for node in nodes:
        others = np.array([other for other in nodes if other != node], dtype=float)
        values = np.prod((t[:, np.newaxis] - others) / (node - others), axis=1)
        series, far = Polynomial.fromroots(others) / np.prod(node - others), 0.0
        for k in range(len(nodes)):  # integration by parts, which divides by large numbers only
            far = far + (series(0.0) * whole - series(1.0)) / away ** (k + 1)
            series = series.deriv()
        found.append(np.where(small, grown @ (w * values), far))
    return np.array(found)


class ExponentialAdams:
    """A solution of u' = L u + N(u) that moves through time with controlled steps.

    Attributes:
        modes: the unknowns ``(1, m, *modes)``.
        step: step size that the controller aims at; 0 before the first step.
        attempts: steps tried.

    """

    def __init__(
        self, linear, nonlinear, modes, weights, *, step, rtol, atol, bound, max_steps
    ) -> None:
        self.linear, self.nonlinear, self.modes = linear, nonlinear, modes
        self.step, self.attempts = step, 0
        self._weights, self._bound, self._max_steps = weights, bound, max_steps
        self._rtol, self._floor = rtol, atol / rtol
        self._rate = nonlinear(modes)
        self._coefficients = lru_cache(maxsize=4)(self._prepare)
        self._past, self._spacing = np.empty((STEPS, *modes.shape[1:]), dtype=complex), 0.0
        self._known = 0
        self._calm, self._worst, self._patience = 0, 0.0, STEPS_BETWEEN

    def size(self, modes) -> float:
        """Return the root mean square over the grid of one field, by Parseval's identity."""
        return float(np.sqrt(np.vdot(self._weights, modes.real**2 + modes.imag**2)))

    def advance(self, span: float) -> tuple[int, float]:
        """Advance by exactly `span`; return the status and the elapsed time."""
        if self.step == 0.0:
            slope = self.size(self.linear * self.modes + self._rate)
            self.step = 0.01 * (self._floor + self.size(self.modes)) / max(slope, 1e-300)
        left, h = self._grid(span)
        while left:
            error = self._try(h)
            if self.attempts > self._max_steps:
                return EXHAUSTED, span - left * h
            if not error <= 1.0:
                self._calm, self._worst, self._patience = 0, 0.0, 2 * self._patience
                shorter = SAFETY * error ** (-1 / (STEPS + 1)) if np.isfinite(error) else 0.2
                self.step = h * max(0.2, min(0.7, shorter))
                if not self.step > SMALLEST * span:
                    return (UNDERFLOW if np.isfinite(error) else ESCAPED), span - left * h
                left, h = self._grid(left * h)
                continue
            left -= 1
            if not self.size(self.modes) < self._bound:
                return ESCAPED, span - left * h
            self._calm, self._worst = self._calm + 1, max(self._worst, error)
            if self._calm >= self._patience:
                factor = SAFETY * max(self._worst, 1e-10) ** (-1 / (STEPS + 1))
                self._calm, self._worst = 0, 0.0
                if factor > 1.5:
                    self.step = h * min(2.0, factor)
                    left, h = self._grid(left * h)
        return REACHED, span

    def _grid(self, span: float) -> tuple[int, float]:
        """Divide the remaining span into equal steps no longer than `step`."""
        count = ceil(span / self.step * (1.0 - 1e-9))
        return count, span / count if count else 0.0

    def _prepare(self, h):
        z = h * self.linear
        past = np.arange(1 - STEPS, 1)
        return (
            np.exp(z),
            h * adams_weights(z, past),
            h * adams_weights(z, past + 1),
            etdrk4_coefficients(self.linear, h / SUBSTEPS),
        )

    def _try(self, h):
        """Try one step and keep it unless it fails; return its error in units of the tolerance."""
        self.attempts += 1
        if h != self._spacing:
            self._spacing, self._known = h, 0
        whole, explicit, implicit, small = self._coefficients(h)
        with np.errstate(over="ignore", invalid="ignore"):
            scale = self._floor + self.size(self.modes)
            if self._known == 0:
                self._past[-1], self._known = self._rate[0], 1
            if self._known < STEPS:
                new, rate, error = self._begin(small, scale)
            else:
                moved = whole * self.modes
                predicted = moved + np.einsum("i...,i...->...", explicit, self._past)
                past = np.concatenate([self._past[1:], self.nonlinear(predicted)])
                new = moved + np.einsum("i...,i...->...", implicit, past)
                error = MILNE * self.size(new - predicted) / scale / self._rtol
                rate = self.nonlinear(new) if error <= 1.0 else None
        if error <= 1.0:
            self.modes, self._rate = new, rate
            self._past[:-1] = self._past[1:]
            self._past[-1] = rate[0]
            self._known = min(self._known + 1, STEPS)
        return error

    def _begin(self, coefficients, scale):
        """Take one of the first steps as several small ETDRK4 steps."""
        new, rate, worst = self.modes, self._rate, 0.0
        for _ in range(SUBSTEPS):
            new, rate, apart = etdrk4_step(coefficients, self.nonlinear, new, rate)
            worst = max(worst, (self.size(apart) / scale) ** 1.25)
            if not worst <= self._rtol:
                break
        return new, rate, worst / self._rtol
