"""Stochastic systems: differential equations with independent noise on each variable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from chaosbench.errors import DefinitionError, shown
from chaosbench.expressions import Expr, Graph, differentiate
from chaosbench.systems._declare import Angles, InitialState, declare
from chaosbench.systems._system import Kind, System
from chaosbench.systems._units import rescaled
from chaosbench.systems.tracing import (
    accepted,
    called,
    is_finite_number,
    named_arguments,
    signature,
)

__all__ = ["StochasticSystem", "stochastic"]


def _no_noise() -> float:
    return 0.0


@dataclass(frozen=True, eq=False, repr=False)
class StochasticSystem(System):
    """A stochastic differential equation in Itô's sense, made by the decorator `stochastic`.

    Attributes:
        noise: function that returns the amplitude of the noise in each variable.
        step: the longest integration step, in time units.

    """

    kind: ClassVar[Kind] = "stochastic"

    noise: Callable[..., Any] = field(default=_no_noise)
    step: float = 0.0

    @cached_property
    def noise_amplitudes(self) -> tuple[Expr, ...]:
        """The amplitude of the noise in each variable ``(d,)``, in the graph of `trace`."""
        return self.amplitudes(self.trace.graph, self.parameters)

    def amplitudes(self, graph: Graph, parameters: Mapping[str, Any]) -> tuple[Expr, ...]:
        """Trace the amplitudes of the noise ``(d,)`` in a graph that holds the drift.

        Raises:
            DefinitionError: there is not one amplitude per variable, or they cannot be traced.

        """
        what = f"the noise of {self.name!r}"
        state = [graph.symbol("state", i, name) for i, name in enumerate(self.variables)]
        clock = {"t": graph.symbol("time", 0, "t")}
        values = {**clock, **parameters, **named_arguments(self.layout, state, clock)}
        made = tuple(called(what, graph, self.noise, **accepted(self.noise, values)))
        if len(made) != self.dimension:
            raise DefinitionError(
                f"{what} returns {len(made)} amplitudes, expected one for each "
                f"of its {self.dimension} variables"
            )
        return made

    def noise_kernels(self, count: int = 0) -> tuple[Any, ...]:
        """Return machine code of the noise terms for `count` tangent vectors.

        There is one kernel each for g, L¹g, L⁰g and L¹L¹g (see `noise_terms`), or None for a term
        that is zero.
        """
        kernels: tuple[Any, ...] = self._once(("noise", count), lambda: _compiled(self, count))
        return kernels

    def _more_in_units(self, units: Sequence[float]) -> Mapping[str, Any]:
        noise = rescaled(self.noise, self.layout, units, {}, units)
        return {**super()._more_in_units(units), "noise": noise}

    def _more_nodes(self) -> Sequence[Expr]:
        return self.noise_amplitudes

    def _more_to_hash(self, number: Mapping[int, int]) -> Mapping[str, Any]:
        return {"noise": [number[g.id] for g in self.noise_amplitudes], "step": self.step.hex()}

    def _more_tags(self) -> Iterable[str]:
        return ("stochastic",)


def noise_terms(
    system: StochasticSystem,
) -> tuple[list[Expr], list[Expr], list[Expr], list[Expr]]:
    """Return g, L¹g = g g', L⁰g = ∂g/∂t + f g' + g² g''/2 and L¹L¹g = g (g g')', ``(d,)`` each.

    Raises:
        DefinitionError: an amplitude depends on a variable other than its own. The scheme would
            then need iterated integrals of two Brownian motions.

    """
    state = list(system.trace.inputs)
    drift = system.trace.outputs
    graph = system.trace.graph
    zero = graph.constant(0.0)
    clock = graph.symbol("time", 0, "t")
    g = list(system.noise_amplitudes)
    for name, i, row in zip(system.variables, range(len(g)), differentiate(g, state), strict=True):
        others = [system.variables[j] for j in row if j != i]
        if others:
            raise DefinitionError(
                f"the noise of {name!r} in {system.name!r} depends on {', '.join(others)}; an "
                "amplitude may depend on its own variable and on t only"
            )

    def own(terms: list[Expr]) -> list[Expr]:
        return [row.get(i, zero) for i, row in enumerate(differentiate(terms, state))]

    slope = own(g)
    bend = own(slope)
    first = [a * b for a, b in zip(g, slope, strict=True)]
    in_time = [row.get(0, zero) for row in differentiate(g, [clock])]
    along = [
        dt + f * s + 0.5 * a * a * b
        for dt, f, s, a, b in zip(in_time, drift, slope, g, bend, strict=True)
    ]
    second = [a * b for a, b in zip(g, own(first), strict=True)]
    return g, first, along, second


def _compiled(system: StochasticSystem, count: int) -> tuple[Any, ...]:
    """Compile `noise_terms` with their linearisation on `count` tangent vectors."""
    from chaosbench.compile import compile_rhs, compile_tangent

    kernels: list[Any] = []
    for terms in noise_terms(system):
        if all(term.op == "const" and term.value == 0.0 for term in terms):
            kernels.append(None)
        elif count:
            kernels.append(compile_tangent(terms, system.trace.inputs, count))
        else:
            kernels.append(compile_rhs(terms, system.trace.inputs))
    return tuple(kernels)


def stochastic(
    *,
    noise: Callable[..., Any],
    step: float,
    ic: InitialState,
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    dissipative: bool = False,
    transient: bool = False,
    angles: Angles | None = None,
    unbounded: bool = False,
    dim: int | Mapping[str, int] | None = None,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], StochasticSystem]:
    """Define a stochastic differential equation in Itô's sense: dx = f dt + g dW.

    The decorated function returns the drift f, as for a flow.

    Args:
        noise: function that returns the amplitude g of the noise in each variable; every variable
            has its own Brownian motion. The positional arguments of the function are any of the
            state variables and `t`; its keyword-only arguments are parameters, new ones or those
            of the drift. An amplitude may depend only on its own variable and on `t`.
        step: the longest integration step in time units. It is fixed, because a Brownian path is
            not smooth enough for a tolerance to control the step. The error of a trajectory falls
            with the 1.5th power of the step.
        ic, reference, tags, aliases, dissipative, transient, angles, unbounded, dim, name: as for
            `flow`.

    Raises:
        DefinitionError: the step is not positive, or a parameter has two defaults.

    Example:
        >>> def kick(x, *, epsilon=0.1):
        ...     return epsilon * x
        >>> @stochastic(noise=kick, step=0.01, ic=(1.0,), reference="none")
        ... def growth(x, *, rate=0.05):
        ...     return rate * x
        >>> sorted(growth.parameters)
        ['epsilon', 'rate']

    """
    if not (is_finite_number(step) and step > 0):
        raise DefinitionError(
            f"the step of a stochastic system must be positive, not {shown(step)}"
        )
    if not callable(noise):
        raise DefinitionError(f"the noise of a stochastic system is a function, not {shown(noise)}")

    def decorate(function: Callable[..., Any]) -> StochasticSystem:
        system = declare(
            StochasticSystem, function, ic=ic, reference=reference, tags=tags, aliases=aliases,
            dim=dim, name=name, dissipative=dissipative, transient=transient, angles=angles,
            unbounded=unbounded, noise=noise, step=float(step),
        )  # fmt: skip
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
            if not is_finite_number(value) or drift.get(key, value) != value:
                raise DefinitionError(
                    f"the noise of {system.name!r} must give its parameter {key!r} a finite "
                    f"default that agrees with the drift, not {value!r}"
                )
        return replace(
            system,
            parameters=MappingProxyType({**drift, **own}),
            driven=system.driven or "t" in positional,
        )

    return decorate
