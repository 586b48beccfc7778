"""The dominant period of a system, estimated from its equation or from samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chaosbench.dynamics.magnitudes import magnitudes, powers_of_two
from chaosbench.dynamics.orbits import Orbit, orbit_of
from chaosbench.errors import InputError, IntegrationError
from chaosbench.systems import DelaySystem, FieldSystem, StochasticSystem, System
from chaosbench.trajectories import FloatArray

__all__ = [
    "SETTLING_RTOL",
    "characteristic_time",
    "dominant_period",
    "estimate_period",
    "period_range",
    "stationary",
]

SETTLING_RTOL = 1e-4
"""Tolerance at which a field settles on its attractor."""

MOST_LOOKS = 12
"""Rounds in which the time between samples is adapted to the period."""

RELAXATION = 1.5
"""Ratio of the time between turns to Rice's period from which on the former is the longer one."""

FEWEST_TURNS = 12
"""Turns of a variable within the time that is looked at, from which they can be counted."""

LONGER = 4.0
"""Times as long that is looked next, where there are fewer."""

RESTING = 1e-9
"""Spread, relative to the size of the state, of what is at rest."""

STILL = 1e4
"""Time units after which a state that has not changed is at rest."""

FIRST_STEPS = 40
"""Steps in which a state that rests at first may begin to move."""


