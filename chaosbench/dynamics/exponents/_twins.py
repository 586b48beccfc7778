"""The largest exponent from two orbits that are integrated one beside the other."""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.constants import known_constants
from chaosbench.dynamics.lyapunov import batch_stderr
from chaosbench.dynamics.orbits._orbit import Orbit
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["displacement", "pulled_back"]


def displacement(system: System, distance: float, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return where a twin begins relative to the first orbit, and the sizes of the variables.

    `distance` is in standard deviations of the attractor, or in the sizes of the initial state
    where none are known; both results are ``(d,)``.
    """
    known = known_constants(system)
    scale = np.array(known.std) if known else np.maximum(1.0, np.abs(system.ic))
    direction = np.random.default_rng((seed, 3)).standard_normal(system.dimension)
    return distance * scale * direction / np.linalg.norm(direction), scale


def pulled_back(
    first: Orbit, second: Orbit, scale: FloatArray, distance: float, segment: float, steps: int
) -> tuple[float, float]:
    """Return the mean growth per unit time and its standard error.

    After each segment the second orbit is pulled back to `distance` from the first; the first
    tenth of the segments, a hundred at least, comes on top and does not count.
    """
    warm = max(100, steps // 10)
    logs = np.empty(warm + steps)
    for s in range(warm + steps):
        first.advance(segment)
        second.advance(segment)
        offset = second.state - first.state
        apart = float(np.linalg.norm(offset / scale))
        logs[s] = np.log(apart / distance)
        second.state = first.state + offset * (distance / apart)
    rates = logs[warm:, np.newaxis] / segment
    return float(rates.mean()), float(batch_stderr(rates)[0])
