"""How an average is divided into segments, for each kind of system."""

from __future__ import annotations

from dataclasses import dataclass

from chaosbench.dynamics.scales import Scales
from chaosbench.systems import DelaySystem, Map, StochasticSystem

__all__ = ["ITERATIONS_PER_PERIOD", "SEGMENTS_PER_PERIOD", "Schedule", "schedule_for"]

SEGMENTS_PER_PERIOD = 10
"""Segments per dominant period."""

ITERATIONS_PER_PERIOD = 50
"""Iterations of a map that count as one period, so that maps and flows share one unit."""

NOISY_STEPS = 100
"""Most steps of a stochastic system in a segment.

A system that wanders between attractors has a period unrelated to the growth of tangent vectors.
"""

FEWEST_LAGS = 64
"""Fewest segments of a delay system; each is as long as its longest lag."""


@dataclass(frozen=True)
class Schedule:
    """Segments of equal length; the first ones do not count.

    Attributes:
        segment: length in time units (iterations, for a map).
        counted: number of segments that are averaged over.
        warm: number of segments before them, in which tangent vectors turn to the directions of
            fastest growth.

    """

    segment: float
    counted: int
    warm: int


def schedule_for(scales: Scales, periods: float) -> Schedule:
    """Divide an average over `periods` dominant periods into segments."""
    match scales.system:
        case Map():
            counted = round(ITERATIONS_PER_PERIOD * periods)
            return Schedule(1.0, counted, max(100, counted // 10))
        case DelaySystem() as system:
            longest = float(system.lags.max())
            counted = max(round(periods * scales.period / longest), FEWEST_LAGS)
            return Schedule(longest, counted, max(20, counted // 10))
        case StochasticSystem() as system:
            segment = min(scales.period / SEGMENTS_PER_PERIOD, NOISY_STEPS * system.step)
            counted = round(periods * scales.period / segment)
            return Schedule(segment, counted, max(100, counted // 10))
        case _:
            counted = round(periods * SEGMENTS_PER_PERIOD)
            segment = scales.period / SEGMENTS_PER_PERIOD
            return Schedule(segment, counted, max(100, counted // 10))
