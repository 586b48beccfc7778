"""darts' local models, boosting and Kalman filter: darts itself as the oracle, and known series."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from chaosbench.errors import InvalidForecastError, ParameterError
from chaosbench.forecasters.darts.boosting import LightGBM
from chaosbench.forecasters.darts.kalman import Kalman
from chaosbench.forecasters.darts.local import FFT, ExponentialSmoothing, FourTheta, Theta
from chaosbench.trajectories import Trajectories

LOCAL = [Theta(), FourTheta(), FFT(), ExponentialSmoothing()]
NAMES = [type(forecaster).__name__ for forecaster in LOCAL]


def fit(forecaster, values):
    return forecaster.fit(Trajectories(values, dt=0.1), seed=0)


@pytest.fixture
def line() -> np.ndarray:
    return (3.0 - 0.25 * np.arange(90.0))[:, np.newaxis]


@pytest.mark.parametrize("forecaster", LOCAL, ids=NAMES)
def test_local_models_are_darts_on_the_standardised_context(reference, forecaster) -> None:
    from darts import TimeSeries

    predictor = forecaster.fit(reference.train, seed=0)
    context = reference.context[:2, -200:]
    z = predictor.scaler.apply(context)
    values = predictor.scaler.apply(predictor.predict(context, 30).values)
    for i, j in [(0, 0), (1, 2)]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen = TimeSeries.from_values(z[i, :, j])
            model = forecaster.model(seen)
            model.fit(seen)
            expected = model.predict(30).values()[:, 0]
        np.testing.assert_array_equal(values[i, :, j].round(12), expected.round(12))


@pytest.mark.parametrize("forecaster", LOCAL, ids=NAMES)
def test_local_models_learn_nothing_from_the_training_data(reference, forecaster) -> None:
    # Other training data of the same scale give the same forecast: only the context counts.
    train = reference.train.values
    other = train[:, ::-1].copy()
    context = reference.context[:2, -100:]
    a = forecaster.fit(Trajectories(train, dt=0.02), seed=0).predict(context, 10).values
    b = forecaster.fit(Trajectories(other, dt=0.02), seed=0).predict(context, 10).values
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_theta_continues_a_line_at_half_its_slope(line) -> None:
    # The theta method is known to add half of the drift of the data.
    ahead = np.arange(1, 31)
    for forecaster in (Theta(), FourTheta(theta=2, season=1)):
        values = fit(forecaster, line[:60]).predict(line[np.newaxis, :60], 30).values[0, :, 0]
        np.testing.assert_allclose(np.diff(values), -0.125, rtol=1e-6)
        np.testing.assert_allclose(values, line[59, 0] - 0.125 * ahead, atol=0.02)


def test_exponential_smoothing_continues_a_line(line) -> None:
    predictor = fit(ExponentialSmoothing(damped=False), line[:60])
    values = predictor.predict(line[np.newaxis, :60], 30).values[0]
    np.testing.assert_allclose(values, line[60:], atol=1e-4)


def test_exponential_smoothing_continues_a_season() -> None:
    t = np.arange(90)
    wave = (np.sin(2 * np.pi * t / 6) + 0.02 * t)[:, np.newaxis]
    predictor = fit(ExponentialSmoothing(season=6), wave[:72])
    values = predictor.predict(wave[np.newaxis, :72], 18).values[0]
    np.testing.assert_allclose(values, wave[72:], atol=0.05)


def test_fft_continues_what_is_periodic_in_the_context() -> None:
    t = np.arange(200)[:, np.newaxis]
    wave = 5.0 + np.sin(2 * np.pi * t / 25) + np.cos(2 * np.pi * t / 10 + np.array([0.0, 1.0]))
    values = fit(FFT(), wave[:100]).predict(wave[np.newaxis, :100], 100).values[0]
    np.testing.assert_allclose(values, wave[100:], atol=1e-10)


@pytest.mark.parametrize("forecaster", LOCAL, ids=NAMES)
def test_a_context_that_does_not_move_is_repeated(forecaster) -> None:
    train = np.random.default_rng(0).normal(size=(50, 2))
    context = np.full((1, 30, 2), 0.7)
    np.testing.assert_allclose(fit(forecaster, train).predict(context, 5).values, 0.7)


@pytest.mark.parametrize("forecaster", LOCAL, ids=NAMES)
def test_a_context_too_short_for_a_local_model_is_refused(forecaster) -> None:
    predictor = fit(forecaster, np.random.default_rng(0).normal(size=(50, 2)))
    least = forecaster.minimum
    with pytest.raises(InvalidForecastError, match=f"at least {least} points, not {least - 1}"):
        predictor.predict(np.zeros((1, least - 1, 2)), 3)
    assert predictor.predict(np.eye(least)[np.newaxis, :, :2], 3).values.shape == (1, 3, 2)


def test_linear_leaves_follow_where_constant_ones_quantise(reference) -> None:
    train = Trajectories(reference.train.values[:, :2000], dt=0.02)
    linear, constant = (
        reference_median(reference, LightGBM(lags=1, linear=linear, trees=100), train)
        for linear in (True, False)
    )
    assert linear > 1.2 * constant


def reference_median(reference, forecaster, train: Trajectories) -> float:
    values = forecaster.fit(train, seed=5).predict(reference.context, 300).values
    return float(np.median(reference.valid_prediction_times(values)))


def test_boosting_adds_the_increments_of_its_trees(reference) -> None:
    train = Trajectories(reference.train.values[:, :1500], dt=0.02)
    predictor = LightGBM(lags=2, stride=3, trees=20, linear=True).fit(train, seed=5)
    context = reference.context[:3]
    z = predictor.scaler.apply(context)
    row = np.concatenate([z[:, -1], z[:, -4]], axis=1)
    step = np.stack([booster.predict(row) for booster in predictor.boosters], axis=1)
    expected = predictor.scaler.undo(z[:, -1] + predictor.unit * step)
    np.testing.assert_allclose(predictor.predict(context, 1).values[:, 0], expected, rtol=1e-12)


@pytest.mark.parametrize("units", [2, 3])
def test_kalman_filters_as_darts_does(reference, units: int) -> None:
    from darts import TimeSeries

    predictor = Kalman(units=units).fit(reference.train, seed=0)
    context = reference.context[:2, -100:]
    z = predictor.scaler.apply(context)
    expected = [
        predictor.model.predict(40, series=TimeSeries.from_values(window)).values() for window in z
    ]
    values = predictor.scaler.apply(predictor.predict(context, 40).values)
    np.testing.assert_allclose(values, np.array(expected), atol=1e-5)


def test_kalman_identifies_a_rotation() -> None:
    # Two turning planes seen in two variables: exactly linear, of order four.
    t = np.arange(900)
    waves = np.stack([np.cos(0.2 * t) + np.cos(0.05 * t), np.sin(0.2 * t)], axis=1)
    noisy = waves + 0.01 * np.random.default_rng(1).normal(size=waves.shape)
    predictor = fit(Kalman(units=4), noisy[:600])
    values = predictor.predict(noisy[np.newaxis, 600:800], 100).values[0]
    assert np.abs(values - waves[800:]).max() < 0.15


def test_kalman_keeps_its_covariance_where_darts_loses_it(reference) -> None:
    from darts import TimeSeries

    predictor = Kalman(units=12).fit(reference.train, seed=0)
    z = predictor.scaler.apply(reference.context[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lost = predictor.model.predict(1, series=TimeSeries.from_values(z[0])).values()
    assert not (np.abs(lost) < 10).all()
    first = predictor.scaler.apply(predictor.predict(reference.context, 1).values)
    truth = predictor.scaler.apply(reference.truth[:, :1])
    assert np.abs(first - truth).max() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forecaster", "low", "high"),
    [
        (LightGBM(), 1.5, 4.5),
        (Kalman(), 0.03, 0.4),
        (Theta(), 0.03, 0.2),
        (FourTheta(), 0.03, 0.2),
        (ExponentialSmoothing(), 0.05, 0.3),
        (FFT(), 0.0, 0.05),
    ],
    ids=lambda value: type(value).__name__,
)
def test_valid_prediction_times_lie_where_the_method_belongs(
    reference, forecaster, low: float, high: float
) -> None:
    # Published for LightGBM in darts: 1.7, with constant leaves. The others are linear or local.
    # They lie between persistence, at 0.06, and a linear regression, at 0.4; more than that would
    # be a leak.
    assert low <= reference.median(forecaster, lyapunov_times=5.0) <= high


WRONG = [
    (Theta, "theta", 0),
    (Theta, "season", 0),
    (FourTheta, "theta", 0),
    (FourTheta, "season", 1.5),
    (FFT, "frequencies", 0),
    (ExponentialSmoothing, "damped", 1),
    (ExponentialSmoothing, "season", True),
    (Kalman, "units", 0),
    (Kalman, "points", 99),
    (LightGBM, "lags", 0),
    (LightGBM, "trees", 0),
    (LightGBM, "leaves", 1),
    (LightGBM, "learning_rate", 0.0),
    (LightGBM, "min_samples", 0),
]


@pytest.mark.parametrize(
    ("kind", "name", "value"), WRONG, ids=[f"{k.__name__}-{n}-{v}" for k, n, v in WRONG]
)
def test_wrong_setting(kind: type, name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=rf"^{kind.__name__}: {name} must be .*, not .*"):
        kind(**{name: value})


def test_four_theta_chooses_the_theta_that_fits_the_context_best(reference, line) -> None:
    """On a line, smoothing lags behind the less, the more weight the line has: θ = 3."""
    chosen = fit(FourTheta(season=1), line[:60]).predict(line[np.newaxis, :60], 30).values
    errors = []
    for theta in (1, 2, 3):
        made = fit(FourTheta(theta=theta, season=1), line[:60])
        values = made.predict(line[np.newaxis, :60], 30).values
        errors.append(np.abs(values - chosen).max())
    assert errors[2] == 0.0
    assert min(errors[:2]) > 0.1
