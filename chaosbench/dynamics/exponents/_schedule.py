"""Into which segments an average is divided, for each kind of system."""

from __future__ import annotations

from dataclasses import dataclass

from chaosbench.dynamics.scales import Scales
from chaosbench.systems import DelaySystem, Map, StochasticSystem

__all__ = ["ITERATIONS_PER_PERIOD", "SEGMENTS_PER_PERIOD", "Schedule", "schedule_for"]

SEGMENTS_PER_PERIOD = 10
"""Of a dominant period."""

ITERATIONS_PER_PERIOD = 50
"""Of a map, whose lengths are given in periods as those of a flow are."""

NOISY_STEPS = 100
"""Most steps of a stochastic system in a segment.

A period of wandering between attractors says nothing about how fast tangent vectors grow.
"""

FEWEST_LAGS = 64
"""Segments of a delay system, each as long as its longest lag, however short the average."""


@dataclass(frozen=True)
class Schedule:
    """Segments of equal length, of which the first do not count.

    Attributes:
        segment: length in time units (iterations, for a map).
        counted: number of segments that are averaged over.
        warm: number of segments before those, in which tangent vectors turn to the directions
            that grow most.

    """

    segment: float
    counted: int
    warm: int


def schedule_for(scales: Scales, periods: float) -> Schedule:
    """Divide an average over so many dominant periods into segments."""
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
