"""Flows that switch or are reset: DOP853 from event to event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.dynamics.orbits._orbit import MAX_STEPS, Orbit
from chaosbench.errors import ParameterError
from chaosbench.systems import Flow
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:  # the module loads the compiler
    from chaosbench.systems.switches import Switches

__all__ = ["EventsOrbit", "switches_of"]


@dataclass
class EventsOrbit(Orbit):
    """An orbit of a flow whose switches and resets are located as events.

    Attributes:
        modes: which branch holds at each switching surface; None before the first step.
        tally: three numbers about the events since the start: the sum of log|det S| over their
            saltation matrices, their number, and how often the orbit began to slide.

    """

    integrator: ClassVar[str] = "dop853-events"

    modes: FloatArray | None = field(default=None, init=False)
    tally: FloatArray = field(default_factory=lambda: np.zeros(3), init=False)

    def reset_tally(self) -> None:
        """Count the events and their changes of volume from here on."""
        self.tally[:] = 0.0

    @property
    def log_volume_at_events(self) -> float:
        """Sum of log|det S| over the saltation matrices of the events counted so far."""
        return float(self.tally[0])

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.events import integrate_events

        switches = switches_of(self)
        if self.modes is None:
            self.modes = switches.undecided()
        status, elapsed, self.step, attempts = integrate_events(
            switches.addresses(0), switches.kind_array, self.time, self.state, self.modes,
            self.state.size, span, self.step, out, dt, self.rtol, self.atol, self.limit, MAX_STEPS,
            self.tally,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed


def switches_of(orbit: Orbit) -> Switches:
    """Return the switches of the flow of an orbit.

    Raises:
        ParameterError: there are none.

    """
    switches = orbit.system.switches if isinstance(orbit.system, Flow) else None
    if switches is None:
        raise ParameterError(f"the flow {orbit.system.name!r} has no events to locate; use dop853")
    return switches
