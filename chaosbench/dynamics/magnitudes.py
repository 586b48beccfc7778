"""How large the variables of a system are that was not measured, from the start of its orbit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from chaosbench.dynamics.orbits import BOUND
from chaosbench.systems import Flow, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["magnitudes", "powers_of_two"]

PILOT_RTOL = 1e-6
"""Tolerance of the short integration that looks for the magnitudes of a flow."""

PILOT_STEPS = tuple(round(4 * 1.3**k) for k in range(18))
"""Attempted steps after which that integration is looked at."""

GROWTH = 8.0
"""Times its start that a variable may grow while its size is looked for."""

PILOT_ITERATIONS = 400
"""The same for a map."""


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
    units = powers_of_two(start)
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


def powers_of_two(sizes: Sequence[float] | FloatArray) -> FloatArray:
    """Return the powers of two nearest to sizes, in which no digit is lost."""
    exponents = np.clip(np.round(np.log2(sizes)), -1000.0, 1000.0)
    return np.asarray(2.0**exponents, dtype=np.float64)
