"""Masked arrays, complex numbers and the order in memory, for every metric with windows."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench import metrics
from chaosbench.errors import InputError

TRUTH = np.random.default_rng(0).standard_normal((3, 80, 2)).cumsum(axis=1) + 20.0
MADE = TRUTH + 0.1 * np.random.default_rng(1).standard_normal(TRUTH.shape)

CALLS = {
    "smape": lambda y, yhat: metrics.smape(y, yhat),
    "nrmse": lambda y, yhat: metrics.nrmse(y, yhat, scale=1.0),
    "mase": lambda y, yhat: metrics.mase(y, yhat, TRUTH),
    "mse": metrics.mse,
    "valid_prediction_steps": lambda y, yhat: metrics.valid_prediction_steps(y, yhat, scale=0.2),
    "crps": lambda y, yhat: metrics.crps(y, np.ma.stack([yhat, yhat]), scale=1.0),
    "state_space_divergence": lambda y, yhat: metrics.state_space_divergence(y[0], yhat[0]),
    "spectral_hellinger": metrics.spectral_hellinger,
    "sliced_wasserstein": lambda y, yhat: metrics.sliced_wasserstein(y[0], yhat[0], scale=1.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_masked_in_a_forecast_is_not_a_number(name):
    hidden = np.ma.masked_array(MADE, np.zeros(MADE.shape, dtype=bool))
    same = np.asarray(CALLS[name](TRUTH, hidden))
    np.testing.assert_array_equal(same, CALLS[name](TRUTH, MADE))
    hidden[0, 40:] = np.ma.masked
    gappy = np.where(np.ma.getmaskarray(hidden), np.nan, MADE)
    np.testing.assert_array_equal(CALLS[name](TRUTH, hidden), CALLS[name](TRUTH, gappy))


@pytest.mark.parametrize("name", CALLS)
def test_a_masked_truth_is_refused_like_one_with_gaps(name):
    with pytest.raises(InputError, match="finite"):
        CALLS[name](np.ma.masked_array(TRUTH, TRUTH.mean() > TRUTH), MADE)


@pytest.mark.parametrize("name", CALLS)
def test_complex_numbers_are_refused(name):
    for pair in ((TRUTH.astype(complex), MADE), (TRUTH, MADE.astype(complex))):
        with pytest.raises(InputError, match="real numbers, not complex128"):
            CALLS[name](*pair)


@pytest.mark.parametrize("name", CALLS)
def test_the_order_in_memory_changes_no_bit_of_a_score(name):
    expected = np.asarray(CALLS[name](TRUTH, MADE)).tobytes()
    turned = [np.asfortranarray(a) for a in (TRUTH, MADE)]
    assert np.asarray(CALLS[name](*turned)).tobytes() == expected
    picked = [a[..., [0, 1]] for a in (TRUTH, MADE)]
    assert np.asarray(CALLS[name](*picked)).tobytes() == expected


def test_a_masked_scale_is_no_scale():
    with pytest.raises(InputError, match="scale must be finite"):
        metrics.nrmse(TRUTH, MADE, scale=np.ma.masked_array([1.0, 1.0], [False, True]))


@pytest.mark.parametrize(
    "metric",
    [
        metrics.state_space_divergence, metrics.spectral_hellinger, metrics.sliced_wasserstein,
        metrics.maximum_mean_discrepancy, metrics.mean_error, metrics.spread_error,
        metrics.correlation_dimension_error, metrics.derivative_smape,
    ],
)  # fmt: skip
def test_a_series_with_more_variables_than_samples_is_refused(metric):
    turned = np.random.default_rng(0).standard_normal((3, 50))
    with pytest.raises(InputError, match=r"3 samples of 50 variables; transpose"):
        metric(turned, turned)
