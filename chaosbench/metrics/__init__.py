"""Metrics: functions of arrays, each registered with its unit, direction and worst value.

``chaosbench.metrics.valid_prediction_time(...)`` is the function;
``chaosbench.metrics["valid_prediction_time"]``, or ``["vpt"]``, is the `Metric` that says how to
read and print its values. A metric scores windows; `chaosbench.leaderboard` aggregates the scores.
No metric raises an error because of NaN or infinity in a forecast: it returns its worst value.
"""

from __future__ import annotations

import sys

from chaosbench.metrics._association import kendall, mutual_information, pearson, spearman
from chaosbench.metrics._attractor import mixture_divergence, state_space_divergence
from chaosbench.metrics._ctf import (
    ctf_long_time_histogram,
    ctf_long_time_spectrum,
    ctf_short_time,
)
from chaosbench.metrics._distributions import maximum_mean_discrepancy, sliced_wasserstein
from chaosbench.metrics._ensembles import (
    coverage_error,
    crps,
    energy_score,
    interval_coverage,
    probabilistic_valid_prediction_time,
    spread_skill_error,
    spread_skill_ratio,
)
from chaosbench.metrics._equations import (
    coefficient_error,
    derivative_smape,
    structure_f1,
    structure_precision_recall,
)
from chaosbench.metrics._horizon import cumulative_maximum_error, prediction_error
from chaosbench.metrics._invariants import (
    CorrelationDimension,
    correlation_dimension,
    correlation_dimension_error,
    invariant_error,
    invariant_z_score,
)
from chaosbench.metrics._metadata import Metric, registry
from chaosbench.metrics._moments import mean_error, spread_error
from chaosbench.metrics._pointwise import mae, mase, mse, nrmse, prefix_mean, rmse, smape
from chaosbench.metrics._relative import (
    coefficient_of_variation,
    mape,
    marre,
    r2,
    rmsle,
    wape,
    window_nrmse,
    window_smape,
)
from chaosbench.metrics._spectrum import spectral_hellinger
from chaosbench.metrics._valid_prediction_time import (
    valid_prediction_steps,
    valid_prediction_time,
    valid_prediction_time_smape,
)
from chaosbench.registry import RegistryModule

__all__ = [
    "CorrelationDimension",
    "Metric",
    "coefficient_error",
    "coefficient_of_variation",
    "correlation_dimension",
    "correlation_dimension_error",
    "coverage_error",
    "crps",
    "ctf_long_time_histogram",
    "ctf_long_time_spectrum",
    "ctf_short_time",
    "cumulative_maximum_error",
    "derivative_smape",
    "energy_score",
    "interval_coverage",
    "invariant_error",
    "invariant_z_score",
    "kendall",
    "mae",
    "mape",
    "marre",
    "mase",
    "maximum_mean_discrepancy",
    "mean_error",
    "mixture_divergence",
    "mse",
    "mutual_information",
    "nrmse",
    "pearson",
    "prediction_error",
    "prefix_mean",
    "probabilistic_valid_prediction_time",
    "r2",
    "registry",
    "rmse",
    "rmsle",
    "sliced_wasserstein",
    "smape",
    "spearman",
    "spectral_hellinger",
    "spread_error",
    "spread_skill_error",
    "spread_skill_ratio",
    "state_space_divergence",
    "structure_f1",
    "structure_precision_recall",
    "valid_prediction_steps",
    "valid_prediction_time",
    "valid_prediction_time_smape",
    "wape",
    "window_nrmse",
    "window_smape",
]

sys.modules[__name__].__class__ = RegistryModule
