"""Metrics: functions of arrays, each registered with its unit, direction and worst value.

``chaosbench.metrics.valid_prediction_time(...)`` is the function;
``chaosbench.metrics["valid_prediction_time"]``, or ``["vpt"]``, is the `Metric` that says how to
read and print what it returns. Scores per window first; aggregation comes later, in
`chaosbench.leaderboard`. No metric raises on NaN or infinity in a forecast: it returns its worst
value.
"""

from __future__ import annotations

import sys

from chaosbench.metrics._attractor import mixture_divergence, state_space_divergence
from chaosbench.metrics._metadata import Metric, registry
from chaosbench.metrics._pointwise import mae, mase, mse, nrmse, prefix_mean, rmse, smape
from chaosbench.metrics._spectrum import spectral_hellinger
from chaosbench.metrics._valid_prediction_time import (
    valid_prediction_steps,
    valid_prediction_time,
    valid_prediction_time_smape,
)
from chaosbench.registry import RegistryModule

__all__ = [
    "Metric",
    "mae",
    "mase",
    "mse",
    "nrmse",
    "prefix_mean",
    "registry",
    "rmse",
    "smape",
    "spectral_hellinger",
    "state_space_divergence",
    "valid_prediction_steps",
    "valid_prediction_time",
    "valid_prediction_time_smape",
]

sys.modules[__name__].__class__ = RegistryModule
