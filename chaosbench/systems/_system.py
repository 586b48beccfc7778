"""The System: an equation with its parameters, initial state, source and tags."""

from __future__ import annotations

import hashlib
import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.errors import (
    ChaosbenchError,
    DefinitionError,
    InputError,
    ParameterError,
    shown,
    suggestion,
)
from chaosbench.expressions import Expr, Graph, reachable
from chaosbench.systems._machine_code import Compiled
from chaosbench.systems._units import rescaled
from chaosbench.systems.tracing import (
    Layout,
    Trace,
    accepted,
    called,
    is_finite_number,
    named_arguments,
)
from chaosbench.text import html_facts
from chaosbench.trajectories import FloatArray, real_array

__all__ = ["Kind", "System", "with_dimension"]

Kind = Literal["flow", "delay", "map", "field", "stochastic"]

FINGERPRINT_VERSION = 2
"""Version of what a fingerprint covers; see `System.fingerprint_of`."""

FEWEST_VARIABLES = 4
"""Smallest dimension of an equation whose dimension may vary."""

TRAITS = frozenset({"dissipative", "transient", "unbounded"})
"""Tags that change what is computed and therefore have fields of their own."""

_KINKS = frozenset({"abs", "min", "max"})
_JUMPS = frozenset({"sign", "floor", "mod", "where"})


