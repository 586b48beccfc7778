"""The units in which a system is integrated: every variable by its own magnitude.

The integrators take a variable of size 1 for granted: their absolute tolerance equals the relative
one, and what is larger than 1e9 has escaped. A system that was measured is integrated in the units
of its definition, in which that was found to hold. Any other is integrated in its own units, which
are powers of two, so that no digit is lost: its accuracy does not depend on whether lengths are
given in metres or in nanometres.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.dynamics.orbits import BOUND
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import ParameterError
from chaosbench.systems import FieldSystem, Flow, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["check_length", "far_from_one", "magnitudes", "own_units"]

FAR = 1024.0
"""Ratio to 1 beyond which a magnitude is far from 1."""

PILOT_RTOL = 1e-6
"""Tolerance of the short integration that looks for the magnitudes of a flow."""

PILOT_STEPS = tuple(round(4 * 1.3**k) for k in range(18))
"""Attempted steps after which that integration is looked at."""

GROWTH = 8.0
"""Times its start that a variable may grow while its size is looked for."""

PILOT_ITERATIONS = 400
"""The same for a map."""


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
        units = _powers_of_two(magnitudes(system))
    else:
        # the largest powers of two with which the absolute tolerance is kept
        units = 2.0 ** np.floor(np.log2(_checked(atol, system) / rtol))
    if (units == 1.0).all():
        return scales, none
    return scales.in_units(units), units


def far_from_one(system: System) -> bool:
    """Say whether a variable is so large or so small that its units matter."""
    if isinstance(system, FieldSystem):
        return False
    sizes = np.array(magnitudes(system))
    return bool(((sizes > FAR) | (sizes < 1.0 / FAR)).any())


@lru_cache(maxsize=1024)
def magnitudes(system: System) -> tuple[float, ...]:
    """Return a size for each variable ``(d,)``, from the first part of the orbit.

    It is the largest value before a variable outgrows its start `GROWTH` times: what decays or
    oscillates keeps the size that it has, and what grows is not held to the size that it may
    reach, or its start would be lost in the tolerance. What starts smaller than 1 and outgrows
    that, such as an orbit from near a fixed point to an attractor, has a size of at most 1. At
    least that has what is driven and starts at zero: who knows what the driving will do to it.
    """
    ic = np.abs(system.ic)
    start = np.where(ic > 0.0, ic, ic.max() if ic.max() > 0.0 else 1.0)
    units = _powers_of_two(start)
    if not isinstance(system, (Flow, Map)):
        return tuple(start.tolist())
    states = np.abs(_pilot(system.in_units(units.tolist())))
    states = states[np.isfinite(states).all(axis=1)] * units
    moving = ic > 0.0
    grown = (states[:, moving] > GROWTH * ic[moving]).any(axis=1)
    before = states[: max(1, int(np.argmax(grown)))] if grown.any() else states
    soon = before.max(axis=0) if moving.any() else np.zeros(ic.size)
    sizes = np.maximum(soon, np.minimum(states.max(axis=0), 1.0))
    unknown = (sizes == 0.0) | ((ic == 0.0) & system.driven & (sizes < start))
    return tuple(np.where(unknown, start, sizes).tolist())


def _pilot(system: Flow | Map) -> FloatArray:
    """Return some states ``(n, d)`` from the initial one on; the last may not be finite."""
    y = np.array(system.ic)
    if isinstance(system, Map):
        from chaosbench.numerics.maps import iterate

        out = np.full((PILOT_ITERATIONS, y.size), np.nan)
        iterate(system.kernel.address, 0.0, y, len(out) - 1, out, BOUND)
        return out
    from chaosbench.numerics.stability import on_the_edge

    states = [y]
    for steps in PILOT_STEPS:  # each time from the start, so that steps grow undisturbed
        state = y.copy()
        on_the_edge(system.kernel.address, 0.0, state, steps, PILOT_RTOL, PILOT_RTOL, steps)
        states.append(state)
        if not np.abs(state).max() < BOUND:
            break
    return np.stack(states)


def _powers_of_two(sizes: Sequence[float] | FloatArray) -> FloatArray:
    exponents = np.clip(np.round(np.log2(sizes)), -1000.0, 1000.0)
    return np.asarray(2.0**exponents, dtype=np.float64)


def _checked(atol: ArrayLike, system: System) -> FloatArray:
    try:
        given = np.asarray(atol, dtype=np.float64)
    except (TypeError, ValueError):
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
    if value is not None and not (isinstance(value, Real) and 0.0 < value < np.inf):
        raise ParameterError(f"{name} must be positive and finite, not {value!r}")
