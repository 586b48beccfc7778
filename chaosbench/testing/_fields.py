"""Code for the conformance checks of fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from chaosbench.systems import FieldSystem
from chaosbench.systems.discretisation import symbol
from chaosbench.systems.polynomials import coordinates
from chaosbench.trajectories import FloatArray

__all__ = ["central_differences", "low_passed", "plain_rhs"]


class GridField(np.ndarray[Any, Any]):
    """Values of a field on the grid that can be differentiated, without dealiasing."""

    lengths: tuple[float, ...] = ()

    def __array_finalize__(self, source: Any) -> None:
        self.lengths = getattr(source, "lengths", ())

    def operate(self, op: str, *order: int) -> GridField:
        """Apply one of the operators of `chaosbench.systems.field`."""
        axes = [
            (2 * np.pi / length * np.fft.fftfreq(n, 1 / n)).reshape(
                [-1 if a == axis else 1 for a in range(self.ndim)]
            )
            for axis, (n, length) in enumerate(zip(self.shape, self.lengths, strict=True))
        ]
        multiplier = symbol(op, order[0] if order else 1, axes)
        return grid_field(np.fft.ifftn(multiplier * np.fft.fftn(self)).real, self.lengths)


def grid_field(values: FloatArray, lengths: tuple[float, ...]) -> GridField:
    """Return `values` on the grid in a form that the operators accept."""
    made = np.array(values).view(GridField)
    made.lengths = lengths
    return made


def plain_rhs(system: FieldSystem, state: FloatArray) -> FloatArray:
    """Call the definition as a plain function of grid values, at one state ``(d,)``."""
    lengths, points = system.lengths, system.points
    values = state.reshape(len(system.components), *points)
    given = {
        name: grid_field(v, lengths) for name, v in zip(system.components, values, strict=True)
    }
    grid = coordinates(points, lengths)
    given |= {
        name: grid_field(v, lengths) for name, v in zip(system.coordinates, grid, strict=True)
    }
    raw = system.function(*(given[str(entry)] for entry in system.layout), **system.parameters)
    fields = raw if isinstance(raw, tuple) else (raw,)
    return np.concatenate([np.broadcast_to(f, points).ravel() for f in fields])


def low_passed(system: FieldSystem, state: FloatArray) -> FloatArray:
    """Return the state without the waves whose products the discretisation would cut off."""
    values = state.reshape(len(system.components), *system.points)
    axes = tuple(range(1, values.ndim))
    spectrum = np.fft.fftn(values, axes=axes)
    for axis, (n, kept) in enumerate(zip(system.points, system.discretisation.kept, strict=True)):
        cut = np.abs(np.fft.fftfreq(n, 1 / n)) <= kept // 3
        spectrum *= cut.reshape([-1 if a == axis + 1 else 1 for a in range(values.ndim)])
    return np.fft.ifftn(spectrum, axes=axes).real.ravel()


def central_differences(
    system: FieldSystem, states: FloatArray, directions: FloatArray
) -> FloatArray:
    """Return the derivatives of the right-hand side along `directions` by central differences."""
    step = 1e-4  # for a cubic, the error is about 1e-8 of the third derivative
    ahead = system.rhs(0.0, states + step * directions)
    return (ahead - system.rhs(0.0, states - step * directions)) / (2 * step)
