"""The registry of the catalogue and of the systems that users add to it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from chaosbench.errors import InputError
from chaosbench.registry import PluginWarning, Registry
from chaosbench.systems._system import System

__all__ = [
    "Origin", "add_own", "forget", "get", "is_own", "origin_of", "registry", "systems_in",
]  # fmt: skip

CATALOGUE = "chaosbench.systems.catalogue"

GROUP = "chaosbench.systems"
"""Entry points of packages that bring systems: a module of systems, or one system."""


@dataclass(frozen=True)
class Origin:
    """Where a system comes from that is not of the catalogue.

    Attributes:
        file: the Python file that defines it.
        installed: whether an installed package brings it.

    """

    file: Path
    installed: bool

    @property
    def folder(self) -> Path:
        """The folder beside the file that holds the constants of its systems."""
        return self.file.with_suffix(".constants")


_origins: dict[str, Origin] = {}


def origin_of(name: str) -> Origin | None:
    """Return where a system comes from; None for those of the catalogue."""
    return _origins.get(name)


def is_own(name: str) -> bool:
    """Say whether a system is a user's own, not one of the catalogue."""
    return name in _origins


def _populate() -> None:
    """Import every module of the catalogue and register its systems, then those of packages."""
    folder = importlib.import_module(CATALOGUE)
    for module in pkgutil.iter_modules(folder.__path__):
        loaded = importlib.import_module(f"{CATALOGUE}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, System):
                registry.add(value.name, value, aliases=value.aliases)
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            value = point.load()
            file = sys.modules[point.module].__file__ or point.module
            found = systems_in(value) if isinstance(value, ModuleType) else [value]
            if not all(isinstance(one, System) for one in found):
                raise InputError(f"it is of type {type(value).__name__}, not a module or a System")
            add_own(found, Origin(Path(file), installed=True))
        except Exception as error:  # the user's code may raise anything; the others still work
            message = str(error) if isinstance(error, InputError) else f"{error!r:.300}"
            text = f"the systems of {point.value} are left out: {message}"
            warnings.warn(text, PluginWarning, stacklevel=2)


def systems_in(module: ModuleType) -> list[System]:
    """List the systems at the top level of a module, without those that it only imports.

    A name that begins with an underscore is the module's own business.
    """
    values = [value for name, value in vars(module).items() if not name.startswith("_")]
    found = {id(value): value for value in values if isinstance(value, System)}
    return [one for one in found.values() if one is not registry.get(one.name)]


def add_own(systems: Iterable[System], origin: Origin) -> None:
    """Check and register a user's systems: all of them or none.

    Raises:
        InputError: a name is taken, or a definition cannot be traced.

    """
    done: list[str] = []
    try:
        for system in systems:
            system.check()
            if system.name in registry:
                raise InputError(
                    f"the system name {system.name!r} already belongs to {_holder(system.name)}; "
                    "choose another name"
                )
            registry.add(system.name, system, aliases=system.aliases)
            done.append(system.name)
            _origins[system.name] = origin
    except BaseException:
        forget(done)
        raise


def _holder(name: str) -> str:
    primary = registry.resolve(name)
    origin = origin_of(primary)
    place = "the catalogue" if origin is None else origin.file
    return f"{primary!r} of {place}"


def forget(names: Iterable[str]) -> None:
    """Take a user's systems out of the registry."""
    for name in names:
        registry.discard(name)
        _origins.pop(name, None)


registry: Registry[System] = Registry("system", populate=_populate, reserved=("all",))


def get(system: str | System) -> System:
    """Return the System itself, or the registered one of that name or alias.

    Raises:
        UnknownNameError: no system has that name.
        InputError: it is neither a System nor a name.

    """
    if isinstance(system, System):
        return system
    if not isinstance(system, str):
        kind = type(system).__name__
        raise InputError(
            f"a System or its name is expected, such as 'lorenz', not a value of type {kind}"
            + ("; trajectories have no equation to integrate" if kind == "Trajectories" else "")
        )
    return registry[system]
