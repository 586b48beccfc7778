"""Errors at one step and the largest so far: closed forms and plain loops."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosbench.errors import InputError
from chaosbench.metrics import cumulative_maximum_error, mse, nrmse, prediction_error

finite = st.floats(-1e3, 1e3, width=32)


def test_prediction_error_is_the_mean_square_at_one_step() -> None:
    truth = np.zeros((2, 3, 2))
    forecast = np.arange(12.0).reshape(2, 3, 2)
    assert prediction_error(truth, forecast, k=1).tolist() == [0.5, (36 + 49) / 2]
    assert prediction_error(truth, forecast, k=3).tolist() == [(16 + 25) / 2, (100 + 121) / 2]
    every = [prediction_error(truth, forecast, k=k) for k in (1, 2, 3)]
    np.testing.assert_allclose(np.mean(every, axis=0), mse(truth, forecast))


def test_prediction_error_of_a_one_step_model_grows_as_the_square() -> None:
    # x -> 2x from starts that are wrong by e: the error at step k is 2^k e
    start = np.linspace(1, 2, 5)
    steps = 2.0 ** np.arange(1, 11)
    truth, forecast = ((start + e)[:, None, None] * steps[None, :, None] for e in (0.0, 1e-3))
    for k in (1, 4, 10):
        assert prediction_error(truth, forecast, k=k) == pytest.approx((1e-3 * 2**k) ** 2)


def test_only_its_own_step_matters() -> None:
    truth = np.zeros((1, 3, 1))
    forecast = np.array([[[1.0], [np.nan], [2.0]]])
    values = [prediction_error(truth, forecast, k=k)[0] for k in (1, 2, 3)]
    assert values == [1.0, np.inf, 4.0]


@pytest.mark.parametrize("k", [0, -1, 4, 1.5, True])
def test_a_step_outside_the_horizon_is_named(k: object) -> None:
    with pytest.raises(InputError, match="k must be"):
        prediction_error(np.zeros((1, 3, 1)), np.zeros((1, 3, 1)), k=k)  # type: ignore[arg-type]


@given(
    hnp.arrays(float, (2, 7, 3), elements=finite),
    hnp.arrays(float, (2, 7, 3), elements=finite),
)
def test_cumulative_maximum_is_the_largest_norm_so_far(y: np.ndarray, yhat: np.ndarray) -> None:
    scale = np.array([1.0, 2.0, 0.5])
    curve = cumulative_maximum_error(y, yhat, scale=scale)
    for i in range(2):
        for t in range(7):
            norms = [np.linalg.norm((yhat[i, s] - y[i, s]) / scale) for s in range(t + 1)]
            assert curve[i, t] == pytest.approx(max(norms), rel=1e-12)
    assert (curve >= np.sqrt(3) * nrmse(y, yhat, scale=scale) - 1e-9).all()


def test_a_lost_forecast_that_returns_stays_lost() -> None:
    truth = np.zeros((1, 5, 1))
    forecast = np.array([0.1, 3.0, 0.0, np.nan, 0.0])[None, :, None]
    curve = cumulative_maximum_error(truth, forecast, scale=2.0)
    np.testing.assert_allclose(curve, [[0.05, 1.5, 1.5, 1e6, 1e6]])
