"""Fields: partial differential equations on periodic domains."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from chaosbench.errors import DefinitionError, InputError, ParameterError, shown
from chaosbench.expressions import Expr, Graph
from chaosbench.systems._declare import check_names, declared, parameters_of, title_of
from chaosbench.systems._system import Kind, System
from chaosbench.systems.discretisation import Discretisation
from chaosbench.systems.tracing import is_finite_number

__all__ = ["FieldSystem", "dx", "dy", "field", "inverse_laplacian", "laplacian"]

COORDINATES = ("x", "y")

FEWEST_POINTS = 8
"""Fewest grid points along an axis."""

IC_DECIMALS = 8
"""Decimals to which the initial values on the grid are rounded."""


def dx(f: Any, order: int = 1) -> Any:
    """Return the derivative of a field along x."""
    return _operate("dx", f, order)


def dy(f: Any, order: int = 1) -> Any:
    """Return the derivative of a field along y."""
    return _operate("dy", f, order)


def laplacian(f: Any) -> Any:
    """Return the sum of the second derivatives of a field."""
    return _operate("laplacian", f)


def inverse_laplacian(f: Any) -> Any:
    """Return the field of zero mean whose Laplacian is `f` minus its mean."""
    return _operate("inverse_laplacian", f)


def _operate(op: str, f: Any, *order: int) -> Any:
    if order and not (isinstance(order[0], int) and order[0] >= 1):
        raise DefinitionError(f"the order of {op} must be a positive integer, not {order[0]!r}")
    if isinstance(f, Expr):
        if f.op == "const":
            return 0.0
        # dx(f) and dx(f, 1) are the same node
        return f.graph.apply(op, f, *(n for n in order if n > 1))
    return 0.0 if np.ndim(f) == 0 else f.operate(op, *order)


@dataclass(frozen=True, eq=False, repr=False)
class FieldSystem(System):
    """A partial differential equation on a periodic grid; its variables are the grid values.

    Made by the decorator `field`.

    Attributes:
        components: names of the `m` fields; field ``u`` has the variables ``u0``, ``u1``, ….
        points: grid points along each axis.
        extent: length of each axis, a number or the name of a parameter.
        start: initial fields as functions of the coordinates in radians; see `field`.

    """

    kind: ClassVar[Kind] = "field"

    components: tuple[str, ...] = ()
    points: tuple[int, ...] = ()
    extent: tuple[str | float, ...] = ()

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of the unknowns of the equation: the fields, not their grid values."""
        return self.components

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the axes."""
        return COORDINATES[: len(self.points)]

    @property
    def lengths(self) -> tuple[float, ...]:
        """Length of each axis."""
        return tuple(
            float(self.parameters[v]) if isinstance(v, str) else float(v) for v in self.extent
        )

    @cached_property
    def discretisation(self) -> Discretisation:
        """The pseudo-spectral form of the equation on this grid."""
        for name, length in zip(self.extent, self.lengths, strict=True):
            if not length > 0:
                raise ParameterError(
                    f"the length {name!r} of {self.name!r} must be positive, not {length!r}"
                )
        try:
            return Discretisation(self.trace.inputs, self.trace.outputs, self.points, self.lengths)
        except DefinitionError as error:
            raise DefinitionError(f"the field {self.name!r} cannot be used: {error}") from error

    def check(self) -> None:
        """Trace the definition and put it on its grid.

        Raises:
            DefinitionError: something cannot be traced, or is more than the grid can hold.

        """
        super().check()
        _ = self.discretisation

    @property
    def kernel(self) -> Any:
        """The right-hand side at times ``(n,)`` and states ``(n, d)``, in NumPy."""
        # state by state, because transforms of many states at once round differently
        return lambda _, states: np.concatenate(
            [self.discretisation.rhs(state) for state in states[:, np.newaxis]]
        )

    @property
    def jacobian_kernel(self) -> Any:
        """The exact Jacobian of the discretisation, in NumPy."""
        return lambda _, states: np.stack([self.discretisation.jacobian(s) for s in states])

    def tangent_kernel(self, count: int) -> Any:
        """Raise an error: the tangent vectors of a field take the steps of the solution."""
        raise InputError(
            f"the field {self.name!r} has no machine code for {count} tangent vectors; "
            "use lyapunov_spectrum or jacobian"
        )

    def _symbols(self, graph: Graph) -> dict[str, Expr]:
        return {
            name: graph.symbol("coordinate", axis, name)
            for axis, name in enumerate(self.coordinates)
        }

    def _more_to_hash(self, number: Mapping[int, int]) -> Mapping[str, Any]:
        del number
        return {"points": self.points, "lengths": [length.hex() for length in self.lengths]}

    def _unrounded_ic(self) -> tuple[float, ...]:
        assert self.start is not None
        _, values = _on_grid(self.name, self.components, self.points, self.start)
        if _rounded(values) != self.ic:
            return self.ic  # given by the user
        return values

    def with_dimension(self, d: int) -> Self:
        """Return the same equation on a grid with `d` values in all and axes of equal length."""
        n = round((d / len(self.components)) ** (1 / len(self.points))) if d > 0 else 0
        if len(self.components) * n ** len(self.points) != d:
            raise DefinitionError(
                f"{self.name!r} has {len(self.components)} field(s) on a square grid of "
                f"{len(self.points)} dimension(s); {d!r} values do not fill one"
            )
        return self.with_points(n)

    def with_points(self, n: int) -> Self:
        """Return the same equation with `n` grid points along each axis.

        Raises:
            DefinitionError: `n` is odd or below 8.

        """
        assert self.start is not None
        points = (n,) * len(self.points)
        variables, ic = _on_grid(self.name, self.components, points, self.start)
        return replace(self, variables=variables, points=points, ic=_rounded(ic))


def field(
    *,
    points: int | tuple[int, int],
    length: str | float | tuple[str | float, str | float],
    ic: Callable[..., Any],
    reference: str,
    tags: Iterable[str] = (),
    aliases: Iterable[str] = (),
    dissipative: bool = False,
    transient: bool = False,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], FieldSystem]:
    """Define a partial differential equation on a periodic domain of one or two dimensions.

    The decorated function returns the time derivative of each field. Its positional arguments are
    the fields and the coordinates `x` and `y`; its keyword-only arguments are the parameters.
    Derivatives are written with `dx`, `dy`, `laplacian` and `inverse_laplacian`. Terms that are not
    linear with constant coefficients must be polynomials of the fields and their derivatives.

    Args:
        points: number of grid points along each axis; it must be even.
        length: length of each axis, a number or the name of the parameter that holds it.
        ic: initial field, or a tuple of them, as a function of the coordinates scaled to [0, 2π).
        reference: key into ``references.bib``.
        tags: see the guide.
        aliases: other names.
        name: registered name; by default that of the function.

    Example:
        >>> @field(points=64, length="L", ic=np.sin, reference="burgers1948")
        ... def burgers(u, *, L=6.28, nu=0.1):
        ...     return nu * dx(u, 2) - dx(u * u) / 2
        >>> burgers.dimension
        64

    """
    grid = (points,) if isinstance(points, int) else tuple(points)
    extent = length if isinstance(length, tuple) else (length,) * len(grid)

    def decorate(function: Callable[..., Any]) -> FieldSystem:
        title = title_of(function, name)
        positional, parameters = parameters_of(function, title)
        components = tuple(p for p in positional if p not in COORDINATES)
        variables, start = _on_grid(title, components, grid, ic)
        check_names(title, variables, parameters, aliases=aliases, reference=reference)
        for entry in extent:
            if isinstance(entry, str) and entry not in parameters:
                raise DefinitionError(
                    f"the field {title!r} has no parameter {entry!r} for its length"
                )
            value = parameters[entry] if isinstance(entry, str) else entry
            if not (is_finite_number(value) and value > 0):
                raise DefinitionError(
                    f"the length of {title!r} must be a positive number or the name of a "
                    f"parameter, not {shown(value)}"
                )
        return FieldSystem(
            name=title,
            function=function,
            variables=variables,
            parameters=MappingProxyType(parameters),
            ic=_rounded(start),
            reference=reference,
            home=(function.__module__, function.__qualname__),
            declared_tags=declared(tags, title),
            aliases=tuple(aliases),
            dissipative=dissipative,
            transient=transient,
            layout=tuple(positional),
            components=components,
            points=grid,
            extent=extent,
            start=ic,
        )

    return decorate


def _on_grid(
    title: str, components: tuple[str, ...], points: tuple[int, ...], start: Callable[..., Any]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the names of the grid values and their initial values."""
    if any(not isinstance(n, int) or n < FEWEST_POINTS or n % 2 for n in points):
        raise DefinitionError(
            f"the grid of {title!r} must have an even number of at least {FEWEST_POINTS} points "
            f"along each axis, not {points}"
        )
    angles = np.meshgrid(*(2 * np.pi * np.arange(n) / n for n in points), indexing="ij")
    if not callable(start):
        raise DefinitionError(
            f"the initial state of {title!r} is a function of the coordinates, such as np.sin, "
            f"not {shown(start)}"
        )
    made = start(*angles)
    fields = made if isinstance(made, tuple) else (made,)
    try:
        values = [np.broadcast_to(np.asarray(f, dtype=np.float64), points) for f in fields]
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"the initial state of {title!r} must be fields of the shape {points}: {error}"
        ) from error
    if len(values) != len(components) or not np.isfinite(values).all():
        raise DefinitionError(
            f"the initial state of {title!r} must be {len(components)} finite fields "
            f"({', '.join(components)}), not {len(values)}"
        )
    count = math.prod(points)
    names = tuple(f"{component}{i}" for component in components for i in range(count))
    return names, tuple(float(v) for f in values for v in f.ravel())


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    """Round initial values: the last bits of exp and sin differ between processors."""
    return tuple(round(value, IC_DECIMALS) for value in values)
