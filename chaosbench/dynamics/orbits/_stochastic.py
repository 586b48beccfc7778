"""Stochastic systems, along the Brownian path that a key selects."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from chaosbench.dynamics.orbits._orbit import Orbit, refuse
from chaosbench.systems import StochasticSystem
from chaosbench.trajectories import FloatArray

__all__ = ["PIECES", "BrownianPath", "ItoOrbit", "RefinedOrbit"]

PIECES = 16
"""Parts into which a witness divides each step; errors of order 1.5 fall to a sixty-fourth."""


@dataclass
class BrownianPath:
    """The place of an orbit on the Brownian path that its key selects; see `numerics._brownian`.

    Equal keys give equal paths, so orbits with one key feel the same noise.
    """

    key: tuple[int, ...]
    length: float
    dimension: int
    time: float
    words: Any = field(init=False)
    clock: FloatArray = field(init=False)
    place: Any = field(init=False)
    ahead: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        seeds = np.random.SeedSequence(self.key, spawn_key=(0x0B,))
        self.words = seeds.generate_state(2, np.uint64)
        self.clock = np.array([self.time, 0.0])
        self.place = np.zeros(2, np.int64)
        self.ahead = np.zeros((self.dimension, 2))


@dataclass
class ItoOrbit(Orbit):
    """An orbit of a stochastic system by a strong Itô scheme of order 1.5.

    The system's own fixed step takes the place of a tolerance.

    Attributes:
        key: selects the Brownian path, unless the orbit starts with the memory of another.
        path: the Brownian path, and the place of the orbit on it.

    """

    integrator: ClassVar[str] = "ito-1.5"
    pieces: ClassVar[int] = 1
    """Steps into which each step of the system is divided."""

    key: tuple[int, ...] = (0,)
    path: BrownianPath = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory_at_start is not None:
            self.path = deepcopy(self.memory_at_start)
        else:
            step = self._stochastic_system.step
            self.path = BrownianPath(self.key, step, self.state.size, self.time)

    def memory(self) -> BrownianPath:
        """Return the path and the place on it."""
        return deepcopy(self.path)

    @property
    def _stochastic_system(self) -> StochasticSystem:
        if not isinstance(self.system, StochasticSystem):
            refuse(self.integrator, "stochastic systems", self.system)
        return self.system

    def _run(self, span: float, out: FloatArray, dt: float) -> tuple[int, float]:
        return self.move(self.state, 0, span, out, dt)

    def move(
        self, y: FloatArray, count: int, span: float, out: FloatArray, dt: float
    ) -> tuple[int, float]:
        """Move a state with `count` tangent vectors ``(d + d·count,)`` along the orbit's path.

        Returns the status and the elapsed time, which is not added to the orbit's own.
        """
        from chaosbench.numerics.stochastic import integrate_noise

        system, path = self._stochastic_system, self.path
        d = system.dimension
        drift = system.tangent_kernel(count) if count else system.kernel
        noise = system.noise_kernels(count)
        source = np.concatenate([np.arange(d), np.repeat(np.arange(d), count)])
        status, elapsed, steps = integrate_noise(
            drift.address, np.array([k.address if k else 0 for k in noise]), path.words,
            path.length, path.clock, path.place, path.ahead, y, span, out, dt, source, self.limit,
            self.pieces,
        )  # fmt: skip
        self.attempts += steps
        return status, elapsed


@dataclass
class RefinedOrbit(ItoOrbit):
    """An orbit of a stochastic system in a sixteenth of its step, along the same path."""

    integrator: ClassVar[str] = "ito-1.5, refined"
    pieces: ClassVar[int] = PIECES