@dataclass(frozen=True, eq=False)
class System(Compiled, ABC):
    """An equation with its parameters, initial state, source and tags; frozen.

    This is the base class of all kinds: `Flow`, `DelaySystem`, `Map`, `StochasticSystem` and
    `FieldSystem`. Each kind is made by a decorator: `flow`, `delay`, `map`, `stochastic`, `field`.
    A kind defines what else is traced (`_symbols`), what else is hashed (`_more_nodes` and
    `_more_to_hash`), which kernels it has (see `Compiled`) and what else changes with its
    parameters (`_dependents`).

    Attributes:
        name: registered name.
        function: the definition; its positional arguments are the state, its keyword-only
            arguments the parameters.
        variables: names of the `d` state variables.
        parameters: values by name.
        ic: initial state ``(d,)``; for a delay system its constant history.
        reference: key into ``references.bib``.
        home: module and qualified name of the definition, where another process finds it.
        declared_tags: tags of the definition; `tags` adds those that follow from the fields and
            from the equation.
        aliases: other names, such as the one in dysts.
        dissipative: whether volumes shrink on average, so that orbits forget their errors.
        transient: whether the chaos ends; what comes after it is not measured.
        angles: variables that are angles or positions in a periodic box, with their period: a
            number, or a function that names the parameters it needs. They wind up, so only
            functions that are periodic in them have a stationary distribution.
        unbounded: whether other variables have no stationary distribution either.
        driven: whether the equation reads the time `t`.
        layout: the positional arguments: a name, or the name and size of a vector.
        start: the initial state as a function of the dimension, where the dimension may vary.

    Two systems are equal when their names and fingerprints are equal.

    """

    discrete: ClassVar[bool] = False
    """Whether time is counted in iterations."""

    name: str
    function: Callable[..., Any]
    variables: tuple[str, ...]
    parameters: Mapping[str, float]
    ic: tuple[float, ...]
    reference: str
    home: tuple[str, str] = field(repr=False)
    declared_tags: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()
    dissipative: bool = False
    transient: bool = False
    angles: Mapping[str, float | Callable[..., float]] = field(default_factory=dict, repr=False)
    unbounded: bool = False
    driven: bool = False
    layout: Layout = field(default=(), repr=False)
    start: Callable[..., Any] | None = field(default=None, repr=False)

    # ---------------------------------------------------------------- what a kind defines

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """Name of the kind; a class attribute of each.

        One of ``flow``, ``delay``, ``map``, ``field`` (partial differential equation) and
        ``stochastic``.
        """

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of the unknowns of the equation, one for each of its lines."""
        return self.variables

    def _symbols(self, graph: Graph) -> dict[str, Expr]:
        """Return the symbols of the arguments that are neither state nor time, by name."""
        del graph
        return {}

    def _more_inputs(self, symbols: Mapping[str, Expr]) -> tuple[Expr, ...]:
        """Return the symbols whose values follow the state in the input of the kernels."""
        del symbols
        return ()

    def _more_nodes(self) -> Sequence[Expr]:
        """Return the nodes that belong to the equation besides its right-hand side."""
        return ()

    def _more_to_hash(self, number: Mapping[int, int]) -> Mapping[str, Any]:
        """Return what else the fingerprint covers; `number` maps the ids of nodes to numbers."""
        del number
        return {}

    def _more_tags(self) -> Iterable[str]:
        """Return the tags that follow from what only this kind has."""
        return ()

    def _dependents(self, parameters: Mapping[str, float]) -> Mapping[str, Any]:
        """Return the fields that change when the parameters take these values."""
        del parameters
        return {}

    def _inputs(self, states: FloatArray, delayed: ArrayLike | None) -> FloatArray:
        """Return the input ``(n, d + m)`` of the kernels at states ``(n, d)``."""
        if delayed is not None:
            raise InputError(f"{self.name!r} is not a delay system and takes no delayed values")
        return states

    # ---------------------------------------------------------------- facts

    @property
    def dimension(self) -> int:
        """Number of state variables `d` (at one instant, for a delay system)."""
        return len(self.variables)

    @property
    def time_unit(self) -> str:
        """Unit of time: ``time units``, or ``iterations`` for a map."""
        return "iterations" if self.discrete else "time units"

    @property
    def stationary(self) -> bool:
        """Whether every variable has a stationary distribution on the attractor."""
        return not (self.angles or self.unbounded)

    @property
    def periods(self) -> tuple[float | None, ...]:
        """The period of each variable that is an angle ``(d,)``; None for the others."""
        if not self.angles:
            return (None,) * self.dimension
        periods: list[float | None] = []
        for entry in self.layout:
            name, size = entry if isinstance(entry, tuple) else (entry, 1)
            period = self.angles.get(name)
            if callable(period):
                period = float(period(**accepted(period, self.parameters)))
            periods += [period] * size if isinstance(entry, tuple) or name in self.variables else []
        return tuple(periods)

    def check(self) -> None:
        """Trace everything that the definition gives, which otherwise waits for its first use.

        Raises:
            DefinitionError: something cannot be traced or has the wrong shape.

        """
        try:
            _ = self.fingerprint, self.tags, self.periods
        except ChaosbenchError:
            raise
        except Exception as error:  # what the user's function raises
            raise DefinitionError(
                f"the system {self.name!r} cannot be traced: {type(error).__name__}: {error}"
            ) from error

    @property
    def description(self) -> str:
        """First sentence of the definition's docstring."""
        return (self.function.__doc__ or "").strip().split("\n", 1)[0]

    @cached_property
    def tags(self) -> frozenset[str]:
        """The declared tags, and those that follow from the fields and the equation."""
        tags = set(self.declared_tags)
        tags.update(name for name in ("dissipative", "transient") if getattr(self, name))
        if not self.stationary:
            tags.add("unbounded")
        tags.add("driven" if self.driven else "autonomous")
        operations = self.trace.operations
        if operations & _JUMPS and not tags & {"kinked", "smooth"}:
            tags.add("discontinuous")
        elif operations & _KINKS:
            tags.add("kinked")
        return frozenset(tags.union(self._more_tags()))

    @cached_property
    def trace(self) -> Trace:
        """The expression graph, with the parameter values as constants."""
        return self._traced(Graph(), self.parameters)

    @cached_property
    def symbolic_trace(self) -> Trace:
        """The expression graph with the parameters as symbols, for printing."""
        graph = Graph()
        return self._traced(graph, self.parameter_symbols(graph))

    def parameter_symbols(self, graph: Graph) -> dict[str, Expr]:
        """Return a symbol for each parameter, by its name."""
        return {name: graph.symbol("parameter", k, name) for k, name in enumerate(self.parameters)}

    def _traced(self, graph: Graph, parameters: Mapping[str, Any]) -> Trace:
        d = len(self.unknowns)
        state = [graph.symbol("state", i, name) for i, name in enumerate(self.unknowns)]
        others = self._symbols(graph)
        inputs = (*state, *self._more_inputs(others))
        if "t" in self.layout:
            others = {**others, "t": graph.symbol("time", 0, "t")}
        values = named_arguments(self.layout, state, others)
        taken = accepted(self.function, parameters)
        what = f"the system {self.name!r}"
        outputs = called(what, graph, self.function, *values.values(), **taken)
        if len(outputs) != d:
            raise DefinitionError(
                f"{what} has {d} state variables but its function returns {len(outputs)} values"
            )
        return Trace(graph, inputs, tuple(outputs))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that decides a trajectory (16 hex digits).

        It covers the equation with its parameter values, the initial state, and the fields that
        change what is computed: `dissipative`, `transient`, `angles`, `unbounded`.
        """
        return self.fingerprint_of(FINGERPRINT_VERSION)

    def fingerprint_of(self, version: int) -> str:
        """Return the fingerprint in the present or an earlier version.

        Version 1 did not cover `dissipative`, `transient`, `angles` and `unbounded`, and did not
        round the initial values of fields.
        """
        nodes = reachable([*self.trace.outputs, *self._more_nodes()])
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
            "delays": [],  # for every kind, so that the hashes of version 1 stay valid
            "ic": [value.hex() for value in (self.ic if version > 1 else self._unrounded_ic())],
        }
        content |= self._more_to_hash(number)
        if version > 1:
            content |= self._traits()
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def _unrounded_ic(self) -> tuple[float, ...]:
        """Return the initial state before it was rounded."""
        return self.ic

    def _traits(self) -> dict[str, Any]:
        """Return the fields that change what is computed, where they differ from the defaults."""
        traits: dict[str, Any] = {
            name: True for name in ("dissipative", "transient", "unbounded") if getattr(self, name)
        }
        if self.angles:
            traits["periods"] = [None if p is None else float(p).hex() for p in self.periods]
        return traits

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, System):
            return NotImplemented
        return (self.name, self.fingerprint) == (other.name, other.fingerprint)

    def __hash__(self) -> int:
        return hash((self.name, self.fingerprint))

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v:g}" for k, v in self.parameters.items())
        return f"<{self.kind} {self.name}({', '.join(self.variables[:6])}; {values})>"

    def _repr_html_(self) -> str:
        values = ", ".join(f"{k} = {v:g}" for k, v in self.parameters.items())
        return html_facts(
            f"{self.name}: {self.description}",
            {
                "kind": self.kind,
                "dimension": self.dimension,
                "variables": ", ".join(self.variables[:6]) + (", …" if self.dimension > 6 else ""),
                "parameters": values,
                "tags": ", ".join(sorted(self.tags)),
                "source": self.reference,
            },
        )

    # ---------------------------------------------------------------- variants

    def with_params(self, **values: float) -> Self:
        """Return the same equation with other parameter values.

        Raises:
            ParameterError: the system has no such parameter, or a value is not a finite number.

        """
        for name, value in values.items():
            if name not in self.parameters:
                raise ParameterError(
                    f"the system {self.name!r} has no parameter {name!r}; "
                    + (suggestion(name, self.parameters) if self.parameters else "it has none")
                )
            if not is_finite_number(value):
                raise ParameterError(
                    f"the parameter {name!r} of {self.name!r} must be a finite number, "
                    f"not {shown(value)}"
                )
        merged = {**self.parameters, **values}
        return replace(self, parameters=MappingProxyType(merged), **self._dependents(merged))

    def with_dimension(self, d: int) -> Self:
        """Return the same equation with another number `d` of state variables.

        Raises:
            DefinitionError: the equation fixes the dimension, or `d` is not an integer of at least
                4.

        """
        if self.start is None or len(self.layout) != 1:
            raise DefinitionError(f"{self.name!r} has a fixed dimension of {self.dimension}")
        ((argument, _),) = [entry for entry in self.layout if isinstance(entry, tuple)]
        if not isinstance(d, int) or d < FEWEST_VARIABLES:
            raise DefinitionError(
                f"the dimension of {self.name!r} must be an integer of at least "
                f"{FEWEST_VARIABLES}, not {d!r}"
            )
        return replace(
            self,
            variables=tuple(f"{argument}{i}" for i in range(d)),
            layout=((argument, d),),
            ic=tuple(float(v) for v in self.start(d)),
        )

    def with_ic(self, ic: ArrayLike) -> Self:
        """Return the same equation with another initial state ``(d,)``."""
        return replace(self, ic=tuple(float(v) for v in self.state(ic)))

    def in_units(self, units: Sequence[float]) -> Self:
        """Return the same system with each variable measured in a unit of its own.

        Args:
            units: powers of two ``(d,)``, so that no digit is lost.

        """
        made = replace(
            self,
            function=rescaled(self.function, self.layout, units, self._other_units(units), units),
            ic=tuple(value / unit for value, unit in zip(self.ic, units, strict=True)),
            start=None,
        )
        return replace(made, **self._more_in_units(units))

    def _other_units(self, units: Sequence[float]) -> dict[str, float]:
        """Return the units of the arguments that are neither state nor the time."""
        del units
        return {}

    def _more_in_units(self, units: Sequence[float]) -> Mapping[str, Any]:
        """Return the fields, other than the definition, that depend on the units."""
        periods = zip(self.variables, self.periods, units, strict=True)
        angles = {name: period / unit for name, period, unit in periods if period is not None}
        return {"angles": MappingProxyType(angles)}

    def state(self, u: ArrayLike) -> FloatArray:
        """Check that `u` is a finite state ``(d,)`` and return it as an array."""
        wanted = (
            f"a state of {self.name!r} must be {self.dimension} finite numbers "
            f"({', '.join(self.variables[:6])})"
        )
        try:
            array = real_array(u, what="states")
        except InputError as error:
            raise InputError(f"{wanted}, not {shown(u)}") from error
        if array.shape != (self.dimension,) or not np.isfinite(array).all():
            raise InputError(f"{wanted}; this one has shape {array.shape}: {shown(u)}")
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

    def _arguments(
        self, t: ArrayLike, u: ArrayLike, delayed: ArrayLike | None
    ) -> tuple[FloatArray, FloatArray, bool]:
        what = f"time and state of {self.name!r}"
        states, times = real_array(u, what=what), real_array(t, what=what)
        single = states.ndim == 1
        if states.ndim not in (1, 2) or states.shape[-1] != self.dimension:
            raise InputError(
                f"states of {self.name!r} must have shape ({self.dimension},) or "
                f"(n, {self.dimension}), not {states.shape}"
            )
        states = np.atleast_2d(states)
        if times.shape not in ((), (1,), (len(states),)):
            raise InputError(
                f"the time of {len(states)} states of {self.name!r} must be a number or have "
                f"shape ({len(states)},), not {times.shape}"
            )
        states = self._inputs(states, delayed)
        return np.broadcast_to(times, (len(states),)), states, single

    # ---------------------------------------------------------------- copies

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self  # everything in it is frozen too

    def _variant(self) -> dict[str, Any]:
        """Return what distinguishes this system from the definition at its home."""
        return {
            "dimension": self.dimension, "parameters": dict(self.parameters), "ic": self.ic,
        }  # fmt: skip

    def _as_variant(
        self, *, dimension: int, parameters: dict[str, float], ic: tuple[float, ...]
    ) -> System:
        """Return the variant of this system that `_variant` describes."""
        sized = self if dimension == self.dimension else self.with_dimension(dimension)
        return sized.with_params(**parameters).with_ic(ic)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a reference to the definition, so that no other system can take its place.

        Raises:
            InputError: another process would not find the system there.

        """
        what = f"the system {self.name!r} cannot be sent to another process"
        module, place = self.home
        advice = (
            f"that process looks for {place!r} in the module {module!r}; define the system at the "
            "top level of a module, under the name of its function"
        )
        try:
            found = _restored(self.home, self._variant())
        except (ImportError, AttributeError) as error:
            raise InputError(f"{what}: {advice}") from error
        if found != self:
            raise InputError(f"{what}: {advice}; what is found there is {found!r}")
        return _restored, (self.home, self._variant())


def _restored(home: tuple[str, str], variant: dict[str, Any]) -> System:
    """Find a system where it was defined, and return a variant of it."""
    module, place = home
    found = attrgetter(place)(importlib.import_module(module))
    if not isinstance(found, System):
        raise InputError(f"{place!r} in the module {module!r} is not a system: {found!r}")
    return found._as_variant(**variant)


def with_dimension(system: System, d: int) -> System:
    """Return the same equation with `d` state variables; see `System.with_dimension`."""
    return system.with_dimension(d)
