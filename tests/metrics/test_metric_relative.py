"""Relative errors against closed forms, scikit-learn and dysts, and where dysts is wrong."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from dysts.metrics import compute_metrics
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_percentage_error,
    r2_score,
    root_mean_squared_log_error,
)

from chaosbench import metrics
from chaosbench.metrics import (
    coefficient_of_variation,
    mape,
    marre,
    r2,
    rmsle,
    wape,
    window_nrmse,
    window_smape,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(4, 30, 3)) * [1.0, 5.0, 0.2] + [3.0, -2.0, 7.0]
FORECAST = TRUTH + 0.3 * RNG.normal(size=TRUTH.shape)
EPS = 1e-10  # what dysts adds to denominators


def dysts(name: str, truth: np.ndarray, forecast: np.ndarray) -> float:
    return float(compute_metrics(truth, forecast, include=[name])[name])


@pytest.mark.parametrize("window", range(4))
def test_where_dysts_is_right_we_agree(window: int) -> None:
    y, yhat = TRUTH[window], FORECAST[window]
    # its 1e-10 shifts a denominator of at least 1e-3 by at most 1e-7 of itself
    near = 1e-6
    assert window_nrmse(TRUTH, FORECAST)[window] == pytest.approx(dysts("nrmse", y, yhat), rel=near)
    assert wape(TRUTH, FORECAST)[window] == pytest.approx(dysts("wape", y, yhat), rel=near)
    assert mape(TRUTH, FORECAST)[window] == pytest.approx(dysts("mape", y, yhat), rel=near)
    assert window_smape(TRUTH, FORECAST)[window] == pytest.approx(
        2 * dysts("smape", y, yhat), rel=near
    )


@pytest.mark.parametrize("window", range(4))
@pytest.mark.parametrize("variable", range(3))
def test_single_variables_agree_with_dysts(window: int, variable: int) -> None:
    y, yhat = (a[window : window + 1, :, variable : variable + 1] for a in (TRUTH, FORECAST))
    assert marre(y, yhat)[0] == pytest.approx(dysts("marre", y[0], yhat[0]), rel=1e-6)
    assert r2(y, yhat)[0] == pytest.approx(dysts("r2_score", y[0], yhat[0]), rel=1e-9)
    # dysts ignores bias and keeps the mean's sign: an unbiased forecast of a positive truth
    up, fair = y - y.min() + 1, yhat - yhat.mean() + y.mean() - y.min() + 1
    assert coefficient_of_variation(up, fair)[0] == pytest.approx(
        dysts("coefficient_of_variation", up[0], fair[0]), rel=1e-6
    )
    # and it shifts each series by its own minimum: give both the same
    low = min(y.min(), yhat.min()) - 1
    same = [np.concatenate([[[[low]]], a], axis=1) for a in (y, yhat)]
    assert rmsle(*same)[0] == pytest.approx(dysts("rmsle", same[0][0], same[1][0]), rel=1e-6)


@pytest.mark.parametrize("window", range(4))
def test_agreement_with_scikit_learn(window: int) -> None:
    y, yhat = TRUTH[window], FORECAST[window]
    assert r2(TRUTH, FORECAST)[window] == pytest.approx(r2_score(y, yhat), rel=1e-12)
    assert mape(TRUTH, FORECAST)[window] == pytest.approx(
        100 * mean_absolute_percentage_error(y, yhat), rel=1e-12
    )
    low = y.min(axis=0)
    above = np.maximum(yhat, low)  # scikit-learn takes no negative numbers
    assert rmsle(TRUTH[window : window + 1], above[None])[0] == pytest.approx(
        root_mean_squared_log_error((y - low).ravel(), (above - low).ravel()), rel=1e-12
    )


def test_dysts_prints_half_of_smape() -> None:
    truth, forecast = np.ones((1, 5, 1)), -np.ones((1, 5, 1))
    assert window_smape(truth, forecast)[0] == 200.0
    assert dysts("smape", truth[0], forecast[0]) == pytest.approx(100.0)


def test_dysts_marre_hides_small_variables_behind_large_ones() -> None:
    time = np.linspace(0, 1, 11)[:, None]
    truth = np.hstack([time, 1000 * time])[None]
    forecast = truth + np.array([1.0, 0.0])  # wrong by the whole range of the first variable
    assert marre(truth, forecast)[0] == pytest.approx(50.0)
    assert dysts("marre", truth[0], forecast[0]) == pytest.approx(0.05)


def test_dysts_r2_calls_a_difference_of_levels_explained() -> None:
    noise = np.random.default_rng(1).normal(size=(1, 50, 2))
    truth = noise + np.array([0.0, 1000.0])
    forecast = np.broadcast_to(truth.mean(axis=1, keepdims=True), truth.shape)  # no skill
    assert r2(truth, forecast)[0] == pytest.approx(0.0, abs=1e-9)
    assert dysts("r2_score", truth[0], forecast[0]) > 0.999


def test_dysts_rmsle_forgives_any_constant_error() -> None:
    assert dysts("rmsle", TRUTH[0], TRUTH[0] + 100) == pytest.approx(0.0, abs=1e-9)
    # every value above the minimum is 100 too large: at least ln(1 + 100 / (1 + range))
    assert rmsle(TRUTH, TRUTH + 100)[0] > np.log1p(100 / (1 + np.ptp(TRUTH[0])))


def test_dysts_cv_forgives_bias_and_rewards_error_about_a_negative_mean() -> None:
    truth = np.full((1, 20, 1), 2.0) + np.linspace(-1, 1, 20)[None, :, None]
    assert dysts("coefficient_of_variation", truth[0], truth[0] + 50) == pytest.approx(0, abs=1e-9)
    assert coefficient_of_variation(truth, truth + 50)[0] == pytest.approx(2500.0)
    wild = -truth + np.random.default_rng(2).normal(size=truth.shape)
    assert dysts("coefficient_of_variation", -truth[0], wild[0]) < 0
    assert coefficient_of_variation(-truth, wild)[0] > 0


def test_known_numbers() -> None:
    truth = np.array([[[1.0, 0.0], [3.0, 4.0]]])
    forecast = np.array([[[2.0, 0.0], [3.0, 2.0]]])
    # errors 1, 0 | 0, 2; ranges 2 and 4; means 2 and 2; variances 1 and 4
    assert marre(truth, forecast)[0] == pytest.approx(100 * (0.5 / 2 + 1 / 4) / 2)
    assert mape(truth, forecast)[0] == pytest.approx(100 * (1 + 0 + 0 + 0.5) / 4)
    assert wape(truth, forecast)[0] == pytest.approx(100 * 3 / 8)
    assert r2(truth, forecast)[0] == pytest.approx(1 - (0.5 / 1 + 2 / 4) / 2)
    assert coefficient_of_variation(truth, forecast)[0] == pytest.approx(
        100 * (0.5**0.5 / 2 + 2**0.5 / 2) / 2
    )
    assert window_nrmse(truth, forecast)[0] == pytest.approx(((1 / 1 + 4 / 4) / 4) ** 0.5)
    assert window_nrmse(truth, forecast, scale=2.0)[0] == pytest.approx((5 / 4 / 4) ** 0.5)
    # above the minima 1 and 0: truth 0, 0, 2, 4; forecast 1, 0, 2, 2
    assert rmsle(truth, forecast)[0] == pytest.approx(
        ((np.log(2) ** 2 + (np.log(5) - np.log(3)) ** 2) / 4) ** 0.5
    )


def test_below_the_minimum_rmsle_keeps_its_sign() -> None:
    truth = np.array([[[0.0], [1.0]]])
    shift = np.array([[0.5], [0.0]])
    up, down = rmsle(truth, truth + shift), rmsle(truth, truth - shift)
    assert up == pytest.approx(np.log(1.5) / 2**0.5)
    assert down == pytest.approx(up)
    # a forecast mirrored at the minimum is not correct
    mirrored = np.array([[[0.0], [-1.0]]])
    assert rmsle(truth, mirrored)[0] == pytest.approx(2 * np.log(2) / 2**0.5)
    assert rmsle(truth, truth - 5)[0] > rmsle(truth, truth - 4)[0]


def test_a_zero_in_the_truth_is_capped_and_does_not_decide_alone() -> None:
    truth, forecast = np.ones((1, 100, 1)), np.ones((1, 100, 1))
    truth[0, 7] = 0.0
    assert mape(truth, forecast)[0] == pytest.approx(1e6 / 100)
    assert wape(truth, forecast)[0] == pytest.approx(100 / 99)
    zero = np.zeros((1, 4, 1))
    assert wape(zero, zero + 1)[0] == mape(zero, zero + 1)[0] == 1e6
    assert wape(zero, zero.copy())[0] == mape(zero, zero.copy())[0] == 0.0


@pytest.mark.parametrize("name", ["marre", "r2", "window_nrmse"])
def test_a_variable_without_variance_is_matched_up_to_rounding(name: str) -> None:
    truth = TRUTH.copy()
    truth[:, :, 1] = 0.1
    good = truth.copy()
    good[:, :, 1] += 1e-14
    bad = truth.copy()
    bad[:, :, 1] += 1e-3
    assert metrics[name](truth, good) == pytest.approx(1.0 if name == "r2" else 0.0, abs=1e-12)
    low, high = metrics[name].range
    # the whole ceiling, or a third of it where three variables are averaged
    end = abs(low if name == "r2" else high)
    assert (np.abs(metrics[name](truth, bad)) >= 0.33 * end).all()


@given(
    hnp.arrays(float, (2, 6, 2), elements=st.floats(-1e3, 1e3, width=32)),
    hnp.arrays(float, (2, 6, 2), elements=st.floats(-1e3, 1e3, width=32)),
    st.integers(-6, 6),
)
def test_relative_errors_have_no_units(y: np.ndarray, yhat: np.ndarray, power: int) -> None:
    c = 2.0**power
    for function in (coefficient_of_variation, mape, marre, r2, wape, window_nrmse, window_smape):
        plain = function(y, yhat)
        np.testing.assert_allclose(function(c * y, c * yhat), plain, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(function(y[..., ::-1], yhat[..., ::-1]), plain, rtol=1e-9)
        np.testing.assert_allclose(function(y[:, ::-1], yhat[:, ::-1]), plain, rtol=1e-9)
