"""The choice of tangent vectors and twins for each kind of system."""

from __future__ import annotations

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.exponents._delay import DelayTangents, DelayTwins
from chaosbench.dynamics.exponents._field import FieldTangents, FieldTwins
from chaosbench.dynamics.exponents._flow import FlowTangents, SwitchingTangents
from chaosbench.dynamics.exponents._map import MapTangents
from chaosbench.dynamics.exponents._stiff import StiffTangents
from chaosbench.dynamics.exponents._stochastic import NoisyTangents
from chaosbench.dynamics.exponents._tangents import Tangents
from chaosbench.dynamics.exponents._twins import CompiledTwins, OrbitTwins, Twins, displacement
from chaosbench.dynamics.orbits import (
    EventsOrbit,
    FieldOrbit,
    ItoOrbit,
    Orbit,
    StepsOrbit,
    StiffOrbit,
    orbit_of,
)
from chaosbench.dynamics.scales import Scales
from chaosbench.systems import Map, StochasticSystem

__all__ = ["tangents_of", "twins_of"]

NOISY_RTOL = 1e-9
"""Tolerance of the orbit on which noisy twins start; their own step is fixed."""


def tangents_of(orbit: Orbit, count: int, segment: float, seed: int) -> Tangents:
    """Return an orbit with tangent vectors; `segment` is in time units (iterations)."""
    if isinstance(orbit, StepsOrbit):
        return DelayTangents(orbit, count, segment)
    if isinstance(orbit, FieldOrbit):
        return FieldTangents(orbit, count, segment, seed)
    if isinstance(orbit, StiffOrbit):
        return StiffTangents(orbit, count, segment, seed)
    if isinstance(orbit, ItoOrbit):
        return NoisyTangents(orbit, count, segment, seed)
    if isinstance(orbit, EventsOrbit):
        return SwitchingTangents(orbit, count, segment, seed)
    if isinstance(orbit.system, Map):
        return MapTangents(orbit, count, segment, seed)
    return FlowTangents(orbit, count, segment, seed)


def twins_of(scales: Scales, *, distance: float, segment: float, rtol: float, seed: int) -> Twins:
    """Return two orbits on the attractor, `distance` apart in the spread of each variable."""
    system, spread = scales.system, scales.spread
    if isinstance(system, StochasticSystem):
        start = attractor_orbit(scales, key=(seed, 2), rtol=NOISY_RTOL)
        states = start.state, start.state + displacement(scales, distance, seed)
        # equal keys and times give both the same Brownian path
        one, other = (orbit_of(system, state, start.time, key=(seed, 2, 1)) for state in states)
        return OrbitTwins(one, other, spread, distance, segment)
    first = attractor_orbit(scales, key=(seed, 2), rtol=rtol)
    if isinstance(first, StepsOrbit):
        return DelayTwins(first, spread, distance, segment)
    if isinstance(first, FieldOrbit):
        return FieldTwins(first, spread, distance, segment, seed)
    offset = displacement(scales, distance, seed)
    if isinstance(first, StiffOrbit):
        second = orbit_of(
            system, first.state + offset, first.time, rtol=rtol, integrator=first.integrator
        )
        return OrbitTwins(first, second, spread, distance, segment)
    return CompiledTwins(first, offset, spread, distance, segment)
