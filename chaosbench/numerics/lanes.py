"""Ensembles of trajectories on SIMD lanes, by Taylor's method with a step size for each lane.

The order follows from the tolerance, and the step size from the last two coefficients
[jorba2005]. Unlike in the plain method, each step is checked before it is accepted: at its end the
slope of the polynomial must agree with the equation. The check costs nothing, because the next step
needs the slope anyway, and it detects kinks and jumps, which earlier coefficients do not show.
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
    """Return how many doubles the machine's widest register holds."""
    return 8 if llvm.get_host_cpu_features().get("avx512f") else 4


def order_for(rtol: float) -> int:
    """Return the order of the series at which a tolerance costs least.

    If the work were proportional to the square of the order, the factor 0.5 of the logarithm would
    be optimal [jorba2005]. The other costs of a step, mainly its samples, favour a few more terms.
    """
    return math.ceil(1.0 - 0.65 * math.log(rtol))


class LaneKernel:
    """Machine code that steps one system on all lanes; see `march_ir`.

    Attributes:
        dimension: number of state variables `d`.
        lanes: number of trajectories that are integrated in parallel.
        width: number of coefficients kept for each order.

    """

    def __init__(
        self, outputs: Sequence[Expr], inputs: Sequence[Expr], lanes: int | None = None
    ) -> None:
        series = Series(outputs, inputs)
        self.lanes = lanes or lanes_of_this_machine()
        self.dimension = series.dimension
        self.width = len(series.rows)
        # the code is written with its final vectors and loops: optimisation passes would double
        # the compile time and make the run 3% faster
        self._engine = make_engine(march_ir(series, self.lanes), optimise=False)
        pointer, real, integer = ctypes.c_void_p, ctypes.c_double, ctypes.c_int64
        self.march = ctypes.CFUNCTYPE(
            None, pointer, pointer, integer, real, real, real, integer, real, real
        )(self._engine.get_function_address("march"))


@dataclass
class Ensemble:
    """Trajectories and how their integration ended.

    Attributes:
        values: ``(n, T, d)``; samples that a failed trajectory did not reach are arbitrary.
        status: ``(n,)``, with the values of the scalar integrator.
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
        kernel: the system's machine code.
        starts: ``(n, d)`` initial states.
        origin: ``(n,)`` absolute times of the starts.
        first: ``(n,)`` time units from each start to its first sample.
        points: samples of each trajectory.
        dt: time units between samples.
        rtol, atol: tolerances on the local error of each variable.
        bound: a state with a component beyond it in magnitude has escaped.
        max_steps: budget of step attempts for each trajectory.
        order: order of the series; by default ``order_for(rtol)``.

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
    old[:] = starts[0][:, None]  # idle lanes need a state at which the equation is defined

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
    """Return zeros ``(vectors, lanes)``, aligned to 64 bytes as whole registers require."""
    raw = np.zeros(vectors * lanes + 8)
    skip = -raw.ctypes.data % 64 // 8
    return raw[skip : skip + vectors * lanes].reshape(vectors, lanes)
