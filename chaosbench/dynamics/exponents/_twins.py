"""The largest exponent from two nearby orbits: base classes, and the two usual ways."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from chaosbench.dynamics.orbits import (
    MAX_STEPS,
    Orbit,
    raise_status,
    switches_of,
)
from chaosbench.dynamics.scales import Scales
from chaosbench.systems import Flow
from chaosbench.trajectories import FloatArray

__all__ = ["CompiledTwins", "LoopedTwins", "OrbitTwins", "Twins", "displacement"]


class Twins(ABC):
    """Two orbits, the second pulled back to a distance from the first after every segment.

    There is one subclass per way of moving them.

    Attributes:
        distance: distance to which the second is pulled back, in units of the spread.
        segment: length of a segment in time units (iterations, for a map).

    """

    def __init__(self, distance: float, segment: float) -> None:
        self.distance = distance
        self.segment = segment

    @abstractmethod
    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of the growth of the distance in each segment ``(segments,)``."""


class LoopedTwins(Twins):
    """Twins whose segments are long enough for a loop in Python."""

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of the growth of the distance in each segment ``(segments,)``."""
        logs = np.empty(segments)
        for s in range(segments):
            self._advance()
            apart = self._apart()
            logs[s] = np.log(apart / self.distance)
            self._pull_back(self.distance / apart)
        return logs

    @abstractmethod
    def _advance(self) -> None:
        """Move both on by one segment."""

    @abstractmethod
    def _apart(self) -> float:
        """Return their distance, in units of the spread of each variable."""

    @abstractmethod
    def _pull_back(self, factor: float) -> None:
        """Multiply their difference by a factor."""


class OrbitTwins(LoopedTwins):
    """Two orbits that are integrated separately, segment by segment.

    Args:
        first, second: the orbits, `distance` apart.
        spread: of each variable ``(d,)``.
        distance, segment: see `Twins`.

    """

    def __init__(
        self, first: Orbit, second: Orbit, spread: FloatArray, distance: float, segment: float
    ) -> None:
        super().__init__(distance, segment)
        self.first, self.second, self.spread = first, second, spread

    def _advance(self) -> None:
        self.first.advance(self.segment)
        self.second.advance(self.segment)

    def _apart(self) -> float:
        return float(np.linalg.norm((self.second.state - self.first.state) / self.spread))

    def _pull_back(self, factor: float) -> None:
        offset = self.second.state - self.first.state
        self.second.state = self.first.state + offset * factor


class CompiledTwins(Twins):
    """Two orbits of a flow or a map that are integrated as one system, in a compiled loop.

    Args:
        orbit: where the first starts.
        offset: where the second starts, relative to it ``(d,)``.
        spread: of each variable ``(d,)``.
        distance, segment: see `Twins`.

    """

    def __init__(
        self, orbit: Orbit, offset: FloatArray, spread: FloatArray, distance: float, segment: float
    ) -> None:
        super().__init__(distance, segment)
        self.orbit, self.spread = orbit, spread
        self.y = np.concatenate([orbit.state, orbit.state + offset])

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of the growth of the distance in each segment ``(segments,)``."""
        from chaosbench.numerics.tangent import MOST_STEPS, twin_growth

        orbit, logs = self.orbit, np.empty(segments)
        system, d = orbit.system, orbit.state.size
        if isinstance(system, Flow) and system.switches is not None:
            return self._through_events(logs)
        status, elapsed, _ = twin_growth(
            system.pair_kernel.address, orbit.time, self.y, d, self.spread, self.distance,
            self.segment, 0.0, logs, orbit.rtol, orbit.rtol * 1e-2, orbit.limit,
            system.discrete,
        )  # fmt: skip
        raise_status(status, system, orbit.time + elapsed, orbit.limit, MOST_STEPS)
        return logs

    def _through_events(self, logs: FloatArray) -> FloatArray:
        from chaosbench.numerics.event_growth import twin_growth_events

        orbit, switches = self.orbit, switches_of(self.orbit)
        d = orbit.state.size
        modes = np.tile(switches.undecided(), (2, 1))
        status, elapsed = twin_growth_events(
            switches.addresses(0), switches.kind_array, orbit.time, self.y.reshape(2, d), modes, d,
            self.spread, self.distance, self.segment, logs, orbit.rtol, orbit.rtol * 1e-2,
            orbit.limit, MAX_STEPS,
        )  # fmt: skip
        raise_status(status, orbit.system, orbit.time + elapsed)
        return logs


def displacement(scales: Scales, distance: float, seed: int) -> FloatArray:
    """Return the start of the second orbit relative to the first ``(d,)``, `distance` away."""
    direction = np.random.default_rng((seed, 3)).standard_normal(scales.system.dimension)
    direction /= np.linalg.norm(direction)
    return distance * scales.spread * direction
