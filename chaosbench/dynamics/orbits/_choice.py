"""The choice of the method that moves a system."""

from __future__ import annotations

import math
from typing import Any

from chaosbench.dynamics.orbits._delay import StepsOrbit
from chaosbench.dynamics.orbits._events import EventsOrbit
from chaosbench.dynamics.orbits._explicit import Dop853Orbit
from chaosbench.dynamics.orbits._field import AdamsOrbit, Etdrk4Orbit, FieldCollocationOrbit
from chaosbench.dynamics.orbits._map import IteratedOrbit
from chaosbench.dynamics.orbits._orbit import Orbit, check_tolerance
from chaosbench.dynamics.orbits._race import is_stiff
from chaosbench.dynamics.orbits._stiff import StiffOrbit
from chaosbench.dynamics.orbits._stochastic import ItoOrbit
from chaosbench.errors import ParameterError
from chaosbench.systems import DelaySystem, FieldSystem, Flow, Map, StochasticSystem, System
from chaosbench.trajectories import FloatArray

__all__ = ["LANES", "METHODS", "check_integrator", "integrator_for", "orbit_of"]

FIELD_LOOSE = 1e-6
"""Smallest tolerance at which ETDRK4 follows a field; below it collocation is cheaper."""

LANES = "taylor-lanes"
"""The integrator of whole ensembles; it has no single orbits."""

METHODS: dict[str, type[Orbit]] = {
    method.integrator: method
    for method in (
        Dop853Orbit, StiffOrbit, EventsOrbit, StepsOrbit, IteratedOrbit, ItoOrbit, Etdrk4Orbit,
        FieldCollocationOrbit, AdamsOrbit,
    )
}  # fmt: skip
"""The methods of single orbits, by name."""


def integrator_for(system: System, rtol: float = 1e-10, *, stiff: bool | None = None) -> str:
    """Return the name of the integrator that suits a system at a tolerance.

    Args:
        system: the system to integrate.
        rtol: relative tolerance of the local error.
        stiff: whether a flow is stiff; None to decide by `is_stiff`.

    """
    check_tolerance(rtol)
    match system:
        case Map():
            return IteratedOrbit.integrator
        case DelaySystem():
            return StepsOrbit.integrator
        case StochasticSystem():
            return ItoOrbit.integrator
        case FieldSystem():
            loose = rtol >= FIELD_LOOSE
            return Etdrk4Orbit.integrator if loose else FieldCollocationOrbit.integrator
        case Flow() if system.switches is not None:
            return EventsOrbit.integrator
        case Flow():
            stiff = is_stiff(system, float(rtol)) if stiff is None else stiff
            return StiffOrbit.integrator if stiff else Dop853Orbit.integrator
    raise ParameterError(f"no integrator is known for {system!r}")


def check_integrator(name: str, system: System, rtol: float, *, stiff: bool | None = None) -> str:
    """Return the integrator that a user asked for; ``auto`` leaves the choice to the system.

    Raises:
        ParameterError: no integrator has this name, or it is for another kind of system.

    """
    usual = integrator_for(system, rtol, stiff=stiff)
    fitting = {usual}
    if isinstance(system, Flow) and not system.resets:
        fitting |= {Dop853Orbit.integrator, StiffOrbit.integrator}
        if system.switches is None:  # a Taylor series cannot see where an equation switches
            fitting.add(LANES)
    if isinstance(system, FieldSystem):
        fitting |= {Etdrk4Orbit.integrator, FieldCollocationOrbit.integrator}
    if name == "auto":
        return usual
    if name not in fitting:
        raise ParameterError(
            f"integrator must be auto or one of {', '.join(sorted(fitting))} for the {system.kind} "
            f"{system.name!r}, not {name!r}"
        )
    return name


def orbit_of(
    system: System,
    state: FloatArray,
    time: float = 0.0,
    *,
    rtol: float = 1e-10,
    atol: float | None = None,
    integrator: str = "",
    stiff: bool | None = None,
    step: float = 0.0,
    key: tuple[int, ...] = (0,),
    memory: Any = None,
    max_step: float = math.inf,
    bound: float | None = None,
    looks: float = 0.0,
) -> Orbit:
    """Return an orbit of a system, moved by the method that suits it.

    Args:
        system: the system to integrate.
        state: ``(d,)``; copied.
        time: absolute time.
        rtol, atol: tolerances of the local error; `atol` equals `rtol` unless it is given.
        integrator: name of a method, see `METHODS`; the default suits the system.
        stiff: whether a flow is stiff; None to decide by `is_stiff`.
        step: size of the first step; 0 leaves it to the method.
        key: names the Brownian path of a stochastic system.
        memory: what an earlier orbit remembered at this place; see `Orbit.memory`.
        max_step, bound, looks: see `Orbit`.

    """
    name = integrator or integrator_for(system, rtol, stiff=stiff)
    if name not in METHODS:
        raise ParameterError(f"integrator must be one of {', '.join(METHODS)}, not {name!r}")
    more = {"key": key} if issubclass(METHODS[name], ItoOrbit) else {}
    return METHODS[name](
        system, state, time, rtol=rtol, atol=atol, step=step, memory_at_start=memory,
        max_step=max_step, bound=bound, looks=looks, **more,
    )  # fmt: skip
