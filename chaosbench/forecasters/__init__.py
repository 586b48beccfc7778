"""Forecasters: frozen settings that are fitted to trajectories and return a predictor.

``chaosbench.forecasters["esn"]`` is the class of settings registered under that name. Built-in
adapters and plugins are found through the same entry point group, ``chaosbench.forecasters``.
Importing this package imports no adapter and none of their libraries.
"""

from __future__ import annotations

import re
import sys

from chaosbench.forecasters._protocol import EXPOSURES, Forecast, Forecaster, Predictor
from chaosbench.forecasters.koopman.audit import Audit
from chaosbench.registry import Registry, RegistryModule

__all__ = ["EXPOSURES", "Audit", "Forecast", "Forecaster", "Predictor", "registry"]

registry: Registry[type[Forecaster]] = Registry(
    "forecaster",
    group="chaosbench.forecasters",
    named=re.compile(r"[A-Za-z0-9_-]{1,64}"),  # names become parts of labels and of files' names
    reserved=["perfect model"],  # the ceiling's, which is no forecaster
)

sys.modules[__name__].__class__ = RegistryModule
