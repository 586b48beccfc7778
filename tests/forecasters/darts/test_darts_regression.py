"""Linear regression and random forest: known systems, and darts' own predict as oracle."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import InvalidForecastError
from chaosbench.forecasters.darts.regression import LinearRegression, RandomForest
from chaosbench.trajectories import Trajectories

A1 = np.array([[0.6, 0.3, 0.0], [-0.4, 0.7, 0.1], [0.0, 0.2, 0.5]])
A2 = np.array([[0.2, 0.0, 0.1], [0.0, 0.1, 0.0], [0.1, 0.0, 0.2]])
OFFSET = np.array([0.3, -0.1, 0.2])


def autoregression(noise: float, steps: int, seed: int) -> np.ndarray:
    """z(t+1) = c + A1 z(t) + A2 z(t-1) + noise."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(steps, 3))
    for t in range(1, steps - 1):
        z[t + 1] = OFFSET + A1 @ z[t] + A2 @ z[t - 1] + noise * rng.normal(size=3)
    return z


def test_linear_regression_recovers_a_vector_autoregression() -> None:
    train = np.stack([autoregression(0.0, 40, seed) for seed in range(6)])
    predictor = LinearRegression(lags=2).fit(Trajectories(train, dt=1.0), seed=0)
    truth = autoregression(0.0, 60, 99)
    values = predictor.predict(truth[np.newaxis, :20], 40).values[0]
    np.testing.assert_allclose(values, truth[20:], atol=1e-9)


@pytest.mark.parametrize(
    "forecaster",
    [LinearRegression(lags=4), RandomForest(lags=4, trees=15)],
    ids=["linear", "forest"],
)
@pytest.mark.parametrize("d", [1, 3])
def test_rollout_equals_darts_own_predict(reference, forecaster, d: int) -> None:
    from darts import TimeSeries

    train = Trajectories(reference.train.values[:, :1500, :d], dt=0.02)
    context = reference.context[:4, :, :d]
    predictor = forecaster.fit(train, seed=5)
    z = predictor.scaler.apply(context)
    series = [TimeSeries.from_values(window) for window in z]
    expected = [s.values() for s in predictor.model.predict(25, series=series)]
    values = predictor.scaler.apply(predictor.predict(context, 25).values)
    np.testing.assert_allclose(values, np.array(expected), rtol=1e-10, atol=1e-10)


def test_forest_forecasts_stay_within_the_training_range(reference) -> None:
    predictor = RandomForest(trees=5).fit(reference.train, seed=0)
    values = predictor.predict(reference.context, 300).values
    low = reference.train.values.min(axis=(0, 1))
    high = reference.train.values.max(axis=(0, 1))
    assert (values >= low - 1e-9).all()
    assert (values <= high + 1e-9).all()


def test_forest_depends_on_the_seed(reference) -> None:
    train = Trajectories(reference.train.values[:, :1000], dt=0.02)
    a, b = (
        RandomForest(trees=3).fit(train, seed=seed).predict(reference.context, 5).values
        for seed in (1, 2)
    )
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("kind", [LinearRegression, RandomForest])
def test_too_short_data_are_refused(kind, reference) -> None:
    forecaster = kind(lags=20)
    short = Trajectories(reference.train.values[:, :20], dt=0.02)
    with pytest.raises(InvalidForecastError, match="at least 21 points, not 20"):
        forecaster.fit(short, seed=0)
    with pytest.raises(InvalidForecastError, match="at least 20 points, not 19"):
        forecaster.fit(reference.train, seed=0).predict(reference.context[:, :19], 3)
