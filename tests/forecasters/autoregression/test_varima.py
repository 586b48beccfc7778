"""VARIMA against known processes and against statsmodels' filter at the same coefficients."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InvalidForecastError, ParameterError
from chaosbench.forecasters.autoregression.varima import VARIMA
from chaosbench.trajectories import Trajectories

A = np.array([[0.6, 0.3], [-0.4, 0.5]])
M = np.array([[0.4, 0.0], [0.2, -0.3]])
OFFSET = np.array([0.3, -0.1])


def process(steps: int, seed: int, *, noise: float = 1.0) -> np.ndarray:
    """z(t) = c + A z(t-1) + e(t) + M e(t-1), ``(T, 2)``."""
    rng = np.random.default_rng(seed)
    e = noise * rng.normal(size=(steps + 100, 2))
    z = np.zeros((steps + 100, 2))
    for t in range(1, len(z)):
        z[t] = OFFSET + A @ z[t - 1] + e[t] + M @ e[t - 1]
    return z[100:]


def fit(forecaster, values):
    return forecaster.fit(Trajectories(values, dt=1.0), seed=0)


def test_recovers_the_coefficients_of_a_varma_process() -> None:
    train = np.stack([process(4000, seed) for seed in range(5)])
    predictor = fit(VARIMA(p=1, q=1), train)
    scale = predictor.scaler.scale
    found = predictor.autoregression.T * scale[:, np.newaxis] / scale
    moving = predictor.moving_average.T * scale[:, np.newaxis] / scale
    # 20,000 points: a standard error of about 0.01.
    np.testing.assert_allclose(found, A, atol=0.05)
    np.testing.assert_allclose(moving, M, atol=0.05)


def test_an_autoregression_without_noise_is_exact() -> None:
    rng = np.random.default_rng(0)
    train = np.empty((6, 40, 2))
    train[:, 0] = rng.normal(size=(6, 2))
    for t in range(39):
        train[:, t + 1] = OFFSET + train[:, t] @ A.T
    predictor = fit(VARIMA(p=1, q=0), train[:5])
    values = predictor.predict(train[5:, :2], 30).values
    np.testing.assert_allclose(values[0], train[5, 2:32], atol=1e-12)


@pytest.mark.parametrize(
    ("p", "q"),
    [(1, 1), *(pytest.param(p, q, marks=pytest.mark.slow) for p, q in [(1, 0), (2, 0), (2, 2)])],
)
def test_forecasts_are_those_of_statsmodels_with_the_same_coefficients(p: int, q: int) -> None:
    from statsmodels.tsa.statespace.varmax import VARMAX

    predictor = fit(VARIMA(p=p, q=q), np.stack([process(500, seed) for seed in range(3)]))
    context = predictor.scaler.apply(process(300, 9))
    # statsmodels takes the coefficients equation by equation, all lags of each in a row.
    rows = [np.hstack([b.T for b in np.split(predictor.autoregression, p)])]
    if q:
        rows.append(np.hstack([b.T for b in np.split(predictor.moving_average, q)]))
    coefficients = np.concatenate([r.ravel() for r in rows])
    parameters = np.concatenate([predictor.intercept, coefficients, [1.0, 0.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = VARMAX(context, order=(p, q), trend="c")
        expected = model.smooth(parameters).forecast(20)
    values = predictor.predict(predictor.scaler.undo(context)[np.newaxis], 20).values[0]
    np.testing.assert_allclose(predictor.scaler.apply(values), expected, atol=1e-6)


def test_differences_continue_a_random_walk_with_memory() -> None:
    # The forecast of a summed process is the sum of the forecasts.
    steps = process(3000, 3, noise=0.1)
    steps = steps - steps.mean(axis=0)
    walk = steps.cumsum(axis=0)
    predictor = fit(VARIMA(p=1, differences=1, q=0), walk[:2900])
    context = walk[np.newaxis, 2900:]
    values = predictor.predict(context, 15).values[0]
    z = predictor.scaler.apply(context[0])
    slope, expected = predictor.autoregression, [z[-1]]
    change = z[-1] - z[-2]
    for _ in range(15):
        change = change @ slope
        expected.append(expected[-1] + change)
    np.testing.assert_allclose(predictor.scaler.apply(values), expected[1:], atol=1e-12)


def test_a_moving_average_that_is_not_invertible_is_shrunk() -> None:
    # An over-differenced series has a root on the unit circle.
    rng = np.random.default_rng(4)
    train = np.diff(rng.normal(size=(4001, 1)), axis=0)
    predictor = fit(VARIMA(p=1, q=2), train)
    theta = predictor.moving_average.ravel()
    roots = np.roots([1.0, *theta])
    assert np.abs(roots).max() <= 0.98 + 1e-9
    assert np.abs(roots).max() > 0.7


def largest_root(predictor) -> float:
    d = len(predictor.intercept)
    companion = np.eye(len(predictor.autoregression), k=-d)
    companion[:d] = predictor.autoregression.T
    return float(np.abs(np.linalg.eigvals(companion)).max())


@pytest.mark.slow
@pytest.mark.parametrize("system", ["bouali2", "moore_spiegel", "hyper_lorenz"])
def test_data_without_noise_do_not_make_the_recursion_explode(system: str) -> None:
    """Of bouali2 a root was 1.24; of the others coefficients were 1e7, whatever the roots."""
    train = cb.simulate(system, points=10_000, points_per_period=30, seed=0).values[0]
    predictor = fit(VARIMA(), train)
    assert largest_root(predictor) < 1.0
    assert np.abs(predictor.autoregression).max() < 1e5
    values = predictor.predict(train[:9000].reshape(20, 450, -1), 1500).values
    assert np.abs(predictor.scaler.apply(values)).max() < 10.0


def test_a_recursion_that_explodes_all_the_same_is_shrunk_around_the_mean() -> None:
    growth = 7.0 + np.exp(0.01 * np.arange(500))[:, np.newaxis]
    predictor = fit(VARIMA(p=1, q=0), growth)
    assert largest_root(predictor) == pytest.approx(1.0)
    steps = np.diff(predictor.predict(growth[np.newaxis, :50], 100).values[0, :, 0])
    # only the mean of the growth is left
    np.testing.assert_allclose(steps, np.diff(growth[:, 0]).mean(), rtol=1e-9)


def test_lorenz_is_beyond_a_linear_model(reference) -> None:
    # Published for linear models: 0.1 to 0.4 Lyapunov times.
    assert 0.1 <= reference.median(VARIMA(), lyapunov_times=5.0) <= 0.4


def test_too_short_data_are_refused() -> None:
    short = process(20, 0)
    with pytest.raises(InvalidForecastError, match="at least 22 points, not 20"):
        fit(VARIMA(p=10, q=1), short)
    predictor = fit(VARIMA(p=3, differences=1, q=0), short)
    with pytest.raises(InvalidForecastError, match="at least 4 points, not 3"):
        predictor.predict(short[np.newaxis, :3], 2)


@pytest.mark.parametrize(("name", "value"), [("p", 0), ("q", -1), ("differences", 2), ("q", 0.5)])
def test_wrong_setting(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=rf"^VARIMA: {name} must be .*, not .*"):
        VARIMA(**{name: value})
