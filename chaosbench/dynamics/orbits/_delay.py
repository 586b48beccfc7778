"""Delay systems: DOP853 from kink to kink, with collocation as its witness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from chaosbench.dynamics.orbits._orbit import MAX_STEPS, Orbit, refuse
from chaosbench.systems import DelaySystem, System
from chaosbench.trajectories import FloatArray

__all__ = ["CollocationOrbit", "History", "StepsOrbit"]

PIECES = 4.0
"""Widths of the narrowest piece of the past ahead that a step may cover."""


@dataclass(frozen=True)
class History:
    """The memory of a delay system.

    Attributes:
        past: the solution as polynomial pieces over the longest lag or more: their starts ``(p,)``,
            widths ``(p,)`` and coefficients ``(p, 8, d)``.
        kink: absolute time at which the derivative last jumped.

    """

    past: tuple[FloatArray, FloatArray, FloatArray]
    kink: float


@dataclass
class StepsOrbit(Orbit):
    """An orbit of a delay system by DOP853, whose steps end where a kink recurs.

    Attributes:
        past: see `History`; replaced, never changed, as the orbit moves.
        kink: absolute time at which the derivative last jumped.

    """

    integrator: ClassVar[str] = "dop853-steps"

    past: Any = field(default=None, init=False, repr=False)
    kink: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        system = self._delay_system
        if self.memory_at_start is not None:
            self.past, self.kink = self.memory_at_start.past, self.memory_at_start.kink
            return
        from chaosbench.numerics.delay import constant_history

        starts, widths, pieces = constant_history(self.state, 1.01 * max(system.lags))
        self.past = (starts + self.time, widths, pieces)
        self.kink = self.time

    def memory(self) -> History:
        """Return the past and the last kink."""
        return History(self.past, self.kink)

    def change_to(self, system: System) -> None:
        """Continue as an orbit of another system; its derivative jumps here."""
        super().change_to(system)
        self.kink = self.time

    def _longest_step(self, span: float, samples: int) -> float:
        """Return the longest step that misses neither the driving nor what the past holds."""
        longest = super()._longest_step(span, samples)
        if not self.looks:
            return longest
        starts, widths, _ = self._pieces
        narrowest = np.inf
        for lag in self._delay_system.lags:
            begin = self.time - lag
            met = (starts + widths > begin) & (starts < begin + min(span, lag))
            narrowest = min(narrowest, widths[met].min(initial=np.inf))
        return min(longest, PIECES * narrowest * self._caution)

    @property
    def _pieces(self) -> Any:
        """The past: starts, widths and what describes the solution on each piece."""
        return self.past

    @property
    def _delay_system(self) -> DelaySystem:
        if not isinstance(self.system, DelaySystem):
            refuse(self.integrator, "delay systems", self.system)
        return self.system

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.delay import integrate_delay

        system = self._delay_system
        status, elapsed, self.step, attempts, self.past = integrate_delay(
            system.kernel.address, self.time, self.state, self.past, system.lags, system.sources,
            self.kink, span, self.step, out, dt, self.rtol, self.atol, self.limit, MAX_STEPS,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed


@dataclass
class CollocationOrbit(StepsOrbit):
    """An orbit of a delay system by collocation at Gauss points instead of DOP853.

    `rtol` bounds the contribution of the highest terms of a step's Legendre series.
    """

    integrator: ClassVar[str] = "delay-collocation"

    _values: Any = field(default=None, init=False, repr=False)

    @property
    def _pieces(self) -> Any:
        """The past: starts, widths and what describes the solution on each piece."""
        return self.past if self._values is None else self._values

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.collocation import from_dense, integrate, tableau

        system = self._delay_system
        nodes, a, b, tops, weights = tableau()
        if self._values is None:
            self._values = from_dense(self.past, nodes)
        status, elapsed, self.step, attempts, self._values = integrate(
            system.kernel.address, self.time, self.state, self._values, nodes, a, b, tops, weights,
            system.lags, system.sources, self.kink, span, self.step, out, dt, self.rtol, self.limit,
            MAX_STEPS,
        )  # fmt: skip
        self.attempts += attempts
        return status, elapsed
