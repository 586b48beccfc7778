"""Call a definition: its signature, the order of its arguments, and its graph."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr, Graph, Vector, reachable

__all__ = [
    "Layout", "Trace", "accepted", "called", "flatten", "is_finite_number", "named_arguments",
    "signature",
]  # fmt: skip

Layout = tuple[str | tuple[str, int], ...]
"""The positional arguments of a definition: a name, or the name and size of a vector."""


def is_finite_number(value: Any) -> bool:
    """Say whether a value can be a parameter; True and False cannot."""
    if isinstance(value, bool | np.bool_):
        return False
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


@dataclass(frozen=True)
class Trace:
    """The expression graph of one system, with its inputs and outputs."""

    graph: Graph
    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations that the equation uses."""
        return frozenset(node.op for node in reachable(self.outputs))


def signature(function: Callable[..., Any]) -> tuple[list[str], dict[str, float]]:
    """Return the positional names of a definition, and its parameters with their defaults.

    Raises:
        DefinitionError: an argument is neither state nor parameter.

    """
    positional: list[str] = []
    parameters: dict[str, float] = {}
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty:
            positional.append(p.name)
        elif p.kind is p.KEYWORD_ONLY and p.default is not p.empty:
            parameters[p.name] = p.default
        else:
            raise DefinitionError(
                f"in the definition of {function.__name__!r} the argument {p.name!r} must be "
                "positional without a default (state) or keyword-only with one (parameter)"
            )
    return positional, parameters


def named_arguments(
    layout: Layout, state: Iterable[Any], others: Mapping[str, Any]
) -> dict[str, Any]:
    """Give each positional argument of a definition its value, in the order of the layout.

    Args:
        layout: the positional arguments.
        state: values of the `d` state variables; those of a vector argument become one vector.
        others: values of the arguments that are not state: time, delayed values, coordinates.

    """
    rest = iter(state)
    values: dict[str, Any] = {}
    for entry in layout:
        if isinstance(entry, tuple):
            name, size = entry
            items = list(islice(rest, size))
            symbolic = any(isinstance(item, Expr) for item in items)
            vector = np.empty(size, dtype=object if symbolic else float)
            vector[:] = items
            values[name] = vector.view(Vector) if symbolic else vector
        else:
            values[entry] = others[entry] if entry in others else next(rest)
    return values


def accepted(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values whose names are arguments of a definition."""
    taken = inspect.signature(function).parameters
    return {name: value for name, value in values.items() if name in taken}


def called(
    what: str, graph: Graph, function: Callable[..., Any], *args: Any, **values: Any
) -> list[Expr]:
    """Call a definition with symbols and return the nodes of its graph, one for each value.

    Raises:
        DefinitionError: the definition cannot be traced; the message begins with `what`.

    """
    try:
        return [graph.lift(value) for value in flatten(function(*args, **values))]
    except DefinitionError as error:
        raise DefinitionError(f"{what} cannot be traced: {error}") from error
    except (TypeError, AttributeError) as error:  # a function that cannot take symbols
        raise DefinitionError(
            f"{what} cannot be traced: {error}; use the functions of chaosbench.expressions"
        ) from error


def flatten(raw: Any) -> Sequence[Any]:
    """Flatten what a definition returns: numbers, vectors, or tuples of both."""
    if isinstance(raw, np.ndarray):
        return list(raw.ravel())
    if isinstance(raw, (tuple, list)):
        return [value for part in raw for value in flatten(part)]
    return [raw]
