"""The Student-t head against direct formulas, scipy's distributions, and held-out data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PolynomialFeatures

from chaosbench import metrics
from chaosbench.errors import ParameterError
from chaosbench.forecasters._shared.analogues import Library
from chaosbench.forecasters._shared.polynomial import exponents, factors
from chaosbench.forecasters._shared.regression import Plan
from chaosbench.forecasters.memory.student_t import Posterior, StudentT, fit_tails
from chaosbench.trajectories import FloatArray, Trajectories

DEGREE = 2


@pytest.fixture(scope="module")
def pairs() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(25, 2))
    y = np.stack([x[:, 0] * x[:, 1], x[:, 0] - 0.5], axis=1)
    return x, y + 0.1 * rng.normal(size=y.shape)


def posterior(x: FloatArray, y: FloatArray, precision: float | None, shape: float) -> Posterior:
    return Posterior.fit(x, y, factors(exponents(x.shape[1], DEGREE)), precision, shape)


def test_the_features_are_all_monomials(pairs) -> None:
    x, y = pairs
    ours = posterior(x, y, 1e-3, 2.0).features(x)
    theirs = PolynomialFeatures(DEGREE).fit_transform(x)
    np.testing.assert_allclose(ours, theirs / np.sqrt((theirs**2).mean(axis=0)), rtol=1e-12)


def test_the_predictive_is_the_student_t_of_the_formulas(pairs) -> None:
    x, y = pairs
    precision, shape = 1e-2, 2.0
    found = posterior(x, y, precision, shape)
    query = np.random.default_rng(1).normal(size=(7, 2))
    freedom, location, scale = found.predictive(query)

    phi, at = found.features(x), found.features(query)
    prior = precision * len(x) * np.eye(phi.shape[1])
    a = phi.T @ phi + prior
    ridge = Ridge(alpha=precision * len(x), fit_intercept=False).fit(phi, y)
    np.testing.assert_allclose(location, ridge.predict(at), rtol=1e-8)
    for j in range(2):
        mean = np.linalg.solve(a, phi.T @ y[:, j])
        b = shape * 1e-20 * (y[:, j] ** 2).mean() + 0.5 * (y[:, j] @ y[:, j] - mean @ a @ mean)
        alpha = shape + len(x) / 2
        inflated = 1 + np.einsum("np,pq,nq->n", at, np.linalg.inv(a), at)
        expected = stats.t(2 * alpha, at @ mean, np.sqrt(b / alpha * inflated))
        ours = stats.t(freedom, location[:, j], scale[:, j])
        for level in (0.01, 0.3, 0.9, 0.999):
            np.testing.assert_allclose(ours.ppf(level), expected.ppf(level), rtol=1e-7)


def test_the_predictive_is_the_integral_over_the_noise(pairs) -> None:
    # p(Δ) = ∫ N(Δ | m, σ² v) InvGamma(σ² | a, b) dσ², by quadrature.
    x, y = pairs
    found = posterior(x, y, 1e-2, 2.0)
    freedom, location, scale = found.predictive(x[:1])
    inflated = float(scale[0, 0] ** 2 * found.shape / found.scale[0])
    point = location[0, 0] + 1.7 * scale[0, 0]

    def integrand(variance: float) -> float:
        weight = stats.invgamma.pdf(variance, found.shape, scale=found.scale[0])
        return float(weight * stats.norm.pdf(point, location[0, 0], np.sqrt(variance * inflated)))

    mode = found.scale[0] / (found.shape + 1)
    density, _ = integrate.quad(integrand, mode / 50, 50 * mode, points=[mode], limit=200)
    expected = stats.t.pdf(point, freedom, location[0, 0], scale[0, 0])
    assert density == pytest.approx(expected, rel=1e-6)


def test_many_degrees_of_freedom_are_gaussian(pairs) -> None:
    x, _ = pairs
    rng = np.random.default_rng(2)
    many = rng.normal(size=(200_000, 2))
    answers = many[:, :1] * many[:, 1:] + 0.1 * rng.normal(size=(len(many), 1))
    freedom, location, scale = posterior(many, answers, 1e-6, 1.0).predictive(x[:3])
    levels = np.linspace(0.01, 0.99, 15)[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(
        stats.t.ppf(levels, freedom, location, scale),
        stats.norm.ppf(levels, location, scale),
        atol=2e-5 * scale.max(),
    )
    np.testing.assert_allclose(location[:, 0], x[:3, 0] * x[:3, 1], atol=2e-3)
    np.testing.assert_allclose(scale, 0.1, rtol=0.01)


def test_the_precision_maximises_the_evidence(pairs) -> None:
    x, y = pairs
    shape = 2.0
    chosen = posterior(x, y, None, shape)

    def evidence(precision: float) -> float:
        # Each output is a multivariate Student-t, with the weights and the noise integrated out.
        phi = chosen.features(x)
        total = 0.0
        for column in y.T:
            b = shape * 1e-20 * (column**2).mean()
            cover = np.eye(len(x)) + phi @ phi.T / (precision * len(x))
            total += stats.multivariate_t.logpdf(column, None, b / shape * cover, df=2 * shape)
        return total

    grid = 10.0 ** np.arange(-14, 1)
    best = grid[int(np.argmax([evidence(precision) for precision in grid]))]
    np.testing.assert_allclose(chosen.mean, posterior(x, y, float(best), shape).mean, rtol=1e-9)


def test_one_step_of_the_samples_is_the_student_t() -> None:
    # Twelve points: about five degrees of freedom, far from Gaussian, and uncertain weights.
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(12.0))[:, np.newaxis] + 0.1 * rng.normal(size=(12, 1))
    settings = StudentT(degree=1, precision=1e-3, delays=1, calibrate=False, samples=20_000)
    predictor = settings.fit(Trajectories(values, dt=1.0), seed=0)
    context = values[np.newaxis, :5]
    z = predictor.scaler.apply(context[:, -1])
    freedom, location, scale = predictor.predictive(z)
    assert freedom[0] < 14
    drawn = predictor.scaler.apply(predictor.predict(context, 1).samples[:, 0, 0]) - z
    distribution = stats.t(freedom[0], location[0, 0], scale[0, 0])
    low, high = predictor.box[:, 0] - z[0]
    for level in (0.2, 0.35, 0.5, 0.65, 0.8):
        assert low < distribution.ppf(level) < high  # for longer horizons the box cuts the tails
        below = (drawn < distribution.ppf(level)).mean()
        assert below == pytest.approx(level, abs=0.012)


@pytest.mark.parametrize("freedom", [2.0, 4.0, 10.0])
def test_fitted_tails_are_those_the_errors_were_drawn_with(freedom: float) -> None:
    errors = 0.3 * stats.t.rvs(freedom, size=(40_000, 1), random_state=1)
    found, scale = fit_tails(errors)[:, 0]
    assert found == freedom
    assert scale == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize(
    "settings",
    [
        {"degree": 2, "delays": 1},
        {"degree": 5, "delays": 1},
        pytest.param({}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_intervals_of_one_step_cover_what_they_should(reference, settings, noise: float) -> None:
    rng = np.random.default_rng(0)
    sigma = reference.train.values[0].std(axis=0)
    train, context = (
        v + noise * sigma * rng.normal(size=v.shape)
        for v in (reference.train.values, reference.context)
    )
    predictor = StudentT(**settings).fit(Trajectories(train, dt=0.02), seed=0)
    unseen = Library.of(context, predictor.scaler, Plan(predictor.lags))
    freedom, location, scale = predictor.predictive(unseen.states)
    error = np.abs(unseen.increments - location) / scale
    # Without noise the errors of consecutive steps are correlated: 20 windows scatter by about 0.1.
    tolerance = 0.05 if noise else 0.15
    for level in (0.5, 0.9):
        covered = (error < stats.t.ppf(0.5 + level / 2, freedom)).mean()
        assert covered == pytest.approx(level, abs=tolerance)


def test_calibrated_samples_are_as_wide_as_the_calibrated_scale(reference) -> None:
    # On smooth data the factor is 1e-2 and less. Coefficients drawn without it would set the width.
    settings = StudentT(degree=7, delays=1, samples=1000)
    predictor = settings.fit(reference.train, seed=0)
    assert predictor.tails[1].max() < 0.05
    drawn = predictor.scaler.apply(predictor.predict(reference.context, 1).samples[:, :, 0])
    low, high = np.quantile(drawn, (0.25, 0.75), axis=0)
    freedom, _, scale = predictor.predictive(predictor.scaler.apply(reference.context[:, -1]))
    expected = 2 * scale * stats.t.ppf(0.75, freedom)
    np.testing.assert_allclose(((high - low) / expected).mean(axis=0), 1.0, atol=0.1)


def test_calibration_improves_the_score_of_one_step(reference) -> None:
    # At degree 7 the polynomial errs by 1e-11, less than the smallest λ lets the posterior expect.
    sigma = reference.train.values[0].std(axis=0)
    scores = [
        metrics.crps(
            reference.truth[:, :1],
            StudentT(degree=7, delays=1, calibrate=calibrate, samples=50)
            .fit(reference.train, seed=0)
            .predict(reference.context, 1)
            .samples,
            scale=sigma,
        ).mean()
        for calibrate in (True, False)
    ]
    assert scores[0] < 0.5 * scores[1]


def test_samples_depend_on_seed_and_window_alone(reference) -> None:
    settings = StudentT(degree=2, delays=1, samples=4)
    predictor = settings.fit(reference.train, seed=1)
    together = predictor.predict(reference.context[:6], 20).samples
    for i in (0, 5):
        alone = predictor.predict(reference.context[i : i + 1], 20).samples
        np.testing.assert_allclose(alone[:, 0], together[:, i], rtol=1e-9)
    again = settings.fit(reference.train, seed=1).predict(reference.context[:6], 20).samples
    np.testing.assert_array_equal(again, together)
    other = settings.fit(reference.train, seed=2).predict(reference.context[:6], 20).samples
    assert not np.allclose(other, together, rtol=1e-9)


@pytest.mark.parametrize(("degree", "published"), [(2, 1.55), (3, 4.5), (5, 12.05)])
def test_reaches_the_published_figures_of_polynomial_maps(
    reference, degree: int, published: float
) -> None:
    found = reference.median(StudentT(degree=degree, delays=1, samples=0))
    assert found == pytest.approx(published, rel=0.2)


def test_the_default_does_better_than_any_of_those(reference) -> None:
    assert reference.median(StudentT(samples=0)) >= 12.0


def test_no_state_leaves_the_box_around_the_data() -> None:
    growth = np.exp(0.05 * np.arange(300))[:, np.newaxis]
    forecast = StudentT().fit(Trajectories(growth, dt=1.0), seed=0).predict(growth[np.newaxis], 200)
    highest = growth.max() + 0.1 * np.ptp(growth) + 1e-6
    assert growth.max() < forecast.values.max() <= highest
    assert forecast.samples.max() <= highest


def test_too_many_features_are_refused() -> None:
    train = Trajectories(np.random.default_rng(0).normal(size=(300, 12)), dt=1.0)
    with pytest.raises(ParameterError, match=r"12 variables .* more than max_features=1000"):
        StudentT(degree=4).fit(train, seed=0)
