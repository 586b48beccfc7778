"""Drift and naive seasonal forecasts against their definitions, and the season that is found."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import ParameterError
from chaosbench.forecasters.floor.drift import Drift
from chaosbench.forecasters.floor.naive_seasonal import NaiveSeasonal, find_season
from chaosbench.trajectories import Trajectories

RNG = np.random.default_rng(5)


def fit(forecaster, values):
    return forecaster.fit(Trajectories(values, dt=0.1), seed=0)


def test_drift_continues_lines_exactly() -> None:
    t = np.arange(60.0)[:, np.newaxis]
    lines = np.array([1.0, -2.0]) + t * np.array([0.5, -0.125])
    values = fit(Drift(), RNG.normal(size=(30, 2))).predict(lines[np.newaxis, :20], 40).values
    np.testing.assert_allclose(values[0], lines[20:], rtol=1e-12)


def test_drift_knows_only_the_ends_of_the_context() -> None:
    context = RNG.normal(size=(3, 20, 2))
    predictor = fit(Drift(), RNG.normal(size=(30, 2)))
    values = predictor.predict(context, 7).values
    middle = context.copy()
    middle[:, 1:-1] = 0.0
    assert np.array_equal(predictor.predict(middle, 7).values, values)
    slope = (context[:, -1] - context[:, 0]) / 19
    np.testing.assert_allclose(values[:, 6], context[:, -1] + 7 * slope)


@pytest.mark.parametrize("period", [7, 16, 40])
def test_season_of_a_noisy_oscillation(period: int) -> None:
    t = np.arange(1500)[:, np.newaxis]
    wave = np.sin(2 * np.pi * t / period + np.array([0.0, 1.0]))
    wave = wave + 0.3 * np.sin(6 * np.pi * t / period)
    noisy = wave + 0.3 * RNG.normal(size=wave.shape)
    assert find_season(noisy[np.newaxis], 500) == period


def test_season_of_lorenz_is_its_mean_oscillation(reference) -> None:
    # The z variable oscillates with a mean period of about 0.75 time units.
    season = find_season(reference.train.values[..., 2:], 500)
    assert season * reference.train.dt == pytest.approx(0.75, rel=0.05)


def test_a_trend_has_no_season() -> None:
    t = np.arange(300.0)[np.newaxis, :, np.newaxis]
    assert find_season(np.exp(0.001 * t), 1) == 1
    assert find_season(np.zeros((1, 50, 2)), 500) == 1


def test_the_last_season_is_repeated() -> None:
    t = np.arange(400)[:, np.newaxis]
    train = np.sin(2 * np.pi * t / 20 + np.array([0.0, 0.5]))
    context = RNG.normal(size=(3, 50, 2))
    predictor = fit(NaiveSeasonal(), train)
    assert predictor.season == 20
    values = predictor.predict(context, 45).values
    assert np.array_equal(values[:, :20], context[:, -20:])
    assert np.array_equal(values[:, 20:40], context[:, -20:])
    assert np.array_equal(values[:, 40:], context[:, -20:-15])


def test_a_context_shorter_than_the_season_is_repeated_whole() -> None:
    t = np.arange(400)[:, np.newaxis]
    predictor = fit(NaiveSeasonal(), np.sin(2 * np.pi * t / 20))
    context = RNG.normal(size=(1, 8, 1))
    values = predictor.predict(context, 16).values
    assert np.array_equal(values, np.concatenate([context, context], axis=1))


@pytest.mark.parametrize(
    ("forecaster", "low", "high"),
    [(Drift(), 0.03, 0.2), (NaiveSeasonal(), 0.0, 0.3)],
    ids=["drift", "naive-seasonal"],
)
def test_a_floor_is_no_better_than_persistence_by_much(
    reference, forecaster, low: float, high: float
) -> None:
    assert low <= reference.median(forecaster, lyapunov_times=6.0) <= high


def test_a_season_of_no_steps_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"^NaiveSeasonal: longest must be .*, not 0"):
        NaiveSeasonal(longest=0)
