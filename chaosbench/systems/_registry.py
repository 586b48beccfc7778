"""The registry of the catalogue."""

from __future__ import annotations

import importlib
import pkgutil

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
    """Return a System as it is, or look it up by its name or alias."""
    return system if isinstance(system, System) else registry[system]
