"""Growth along a stiff flow: Rodas5P on the variational equations."""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.exponents._tangents import VectorTangents
from chaosbench.dynamics.orbits import Orbit, raise_status
from chaosbench.errors import InputError
from chaosbench.trajectories import FloatArray

__all__ = ["StiffTangents"]

SPREAD = 16.0
"""Log ratio of tangent lengths within a segment beyond which the shortest are noise."""

MAX_STEPS = 10_000_000
"""Most attempted steps of one segment."""


class StiffTangents(VectorTangents):
    """Tangent vectors of a stiff flow, with the exact Jacobian of state and vectors together."""

    def __init__(self, orbit: Orbit, count: int, segment: float, seed: int) -> None:
        from chaosbench.compile import compile_jacobian, compile_time_derivative, tangent_outputs

        super().__init__(orbit, count, segment, seed)
        system = orbit.system
        outputs, inputs = tangent_outputs(system.trace.outputs, system.trace.inputs, count)
        self._kernel = system.tangent_kernel(count)
        self._jacobian = compile_jacobian(outputs, inputs)
        self._slope = compile_time_derivative(outputs, len(inputs)) if system.driven else None
        self._step = 0.0

    def _advance(self) -> None:
        from chaosbench.numerics.rosenbrock import integrate_stiff

        orbit, y = self.orbit, self.y
        status, elapsed, self._step, attempts = integrate_stiff(
            self._kernel.address, self._jacobian.address,
            self._slope.address if self._slope else 0, orbit.time, y, self.segment, self._step,
            np.empty((0, y.size)), 1.0, orbit.rtol, orbit.rtol, orbit.limit, MAX_STEPS,
            orbit.state.size,
        )  # fmt: skip
        orbit.time += elapsed
        self.work += attempts * y.size
        raise_status(status, orbit.system, orbit.time, orbit.limit, MAX_STEPS)

    def _grow(self, logs: FloatArray) -> None:
        """Move on by one segment and write the logarithms of the growth ``(count,)``.

        Raises:
            InputError: an exponent is so negative that its tangent vector is lost in a segment.

        """
        super()._grow(logs)
        if not np.ptp(logs) < SPREAD:
            raise InputError(
                f"{self.orbit.system.name!r} is stiff and its exponents lie too far apart for "
                f"{self.count} tangent vectors to be followed over a tenth of a period; ask for "
                "fewer with count"
            )
