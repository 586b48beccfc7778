"""Delay systems: the derivative depends on past states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.errors import DefinitionError, InputError, ParameterError
from chaosbench.expressions import Expr, Graph
from chaosbench.systems._declare import Angles, InitialState, declare, title_of
from chaosbench.systems._system import Kind, System
from chaosbench.systems.tracing import signature
from chaosbench.trajectories import FloatArray, real_array

__all__ = ["Delay", "DelaySystem", "delay"]


@dataclass(frozen=True)
class Delay:
    """One delayed argument: state variable `source`, `lag` time units ago."""

    name: str
    source: int
    lag: float


@dataclass(frozen=True, eq=False, repr=False)
class DelaySystem(System):
    """A delay differential equation, made by the decorator `delay`.

    Attributes:
        delays: the `m` delayed arguments.

    """

    kind: ClassVar[Kind] = "delay"

    delays: tuple[Delay, ...] = ()

    @property
    def lags(self) -> FloatArray:
        """Lag of each delayed argument in time units ``(m,)``."""
        return np.array([delay.lag for delay in self.delays])

    @property
    def sources(self) -> Any:
        """Index of the state variable behind each delayed argument ``(m,)``."""
        return np.array([delay.source for delay in self.delays])

    def tangent_kernel(self, count: int) -> Any:
        """Return machine code of the system with its linearisation on `count` tangent vectors.

        Its input is the state, the tangent vectors, then the delayed values of both.
        """
        from chaosbench.compile import compile_delay_tangent

        return self._once(
            ("tangents", count),
            lambda: compile_delay_tangent(
                self.trace.outputs, self.trace.inputs, self.dimension, count
            ),
        )

    def _other_units(self, units: Sequence[float]) -> dict[str, float]:
        return {delay.name: units[delay.source] for delay in self.delays}

    def _symbols(self, graph: Graph) -> dict[str, Expr]:
        d = len(self.unknowns)
        return {
            delay.name: graph.symbol("state", d + j, delay.name)
            for j, delay in enumerate(self.delays)
        }

    def _more_inputs(self, symbols: Mapping[str, Expr]) -> tuple[Expr, ...]:
        return tuple(symbols.values())

    def _more_to_hash(self, number: Mapping[int, int]) -> Mapping[str, Any]:
        del number
        return {"delays": [[delay.source, delay.lag.hex()] for delay in self.delays]}

    def _dependents(self, parameters: Mapping[str, float]) -> Mapping[str, Any]:
        lags = {
            name: float(parameters[lag])
            for name, _, lag in delayed_arguments(self.function, parameters)
        }
        delays = tuple(replace(delay, lag=lags.get(delay.name, delay.lag)) for delay in self.delays)
        for delay in delays:
            if not delay.lag > 0:
                raise ParameterError(_not_positive(self.name, delay))
        return {"delays": delays}

    def _inputs(self, states: FloatArray, delayed: ArrayLike | None) -> FloatArray:
        m = len(self.delays)
        if delayed is None:
            names = ", ".join(delay.name for delay in self.delays)
            raise InputError(
                f"the delay system {self.name!r} needs the values of {names}; pass them as delayed"
            )
        past = np.atleast_2d(real_array(delayed, what=f"delayed values of {self.name!r}"))
        if past.shape not in ((1, m), (len(states), m)):
            raise InputError(
                f"the delayed values of {self.name!r} must have shape ({m},) or "
                f"({len(states)}, {m}), not {np.shape(delayed)}"
            )
        return np.concatenate([states, np.broadcast_to(past, (len(states), m))], axis=1)


def delay(
    *,
    ic: InitialState,
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    dissipative: bool = False,
    transient: bool = False,
    angles: Angles | None = None,
    unbounded: bool = False,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], DelaySystem]:
    """Define a delay differential equation.

    A positional argument ``x_tau`` holds the state variable ``x`` as it was ``tau`` time units ago,
    where ``tau`` is a parameter. There may be several, such as ``x_tau2`` with a parameter
    ``tau2``. `ic` is the constant history; the other arguments are as for `flow`.

    Raises:
        DefinitionError: there is no delayed argument, or a delay is not positive.

    """

    def decorate(function: Callable[..., Any]) -> DelaySystem:
        title = title_of(function, name)
        _, parameters = signature(function)
        found = delayed_arguments(function, parameters)
        if not found:
            raise DefinitionError(
                f"the delay system {title!r} has no delayed argument: name one x_tau, where x is "
                "a state variable and tau a parameter"
            )
        system = declare(
            DelaySystem, function, ic=ic, reference=reference, tags=tags, aliases=aliases,
            name=name, dissipative=dissipative, transient=transient, angles=angles,
            unbounded=unbounded, not_state={argument for argument, _, _ in found},
        )  # fmt: skip
        delays = tuple(
            Delay(argument, system.variables.index(variable), float(parameters[lag]))
            for argument, variable, lag in found
        )
        for one in delays:
            if not one.lag > 0:
                raise DefinitionError(_not_positive(title, one))
        return replace(system, delays=delays)

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


def _not_positive(title: str, delay: Delay) -> str:
    return f"the delay of {delay.name!r} in {title!r} must be positive, not {delay.lag!r}"
