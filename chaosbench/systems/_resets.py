"""Tracing the resets of a hybrid flow, whose functions name only the arguments they need."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr, Vector
from chaosbench.systems._system import System, _flatten

__all__ = ["trace_resets"]


def trace_resets(system: System) -> tuple[tuple[Expr, tuple[Expr, ...]], ...]:
    """Trace each pair of an event's function and the state ``(d,)`` after it.

    Raises:
        DefinitionError: a function asks for what the system does not have, or returns as many
            values as it should not.

    """
    if not system.resets:
        return ()
    graph = system.trace.graph
    state = iter(system.trace.inputs)
    known: dict[str, Any] = {**system.parameters, "t": graph.symbol("time", 0, "t")}
    for entry in system.layout:
        if isinstance(entry, tuple):
            vector = np.empty(entry[1], dtype=object).view(Vector)
            vector[:] = [next(state) for _ in range(entry[1])]
            known[entry[0]] = vector
        elif entry != "t":
            known[entry] = next(state)
    if not system.driven:
        del known["t"]
    traced = []
    for surface, image in system.resets:
        (value,) = _call(system, surface, known, 1)
        traced.append((value, tuple(_call(system, image, known, system.dimension))))
    return tuple(traced)


def _call(
    system: System, function: Callable[..., Any], known: dict[str, Any], values: int
) -> list[Expr]:
    names = list(inspect.signature(function).parameters)
    missing = [name for name in names if name not in known]
    what = f"the reset function {function.__name__!r} of {system.name!r}"
    if missing:
        raise DefinitionError(
            f"{what} asks for {missing[0]!r}; it may name {', '.join(map(repr, known))}"
        )
    try:
        found = _flatten(function(**{name: known[name] for name in names}))
        nodes = [system.trace.graph.lift(value) for value in found]
    except DefinitionError as error:
        raise DefinitionError(f"{what} cannot be traced: {error}") from error
    except (TypeError, AttributeError) as error:
        raise DefinitionError(
            f"{what} cannot be traced: {error}; use the functions of chaosbench.expressions"
        ) from error
    if len(nodes) != values:
        raise DefinitionError(f"{what} must return {values} values, not {len(nodes)}")
    return nodes
