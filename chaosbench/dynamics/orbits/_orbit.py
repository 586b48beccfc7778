"""Running the numba integrators on a System and turning their status into errors."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from chaosbench.errors import (
    IntegrationError,
    ParameterError,
    StepSizeError,
    TrajectoryEscapedError,
)
from chaosbench.systems._stochastic import BrownianPath, integrate_stochastic
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = [
    "BOUND", "INTEGRATORS", "LANES", "Orbit", "bound_for", "check_integrator", "integrator_for",
]  # fmt: skip

BOUND = 1e9
TRANSIENT_BOUND = 1e5
"""A state beyond this magnitude has escaped; no attractor of the catalogue comes near it."""

MAX_STEPS = 50_000_000

FIELD_LOOSE = 1e-6
"""Tolerance from which ETDRK4 follows a field; for any tighter one collocation is the cheaper."""

LANES = "taylor-lanes"
"""The integrator of whole ensembles; it has no orbit that moves alone."""


@dataclass
class Orbit:
    """A system's state moving through time; each call goes on where the last one ended.

    Attributes:
        system: what is integrated.
        state: ``(d,)``, changed in place.
        time: absolute time (iterations, for a map).
        rtol: relative tolerance; the absolute one is the same unless `atol` is given.
        integrator: a name in `INTEGRATORS`; by default what `integrator_for` chooses.
        key: of the Brownian path of a stochastic system, whose `step` takes the tolerance's place.
        tally: of the events since the start: the sum of log|det S| of their saltation matrices,
            their number, and how often the orbit began to slide.

    """

    system: System
    state: FloatArray
    time: float = 0.0
    rtol: float = 1e-10
    atol: float | None = None
    integrator: str = ""
    step: float = 0.0
    attempts: int = 0
    past: Any = None
    kink: float = -np.inf
    key: tuple[int, ...] = (0,)
    modes: FloatArray | None = None
    tally: FloatArray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        check_tolerance(self.rtol)
        self.state = np.array(self.state, dtype=np.float64)
        if self.atol is None:
            self.atol = self.rtol
        self.integrator = self.integrator or integrator_for(self.system, self.rtol)
        if self.system.kind == "stochastic" and self.past is None:
            self.past = BrownianPath(self.key, self.system.step, self.state.size, self.time)
        if self.system.kind == "delay" and self.past is None:
            from chaosbench.numerics.delay import constant_history

            longest = max(delay.lag for delay in self.system.delays)
            starts, widths, pieces = constant_history(self.state, 1.01 * longest)
            self.past = (starts + self.time, widths, pieces)
            self.kink = self.time

    def advance(self, span: float) -> None:
        """Move on by `span` time units (iterations)."""
        if span > 0:
            self._run(span, np.empty((0, self.state.size)), 1.0)

    def sample(self, points: int, dt: float) -> FloatArray:
        """Return ``(points, d)`` samples `dt` apart, the present state first."""
        out = np.empty((points, self.state.size))
        if points == 1:
            out[0] = self.state
        else:
            self._run((points - 1) * dt, out, dt)
        return out

    def memory(self) -> dict[str, Any]:
        """Return `past` and `kink` as they are now, however far the orbit goes on."""
        # a delay system's past is replaced as it moves, a Brownian path's place is changed
        past = deepcopy(self.past) if self.system.kind == "stochastic" else self.past
        return {"past": past, "kink": self.kink}

    def _run(self, span: float, out: FloatArray, dt: float) -> None:
        status, elapsed = INTEGRATORS[self.integrator](self, span, out, dt)
        self.time += elapsed
        raise_status(status, self.system, self.time)


def bound_for(system: System) -> float:
    """Return the magnitude at which an orbit has escaped.

    Of a system whose chaos is known to end it is a smaller one: what escapes in ever faster turns,
    as Sakarya's orbits do, takes ten million steps on its way to the larger.
    """
    escaping = system.kind == "flow" and "transient" in system.declared_tags
    return TRANSIENT_BOUND if escaping else BOUND


def integrator_for(system: System, rtol: float = 1e-10) -> str:
    """Return the name of the integrator that suits a system at a tolerance."""
    if system.switches is not None:
        return "dop853-events"
    if system.kind == "flow":
        from chaosbench.dynamics.orbits._race import flow_integrator

        return flow_integrator(system, rtol)
    if system.kind == "field":
        return "etdrk4" if rtol >= FIELD_LOOSE else "collocation"
    return {
        "delay": "dop853-steps",
        "map": "iteration",
        "stochastic": "ito-1.5",
    }[system.kind]


def check_integrator(name: str, system: System, rtol: float) -> str:
    """Return the integrator that a user asked for; ``auto`` leaves the choice to the system.

    Raises:
        ParameterError: there is none of that name, or it is for another kind of system.

    """
    usual = integrator_for(system, rtol)
    fitting = {usual}
    if system.kind == "flow" and not system.resets:
        fitting |= {"dop853", "rodas5p"}
        if system.switches is None:  # a series does not see where an equation switches
            fitting.add(LANES)
    if system.kind == "field":
        fitting |= {"etdrk4", "collocation"}
    if name == "auto":
        return usual
    if name not in fitting:
        raise ParameterError(
            f"integrator must be auto or one of {', '.join(sorted(fitting))} for the {system.kind} "
            f"{system.name!r}, not {name!r}"
        )
    return name


def _dop853(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.numerics.dop853 import integrate

    status, elapsed, orbit.step, attempts = integrate(
        orbit.system.kernel.address, orbit.time, orbit.state, span, orbit.step, out, dt,
        orbit.rtol, orbit.atol, bound_for(orbit.system), MAX_STEPS, orbit.state.size,
    )  # fmt: skip
    orbit.attempts += attempts
    return status, elapsed


def _rodas5p(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.dynamics.orbits._race import stiff_addresses
    from chaosbench.numerics.rosenbrock import integrate_stiff

    status, elapsed, orbit.step, attempts = integrate_stiff(
        *stiff_addresses(orbit.system), orbit.time, orbit.state, span, orbit.step, out, dt,
        orbit.rtol, orbit.atol, bound_for(orbit.system), MAX_STEPS, orbit.state.size,
    )  # fmt: skip
    orbit.attempts += attempts
    return status, elapsed


def _dop853_events(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.numerics.events import integrate_events

    switches = orbit.system.switches
    if switches is None:
        raise ParameterError(f"the flow {orbit.system.name!r} has no events to locate; use dop853")
    if orbit.modes is None:
        orbit.modes = switches.undecided()
    status, elapsed, orbit.step, attempts = integrate_events(
        switches.addresses(0), switches.kind_array, orbit.time, orbit.state, orbit.modes,
        orbit.state.size, span, orbit.step, out, dt, orbit.rtol, orbit.atol, BOUND, MAX_STEPS,
        orbit.tally,
    )  # fmt: skip
    orbit.attempts += attempts
    return status, elapsed


def _dop853_steps(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.numerics.delay import integrate_delay

    lags = np.array([delay.lag for delay in orbit.system.delays])
    sources = np.array([delay.source for delay in orbit.system.delays])
    status, elapsed, orbit.step, attempts, orbit.past = integrate_delay(
        orbit.system.kernel.address, orbit.time, orbit.state, orbit.past, lags, sources,
        orbit.kink, span, orbit.step, out, dt, orbit.rtol, orbit.atol, BOUND, MAX_STEPS,
    )  # fmt: skip
    orbit.attempts += attempts
    return status, elapsed


def _iteration(orbit: Orbit, span: float, out: FloatArray, _: float) -> tuple[int, float]:
    from chaosbench.numerics.maps import iterate

    address = orbit.system.kernel.address
    status, elapsed = iterate(address, orbit.time, orbit.state, round(span), out, BOUND)
    return status, float(elapsed)


def _etdrk4(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.dynamics.orbits._field import run_field

    return run_field(orbit, span, out, dt)


def _collocation(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.dynamics.orbits._field import run_field
    from chaosbench.numerics.field_collocation import Collocation

    return run_field(orbit, span, out, dt, Collocation)


def _exponential_adams(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.dynamics.orbits._field import run_field
    from chaosbench.numerics.exponential_adams import ExponentialAdams

    return run_field(orbit, span, out, dt, ExponentialAdams)


INTEGRATORS: dict[str, Callable[[Orbit, float, FloatArray, float], tuple[int, float]]] = {
    "dop853": _dop853,
    "rodas5p": _rodas5p,
    "dop853-events": _dop853_events,
    "dop853-steps": _dop853_steps,
    "iteration": _iteration,
    "ito-1.5": integrate_stochastic,
    "etdrk4": _etdrk4,
    "collocation": _collocation,
    "exponential-adams": _exponential_adams,
}
"""Each moves an orbit over a span, fills the samples, and returns its status and elapsed time."""


def check_tolerance(rtol: float) -> None:
    """Raise unless `rtol` is a relative tolerance that double precision can hold."""
    if not (isinstance(rtol, Real) and 1e-15 <= rtol <= 1e-2):
        raise ParameterError(f"rtol must lie between 1e-15 and 1e-2, not {rtol!r}")


def raise_status(status: int, system: System, time: float) -> None:
    """Turn an integrator's status into the error that names the system and the time."""
    from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW
    from chaosbench.numerics.event_kinds import CHATTERING

    if status == REACHED:
        return
    when = f"{time:.6g} {'iterations' if system.kind == 'map' else 'time units'}"
    if status == ESCAPED:
        raise TrajectoryEscapedError(
            f"the trajectory of {system.name!r} escaped after {when}: it left the ball of radius "
            f"{bound_for(system):g} or became non-finite; choose another initial state or other "
            "parameters",
            time=time,
        )
    if status == UNDERFLOW:
        raise StepSizeError(
            f"the step size of {system.name!r} vanished after {when}: the solution has a "
            "singularity there or is too stiff for this tolerance",
            time=time,
        )
    if status == EXHAUSTED:
        raise StepSizeError(
            f"{system.name!r} needed more than {MAX_STEPS:,} steps by {when}; "
            "loosen rtol, shorten the time span or, if it is stiff, ask for integrator='rodas5p'",
            time=time,
        )
    if status == CHATTERING:
        raise IntegrationError(
            f"{system.name!r} switches without end after {when}: it slides along two surfaces at "
            "once, or its events accumulate; smooth the switch, or use the integrator 'dop853'",
            time=time,
        )
    raise IntegrationError(f"unknown integrator status {status} for {system.name!r}", time=time)
