"""Growth along a field: tangent vectors and twins take the steps of the solution."""

from __future__ import annotations

from typing import Any

import numpy as np

from chaosbench.dynamics.exponents._tangents import LoopedTangents
from chaosbench.dynamics.exponents._twins import LoopedTwins
from chaosbench.dynamics.orbits import FieldOrbit, Orbit, raise_status, stepper_for
from chaosbench.errors import TrajectoryEscapedError
from chaosbench.trajectories import FloatArray

__all__ = ["FieldEnsemble", "FieldTangents", "FieldTwins"]


class FieldTangents(LoopedTangents):
    """Tangent vectors of a field.

    The linearised equation takes the same ETDRK4 steps as the solution, so its tangent vectors are
    exactly those of the discrete flow. Once the vectors spread so far within a segment that the
    contracting ones are lost in the errors of the others, later segments are divided.
    """

    def __init__(self, orbit: Orbit, count: int, segment: float, seed: int) -> None:
        super().__init__(orbit, count, segment)
        self._grid = _field(orbit).grid
        tangents = np.random.default_rng((seed, 1)).standard_normal((count, orbit.state.size))
        modes = self._grid.to_modes(np.concatenate([orbit.state[np.newaxis], tangents]))
        self._length = np.sqrt(self._grid.weights)
        self._size = modes.size
        self._pieces = 1
        self._stepper = stepper_for(_field(orbit), modes, self._grid.nonlinear_tangent)
        self._orthonormalise()

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of each vector's growth in each segment ``(segments, count)``."""
        logs = super().follow(segments)
        self.work = self._stepper.attempts * self._size
        return logs

    def _grow(self, logs: FloatArray) -> None:
        from chaosbench.numerics.tangent import SPREAD

        apart = 0.0
        for _ in range(self._pieces):
            _advance(self.orbit, self._stepper, self.segment / self._pieces)
            grown = self._orthonormalise()
            logs += grown
            apart = max(apart, float(np.ptp(grown)))
        if not apart < SPREAD:  # the caller drops the first segments
            self._pieces *= 4

    def _orthonormalise(self) -> FloatArray:
        stepper, length = self._stepper, self._length
        scaled = (length * stepper.modes[1:]).reshape(self.count, -1)
        q, r = np.linalg.qr(np.concatenate([scaled.real, scaled.imag], axis=1).T)
        real, imaginary = q.T.reshape(self.count, 2, *length.shape).swapaxes(0, 1)
        stepper.replace(np.concatenate([stepper.modes[:1], (real + 1j * imaginary) / length]))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(np.diagonal(r))))


class FieldEnsemble(LoopedTangents):
    """One tangent vector on each of `count` orbits of a field, which take the same steps.

    The orbits share the overhead of NumPy calls. They start from states of `orbit` that are `apart`
    time units from each other, and separate from it within that time.
    """

    def __init__(self, orbit: Orbit, count: int, segment: float, seed: int, apart: float) -> None:
        super().__init__(orbit, count, segment)
        grid = _field(orbit).grid
        states = [orbit.state.copy()]
        for _ in range(count - 1):
            orbit.advance(apart)
            states.append(orbit.state.copy())
        tangents = np.random.default_rng((seed, 1)).standard_normal((count, orbit.state.size))
        modes = grid.to_modes(np.concatenate([states, tangents]))
        self._size, self._axes = modes.size, [1] * (modes.ndim - 1)
        self._stepper = stepper_for(
            _field(orbit), modes, lambda modes: grid.nonlinear_tangent(modes, count), leaders=count
        )

    def follow(self, segments: int) -> FloatArray:
        """Return the logarithm of each vector's growth in each segment ``(segments, count)``."""
        logs = super().follow(segments)
        self.work = self._stepper.attempts * self._size
        return logs

    def _grow(self, logs: FloatArray) -> None:
        _advance(self.orbit, self._stepper, self.segment)
        leaders, tangents = np.split(self._stepper.modes, 2)
        lengths = np.array([self._stepper.size(tangent) for tangent in tangents])
        logs[:] = np.log(lengths)
        lengths = lengths.reshape(-1, *self._axes)
        self._stepper.replace(np.concatenate([leaders, tangents / lengths]))


class FieldTwins(LoopedTwins):
    """Two solutions of a field that take the same steps."""

    def __init__(
        self, orbit: Orbit, spread: FloatArray, distance: float, segment: float, seed: int
    ) -> None:
        super().__init__(distance, segment)
        self.orbit = orbit
        grid = _field(orbit).grid
        apart = spread * np.random.default_rng((seed, 3)).standard_normal(orbit.state.size)
        modes = grid.to_modes(np.stack([orbit.state, orbit.state + distance * apart]))
        self._stepper = stepper_for(_field(orbit), modes, grid.nonlinear)
        self._unit = np.sqrt(np.mean(spread**2))
        self._pull_back(distance / self._apart())

    def _advance(self) -> None:
        _advance(self.orbit, self._stepper, self.segment)

    def _apart(self) -> float:
        far = self._stepper.size(self._stepper.modes[1] - self._stepper.modes[0])
        if not 0.0 < far < np.inf:
            raise TrajectoryEscapedError(
                f"the twin trajectories of {self.orbit.system.name!r} met or became non-finite",
                time=self.orbit.time,
            )
        return float(far / self._unit)

    def _pull_back(self, factor: float) -> None:
        first, second = self._stepper.modes
        self._stepper.replace(np.stack([first, first + factor * (second - first)]))


def _field(orbit: Orbit) -> FieldOrbit:
    assert isinstance(orbit, FieldOrbit)
    return orbit


def _advance(orbit: Orbit, stepper: Any, span: float) -> None:
    status, gone = stepper.advance(span)
    orbit.time += gone
    raise_status(status, orbit.system, orbit.time)
