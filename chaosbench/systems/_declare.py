"""From a decorated function to a System: the code that the decorators of all kinds share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from chaosbench.errors import DefinitionError, shown
from chaosbench.systems._system import TRAITS, System
from chaosbench.systems.tracing import is_finite_number, signature

__all__ = [
    "Angles",
    "InitialState",
    "check_names",
    "declare",
    "declared",
    "parameters_of",
    "title_of",
]

InitialState = Iterable[float] | Callable[[int], Iterable[float]]
Angles = Mapping[str, float | Callable[..., float]]
S = TypeVar("S", bound=System)


def declare(
    kind: type[S],
    function: Callable[..., Any],
    *,
    ic: InitialState,
    reference: str,
    tags: Iterable[str],
    aliases: Iterable[str],
    name: str | None,
    dissipative: bool,
    transient: bool,
    angles: Angles | None = None,
    unbounded: bool = False,
    dim: int | Mapping[str, int] | None = None,
    not_state: Collection[str] = (),
    **more: Any,
) -> S:
    """Make a system of a kind from its definition.

    Args:
        kind: class of the system.
        function: the definition.
        ic: initial state, or a function of the dimension where the dimension may vary.
        reference, tags, aliases, dim, name, dissipative, transient, angles, unbounded: as for
            `flow`.
        not_state: positional arguments that are neither state nor time.
        **more: fields that only this kind has.

    Raises:
        DefinitionError: a parameter is not finite, the initial state has the wrong size, a tag has
            a field of its own, a trait is not True or False, an angle is not an argument, or the
            name cannot be part of a file's name.

    """
    title = title_of(function, name)
    positional, parameters = parameters_of(function, title)
    state = [p for p in positional if p != "t" and p not in not_state]
    if not state:
        raise DefinitionError(f"{title!r} has no state variable: name one as positional argument")
    sizes = _sizes(dim, state, title)
    variables: list[str] = []
    layout: list[str | tuple[str, int]] = []
    for argument in positional:
        size = sizes.get(argument)
        if size is not None:
            layout.append((argument, size))
            variables += [f"{argument}{i}" for i in range(size)]
        else:
            layout.append(argument)
            if argument in state:
                variables.append(argument)
    given: Any = ic(len(variables)) if callable(ic) else ic
    try:
        first = tuple(float(v) for v in given)
    except (TypeError, ValueError, OverflowError) as error:
        raise DefinitionError(
            f"the initial state of {title!r} must be {len(variables)} finite numbers "
            f"({', '.join(variables[:6])}), not {shown(given)}"
        ) from error
    if len(first) != len(variables) or not all(math.isfinite(v) for v in first):
        raise DefinitionError(
            f"the initial state of {title!r} must be {len(variables)} finite numbers "
            f"({', '.join(variables[:6])}), not {len(first)}"
        )
    traits = {"dissipative": dissipative, "transient": transient, "unbounded": unbounded}
    for trait, value in traits.items():
        if not isinstance(value, bool):
            raise DefinitionError(f"{trait} of {title!r} must be True or False, not {value!r}")
    names = {entry[0] if isinstance(entry, tuple) else entry for entry in layout}
    if not isinstance(angles, Mapping | None):
        raise DefinitionError(
            f"angles of {title!r} maps each angle to its period, such as {{'x': 6.28}}"
        )
    for angle, period in (angles or {}).items():
        if angle not in names:
            raise DefinitionError(f"the angle {angle!r} of {title!r} is not one of its arguments")
        if not callable(period) and not (is_finite_number(period) and period > 0):
            raise DefinitionError(
                f"the period of the angle {angle!r} of {title!r} must be a positive number or a "
                f"function of the parameters, not {shown(period)}"
            )
    check_names(title, [*variables, *not_state], parameters, aliases=aliases, reference=reference)
    return kind(
        name=title,
        function=function,
        variables=tuple(variables),
        parameters=MappingProxyType(parameters),
        ic=first,
        reference=reference,
        home=(function.__module__, function.__qualname__),
        declared_tags=declared(tags, title),
        aliases=tuple(aliases),
        dissipative=dissipative,
        transient=transient,
        angles=MappingProxyType(dict(angles or {})),
        unbounded=unbounded,
        driven="t" in positional,
        layout=tuple(layout),
        start=ic if callable(ic) else None,
        **more,
    )


def title_of(function: Callable[..., Any], name: str | None) -> str:
    """Return the name of a definition, by default that of its function.

    Raises:
        DefinitionError: what is decorated is no function.

    """
    if not callable(function):
        raise DefinitionError(f"a system is defined by a function, not by {shown(function)}")
    return str(getattr(function, "__name__", "")) if name is None else name


def _sizes(dim: int | Mapping[str, int] | None, state: Sequence[str], title: str) -> dict[str, int]:
    """Return the sizes of the vector arguments by name."""
    sizes = {state[0]: dim} if isinstance(dim, int) else dim or {}
    if not isinstance(sizes, Mapping):
        raise DefinitionError(
            f"dim of {title!r} is the size of its vector argument, or maps such arguments to their "
            f"sizes, not {shown(dim)}"
        )
    for argument, size in sizes.items():
        if argument not in state:
            raise DefinitionError(
                f"dim of {title!r} names {argument!r}, which is not one of its state variables "
                f"({', '.join(state)})"
            )
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise DefinitionError(
                f"the size of {argument!r} in {title!r} must be an integer of at least 1, not "
                f"{shown(size)}"
            )
    return dict(sizes)


COLUMNS = frozenset({"system", "split", "trajectory", "step", "time"})
"""Columns that every dataset has besides the variables."""


def check_names(
    title: str,
    arguments: Iterable[str],
    parameters: Iterable[str],
    *,
    aliases: Iterable[str],
    reference: str,
) -> None:
    """Check the names of a system; they become part of labels, ids, files' names and columns.

    Raises:
        DefinitionError: one cannot be used or is used twice.

    """
    if not isinstance(aliases, Collection) or isinstance(aliases, str):
        raise DefinitionError(
            f"aliases of {title!r} is a tuple of names, such as ('Lorenz',), not {shown(aliases)}"
        )
    for name in (title, *aliases):
        if not (isinstance(name, str) and re.fullmatch(r"\w{1,64}", name)):
            raise DefinitionError(
                f"a system cannot be named {name!r:.80}: a name has at most 64 letters, digits and "
                '_; give another one with name="..."'
            )
    if not isinstance(reference, str):
        raise DefinitionError(f"the reference of {title!r} is a text, not {shown(reference)}")
    seen: set[str] = set()
    for name in (*arguments, *parameters):
        if name in seen:
            raise DefinitionError(
                f"{title!r} uses the name {name!r} twice among its variables and parameters"
            )
        seen.add(name)
    for name in sorted(COLUMNS.intersection(seen.difference(parameters))):
        raise DefinitionError(
            f"{title!r} has a variable named {name!r}, which is a column of every dataset; "
            "choose another name"
        )


def declared(tags: Iterable[str], title: str) -> frozenset[str]:
    """Check the tags of a definition and return them as a set.

    Raises:
        DefinitionError: a tag has a field of its own (see `TRAITS`).

    """
    found = frozenset((tags,) if isinstance(tags, str) else tags)
    if isinstance(tags, str) or not all(isinstance(tag, str) for tag in found):
        raise DefinitionError(f"tags of {title!r} is a set of texts, such as {{'electronics'}}")
    for tag in sorted(found & TRAITS):
        raise DefinitionError(
            f"{tag!r} changes how {title!r} is computed, so it is not a tag: write {tag}=True"
        )
    return found


def parameters_of(function: Callable[..., Any], title: str) -> tuple[list[str], dict[str, float]]:
    """Return the positional names of a definition and its parameters, which must be finite.

    Raises:
        DefinitionError: a parameter is not finite.

    """
    positional, parameters = signature(function)
    for key, value in parameters.items():
        if not is_finite_number(value):
            raise DefinitionError(
                f"the parameter {key!r} of {title!r} is not finite: a default is a number, not "
                f"{shown(value)}"
            )
    return positional, parameters
