"""The registry of the catalogue."""

from __future__ import annotations

import importlib
import pkgutil

from chaosbench.errors import InputError
from chaosbench.registry import Registry
from chaosbench.systems._system import System

__all__ = ["get", "registry"]

CATALOGUE = "chaosbench.systems.catalogue"


def _populate() -> None:
    """Import every module of the catalogue and register its systems."""
    folder = importlib.import_module(CATALOGUE)
    for module in pkgutil.iter_modules(folder.__path__):
        loaded = importlib.import_module(f"{CATALOGUE}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, System):
                registry.add(value.name, value, aliases=value.aliases)


registry: Registry[System] = Registry("system", populate=_populate)


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
