"""Long averages of the largest exponent, where following tangent vectors one by one is too slow.

A map is iterated many times between two entries of its log. The orbits of a field share the
overhead of NumPy calls. A dissipative flow, which forgets its errors, gets a looser tolerance.
"""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.exponents import (
    ITERATIONS_PER_PERIOD,
    FieldEnsemble,
    LyapunovSpectrum,
    batch_stderr,
)
from chaosbench.dynamics.lyapunov import lyapunov_spectrum
from chaosbench.dynamics.orbits import BOUND, raise_status
from chaosbench.dynamics.scales import Scales
from chaosbench.systems import FieldSystem, Flow, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["LARGE_FIELD", "LOOSE_RTOL", "forgets", "long_exponent"]

BLOCK = 1000
"""Iterations of a map between two entries of its log."""

LOOSE_RTOL = 1e-7
"""Smallest tolerance for a dissipative flow."""

FIELD_ORBITS = 8
"""Number of orbits of a field that are followed side by side."""

LARGE_FIELD = 1000
"""Grid values of a field beyond which several orbits exceed the cache and are slower than one."""

FORGETTING = 10.0
"""Lyapunov times in which a tangent vector turns to the direction of fastest growth."""


def forgets(system: System) -> bool:
    """Say whether the errors of an orbit die away, so that a looser tolerance does no harm."""
    return isinstance(system, Flow) and system.dissipative


def long_exponent(
    scales: Scales, *, periods: float, rtol: float, seed: int, largest: float
) -> LyapunovSpectrum:
    """Average the largest exponent over many periods, by the method for the kind of system.

    Args:
        scales: scales of a chaotic system.
        periods: dominant periods to average over (iterations / 50, for a map).
        rtol: tolerance where errors add up; for a dissipative flow it is at least 1e-7.
        seed: chooses the starting point.
        largest: present estimate of the exponent, per time unit.

    """
    system = scales.system
    if isinstance(system, Map):
        return _map_exponent(scales, periods, rtol, seed)
    if isinstance(system, FieldSystem):
        return _field_exponent(scales, periods=periods, rtol=rtol, seed=seed, largest=largest)
    rtol = max(rtol, LOOSE_RTOL) if forgets(system) else rtol
    return lyapunov_spectrum(system, periods=periods, count=1, rtol=rtol, seed=seed, scales=scales)


def _map_exponent(scales: Scales, periods: float, rtol: float, seed: int) -> LyapunovSpectrum:
    from chaosbench.numerics.tangent import map_stretch

    system, d = scales.system, scales.system.dimension
    orbit = attractor_orbit(scales, key=(seed, 0), rtol=rtol)
    direction = np.random.default_rng((seed, 1)).standard_normal(d)
    y = np.concatenate([orbit.state, direction / np.linalg.norm(direction)])
    logs = np.empty(max(64, round(periods * ITERATIONS_PER_PERIOD / BLOCK)) + 1)
    kernel = system.tangent_kernel(1).address
    status, gone = map_stretch(kernel, orbit.time, y, d, logs, BLOCK, BOUND)
    raise_status(status, system, orbit.time + gone)
    return _spectrum(logs[1:, np.newaxis] / BLOCK, float(BLOCK), gone * y.size)


def _field_exponent(
    scales: Scales, *, periods: float, rtol: float, seed: int, largest: float
) -> LyapunovSpectrum:
    """Average over several orbits of a field side by side; over one orbit of a large field."""
    size = FIELD_ORBITS if scales.system.dimension <= LARGE_FIELD else 1
    orbit = attractor_orbit(scales, key=(seed, 0), rtol=rtol)
    period = scales.period
    # longer segments would shorten the last step less, but a vector must not outgrow its tolerance
    segment = min(period, 5.0 / largest)
    steps = max(round(periods * period / segment / size), 64 // size)
    warm = max(steps // 10, round(FORGETTING / largest / segment))
    apart = max(period, FORGETTING / largest)
    ensemble = FieldEnsemble(orbit, size, segment, seed, apart)
    logs = ensemble.follow(warm + steps)
    # one orbit after the other, so that each batch comes from a single orbit
    return _spectrum(logs[warm:].T.reshape(-1, 1) / segment, segment, ensemble.work)


def _spectrum(rates: FloatArray, segment: float, work: int) -> LyapunovSpectrum:
    return LyapunovSpectrum(
        rates.mean(axis=0), batch_stderr(rates), len(rates) * segment, complete=False, work=work
    )
