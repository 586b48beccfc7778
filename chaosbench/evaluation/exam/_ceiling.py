"""The privileged ceiling: the true equation, started from what the context tells.

No forecaster can be expected to do better than the equation itself from the same context. A flow
or a map starts from the last sample that forecasters see and is followed in double-double, so that
the rounding of this sample is all that it lacks. (In version 1 of the tasks it is rounded to single
precision first, and followed in double.) A delay system's past lies between the samples and is
found from the whole context: the equation is integrated from sample to sample. Each interval starts
from the sample as it is, and takes its delayed values from the part that was reconstructed before.

Where the context is noisy, the state is the one whose trajectory explains the context best: by
shooting (see `_assimilation`), and for a delay system by nudging the same integration towards the
samples, with the strength under which it predicts them best. Nudging is not optimal: every sample
moves the state by the same share, where a fit of the whole past would weigh what is known already.
From 5% noise it reaches about half as many Lyapunov times as the fit does for flows. There the
ceiling is a lower bound of what a perfect model could do, and a forecaster may stand above it.

Where one variable is observed, the ceiling still starts from all of them: it is an upper bound.
"""

from __future__ import annotations

import numpy as np

from chaosbench.datasets import Observables
from chaosbench.dynamics.orbits import History, TaylorOrbit, can_follow, orbit_of
from chaosbench.dynamics.scales import scales_of
from chaosbench.dynamics.stored import constants
from chaosbench.errors import IntegrationError
from chaosbench.evaluation.exam._assimilation import assimilate, follow
from chaosbench.systems import DelaySystem, System
from chaosbench.trajectories import FloatArray

__all__ = ["LABEL", "perfect_forecast"]

Past = tuple[FloatArray, FloatArray, FloatArray]

GAINS = (0.5, 0.3, 0.2, 0.1, 0.05)

LABEL = "perfect model"

RTOL = 1e-11
"""Tolerance in version 1, where the context is rounded to single precision."""

TIGHT = 1e-14
"""Tolerance in double precision, the smallest that is useful."""

EXACT_TOLERANCE = 1e-22
"""Tolerance in double-double; what errors grow from is the rounding of the context to double."""


def perfect_forecast(
    system: System,
    context: FloatArray,
    context_end: FloatArray,
    dt: float,
    horizon: int,
    *,
    noise: FloatArray | None = None,
    observations: FloatArray | None = None,
    observables: Observables | None = None,
) -> FloatArray:
    """Forecast with the true equation.

    Args:
        system: the system behind the task.
        context: ``(n, C, D)``.
        context_end: ``(n,)`` absolute time of the last context sample.
        dt: sampling step in time units.
        horizon: steps, `H`.
        noise: standard deviation of each variable's observation noise ``(d,)``.
        observations: ``(n, H, d)`` of a flow, NaN where there are none; each corrects the forecast
            after it.
        observables: what the context shows of the state. Where they are given, the context is
            taken as it is, gaps included; without them it shows the state and is rounded to single
            precision first (version 1 of the tasks).

    Returns:
        ``(n, H, D)``; NaN from where an integration failed.

    """
    if observations is not None and noise is not None:
        seen = np.concatenate([context, observations], axis=1)
        return np.stack([
            follow(
                system, window, start=context.shape[1], end=float(end), dt=dt, noise=noise,
                lyapunov_exponent=constants(system.name).largest_lyapunov_exponent,
            )
            for window, end in zip(seen, context_end, strict=True)
        ])  # fmt: skip
    if observables is not None:
        return _from_doubles(system, context, context_end, dt, horizon, noise, observables)
    rounded = context.astype(np.float32).astype(np.float64)
    out = np.full((len(context), horizon, context.shape[2]), np.nan)
    noisy = noise is not None and bool(noise.any())
    pasts = (
        _pasts(system, rounded, context_end, dt, noisy) if isinstance(system, DelaySystem) else None
    )
    for k, end in enumerate(context_end):
        if pasts is not None:
            state = pasts[k][2][-1, :2].sum(axis=0)  # the end of the last piece
            orbit = orbit_of(
                system, state, float(end), rtol=RTOL, memory=History(pasts[k], float(end))
            )
        else:
            state = rounded[k, -1]
            if noise is not None and noisy:
                state = assimilate(
                    system, rounded[k], end=float(end), dt=dt, noise=noise,
                    lyapunov_exponent=constants(system.name).largest_lyapunov_exponent,
                )  # fmt: skip
            orbit = orbit_of(system, state, float(end), rtol=RTOL, stiff=scales_of(system).stiff)
        try:
            out[k] = orbit.sample(horizon + 1, dt)[1:]
        except IntegrationError:
            continue
    return out


