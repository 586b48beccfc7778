"""Registries: a mapping that loads lazily, resolves aliases and suggests similar names."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    If the registry `follows` another one, it is called again after that one has changed. A name
    that becomes part of a file's name must match the pattern `named`, and nothing may take one of
    the names `reserved`. `explain` is called with a name that is not there, and may raise an error
    that says more.

    A name belongs to one value, in whatever order things are registered and installed. Among entry
    points those of this package come first. An entry point with a name that is taken or wrong is
    left out with a `PluginWarning`; of two packages that want one name neither gets it.
    """

    def __init__(
        self,
        what: str,
        *,
        group: str | None = None,
        populate: Callable[[], None] | None = None,
        named: re.Pattern[str] | None = None,
        reserved: Iterable[str] = (),
        follows: Registry[Any] | None = None,
        explain: Callable[[str], None] | None = None,
    ) -> None:
        self.what = what
        self._group = group
        self._populate = populate
        self._follows = follows
        self._explain = explain
        self._changes = 0
        self._filled: int | None = None
        self._named = named
        self._reserved = {_alike(name) for name in reserved}
        self._contested: dict[str, str] = {}
        self._values: dict[str, T] = {}
        self._lazy: dict[str, EntryPoint] = {}
        self._aliases: dict[str, str] = {}

    def add(self, name: str, value: T, *, aliases: tuple[str, ...] = ()) -> None:
        """Register `value` under a name and its aliases.

        Raises:
            InputError: the name or an alias already belongs to another value, also to one that is
                not loaded yet, or is not one that it may have.

        """
        self._find()
        for key in (name, *aliases):
            if refusal := self._refusal(key):
                raise InputError(refusal)
            holder = self._aliases.get(key, key if key in self._values else None)
            if holder is not None and holder != name:
                raise InputError(f"the {self.what} name {key!r} already belongs to {holder!r}")
            point = self._lazy.get(key)
            if point is not None and (key != name or not _is(point, value)):
                raise InputError(
                    f"the {self.what} name {key!r} already belongs to {point.value}; "
                    "choose another name"
                )
        if name in self._values and self._values[name] is not value:
            raise InputError(
                f"the {self.what} name {name!r} is already registered; choose another name"
            )
        self._values[name] = value
        for alias in aliases:
            self._aliases[alias] = name
        self.touch()

    def discard(self, name: str) -> None:
        """Forget a value that was registered outright, so that its names are free again."""
        if name not in self._lazy:
            self._values.pop(name, None)
            self._aliases = {k: v for k, v in self._aliases.items() if v != name}
            self.touch()

    def touch(self) -> None:
        """Note that the values, or what is known of them, have changed."""
        self._changes += 1

    @property
    def changes(self) -> int:
        """How often this registry has changed."""
        self._fill()
        return self._changes

    def _refusal(self, name: str) -> str:
        """Say why nothing may have this name; empty where it may."""
        if self._named is not None and not self._named.fullmatch(name):
            return (
                f"{name[:80]!r} cannot be the name of a {self.what}: a name has at most 64 "
                "letters, digits, _ and -"
            )
        if _alike(name) in self._reserved:
            return f"the {self.what} name {name!r} is reserved; choose another name"
        return self._contested.get(name, "")

    def _fill(self) -> None:
        if self._populate is not None:
            changes = 0 if self._follows is None else self._follows.changes
            if changes != self._filled:
                self._filled = changes  # before it is called, for it looks names up
                self._populate()
        self._find()

    def _find(self) -> None:
        """Find the entry points, once."""
        if self._group is None:
            return
        group, self._group = self._group, None
        for point in sorted(entry_points(group=group), key=lambda point: not _is_ours(point)):
            name, value = point.name, point.value
            taken = self._lazy.get(name)
            refusal = self._refusal(name)
            if not refusal and taken is not None and taken.value != value:
                refusal = f"the {self.what} name {name!r} belongs to {taken.value}"
                if not _is_ours(taken):  # neither has a better right
                    del self._lazy[name]
                    refusal = self._contested[name] = (
                        f"two installed packages want the {self.what} name {name!r}, for "
                        f"{taken.value} and for {value}; uninstall one of them"
                    )
            if refusal:
                warnings.warn(f"{value} is left out: {refusal}", PluginWarning, stacklevel=3)
            elif taken is None:
                self._lazy[name] = point

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
        if name in self._contested:
            raise InputError(self._contested[name])
        if self._explain is not None:
            self._explain(name)
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
            if name in self._lazy and _is(self._lazy[name], value):
                return name
        return None

    def entry_point(self, name: str) -> EntryPoint | None:
        """Return the entry point that `name` came through; None if it was registered outright."""
        return self._lazy.get(self.resolve(name))

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


def _is_ours(point: EntryPoint) -> bool:
    return point.value.startswith("chaosbench.")


def _is(point: EntryPoint, value: object) -> bool:
    """Say whether an entry point stands for a value, without importing anything."""
    if point.value == _place(value):
        return True
    module = sys.modules.get(point.module)  # one that exports what another module defines
    return module is not None and getattr(module, point.attr, None) is value


def _alike(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


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
