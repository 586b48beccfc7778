"""Ensembles of a flow on SIMD lanes; they raise the errors of single trajectories."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chaosbench.dynamics.orbits._orbit import BOUND, MAX_STEPS, check_tolerance, raise_status
from chaosbench.errors import IntegrationError
from chaosbench.systems import Flow
from chaosbench.trajectories import FloatArray

__all__ = ["sample_lanes"]


def sample_lanes(
    system: Flow,
    placed: Iterable[tuple[FloatArray, float]],
    count: int,
    points: int,
    dt: float,
    rtol: float,
) -> tuple[FloatArray, FloatArray]:
    """Sample an ensemble side by side; no trajectory depends on another.

    Args:
        system: a flow.
        placed: initial state ``(d,)`` and time to the first sample, for each trajectory.
        count: number of trajectories, `n`.
        points: samples of each trajectory, `T`.
        dt: sampling step in time units.
        rtol: relative and absolute tolerance of the local error.

    Returns:
        Samples ``(n, T, d)`` and the times of the first samples ``(n,)``.

    Raises:
        IntegrationError: the error of the first trajectory that failed, with its index.

    """
    from chaosbench.numerics.lanes import integrate_lanes

    check_tolerance(rtol)
    starts, first = np.empty((count, system.dimension)), np.empty(count)
    for k, (start, length) in enumerate(placed):
        starts[k], first[k] = start, length
    made = integrate_lanes(
        system.lane_kernel, starts, np.zeros(count), first, points, dt, rtol, rtol, BOUND,
        MAX_STEPS,
    )  # fmt: skip
    for k in np.flatnonzero(made.status)[:1]:
        try:
            raise_status(int(made.status[k]), system, float(made.elapsed[k]))
        except IntegrationError as error:
            raise type(error)(f"trajectory {k} failed: {error}", time=error.time) from error
    return made.values, first
