"""Pointwise errors against closed forms, dysts, scikit-learn and their invariances."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from dysts.metrics import compute_metrics
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error

from chaosbench.errors import InputError
from chaosbench.metrics import mae, mase, mse, nrmse, prefix_mean, rmse, smape

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(4, 30, 3))
FORECAST = TRUTH + 0.3 * RNG.normal(size=TRUTH.shape)
shapes = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 3))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(shapes)
    numbers = hnp.arrays(float, shape, elements=st.floats(-1e3, 1e3, width=32))
    return draw(numbers), draw(numbers)


def test_smape_of_known_numbers() -> None:
    truth = np.array([[[1.0, 0.0], [1.0, 2.0], [-1.0, 1.0]]])
    forecast = np.array([[[3.0, 0.0], [np.nan, 2.0], [1.0, -np.inf]]])
    #        |1-3|/4 = 1/2, 0/0 = 0    NaN = 1, 0      opposite signs = 1, inf = 1
    assert smape(truth, forecast).tolist() == [[50.0, 100.0, 200.0]]
    assert smape(truth, forecast, prefix=True).tolist() == [[50.0, 75.0, 350.0 / 3]]


@pytest.mark.parametrize("window", range(4))
def test_smape_is_twice_that_of_dysts(window: int) -> None:
    theirs = compute_metrics(TRUTH[window], FORECAST[window], include=["smape"])["smape"]
    # dysts adds 1e-10 to each denominator and prints half
    assert smape(TRUTH, FORECAST)[window].mean() == pytest.approx(2 * theirs, rel=1e-6)


@pytest.mark.parametrize("window", range(4))
def test_plain_errors_agree_with_scikit_learn_and_dysts(window: int) -> None:
    y, yhat = TRUTH[window], FORECAST[window]
    assert mse(TRUTH, FORECAST)[window] == pytest.approx(mean_squared_error(y, yhat), rel=1e-12)
    assert mae(TRUTH, FORECAST)[window] == pytest.approx(mean_absolute_error(y, yhat), rel=1e-12)
    # over all entries: scikit-learn would average the roots of the variables
    root = root_mean_squared_error(y.ravel(), yhat.ravel())
    assert rmse(TRUTH, FORECAST)[window] == pytest.approx(root, rel=1e-12)
    theirs = compute_metrics(y, yhat, include=["mse", "mae", "rmse"])
    assert mse(TRUTH, FORECAST)[window] == pytest.approx(theirs["mse"])
    assert mae(TRUTH, FORECAST)[window] == pytest.approx(theirs["mae"])
    assert rmse(TRUTH, FORECAST)[window] == pytest.approx(theirs["rmse"])


def test_nrmse_of_known_numbers_and_its_ceiling() -> None:
    truth = np.zeros((1, 4, 2))
    forecast = np.array([[[3.0, 4.0], [0.0, 0.0], [1e9, 0.0], [np.nan, 0.0]]])
    curve = nrmse(truth, forecast, scale=[1.0, 1.0])
    np.testing.assert_allclose(curve, [[np.sqrt(12.5), 0.0, 1e6, 1e6]])
    np.testing.assert_allclose(nrmse(truth, forecast, scale=2.0)[0, 0], np.sqrt(12.5) / 2)
    assert nrmse(truth[:, :2], forecast[:, :2], scale=[1.0, 0.0]).tolist() == [[1e6, 0.0]]


def test_mase_scales_each_variable_by_its_own_context() -> None:
    context = np.array([[[0.0, 0.0], [1.0, 10.0], [0.0, 0.0]]])  # naive errors 1 and 10
    truth = np.zeros((1, 2, 2))
    forecast = np.array([[[2.0, 5.0], [2.0, 5.0]]])
    assert mase(truth, forecast, context).tolist() == [(2.0 + 0.5) / 2]


def test_mase_is_about_one_for_a_forecast_no_better_than_the_last_value() -> None:
    walk = np.random.default_rng(5).normal(size=(400, 21, 1)).cumsum(axis=1)
    context, truth = walk[:, :20], walk[:, 20:]
    assert mase(truth, context[:, -1:], context).mean() == pytest.approx(1.0, abs=0.1)


def test_mase_of_a_constant_context() -> None:
    still = np.ones((1, 5, 1))
    assert mase(still, still.copy(), still).tolist() == [0.0]
    assert mase(still, still + 0.1, still).tolist() == [1e6]


@pytest.mark.parametrize(
    "context",
    [np.ones((1, 1, 1)), np.ones((2, 5, 1)), np.ones((1, 5, 2)), np.full((1, 5, 1), np.nan)],
    ids=["one row", "other windows", "other variables", "not finite"],
)
def test_mase_names_a_context_that_cannot_scale(context: np.ndarray) -> None:
    with pytest.raises(InputError, match="context"):
        mase(np.ones((1, 3, 1)), np.ones((1, 3, 1)), context)


@given(pairs())
def test_smape_is_symmetric_bounded_and_free_of_units(case: tuple) -> None:
    y, yhat = case
    curve = smape(y, yhat)
    assert ((curve >= 0) & (curve <= 200)).all()
    np.testing.assert_array_equal(curve, smape(yhat, y))
    np.testing.assert_array_equal(curve, smape(-4.0 * y, -4.0 * yhat))


@given(pairs(), st.data())
def test_the_order_of_variables_does_not_matter(case: tuple, data: st.DataObject) -> None:
    y, yhat = case
    order = np.array(data.draw(st.permutations(range(y.shape[2]))))
    p, q = y[:, :, order], yhat[:, :, order]
    scale, context = np.arange(1.0, y.shape[2] + 1), np.concatenate([y, yhat, y], axis=1)
    for plain, permuted in [
        (smape(y, yhat), smape(p, q)),
        (nrmse(y, yhat, scale=scale), nrmse(p, q, scale=scale[order])),
        (mase(y, yhat, context), mase(p, q, context[:, :, order])),
        (mse(y, yhat), mse(p, q)),
        (mae(y, yhat), mae(p, q)),
        (rmse(y, yhat), rmse(p, q)),
    ]:
        np.testing.assert_allclose(plain, permuted, rtol=1e-12, atol=1e-12)


@given(pairs(), st.integers(-6, 6))
def test_scaled_errors_have_no_units_and_plain_ones_carry_them(case: tuple, power: int) -> None:
    y, yhat = case
    c = 2.0**power
    scale, context = np.ones(y.shape[2]), np.concatenate([y, yhat, y], axis=1)
    np.testing.assert_array_equal(
        nrmse(y, yhat, scale=scale), nrmse(c * y, c * yhat, scale=c * scale)
    )
    np.testing.assert_array_equal(mase(y, yhat, context), mase(c * y, c * yhat, c * context))
    np.testing.assert_array_equal(c * c * mse(y, yhat), mse(c * y, c * yhat))
    np.testing.assert_array_equal(c * mae(y, yhat), mae(c * y, c * yhat))


@given(pairs(), st.data())
def test_one_nan_makes_every_average_worst_and_never_helps(
    case: tuple, data: st.DataObject
) -> None:
    y, yhat = case
    where = tuple(data.draw(st.integers(0, size - 1)) for size in y.shape)
    broken = yhat.copy()
    broken[where] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    for function in (mse, mae, rmse):
        assert function(y, broken)[where[0]] == np.inf
    scale, context = np.ones(y.shape[2]), np.concatenate([y, yhat, y], axis=1)
    assert nrmse(y, broken, scale=scale)[where[:2]] == 1e6
    assert (smape(y, broken) >= smape(y, yhat) - 1e-9).all()
    assert (mase(y, broken, context) >= mase(y, yhat, context) - 1e-9).all()


@given(hnp.arrays(float, st.tuples(st.integers(1, 3), st.integers(1, 9)),
                  elements=st.floats(0, 200)))  # fmt: skip
def test_prefix_mean_is_the_mean_of_each_prefix(curve: np.ndarray) -> None:
    expected = [[row[: k + 1].mean() for k in range(len(row))] for row in curve]
    np.testing.assert_allclose(prefix_mean(curve), expected, atol=1e-9)


@pytest.mark.parametrize("curve", [3.0, [], np.zeros((2, 0))])
def test_prefix_mean_of_nothing_is_an_error(curve: object) -> None:
    with pytest.raises(InputError, match="curve"):
        prefix_mean(curve)
