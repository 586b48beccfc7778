"""The catalogue of chaotic systems.

``chaosbench.systems["lorenz"]`` is a `System`; iterating gives names, and an unknown name suggests
near ones. Each module of `catalogue` holds the systems of one field; every System at its top level
is registered under its name and aliases.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from chaosbench.registry import Registry, RegistryModule
from chaosbench.systems._declare import (
    delay,
    flow,
    map,  # noqa: A004
    stochastic,
    with_dimension,
)
from chaosbench.systems._field import FieldSystem, dx, dy, field, inverse_laplacian, laplacian
from chaosbench.systems._system import System

__all__ = [
    "FieldSystem", "System", "delay", "dx", "dy", "field", "flow", "get", "inverse_laplacian",
    "laplacian", "map", "registry", "stochastic", "with_dimension",
]  # fmt: skip


def _populate() -> None:
    catalogue = importlib.import_module(f"{__name__}.catalogue")
    for module in pkgutil.iter_modules(catalogue.__path__):
        loaded = importlib.import_module(f"{catalogue.__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, System):
                registry.add(value.name, value, aliases=value.aliases)


registry: Registry[System] = Registry("system", populate=_populate)


def get(system: str | System) -> System:
    """Return the System itself, or the registered one of that name or alias."""
    return system if isinstance(system, System) else registry[system]


sys.modules[__name__].__class__ = RegistryModule
