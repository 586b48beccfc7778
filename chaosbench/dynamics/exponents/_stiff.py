"""Lyapunov exponents of stiff flows: Rodas5P on the variational equations and on twins."""

from __future__ import annotations

import numpy as np

from chaosbench.compile import compile_jacobian, compile_time_derivative, tangent_outputs
from chaosbench.dynamics.exponents._twins import displacement, pulled_back
from chaosbench.dynamics.lyapunov import SEGMENTS_PER_PERIOD, _period
from chaosbench.dynamics.orbits._orbit import BOUND, Orbit, raise_status
from chaosbench.dynamics.simulate import attractor_orbit
from chaosbench.errors import InputError
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["stiff_growth", "stiff_twin"]

SPREAD = 16.0
"""Log of the ratio of tangent lengths within a segment beyond which the shortest are noise."""


def stiff_growth(
    system: System, orbit: Orbit, y: FloatArray, count: int, periods: float, rtol: float
) -> tuple[int, FloatArray, float, int]:
    """Like `_lyapunov._growth`, with the exact Jacobian of state and tangent vectors together.

    Raises:
        InputError: an exponent is so negative that its tangent vector is lost within a segment.

    """
    from chaosbench.numerics.rosenbrock import integrate_stiff
    from chaosbench.numerics.tangent import orthonormalise

    d = system.dimension
    outputs, inputs = tangent_outputs(system.trace.outputs, system.trace.inputs, count)
    jacobian = compile_jacobian(outputs, inputs)
    slope = compile_time_derivative(outputs, len(inputs)) if system.driven else None
    segment = _period(system) / SEGMENTS_PER_PERIOD
    steps = round(periods * SEGMENTS_PER_PERIOD)
    warm = max(100, steps // 10)
    logs = np.empty((warm + steps, count))
    step, work = 0.0, 0
    for s in range(warm + steps):
        status, elapsed, step, attempts = integrate_stiff(
            system.tangent_kernel(count).address, jacobian.address, slope.address if slope else 0,
            orbit.time, y, segment, step, np.empty((0, y.size)), 1.0, rtol, rtol, BOUND,
            10_000_000, d,
        )  # fmt: skip
        orbit.time += elapsed
        work += attempts * y.size
        raise_status(status, system, orbit.time)
        orthonormalise(y, d, count, logs[s])
        if not np.ptp(logs[s]) < SPREAD:
            raise InputError(
                f"{system.name!r} is stiff and its exponents lie too far apart for {count} tangent "
                f"vectors to be followed over a tenth of a period; ask for fewer with count"
            )
    orbit.state = y[:d].copy()
    return warm, logs, segment, work


def stiff_twin(
    system: System, periods: float, distance: float, rtol: float, seed: int
) -> tuple[float, float]:
    """Return the largest exponent and its error from two orbits, each integrated on its own."""
    first = attractor_orbit(system, key=(seed, 2), rtol=rtol)
    offset, scale = displacement(system, distance, seed)
    second = Orbit(system, first.state + offset, first.time, rtol, integrator=first.integrator)
    segment = _period(system) / SEGMENTS_PER_PERIOD
    return pulled_back(
        first, second, scale, distance, segment, round(periods * SEGMENTS_PER_PERIOD)
    )
