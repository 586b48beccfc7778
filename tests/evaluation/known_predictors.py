"""Forecasters whose free run is known exactly: a plugin file for the tests of `analyse`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosbench import Forecast


@dataclass(frozen=True)
class Iterated:
    """A map of the last state, iterated."""

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        state, made = context[:, -1], []
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(horizon):
                state = self.step(state)
                made.append(state)
        return Forecast(np.stack(made, axis=1))


@dataclass(frozen=True)
class TrueLogistic(Iterated):
    def step(self, x):
        return 4 * x * (1 - x)


@dataclass(frozen=True)
class TrueHenon(Iterated):
    def step(self, u):
        return np.stack([1 - 1.4 * u[:, 0] ** 2 + u[:, 1], 0.3 * u[:, 0]], axis=1)


@dataclass(frozen=True)
class Linear(Iterated):
    """Shrinks or grows by a factor a step."""

    factor: float = 0.8

    def step(self, u):
        return self.factor * u


@dataclass(frozen=True)
class Shy(Iterated):
    """Follows the logistic map, but not if it has to do with pairs of states."""

    def predict(self, context, horizon):
        if len(context) > 1:
            return Forecast(np.full((len(context), horizon, context.shape[2]), np.nan))
        return super().predict(context, horizon)

    def step(self, x):
        return 4 * x * (1 - x)
