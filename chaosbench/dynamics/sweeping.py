"""A parameter swept: the bifurcation diagram and the exponents along it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.attractor import settle
from chaosbench.dynamics.lyapunov import lyapunov_spectrum
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.errors import (
    ChaosbenchError,
    InputError,
    IntegrationError,
    ParameterError,
    check_integer,
)
from chaosbench.systems import Flow, Map, System, get
from chaosbench.trajectories import real_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.dynamics.orbits import Orbit
    from chaosbench.trajectories import FloatArray

__all__ = ["Sweep", "sweep"]

SETTLING = 100.0
"""Periods (a map's iterations are multiplied by ten) dropped at each value of the parameter."""

FINENESS = 100
"""Samples per period among which maxima are looked for."""

AT_REST = 1e-6
"""Range of a variable, relative to its size, below which it counts as at rest."""


MOST_POINTS = 100_000
"""Most iterates, or periods of a flow, at each value."""

MOST_PERIODS = 1e6
"""Most periods that are dropped or averaged over at each value."""


@dataclass(frozen=True)
class Sweep:
    """What a system does at each value of a parameter.

    Attributes:
        system: name of the system.
        parameter: name of the parameter.
        variable: name of the variable in the diagram.
        values: of the parameter, ``(P,)``.
        diagram: for each value, what the variable visits: the iterates of a map, the local maxima
            of a flow, or the one value at which it rests; empty if the orbit escaped.
        exponents: Lyapunov exponents per time unit, ``(P, N)``; NaN where they are not known.
        stderr: their standard errors.
        trouble: for each value, why there is no orbit or no exponent; empty where there is.

    """

    system: str
    parameter: str
    variable: str
    values: FloatArray
    diagram: tuple[FloatArray, ...]
    exponents: FloatArray
    stderr: FloatArray
    trouble: tuple[str, ...]


def sweep(
    system: str | System,
    parameter: str,
    values: ArrayLike,
    *,
    exponents: int = 0,
    variable: str | None = None,
    points: int = 100,
    periods: float = 200.0,
    settling: float = SETTLING,
    rtol: float = 1e-9,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Sweep:
    """Follow the attractor of a map or a flow while a parameter changes.

    At each value the orbit starts from where it was at the value before (continuation), so a sweep
    in the other direction shows hysteresis. After an escape it starts again from the initial state
    of the system.

    Args:
        system: name or System; a map, or a flow.
        parameter: name of the parameter.
        values: of the parameter, ``(P,)``, in the order in which they are visited.
        exponents: number of Lyapunov exponents to measure at each value.
        variable: variable of the diagram; the first one by default.
        points: iterates of a map, or periods in which the maxima of a flow are looked for.
        periods: dominant periods to average the exponents over; see `lyapunov_spectrum`.
        settling: periods dropped at each value; for a map, ten times as many iterations.
        rtol: tolerance of the integration.
        seed: seed of the exponents.
        progress: is called with the number of values that are done, of all, and the present one.

    Raises:
        InputError: the system is neither a map nor a flow, or has no such variable.
        ParameterError: the parameter or a setting does not exist or is out of range.

    """
    base = get(system)
    if not isinstance(base, (Map, Flow)):
        raise InputError(f"a sweep takes maps and flows; {base.name!r} is a {base.kind} system")
    swept = real_array(values, what="values")
    if swept.ndim != 1 or len(swept) == 0 or not np.isfinite(swept).all():
        raise ParameterError("values must be a list of finite numbers, with one at least")
    base.with_params(**{parameter: float(swept[0])})  # refuses an unknown name
    check_integer("points", points, 1)
    check_integer("exponents", exponents, 0)
    if exponents > base.dimension:
        raise ParameterError(f"{base.name!r} has {base.dimension} exponents, not {exponents}")
    if points > MOST_POINTS:
        raise ParameterError(f"points must be at most {MOST_POINTS:,}, not {points}")
    for what, length in (("settling", settling), ("periods", periods)):
        if not 0 <= length <= MOST_PERIODS:
            raise ParameterError(
                f"{what} must lie between 0 and {MOST_PERIODS:,.0f} periods, not {length!r}"
            )
    names = base.variables
    variable = names[0] if variable is None else variable
    if variable not in names:
        raise InputError(f"{base.name!r} has no variable {variable!r}, only {', '.join(names)}")
    column = names.index(variable)
    diagram, trouble = [], []
    found = np.full((2, len(swept), exponents), np.nan)
    period = scales_of(base).period
    state = np.array(base.ic)
    size = np.abs(state)
    for k, value in enumerate(swept):
        if progress is not None:
            progress(k, len(swept), f"{parameter} = {value:.6g}")
        now = base.with_params(**{parameter: float(value)})
        visited, words = np.empty(0), ""
        try:
            orbit = _settled(now, state, period, settling, rtol)
            visited = _visited(orbit, column, points, period)
            state = orbit.state.copy()
        except IntegrationError as error:
            words, state = str(error), np.array(base.ic)
        if exponents and not words:
            size = np.maximum(size, np.abs(state))
            start = _of_usual_size(state, size)
            try:
                measured = lyapunov_spectrum(
                    now.with_ic(start), periods=periods, count=exponents, rtol=rtol, seed=seed,
                    transient=10 * settling if base.discrete else settling * period,
                    scales=Scales(now.with_ic(start), given_period=period),
                )  # fmt: skip
                found[:, k] = measured.values, measured.stderr
            except ChaosbenchError as error:  # a superstable cycle has none that is finite
                words = str(error)
        diagram.append(visited)
        trouble.append(words)
    if progress is not None:
        progress(len(swept), len(swept), "")
    return Sweep(
        base.name, parameter, variable, swept, tuple(diagram), found[0], found[1], tuple(trouble)
    )


def _of_usual_size(state: FloatArray, size: FloatArray) -> FloatArray:
    """Return a state near by, no variable of which is tiny.

    The units of an orbit are the sizes of its initial state, and a variable may rest at 0.
    """
    least = 1e-3 * np.maximum(size, 1e-3 * max(float(size.max()), 1e-3))
    return np.where(np.abs(state) < least, np.where(state < 0, -least, least), state)


def _settled(
    system: System, start: FloatArray, period: float, settling: float, rtol: float
) -> Orbit:
    # a fixed point that has become unstable holds an orbit that rests on it
    nudged = start + 1e-6 * np.maximum(np.abs(start), 1.0)
    length = 10 * settling if system.discrete else settling * period
    scales = Scales(system.with_ic(start), given_period=period)
    return settle(scales, nudged, length, rtol=rtol, integrator="", key=(0,))


def _visited(orbit: Orbit, column: int, points: int, period: float) -> FloatArray:
    """Return iterates ``(points,)`` of a map, or the local maxima of a flow."""
    if orbit.system.discrete:
        return orbit.sample(points, 1.0)[:, column]
    x = orbit.sample(points * FINENESS + 1, period / FINENESS)[:, column]
    if np.ptp(x) <= AT_REST * max(1.0, float(np.abs(x).max())):
        return x[-1:]
    before, here, after = x[:-2], x[1:-1], x[2:]
    top = (here > before) & (here >= after)
    a, b, c = before[top], here[top], after[top]
    return np.asarray(b + (c - a) ** 2 / (8 * (2 * b - a - c)))  # of a parabola through the three
