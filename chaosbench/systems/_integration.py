"""Running the numba integrators on a System and turning their status into errors."""

from __future__ import annotations

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

__all__ = ["BOUND", "Orbit"]

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
        longest_step: in time units; only delay systems heed it.

    """

    system: System
    state: FloatArray
    time: float = 0.0
    rtol: float = 1e-10
    atol: float | None = None
    step: float = 0.0
    attempts: int = 0
    past: Any = None
    kink: float = -np.inf
    longest_step: float = np.inf

    def __post_init__(self) -> None:
        if not (isinstance(self.rtol, Real) and 1e-15 <= self.rtol <= 1e-2):
            raise ParameterError(f"rtol must lie between 1e-15 and 1e-2, not {self.rtol!r}")
        self.state = np.array(self.state, dtype=np.float64)
        if self.atol is None:
            self.atol = self.rtol
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
        address = self.system.kernel.address
        elapsed: float
        if self.system.kind == "map":
            from chaosbench.numerics._maps import iterate

            status, elapsed = iterate(address, self.time, self.state, round(span), out, BOUND)
        elif self.system.kind == "delay":
            status, elapsed = self._run_delay(address, span, out, dt)
        else:
            from chaosbench.numerics._dop853 import integrate

            status, elapsed, self.step, attempts = integrate(
                address, self.time, self.state, span, self.step, out, dt,
                self.rtol, self.atol, BOUND, MAX_STEPS, self.state.size,
            )  # fmt: skip
            self.attempts += attempts
        self.time += elapsed
        raise_status(status, self.system, self.time)

    def _run_delay(
        self, address: int, span: float, out: FloatArray, dt: float
    ) -> tuple[int, float]:
        from chaosbench.numerics._delay import integrate_delay

        lags = np.array([delay.lag for delay in self.system.delays])
        sources = np.array([delay.source for delay in self.system.delays])
        status, elapsed, self.step, attempts, self.past = integrate_delay(
            address, self.time, self.state, self.past, lags, sources, self.kink, span,
            self.step, out, dt, self.rtol, self.atol, BOUND, MAX_STEPS, self.longest_step,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed


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
