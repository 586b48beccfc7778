"""What comes in another order in memory, masked or complex, through the public door."""

from __future__ import annotations

import numpy as np
import pytest
from quick import SETTINGS

import chaosbench.forecasters as forecasters
from chaosbench import Forecast
from chaosbench.errors import InvalidForecastError
from chaosbench.evaluation import missing_library
from chaosbench.isolation.description import describe
from chaosbench.trajectories import Trajectories

RNG = np.random.default_rng(0)
TIME = np.arange(240)
SERIES = np.stack([np.sin(0.3 * TIME), np.cos(0.3 * TIME), np.sin(0.71 * TIME)], axis=1)
TRAIN = np.stack([SERIES, SERIES[::-1]]) + 0.01 * RNG.standard_normal((2, 240, 3))
CONTEXT = TRAIN[:, :64]

SLOW = {
    "nbeats", "nhits", "tide", "tsmixer", "dlinear", "nlinear", "lstm", "gru", "tcn",
    "transformer", "tft", "deep_koopman", "shplrnn", "clipped_shplrnn", "dendplrnn", "alrnn",
    "exponential_smoothing", "kalman", "varima", "lsm", "nalsm", "theta", "four_theta", "fft",
}  # fmt: skip
"""Seconds each; they go through the same door."""


def others(values):
    """Yield the same numbers in other orders, and as a strided view."""
    yield np.asfortranarray(values)
    yield values.transpose(1, 0, 2).copy().transpose(1, 0, 2)
    yield np.repeat(values, 2, axis=2)[..., ::2]


@pytest.mark.parametrize("name", [name for name in forecasters if name not in SLOW])
def test_the_order_in_memory_changes_no_byte_of_a_forecast(name):
    if missing := missing_library(describe(name)):
        pytest.fail(f"{name} needs {missing}")
    forecaster = forecasters[name](**SETTINGS.get(name, {}))

    def made(train, context):
        predictor = forecaster.fit(Trajectories(train, 0.1), seed=0)
        return predictor.predict(context, 8).values.tobytes()

    expected = made(TRAIN, CONTEXT)
    for train, context in zip(others(TRAIN), others(CONTEXT), strict=True):
        assert made(train, context) == expected


@pytest.mark.parametrize("name", ["persistence", "nvar", "esn", "random_forest", "kalman"])
def test_a_context_that_is_no_array_of_real_numbers_is_refused(name):
    predictor = forecasters[name]().fit(Trajectories(TRAIN, 0.1), seed=0)
    with pytest.raises(InvalidForecastError, match="real ones: these are complex128"):
        predictor.predict(CONTEXT.astype(complex), 3)
    with pytest.raises(InvalidForecastError, match="arrays of numbers"):
        predictor.predict(CONTEXT.astype(str), 3)
    hidden = np.ma.masked_array(CONTEXT, np.zeros(CONTEXT.shape, dtype=bool))
    hidden[0, -1] = np.ma.masked
    lost = np.where(np.ma.getmaskarray(hidden), np.nan, CONTEXT)
    masked, gappy = (predictor.predict(c, 3).values for c in (hidden, lost))
    np.testing.assert_array_equal(masked, gappy)
    assert np.isnan(masked[0]).all() or name == "kalman"
    assert np.isfinite(masked[1]).all()


def test_a_forecast_is_an_array_like_any_other():
    values = RNG.standard_normal((2, 5, 3))
    hidden = np.ma.masked_array(values, values > 1.0)
    made = Forecast(hidden).values
    np.testing.assert_array_equal(np.isnan(made), values > 1.0)
    assert type(made) is np.ndarray
    assert Forecast(np.asfortranarray(values)).values.flags.c_contiguous
    samples = np.ma.masked_array(values[None], values[None] > 1.0)
    assert np.isnan(Forecast(values, samples).samples).any()
    with pytest.raises(InvalidForecastError, match="complex"):
        Forecast(values.astype(complex))
