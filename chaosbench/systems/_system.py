"""The System: an equation with its parameters, initial state, source and tags."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.errors import DefinitionError, InputError, ParameterError, suggestion
from chaosbench.expressions import Expr, Graph, Vector, reachable
from chaosbench.systems._machine_code import Compiled
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from chaosbench.systems.switches import Switches

__all__ = ["Delay", "Kind", "System", "Trace", "accepted"]

Kind = Literal["flow", "delay", "map", "field", "stochastic"]

_KINKS = frozenset({"abs", "min", "max"})
_JUMPS = frozenset({"sign", "floor", "mod", "where"})


@dataclass(frozen=True)
class Delay:
    """One delayed argument: state variable `source`, `lag` time units ago."""

    name: str
    source: int
    lag: float


@dataclass(frozen=True)
class Trace:
    """The graph of one system with its parameter values in place."""

    graph: Graph
    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations the equation uses."""
        return frozenset(node.op for node in reachable(self.outputs))


@dataclass(frozen=True, eq=False)
class System(Compiled):
    """An equation with its parameters, initial state, source and tags; frozen.

    Made by the decorators `flow`, `delay`, `map`, `field` and `stochastic`. Attributes:

    Attributes:
        name: registered name.
        kind: ``flow`` (ordinary differential equation), ``delay``, ``map``, ``field`` (partial
            differential equation) or ``stochastic``.
        function: the definition; positional names are the state, keyword-only names parameters.
        variables: names of the `d` state variables.
        parameters: name to value.
        ic: initial state ``(d,)``; for a delay system its constant history.
        reference: key into ``references.bib``.
        aliases: other names, such as that in dysts.
        driven: the equation reads the time `t`.
        delays: delayed arguments of a delay system.
        noise: the amplitudes of the noise in each variable, of a stochastic system.
        step: the longest integration step of a stochastic system, in time units.
        resets: pairs of a function whose rise through zero is an event of a hybrid flow, and the
            state after it; see `flow`.

    Two systems are equal when their fingerprints are.

    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    variables: tuple[str, ...]
    parameters: Mapping[str, float]
    ic: tuple[float, ...]
    reference: str
    declared_tags: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()
    driven: bool = False
    delays: tuple[Delay, ...] = ()
    noise: Callable[..., Any] | None = None
    step: float = 0.0
    layout: tuple[str | tuple[str, int], ...] = field(default=(), repr=False)
    """The positional arguments: a name, or the name and size of a vector."""
    inverse_function: Callable[..., Any] | None = field(default=None, repr=False)
    """The definition of a map's inverse, where it has one."""
    resets: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = field(
        default=(), repr=False
    )

    # ---------------------------------------------------------------- facts

    @property
    def dimension(self) -> int:
        """Number of state variables `d` (at one instant, for a delay system)."""
        return len(self.variables)

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of what the equation is about, one a line of it."""
        return self.variables

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the axes of space, of a field."""
        return ()

    @property
    def description(self) -> str:
        """First sentence of the definition's docstring."""
        return (self.function.__doc__ or "").strip().split("\n", 1)[0]

    @cached_property
    def tags(self) -> frozenset[str]:
        """The declared tags and those that follow from the equation itself."""
        tags = set(self.declared_tags)
        tags.add("driven" if self.driven else "autonomous")
        if self.noise is not None:
            tags.add("stochastic")
        operations = self.trace.operations
        if operations & _JUMPS and not tags & {"kinked", "smooth"}:
            tags.add("discontinuous")
        elif operations & _KINKS:
            tags.add("kinked")
        if self.resets:
            tags |= {"discontinuous", "hybrid"}
        return frozenset(tags)

    @cached_property
    def trace(self) -> Trace:
        """The expression graph, with the parameter values as constants."""
        return self._traced(Graph(), self.parameters)

    @cached_property
    def noise_amplitudes(self) -> tuple[Expr, ...]:
        """The amplitudes of the noise in each variable, in the graph of `trace`; Itô's sense."""
        from chaosbench.systems._stochastic import trace_noise

        return trace_noise(self, self.trace.graph, self.parameters)

    @cached_property
    def symbolic_trace(self) -> Trace:
        """The expression graph with the parameters as symbols, for printing."""
        graph = Graph()
        symbols = {
            name: graph.symbol("parameter", k, name) for k, name in enumerate(self.parameters)
        }
        return self._traced(graph, symbols)

    def _traced(self, graph: Graph, parameters: Mapping[str, Any]) -> Trace:
        d = len(self.unknowns)
        state = [graph.symbol("state", i, name) for i, name in enumerate(self.unknowns)]
        delayed = [graph.symbol("state", d + j, delay.name) for j, delay in enumerate(self.delays)]
        lookup = {delay.name: node for delay, node in zip(self.delays, delayed, strict=True)}
        for axis, name in enumerate(self.coordinates):
            lookup[name] = graph.symbol("coordinate", axis, name)
        arguments: list[Any] = []
        position = 0
        for entry in self.layout:
            if isinstance(entry, tuple):
                vector = np.empty(entry[1], dtype=object).view(Vector)
                vector[:] = state[position : position + entry[1]]
                arguments.append(vector)
                position += entry[1]
            elif entry == "t":
                arguments.append(graph.symbol("time", 0, "t"))
            elif entry in lookup:
                arguments.append(lookup[entry])
            else:
                arguments.append(state[position])
                position += 1
        try:
            raw = self.function(*arguments, **accepted(self.function, parameters))
        except DefinitionError as error:
            raise DefinitionError(f"the system {self.name!r} cannot be traced: {error}") from error
        except (TypeError, AttributeError) as error:  # a function that knows no symbols
            raise DefinitionError(
                f"the system {self.name!r} cannot be traced: {error}; "
                "use the functions of chaosbench.expressions"
            ) from error
        outputs = tuple(graph.lift(v) for v in _flatten(raw))
        if len(outputs) != d:
            raise DefinitionError(
                f"the system {self.name!r} has {d} state variables "
                f"but its function returns {len(outputs)} values"
            )
        return Trace(graph, (*state, *delayed), outputs)

    @cached_property
    def traced_resets(self) -> tuple[tuple[Expr, tuple[Expr, ...]], ...]:
        """The resets in the graph of `trace`: the function of each event, the state after it."""
        from chaosbench.systems._resets import trace_resets

        return trace_resets(self)

    @cached_property
    def switches(self) -> Switches | None:
        """Where the flow has a kink, a jump or a reset; None where it is smooth everywhere."""
        from chaosbench.systems.switches import find_switches

        if self.kind != "flow":
            return None
        return find_switches(self.trace.inputs, self.trace.outputs, self.traced_resets)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the equation with its parameter values and the initial state (16 hex digits)."""
        resets = [[surface, *image] for surface, image in self.traced_resets]
        amplitudes = self.noise_amplitudes if self.noise is not None else ()
        at_events = [node for reset in resets for node in reset]
        nodes = reachable([*self.trace.outputs, *amplitudes, *at_events])
        number = {node.id: k for k, node in enumerate(nodes)}
        listing = [
            [
                node.op,
                [number[a.id] for a in node.args],
                node.value.hex() if node.op == "const" else list(node.value or ())[:2],
            ]
            for node in nodes
        ]
        content: dict[str, Any] = {
            "kind": self.kind,
            "graph": listing,
            "outputs": [number[o.id] for o in self.trace.outputs],
            "delays": [[delay.source, delay.lag.hex()] for delay in self.delays],
            "ic": [value.hex() for value in self.ic],
            **self._more_to_hash(),
        }
        if self.noise is not None:
            content["noise"] = [number[g.id] for g in amplitudes]
            content["step"] = self.step.hex()
        if resets:
            content["resets"] = [[number[node.id] for node in reset] for reset in resets]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def _more_to_hash(self) -> Mapping[str, Any]:
        """Return what else a kind of system is made of."""
        return {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, System):
            return NotImplemented
        return (self.name, self.fingerprint) == (other.name, other.fingerprint)

    def __hash__(self) -> int:
        return hash((self.name, self.fingerprint))

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v:g}" for k, v in self.parameters.items())
        return f"<{self.kind} {self.name}({', '.join(self.variables[:6])}; {values})>"

    # ---------------------------------------------------------------- variants

    def with_params(self, **values: float) -> System:
        """Return the same equation with other parameter values.

        Raises:
            ParameterError: a name the system lacks, or a value that is not a finite number.

        """
        for name, value in values.items():
            if name not in self.parameters:
                raise ParameterError(
                    f"the system {self.name!r} has no parameter {name!r}; "
                    + (suggestion(name, self.parameters) if self.parameters else "it has none")
                )
            try:
                finite = math.isfinite(value)
            except (TypeError, ValueError, OverflowError):
                finite = False
            if not finite:
                raise ParameterError(
                    f"the parameter {name!r} of {self.name!r} must be a finite number, "
                    f"not {value!r}"
                )
        merged = {**self.parameters, **values}
        lags = _lags(self.function, merged)
        delays = tuple(replace(delay, lag=lags.get(delay.name, delay.lag)) for delay in self.delays)
        for delay in delays:
            if not delay.lag > 0:
                raise ParameterError(
                    f"the delay of {delay.name!r} in {self.name!r} must be positive, "
                    f"not {delay.lag!r}"
                )
        return replace(self, parameters=MappingProxyType(merged), delays=delays)

    def with_dimension(self, d: int) -> System:
        """Return the same equation with `d` state variables, where the equation allows it."""
        from chaosbench.systems._declare import with_dimension

        return with_dimension(self, d)

    def with_ic(self, ic: ArrayLike) -> System:
        """Return the same equation with another initial state ``(d,)``."""
        return replace(self, ic=tuple(float(v) for v in self.state(ic)))

    def state(self, u: ArrayLike) -> FloatArray:
        """Check that `u` is a finite state ``(d,)`` and return it as an array."""
        wanted = (
            f"a state of {self.name!r} is {self.dimension} finite numbers "
            f"({', '.join(self.variables[:6])})"
        )
        try:
            array = np.asarray(u, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{wanted}, not {u!r}") from error
        if array.shape != (self.dimension,) or not np.isfinite(array).all():
            raise InputError(f"{wanted}; this one has shape {array.shape}: {u!r}")
        return array

    # ---------------------------------------------------------------- evaluation

    def rhs(self, t: ArrayLike, u: ArrayLike, delayed: ArrayLike | None = None) -> FloatArray:
        """Return the time derivative (the next state, for a map).

        Args:
            t: time, a number or ``(n,)``; only driven systems read it.
            u: state ``(d,)`` or ``(n, d)``.
            delayed: values of the delayed arguments, ``(m,)`` or ``(n, m)``; delay systems only.

        Returns:
            Array of the shape of `u`.

        """
        times, states, single = self._arguments(t, u, delayed)
        out: FloatArray = self.kernel(times, states)
        return out[0] if single else out

    def jacobian(self, t: ArrayLike, u: ArrayLike, delayed: ArrayLike | None = None) -> FloatArray:
        """Return the exact Jacobian ``(d, d)`` or ``(n, d, d)`` at the arguments of `rhs`.

        For a delay system the columns of the `m` delayed arguments follow: ``(d, d + m)``.
        """
        times, states, single = self._arguments(t, u, delayed)
        flat: FloatArray = self.jacobian_kernel(times, states)
        out = flat.reshape(len(states), self.dimension, states.shape[1])
        return out[0] if single else out

    @cached_property
    def _inverted(self) -> System:
        if self.inverse_function is None:
            what = "whose definition gives no inverse" if self.kind == "map" else f"a {self.kind}"
            raise InputError(
                f"{self.name!r} is {what}; only maps defined with map(inverse=...) have one"
            )
        return replace(self, function=self.inverse_function, inverse_function=self.function)

    def inverse(self, u: ArrayLike, t: ArrayLike = 0.0) -> FloatArray:
        """Return the states ``(d,)`` or ``(n, d)`` that a map takes to `u`.

        `t` is the iteration before, for a map that reads the time.

        Raises:
            InputError: no inverse is defined (every flow, and the maps that are not one-to-one).

        """
        return self._inverted.rhs(t, u)

    def _arguments(
        self, t: ArrayLike, u: ArrayLike, delayed: ArrayLike | None
    ) -> tuple[FloatArray, FloatArray, bool]:
        try:
            states, times = np.asarray(u, dtype=np.float64), np.asarray(t, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.name!r} needs numbers for time and state: {error}") from error
        single = states.ndim == 1
        if states.ndim not in (1, 2) or states.shape[-1] != self.dimension:
            raise InputError(
                f"states of {self.name!r} have shape ({self.dimension},) or "
                f"(n, {self.dimension}), not {states.shape}"
            )
        states = np.atleast_2d(states)
        if times.shape not in ((), (1,), (len(states),)):
            raise InputError(
                f"the time of {len(states)} states of {self.name!r} is a number or has shape "
                f"({len(states)},), not {times.shape}"
            )
        if self.delays:
            if delayed is None:
                names = ", ".join(delay.name for delay in self.delays)
                raise InputError(f"the delay system {self.name!r} needs the values of {names}")
            past = np.atleast_2d(np.asarray(delayed, dtype=np.float64))
            if past.shape not in ((1, len(self.delays)), (len(states), len(self.delays))):
                raise InputError(
                    f"the delayed values of {self.name!r} have shape ({len(self.delays)},) or "
                    f"({len(states)}, {len(self.delays)}), not {np.shape(delayed)}"
                )
            past = np.broadcast_to(past, (len(states), len(self.delays)))
            states = np.concatenate([states, past], axis=1)
        elif delayed is not None:
            raise InputError(f"{self.name!r} is no delay system and takes no delayed values")
        return np.broadcast_to(times, (len(states),)), states, single

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.name, dict(self.parameters), self.ic, self.dimension)


def _restore(name: str, parameters: dict[str, float], ic: tuple[float, ...], d: int) -> System:
    """Rebuild a registered system in another process."""
    from chaosbench.systems import registry

    system = registry[name]
    if d != system.dimension:
        system = system.with_dimension(d)
    return system.with_params(**parameters).with_ic(ic)


def accepted(function: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a definition takes; drift and noise may have their own."""
    taken = inspect.signature(function).parameters
    return {name: value for name, value in parameters.items() if name in taken}


def _flatten(raw: Any) -> list[Any]:
    """Flatten what a definition returns: numbers, vectors, or tuples of both."""
    if isinstance(raw, np.ndarray):
        return list(raw.ravel())
    if isinstance(raw, (tuple, list)):
        return [value for part in raw for value in _flatten(part)]
    return [raw]


def _lags(function: Callable[..., Any], parameters: Mapping[str, float]) -> dict[str, float]:
    """Match delayed arguments ``x_tau`` with the parameter ``tau`` that is their lag."""
    from chaosbench.systems._declare import delayed_arguments

    return {
        name: float(parameters[lag]) for name, _, lag in delayed_arguments(function, parameters)
    }
