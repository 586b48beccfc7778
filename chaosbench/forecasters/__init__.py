"""Forecasters: a frozen configuration that fits to trajectories and gives a predictor.

``chaosbench.forecasters["esn"]`` is the configuration class registered under that name; built-in
adapters and outside plugins come through the same entry point group, `chaosbench.forecasters`,
and importing this package imports no adapter's library.
"""

from __future__ import annotations

import sys

from chaosbench.forecasters._protocol import Forecast, Forecaster, Predictor
from chaosbench.forecasters.koopman.audit import Audit
from chaosbench.registry import Registry, RegistryModule

__all__ = ["Audit", "Forecast", "Forecaster", "Predictor", "registry"]

registry: Registry[type[Forecaster]] = Registry("forecaster", group="chaosbench.forecasters")

sys.modules[__name__].__class__ = RegistryModule
