"""Poincaré sections: where an orbit crosses a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.scales import scales_of
from chaosbench.errors import InputError, ParameterError, check_integer
from chaosbench.systems import Flow, System, get
from chaosbench.trajectories import real_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["Section", "section"]

Direction = Literal["up", "down", "both"]

FINENESS = 100
"""Samples per period between which crossings are looked for."""

MOST_POINTS = 1_000_000
"""Most crossings."""

CHUNK = 200
"""Periods that are sampled at a time."""

MOST_PERIODS = 1_000
"""Periods without a crossing after which there is none."""

SUBSTEPS = 16
"""Steps of the Runge–Kutta method from the sample before a crossing to the crossing."""

CLOSE = 1e-12
"""Distance from the plane, relative to its offset and the size of the state, that is reached."""

POLISH = 5
"""Most steps along the plane's own coordinate that end on the plane."""


@dataclass(frozen=True)
class Section:
    """The crossings of an orbit through a plane ``normal · u = offset``.

    Attributes:
        system: name of the system.
        variables: names of its variables.
        normal: of the plane, ``(d,)``.
        offset: of the plane.
        points: states on the plane, ``(n, d)``, in temporal order.
        times: when they are crossed, ``(n,)``.

    """

    system: str
    variables: tuple[str, ...]
    normal: FloatArray
    offset: float
    points: FloatArray
    times: FloatArray


def section(
    system: str | System,
    normal: ArrayLike,
    offset: float,
    *,
    direction: str = "up",
    points: int = 1000,
    transient: float | None = None,
    rtol: float = 1e-10,
    seed: int = 0,
) -> Section:
    """Return the crossings of an orbit on the attractor through a plane.

    Crossings are found between samples, 100 per period, and each is integrated again from the
    sample before it. The last step takes the plane's own coordinate ``g = normal · u`` as the
    independent variable, ``du/dg = f / (normal · f)``, and so ends on the plane to rounding
    [henon1982].
    A pair of crossings between two samples is not seen.

    Args:
        system: name or System; a flow without switches and resets.
        normal: of the plane, ``(d,)``.
        offset: of the plane.
        direction: ``up`` for crossings with growing ``normal · u``, ``down`` or ``both``.
        points: number of crossings.
        transient: time units dropped first; see `simulate`.
        rtol: tolerance of the integration.
        seed: chooses the orbit on the attractor.

    Raises:
        InputError: the system is no flow, or has switches; the orbit does not cross the plane.
        ParameterError: a setting is invalid.

    """
    flow = get(system)
    if not isinstance(flow, Flow) or flow.switches is not None:
        kind = "has switches" if isinstance(flow, Flow) else f"is a {flow.kind} system"
        raise InputError(f"a Poincaré section takes smooth flows; {flow.name!r} {kind}")
    across = real_array(normal, what="normal")
    if across.shape != (flow.dimension,) or not np.isfinite(across).all() or not across.any():
        raise ParameterError(
            f"normal must hold {flow.dimension} finite numbers that are not all 0, not {normal!r}"
        )
    if not np.isfinite(offset):
        raise ParameterError(f"offset must be finite, not {offset!r}")
    if direction not in get_args(Direction):
        raise ParameterError(f"direction must be up, down or both, not {direction!r}")
    check_integer("points", points, 1)
    if points > MOST_POINTS:
        raise ParameterError(f"points must be at most {MOST_POINTS:,}, not {points}")
    scales = scales_of(flow)
    orbit = attractor_orbit(scales, key=(seed, 0), rtol=rtol, transient=transient)
    dt = scales.period / FINENESS
    states: list[FloatArray] = []
    times: list[FloatArray] = []
    count, idle = 0, 0
    while count < points:
        start = orbit.time
        samples = orbit.sample(CHUNK * FINENESS + 1, dt)
        height = samples @ across - offset
        up, down = (height[:-1] < 0) & (height[1:] >= 0), (height[:-1] >= 0) & (height[1:] < 0)
        crossed = np.flatnonzero({"up": up, "down": down, "both": up | down}[direction])
        idle = 0 if len(crossed) else idle + CHUNK
        if idle >= MOST_PERIODS:
            raise InputError(
                f"the orbit of {flow.name!r} does not cross the plane in {idle} periods; it lies "
                f"between {height.min() + offset:.4g} and {height.max() + offset:.4g} along its "
                "normal"
            )
        if len(crossed):
            place, when = _on_plane(
                flow, samples[crossed], np.asarray(start + dt * crossed, dtype=np.float64), dt,
                height[crossed], height[crossed + 1], across, offset,
            )  # fmt: skip
            states.append(place)
            times.append(when)
            count += len(crossed)
    return Section(
        flow.name, flow.variables, across, float(offset),
        np.concatenate(states)[:points], np.concatenate(times)[:points],
    )  # fmt: skip


def _on_plane(
    flow: Flow, states: FloatArray, times: FloatArray, dt: float, before: FloatArray,
    after: FloatArray, across: FloatArray, offset: float,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Integrate from the samples ``(n, d)`` before crossings to the plane."""
    step = dt * before / (before - after) / SUBSTEPS
    u, t = states.copy(), times.copy()

    def field(u: FloatArray, t: FloatArray) -> FloatArray:
        return flow.rhs(t, u)

    for _ in range(SUBSTEPS):
        u, t = _step(field, u, t, step), t + step
    size = max(1.0, abs(offset), float(np.abs(states @ across).max()))
    for _ in range(POLISH):
        left = offset - u @ across
        if np.abs(left).max() <= CLOSE * size:
            break
        # time is one more variable, and the plane's coordinate the independent one
        whole = np.column_stack([u, t])

        def sideways(v: FloatArray, _: FloatArray) -> FloatArray:
            f = flow.rhs(v[:, -1], v[:, :-1])
            speed = (f @ across)[:, np.newaxis]
            return np.column_stack([f, np.ones(len(v))]) / speed

        whole = _step(sideways, whole, t, left)
        u, t = whole[:, :-1], whole[:, -1]
    return u, t


def _step(field: object, u: FloatArray, t: FloatArray, step: FloatArray) -> FloatArray:
    """Make one step of the classical Runge–Kutta method, each state with its own step."""
    h = step[:, np.newaxis]
    assert callable(field)
    a = field(u, t)
    b = field(u + h / 2 * a, t + step / 2)
    c = field(u + h / 2 * b, t + step / 2)
    d = field(u + h * c, t + step)
    return np.asarray(u + h / 6 * (a + 2 * b + 2 * c + d))
