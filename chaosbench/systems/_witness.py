"""Integrations that share as little as possible with the one they are compared with.

`TaylorOrbit` follows smooth flows and maps in double-double arithmetic, or in double;
`ExtrapolatedOrbit` follows flows with kinks by another explicit method. Both are used as `Orbit`
is: each call of `sample` goes on where the last one ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosbench.errors import InputError
from chaosbench.systems._integration import BOUND, MAX_STEPS, Orbit, raise_status
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["ExtrapolatedOrbit", "TaylorOrbit", "can_follow", "require_tape"]

TOLERANCE = 1e-30
"""Of the local error in double-double arithmetic, whose rounding is 1e-32."""

ROUNDING = {False: 2.0**-52, True: 2.0**-104}
"""Of either arithmetic; no tolerance below it can be kept."""


def can_follow(system: System) -> bool:
    """Say whether `TaylorOrbit` can follow a system."""
    return system.kind == "map" or (system.kind == "flow" and system.switches is None)


def require_tape(system: System) -> None:
    """Check that a system can be followed by `TaylorOrbit`.

    Raises:
        InputError: neither a flow nor a map, or a flow with operations that have no derivatives.

    """
    if system.kind not in ("flow", "map"):
        raise InputError(
            f"double-double arithmetic follows smooth flows and maps; {system.name!r} is a "
            f"{system.kind} system: use precision='double'"
        )
    if system.kind == "flow" and not can_follow(system):
        raise InputError(
            f"Taylor's method needs an equation with all its derivatives; that of {system.name!r} "
            f"contains {', '.join(system.tape.rough) or 'resets'}: use precision='double'"
        )


class TaylorOrbit:
    """A smooth flow or a map, followed by Taylor's method (a map: iterated) from a double state.

    Args:
        system: what is integrated; its constants are the doubles of the equation.
        state: ``(d,)``, taken as exact.
        time: absolute time, taken as exact.
        tolerance: of the local error, relative where the state is larger than 1, else absolute.
        double_double: 106 bits instead of 53.
        nudge: relative displacement of the state, below what a double can tell; double-double only.

    Raises:
        InputError: see `require_tape`.

    """

    def __init__(
        self,
        system: System,
        state: FloatArray,
        time: float = 0.0,
        *,
        tolerance: float = TOLERANCE,
        double_double: bool = True,
        nudge: float = 0.0,
    ) -> None:
        from chaosbench.numerics._taylor import order_for

        require_tape(system)
        self.system = system
        self.tolerance = max(tolerance, ROUNDING[double_double])
        self.order = order_for(self.tolerance) if system.kind == "flow" else 0
        self.steps = 0
        d, tape = system.dimension, system.tape
        self._tail = (2,) if double_double else ()
        self._work = self._numbers(tape.slots, self.order + 1)
        self._high(self._work)[tape.constants[0], 0] = tape.constants[1]
        self._present = self._numbers(d + 1, 1)
        self._high(self._present)[:d, 0] = state
        self._high(self._present)[d, 0] = time
        if double_double:
            self._present[:d, 0, 1] = nudge * np.abs(state)
        self._carry = self._numbers(d, 1)

    def _numbers(self, *shape: int) -> FloatArray:
        return np.zeros((*shape, *self._tail))

    def _high(self, numbers: FloatArray) -> FloatArray:
        return numbers[..., 0] if self._tail else numbers

    @property
    def time(self) -> float:
        """Absolute time (iterations, for a map)."""
        return float(self._high(self._present)[-1, 0])

    @property
    def state(self) -> FloatArray:
        """State ``(d,)`` rounded to double."""
        return self._high(self._present)[:-1, 0].copy()

    def sample(self, points: int, dt: float) -> FloatArray:
        """Return ``(points, d)`` samples `dt` apart, rounded to double, the present state first.

        Raises:
            TrajectoryEscapedError, StepSizeError: as for an `Orbit`.

        """
        return self._high(self.sample_exactly(points, dt)).copy()

    def sample_exactly(self, points: int, dt: float) -> FloatArray:
        """Return samples as they are computed: in double-double ``(points, d, 2)``."""
        from chaosbench.numerics import _taylor

        out = self._numbers(points, self.system.dimension)
        if points == 1:
            out[0] = self._present[:-1, 0]
            return out
        tape, since = self.system.tape, self.time
        elapsed: float
        if self.system.kind == "map":
            status, elapsed = _taylor.iterate(
                tape.code, tape.outputs, self._work, self._present, out, BOUND
            )
        else:
            status, elapsed, steps = _taylor.integrate(
                tape.code, tape.outputs, self._work, self.order, self.tolerance, self._present,
                self._carry, (points - 1) * dt, out, dt, BOUND, MAX_STEPS,
            )  # fmt: skip
            self.steps += steps
        raise_status(status, self.system, since + elapsed)
        return out


@dataclass
class ExtrapolatedOrbit(Orbit):
    """An `Orbit` of a flow by extrapolation of the midpoint rule instead of DOP853."""

    def _run(self, span: float, out: FloatArray, dt: float) -> None:
        from chaosbench.numerics._extrapolation import integrate

        if self.system.kind != "flow" or self.system.resets:
            raise InputError(
                f"extrapolation follows flows without resets; {self.system.name!r} is none"
            )
        status, elapsed, self.step, attempts = integrate(
            self.system.kernel.address, self.time, self.state, span, self.step, out, dt,
            self.rtol, self.atol, BOUND, MAX_STEPS,
        )  # fmt: skip
        self.attempts += attempts
        self.time += elapsed
        raise_status(status, self.system, self.time)
