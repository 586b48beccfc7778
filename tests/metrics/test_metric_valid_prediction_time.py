"""Valid prediction time: closed forms, censoring, and invariances."""

from __future__ import annotations

import doctest

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosbench.errors import InputError
from chaosbench.metrics import (
    _valid_prediction_time,
    nrmse,
    valid_prediction_steps,
    valid_prediction_time,
    valid_prediction_time_smape,
)

finite = st.floats(-10, 10, allow_nan=False, width=32)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw truth, forecast and σ of agreeing shapes."""
    n, h, d = draw(st.integers(1, 4)), draw(st.integers(1, 8)), draw(st.integers(1, 3))
    truth = draw(hnp.arrays(float, (n, h, d), elements=finite))
    error = draw(hnp.arrays(float, (n, h, d), elements=st.floats(-2, 2, width=32)))
    scale = draw(hnp.arrays(float, (d,), elements=st.floats(0.5, 4, width=32)))
    return truth, truth + error, scale


def test_exponential_error_growth_has_a_closed_form() -> None:
    exponent, dt, start = 0.9, 0.01, 1e-4
    time = np.arange(1, 2001) * dt
    truth = np.zeros((1, 2000, 1))
    forecast = (start * np.exp(exponent * time))[None, :, None]
    vpt = valid_prediction_time(
        truth, forecast, scale=[1.0], dt=dt, lyapunov_exponent=exponent, threshold=0.4
    )
    # error reaches ε after ln(ε / start) Lyapunov times, resolved to one step
    assert vpt[0] == pytest.approx(np.log(0.4 / start), abs=exponent * dt)


def test_the_docstring_example_runs() -> None:
    outcome = doctest.testmod(_valid_prediction_time)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_threshold_is_inclusive_and_the_variables_are_averaged() -> None:
    truth = np.zeros((1, 3, 2))
    forecast = np.array([[[0.5, 0.0], [0.5, 0.5], [0.6, 0.5]]])
    scale = np.ones(2)
    assert valid_prediction_steps(truth, forecast, scale=scale, threshold=0.5)[0] == 2
    assert valid_prediction_steps(truth, forecast, scale=scale, threshold=0.4)[0] == 1
    assert valid_prediction_steps(truth, forecast, scale=2 * scale, threshold=0.5)[0] == 3


def test_a_later_return_to_the_truth_does_not_count() -> None:
    truth = np.zeros((1, 5, 1))
    forecast = np.array([0.0, 0.0, 9.0, 0.0, 0.0])[None, :, None]
    assert valid_prediction_steps(truth, forecast, scale=[1.0]).tolist() == [2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_valid_time_ends_where_the_forecast_stops_being_finite(bad: float) -> None:
    truth = np.zeros((2, 6, 3))
    forecast = truth.copy()
    forecast[0, 3, 1] = bad
    assert valid_prediction_steps(truth, forecast, scale=np.ones(3)).tolist() == [3, 6]


def test_certified_steps_censor_and_hide_what_lies_beyond() -> None:
    truth, forecast = np.zeros((3, 8, 1)), np.zeros((3, 8, 1))
    forecast[1, 2] = 5.0
    truth[:, 6:] = np.nan  # nothing is known there
    steps = valid_prediction_steps(truth, forecast, scale=[1.0], certified_steps=[4, 4, 6])
    assert steps.tolist() == [4, 2, 6]
    assert valid_prediction_steps(
        truth, forecast, scale=[1.0], certified_steps=0
    ).tolist() == [0, 0, 0]  # fmt: skip
    vpt = valid_prediction_time_smape(
        truth + 1, forecast + 1, dt=1.0, lyapunov_exponent=1.0, certified_steps=5
    )
    assert vpt[[0, 2]].tolist() == [5.0, 5.0]
    with pytest.raises(InputError, match="certified"):
        valid_prediction_steps(truth, forecast, scale=[1.0], certified_steps=7)


def test_a_variable_without_variance_must_be_matched_up_to_rounding() -> None:
    truth = np.ones((1, 4, 2))
    forecast = truth.copy()
    forecast[0, :, 1] += [0.0, 1e-12, 1e-3, 0.0]
    steps = valid_prediction_steps(truth, forecast, scale=[1.0, 0.0])
    assert steps.tolist() == [2]
    assert valid_prediction_steps(truth, truth.copy(), scale=0.0).tolist() == [4]


@given(cases(), st.floats(0, 3), st.floats(0, 3))
def test_monotone_in_the_threshold(case: tuple, a: float, b: float) -> None:
    truth, forecast, scale = case
    low, high = sorted((a, b))
    short = valid_prediction_steps(truth, forecast, scale=scale, threshold=low)
    long = valid_prediction_steps(truth, forecast, scale=scale, threshold=high)
    assert (short <= long).all()


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_variables_and_windows_does_not_matter(case: tuple, random: object) -> None:
    truth, forecast, scale = case
    n, _, d = truth.shape
    order = np.array(random.sample(range(d), d))  # type: ignore[attr-defined]
    rows = np.array(random.sample(range(n), n))  # type: ignore[attr-defined]
    plain = valid_prediction_steps(truth, forecast, scale=scale, threshold=0.4001)
    permuted = valid_prediction_steps(
        truth[rows][:, :, order], forecast[rows][:, :, order], scale=scale[order], threshold=0.4001
    )
    np.testing.assert_array_equal(plain[rows], permuted)


@given(cases(), st.integers(-8, 8))
def test_units_do_not_matter(case: tuple, power: int) -> None:
    truth, forecast, scale = case
    factor = 2.0**power  # exact in floating point, so equality is exact
    np.testing.assert_array_equal(
        valid_prediction_steps(truth, forecast, scale=scale),
        valid_prediction_steps(factor * truth, factor * forecast, scale=factor * scale),
    )


@given(cases())
def test_agrees_with_a_plain_loop_and_with_the_nrmse_curve(case: tuple) -> None:
    truth, forecast, scale = case
    expected = []
    for y, yhat in zip(truth, forecast, strict=True):
        count = 0
        for a, b in zip(y, yhat, strict=True):
            squares = [((p - q) / s) ** 2 for p, q, s in zip(a, b, scale, strict=True)]
            if (sum(squares) / len(squares)) ** 0.5 > 0.4001:
                break
            count += 1
        expected.append(count)
    steps = valid_prediction_steps(truth, forecast, scale=scale, threshold=0.4001)
    assert steps.tolist() == expected
    curve = nrmse(truth, forecast, scale=scale)
    for k, row in zip(steps, curve, strict=True):
        assert (row[:k] <= 0.4001).all()
        assert k == len(row) or row[k] > 0.4001


@given(cases(), st.floats(1e-3, 10), st.floats(1e-3, 10))
def test_time_is_steps_times_step_times_exponent(case: tuple, dt: float, exponent: float) -> None:
    truth, forecast, scale = case
    steps = valid_prediction_steps(truth, forecast, scale=scale)
    time = valid_prediction_time(truth, forecast, scale=scale, dt=dt, lyapunov_exponent=exponent)
    np.testing.assert_allclose(time, steps * dt * exponent)


def test_smape_time_is_where_the_prefix_average_crosses() -> None:
    truth = np.ones((1, 4, 1))
    forecast = np.array([1.0, 1.0, 3.0, 3.0])[None, :, None]  # sMAPE 0, 0, 100, 100
    kwargs = {"dt": 0.5, "lyapunov_exponent": 2.0}
    # prefix averages: 0, 0, 33.3, 50
    assert valid_prediction_time_smape(truth, forecast, **kwargs).tolist() == [2.0]
    assert valid_prediction_time_smape(truth, forecast, threshold=40, **kwargs).tolist() == [3.0]
    assert valid_prediction_time_smape(truth, forecast, threshold=50, **kwargs).tolist() == [4.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dt": 0.0}, "dt must be"),
        ({"dt": "a"}, "dt must be a number"),
        ({"lyapunov_exponent": -0.1}, "lyapunov_exponent"),
        ({"lyapunov_exponent": np.nan}, "lyapunov_exponent"),
        ({"threshold": np.nan}, "threshold"),
        ({"threshold": np.inf}, "threshold"),
        ({"scale": [1.0, 2.0, 3.0]}, "scale"),
        ({"scale": [-1.0, 1.0]}, "scale"),
        ({"scale": [np.nan, 1.0]}, "scale"),
        ({"certified_steps": -1}, "certified_steps"),
        ({"certified_steps": 2.5}, "certified_steps"),
        ({"certified_steps": [1, 2, 3]}, "certified_steps"),
    ],
)
def test_settings_out_of_range_are_named(change: dict, message: str) -> None:
    truth = np.zeros((2, 3, 2))
    settings = {"scale": [1.0, 1.0], "dt": 0.1, "lyapunov_exponent": 1.0} | change
    with pytest.raises(InputError, match=message):
        valid_prediction_time(truth, truth, **settings)
