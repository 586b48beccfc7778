"""Metrics in odd units: no score may become perfect because a square overflows or vanishes."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import InputError
from chaosbench.metrics import registry as metrics

ODD = [1e-300, 1e-160, 1e160, 1e290]
SCALE_FREE = [
    "coefficient_of_variation", "correlation_dimension_error", "ctf_long_time_histogram",
    "ctf_long_time_spectrum", "ctf_short_time", "kendall", "mape", "marre",
    "maximum_mean_discrepancy", "mixture_divergence", "mutual_information", "pearson",
    "r2", "sliced_wasserstein", "smape", "spearman", "spectral_hellinger",
    "state_space_divergence", "wape", "window_nrmse", "window_smape",
]  # fmt: skip


@pytest.mark.parametrize("size", ODD)
@pytest.mark.parametrize("name", SCALE_FREE)
def test_no_unit_is_so_odd_that_a_wrong_forecast_is_perfect(name, size):
    """Squares overflow above 1e154 and vanish below 1e-162; a score without a unit must not."""
    generator = np.random.default_rng(3)
    truth, forecast = generator.normal(size=(2, 2, 400, 3)) + 2.0

    def score(unit):
        found = metrics[name]
        try:
            return float(np.ravel(found(unit * truth, unit * forecast))[0])
        except InputError:  # of single series
            return float(np.ravel(found(unit * truth[0], unit * forecast[0]))[0])

    assert score(size) == pytest.approx(score(1.0), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("size", ODD)
def test_an_error_with_a_unit_is_in_that_unit(size):
    generator = np.random.default_rng(4)
    truth, forecast = generator.normal(size=(2, 2, 400, 3))
    for name in ("rmse", "mae"):
        expected = size * metrics[name](truth, forecast)
        np.testing.assert_allclose(metrics[name](size * truth, size * forecast), expected)
