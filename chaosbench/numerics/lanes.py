"""Ensembles of trajectories on SIMD lanes, by Taylor's method with a step size for each lane.

The order follows from the tolerance and the step size from the last two coefficients
[jorba2005]. Unlike the plain method, a step is judged before it counts: at its end the slope of
the polynomial must be that of the equation. That costs nothing, as the next step needs the slope,
and it notices kinks and jumps, which the coefficients before them do not show.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from chaosbench.compile import make_engine
from chaosbench.expressions import Expr
from chaosbench.numerics._lanes_step import SLOTS, march_ir
from chaosbench.numerics._series import Series
from chaosbench.trajectories import FloatArray

__all__ = ["Ensemble", "LaneKernel", "order_for"]

_STATUS, _ACTIVE, _OUT = (SLOTS.index(name) for name in ("status", "active", "out"))


def lanes_of_this_machine() -> int:
    """Return how many numbers the machine's widest register holds."""
    return 8 if llvm.get_host_cpu_features().get("avx512f") else 4


def order_for(rtol: float) -> int:
    """Return the order of the series at which a tolerance costs least.

    With work in proportion to the order squared, half the logarithm would be the best
    [jorba2005]; what a step costs besides, its samples above all, favours a few terms more.
    """
    return math.ceil(1.0 - 0.65 * math.log(rtol))


class LaneKernel:
    """Machine code that steps one system on all lanes; see `march_ir`.

    Attributes:
        dimension: number of state variables `d`.
        lanes: number of trajectories side by side.
        width: series kept for each order.

    """

    def __init__(
        self, outputs: Sequence[Expr], inputs: Sequence[Expr], lanes: int | None = None
    ) -> None:
        series = Series(outputs, inputs)
        self.lanes = lanes or lanes_of_this_machine()
        self.dimension = series.dimension
        self.width = len(series.rows)
        # vectors and loops are written as they should be: passes would double the time it takes
        # to compile and gain 3% of the run
        self._engine = make_engine(march_ir(series, self.lanes), optimise=False)
        pointer, real, integer = ctypes.c_void_p, ctypes.c_double, ctypes.c_int64
        self.march = ctypes.CFUNCTYPE(
            None, pointer, pointer, integer, real, real, real, integer, real, real
        )(self._engine.get_function_address("march"))


@dataclass
class Ensemble:
    """Trajectories as they came out of the lanes.

    Attributes:
        values: ``(n, T, d)``; what a failed trajectory did not reach is arbitrary.
        status: ``(n,)`` as the scalar integrator's.
        elapsed: ``(n,)`` time units from each start to its end.
        attempts: ``(n,)`` steps tried.

    """

    values: FloatArray
    status: Any
    elapsed: FloatArray
    attempts: Any


def integrate_lanes(
    kernel: LaneKernel,
    starts: FloatArray,
    origin: FloatArray,
    first: FloatArray,
    points: int,
    dt: float,
    rtol: float,
    atol: float,
    bound: float,
    max_steps: int,
    order: int | None = None,
) -> Ensemble:
    """Integrate an ensemble; a lane whose trajectory has ended takes the next one.

    Args:
        kernel: of the system.
        starts: ``(n, d)`` initial states.
        origin: ``(n,)`` absolute times of the starts.
        first: ``(n,)`` time units from each start to its first sample.
        points: samples of each trajectory.
        dt: time units between samples.
        rtol, atol: tolerances on the local error of each variable.
        bound: a state beyond it in magnitude has escaped.
        max_steps: budget of step attempts of each trajectory.
        order: of the series; by default what suits `rtol`.

    """
    n, d = starts.shape
    lanes = kernel.lanes
    order = order or order_for(rtol)
    slots = _aligned(len(SLOTS) + 2 * d, lanes)
    old = slots[len(SLOTS) : len(SLOTS) + d]
    coefficients = _aligned((order + 1) * kernel.width, lanes)
    made = Ensemble(
        np.empty((n, points, d)), np.zeros(n, dtype=np.int64), np.zeros(n),
        np.zeros(n, dtype=np.int64),
    )  # fmt: skip
    ends = first + (points - 1) * dt
    stride = points * d * 8
    base = made.values.ctypes.data
    addresses = slots.view(np.int64)
    owner = np.full(lanes, -1)
    at = {name: slots[k] for k, name in enumerate(SLOTS)}
    old[:] = starts[0][:, None]  # idle lanes need a state where the equation is defined

    def load(lane: int, k: int) -> None:
        slots[: len(SLOTS), lane] = 0.0
        old[:, lane] = starts[k]
        at["origin"][lane], at["first"][lane], at["end"][lane] = origin[k], first[k], ends[k]
        at["limit"][lane], at["active"][lane] = np.inf, 1.0
        addresses[_OUT, lane] = base + k * stride
        owner[lane] = k

    queued = min(n, lanes)
    for lane in range(queued):
        load(lane, lane)
    running = queued
    arguments = (
        slots.ctypes.data, coefficients.ctypes.data, order, rtol, atol, dt, points, bound,
        float(max_steps),
    )  # fmt: skip
    while running:
        kernel.march(*arguments)
        for lane in np.flatnonzero(slots[_STATUS]).tolist():
            k = int(owner[lane])
            made.status[k] = int(slots[_STATUS, lane]) - 1
            made.elapsed[k] = at["elapsed"][lane]
            made.attempts[k] = at["attempts"][lane]
            if queued < n:
                load(lane, queued)
                queued += 1
            else:
                slots[_STATUS, lane] = slots[_ACTIVE, lane] = 0.0
                running -= 1
    return made


def _aligned(vectors: int, lanes: int) -> FloatArray:
    """Return zeros ``(vectors, lanes)`` at an address that whole registers are loaded from."""
    raw = np.zeros(vectors * lanes + 8)
    skip = -raw.ctypes.data % 64 // 8
    return raw[skip : skip + vectors * lanes].reshape(vectors, lanes)
