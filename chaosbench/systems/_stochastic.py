"""The noise of stochastic systems: its trace, its kernels, its Brownian path, its exponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr, Graph, Vector, differentiate
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from chaosbench.dynamics.orbits._orbit import Orbit
    from chaosbench.systems._system import System

__all__ = [
    "BrownianPath", "compile_noise", "integrate_stochastic", "noise_terms", "noisy_growth",
    "noisy_twin", "trace_noise",
]  # fmt: skip


def trace_noise(system: System, graph: Graph, parameters: Mapping[str, Any]) -> tuple[Expr, ...]:
    """Trace the amplitudes of the noise in a graph that holds the drift.

    Raises:
        DefinitionError: the amplitudes are not one a variable, or cannot be traced.

    """
    from chaosbench.systems._system import _flatten, accepted

    assert system.noise is not None
    state = [graph.symbol("state", i, name) for i, name in enumerate(system.variables)]
    values: dict[str, Any] = {"t": graph.symbol("time", 0, "t"), **parameters}
    position = 0
    for entry in system.layout:
        if isinstance(entry, tuple):
            vector = np.empty(entry[1], dtype=object).view(Vector)
            vector[:] = state[position : position + entry[1]]
            values[entry[0]] = vector
            position += entry[1]
        elif entry != "t":
            values[entry] = state[position]
            position += 1
    try:
        amplitudes = _flatten(system.noise(**accepted(system.noise, values)))
        made = tuple(graph.lift(value) for value in amplitudes)
    except (DefinitionError, TypeError, AttributeError) as error:
        raise DefinitionError(
            f"the noise of {system.name!r} cannot be traced: {error}; "
            "use the functions of chaosbench.expressions"
        ) from error
    if len(made) != system.dimension:
        raise DefinitionError(
            f"the noise of {system.name!r} returns {len(made)} amplitudes, expected one for each "
            f"of its {system.dimension} variables"
        )
    return made


def noise_terms(system: System) -> tuple[list[Expr], list[Expr], list[Expr], list[Expr]]:
    """Return g, L¹g = g g', L⁰g = ∂g/∂t + f g' + g² g''/2 and L¹L¹g = g (g g')', ``(d,)`` each.

    Raises:
        DefinitionError: an amplitude depends on another variable than its own, for which the
            scheme would need iterated integrals of two Brownian motions.

    """
    state = list(system.trace.inputs)
    drift = system.trace.outputs
    graph = system.trace.graph
    zero = graph.constant(0.0)
    clock = graph.symbol("time", 0, "t")
    g = list(system.noise_amplitudes)
    for name, i, row in zip(system.variables, range(len(g)), differentiate(g, state), strict=True):
        others = [system.variables[j] for j in row if j != i]
        if others:
            raise DefinitionError(
                f"the noise of {name!r} in {system.name!r} depends on {', '.join(others)}; an "
                "amplitude may depend on its own variable and on t only"
            )

    def own(terms: list[Expr]) -> list[Expr]:
        return [row.get(i, zero) for i, row in enumerate(differentiate(terms, state))]

    slope = own(g)
    bend = own(slope)
    first = [a * b for a, b in zip(g, slope, strict=True)]
    in_time = [row.get(0, zero) for row in differentiate(g, [clock])]
    along = [
        dt + f * s + 0.5 * a * a * b
        for dt, f, s, a, b in zip(in_time, drift, slope, g, bend, strict=True)
    ]
    second = [a * b for a, b in zip(g, own(first), strict=True)]
    return g, first, along, second


def compile_noise(system: System, count: int) -> tuple[Any, ...]:
    """Compile `noise_terms` with their linearisation on `count` tangent vectors."""
    from chaosbench.compile import compile_rhs, compile_tangent

    kernels: list[Any] = []
    for terms in noise_terms(system):
        if all(term.op == "const" and term.value == 0.0 for term in terms):
            kernels.append(None)
        elif count:
            kernels.append(compile_tangent(terms, system.trace.inputs, count))
        else:
            kernels.append(compile_rhs(terms, system.trace.inputs))
    return tuple(kernels)


@dataclass
class BrownianPath:
    """Where an orbit stands on the Brownian path that its key names; see `numerics._brownian`.

    Equal keys give equal paths, so orbits of one key feel the same noise.
    """

    key: tuple[int, ...]
    length: float
    dimension: int
    time: float
    words: Any = field(init=False)
    clock: FloatArray = field(init=False)
    place: Any = field(init=False)
    ahead: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        seeds = np.random.SeedSequence(self.key, spawn_key=(0x0B,))
        self.words = seeds.generate_state(2, np.uint64)
        self.clock = np.array([self.time, 0.0])
        self.place = np.zeros(2, np.int64)
        self.ahead = np.zeros((self.dimension, 2))


def integrate_stochastic(
    orbit: Orbit,
    span: float,
    out: FloatArray,
    dt: float,
    *,
    y: Any = None,
    count: int = 0,
    pieces: int = 1,
) -> tuple[int, float]:
    """Move an orbit, or its state `y` with `count` tangent vectors, along its Brownian path.

    In steps of the system's size, or in `pieces` of each.
    """
    from chaosbench.dynamics.orbits._orbit import BOUND
    from chaosbench.numerics.stochastic import integrate_noise

    system, path = orbit.system, orbit.past
    d = system.dimension
    drift = system.tangent_kernel(count) if count else system.kernel
    noise = system.noise_kernels(count)
    source = np.concatenate([np.arange(d), np.repeat(np.arange(d), count)])
    status, elapsed, steps = integrate_noise(
        drift.address, np.array([k.address if k else 0 for k in noise]), path.words, path.length,
        path.clock, path.place, path.ahead, orbit.state if y is None else y, span, out, dt,
        source, BOUND, pieces,
    )  # fmt: skip
    orbit.attempts += steps
    return status, elapsed


def _segments(system: System, periods: float) -> tuple[float, int]:
    """Return length and number of the segments that exponents are averaged over.

    A period of wandering between attractors says nothing about how fast tangents grow or shrink;
    a hundred steps do.
    """
    from chaosbench.dynamics.lyapunov import SEGMENTS_PER_PERIOD, _period

    period = _period(system)
    segment = min(period / SEGMENTS_PER_PERIOD, 100 * system.step)
    return segment, round(periods * period / segment)


def noisy_growth(
    system: System, orbit: Orbit, y: FloatArray, count: int, periods: float, rtol: float
) -> tuple[int, FloatArray, float, int]:
    """Like `_lyapunov._growth`: tangent vectors under the very noise that moves the state."""
    from chaosbench.dynamics.orbits._orbit import raise_status
    from chaosbench.numerics.tangent import orthonormalise

    del rtol  # the step is fixed
    d = system.dimension
    segment, steps = _segments(system, periods)
    warm = max(100, steps // 10)
    logs = np.empty((warm + steps, count))
    before, none = orbit.attempts, np.empty((0, y.size))
    for s in range(warm + steps):
        status, elapsed = integrate_stochastic(orbit, segment, none, segment, y=y, count=count)
        orbit.time += elapsed
        raise_status(status, system, orbit.time)
        orthonormalise(y, d, count, logs[s])
    orbit.state = y[:d].copy()
    return warm, logs, segment, (orbit.attempts - before) * y.size


def noisy_twin(system: System, periods: float, distance: float, seed: int) -> tuple[float, float]:
    """Return the largest exponent and its error from two orbits under the same noise."""
    from chaosbench.dynamics.exponents._twins import displacement, pulled_back
    from chaosbench.dynamics.orbits._orbit import Orbit
    from chaosbench.dynamics.simulate import attractor_orbit

    start = attractor_orbit(system, key=(seed, 2), rtol=1e-9)
    offset, scale = displacement(system, distance, seed)
    # both begin a path of the same key at the same time
    first = Orbit(system, start.state, start.time, key=(seed, 2, 1))
    second = Orbit(system, start.state + offset, start.time, key=(seed, 2, 1))
    return pulled_back(first, second, scale, distance, *_segments(system, periods))
