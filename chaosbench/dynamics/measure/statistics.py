"""Statistics of samples: period, moments, divergence, stiffness, correlation dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.exponents import batch_stderr
from chaosbench.dynamics.period import dominant_period, period_range, stationary
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import InputError, IntegrationError
from chaosbench.numerics.correlation import correlation_slope
from chaosbench.systems import DelaySystem, FieldSystem, Flow, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["Moments", "correlation_of", "moments_of", "short_lived", "surviving"]

CORRELATION_POINTS = 20_000
"""Points of each orbit for the correlation dimension."""

CORRELATION_ORBITS = 4
"""Orbits over which the correlation dimension is averaged."""

CORRELATION_SHARE = 1 / 500
"""Share of all pairs of points closer than the upper end of the scaling region."""

CORRELATION_RTOL = {True: 1e-7, False: 1e-9}
"""Tolerance for dissipative or driven systems (True) and for the others, which drift (False)."""

CORRELATION_COSTLY = 8, 1e-5
"""Dimension from which a dissipative system gets another tolerance, and this tolerance."""

JACOBIAN_NUMBERS = 20_000_000
"""Most numbers in the Jacobians of one measurement."""

STIFFNESS_SAMPLES = 1000
"""About how many Jacobians the stiffness is taken from."""

TRANSIENT_ORBITS = 32
"""Orbits over which a system with transient chaos is measured."""

TRANSIENT_PERIODS = 100.0
"""Length of each of these orbits in periods."""

T = TypeVar("T")


@dataclass(frozen=True)
class Moments:
    """Statistics of the samples of a system."""

    period: float
    mean: FloatArray
    std: FloatArray
    divergence: float | None
    divergence_stderr: float | None
    stiffness: float | None
    attempts: float
    """Attempted steps per period."""
    period_range: tuple[float, float] | None = None
    """Periods among which chance decides the dominant one; for a field only."""


def short_lived(system: System) -> bool:
    """Say whether the chaos of a system ends soon.

    A field is not short-lived: it loses its motion, but slowly.
    """
    return system.transient and not isinstance(system, FieldSystem)


def surviving(measure: Callable[[int], T], seed: int) -> list[T]:
    """Measure on 32 orbits that last long enough; skip those that do not."""
    found: list[T] = []
    for k in range(seed, seed + 8 * TRANSIENT_ORBITS):
        try:
            found.append(measure(k))
        except IntegrationError as failure:
            last = failure
        if len(found) == TRANSIENT_ORBITS:
            return found
    raise last


def moments_of(scales: Scales, *, rtol: float, seed: int) -> Moments:
    """Measure period, mean, standard deviation, divergence and stiffness from samples."""
    system, discrete = scales.system, scales.system.discrete
    fine, points = (8, 2**10) if isinstance(system, FieldSystem) else (32, 2**17)
    step = 1.0 if discrete else scales.period / fine
    short = short_lived(system)
    points = round(fine * TRANSIENT_PERIODS) if short else points

    def look(*key: int) -> tuple[FloatArray, FloatArray, tuple[float, float, int]]:
        orbit = attractor_orbit(scales, key=(seed, 4, *key), rtol=rtol)
        start, before = orbit.time, orbit.attempts
        orbit.reset_tally()
        piece = orbit.sample(points, step)
        crossed = (orbit.log_volume_at_events, orbit.time - start, orbit.attempts - before)
        return np.asarray(start + step * np.arange(points)), piece, crossed

    looks = surviving(look, 0) if short else [look()]
    pieces = [piece for _, piece, _ in looks]
    tallies = [crossed for _, _, crossed in looks]
    times = np.concatenate([when for when, _, _ in looks])
    span = sum(gone for _, gone, _ in tallies)
    samples = np.concatenate(pieces)
    spread = samples.std(axis=0)
    if not (spread > 0).all():
        raise InputError(
            f"{system.name!r} settles on a fixed point from its initial state; "
            "choose another initial state"
        )
    period = 1.0
    if not discrete:
        period = float(np.median([dominant_period(stationary(system, p), step) for p in pieces]))
    divergence = scatter = stiffness = None
    if isinstance(system, (Flow, Map)):
        # thin out the samples, so that their Jacobians fit into a moderate memory
        stride = max(1, round(len(samples) * system.dimension**2 / JACOBIAN_NUMBERS))
        jacobians = system.jacobian(times[::stride], samples[::stride])
        if discrete:
            rates = np.log(np.maximum(np.abs(np.linalg.det(jacobians)), 1e-300))
        else:
            rates = np.trace(jacobians, axis1=1, axis2=2)
        divergence = float(rates.mean())
        scatter = float(batch_stderr(rates[:, np.newaxis])[0])
        # add the change of volume at the events; it is zero without switches
        divergence += sum(crossed for crossed, _, _ in tallies) / span
        if not np.isfinite(divergence):  # a flow that slides on a surface loses a dimension at once
            divergence = scatter = None
        if not discrete:
            some = jacobians[:: max(1, len(jacobians) // STIFFNESS_SAMPLES)]
            stiffness = float(-np.linalg.eigvals(some).real.min() * period)
    attempts = sum(tried for _, _, tried in tallies) * period / span
    mean = samples.mean(axis=0)
    flat = period_range(samples, step) if isinstance(system, FieldSystem) else None
    return Moments(period, mean, spread, divergence, scatter, stiffness, attempts, flat)


def correlation_of(
    scales: Scales, *, period: float, std: FloatArray, seed: int
) -> tuple[float, float] | None:
    """Return the correlation dimension and its standard error, from orbits of 20,000 points each.

    A delay system is embedded over its longest lag. Return None where the points return to
    finitely many states and show no dimension.
    """
    step = 1.0 if scales.system.discrete else period / 5
    scale = std[0 if isinstance(scales.system, DelaySystem) else ...]
    estimates = []
    for k in range(CORRELATION_ORBITS):
        points = _cloud(scales, step, (seed, 5, k)) / scale
        found = correlation_slope(
            points, share=CORRELATION_SHARE, apart=15, generator=np.random.default_rng((seed, 6, k))
        )
        if found is None:
            return None
        estimates.append(found.value)
    return float(np.mean(estimates)), float(np.std(estimates, ddof=1) / np.sqrt(len(estimates)))


def _cloud(scales: Scales, step: float, key: tuple[int, ...]) -> FloatArray:
    system = scales.system
    rtol = CORRELATION_RTOL[system.dissipative or system.driven]
    variables, loose = CORRELATION_COSTLY
    if system.dissipative and system.dimension >= variables:
        rtol = loose
    if not short_lived(system):
        orbit = attractor_orbit(scales, key=key, rtol=rtol)
        return _embedded(system, orbit.sample, step)
    size = CORRELATION_POINTS // TRANSIENT_ORBITS
    return np.concatenate(
        surviving(
            lambda k: attractor_orbit(scales, key=(*key, k), rtol=rtol).sample(size, step),
            0,
        )
    )


def _embedded(
    system: System, sample: Callable[[int, float], FloatArray], step: float
) -> FloatArray:
    if not isinstance(system, DelaySystem):
        return np.asarray(sample(CORRELATION_POINTS, step))
    lag = float(system.lags.max())
    per_step = max(1, round(8 * step / lag))
    fine = np.asarray(sample(CORRELATION_POINTS * per_step + 8, step / per_step))
    stride = max(1, round(lag / 4 / (step / per_step)))
    width = 6 * stride
    starts = np.arange(0, len(fine) - width, per_step)
    return np.concatenate([fine[starts + j * stride] for j in range(7)], axis=1)
