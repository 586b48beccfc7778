"""Lorenz at the setting of the published reference figures, integrated independently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from chaosbench.trajectories import FloatArray, Trajectories

DT = 0.02
LYAPUNOV_EXPONENT = 0.9056
ORDER = 22


def lorenz_rhs(_t: float, u: FloatArray) -> list[float]:
    x, y, z = u
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def solve_lorenz(start: FloatArray, steps: int) -> FloatArray:
    """Sum the Taylor series from sample to sample in plain Python.

    No linear algebra library is involved: where the last bit differs, chaos leads to another orbit,
    and the tests would see another draw.
    """
    states = np.empty((steps, 3))
    states[0] = start
    x, y, z = ([0.0] * (ORDER + 1) for _ in range(3))
    for t in range(1, steps):
        x[0], y[0], z[0] = states[t - 1].tolist()
        for k in range(ORDER):
            xz = xy = 0.0
            for i in range(k + 1):
                xz += x[i] * z[k - i]
                xy += x[i] * y[k - i]
            x[k + 1] = 10 * (y[k] - x[k]) / (k + 1)
            y[k + 1] = (28 * x[k] - y[k] - xz) / (k + 1)
            z[k + 1] = (xy - 8 / 3 * z[k]) / (k + 1)
        for j, series in enumerate((x, y, z)):
            value = 0.0
            for coefficient in reversed(series):
                value = value * DT + coefficient
            states[t, j] = value
    return states


@dataclass(frozen=True)
class Reference:
    """5,000 training points and 20 windows elsewhere on the attractor."""

    train: Trajectories
    context: FloatArray
    truth: FloatArray

    rhs = staticmethod(lorenz_rhs)

    def valid_prediction_times(self, values: FloatArray) -> FloatArray:
        """Return the first time at which the error exceeds 0.4, in Lyapunov times, ``(n,)``."""
        sigma = self.train.values[0].std(axis=0)
        truth = self.truth[:, : values.shape[1]]
        error = np.sqrt((((values - truth) / sigma) ** 2).mean(axis=2))
        passed = ~(error <= 0.4)
        first = np.where(passed.any(axis=1), passed.argmax(axis=1), passed.shape[1])
        return first * DT * LYAPUNOV_EXPONENT

    def median(self, forecaster, *, seed: int = 0, lyapunov_times: float = 16.0) -> float:
        horizon = min(int(lyapunov_times / LYAPUNOV_EXPONENT / DT), self.truth.shape[1])
        predictor = forecaster.fit(self.train, seed=seed)
        return float(
            np.median(self.valid_prediction_times(predictor.predict(self.context, horizon).values))
        )


@pytest.fixture(scope="session")
def reference() -> Reference:
    horizon = int(16 / LYAPUNOV_EXPONENT / DT)
    start = solve_lorenz(np.array([-9.79, -15.04, 20.53]), 1000)[-1]
    train = solve_lorenz(start, 5000)
    # The gaps between windows are far longer than the limit of predictability.
    windows, state = [], train[-1]
    for _ in range(20):
        state = solve_lorenz(state, 1000)[-1]
        windows.append(solve_lorenz(state, 512 + horizon))
        state = windows[-1][-1]
    stacked = np.array(windows)
    return Reference(Trajectories(train, dt=DT), stacked[:, :512], stacked[:, 512:])


@pytest.fixture(scope="session")
def henon() -> FloatArray:
    """6,000 iterates ``(T, 2)`` of the Hénon map."""
    states = np.empty((6100, 2))
    states[0] = 0.1, 0.1
    for t in range(len(states) - 1):
        x, y = states[t]
        states[t + 1] = 1 - 1.4 * x * x + y, 0.3 * x
    return states[100:]
