"""Explicit methods for smooth flows that are not stiff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaosbench.dynamics.orbits._orbit import MAX_STEPS, Orbit, refuse
from chaosbench.systems import Flow
from chaosbench.trajectories import FloatArray

__all__ = ["Dop853Orbit", "ExtrapolatedOrbit"]


@dataclass
class Dop853Orbit(Orbit):
    """An orbit of a flow by the Runge–Kutta method DOP853."""

    integrator: ClassVar[str] = "dop853"

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.dop853 import integrate

        status, elapsed, self.step, attempts = integrate(
            self.system.kernel.address, self.time, self.state, span, self.step, out, dt,
            self.rtol, self.atol, self.limit, MAX_STEPS, self.state.size,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed


@dataclass
class ExtrapolatedOrbit(Orbit):
    """An orbit of a smooth flow by extrapolation of the midpoint rule; a witness of DOP853."""

    integrator: ClassVar[str] = "extrapolation"

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.extrapolation import integrate

        if not isinstance(self.system, Flow) or self.system.switches is not None:
            refuse("extrapolation", "smooth flows", self.system)
        status, elapsed, self.step, attempts = integrate(
            self.system.kernel.address, self.time, self.state, span, self.step, out, dt,
            self.rtol, self.atol, self.limit, MAX_STEPS,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed
