"""Base classes of tangent vectors, which grow along an orbit and are orthonormalised."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from chaosbench.dynamics.orbits import Orbit
from chaosbench.errors import InputError
from chaosbench.trajectories import FloatArray

__all__ = ["LoopedTangents", "Tangents", "VectorTangents", "with_basis"]


class Tangents(ABC):
    """An orbit with tangent vectors that are orthonormalised at the end of every segment.

    There is one subclass per way in which tangent vectors grow.

    Attributes:
        orbit: the orbit on which they start; it moves with them.
        count: number of tangent vectors.
        segment: length of a segment in time units (iterations, for a map).
        work: attempted steps times the number of equations, so far.

    """

    def __init__(self, orbit: Orbit, count: int, segment: float) -> None:
        self.orbit = orbit
        self.count = count
        self.segment = segment
        self.work = 0

    @abstractmethod
    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of each vector's growth in each segment ``(segments, count)``."""


class LoopedTangents(Tangents):
    """Tangent vectors whose segments are long enough for a loop in Python."""

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of each vector's growth in each segment ``(segments, count)``."""
        logs = np.zeros((segments, self.count))
        for row in logs:
            self._grow(row)
        return logs

    @abstractmethod
    def _grow(self, logs: FloatArray) -> None:
        """Move on by one segment and write the logarithms of the growth ``(count,)``."""


class VectorTangents(LoopedTangents):
    """Tangent vectors that are integrated as one system with the state, segment by segment.

    Attributes:
        y: the state, then the tangent vectors row by row ``(d + d·count,)``.

    """

    def __init__(self, orbit: Orbit, count: int, segment: float, seed: int) -> None:
        super().__init__(orbit, count, segment)
        self.y = with_basis(orbit.state, count, seed)

    def _grow(self, logs: FloatArray) -> None:
        from chaosbench.numerics.tangent import orthonormalise

        self._advance()
        orthonormalise(self.y, self.orbit.state.size, self.count, logs)

    @abstractmethod
    def _advance(self) -> None:
        """Move `y` on by one segment."""


class CompiledTangents(Tangents):
    """Tangent vectors that are integrated with the state in one compiled loop over the segments."""

    def __init__(self, orbit: Orbit, count: int, segment: float, seed: int) -> None:
        super().__init__(orbit, count, segment)
        self.y = with_basis(orbit.state, count, seed)

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of each vector's growth in each segment ``(segments, count)``.

        Raises:
            InputError: a tangent vector vanished.

        """
        logs = np.empty((segments, self.count))
        self.work += self._fill(logs) * self.y.size
        if not np.isfinite(logs).all():
            raise InputError(
                f"a tangent vector of {self.orbit.system.name!r} vanished: its Jacobian is "
                "singular on the attractor, or it slides along a surface; ask for fewer exponents "
                f"than {self.count}"
            )
        return logs

    @abstractmethod
    def _fill(self, logs: FloatArray) -> int:
        """Move `y` on and write the logarithms of all segments; return the attempted steps."""


def with_basis(state: FloatArray, count: int, seed: int) -> FloatArray:
    """Return a state ``(d,)`` followed by random orthonormal tangent vectors ``(d + d·count,)``."""
    generator = np.random.default_rng((seed, 1))
    basis, _ = np.linalg.qr(generator.standard_normal((state.size, count)))
    return np.concatenate([state, basis.ravel()])
