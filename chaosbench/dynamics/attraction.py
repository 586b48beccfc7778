"""Basins of attraction: on which attractor each initial state of a grid ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.attractor import settling_time
from chaosbench.dynamics.orbits import BOUND, MAX_STEPS
from chaosbench.dynamics.scales import scales_of
from chaosbench.errors import InputError, ParameterError, check_integer
from chaosbench.systems import Flow, Map, System, get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["Basins", "basins"]

SAMPLES_PER_PERIOD = 20
"""Samples of the end of each orbit."""

MOST_STATES = 1_000_000
"""Most initial states of a grid."""

LONGEST = 1e5
"""Longest settling time and longest end, in periods (iterations)."""

MOST_SAMPLES = 10**8
"""Most numbers that the ends of all orbits hold."""

MOST_CELLS = 200_000
"""Most cells that the ends of all orbits may visit."""


@dataclass(frozen=True)
class Basins:
    """Where the initial states of a grid end.

    Attributes:
        system: name of the system.
        variables: names of the variables that differ over the grid.
        axes: their values, one array each.
        labels: number of the attractor that each initial state reaches, with one axis for each
            variable; -1 for those that escape. Attractor 0 has the largest basin.
        attractors: states ``(K, d)`` of the end of one orbit on each attractor.

    """

    system: str
    variables: tuple[str, ...]
    axes: tuple[FloatArray, ...]
    labels: NDArray[np.int64]
    attractors: tuple[FloatArray, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the initial states that each attractor attracts."""
        return tuple(float((self.labels == k).mean()) for k in range(len(self.attractors)))

    @property
    def escaped(self) -> float:
        """Share of the initial states that escape."""
        return float((self.labels < 0).mean())


def basins(
    system: str | System,
    grid: Mapping[str, tuple[float, float, int]],
    *,
    settling: float | None = None,
    periods: int = 20,
    cells: int = 100,
    rtol: float = 1e-8,
) -> Basins:
    """Find on which attractor each initial state of a grid ends, by recurrence.

    Each orbit settles, and its end is sampled. The box around all ends is cut into cells, `cells`
    to a side [datseris2022]. Two orbits are on the same attractor if their ends visit the same cell
    or adjacent ones, directly or through other orbits. So attractors nearer than two cells are not
    told apart, and an end must be long enough to come back near to where others were. Chaos that
    ends later than the settling time counts as an attractor.

    Args:
        system: name or System; a map, or a flow without switches.
        grid: for each variable that differs: lowest and highest value, and their number. The
            other variables have the values of the initial state.
        settling: time units (iterations) before the end; by default as for `simulate`.
        periods: length of the end in periods; 100 times as many iterations for a map.
        cells: to a side.
        rtol: tolerance of the integration.

    Raises:
        InputError: another kind of system, or a grid that names no variable.
        ParameterError: a setting is out of range.

    """
    system = get(system)
    smooth = isinstance(system, Flow) and system.switches is None
    if not (isinstance(system, Map) or smooth):
        kind = "has switches" if isinstance(system, Flow) else f"is a {system.kind} system"
        raise InputError(f"basins are found for maps and smooth flows; {system.name!r} {kind}")
    check_integer("periods", periods, 1)
    check_integer("cells", cells, 2)
    axes = _axes(system, grid)
    names = tuple(grid)
    shape = tuple(map(len, axes))
    starts = np.tile(np.array(system.ic), (int(np.prod(shape)), 1))
    mesh = np.meshgrid(*axes, indexing="ij")
    for name, values in zip(names, mesh, strict=True):
        starts[:, system.variables.index(name)] = values.ravel()
    scales = scales_of(system)
    length = settling_time(scales) if settling is None else settling
    longest = LONGEST * scales.period
    if not 0 <= length <= longest:
        raise ParameterError(
            f"settling must be a time between 0 and {longest:.6g}, not {settling!r}"
        )
    samples = periods * (100 if system.discrete else SAMPLES_PER_PERIOD)
    if samples * starts.size > MOST_SAMPLES:
        raise ParameterError(
            f"{len(starts):,} ends of {samples:,} samples do not fit into memory; ask for fewer "
            "initial states or periods"
        )
    if isinstance(system, Map):
        ends = _iterate(system, starts, round(length), samples)
    else:
        assert isinstance(system, Flow)
        ends = _integrate(system, starts, length, samples, scales.period, rtol)
    labels, members = _grouped(ends, cells)
    return Basins(system.name, names, axes, labels.reshape(shape), tuple(ends[k] for k in members))


