"""Forecasters that know the truth: a plugin file for tests of what a perfect answer scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chaosbench import Forecast


def _rollout(step, context, horizon):
    state, out = context[:, -1], []
    for _ in range(horizon):
        state = step(state)
        out.append(state)
    return Forecast(np.stack(out, axis=1))


@dataclass(frozen=True)
class HenonItself:
    a: float = 1.4

    def fit(self, train, *, seed):
        return self

    def next_state(self, states):
        x, y = states.T
        return np.stack([1 - self.a * x**2 + y, 0.3 * x], axis=1)

    def polynomial(self):
        # one term written twice, and one that is not there
        powers = np.array([[0, 0], [2, 0], [2, 0], [0, 1], [1, 0], [1, 1]])
        coefficients = np.array([[1, 0], [-1, 0], [1 - self.a, 0], [1, 0], [0, 0.3], [0, 0]])
        return powers, coefficients

    def predict(self, context, horizon):
        return _rollout(self.next_state, context, horizon)


@dataclass(frozen=True)
class TrueLorenz:
    """Integrates with the classical Runge-Kutta method, 20 steps a sample."""

    rho: float = 28.0

    def fit(self, train, *, seed):
        return _Lorenz(self.rho, train.dt)


@dataclass(frozen=True)
class _Lorenz:
    rho: float
    dt: float

    def vector_field(self, states):
        x, y, z = states.T
        return np.stack([10 * (y - x), x * (self.rho - z) - y, x * y - 8 / 3 * z], axis=1)

    def predict(self, context, horizon):
        def step(u):
            h = self.dt / 20
            for _ in range(20):
                k1 = self.vector_field(u)
                k2 = self.vector_field(u + h / 2 * k1)
                k3 = self.vector_field(u + h / 2 * k2)
                u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + self.vector_field(u + h * k3))
            return u

        return _rollout(step, context, horizon)


@dataclass(frozen=True)
class Collapses:
    """Settles on the fixed point of the Hénon map within the dropped quarter."""

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        return Forecast(np.full((len(context), horizon, 2), (0.6313544770895048, 0.1894063)))


@dataclass(frozen=True)
class LosesOne:
    """Right in all windows but the first, which it loses at the very end."""

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        values = HenonItself().predict(context, horizon).values
        values[0, -1] = np.nan
        return Forecast(values)


@dataclass(frozen=True)
class WrongSlopes:
    def fit(self, train, *, seed):
        return self

    def next_state(self, states):
        return states[:, :1]

    def predict(self, context, horizon):
        return Forecast(np.repeat(context[:, -1:], horizon, axis=1))


@dataclass(frozen=True)
class CountsWhatItSees:
    """Forecasts how many samples of the context are observed, how many rows there are, and when."""

    handles_gaps: ClassVar[bool] = True

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        seen = np.isfinite(context[..., 0]).sum(axis=1)
        values = np.full((len(context), horizon, context.shape[2]), float(context.shape[1]))
        values[..., 0] = seen[:, np.newaxis]
        values[..., 1] = context[:, -1:, 1]
        return Forecast(values)