def _from_doubles(
    system: System,
    context: FloatArray,
    context_end: FloatArray,
    dt: float,
    horizon: int,
    noise: FloatArray | None,
    observables: Observables,
) -> FloatArray:
    """Forecast from the context as it is, so that only its own rounding and noise count."""
    states = observables.states_of(context)
    noisy = noise is not None and bool(noise.any())
    pasts = (
        _pasts(system, states, context_end, dt, noisy) if isinstance(system, DelaySystem) else None
    )
    out = np.full((len(context), horizon, context.shape[2]), np.nan)
    for k, end in enumerate(context_end.tolist()):
        state, memory = states[k, -1], None
        if pasts is not None:
            state, memory = pasts[k][2][-1, :2].sum(axis=0), History(pasts[k], end)
        elif noise is not None and noisy:
            state = assimilate(
                system, context[k], end=end, dt=dt, noise=noise, observables=observables,
                lyapunov_exponent=constants(system.name).largest_lyapunov_exponent,
            )  # fmt: skip
        try:
            made = _followed(system, state, end, memory, horizon + 1, dt)
        except IntegrationError:
            continue
        out[k] = observables.of(*made)[1:]
    return out


def _followed(
    system: System, state: FloatArray, time: float, memory: History | None, points: int, dt: float
) -> tuple[FloatArray, FloatArray | None]:
    """Return samples ``(points, d)`` of the true equation, and what these doubles lack of them."""
    if can_follow(system):
        exact = TaylorOrbit(system, state, time, tolerance=EXACT_TOLERANCE, even=True)
        try:
            made = exact.sample_exactly(points, dt)
        except IntegrationError:  # such as 0/0 on the way, which a double steps over
            pass
        else:
            return made[..., 0], made[..., 1]
    orbit = orbit_of(system, state, time, rtol=TIGHT, stiff=scales_of(system).stiff, memory=memory)
    return orbit.sample(points, dt), None


def _pasts(
    system: DelaySystem, context: FloatArray, context_end: FloatArray, dt: float, noisy: bool
) -> list[Past]:
    if not noisy:
        return reconstruct_pasts(system, context, context_end, dt)[0]
    tried = [reconstruct_pasts(system, context, context_end, dt, gain=gain) for gain in GAINS]
    surprise = np.array([innovations for _, innovations in tried])
    chosen = surprise.argmin(axis=0)
    return [tried[g][0][k] for k, g in enumerate(chosen)]


def reconstruct_pasts(
    system: DelaySystem,
    context: FloatArray,
    context_end: FloatArray,
    dt: float,
    *,
    substeps: int = 8,
    gain: float = 1.0,
) -> tuple[list[Past], FloatArray]:
    """Return the dense pasts of a delay system from samples ``(n, C, d)``.

    Each sample moves the integration by `gain` times their difference. The second result is the
    mean square of those differences over the second half of each context, ``(n,)``.

    A cubic spline is the first guess. Then each interval is integrated by the classical
    Runge–Kutta method from its sample, with delayed values from the pieces before it. The spline's
    error fades, because every interval begins at the truth.
    """
    from scipy.interpolate import CubicSpline

    from chaosbench.numerics.delay import hermite_history

    count = context.shape[1]
    times = dt * np.arange(-(count - 1), 1.0)  # relative to the last sample
    h = dt / substeps
    grid = h * np.arange(-(count - 1) * substeps, 1.0)
    values, slopes = np.empty((2, len(context), len(grid), context.shape[2]))
    for k, window in enumerate(context):
        there = np.isfinite(window).all(axis=1)
        spline = CubicSpline(times[there], window[there])
        values[k], slopes[k] = spline(grid), spline(grid, 1)
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
    first = int(np.searchsorted(times, times[0] + longest))
    state = values[:, first * substeps]
    innovations = np.zeros(len(context))
    for n in range(first, count):
        innovation = np.nan_to_num(context[:, n] - state)  # no correction by what was lost
        if n >= count // 2:
            innovations += (innovation**2).mean(axis=1)
        state = state + gain * innovation
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
    pasts = [
        hermite_history(grid[keep] + end, values[k, keep], slopes[k, keep])
        for k, end in enumerate(context_end)
    ]
    return pasts, innovations
