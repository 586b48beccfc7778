"""Orbits, tangent vectors and twins of fields: the hooks of the other kinds' machinery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.errors import TrajectoryEscapedError
from chaosbench.numerics.spectral import Stepper
from chaosbench.numerics.tangent import SPREAD
from chaosbench.systems._field import FieldSystem
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from chaosbench.dynamics.orbits._orbit import Orbit

__all__ = ["field_ensemble", "field_growth", "field_twin", "run_field"]


def run_field(
    orbit: Orbit, span: float, out: FloatArray, dt: float, method: Any = Stepper
) -> tuple[int, float]:
    """Move an orbit of a field over `span`, with samples `dt` apart in `out` if it has rows.

    `method` is `Stepper`, which is ETDRK4, or another class with the same methods.
    """
    assert isinstance(orbit.system, FieldSystem)
    grid = orbit.system.discretisation
    modes = grid.to_modes(orbit.state[np.newaxis])
    stepper = _stepper(orbit, modes, grid.nonlinear, method)
    status, elapsed = 0, 0.0
    if len(out):
        out[0] = orbit.state
        for row in out[1:]:
            status, gone = stepper.advance(dt)
            elapsed += gone
            if status:
                break
            row[:] = grid.to_states(stepper.modes)[0]
        else:
            elapsed = span
    else:
        status, elapsed = stepper.advance(span)
    orbit.state[:] = grid.to_states(stepper.modes)[0]
    orbit.step, orbit.attempts = stepper.step, orbit.attempts + stepper.attempts
    return status, elapsed


def field_growth(
    orbit: Orbit, count: int, segment: float, steps: int, key: tuple[int, ...]
) -> tuple[FloatArray, int]:
    """Return the log growths ``(steps, count)`` of orthonormalised tangent vectors, and the work.

    The linearised equation takes the same ETDRK4 steps as the solution: its tangents are exactly
    those of the discrete flow. Segments in which the vectors spread by more than `SPREAD`, so that
    the contracting ones drown in the errors of the others, are divided from then on.
    """
    assert isinstance(orbit.system, FieldSystem)
    grid = orbit.system.discretisation
    tangents = np.random.default_rng(key).standard_normal((count, orbit.state.size))
    modes = grid.to_modes(np.concatenate([orbit.state[np.newaxis], tangents]))
    length = np.sqrt(grid.weights)
    stepper = _stepper(orbit, modes, grid.nonlinear_tangent)

    def orthonormalise() -> FloatArray:
        scaled = (length * stepper.modes[1:]).reshape(count, -1)
        q, r = np.linalg.qr(np.concatenate([scaled.real, scaled.imag], axis=1).T)
        real, imaginary = q.T.reshape(count, 2, *length.shape).swapaxes(0, 1)
        stepper.replace(np.concatenate([stepper.modes[:1], (real + 1j * imaginary) / length]))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.abs(np.diagonal(r))))

    orthonormalise()
    logs = np.zeros((steps, count))
    pieces = 1
    for row in logs:
        apart = 0.0
        for _ in range(pieces):
            _advance(orbit, stepper, segment / pieces)
            grown = orthonormalise()
            row += grown
            apart = max(apart, float(np.ptp(grown)))
        if not apart < SPREAD:  # the caller drops the first segments
            pieces *= 4
    _finish(orbit, stepper)
    return logs, stepper.attempts * modes.size


def field_ensemble(
    orbit: Orbit, size: int, apart: float, segment: float, steps: int, key: tuple[int, ...]
) -> tuple[FloatArray, int]:
    """Return the log growths ``(steps, size)`` of one tangent vector on each of several orbits.

    What NumPy spends on a call is shared by the orbits, which take the same steps. They begin at
    places of `orbit` that are `apart` in time, and part from it within that time.
    """
    assert isinstance(orbit.system, FieldSystem)
    grid = orbit.system.discretisation
    states = [orbit.state.copy()]
    for _ in range(size - 1):
        orbit.advance(apart)
        states.append(orbit.state.copy())
    tangents = np.random.default_rng(key).standard_normal((size, orbit.state.size))
    modes = grid.to_modes(np.concatenate([states, tangents]))
    stepper = _stepper(
        orbit, modes, lambda modes: grid.nonlinear_tangent(modes, size), leaders=size
    )
    logs = np.empty((steps, size))
    for row in logs:
        _advance(orbit, stepper, segment)
        lengths = np.array([stepper.size(tangent) for tangent in stepper.modes[size:]])
        row[:] = np.log(lengths)
        lengths = lengths.reshape(-1, *[1] * (modes.ndim - 1))
        stepper.replace(np.concatenate([stepper.modes[:size], stepper.modes[size:] / lengths]))
    return logs, stepper.attempts * modes.size


def field_twin(
    orbit: Orbit, scale: FloatArray, distance: float, segment: float, steps: int,
    key: tuple[int, ...],
) -> FloatArray:  # fmt: skip
    """Return the log growths ``(steps,)`` of the distance between two solutions, in `scale`s."""
    assert isinstance(orbit.system, FieldSystem)
    grid = orbit.system.discretisation
    apart = scale * np.random.default_rng(key).standard_normal(orbit.state.size)
    modes = grid.to_modes(np.stack([orbit.state, orbit.state + distance * apart]))
    stepper = _stepper(orbit, modes, grid.nonlinear)
    logs = np.empty(steps)
    unit = np.sqrt(np.mean(scale**2)) * distance
    for s in range(-1, steps):
        if s >= 0:
            _advance(orbit, stepper, segment)
        apart = stepper.modes[1] - stepper.modes[0]
        far = stepper.size(apart)
        if not 0.0 < far < np.inf:
            raise TrajectoryEscapedError(
                f"the twin trajectories of {orbit.system.name!r} met or parted for good",
                time=orbit.time,
            )
        if s >= 0:
            logs[s] = np.log(far / unit)
        twin = stepper.modes[0] + (unit / far) * apart
        stepper.replace(np.stack([stepper.modes[0], twin]))
    _finish(orbit, stepper)
    return logs


def _advance(orbit: Orbit, stepper: Stepper, span: float) -> None:
    from chaosbench.dynamics.orbits._orbit import raise_status

    status, gone = stepper.advance(span)
    orbit.time += gone
    raise_status(status, orbit.system, orbit.time)


def _finish(orbit: Orbit, stepper: Stepper) -> None:
    assert isinstance(orbit.system, FieldSystem)
    orbit.state[:] = orbit.system.discretisation.to_states(stepper.modes[:1])[0]
    orbit.step = stepper.step


def _stepper(orbit: Orbit, modes: Any, nonlinear: Any, method: Any = Stepper, **more: int) -> Any:
    from chaosbench.dynamics.orbits._orbit import BOUND, MAX_STEPS

    assert isinstance(orbit.system, FieldSystem)
    assert orbit.atol is not None
    grid = orbit.system.discretisation
    return method(
        grid.linear, nonlinear, modes, grid.weights, step=orbit.step, rtol=orbit.rtol,
        atol=orbit.atol, bound=BOUND, max_steps=MAX_STEPS, **more,
    )  # fmt: skip
