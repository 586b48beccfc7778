"""Iteration of maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chaosbench.dynamics.orbits._orbit import Orbit
from chaosbench.trajectories import FloatArray

__all__ = ["IteratedOrbit"]


@dataclass
class IteratedOrbit(Orbit):
    """An orbit of a map in double precision."""

    integrator: ClassVar[str] = "iteration"

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        from chaosbench.numerics.maps import iterate

        del dt  # samples are one iteration apart
        address = self.system.kernel.address
        status, elapsed = iterate(address, self.time, self.state, round(span), out, self.limit)
        return status, float(elapsed)