def _axes(system: System, grid: Mapping[str, tuple[float, float, int]]) -> tuple[FloatArray, ...]:
    axes, total = [], 1
    for name, (low, high, count) in grid.items():
        if name not in system.variables:
            known = ", ".join(system.variables[:9])
            raise InputError(f"{system.name!r} has no variable {name!r}, only {known}")
        check_integer(f"the number of values of {name}", count, 1)
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise ParameterError(f"the range of {name} must be finite and in order")
        axes.append(np.linspace(low, high, count))
        total *= count
    if not axes or total > MOST_STATES:
        raise ParameterError(
            f"a grid needs between 1 and {MOST_STATES:,} initial states, not {total if axes else 0}"
        )
    return tuple(axes)


def _iterate(system: Map, starts: FloatArray, settling: int, points: int) -> FloatArray:
    """Return the ends ``(n, points, d)`` of orbits of a map; NaN for those that escape."""
    u = starts.copy()
    out = np.full((len(u), points, u.shape[1]), np.nan)
    alive = np.arange(len(u))
    for step in range(settling + points):
        if step >= settling:
            out[alive, step - settling] = u
        with np.errstate(all="ignore"):
            u = system.rhs(float(step), u)
            inside = (np.abs(u) < BOUND).all(axis=1)
        if not inside.all():
            out[alive[~inside]] = np.nan
            u, alive = u[inside], alive[inside]
        if len(alive) == 0:
            break
    return out


def _integrate(
    flow: Flow, starts: FloatArray, settling: float, points: int, period: float, rtol: float
) -> FloatArray:
    """Return the ends ``(n, T, d)`` of orbits of a flow; NaN for those that escape."""
    from chaosbench.numerics.lanes import integrate_lanes

    count = len(starts)
    made = integrate_lanes(
        flow.lane_kernel, starts, np.zeros(count), np.full(count, settling), points,
        period / SAMPLES_PER_PERIOD, rtol, rtol, BOUND, MAX_STEPS,
    )  # fmt: skip
    ends = np.array(made.values)
    ends[np.asarray(made.status) != 0] = np.nan
    return ends


def _grouped(ends: FloatArray, cells: int) -> tuple[NDArray[np.int64], Sequence[int]]:
    """Return the group of each orbit ``(n,)``, and one member of each group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    labels = np.full(len(ends), -1, dtype=np.int64)
    alive = np.flatnonzero(np.isfinite(ends).all(axis=(1, 2)))
    if len(alive) == 0:
        return labels, []
    tails = ends[alive]
    low, high = tails.min(axis=(0, 1)), tails.max(axis=(0, 1))
    side = np.where(high > low, (high - low) / cells, 1.0)
    place = np.floor((tails - low) / side).astype(np.int64)
    visited, cell = np.unique(place.reshape(-1, place.shape[-1]), axis=0, return_inverse=True)
    if len(visited) > MOST_CELLS:
        raise ParameterError(
            f"the ends of the orbits visit {len(visited):,} cells; ask for fewer cells to a side"
        )
    pairs = cKDTree(visited).query_pairs(1.5, p=np.inf, output_type="ndarray")
    owner = np.repeat(np.arange(len(alive)), place.shape[1])
    first = np.concatenate([owner, len(alive) + pairs[:, 0]])
    second = np.concatenate([len(alive) + cell.ravel(), len(alive) + pairs[:, 1]])
    total = len(alive) + len(visited)
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(total, total))
    _, group = connected_components(graph, directed=False)
    found, member, number = np.unique(group[: len(alive)], return_index=True, return_inverse=True)
    order = np.argsort(-np.bincount(number, minlength=len(found)), kind="stable")
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = np.arange(len(found))
    labels[alive] = rank[number]
    return labels, [int(alive[member[k]]) for k in order]
