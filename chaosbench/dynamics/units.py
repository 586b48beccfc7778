"""The units in which a system is integrated: every variable by its own magnitude.

The integrators take a variable of size 1 for granted: their absolute tolerance equals the relative
one, and what is larger than 1e9 has escaped. A system that was measured is integrated in the units
of its definition, in which that was found to hold. Any other is integrated in its own units, which
are powers of two, so that no digit is lost: its accuracy does not depend on whether lengths are
given in metres or in nanometres.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.dynamics.magnitudes import magnitudes, powers_of_two
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import InputError, ParameterError, shown
from chaosbench.systems import FieldSystem, System
from chaosbench.trajectories import FloatArray, real_array

__all__ = ["check_length", "own_units"]


def own_units(
    scales: Scales, *, rtol: float, atol: ArrayLike | None = None
) -> tuple[Scales, FloatArray]:
    """Return a system's scales in its own units, and these units ``(d,)``.

    Args:
        scales: of the system, in the units of its definition.
        rtol: relative tolerance of the local error.
        atol: absolute tolerance, a number or one for each variable ``(d,)``; without it that of a
            variable is `rtol` times its magnitude.

    Raises:
        ParameterError: a tolerance that is not positive, or not one for each variable.

    """
    system = scales.system
    none = np.ones(system.dimension)
    if isinstance(system, FieldSystem) or (atol is None and scales.constants is not None):
        return scales, none
    if atol is None:
        units = powers_of_two(magnitudes(system))
    else:
        # the largest powers of two with which the absolute tolerance is kept
        units = 2.0 ** np.floor(np.log2(_checked(atol, system) / rtol))
    if (units == 1.0).all():
        return scales, none
    return scales.in_units(units), units


def _checked(atol: ArrayLike, system: System) -> FloatArray:
    try:
        given = real_array(atol, what="atol")
    except InputError:
        given = np.full(1, np.nan)
    right = given.shape in ((), (system.dimension,)) and not isinstance(atol, bool)
    if not (right and (given > 0.0).all() and np.isfinite(given).all()):
        raise ParameterError(
            "atol must be a positive number or one for each of the "
            f"{system.dimension} variables of {system.name!r}, not {atol!r}"
        )
    return np.broadcast_to(given, system.dimension)


def check_length(name: str, value: float | None) -> None:
    """Raise unless a setting is a positive number or left out.

    Raises:
        ParameterError: it is neither.

    """
    real = isinstance(value, Real) and not isinstance(value, bool)
    if value is not None and not (real and 0.0 < value < np.inf):
        raise ParameterError(f"{name} must be positive and finite, not {shown(value)}")
