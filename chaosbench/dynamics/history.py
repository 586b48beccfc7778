"""What a delay system did before a trajectory starts: a function of time, or samples."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from chaosbench.dynamics.orbits import History
from chaosbench.errors import InputError, ParameterError
from chaosbench.systems import DelaySystem, System
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["histories", "in_units", "peak", "present"]

ACCURACY = 1e-12
"""Largest error of a history's polynomials, relative to the variable's largest value in it."""

DEPTH = 14
"""How often a history is halved until polynomials of degree 7 follow it."""

ORDER = 5
"""Degree of the spline through samples."""

Past = Callable[[FloatArray], FloatArray]


def histories(system: System, given: Any) -> list[History]:
    """Return the histories ``(n,)`` from which trajectories start at time 0.

    Args:
        system: a delay system.
        given: a function that maps a time, from minus the longest delay to 0, to the state
            ``(d,)`` (or a number); or Trajectories, whose last sample is the present and through
            whose samples a spline of degree 5 is laid, one history each.

    Raises:
        ParameterError: the system has no delays, or `given` is neither.
        InputError: a history is too short, not finite, of another dimension or not smooth, or the
            function fails.

    """
    if not isinstance(system, DelaySystem):
        raise ParameterError(f"{system.name!r} has no delays and so no history; give ic")
    longest = float(system.lags.max())
    if isinstance(given, Trajectories):
        return [_through(system, values, given.dt, longest) for values in given.values]
    if not callable(given):
        raise ParameterError(
            "history must be a function of time or Trajectories that end at the start, not a value "
            f"of type {type(given).__name__}"
        )

    def state(time: float) -> FloatArray:
        try:
            found = given(time)
        except Exception as error:
            raise InputError(
                f"the history of {system.name!r} fails at time {time:g} with "
                f"{type(error).__name__}: {error}; it must give the state at every time from "
                f"{-longest:g} to 0"
            ) from error
        return system.state(np.atleast_1d(found))

    def past(times: FloatArray) -> FloatArray:
        return np.stack([state(float(time)) for time in times])

    return [_pieces(system, past, np.array([-longest, 0.0]))]


def present(history: History) -> FloatArray:
    """Return the state ``(d,)`` in which a history ends."""
    last = history.past[2][-1]
    state: FloatArray = last[0] + last[1]
    return state


def peak(history: History) -> FloatArray:
    """Return each variable's value of largest magnitude at the ends of the pieces ``(d,)``."""
    _, _, pieces = history.past
    values = np.concatenate([pieces[:, 0], present(history)[np.newaxis]])
    largest: FloatArray = values[np.abs(values).argmax(axis=0), np.arange(values.shape[1])]
    return largest


def in_units(history: History, units: FloatArray) -> History:
    """Return a history with each variable in its own unit ``(d,)``."""
    starts, widths, pieces = history.past
    return History((starts, widths, pieces / units), history.kink)


def _through(system: System, values: FloatArray, dt: float, longest: float) -> History:
    """Lay a spline through samples ``(T, d)``, the last of which is the present."""
    from scipy.interpolate import make_interp_spline

    if values.shape[1] != system.dimension:
        raise InputError(
            f"the history has {values.shape[1]} variables, {system.name!r} has {system.dimension}"
        )
    if not np.isfinite(values).all():
        raise InputError("the history has missing or infinite values; give only known ones")
    times: FloatArray = dt * np.arange(1 - len(values), 1, dtype=np.float64)
    if len(values) <= ORDER or times[0] > -longest * (1.0 - 1e-12):
        raise InputError(
            f"the history covers {-times[0]:g} time units with {len(values)} samples; "
            f"{system.name!r} needs its longest delay, {longest:g}, and {ORDER + 1} samples"
        )
    spline = make_interp_spline(times, values, k=ORDER)
    first = max(int(np.searchsorted(times, -longest, side="right")) - 1, 0)
    return _pieces(system, spline, times[first:])


def _pieces(system: System, past: Past, ends: FloatArray) -> History:
    """Describe a past by polynomials of degree 7, as many between `ends` as it needs."""
    # Chebyshev points, and between them the points at which the polynomials are checked
    nodes, checks = (0.5 - 0.5 * np.cos(np.pi * np.arange(k, 16, 2) / 16) for k in (1, 2))
    inverse, between = np.linalg.inv(_basis(nodes)), _basis(checks)
    waiting = [(a, b, 0) for a, b in pairwise(ends)][::-1]
    everywhere = np.concatenate([a + (b - a) * nodes for a, b, _ in waiting])
    allowed = ACCURACY * np.abs(past(everywhere)).max(axis=0)
    found: list[tuple[float, float, FloatArray]] = []
    while waiting:
        begin, end, depth = waiting.pop()
        width = end - begin
        piece = inverse @ past(begin + width * nodes)
        error = np.abs(between @ piece - past(begin + width * checks)).max(axis=0)
        if (error <= allowed).all():
            found.append((begin, width, piece))
        elif depth < DEPTH:
            middle = begin + 0.5 * width
            waiting += [(middle, end, depth + 1), (begin, middle, depth + 1)]
        else:
            raise InputError(
                f"the history of {system.name!r} has a jump, a kink or very fast changes near time "
                f"{begin:g}; give one that is smooth"
            )
    starts, widths, pieces = (np.array(column) for column in zip(*found, strict=True))
    return History((starts, widths, pieces), 0.0)


def _basis(s: FloatArray) -> FloatArray:
    """Return the eight polynomials of a dense output at fractions of its step ``(k, 8)``."""
    u = 1.0 - s
    factors = [np.ones_like(s), s, u, s, u, s, u, s]
    basis: FloatArray = np.cumprod(factors, axis=0).T
    return basis
