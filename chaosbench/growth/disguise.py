"""The same dynamics in other variables and another unit of time, so that it cannot be looked up.

Level 0 only renames. Level 1 permutes, flips, scales and shifts the variables and changes the unit
of time. Level 2 also mixes the variables by a random matrix of condition at most 10.

With ``old = A new + b`` the disguised flow is ``new' = c B f(A new + b)``, where `B` is the inverse
of `A`, and one new unit of time is `c` old ones. Every coefficient has six or eight digits, so that
the last bits of another machine's arithmetic do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.stored import Constants
from chaosbench.errors import ParameterError
from chaosbench.systems import System
from chaosbench.systems.written import system_of
from chaosbench.trajectories import FloatArray

__all__ = ["LEVELS", "disguised"]

LEVELS = (0, 1, 2)

CONDITION = 10.0
"""Largest condition of the matrix of level 2."""

LEAST_SPREAD, MOST_SPREAD = 0.4, 2.5
"""Standard deviations of the new variables."""

LARGEST_SHIFT = 2.0
"""Means of the new variables, in standard deviations."""

SHORTEST, LONGEST = 0.5, 20.0
"""Periods in the new unit of time."""

DIGITS, INVERSE_DIGITS = 6, 8
SAMPLES = 2**14
"""Samples from which the spread of mixed variables is measured."""


@dataclass(frozen=True, eq=False)
class _Change:
    """``old = A new + b`` and old units of time in a new one; `B` is the inverse of `A`."""

    matrix: FloatArray
    inverse: FloatArray
    shift: FloatArray
    unit: float


def disguised(
    content: Mapping[str, Any], known: Constants, level: int, seed: Sequence[int], name: str
) -> tuple[dict[str, Any], Constants]:
    """Return a system in disguise, as plain data, and its constants.

    Args:
        content: the system; see `systems.written`.
        known: what was measured of it.
        level: 0, 1 or 2.
        seed: of everything that is random.
        name: of the disguised system.

    Raises:
        ParameterError: there is no such level.

    """
    if level not in LEVELS:
        raise ParameterError(f"a level of disguise is 0, 1 or 2, not {level!r}")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(seed))))
    change = _change(known, level, rng, discrete=content["kind"] == "map")
    made = _changed(content, change, name)
    system = system_of(made)
    made["initial"] = [
        _short(v, DIGITS) for v in change.inverse @ (np.array(content["initial"]) - change.shift)
    ]
    return made, _constants(
        known, change, system_of(made), exact=level < 2 or system.dimension == 1
    )


def _change(known: Constants, level: int, rng: np.random.Generator, *, discrete: bool) -> _Change:
    d = len(known.std)
    if level == 0:
        return _Change(np.eye(d), np.eye(d), np.zeros(d), 1.0)

    def between(low: float, high: float, *shape: int) -> FloatArray:
        return np.exp(math.log(low) + math.log(high / low) * rng.random(shape))

    order = rng.permutation(d)
    sizes = between(LEAST_SPREAD, MOST_SPREAD, d)
    signs = np.where(rng.random(d) < 0.5, -1.0, 1.0)
    # old variable i is new variable order[i] in another scale
    matrix = np.zeros((d, d))
    matrix[np.arange(d), order] = signs / sizes
    if level == 2 and d > 1:
        spread = between(1.0 / math.sqrt(CONDITION), math.sqrt(CONDITION), d)
        matrix = (
            _rotation(d, rng) @ np.diag(spread / np.exp(np.log(spread).mean())) @ _rotation(d, rng)
        )
    matrix = _rounded(np.array(known.std)[:, np.newaxis] * matrix, DIGITS)
    inverse = _rounded(_inverse(matrix), INVERSE_DIGITS)
    means = LARGEST_SHIFT * (2.0 * rng.random(d) - 1.0)
    shift = _rounded(np.array(known.mean) - matrix @ means, DIGITS)
    period = float(between(SHORTEST, LONGEST))
    unit = 1.0 if discrete else _short(known.period / period, DIGITS)
    return _Change(matrix, inverse, shift, unit)


def _rotation(d: int, rng: np.random.Generator) -> FloatArray:
    """Return a random rotation, a product of one in every plane of two axes."""
    turned = np.eye(d)
    for i in range(d):
        for j in range(i + 1, d):
            angle = 2.0 * math.pi * float(rng.random())
            c, s = math.cos(angle), math.sin(angle)
            turned[:, [i, j]] = turned[:, [i, j]] @ np.array([[c, -s], [s, c]])
    return turned


def _inverse(matrix: FloatArray) -> FloatArray:
    """Invert in rational numbers, so that the result is the same on every machine."""
    d = len(matrix)
    rows = [
        [Fraction(v) for v in row] + [Fraction(int(i == j)) for j in range(d)]
        for i, row in enumerate(matrix.tolist())
    ]
    for k in range(d):
        pivot = max(range(k, d), key=lambda i: abs(rows[i][k]))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for i in range(d):
            if i != k:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return np.array([[float(v) for v in row[d:]] for row in rows])


def _changed(content: Mapping[str, Any], change: _Change, name: str) -> dict[str, Any]:
    """Write the operations of the disguised system around those of the old one."""
    old, d = content["variables"], len(content["variables"])
    discrete = content["kind"] == "map"
    nodes: list[list[Any]] = []

    def node(op: str, *arguments: Any) -> str:
        nodes.append([op, *arguments])
        return f"#{len(nodes) - 1}"

    def combination(row: FloatArray, values: Sequence[Any], shift: float) -> Any:
        total: Any = None
        for weight, value in zip(row.tolist(), values, strict=True):
            if weight == 0.0:
                continue
            term = value if weight == 1.0 else node("mul", weight, value)
            total = term if total is None else node("add", total, term)
        if total is None or shift == 0.0:
            return shift if total is None else total
        return node("add", total, shift)

    new = [f"x{i}" for i in range(d)]
    places: dict[str, Any] = {
        variable: combination(change.matrix[i], new, float(change.shift[i]))
        for i, variable in enumerate(old)
    }
    parameters = {f"p{k}": value for k, value in enumerate(content["parameters"].values())}
    places |= dict(zip(content["parameters"], parameters, strict=True))
    delays = []
    for delayed, variable, lag in content.get("delays", ()):
        i = old.index(variable)
        if d > 1:
            raise ParameterError("a delay system of several variables cannot be disguised")
        place = places[lag]
        # the old lag stays where it is part of the equation
        places[lag] = parameters[place]
        parameters[place] = _short(parameters[place] / change.unit, DIGITS)
        delays.append([f"x{i}_{place}", f"x{i}", place])
        places[delayed] = combination(change.matrix[i], [f"x{i}_{place}"], float(change.shift[i]))
    before = len(nodes)

    def moved(argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        return f"#{before + int(argument[1:])}" if argument[0] == "#" else places[argument]

    for op, *arguments in content["nodes"]:
        nodes.append([op, *(moved(a) for a in arguments)])
    results = [moved(a) for a in content["results"]]
    if discrete:
        results = [
            value if shift == 0.0 else node("sub", value, shift)
            for value, shift in zip(results, change.shift.tolist(), strict=True)
        ]
    made = {
        **content,
        "name": name,
        "description": "",
        "variables": new,
        "parameters": parameters,
        "nodes": nodes,
        "results": [
            combination(change.unit * row if not discrete else row, results, 0.0)
            for row in change.inverse
        ],
        "initial": [0.0] * d,
    }
    made.pop("fingerprint", None)
    made.pop("equation", None)
    if delays:
        made["delays"] = delays
    return made


def _constants(known: Constants, change: _Change, system: System, *, exact: bool) -> Constants:
    """Return the constants in the new variables; the spread of mixed ones is measured."""
    c = change.unit
    mean = change.inverse @ (np.array(known.mean) - change.shift)
    std = np.abs(change.inverse) @ np.array(known.std)
    flow = not system.discrete

    def rate(value: float | None) -> float | None:
        return None if value is None else _short(value * c if flow else value, DIGITS)

    made = replace(
        known,
        system=system.name,
        fingerprint=system.fingerprint,
        period=_short(known.period / c, DIGITS),
        lyapunov_exponents=tuple(_short(v * c, DIGITS) for v in known.lyapunov_exponents),
        lyapunov_stderr=tuple(_short(v * c, DIGITS) for v in known.lyapunov_stderr),
        largest_twin=_short(known.largest_twin * c, DIGITS),
        largest_twin_stderr=_short(known.largest_twin_stderr * c, DIGITS),
        mean=tuple(_short(v, DIGITS) for v in mean),
        std=tuple(_short(v, DIGITS) for v in std),
        mean_divergence=rate(known.mean_divergence),
        mean_divergence_stderr=rate(known.mean_divergence_stderr),
    )
    if exact:
        return made
    step = 1.0 if system.discrete else made.period / 16
    orbit = attractor_orbit(Scales(system, made), key=(0, 4), rtol=1e-8)
    samples = orbit.sample(SAMPLES, step)
    return replace(
        made,
        mean=tuple(_short(v, DIGITS) for v in samples.mean(axis=0)),
        std=tuple(_short(v, DIGITS) for v in samples.std(axis=0)),
    )


def _short(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _rounded(values: FloatArray, digits: int) -> FloatArray:
    flat = [_short(v, digits) for v in values.ravel().tolist()]
    return np.array(flat).reshape(values.shape)
