"""Growth along a delay system, whose tangent vectors are histories."""

from __future__ import annotations

from typing import Any

import numpy as np

from chaosbench.dynamics.exponents._tangents import LoopedTangents
from chaosbench.dynamics.exponents._twins import LoopedTwins
from chaosbench.dynamics.orbits import Orbit, StepsOrbit, raise_status
from chaosbench.errors import TrajectoryEscapedError
from chaosbench.systems import DelaySystem
from chaosbench.trajectories import FloatArray

__all__ = ["DelayTangents", "DelayTwins"]

MAX_STEPS = 10_000_000
"""Most attempted steps of one segment."""


class DelayTangents(LoopedTangents):
    """Tangent histories of a delay system; see `numerics.delay.orthonormalise_history`."""

    def __init__(self, orbit: Orbit, count: int, segment: float) -> None:
        super().__init__(orbit, count, segment)
        system = orbit.system
        assert isinstance(orbit, StepsOrbit)
        assert isinstance(system, DelaySystem)
        d = system.dimension
        # the kernel reads [u, V, delayed u, delayed V], with the tangent vectors row by row
        rows = [d + s * count + c for s in system.sources for c in range(count)]
        sources = system.sources
        self._sources = np.concatenate([sources, np.array(rows, dtype=sources.dtype)])
        self._lags = np.concatenate([system.lags, np.repeat(system.lags, count)])
        self._kernel = system.tangent_kernel(count)
        self._past: Any = _ramps(orbit, count, float(system.lags.max()))
        self._kink = orbit.time
        self._step = 0.0
        self.y = np.concatenate([orbit.state, np.ones(d * count)])

    def _grow(self, logs: FloatArray) -> None:
        from chaosbench.numerics.delay import integrate_delay, orthonormalise_history

        orbit, y = self.orbit, self.y
        status, elapsed, self._step, attempts, self._past = integrate_delay(
            self._kernel.address, orbit.time, y, self._past, self._lags, self._sources, self._kink,
            self.segment, self._step, np.empty((0, y.size)), 1.0, orbit.rtol, orbit.rtol,
            orbit.limit, MAX_STEPS,
        )  # fmt: skip
        orbit.time += elapsed
        self.work += attempts * y.size
        raise_status(status, orbit.system, orbit.time, orbit.limit, MAX_STEPS)
        orthonormalise_history(
            y, self._past, orbit.time - self.segment, orbit.state.size, self.count, logs
        )

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of each vector's growth in each segment ``(segments, count)``.

        Raises:
            TrajectoryEscapedError: the tangent histories became non-finite.

        """
        logs = super().follow(segments)
        if not np.isfinite(logs).all():
            raise TrajectoryEscapedError(
                f"the tangent histories of {self.orbit.system.name!r} became non-finite",
                time=self.orbit.time,
            )
        return logs


def _ramps(orbit: StepsOrbit, count: int, longest: float) -> tuple[Any, Any, FloatArray]:
    """Return an orbit's past with independent tangent histories, which are cosines of time."""
    starts, widths, pieces = orbit.past
    d = orbit.state.size
    wide = np.zeros((len(starts), 8, d * (count + 1)))
    wide[:, :, :d] = pieces
    for n, (start, width) in enumerate(zip(starts, widths, strict=True)):
        for c in range(count):
            left, right = (
                np.cos(c * np.pi * (x - orbit.time) / longest) for x in (start, start + width)
            )
            for i in range(d):
                wide[n, 0, d + i * count + c] = left
                wide[n, 1, d + i * count + c] = right - left
    return starts, widths, wide


class DelayTwins(LoopedTwins):
    """Twin histories, integrated as one system; the whole past of the second is pulled back."""

    def __init__(self, orbit: Orbit, spread: FloatArray, distance: float, segment: float) -> None:
        super().__init__(distance, segment)
        system = orbit.system
        assert isinstance(orbit, StepsOrbit)
        assert isinstance(system, DelaySystem)
        d = system.dimension
        self.orbit, self.spread = orbit, spread
        self._kernel = system.pair_kernel
        self._lags = np.tile(system.lags, 2)
        self._sources = np.concatenate([system.sources, system.sources + d])
        starts, widths, pieces = orbit.past
        twins = np.concatenate([pieces, pieces], axis=2)
        twins[:, 0, d:] += distance * spread
        self._past: Any = (starts, widths, twins)
        self._kink = orbit.time
        self._step = 0.0
        self.y = np.concatenate([orbit.state, orbit.state + distance * spread])

    def _advance(self) -> None:
        from chaosbench.numerics.delay import integrate_delay

        orbit, y = self.orbit, self.y
        status, elapsed, self._step, _, self._past = integrate_delay(
            self._kernel.address, orbit.time, y, self._past, self._lags, self._sources, self._kink,
            self.segment, self._step, np.empty((0, y.size)), 1.0, orbit.rtol, orbit.rtol,
            orbit.limit, MAX_STEPS,
        )  # fmt: skip
        orbit.time += elapsed
        raise_status(status, orbit.system, orbit.time, orbit.limit, MAX_STEPS)

    def _apart(self) -> float:
        pieces, d = self._past[2], self.orbit.state.size
        offset = (pieces[:, 0, d:] - pieces[:, 0, :d]) / self.spread
        return float(np.sqrt(np.mean(np.sum(offset**2, axis=1))))

    def _pull_back(self, factor: float) -> None:
        pieces, y, d = self._past[2], self.y, self.orbit.state.size
        pieces[:, :, d:] = pieces[:, :, :d] + factor * (pieces[:, :, d:] - pieces[:, :, :d])
        y[d:] = y[:d] + factor * (y[d:] - y[:d])
