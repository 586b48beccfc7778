"""Maps: the next state as a function of the present one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from chaosbench.errors import DefinitionError, InputError, shown
from chaosbench.systems._declare import Angles, InitialState, declare, title_of
from chaosbench.systems._system import Kind, System
from chaosbench.systems._units import rescaled
from chaosbench.systems.tracing import signature
from chaosbench.trajectories import FloatArray

__all__ = ["Map", "map"]


@dataclass(frozen=True, eq=False, repr=False)
class Map(System):
    """A map, made by the decorator `map`.

    Attributes:
        inverse_function: the definition of the inverse, if there is one.
        inverted: whether this is the inverse of the map that was defined.

    """

    kind: ClassVar[Kind] = "map"
    discrete: ClassVar[bool] = True

    inverse_function: Callable[..., Any] | None = field(default=None)
    inverted: bool = False

    @cached_property
    def backwards(self) -> Map:
        """The inverse as a map of its own.

        Raises:
            InputError: the definition gives no inverse.

        """
        if self.inverse_function is None:
            raise InputError(
                f"the definition of the map {self.name!r} gives no inverse; define it with "
                "map(inverse=...)"
            )
        return replace(
            self,
            function=self.inverse_function,
            inverse_function=self.function,
            inverted=not self.inverted,
        )

    def inverse(self, u: ArrayLike, t: ArrayLike = 0.0) -> FloatArray:
        """Return the states ``(d,)`` or ``(n, d)`` that the map takes to `u`.

        `t` is the iteration of the returned states; only driven maps read it.

        Raises:
            InputError: no inverse is defined, as for maps that are not one-to-one.

        """
        return self.backwards.rhs(t, u)

    def _more_in_units(self, units: Sequence[float]) -> Mapping[str, Any]:
        if self.inverse_function is None:
            return super()._more_in_units(units)
        inverse = rescaled(self.inverse_function, self.layout, units, {}, units)
        return {**super()._more_in_units(units), "inverse_function": inverse}

    def _variant(self) -> dict[str, Any]:
        return {**super()._variant(), "inverted": self.inverted}

    def _as_variant(self, *, inverted: bool = False, **others: Any) -> System:
        made = super()._as_variant(**others)
        return made.backwards if inverted and isinstance(made, Map) else made


def map(  # noqa: A001 - the field's word
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
    inverse: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Map]:
    """Define a map: the decorated function returns the next state.

    Args:
        ic, reference, tags, aliases, dissipative, transient, angles, unbounded, dim, name: as for
            `flow`.
        inverse: function that returns the previous state, where a closed form exists; it takes the
            arguments of the map. See `Map.inverse`.

    Raises:
        DefinitionError: the inverse has other arguments or default values than the map.

    """

    def decorate(function: Callable[..., Any]) -> Map:
        title = title_of(function, name)
        if inverse is not None and not callable(inverse):
            raise DefinitionError(f"the inverse of {title!r} is a function, not {shown(inverse)}")
        if inverse is not None and signature(inverse) != signature(function):
            raise DefinitionError(
                f"the inverse of {title!r} must have the arguments and the default "
                "values of the map itself"
            )
        return declare(
            Map, function, ic=ic, reference=reference, tags=tags, aliases=aliases, dim=dim,
            name=name, dissipative=dissipative, transient=transient, angles=angles,
            unbounded=unbounded, inverse_function=inverse,
        )  # fmt: skip

    return decorate
