"""The decorators that turn one readable block into a System."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from chaosbench.errors import DefinitionError
from chaosbench.systems._system import Delay, Kind, System

__all__ = ["delay", "flow", "map", "with_dimension"]

InitialState = Iterable[float] | Callable[[int], Iterable[float]]
Decorator = Callable[[Callable[..., Any]], System]


def flow(
    *,
    ic: InitialState,
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    dim: int | Mapping[str, int] | None = None,
    name: str | None = None,
) -> Decorator:
    """Define an ordinary differential equation.

    The decorated function returns the time derivatives. Its positional names are the state, its
    keyword-only names the parameters with their defaults; a positional `t` makes it driven.

    Args:
        ic: initial state; a function of the dimension where the dimension may vary.
        reference: key into ``references.bib``.
        tags: see the guide; what follows from the equation (driven, kinked) is added.
        aliases: other names, such as the one in dysts.
        dim: the size of the one vector argument, or name to size where there are several.
        name: registered name; the function's by default.

    Example:
        >>> @flow(ic=(-9.79, -15.04, 20.53), reference="lorenz1963")
        ... def lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
        ...     return sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        >>> lorenz.dimension
        3

    """
    return _decorator("flow", ic, reference, tags, aliases, dim, name)


def delay(
    *,
    ic: InitialState,
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    name: str | None = None,
) -> Decorator:
    """Define a delay differential equation.

    A positional ``x_tau`` is the state variable ``x``, a parameter ``tau`` time units ago; with
    ``x_tau2`` and a parameter ``tau2`` there may be several. `ic` is the constant history.
    """
    return _decorator("delay", ic, reference, tags, aliases, None, name)


def map(  # noqa: A001 - the field's word
    *,
    ic: InitialState,
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    dim: int | Mapping[str, int] | None = None,
    name: str | None = None,
) -> Decorator:
    """Define a map: the decorated function returns the next state."""
    return _decorator("map", ic, reference, tags, aliases, dim, name)


def delayed_arguments(
    function: Callable[..., Any], parameters: Iterable[str]
) -> list[tuple[str, str, str]]:
    """List the delayed arguments of a definition as (name, state variable, lag parameter)."""
    positional, _ = signature(function)
    names = set(positional)
    found = []
    for argument in positional:
        for lag in parameters:
            variable = argument.removesuffix(f"_{lag}")
            if variable != argument and variable in names:
                found.append((argument, variable, lag))
    return found


def signature(function: Callable[..., Any]) -> tuple[list[str], dict[str, float]]:
    """Return the positional names of a definition, and its parameters with their defaults."""
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


def _decorator(
    kind: Kind,
    ic: InitialState,
    reference: str,
    tags: Iterable[str],
    aliases: Iterable[str],
    dim: int | Mapping[str, int] | None,
    name: str | None,
) -> Decorator:
    def decorate(function: Callable[..., Any]) -> System:
        title = name or function.__name__
        positional, parameters = signature(function)
        for key, value in parameters.items():
            if not math.isfinite(value):
                raise DefinitionError(f"the parameter {key!r} of {title!r} is not finite")
        delayed = delayed_arguments(function, parameters) if kind == "delay" else []
        past = {argument for argument, _, _ in delayed}
        if kind == "delay" and not past:
            raise DefinitionError(
                f"the delay system {title!r} has no delayed argument: name one x_tau, where x is "
                "a state variable and tau a parameter"
            )
        state = [p for p in positional if p != "t" and p not in past]
        sizes = {state[0]: dim} if isinstance(dim, int) else dict(dim or {})
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
        start = tuple(float(v) for v in (ic(len(variables)) if callable(ic) else ic))
        if len(start) != len(variables) or not all(math.isfinite(v) for v in start):
            raise DefinitionError(
                f"the initial state of {title!r} must be {len(variables)} finite numbers "
                f"({', '.join(variables[:6])}), not {len(start)}"
            )
        system = System(
            name=title,
            kind=kind,
            function=function,
            variables=tuple(variables),
            parameters=MappingProxyType(parameters),
            ic=start,
            reference=reference,
            declared_tags=frozenset(tags),
            aliases=tuple(aliases),
            driven="t" in positional,
            delays=tuple(
                Delay(argument, variables.index(variable), float(parameters[lag]))
                for argument, variable, lag in delayed
            ),
            layout=tuple(layout),
        )
        if callable(ic):
            _resizable[title] = ic
        return system

    return decorate


_resizable: dict[str, Callable[[int], Iterable[float]]] = {}
"""Initial states as functions of the dimension, of the systems whose dimension may vary."""


def with_dimension(system: System, d: int) -> System:
    """Return the same equation with another number of state variables.

    Raises:
        DefinitionError: the system's dimension is fixed by its equation.

    """
    if system.name not in _resizable or len(system.layout) != 1:
        raise DefinitionError(f"the dimension of {system.name!r} is fixed at {system.dimension}")
    ((argument, _),) = [entry for entry in system.layout if isinstance(entry, tuple)]
    if not isinstance(d, int) or d < 4:
        raise DefinitionError(
            f"the dimension of {system.name!r} must be an integer of at least 4, not {d!r}"
        )
    return replace(
        system,
        variables=tuple(f"{argument}{i}" for i in range(d)),
        layout=((argument, d),),
        ic=tuple(float(v) for v in _resizable[system.name](d)),
    )
