"""How densely a driven system must be sampled so that no feature of the driving is stepped over.

A solution at rest lets an integrator take ever longer steps, and a pulse of the driving that falls
between its stages is never seen: neither by the step control nor by a second integrator that rests
just as well. So the right-hand side is looked at along the time ahead, at the present state. Where
it changes within a small part of that time only, that part says how long a step may be.
"""

from __future__ import annotations

import numpy as np

from chaosbench.systems import DelaySystem, System
from chaosbench.trajectories import FloatArray

__all__ = ["FEWEST_LOOKS", "longest_step", "looks_for"]

FEWEST_LOOKS = 2**12
"""At the right-hand side along the time ahead."""

MOST_LOOKS = 2**18
"""The same; what happens between them is not seen."""

LOOKS_PER_SAMPLE = 64
"""Looks between two samples that are asked for."""

CELLS = 8
"""Steps of a coarse look that are compared with the fine one."""

MISSED = 0.1
"""Share of the variation that a coarse look may miss."""

NEGLIGIBLE = 1e-6
"""Variation, relative to the largest of its variable, that need not be seen."""

LOCAL = 0.5
"""Share of the time from which on a change is no local feature: step control sees it."""

STAGES = 4.0
"""A step may be so many times as long as what its stages must not miss."""


def looks_for(samples: float, dimension: int) -> int:
    """Return how often to look at the right-hand side over the time of so many samples."""
    most = max(FEWEST_LOOKS, min(MOST_LOOKS, 2**24 // max(1, dimension)))
    return int(np.clip(LOOKS_PER_SAMPLE * samples, FEWEST_LOOKS, most))


def longest_step(system: System, state: FloatArray, time: float, span: float, looks: int) -> float:
    """Return the longest step that misses no local feature of the driving; infinity if none.

    Args:
        system: what is integrated.
        state: ``(d,)``, at which the right-hand side is looked at.
        time: where the span begins.
        span: time units ahead.
        looks: how often to look.

    """
    if not system.driven or looks < 4 * CELLS:
        return np.inf
    times = time + span * (np.arange(looks) + 0.5) / looks
    states = np.broadcast_to(state, (looks, state.size))
    past = state[system.sources] if isinstance(system, DelaySystem) else None
    slopes = system.rhs(times, states, past)
    slopes = np.where(np.isfinite(slopes), slopes, 0.0)
    height = np.ptp(slopes, axis=0)
    moving = height > 0.0
    if not moving.any():
        return np.inf
    shape = slopes[:, moving] / height[moving]
    stride = 2
    while CELLS * stride <= looks // 2:
        missed = _missed(shape, stride)
        if missed > 0.0:
            return STAGES * (stride / 2) * span / looks if missed < LOCAL else np.inf
        stride *= 2
    return np.inf


def _missed(shape: FloatArray, stride: int) -> float:
    """Return the share of the time in which looks `stride` apart miss what happens."""
    width = CELLS * stride
    count = (len(shape) - stride) // width
    near = np.abs(np.diff(shape, axis=0))
    path = np.concatenate([np.zeros((1, shape.shape[1])), np.cumsum(near, axis=0)])
    far = np.abs(shape[stride:] - shape[:-stride])[: count * width]
    # from each of the places where a coarse look may begin, over the same time
    coarse = far.reshape(count, CELLS, stride, -1).sum(axis=1)
    begin = np.arange(count)[:, np.newaxis] * width + np.arange(stride)
    fine = path[begin + width] - path[begin]
    lost = fine - coarse
    bad = ((lost > MISSED * fine) & (lost > NEGLIGIBLE)).any(axis=(1, 2))
    return float(bad.mean())
