"""Growth along a map: tangent vectors are orthonormalised at every iteration."""

from __future__ import annotations

from chaosbench.dynamics.exponents._tangents import CompiledTangents
from chaosbench.dynamics.orbits import raise_status
from chaosbench.trajectories import FloatArray

__all__ = ["MapTangents"]


class MapTangents(CompiledTangents):
    """Tangent vectors of a map."""

    def _fill(self, logs: FloatArray) -> int:
        from chaosbench.numerics.tangent import map_growth

        orbit = self.orbit
        status, elapsed = map_growth(
            orbit.system.tangent_kernel(self.count).address, orbit.time, self.y, orbit.state.size,
            self.count, logs, orbit.limit,
        )  # fmt: skip
        raise_status(status, orbit.system, orbit.time + elapsed)
        return len(logs)
