"""The suite `core`: 32 systems chosen by a rule.

The ranked systems of each kind are points in the space of their standardised invariants. The kind
gets a quota of medoids: the systems for which the sum of the distances from every system to its
nearest medoid is smallest. The systems of `lite` are medoids from the beginning. The others are
found by partitioning around medoids: they are added one by one, each time the one that lowers the
sum most, and then exchanged as long as an exchange lowers it. Nothing is drawn, so the rule needs
no seed.

The invariants are stored as they were when the list was made (``core.json``), so that the list
stays when constants are measured again more exactly. ``benchmarks/core.py`` measures them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib import resources

import numpy as np

from chaosbench.datasets import observables_of
from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants
from chaosbench.errors import InputError
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

__all__ = ["CORE", "LITE", "QUOTAS", "choose", "invariants", "measured_invariants"]

LITE = (
    "lorenz", "rossler", "thomas", "chua", "lorenz96", "duffing", "henon", "mackey_glass",
)  # fmt: skip
"""Systems of the suite `lite`."""

QUOTAS = {"flow": 21, "map": 6, "delay": 3, "field": 2}
"""Systems of each kind in `core`."""

CORE: tuple[str, ...] = (
    *LITE,
    "aizawa", "arneodo", "baker", "circle", "coupled_map_lattice", "forced_van_der_pol",
    "fput_chain", "gingerbreadman", "hyper_rossler", "ikeda_delay", "interior_squirmer",
    "kuramoto_sivashinsky", "nikolaevskiy", "pullen_edmonds", "qi", "rate_network",
    "rikitake_dynamo", "sprott_a", "sprott_delay", "sprott_e", "sprott_j", "sprott_l",
    "thermostat_0532", "zeraoulia_sprott",
)  # fmt: skip
"""The result of `choose`, which a test compares."""

SEGMENTS, SEGMENT = 16, 512
"""Segments of the series behind the spectral flatness, and samples of each."""

SAMPLES_PER_PERIOD = 20
"""Samples a period there; a map is sampled at every iteration."""


def measured_invariants() -> dict[str, dict[str, float | str]]:
    """Return the stored invariants by system, with its kind."""
    text = resources.files("chaosbench.tasks").joinpath("core.json").read_text("utf-8")
    found: dict[str, dict[str, float | str]] = json.loads(text)
    return found


def invariants(system: System) -> dict[str, float | str]:
    """Measure the invariants of one system that has constants.

    ``growth`` is log10 of λ₁ times the period, ``entropy`` that of the sum of the positive
    exponents times the period, ``dimension`` and ``kaplan_yorke`` are log2 of the numbers of
    variables and of dimensions of the attractor (of variables, where the latter is unknown),
    ``flatness`` is log10 of the spectral flatness, ``stiffness`` is log10 of 1 plus the stiffness,
    and ``divergence`` is asinh of the mean divergence times the period. What a kind does not have
    is 0.
    """
    known = constants(system)
    positive = sum(value for value in known.lyapunov_exponents if value > 0)
    return {
        "kind": system.kind,
        "growth": round(math.log10(known.lyapunov_exponents[0] * known.period), 4),
        "entropy": round(math.log10(positive * known.period), 4),
        "dimension": round(math.log2(system.dimension), 4),
        "kaplan_yorke": round(math.log2(known.kaplan_yorke_dimension or system.dimension), 4),
        "flatness": round(math.log10(_flatness(system, known.period)), 4),
        "stiffness": round(math.log10(1.0 + (known.stiffness or 0.0)), 4),
        "divergence": round(math.asinh((known.mean_divergence or 0.0) * known.period), 4),
    }


def _flatness(system: System, period: float) -> float:
    """Return the mean spectral flatness of what is seen of a system.

    It is the geometric mean of a power spectrum divided by its arithmetic mean: 1 for white noise,
    near 0 for a periodic signal.
    """
    step = 1.0 if system.discrete else period / SAMPLES_PER_PERIOD
    made = simulate(system, points=SEGMENTS * SEGMENT, dt=step, rtol=1e-9, seed=0, certify=False)
    seen = observables_of(system).of(made.values[0]).reshape(SEGMENTS, SEGMENT, -1)
    window = np.hanning(SEGMENT)[None, :, None]
    spectrum = np.abs(np.fft.rfft((seen - seen.mean(axis=(0, 1))) * window, axis=1)) ** 2
    power = spectrum.mean(axis=0)[1:]
    power = power[:, power.max(axis=0) > 0]
    power = np.maximum(power, 1e-12 * power.max(axis=0))
    return float(np.mean(np.exp(np.log(power).mean(axis=0)) / power.mean(axis=0)))


def choose(table: Mapping[str, Mapping[str, float | str]]) -> tuple[str, ...]:
    """Choose the systems of `core` from the invariants of all: those of `lite`, then the others.

    Args:
        table: what `invariants` returns, by system.

    Raises:
        InputError: a kind has fewer systems than its quota.

    """
    chosen: list[str] = []
    for kind, quota in QUOTAS.items():
        names = sorted(name for name, row in table.items() if row["kind"] == kind)
        if len(names) < quota:
            raise InputError(f"{quota} systems of the kind {kind} are wanted of {len(names)}")
        fixed = [names.index(name) for name in LITE if name in names]
        columns = [key for key in table[names[0]] if key != "kind"]
        points = np.array([[float(table[name][key]) for key in columns] for name in names])
        chosen += [names[k] for k in _medoids(points, quota, fixed)]
    return (*LITE, *sorted(set(chosen) - set(LITE)))


def _medoids(points: FloatArray, count: int, fixed: list[int]) -> list[int]:
    """Return the medoids ``(count,)`` of points ``(n, p)``, `fixed` among them."""
    spread = points.std(axis=0)
    scaled = (points - points.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    distance = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    medoids = list(fixed)
    while len(medoids) < count:
        near = distance[:, medoids].min(axis=1) if medoids else np.full(len(points), np.inf)
        costs = np.minimum(near[:, None], distance).sum(axis=0)
        costs[medoids] = np.inf
        medoids.append(int(costs.argmin()))
    cost = distance[:, medoids].min(axis=1).sum()
    while True:
        best, exchange = cost, None
        for place in range(len(fixed), count):
            others = medoids[:place] + medoids[place + 1 :]
            near = distance[:, others].min(axis=1) if others else np.full(len(points), np.inf)
            costs = np.minimum(near[:, None], distance).sum(axis=0)
            costs[medoids] = np.inf
            found = int(costs.argmin())
            if costs[found] < best - 1e-12:
                best, exchange = float(costs[found]), (place, found)
        if exchange is None:
            return medoids
        medoids[exchange[0]], cost = exchange[1], best
