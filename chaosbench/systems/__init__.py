"""The catalogue of chaotic systems, and the decorators that define new ones.

``chaosbench.systems["lorenz"]`` is a `System`. Iterating gives the names; the error about an
unknown name suggests similar ones. Each module of `catalogue` holds the systems of one field of
science; every System at its top level is registered under its name and aliases.
"""

from __future__ import annotations

import sys

from chaosbench.registry import RegistryModule
from chaosbench.systems._delay import Delay, DelaySystem, delay
from chaosbench.systems._field import FieldSystem, dx, dy, field, inverse_laplacian, laplacian
from chaosbench.systems._flow import Flow, flow
from chaosbench.systems._map import Map, map  # noqa: A004
from chaosbench.systems._registry import get, is_own, origin_of, registry
from chaosbench.systems._stochastic import StochasticSystem, stochastic
from chaosbench.systems._system import FINGERPRINT_VERSION, Kind, System, with_dimension
from chaosbench.systems.own import load_systems

__all__ = [
    "FINGERPRINT_VERSION", "Delay", "DelaySystem", "FieldSystem", "Flow", "Kind", "Map",
    "StochasticSystem", "System",
    "delay", "dx", "dy", "field", "flow", "get", "inverse_laplacian", "is_own", "laplacian",
    "load_systems", "map", "origin_of", "registry", "stochastic", "with_dimension",
]  # fmt: skip

sys.modules[__name__].__class__ = RegistryModule
