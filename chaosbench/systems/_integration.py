"""Running the numba integrators on a System and turning their status into errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from chaosbench.errors import (
    IntegrationError,
    ParameterError,
    StepSizeError,
    TrajectoryEscapedError,
)
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["BOUND", "INTEGRATORS", "Orbit", "integrator_for"]

BOUND = 1e9
"""A state beyond this magnitude has escaped; no attractor of the catalogue comes near it."""

MAX_STEPS = 50_000_000


@dataclass
class Orbit:
    """A system's state moving through time; each call goes on where the last one ended.

    Attributes:
        system: what is integrated.
        state: ``(d,)``, changed in place.
        time: absolute time (iterations, for a map).
        rtol: relative tolerance; the absolute one is the same unless `atol` is given.
        integrator: a name in `INTEGRATORS`; by default what `integrator_for` chooses.

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

    def __post_init__(self) -> None:
        if not (isinstance(self.rtol, Real) and 1e-15 <= self.rtol <= 1e-2):
            raise ParameterError(f"rtol must lie between 1e-15 and 1e-2, not {self.rtol!r}")
        self.state = np.array(self.state, dtype=np.float64)
        if self.atol is None:
            self.atol = self.rtol
        self.integrator = self.integrator or integrator_for(self.system)
        if self.system.kind == "delay" and self.past is None:
            from chaosbench.numerics._delay import constant_history

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

    def _run(self, span: float, out: FloatArray, dt: float) -> None:
        status, elapsed = INTEGRATORS[self.integrator](self, span, out, dt)
        self.time += elapsed
        raise_status(status, self.system, self.time)


def integrator_for(system: System) -> str:
    """Return the name of the integrator that suits a system."""
    return {"flow": "dop853", "delay": "dop853-steps", "map": "iteration", "field": "etdrk4"}[
        system.kind
    ]


def _dop853(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.numerics._dop853 import integrate

    status, elapsed, orbit.step, attempts = integrate(
        orbit.system.kernel.address, orbit.time, orbit.state, span, orbit.step, out, dt,
        orbit.rtol, orbit.atol, BOUND, MAX_STEPS, orbit.state.size,
    )  # fmt: skip
    orbit.attempts += attempts
    return status, elapsed


def _dop853_steps(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.numerics._delay import integrate_delay

    lags = np.array([delay.lag for delay in orbit.system.delays])
    sources = np.array([delay.source for delay in orbit.system.delays])
    status, elapsed, orbit.step, attempts, orbit.past = integrate_delay(
        orbit.system.kernel.address, orbit.time, orbit.state, orbit.past, lags, sources,
        orbit.kink, span, orbit.step, out, dt, orbit.rtol, orbit.atol, BOUND, MAX_STEPS,
    )  # fmt: skip
    orbit.attempts += attempts
    return status, elapsed


def _iteration(orbit: Orbit, span: float, out: FloatArray, _: float) -> tuple[int, float]:
    from chaosbench.numerics._maps import iterate

    address = orbit.system.kernel.address
    status, elapsed = iterate(address, orbit.time, orbit.state, round(span), out, BOUND)
    return status, float(elapsed)


def _etdrk4(orbit: Orbit, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
    from chaosbench.systems._field_runs import run_field

    return run_field(orbit, span, out, dt)


INTEGRATORS: dict[str, Callable[[Orbit, float, FloatArray, float], tuple[int, float]]] = {
    "dop853": _dop853,
    "dop853-steps": _dop853_steps,
    "iteration": _iteration,
    "etdrk4": _etdrk4,
}
"""Each moves an orbit over a span, fills the samples, and returns its status and elapsed time."""


def raise_status(status: int, system: System, time: float) -> None:
    """Turn an integrator's status into the error that names the system and the time."""
    from chaosbench.numerics._dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

    if status == REACHED:
        return
    when = f"{time:.6g} {'iterations' if system.kind == 'map' else 'time units'}"
    if status == ESCAPED:
        raise TrajectoryEscapedError(
            f"the trajectory of {system.name!r} escaped after {when}: it left the ball of radius "
            f"{BOUND:g} or became non-finite; choose another initial state or other parameters",
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
            "loosen rtol or shorten the time span",
            time=time,
        )
    raise IntegrationError(f"unknown integrator status {status} for {system.name!r}", time=time)
