"""Growth under noise: tangent vectors feel the same path as the state."""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.exponents._tangents import VectorTangents
from chaosbench.dynamics.orbits import ItoOrbit, raise_status

__all__ = ["NoisyTangents"]


class NoisyTangents(VectorTangents):
    """Tangent vectors of a stochastic system."""

    def _advance(self) -> None:
        orbit = self.orbit
        assert isinstance(orbit, ItoOrbit)
        before = orbit.attempts
        status, elapsed = orbit.move(
            self.y, self.count, self.segment, np.empty((0, self.y.size)), self.segment
        )
        orbit.time += elapsed
        self.work += (orbit.attempts - before) * self.y.size
        raise_status(status, orbit.system, orbit.time)
