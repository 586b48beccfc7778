"""Flows: ordinary differential equations, smooth, switching or reset at events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from chaosbench.errors import DefinitionError, shown
from chaosbench.expressions import Expr
from chaosbench.systems._declare import Angles, InitialState, declare
from chaosbench.systems._system import Kind, System
from chaosbench.systems._units import rescaled
from chaosbench.systems.tracing import called, named_arguments

if TYPE_CHECKING:
    from chaosbench.systems.switches import Switches

__all__ = ["Flow", "flow"]

Reset = tuple[Callable[..., Any], Callable[..., Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Flow(System):
    """An ordinary differential equation, made by the decorator `flow`.

    Attributes:
        resets: pairs of functions. An event of a hybrid flow happens where the first rises through
            zero; the second gives the state after it. See `flow`.

    """

    kind: ClassVar[Kind] = "flow"

    resets: tuple[Reset, ...] = field(default=())

    @cached_property
    def traced_resets(self) -> tuple[tuple[Expr, tuple[Expr, ...]], ...]:
        """The resets in the graph of `trace`: the function of each event, the state after it.

        Raises:
            DefinitionError: a function has an unknown argument, or returns the wrong number of
                values.

        """
        if not self.resets:
            return ()
        clock = {"t": self.trace.graph.symbol("time", 0, "t")}
        known = named_arguments(self.layout, self.trace.inputs, clock)
        known = {**self.parameters, **(clock if self.driven else {}), **known}
        traced = []
        for surface, image in self.resets:
            (value,) = self._called(surface, known, 1)
            traced.append((value, tuple(self._called(image, known, self.dimension))))
        return tuple(traced)

    def _called(
        self, function: Callable[..., Any], known: Mapping[str, Any], values: int
    ) -> list[Expr]:
        """Call a reset function with the arguments that it names."""
        names = list(inspect.signature(function).parameters)
        missing = [name for name in names if name not in known]
        what = f"the reset function {function.__name__!r} of {self.name!r}"
        if missing:
            raise DefinitionError(
                f"{what} asks for {missing[0]!r}; it may name {', '.join(map(repr, known))}"
            )
        nodes = called(what, self.trace.graph, function, **{name: known[name] for name in names})
        if len(nodes) != values:
            raise DefinitionError(f"{what} must return {values} values, not {len(nodes)}")
        return nodes

    @cached_property
    def switches(self) -> Switches | None:
        """The kinks, jumps and resets of the flow; None where it is smooth everywhere."""
        from chaosbench.systems.switches import find_switches  # loads the compiler

        return find_switches(self.trace.inputs, self.trace.outputs, self.traced_resets)

    @cached_property
    def lane_kernel(self) -> Any:
        """Machine code that integrates several trajectories side by side."""
        from chaosbench.numerics.lanes import LaneKernel

        return LaneKernel(self.trace.outputs, self.trace.inputs)

    @cached_property
    def time_derivative_kernel(self) -> Any:
        """Machine code of the partial time derivative of the right-hand side, ``(d,)``."""
        from chaosbench.compile import compile_time_derivative

        return compile_time_derivative(self.trace.outputs, len(self.trace.inputs))

    def _more_in_units(self, units: Sequence[float]) -> Mapping[str, Any]:
        resets = tuple(
            (
                rescaled(surface, self.layout, units, {}, None),
                rescaled(image, self.layout, units, {}, units),
            )
            for surface, image in self.resets
        )
        return {**super()._more_in_units(units), "resets": resets}

    def _more_nodes(self) -> Sequence[Expr]:
        return [node for surface, image in self.traced_resets for node in (surface, *image)]

    def _more_to_hash(self, number: Mapping[int, int]) -> Mapping[str, Any]:
        if not self.resets:
            return {}
        resets = [[surface, *image] for surface, image in self.traced_resets]
        return {"resets": [[number[node.id] for node in reset] for reset in resets]}

    def _more_tags(self) -> Iterable[str]:
        return ("discontinuous", "hybrid") if self.resets else ()


def flow(
    *,
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
    resets: Iterable[Reset] = (),
) -> Callable[[Callable[..., Any]], Flow]:
    """Define an ordinary differential equation.

    The decorated function returns the time derivatives. Its positional arguments are the state
    variables, its keyword-only arguments the parameters with their defaults. A positional argument
    `t` makes the flow driven.

    Args:
        ic: initial state; a function of the dimension where the dimension may vary.
        reference: key into ``references.bib``.
        tags: see the guide; tags that follow from the equation (driven, kinked) are added.
        aliases: other names, such as the one in dysts.
        dissipative: whether volumes shrink on average, so that orbits forget their errors.
        transient: whether the chaos ends.
        angles: variables that are angles or positions in a periodic box, with their period: a
            number, or a function that names the parameters it needs.
        unbounded: whether other variables have no stationary distribution either.
        dim: size of the vector argument, or sizes by name where there are several.
        name: registered name; by default that of the function.
        resets: pairs of functions of the state, the time and the parameters, each of which names
            those it needs. Where the first rises through zero, the second gives the new state.

    Example:
        >>> @flow(ic=(-9.79, -15.04, 20.53), reference="lorenz1963")
        ... def lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
        ...     return sigma * (y - x), x * (rho - z) - y, x * y - beta * z
        >>> lorenz.dimension
        3

    """
    pairs = tuple(resets)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(callable, pair))):
            raise DefinitionError(
                f"each of the resets is a pair of functions, (surface, after), not {shown(pair)}"
            )
    return lambda function: declare(
        Flow, function, ic=ic, reference=reference, tags=tags, aliases=aliases, dim=dim, name=name,
        dissipative=dissipative, transient=transient, angles=angles, unbounded=unbounded,
        resets=pairs,
    )  # fmt: skip
