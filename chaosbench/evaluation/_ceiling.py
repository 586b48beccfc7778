"""The privileged ceiling: the true equation, started from what the context tells.

No forecaster can be expected to do better than the equation itself from the same context. A
flow or a map starts from the last context sample rounded to single precision, the resolution a
sensor or a neural network works at. A delay system's past lies between the samples, so it is
found from the whole context: the equation is integrated from sample to sample, taking each sample
as it is and the delayed values from what was reconstructed before it.
"""

from __future__ import annotations

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.systems._integration import Orbit
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["LABEL", "perfect_forecast"]

Past = tuple[FloatArray, FloatArray, FloatArray]

LABEL = "perfect model"
RTOL = 1e-11


def perfect_forecast(
    system: System, context: FloatArray, context_end: FloatArray, dt: float, horizon: int
) -> FloatArray:
    """Forecast with the true equation.

    Args:
        system: the system behind the task.
        context: ``(n, C, d)``.
        context_end: ``(n,)`` absolute time of the last context sample.
        dt: sampling step in time units.
        horizon: steps, `H`.

    Returns:
        ``(n, H, d)``; NaN from where an integration failed.

    """
    rounded = context.astype(np.float32).astype(np.float64)
    out = np.full((len(context), horizon, context.shape[2]), np.nan)
    pasts = reconstruct_pasts(system, rounded, context_end, dt) if system.delays else None
    for k, end in enumerate(context_end):
        orbit = Orbit(system, rounded[k, -1], float(end), rtol=RTOL)
        if pasts is not None:
            orbit.past, orbit.kink = pasts[k], float(end)
        try:
            out[k] = orbit.sample(horizon + 1, dt)[1:]
        except IntegrationError:
            continue
    return out


def reconstruct_pasts(
    system: System, context: FloatArray, context_end: FloatArray, dt: float, substeps: int = 8
) -> list[Past]:
    """Return the dense pasts of a delay system from samples ``(n, C, d)``.

    A cubic spline starts them; then each interval is integrated by the classical Runge–Kutta
    method from its sample, with delayed values from the pieces before. The spline's error fades,
    because every interval begins at the truth.
    """
    from scipy.interpolate import CubicSpline

    from chaosbench.numerics._delay import hermite_history

    count = context.shape[1]
    times = dt * np.arange(-(count - 1), 1.0)  # relative to the last sample
    h = dt / substeps
    grid = h * np.arange(-(count - 1) * substeps, 1.0)
    spline = CubicSpline(times, context, axis=1)
    values, slopes = spline(grid), spline(grid, 1)
    lags = [delay.lag for delay in system.delays]
    sources = [delay.source for delay in system.delays]

    def past(when: float, lag: float, i: int) -> FloatArray:
        """Cubic Hermite interpolation in the arrays that are being rewritten."""
        position = min(max(int((when - lag - grid[0]) / h), 0), len(grid) - 2)
        s = (when - lag - grid[position]) / h
        a, b = values[:, position, i], values[:, position + 1, i]
        fa, fb = h * slopes[:, position, i], h * slopes[:, position + 1, i]
        return np.asarray(a + s * (b - a + (1 - s) * (fa - (b - a) + s * (2 * (b - a) - fa - fb))))

    def slope(when: float, state: FloatArray) -> FloatArray:
        delayed = [past(when, lag, i) for lag, i in zip(lags, sources, strict=True)]
        return system.rhs(context_end + when, state, np.stack(delayed, axis=1))

    longest = max(lags)
    for n in range(int(np.searchsorted(times, times[0] + longest)), count):
        state = context[:, n]
        for k in range(n * substeps, min((n + 1) * substeps, len(grid))):
            k1 = slope(grid[k], state)
            values[:, k], slopes[:, k] = state, k1
            if k == len(grid) - 1:
                break
            k2 = slope(grid[k] + h / 2, state + h / 2 * k1)
            k3 = slope(grid[k] + h / 2, state + h / 2 * k2)
            k4 = slope(grid[k] + h, state + h * k3)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    keep = grid >= -1.05 * longest - h
    return [
        hermite_history(grid[keep] + end, values[k, keep], slopes[k, keep])
        for k, end in enumerate(context_end)
    ]
