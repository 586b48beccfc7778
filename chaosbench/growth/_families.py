"""The families: from a seed and the number of a block to candidates that look chaotic."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from chaosbench.dynamics.stored import known_constants
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.growth._draws import (
    draw_cubic_flows,
    draw_jerks,
    draw_networks,
    draw_quadratic_flows,
    draw_quadratic_maps,
    draw_responses,
)
from chaosbench.growth._terms import Terms, equation_of
from chaosbench.systems import DelaySystem, Flow, Map, is_own
from chaosbench.systems import registry as systems
from chaosbench.systems.written import content_of
from chaosbench.trajectories import FloatArray

__all__ = ["FAMILIES", "GENERATOR", "Candidate", "Family", "Look", "family_named"]

GENERATOR = 1
"""Version of the generator; raised when the same seed would give other systems."""

Generator = np.random.Generator

FIRST_STEP = 0.02
"""First step of a screened flow in time units."""

WIDTH, WIDER, SHARE_WIDER = 1.2, 1.5, 0.3
"""Largest factor of a relative's parameters, of a share of them, and that share."""

LARGEST_RELATIVE = 10
"""Variables of the largest relative."""

STIFFEST_RELATIVE = 2000.0
"""Stiffness of the stiffest."""

ROUGH = frozenset({"abs", "sign", "floor", "mod", "where", "min", "max"})
"""Operations with kinks and jumps, which relatives do not have."""

RESPONSES, RESPONSES_KEPT = 16, 2
"""Responses that are tried for each driver, and kept."""


@dataclass(frozen=True)
class Candidate:
    """A candidate that looks chaotic.

    Attributes:
        number: its place in its block.
        content: the system as plain data; see `systems.written`.
        period: about its dominant period.

    """

    number: int
    content: Mapping[str, Any]
    period: float


@dataclass(frozen=True)
class Look:
    """What a block of candidates came to."""

    drawn: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Family:
    """A family of systems.

    Attributes:
        name: such as ``quadratic-flow-3``.
        code: number that enters the seeds.
        description: one sentence.
        look: draws and screens a block; takes a generator.
        newborn: whether its systems exist nowhere before.

    """

    name: str
    code: int
    description: str
    look: Callable[[Generator], Look]
    newborn: bool = True

    def block(self, seed: int, number: int) -> Look:
        """Return the candidates of one block; the same seed and number give the same ones."""
        words = np.random.SeedSequence([seed, GENERATOR, self.code, number])
        return self.look(np.random.Generator(np.random.PCG64(words)))


def _screened(draw: Callable[..., Terms], size: int, kind: str, rng: Generator) -> Look:
    return _kept(draw(rng, size), kind, size)


def _kept(terms: Terms, kind: str, drawn: int) -> Look:
    """Screen candidates and return the chaotic ones as plain data."""
    from chaosbench.numerics.screening import CHAOTIC, screen_flows, screen_maps

    d, count = terms.dimension, len(terms.starts)
    found = np.zeros((count, 3 + 2 * d))
    arrays = terms.equation, terms.factors, terms.coefficients, terms.starts, d
    if kind == "map":
        screen_maps(*arrays, found)
    else:
        screen_flows(*arrays, terms.tanh, FIRST_STEP, found)
    made = []
    for b in np.flatnonzero(found[:, 0] == CHAOTIC).tolist():
        content = equation_of(terms.of(b), d) | {
            "name": "candidate",
            "kind": kind,
            "initial": _rounded(terms.starts[b]),
            "dissipative": kind == "flow",
        }
        made.append(Candidate(b, content, 2 * math.pi / found[b, 2] if kind == "flow" else 1.0))
    return Look(drawn, tuple(made))


def _skew_products(rng: Generator) -> Look:
    """Draw drivers, and responses for those that are chaotic."""
    from chaosbench.numerics.screening import CHAOTIC, screen_flows

    drivers = draw_quadratic_flows(rng, 512, 3)
    found = np.zeros((len(drivers.starts), 9))
    screen_flows(
        drivers.equation, drivers.factors, drivers.coefficients, drivers.starts, 3, False,
        FIRST_STEP, found,
    )  # fmt: skip
    made: list[Candidate] = []
    drawn = 0
    for b in np.flatnonzero(found[:, 0] == CHAOTIC).tolist():
        responses = draw_responses(rng, drivers.of(b), RESPONSES)
        responses.starts[:, :3] = drivers.starts[b]
        drawn += RESPONSES
        kept = _kept(responses, "flow", RESPONSES).candidates[:RESPONSES_KEPT]
        made += [Candidate(RESPONSES * b + c.number, c.content, c.period) for c in kept]
    return Look(drawn, tuple(made))


def _delays(size: int, rng: Generator) -> Look:
    """Draw scalar delay equations with one or two nonlinear functions of the past."""
    from chaosbench.numerics.screening import CHAOTIC, DELAY_SHAPES, screen_delays

    def numbers(low: float, high: float, *shape: int) -> FloatArray:
        return np.round(low + (high - low) * rng.random((size, *shape)), 2)

    decay, lags = numbers(0.1, 1.5), numbers(1.0, 20.0)
    shapes = rng.integers(DELAY_SHAPES, size=(size, 2))
    weights = numbers(0.3, 4.0, 2) * np.where(rng.random((size, 2)) < 0.5, -1.0, 1.0)
    weights[rng.random(size) < 0.5, 1] = 0.0
    widths, shifts = numbers(0.5, 3.0, 2), numbers(-2.0, 2.0, 2)
    starts = numbers(-1.0, 1.0, 1)
    found = np.zeros((size, 5))
    screen_delays(decay, lags, shapes, weights, widths, shifts, starts, found)
    made = [
        Candidate(
            b,
            _delay_content(decay[b], lags[b], shapes[b], weights[b], widths[b], shifts[b])
            | {"initial": _rounded(starts[b])},
            2 * math.pi / float(found[b, 2]),
        )
        for b in np.flatnonzero(found[:, 0] == CHAOTIC).tolist()
    ]
    return Look(size, tuple(made))


