"""Flows by Taylor's method and maps by iteration, in double-double arithmetic or in double.

A `TaylorOrbit` is used like an `Orbit`: each call of `sample` continues where the last one ended.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from chaosbench.dynamics.orbits._driving import longest_step, looks_for
from chaosbench.dynamics.orbits._orbit import BOUND, CAUTION, MAX_STEPS, raise_status
from chaosbench.errors import InputError
from chaosbench.numerics.event_kinds import BINARY, CHATTERING, RESET
from chaosbench.systems import Flow, Map, System
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:  # both modules load the compiler
    from chaosbench.numerics.tape import Tape
    from chaosbench.systems.switches import Branch, Switches

__all__ = ["TOLERANCE", "TaylorOrbit", "can_follow", "require_tape"]

TOLERANCE = 1e-30
"""Tolerance of the local error in double-double arithmetic, whose rounding is 1e-32."""

MOST_EVENTS_AT_ONCE = 50
"""Events at one instant beyond which a flow switches endlessly."""

ON_SURFACE = 1e-20
"""Largest value of a switching function after a reset that counts as zero."""

ROUNDING = {False: 2.0**-52, True: 2.0**-104}
"""Rounding of double (False) and double-double (True); no smaller tolerance can be kept."""


def can_follow(system: System) -> bool:
    """Say whether `TaylorOrbit` can follow a system."""
    return isinstance(system, (Flow, Map))


def require_tape(system: System) -> None:
    """Check that `TaylorOrbit` can follow a system.

    Raises:
        InputError: the system is neither a flow nor a map.

    """
    if not can_follow(system):
        raise InputError(
            f"double-double arithmetic follows flows and maps; {system.name!r} is a "
            f"{system.kind} system: use precision='double'"
        )


class TaylorOrbit:
    """A flow followed by Taylor's method, or an iterated map, from a double state.

    A flow that switches is followed from one smooth branch to the next. On each branch the
    switching functions are series in time, like the state; their roots are found to the last bit.

    Args:
        system: the system to integrate; its constants are the doubles of the equation.
        state: ``(d,)``, taken as exact.
        time: absolute time, taken as exact.
        tolerance: of the local error, relative where the state is larger than 1, else absolute.
        double_double: 106 bits instead of 53.
        nudge: relative displacement of the state, below what a double can tell; double-double only.
        looks: as for an `Orbit`.
        even: whether samples of a flow lie at exact multiples of the step, instead of at the
            doubles closest to these; the difference counts where more than 14 digits do.

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
        looks: float = 0.0,
        even: bool = False,
    ) -> None:
        from chaosbench.numerics.taylor import order_for

        require_tape(system)
        self.system = system
        self.tolerance = max(tolerance, ROUNDING[double_double])
        self.order = order_for(self.tolerance) if isinstance(system, Flow) else 0
        self.looks = looks
        self.even = even
        self.steps = 0
        self.events = 0
        d = system.dimension
        self._tail = (2,) if double_double else ()
        self._present = self._numbers(d + 1, 1)
        self._high(self._present)[:d, 0] = state
        self._high(self._present)[d, 0] = time
        if double_double:
            self._present[:d, 0, 1] = nudge * np.abs(state)
        self._carry = self._numbers(d, 1)
        self._clock = np.zeros(2)
        self._rooms: dict[int, tuple[Tape, FloatArray]] = {}
        self._modes: list[float] = []
        self._crossed: dict[int, int] = {}
        self._switches = system.switches if isinstance(system, Flow) else None
        if self._switches is not None:
            undecided = self._switches.undecided()
            self._modes = self._settled(undecided, len(self._switches.kinds))

    def _numbers(self, *shape: int) -> FloatArray:
        return np.zeros((*shape, *self._tail))

    def _high(self, numbers: FloatArray) -> FloatArray:
        return numbers[..., 0] if self._tail else numbers

    def _room(self, tape: Tape) -> FloatArray:
        """Return the coefficients of a tape's slots, with its constants in place."""
        if id(tape) not in self._rooms:
            room = self._numbers(tape.slots, self.order + 1)
            self._high(room)[tape.constants[0], 0] = tape.constants[1]
            self._rooms[id(tape)] = tape, room
        return self._rooms[id(tape)][1]

    @property
    def time(self) -> float:
        """Absolute time (iterations, for a map)."""
        return float(self._high(self._present)[-1, 0])

    @property
    def state(self) -> FloatArray:
        """State ``(d,)`` rounded to double."""
        return self._high(self._present)[:-1, 0].copy()

    def again(self, *, tolerance: float, nudge: float = 0.0, looks: float = 0.0) -> TaylorOrbit:
        """Return another orbit that stands where this one does, to its last bit.

        Args:
            tolerance, nudge, looks: of the other orbit.

        """
        other = TaylorOrbit(
            self.system, self.state, self.time, tolerance=tolerance,
            double_double=bool(self._tail), looks=looks, even=self.even,
        )  # fmt: skip
        other._present[:] = self._present
        if nudge:
            other._present[:-1, 0, 1] += nudge * np.abs(self.state)
        other._carry[:], other._clock[:] = self._carry, self._clock
        other._modes, other._crossed = list(self._modes), dict(self._crossed)
        return other

    def sample(self, points: int, dt: float) -> FloatArray:
        """Return ``(points, d)`` samples `dt` apart, rounded to double, the present state first.

        Raises:
            TrajectoryEscapedError, StepSizeError, IntegrationError: as for an `Orbit`.

        """
        return self._high(self.sample_exactly(points, dt)).copy()

    def sample_exactly(self, points: int, dt: float) -> FloatArray:
        """Return samples in the arithmetic of the orbit; in double-double ``(points, d, 2)``."""
        from chaosbench.numerics import taylor

        out = self._numbers(points, self.system.dimension)
        if points == 1:
            out[0] = self._present[:-1, 0]
            return out
        if isinstance(self.system, Flow):
            self._guarded_flow(out, dt)
            return out
        tape, since = self.system.tape, self.time
        elapsed: float
        status, elapsed = taylor.iterate(
            tape.code, tape.outputs, self._room(tape), self._present, out, BOUND
        )
        raise_status(status, self.system, since + elapsed)
        return out

    def _guarded_flow(self, out: FloatArray, dt: float) -> None:
        """Fill the samples in pieces short enough to miss no feature of the driving."""
        span, longest = (len(out) - 1) * dt, np.inf
        if self.looks and self.system.driven:
            looks = looks_for(self.looks * len(out), self.system.dimension)
            longest = CAUTION * longest_step(self.system, self.state, self.time, span, looks)
        if longest >= span:
            self._flow(out, dt)
            return
        pieces = math.ceil(dt / longest)
        out[0] = self._present[:-1, 0]
        for row in range(1, len(out)):
            for _ in range(pieces):
                self._flow(self._numbers(2, self.system.dimension), dt / pieces)
            out[row] = self._present[:-1, 0]

    def _flow(self, out: FloatArray, dt: float) -> None:
        """Fill the samples, branch by branch."""
        from chaosbench.numerics import taylor

        self._clock[0] = 0.0
        if self.even:  # the last sample was taken exactly here
            self._clock[1] = 0.0
        row = idle = 0
        while True:
            branch = self._branch()
            tape, d = branch.tape, branch.d
            skips = np.array([self._crossed.get(k, 0) for k in range(len(branch.exits))], dtype=int)
            before = self._clock.copy()
            status, steps, row, gap = taylor.integrate(
                tape.code, tape.outputs[:d], tape.outputs[d:], skips,
                self._numbers(len(skips), 1), self._room(tape), self.order, self.tolerance,
                self._present, self._carry, self._clock, (len(out) - 1) * dt, out, row, dt, BOUND,
                MAX_STEPS, self.even,
            )  # fmt: skip
            self.steps += steps
            if status != taylor.CLOSED:
                self._crossed = {k: int(skip) for k, skip in enumerate(skips) if skip}
                raise_status(status, self.system, self.time)
                return
            self.events += 1
            idle = idle + 1 if np.array_equal(before, self._clock) else 0
            if idle > MOST_EVENTS_AT_ONCE:
                raise_status(CHATTERING, self.system, self.time)
            self._cross(*branch.exits[gap])

    def _branch(self) -> Branch:
        """Return the branch of the flow that holds at present."""
        from chaosbench.systems.switches import Branch

        switches = self._switches
        if switches is None:
            return Branch(self.system.tape, self.system.dimension, ())
        branch = switches.branch(tuple(self._modes))
        if branch is None:
            raise_status(CHATTERING, self.system, self.time)
        return cast("Branch", branch)

    def _cross(self, surface: int, target: float) -> None:
        """Cross a gap: enter the mode beyond it, slide, or reset the state."""
        switches = cast("Switches", self._switches)
        kind, was = switches.kinds[surface], self._modes[surface]
        if kind == RESET:
            self._present[:-1] = self._outputs(switches.image(surface, tuple(self._modes)))
            self._carry[:] = 0.0
        else:
            self._modes[surface] = target
            jumps = kind == BINARY and was != 0.0 and switches.jumping[surface]
            if jumps and not self._opens(surface):
                self._modes[surface] = 0.0
        self._modes = self._settled(np.array(self._modes), surface)
        exits = self._branch().exits
        self._crossed = {}
        for k, (j, beyond) in enumerate(exits):
            if j != surface or self._modes[surface] == 0.0:
                continue
            if kind == RESET:
                # a reset may leave the switching function at zero, as for a ball on the floor
                self._crossed[k] = int(abs(self._gaps()[k]) <= ON_SURFACE)
            elif beyond == was or was == 0.0:
                # at the end of a slide the field is tangent to the surface: a double root
                self._crossed[k] = 2 if was == 0.0 else 1

    def _opens(self, surface: int) -> bool:
        """Say whether the field of the present modes leads away from a surface."""
        from chaosbench.numerics import interpreter

        branch = self._branch()
        tape, d = branch.tape, branch.d
        room = self._room(tape)
        interpreter.slopes(tape.code, tape.outputs[:d], room, self._present)
        interpreter.expand(tape.code, tape.outputs[:d], room, 2)
        at = [j for j, _ in branch.exits].index(surface)
        return bool(self._high(room)[tape.outputs[d + at], 1] > 0.0)

    def _gaps(self) -> FloatArray:
        branch = self._branch()
        return self._high(self._outputs(branch.tape))[branch.d :, 0]

    def _outputs(self, tape: Tape) -> FloatArray:
        """Evaluate a tape at the present state: its outputs ``(k, 1)``."""
        from chaosbench.numerics.interpreter import values

        room = self._room(tape)
        # the state and the time are the first slots of every tape
        room[: len(self._present), 0] = self._present[:, 0]
        values(tape.code, room)
        return room[tape.outputs, :1].copy()

    def _settled(self, modes: FloatArray, skip: int) -> list[float]:
        """Correct the modes that the state contradicts, except at the surface `skip`."""
        from chaosbench.numerics.event_search import settle

        switches = cast("Switches", self._switches)
        settle(
            switches.addresses(0), self.time, self.state, modes, switches.kind_array,
            self.system.dimension, skip,
        )  # fmt: skip
        return [float(mode) for mode in modes]
