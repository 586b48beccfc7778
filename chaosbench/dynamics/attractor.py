"""Getting onto the attractor: where an orbit starts, how long it settles, and the orbit itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chaosbench.dynamics.orbits import Orbit, orbit_of
from chaosbench.dynamics.period import SETTLING_RTOL
from chaosbench.dynamics.scales import Scales
from chaosbench.systems import FieldSystem
from chaosbench.trajectories import FloatArray

__all__ = ["attractor_orbit", "place", "settle", "settling_time"]

JITTER = 1e-6
"""Perturbation of the initial state in standard deviations; chaos makes it a different orbit."""

FIELD_SMOOTHING = 0.01
"""Share of a field's settling time, at its end, that is integrated as tightly as what follows."""


def attractor_orbit(
    scales: Scales,
    *,
    key: tuple[int, ...],
    rtol: float,
    transient: float | None = None,
    integrator: str = "",
) -> Orbit:
    """Return an orbit that has settled on the attractor at a place of its own.

    `key` seeds the perturbation, the random time and the noise of a stochastic system, so equal
    keys give equal orbits whoever asks and in whatever order.
    """
    start, length = place(scales, key, transient)
    return settle(scales, start, length, rtol=rtol, integrator=integrator, key=key)


def place(
    scales: Scales, key: tuple[int, ...], transient: float | None = None
) -> tuple[FloatArray, float]:
    """Return where the orbit of a key starts ``(d,)``, and for how long it settles."""
    generator = np.random.default_rng(key)
    ic = np.array(scales.system.ic)
    start = ic + JITTER * scales.spread * generator.standard_normal(ic.size)
    if transient is None:
        transient = settling_time(scales) * (1.0 + generator.random())
    return start, transient


def settle(
    scales: Scales,
    start: FloatArray,
    length: float,
    *,
    rtol: float,
    integrator: str,
    key: tuple[int, ...],
    max_step: float = math.inf,
    bound: float | None = None,
) -> Orbit:
    """Return an orbit that has been followed from a state for some time units (iterations)."""
    system = scales.system
    limits: dict[str, Any] = {
        "max_step": max_step,
        "bound": scales.bound if bound is None else bound,
        "looks": scales.looks,
    }
    if not isinstance(system, FieldSystem):
        orbit = orbit_of(
            system, start, rtol=rtol, integrator=integrator, stiff=scales.stiff, key=key, **limits
        )
        orbit.advance(round(length) if system.discrete else length)
        return orbit
    # a thousand times the work of a flow, and nobody sees it
    loose = max(rtol, SETTLING_RTOL)
    rough = orbit_of(system, start, rtol=loose, **limits)
    if loose == rtol:
        rough.advance(length)
    else:  # so that nothing is left of what loose steps do to the fast waves
        rough.advance((1.0 - FIELD_SMOOTHING) * length)
    orbit = orbit_of(system, rough.state, rough.time, rtol=rtol, integrator=integrator, **limits)
    orbit.advance(length - rough.time)
    return orbit


def settling_time(scales: Scales) -> float:
    """Return the least time units (iterations) from the initial state to the attractor."""
    system = scales.system
    if system.discrete:
        return 1000.0
    period = scales.period
    if system.transient:
        return 10.0 * period  # its chaos does not last much longer
    # an exponent close to zero, of a system that is hardly chaotic, must not take forever;
    # the period of a field is that of its slowest waves, and a step costs a hundred times more
    least = 10.0 if isinstance(system, FieldSystem) else 100.0
    return max(least * period, min(20.0 * (scales.lyapunov_time or 0.0), 2000.0 * period))