def _delay_content(
    decay: float, lag: float, shapes: Any, weights: FloatArray, widths: FloatArray,
    shifts: FloatArray,
) -> dict[str, Any]:  # fmt: skip
    parameters = {"decay": float(decay), "tau": float(lag)}
    nodes: list[list[Any]] = [["mul", "decay", "x"], ["neg", "#0"]]

    def node(*entry: Any) -> str:
        nodes.append(list(entry))
        return f"#{len(nodes) - 1}"

    total = "#1"
    for k, shape in enumerate(shapes.tolist()):
        if weights[k] == 0.0:
            continue
        parameters |= {
            f"weight{k}": float(weights[k]),
            f"width{k}": float(widths[k]),
            f"shift{k}": float(shifts[k]),
        }
        u = node("add", node("mul", f"width{k}", "x_tau"), f"shift{k}")
        if shape == 0:
            value = node("sin", u)
        elif shape == 1:
            value = node("tanh", u)
        elif shape == 2:
            value = node("exp", node("neg", node("mul", u, u)))
        else:
            value = node("div", u, node("add", node("powi", u, 6.0), 1.0))
        total = node("add", total, node("mul", f"weight{k}", value))
    return {
        "name": "candidate", "kind": "delay", "variables": ["x"], "parameters": parameters,
        "delays": [["x_tau", "x", "tau"]], "nodes": nodes, "results": [total],
        "dissipative": True,
    }  # fmt: skip


@lru_cache(maxsize=1)
def _parents() -> tuple[dict[str, Any], ...]:
    """Return the systems of the catalogue that have relatives, as plain data."""
    found = []
    for name in sorted(systems):
        system, known = systems[name], known_constants(systems[name])
        if (
            is_own(name)
            or known is None
            or not known.ranked
            or not isinstance(system, (Flow, Map, DelaySystem))
            or system.driven
            or not system.stationary
            or system.dimension > LARGEST_RELATIVE
            or system.trace.operations & ROUGH
            or (known.stiffness or 0.0) > STIFFEST_RELATIVE
            or known.provenance["integrator"] not in ("dop853", "iteration", "dop853-steps")
        ):
            continue
        try:
            content = content_of(system)
        except InputError:  # a definition that needs its parameters as numbers
            continue
        if any(content["parameters"].values()):
            found.append(content | {"period": known.period})
    return tuple(found)


def _relatives(size: int, rng: Generator) -> Look:
    """Move parameters of systems of the catalogue."""
    parents = _parents()
    made = []
    for b in range(size):
        content = dict(parents[int(rng.integers(len(parents)))])
        period = content.pop("period")
        movable = [p for p, value in content["parameters"].items() if value != 0.0]
        count = 1 + int(rng.integers(len(movable)))
        widest = math.log(WIDER if rng.random() < SHARE_WIDER else WIDTH)
        parameters = dict(content["parameters"])
        for k in rng.permutation(len(movable))[:count].tolist():
            factor = math.exp(widest * (2.0 * float(rng.random()) - 1.0))
            parameters[movable[k]] = float(f"{parameters[movable[k]] * factor:.4g}")
        content |= {
            "origin": {"parent": content["name"]},
            "parameters": parameters,
            "name": "candidate",
            "description": "",
        }
        made.append(Candidate(b, content, period))
    return Look(size, tuple(made))


def _rounded(values: FloatArray) -> list[float]:
    return [float(f"{value:.4g}") for value in values.tolist()]


def _flow(draw: Callable[..., Terms], size: int, **settings: int) -> Callable[[Generator], Look]:
    return partial(_screened, partial(draw, **settings), size, "flow")


_ALL = (
    Family("relatives", 1, "Systems of the catalogue with parameters moved.",
           partial(_relatives, 8), newborn=False),
    Family("quadratic-flow-3", 2, "Sparse quadratic flows of three variables.",
           _flow(draw_quadratic_flows, 1024, d=3)),
    Family("quadratic-flow-4", 3, "Sparse quadratic flows of four variables.",
           _flow(draw_quadratic_flows, 1024, d=4)),
    Family("cubic-flow-3", 4, "Sparse cubic flows of three variables.",
           _flow(draw_cubic_flows, 1024, d=3)),
    Family("cubic-flow-4", 5, "Sparse cubic flows of four variables.",
           _flow(draw_cubic_flows, 1024, d=4)),
    Family("jerk", 6, "Equations of the third order with a polynomial right-hand side.",
           _flow(draw_jerks, 1024)),
    Family("quadratic-map-2", 7, "Quadratic maps of the plane.",
           partial(_screened, partial(draw_quadratic_maps, d=2), 1024, "map")),
    Family("quadratic-map-3", 8, "Quadratic maps of space.",
           partial(_screened, partial(draw_quadratic_maps, d=3), 1024, "map")),
    Family("delay", 9, "Scalar delay equations with random nonlinearities.",
           partial(_delays, 64)),
    Family("skew-product", 10, "A quadratic flow of three variables drives two damped equations.",
           _skew_products),
    Family("network", 11, "Networks of six units with random weights.",
           _flow(draw_networks, 256, d=6)),
)  # fmt: skip

FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
"""All families by name."""


def family_named(name: str) -> Family:
    """Return a family.

    Raises:
        UnknownNameError: there is none of that name.

    """
    if name not in FAMILIES:
        raise UnknownNameError("family of systems", name, FAMILIES)
    return FAMILIES[name]
