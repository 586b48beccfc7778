"""The state at the end of a noisy context, by fitting the true equation to it.

The method for flows and maps is shooting. Gauss–Newton finds the state some Lyapunov times back
from which the trajectory meets the observations in the least-squares sense, with the exact
sensitivities of the tangent kernel. The fitted stretch is doubled step by step: over a long stretch
the cost has many minima, and the last estimate is a good first guess for the next.

If more observations arrive later, the stretch slides along with them (`follow`).
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.datasets import Observables, observables_of
from chaosbench.dynamics.orbits import BOUND, MAX_STEPS, orbit_of
from chaosbench.dynamics.scales import scales_of
from chaosbench.errors import IntegrationError
from chaosbench.systems import Flow, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["assimilate", "follow"]

STRETCH = 4.0
"""Lyapunov times that are fitted; older observations say little about the present."""

SHARES = (1.0, 0.5, 0.25)
"""Shares of the stretch, tried in turn until the fit explains the observations."""

ITERATIONS = 8
"""Most Gauss–Newton steps of one fit."""

ACCEPTABLE = 1.5
"""Mean squared residual in units of the noise up to which a fit explains its observations."""


def assimilate(
    system: System,
    context: FloatArray,
    *,
    end: float,
    dt: float,
    noise: FloatArray,
    lyapunov_exponent: float,
    observables: Observables | None = None,
) -> FloatArray:
    """Return the least-squares estimate of the last state ``(d,)``.

    Args:
        system: a flow or a map.
        context: noisy observations of all variables ``(C, D)``.
        end: absolute time of the last one.
        dt: sampling step in time units.
        noise: standard deviation of each variable's noise ``(D,)``.
        lyapunov_exponent: largest exponent per time unit; sets the stretch that is fitted.
        observables: what is observed of the state; by default the state itself.

    """
    seen_as = observables or observables_of(system, bounded=False)
    best: FloatArray = seen_as.states_of(context)[-1]
    best_cost = math.inf
    for share in SHARES:
        steps = math.ceil(share * STRETCH / (lyapunov_exponent * dt))
        steps = max(2, min(steps, len(context) - 1))
        seen = context[-steps - 1 :]
        state, cost = _shoot(system, seen, end - steps * dt, dt, noise, seen_as)
        if cost < best_cost:
            best, best_cost = state, cost
        if cost < ACCEPTABLE:
            break
    return best


def follow(
    system: System,
    seen: FloatArray,
    *,
    start: int,
    end: float,
    dt: float,
    noise: FloatArray,
    lyapunov_exponent: float,
) -> FloatArray:
    """Forecast from observation to observation, each time from all observations so far.

    As in `assimilate`, but the stretch slides along: the last fit, continued by its own forecast,
    is the first guess for the next, so that few iterations remain. If they do not lead to an
    acceptable fit, the whole stretch is fitted again.

    Args:
        system: a flow.
        seen: ``(T, d)``, noisy observations, NaN where there is none; all of the first `start`
            are there.
        start: samples of the context; the rest is the horizon.
        end: absolute time of the last sample of the context.
        dt, noise, lyapunov_exponent: as in `assimilate`.

    Returns:
        ``(T - start, d)``, the forecast of each sample from those before it; NaN where an
        integration failed.

    """
    seen_as = observables_of(system, bounded=False)
    path = np.full(seen.shape, np.nan)  # the best guess of every sample so far
    out = np.full(seen.shape, np.nan)
    longest = max(2, min(math.ceil(STRETCH / (lyapunov_exponent * dt)), start - 1))
    arrivals = [start - 1, *(start + np.flatnonzero(np.isfinite(seen[start:, 0])))]
    for arrival, following in zip(arrivals, [*arrivals[1:], len(seen) - 1], strict=True):
        first, state, cost = arrival, seen[arrival], math.inf
        for share in (None, *SHARES):  # None: go on from the last fit
            begin = arrival - max(2, math.ceil((share or 1.0) * longest))
            while not np.isfinite(seen[begin]).all():
                begin -= 1
            known, when = seen[begin : arrival + 1], end + (begin - start + 1) * dt
            if share is not None:
                trial, reached = _fitted(system, known, when, dt, noise, seen_as)
            elif np.isfinite(path[begin]).all():
                trial, reached = _gauss_newton(system, path[begin], known, when, dt, noise, seen_as)
            else:
                continue
            if reached < cost:
                first, state, cost = begin, trial, reached
            if cost < ACCEPTABLE:
                break
        when = end + (first - start + 1) * dt
        try:
            orbit = orbit_of(system, state, when, rtol=1e-10, stiff=scales_of(system).stiff)
            made = orbit.sample(following - first + 1, dt)
        except IntegrationError:
            continue
        path[first : following + 1] = made
        out[arrival + 1 : following + 1] = made[arrival - first + 1 :]
    return out[start:]


def _shoot(
    system: System,
    seen: FloatArray,
    start: float,
    dt: float,
    noise: FloatArray,
    seen_as: Observables,
) -> tuple[FloatArray, float]:
    """Fit the whole stretch; return the state at its end and the mean squared residual."""
    state, cost = _fitted(system, seen, start, dt, noise, seen_as)
    path = _propagate(system, state, start, dt, len(seen) - 1)
    if path is None:
        return seen_as.states_of(seen)[-1], math.inf
    return path[0][-1], cost


def _fitted(
    system: System,
    seen: FloatArray,
    start: float,
    dt: float,
    noise: FloatArray,
    seen_as: Observables,
) -> tuple[FloatArray, float]:
    """Fit ever longer stretches up to the whole; return the state at the start and the cost."""
    total = len(seen) - 1
    state = seen_as.states_of(seen[:1])[0].copy()
    length = min(total, 4)
    while True:
        state, cost = _gauss_newton(system, state, seen[: length + 1], start, dt, noise, seen_as)
        if length == total or not math.isfinite(cost):
            return state, cost
        length = min(total, 2 * length)


def _gauss_newton(
    system: System,
    state: FloatArray,
    seen: FloatArray,
    start: float,
    dt: float,
    noise: FloatArray,
    seen_as: Observables,
) -> tuple[FloatArray, float]:
    found = _observed(system, state, start, dt, len(seen) - 1, seen_as)
    if found is None:
        return state, math.inf
    cost = _cost(found[0], seen, noise)
    for _ in range(ITERATIONS):
        path, sensitivity = found
        there = np.isfinite(seen)
        residual = np.where(there, (seen - path) / noise, 0.0).ravel()
        rows = np.where(there[..., None], sensitivity / noise[:, None], 0.0)
        matrix = rows.reshape(-1, state.size)
        change = np.linalg.lstsq(matrix, residual, rcond=1e-10)[0]
        factor = 1.0
        while factor > 0.05:
            trial = state + factor * change
            tried = _observed(system, trial, start, dt, len(seen) - 1, seen_as)
            if tried is not None and _cost(tried[0], seen, noise) < cost:
                break
            factor *= 0.4
        else:
            break
        gained = cost - _cost(tried[0], seen, noise)
        state, found, cost = trial, tried, cost - gained
        if gained < 1e-4 * cost:
            break
    return state, cost


def _cost(path: FloatArray, seen: FloatArray, noise: FloatArray) -> float:
    return float(np.nanmean(((seen - path) / noise) ** 2))


def _observed(
    system: System, state: FloatArray, start: float, dt: float, steps: int, seen_as: Observables
) -> tuple[FloatArray, FloatArray] | None:
    """Return what is seen of a path ``(steps + 1, D)`` and how it depends on `state`."""
    found = _propagate(system, state, start, dt, steps)
    if found is None or seen_as.plain:
        return found
    path, sensitivity = found
    return seen_as.of(path), seen_as.slopes(path) @ sensitivity


def _propagate(
    system: System, state: FloatArray, start: float, dt: float, steps: int
) -> tuple[FloatArray, FloatArray] | None:
    """Return the path ``(steps + 1, d)`` and its sensitivity ``(steps + 1, d, d)`` to `state`."""
    d = state.size
    y = np.concatenate([state, np.eye(d).ravel()])
    out = np.empty((steps + 1, y.size))
    switches = system.switches if isinstance(system, Flow) else None
    if isinstance(system, Map):
        from chaosbench.numerics.maps import iterate

        status, _ = iterate(system.tangent_kernel(d).address, start, y, steps, out, BOUND)
    elif switches is not None:
        from chaosbench.numerics.events import integrate_events

        status, *_ = integrate_events(
            switches.addresses(d), switches.kind_array, start, y, switches.undecided(), d,
            steps * dt, 0.0, out, dt, 1e-9, 1e-9, BOUND, MAX_STEPS, np.zeros(3),
        )  # fmt: skip
    else:
        from chaosbench.numerics.dop853 import integrate

        status, *_ = integrate(
            system.tangent_kernel(d).address, start, y, steps * dt, 0.0, out, dt, 1e-9, 1e-9,
            BOUND, MAX_STEPS, d,
        )  # fmt: skip
    if status != 0 or not np.isfinite(out).all():
        return None
    return out[:, :d], out[:, d:].reshape(-1, d, d)
