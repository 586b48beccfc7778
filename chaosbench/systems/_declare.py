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

__all__ = ["delay", "flow", "map", "stochastic", "with_dimension"]

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
    resets: Iterable[tuple[Callable[..., Any], Callable[..., Any]]] = (),
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
        resets: pairs of functions of the state, the time and the parameters, of which each names
            those it needs: where the first rises through zero, the second gives the new state.

    Example:
        >>> @flow(ic=(-9.79, -15.04, 20.53), reference="lorenz1963")
        ... def lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
        ...     return sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        >>> lorenz.dimension
        3

    """
    return _decorator("flow", ic, reference, tags, aliases, dim, name, tuple(resets))


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
    inverse: Callable[..., Any] | None = None,
) -> Decorator:
    """Define a map: the decorated function returns the next state.

    `inverse`, where one exists in closed form, returns the state before; it has the arguments of
    the map. See `System.inverse`.
    """
    decorate = _decorator("map", ic, reference, tags, aliases, dim, name)
    if inverse is None:
        return decorate

    def decorate_both(function: Callable[..., Any]) -> System:
        if signature(inverse) != signature(function):
            raise DefinitionError(
                f"the inverse of {function.__name__!r} must have the arguments and the default "
                "values of the map itself"
            )
        return replace(decorate(function), inverse_function=inverse)

    return decorate_both


def stochastic(
    *,
    noise: Callable[..., Any],
    step: float,
    ic: InitialState,
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    dim: int | Mapping[str, int] | None = None,
    name: str | None = None,
) -> Decorator:
    """Define a stochastic differential equation in Itô's sense: dx = f dt + g dW.

    The decorated function returns the drift f, as a flow's does.

    Args:
        noise: returns the amplitude g of the noise in each variable; every variable has a
            Brownian motion of its own. Its positional names are any of the state and `t`, its
            keyword-only names parameters, of its own or shared. An amplitude may depend on its
            own variable and on `t` only.
        step: the longest integration step in time units. It is fixed, because a Brownian path has
            no smoothness for a tolerance to act on; the error of a trajectory falls with its
            1.5th power.
        ic, reference, tags, aliases, dim, name: as for `flow`.

    Raises:
        DefinitionError: a step that is not positive; a parameter with two defaults.

    Example:
        >>> def kick(x, *, epsilon=0.1):
        ...     return epsilon * x
        >>> @stochastic(noise=kick, step=0.01, ic=(1.0,), reference="none")
        ... def growth(x, *, rate=0.05):
        ...     return rate * x
        >>> sorted(growth.parameters)
        ['epsilon', 'rate']

    """
    if not (math.isfinite(step) and step > 0):
        raise DefinitionError(f"the step of a stochastic system must be positive, not {step!r}")

    def decorate(function: Callable[..., Any]) -> System:
        system = _decorator("stochastic", ic, reference, tags, aliases, dim, name)(function)
        positional, own = signature(noise)
        drift = dict(system.parameters)
        known = {"t", *(e[0] if isinstance(e, tuple) else e for e in system.layout)}
        for argument in positional:
            if argument not in known:
                raise DefinitionError(
                    f"the noise of {system.name!r} has the argument {argument!r}, which is neither "
                    "the time t nor a state variable of its drift"
                )
        for key, value in own.items():
            if not math.isfinite(value) or drift.get(key, value) != value:
                raise DefinitionError(
                    f"the noise of {system.name!r} must give its parameter {key!r} a finite "
                    f"default, the same as the drift does, not {value!r}"
                )
        return replace(
            system,
            parameters=MappingProxyType({**drift, **own}),
            driven=system.driven or "t" in positional,
            noise=noise,
            step=float(step),
        )

    return decorate


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
    resets: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (),
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
            resets=resets,
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
