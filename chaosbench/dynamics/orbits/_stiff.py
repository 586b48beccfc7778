"""A Rosenbrock method for stiff flows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaosbench.dynamics.orbits._orbit import MAX_STEPS, Orbit, refuse
from chaosbench.systems import Flow
from chaosbench.trajectories import FloatArray

__all__ = ["StiffOrbit", "stiff_addresses"]


@dataclass
class StiffOrbit(Orbit):
    """An orbit of a stiff flow by the Rosenbrock method Rodas5P."""

    integrator: ClassVar[str] = "rodas5p"

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.rosenbrock import integrate_stiff

        if not isinstance(self.system, Flow):
            refuse("Rodas5P", "flows", self.system)
        status, elapsed, self.step, attempts = integrate_stiff(
            *stiff_addresses(self.system), self.time, self.state, span, self.step, out, dt,
            self.rtol, self.atol, self.limit, MAX_STEPS, self.state.size,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed


def stiff_addresses(system: Flow) -> tuple[int, int, int]:
    """Return the addresses of right-hand side, Jacobian and time derivative (0 if autonomous)."""
    slope = system.time_derivative_kernel.address if system.driven else 0
    return system.kernel.address, system.jacobian_kernel.address, slope