@lru_cache(maxsize=256)
def estimate_period(system: System) -> float:
    """Estimate the dominant period in time units; see `dominant_period`.

    Of a system that comes to rest it is the characteristic time of the fixed point.
    """
    if system.discrete:
        return 1.0
    if isinstance(system, FieldSystem):  # every grid point is a sample too
        count, longest, fine, rtol = 512, 10, 8, SETTLING_RTOL
    else:
        count, longest, fine, rtol = 4096, 16, 32, 1e-9
        system = system.in_units(powers_of_two(magnitudes(system)).tolist())
    ic = np.array(system.ic)
    orbit = orbit_of(system, ic, rtol=rtol)
    step = 8 * system.step if isinstance(system, StochasticSystem) else _first_look(system) / count
    for _ in range(MOST_LOOKS):
        samples = stationary(system, orbit.sample(count, step))
        slopes = np.gradient(samples, step, axis=0)
        spread = samples.std(axis=0)
        moving = spread > RESTING * max(1.0, float(np.abs(samples).max()))
        if not moving.any():
            return characteristic_time(system, orbit.state, orbit.time)
        slow = _slowest(samples[:, moving], step)
        if slow == 0.0:  # nothing has turned back often enough yet
            rice, step = count // 8 * step, LONGER * step
            continue
        # Rice's mean period of a stationary signal, for the slowest variable; a relaxation
        # oscillation, which spends its time between the jumps, has a longer one
        rice = float((2 * np.pi * spread[moving] / slopes.std(axis=0)[moving]).max())
        rice = slow if slow > RELAXATION * rice else rice
        # a signal that still drifts or wanders seems to have an endless period: sample for longer,
        # but at most eight times as long in each round
        rice = min(rice, count // 8 * step)
        if count // 256 <= rice / step < count // 8:
            break
        step = rice / (count // 64)
    # a transient system may escape before the longest sampling ends
    for exponent in (longest, longest - 3, longest - 6):
        try:
            samples = orbit.sample(2**exponent, rice / fine)
        except IntegrationError:
            orbit = orbit_of(system, ic, rtol=rtol)
            continue
        samples = stationary(system, samples)
        late = samples[len(samples) // 2 :]
        if (late.std(axis=0) <= RESTING * max(1.0, float(np.abs(late).max()))).all():
            return characteristic_time(system, orbit.state, orbit.time)
        return dominant_period(samples, rice / fine)
    raise InputError(f"{system.name!r} cannot be followed for thirty periods; give dt")


def _first_look(system: System) -> float:
    """Return for how long to look first: a hundred times what the state takes to change."""
    orbit = orbit_of(system, np.array(system.ic), rtol=1e-6)
    size = float(np.abs(orbit.state).max())
    rate = float(np.abs(_slopes(system, orbit)).max())
    if rate * STILL < size or size == 0.0:  # at rest for a moment, as at a turning point
        for _ in range(FIRST_STEPS):
            orbit.advance(max(orbit.step, 1e-3 * STILL))
            size = max(size, float(np.abs(orbit.state).max()))
            rate = max(rate, float(np.abs(_slopes(system, orbit)).max()))
            if rate * STILL > size > 0.0:
                break
    return 100.0 * float(min(max(1e-6, size / max(rate, 1e-12)), STILL))


def _slowest(samples: FloatArray, step: float) -> float:
    """Return the longest mean period of a variable, counted by its turns through the middle.

    A turn counts once the variable has been half a standard deviation off on either side. 0 if no
    variable has turned often enough.
    """
    standard = (samples - samples.mean(axis=0)) / samples.std(axis=0)
    longest = 0.0
    for variable in standard.T:
        side = np.sign(np.where(np.abs(variable) > 0.5, variable, 0.0))
        side = side[side != 0.0]
        turns = int((side[1:] != side[:-1]).sum())
        if turns >= FEWEST_TURNS:
            longest = max(longest, 2.0 * len(samples) * step / turns)
    return longest


def characteristic_time(system: System, state: FloatArray, time: float) -> float:
    """Return 2π over the largest |eigenvalue| of the Jacobian at a state ``(d,)``, or 1 if it is 0.

    Of a delay system its longest lag.
    """
    if isinstance(system, DelaySystem):
        return float(system.lags.max())
    rates = np.abs(np.linalg.eigvals(system.jacobian(time, state)))
    fastest = float(rates.max())
    return 2 * np.pi / fastest if fastest > 0.0 else 1.0


def stationary(system: System, samples: FloatArray) -> FloatArray:
    """Return samples that have a spectrum: their increments if a variable is unbounded.

    The spread of a phase that winds or wanders grows with the length of the sampling, and its
    spectrum peaks at the lowest frequency. Neither shows a period, however long the sampling.
    """
    return samples if system.stationary else np.diff(samples, axis=0)


def _slopes(system: System, orbit: Orbit) -> FloatArray:
    delayed = orbit.state[system.sources] if isinstance(system, DelaySystem) else None
    return system.rhs(orbit.time, orbit.state, delayed)


def dominant_period(samples: FloatArray, dt: float) -> float:
    """Return the period at which the spectrum per logarithm of frequency is largest.

    Args:
        samples: one long trajectory ``(T, d)``, a thousand periods or more.
        dt: sampling step in time units.

    The power spectra of the standardised variables are added (Welch, 32 segments, Hann window)
    and multiplied by the frequency, so that slow wandering counts by its power and not by its
    slowness. The sum is smoothed over three bins, and its peak is refined by a parabola.

    """
    frequency, weighted = _spectrum(samples, dt)
    peak = int(np.argmax(weighted[1:-1])) + 1
    left, top, right = np.log(np.maximum(weighted[peak - 1 : peak + 2], 1e-300))
    curvature = left - 2 * top + right
    shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(1.0 / (frequency[peak] + np.clip(shift, -0.5, 0.5) * frequency[1]))


def period_range(samples: FloatArray, dt: float) -> tuple[float, float]:
    """Return the range of periods around the dominant one with at least 0.9 of its power.

    Where the top of a broad spectrum is flat, chance decides which of them is dominant. The
    arguments are as for `dominant_period`.
    """
    frequency, weighted = _spectrum(samples, dt)
    peak = int(np.argmax(weighted[1:-1])) + 1
    lower = np.flatnonzero(weighted < 0.9 * weighted[peak])
    first = int(lower[lower < peak].max(initial=0)) + 1
    last = int(lower[lower > peak].min(initial=len(frequency))) - 1
    return float(1.0 / frequency[last]), float(1.0 / frequency[first])


def _spectrum(samples: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
    """Return frequencies and the smoothed spectrum per logarithm of frequency."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import welch

    spread = samples.std(axis=0)
    keep = spread > 0
    if not keep.any():
        raise InputError("samples that rest at a fixed point have no period; sample a moving state")
    standard = (samples[:, keep] - samples[:, keep].mean(axis=0)) / spread[keep]
    frequency, power = welch(standard, fs=1.0 / dt, nperseg=len(samples) // 16, axis=0)
    return frequency, gaussian_filter1d(frequency * power.sum(axis=1), 1.5)
