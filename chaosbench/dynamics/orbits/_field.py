"""Fields: spectral in space, with three methods in time."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chaosbench.dynamics.orbits._orbit import MAX_STEPS, Orbit, refuse
from chaosbench.systems import FieldSystem
from chaosbench.systems.discretisation import Discretisation
from chaosbench.trajectories import FloatArray

__all__ = ["AdamsOrbit", "Etdrk4Orbit", "FieldCollocationOrbit", "FieldOrbit", "stepper_for"]


@dataclass
class FieldOrbit(Orbit):
    """An orbit of a field; its subclasses choose the method in time."""

    @property
    def grid(self) -> Discretisation:
        """The pseudo-spectral form of the field's equation."""
        if not isinstance(self.system, FieldSystem):
            refuse(self.integrator, "fields", self.system)
        return self.system.discretisation

    @abstractmethod
    def _method(self) -> Any:
        """Return the class that takes the steps."""

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        grid = self.grid
        modes = grid.to_modes(self.state[np.newaxis])
        stepper = stepper_for(self, modes, grid.nonlinear, self._method())
        status, elapsed = 0, 0.0
        if len(out):
            out[0] = self.state
            for row in out[1:]:
                status, gone = stepper.advance(dt)
                elapsed += gone
                if status:
                    break
                row[:] = grid.to_states(stepper.modes)[0]
            else:
                elapsed = span
        else:
            status, elapsed = stepper.advance(span)
        self.state[:] = grid.to_states(stepper.modes)[0]
        self.step, self.attempts = stepper.step, self.attempts + stepper.attempts
        return status, elapsed


@dataclass
class Etdrk4Orbit(FieldOrbit):
    """An orbit of a field by the exponential Runge–Kutta method ETDRK4."""

    integrator: ClassVar[str] = "etdrk4"

    def _method(self) -> Any:
        from chaosbench.numerics.spectral import Stepper

        return Stepper


@dataclass
class FieldCollocationOrbit(FieldOrbit):
    """An orbit of a field by collocation at Radau points."""

    integrator: ClassVar[str] = "collocation"

    def _method(self) -> Any:
        from chaosbench.numerics.field_collocation import Collocation

        return Collocation


@dataclass
class AdamsOrbit(FieldOrbit):
    """An orbit of a field by an exponential Adams method; a witness of collocation."""

    integrator: ClassVar[str] = "exponential-adams"

    def _method(self) -> Any:
        from chaosbench.numerics.exponential_adams import ExponentialAdams

        return ExponentialAdams


def stepper_for(
    orbit: FieldOrbit, modes: Any, nonlinear: Any, method: Any = None, **more: int
) -> Any:
    """Return the stepper of an orbit, for one solution or for several side by side.

    Args:
        orbit: gives the equation, the tolerances and the first step.
        modes: spectral states.
        nonlinear: the nonlinear term as a function of the modes.
        method: class of the stepper; by default that of ETDRK4.
        **more: settings of that class.

    """
    from chaosbench.numerics.spectral import Stepper

    grid = orbit.grid
    chosen: Any = method or Stepper
    return chosen(
        grid.linear, nonlinear, modes, grid.weights, step=orbit.step, rtol=orbit.rtol,
        atol=orbit.atol, bound=orbit.limit, max_steps=MAX_STEPS, **more,
    )  # fmt: skip
