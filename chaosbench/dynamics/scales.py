"""The scales of a system: the units of its times and of its variables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chaosbench.dynamics.orbits import bound_for
from chaosbench.dynamics.period import estimate_period
from chaosbench.dynamics.stored import Constants, known_constants
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

__all__ = ["Scales", "scales_of"]

LARGEST = 1e300
"""Bound of what is measured in the smallest units."""


@dataclass(frozen=True)
class Scales:
    """Period, Lyapunov time and spread of a system, from its constants where they are known.

    Scales are looked up once (`scales_of`) and passed on. A system that is being measured gets
    scales without constants, which are estimated from the equation when they are first needed.

    Attributes:
        system: whose scales these are.
        constants: what was measured about exactly this system; None where nothing was.
        given_period: the dominant period in time units, where the caller knows it.
        units: of the variables ``(d,)``, where they are not those of the definition.

    """

    system: System
    constants: Constants | None = None
    given_period: float | None = None
    units: tuple[float, ...] | None = None

    def in_units(self, units: FloatArray) -> Scales:
        """Return the scales of the same system with each variable in a unit of its own ``(d,)``."""
        known = self.constants
        if known is not None:
            mean, std = (tuple((np.array(v) / units).tolist()) for v in (known.mean, known.std))
            known = replace(known, mean=mean, std=std)
        own = tuple(units.tolist())
        return Scales(self.system.in_units(own), known, self.given_period, own)

    @cached_property
    def period(self) -> float:
        """Dominant period in time units (1 for a map); estimated where it was not measured."""
        if self.given_period is not None:
            return self.given_period
        return self.constants.period if self.constants else estimate_period(self.system)

    @property
    def lyapunov_time(self) -> float | None:
        """Inverse of the largest exponent in time units; None if not chaotic or not measured."""
        return self.constants.lyapunov_time if self.constants else None

    @cached_property
    def spread(self) -> FloatArray:
        """Standard deviation of each variable ``(d,)``, or the size of its initial state.

        The size, at least 1, is used where the standard deviations were not measured.
        """
        if self.constants:
            return np.array(self.constants.std)
        return np.maximum(1.0, np.abs(self.system.ic))

    @property
    def bound(self) -> float | None:
        """Magnitude at which an orbit in these units has escaped; None for the usual one.

        What starts small may grow: a bound never lies below the usual one in the definition's own
        units.
        """
        if self.units is None:
            return None
        return min(LARGEST, bound_for(self.system) * max(1.0, 1.0 / min(self.units)))

    @property
    def looks(self) -> float:
        """How densely orbits look for features of the driving; not at all if it was measured."""
        return 1.0 if self.constants is None else 0.0

    @property
    def stiff(self) -> bool | None:
        """Whether the constants were measured with the stiff integrator; None if unknown.

        A system whose constants are known keeps the integrator that they were measured with.
        """
        if self.constants is None:
            return None
        return bool(self.constants.provenance["integrator"] == "rodas5p")


def scales_of(system: System) -> Scales:
    """Look up the scales of a system."""
    return Scales(system, known_constants(system))
