"""Orbits: a state that moves through time; one file per kind of method.

`orbit_of` chooses the method that suits a system. Other methods serve as witnesses: they share as
little as possible with the method whose samples they check.
"""

from __future__ import annotations

from chaosbench.dynamics.orbits._choice import LANES, check_integrator, integrator_for, orbit_of
from chaosbench.dynamics.orbits._delay import CollocationOrbit, History, StepsOrbit
from chaosbench.dynamics.orbits._events import EventsOrbit, switches_of
from chaosbench.dynamics.orbits._explicit import ExtrapolatedOrbit
from chaosbench.dynamics.orbits._field import FieldOrbit, stepper_for
from chaosbench.dynamics.orbits._lanes import sample_lanes
from chaosbench.dynamics.orbits._orbit import BOUND, MAX_STEPS, Orbit, bound_for, raise_status
from chaosbench.dynamics.orbits._stiff import StiffOrbit
from chaosbench.dynamics.orbits._stochastic import PIECES, ItoOrbit, RefinedOrbit
from chaosbench.dynamics.orbits._taylor import TOLERANCE, TaylorOrbit, can_follow, require_tape

__all__ = [
    "BOUND", "LANES", "MAX_STEPS", "PIECES", "TOLERANCE", "CollocationOrbit", "EventsOrbit",
    "ExtrapolatedOrbit", "FieldOrbit", "History", "ItoOrbit", "Orbit", "RefinedOrbit", "StepsOrbit",
    "StiffOrbit", "TaylorOrbit", "bound_for", "can_follow", "check_integrator", "integrator_for",
    "orbit_of", "raise_status", "require_tape", "sample_lanes", "stepper_for", "switches_of",
]  # fmt: skip
