"""The dominant period of a system, estimated from its equation or from samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chaosbench.dynamics.orbits import Orbit, orbit_of
from chaosbench.errors import InputError, IntegrationError
from chaosbench.systems import DelaySystem, FieldSystem, StochasticSystem, System
from chaosbench.trajectories import FloatArray

__all__ = ["SETTLING_RTOL", "dominant_period", "estimate_period", "period_range", "stationary"]

SETTLING_RTOL = 1e-4
"""Tolerance at which a field settles on its attractor."""


@lru_cache(maxsize=256)
def estimate_period(system: System) -> float:
    """Estimate the dominant period in time units; see `dominant_period`."""
    if system.discrete:
        return 1.0
    if isinstance(system, FieldSystem):  # every grid point is a sample too
        count, longest, fine, rtol = 512, 10, 8, SETTLING_RTOL
    else:
        count, longest, fine, rtol = 4096, 16, 32, 1e-9
    orbit = orbit_of(system, np.array(system.ic), rtol=rtol)
    rate = np.abs(_slopes(system, orbit)).max()
    span = 100.0 * max(1e-6, float(np.abs(orbit.state).max()) / max(float(rate), 1e-12))
    step = 8 * system.step if isinstance(system, StochasticSystem) else span / count
    for _ in range(6):
        samples = stationary(system, orbit.sample(count, step))
        slopes = np.gradient(samples, step, axis=0)
        spread = samples.std(axis=0)
        moving = spread > 1e-9 * max(float(np.abs(samples).max()), 1e-300)
        if not moving.any():
            raise InputError(
                f"{system.name!r} settles on a fixed point and has no period; change its ic"
            )
        # Rice's mean period of a stationary signal, for the slowest variable
        rice = float((2 * np.pi * spread[moving] / slopes.std(axis=0)[moving]).max())
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
            orbit = orbit_of(system, np.array(system.ic), rtol=rtol)
            continue
        return dominant_period(stationary(system, samples), rice / fine)
    raise InputError(f"{system.name!r} cannot be followed for thirty periods; give dt")


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
