"""The orbit: a system's state moving through time."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar, Never

import numpy as np

from chaosbench.dynamics.orbits._driving import longest_step, looks_for
from chaosbench.errors import (
    InputError,
    IntegrationError,
    ParameterError,
    StepSizeError,
    TrajectoryEscapedError,
)
from chaosbench.numerics.event_kinds import CHATTERING
from chaosbench.systems import Flow, System
from chaosbench.trajectories import FloatArray

__all__ = [
    "BOUND", "MAX_STEPS", "Orbit", "bound_for", "check_tolerance", "raise_status", "refuse",
]  # fmt: skip

BOUND = 1e9
"""A state beyond this magnitude has escaped; no attractor of the catalogue comes near it."""

TRANSIENT_BOUND = 1e5
"""The bound for a flow whose chaos is known to end."""

MAX_STEPS = 50_000_000
"""Most attempted steps of one call."""

CAUTION = 0.7
"""Share of the longest step that a witness takes, where the driving limits it."""


@dataclass
class Orbit(ABC):
    """A system's state moving through time; each call continues where the last one ended.

    There is one subclass per method of integration.

    Attributes:
        system: the system that is integrated.
        state: ``(d,)``, changed in place.
        time: absolute time (iterations, for a map).
        rtol: relative tolerance of the local error.
        atol: absolute tolerance; equal to `rtol` unless it is given.
        step: size of the next step in time units; 0 before the first.
        memory_at_start: what an earlier orbit remembered here, see `memory`.
        max_step: longest step in time units; infinity leaves it to the step control.
        bound: magnitude at which the orbit has escaped; None for the usual one.
        looks: how much more densely than usual the driving is looked at, so that no feature of it
            is stepped over (see `_driving`); 0 not to look.
        attempts: steps attempted so far.
        integrator: name of the method.

    """

    integrator: ClassVar[str]

    system: System
    state: FloatArray
    time: float = 0.0
    rtol: float = 1e-10
    atol: float | None = None
    step: float = 0.0
    memory_at_start: Any = field(default=None, repr=False)
    max_step: float = np.inf
    bound: float | None = None
    looks: float = 0.0
    attempts: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_tolerance(self.rtol)
        self.state = np.array(self.state, dtype=np.float64)
        if self.atol is None:
            self.atol = self.rtol

    def advance(self, span: float) -> None:
        """Move on by `span` time units (iterations)."""
        if span > 0:
            self._move(span, np.empty((0, self.state.size)), 1.0)

    def sample(self, points: int, dt: float) -> FloatArray:
        """Return ``(points, d)`` samples `dt` apart, the present state first."""
        out = np.empty((points, self.state.size))
        if points == 1:
            out[0] = self.state
        else:
            self._move((points - 1) * dt, out, dt)
        return out

    def memory(self) -> Any:
        """Return what decides the future besides the state; None if nothing does.

        It does not change when the orbit moves on, so another orbit may start with it.
        """
        return None

    def change_to(self, system: System) -> None:
        """Continue as an orbit of another system of the same kind, say with other parameters."""
        self.system = system

    def tighten(self, rtol: float) -> float:
        """Continue with a tolerance of at most `rtol`; return the new tolerance."""
        self.rtol = self.atol = min(self.rtol, rtol)
        return self.rtol

    def reset_tally(self) -> None:  # noqa: B027 - most orbits meet no events
        """Count the events and their changes of volume from here on."""

    @property
    def log_volume_at_events(self) -> float:
        """Sum of log|det S| over the saltation matrices of the events counted so far."""
        return 0.0

    @property
    def limit(self) -> float:
        """Magnitude at which the orbit has escaped."""
        return bound_for(self.system) if self.bound is None else self.bound

    def _move(self, span: float, out: FloatArray, dt: float) -> None:
        """Integrate over a span, in pieces where steps must not be longer than these."""
        longest = self._longest_step(span, max(1, len(out)))
        if longest >= span or self.system.discrete:
            self._integrate(span, out, dt)
        elif len(out) == 0:
            self._creep(span, longest)
        else:
            out[0] = self.state
            done, last = 0, len(out) - 1
            while done < last:
                rows = min(max(1, int(longest / dt)), last - done)
                if dt > longest:
                    self._creep(dt, longest)
                    out[done + 1] = self.state
                else:
                    self._integrate(rows * dt, out[done : done + rows + 1], dt)
                done += rows

    def _creep(self, span: float, longest: float) -> None:
        """Advance in equal pieces, none longer than asked."""
        pieces = math.ceil(span / longest)
        for _ in range(pieces):
            self._integrate(span / pieces, np.empty((0, self.state.size)), 1.0)

    def _longest_step(self, span: float, samples: int) -> float:
        """Return the longest step that is allowed in the time ahead."""
        if not self.looks or not self.system.driven or self.system.discrete:
            return self.max_step
        looks = looks_for(self.looks * samples, self.state.size)
        seen = longest_step(self.system, self.state, self.time, span, looks)
        return min(self.max_step, seen * self._caution)

    @property
    def _caution(self) -> float:
        """A witness that looks more often takes shorter steps as well."""
        return 1.0 if self.looks <= 1.0 else CAUTION

    def _integrate(self, span: float, out: FloatArray, dt: float) -> None:
        """Integrate over a span; raise what the status means."""
        status, elapsed = self._run(span, out, dt)
        self.time += elapsed
        raise_status(status, self.system, self.time, self.limit)

    @abstractmethod
    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        """Integrate over a span and fill the samples; return status and elapsed time."""


def check_tolerance(rtol: float) -> None:
    """Raise unless `rtol` is a relative tolerance that double precision can hold."""
    if not (isinstance(rtol, Real) and 1e-15 <= rtol <= 1e-2):
        raise ParameterError(f"rtol must lie between 1e-15 and 1e-2, not {rtol!r}")


def bound_for(system: System) -> float:
    """Return the magnitude at which an orbit has escaped.

    It is smaller for a flow whose chaos is known to end. Orbits that escape in ever faster turns,
    as Sakarya's do, would take ten million steps to the larger bound.
    """
    escaping = isinstance(system, Flow) and system.transient
    return TRANSIENT_BOUND if escaping else BOUND


def refuse(method: str, wanted: str, system: System) -> Never:
    """Raise the error that a method does not suit a system.

    Raises:
        InputError: always.

    """
    raise InputError(f"{method} follows {wanted}; {system.name!r} is a {system.kind} system")


def raise_status(
    status: int, system: System, time: float, bound: float | None = None, most: int = MAX_STEPS
) -> None:
    """Turn an integrator's status into the error that names the system and the time."""
    from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

    if status == REACHED:
        return
    when = f"{time:.6g} {system.time_unit}"
    if status == ESCAPED:
        radius = bound_for(system) if bound is None else bound
        raise TrajectoryEscapedError(
            f"the trajectory of {system.name!r} escaped after {when}: it left the ball of radius "
            f"{radius:g} or became non-finite; choose another initial state or other parameters",
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
            f"{system.name!r} needed more than {most:,} steps by {when}; "
            f"loosen rtol or shorten the time span{_instead_of_so_many_steps(system)}",
            time=time,
        )
    if status == CHATTERING:
        raise IntegrationError(
            f"{system.name!r} switches without end after {when}: it slides along two surfaces at "
            f"once, or its events accumulate; {_instead_of_events(system)}",
            time=time,
        )
    raise IntegrationError(f"unknown integrator status {status} for {system.name!r}", time=time)


def _instead_of_events(system: System) -> str:
    """Say what to do about events that accumulate."""
    if isinstance(system, Flow) and system.resets:
        return f"stop before {system.name!r} comes to rest, or give the rest a reset of its own"
    return "smooth the switch, or use the integrator 'dop853'"


def _instead_of_so_many_steps(system: System) -> str:
    """Say what to do about a step that has become too small."""
    if isinstance(system, Flow) and not system.resets:
        return ", or, if it is stiff, ask for integrator='rodas5p'"
    return ""
