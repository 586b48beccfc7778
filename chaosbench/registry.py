"""Registries: a mapping that loads lazily, resolves aliases and suggests similar names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from chaosbench.errors import InputError, UnknownNameError

__all__ = ["PluginWarning", "Registry", "RegistryModule"]

T = TypeVar("T")


class PluginWarning(UserWarning):
    """A plugin could not be imported; everything else still works."""


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from names to values; iterating gives the primary names in sorted order.

    Values may be registered directly, or lazily through the entry point group `group`: the
    module behind an entry point is imported when its value is first asked for. `populate` is
    called once, before the first look-up; it is for registries that fill themselves by importing.
    """

    def __init__(
        self, what: str, *, group: str | None = None, populate: Callable[[], None] | None = None
    ) -> None:
        self.what = what
        self._group = group
        self._populate = populate
        self._values: dict[str, T] = {}
        self._lazy: dict[str, EntryPoint] = {}
        self._aliases: dict[str, str] = {}

    def add(self, name: str, value: T, *, aliases: tuple[str, ...] = ()) -> None:
        """Register `value` under a name and its aliases.

        Raises:
            InputError: the name or an alias already belongs to another value.

        """
        for key in (name, *aliases):
            holder = self._aliases.get(key, key if key in self._values else None)
            if holder is not None and holder != name:
                raise InputError(f"the {self.what} name {key!r} already belongs to {holder!r}")
        if name in self._values and self._values[name] is not value:
            raise InputError(f"the {self.what} name {name!r} is already registered")
        self._values[name] = value
        for alias in aliases:
            self._aliases[alias] = name

    def _fill(self) -> None:
        if self._populate is not None:
            populate, self._populate = self._populate, None
            populate()
        if self._group is not None:
            group, self._group = self._group, None
            for point in entry_points(group=group):
                self._lazy.setdefault(point.name, point)

    def resolve(self, name: str) -> str:
        """Return the primary name behind a name or alias.

        Raises:
            UnknownNameError: there is no such name; the message suggests similar ones.

        """
        if not isinstance(name, str):
            raise InputError(
                f"the name of a {self.what} is a text, not a value of type {type(name).__name__}"
            )
        self._fill()
        primary = self._aliases.get(name, name)
        if primary in self._values or primary in self._lazy:
            return primary
        raise UnknownNameError(self.what, name, [*self._values, *self._lazy, *self._aliases])

    def origin(self, name: str) -> str:
        """Return where the value behind `name` is defined, ``module:name``; import nothing."""
        primary = self.resolve(name)
        if primary in self._lazy:
            return self._lazy[primary].value
        return _place(self._values[primary])

    def name_of(self, value: object) -> str | None:
        """Return the name under which a class or another value is registered; None if it is not."""
        self._fill()
        for name in self:
            if self._values.get(name) is value:
                return name
            if name in self._lazy and self._lazy[name].value == _place(value):
                return name
        return None

    def __getitem__(self, name: str) -> T:
        primary = self.resolve(name)
        if primary not in self._values:
            point = self._lazy[primary]
            try:
                self._values[primary] = point.load()
            except Exception as error:
                raise InputError(
                    f"the {self.what} {primary!r} ({point.value}) cannot be imported: "
                    f"{type(error).__name__}: {error}"
                ) from error
        return self._values[primary]

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return iter(sorted({*self._values, *self._lazy}))

    def __len__(self) -> int:
        self._fill()
        return len({*self._values, *self._lazy})

    def __contains__(self, name: object) -> bool:
        self._fill()
        return name in self._values or name in self._lazy or name in self._aliases

    def available(self) -> dict[str, T]:
        """Load everything; each failed import gives a `PluginWarning` that names it."""
        loaded: dict[str, T] = {}
        for name in self:
            try:
                loaded[name] = self[name]
            except InputError as error:
                warnings.warn(str(error), PluginWarning, stacklevel=2)
        return loaded


def _place(value: object) -> str:
    return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"


class RegistryModule(ModuleType):
    """A package that is also the registry it holds, so that ``cb.systems["lorenz"]`` works.

    A package ``__init__`` defines ``registry`` and sets its own ``__class__`` to this.
    """

    registry: Registry[Any]

    def __getitem__(self, name: str) -> Any:
        return self.registry[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.registry)

    def __len__(self) -> int:
        return len(self.registry)

    def __contains__(self, name: object) -> bool:
        return name in self.registry
