"""The Gaussian process against scikit-learn, finite differences, and its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from chaosbench import metrics
from chaosbench.forecasters.memory._sparse_gp import (
    Hyperparameters,
    SparseGP,
    kernel,
    marginal_likelihood,
    maximise,
)
from chaosbench.forecasters.memory.gaussian_process import GaussianProcess
from chaosbench.trajectories import FloatArray

LENGTHS = np.array([0.3, 0.5])
NOISE = 1e-2


@pytest.fixture(scope="module")
def pairs() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = np.stack([np.sin(2 * x[:, 0]) * x[:, 1], 3 * np.cos(x[:, 1])], axis=1)
    return x, y + 0.05 * rng.normal(size=y.shape)


def exact(x: FloatArray, y: FloatArray, variance: float, noise: float) -> GaussianProcessRegressor:
    """scikit-learn's process at these hyperparameters."""
    model = GaussianProcessRegressor(
        ConstantKernel(variance) * RBF(LENGTHS), alpha=noise * variance, optimizer=None
    )
    return model.fit(x, y)


def test_all_points_inducing_is_the_exact_process(pairs) -> None:
    x, y = pairs
    hyper = Hyperparameters(LENGTHS, NOISE, np.array([1.7, 0.4]))
    process = SparseGP.fit(x, y, hyper, len(x))
    assert len(process.inducing) == len(x)
    query = np.random.default_rng(1).normal(size=(50, 2)) * 1.5
    mean, variance = process.mean(query), process.variance(query)
    for j, scale in enumerate(hyper.variance):
        expected, deviation = exact(x, y[:, j], scale, NOISE).predict(query, return_std=True)
        np.testing.assert_allclose(mean[:, j], expected, rtol=0, atol=1e-8)
        np.testing.assert_allclose(variance[:, j], deviation**2, rtol=0, atol=1e-8)


def test_the_marginal_likelihood_is_that_of_the_best_variance(pairs) -> None:
    x, y = pairs
    value, _, variance = marginal_likelihood(x, y, np.log(LENGTHS), np.log(NOISE))

    def likelihood(j: int, scale: float) -> float:
        return exact(x, y[:, j], scale, NOISE).log_marginal_likelihood_value_

    best = [likelihood(j, scale) for j, scale in enumerate(variance)]
    # The value omits (1 + log 2π) S/2 for each output.
    constant = 0.5 * len(x) * y.shape[1] * (1 + np.log(2 * np.pi))
    np.testing.assert_allclose(-sum(best) - constant, value, rtol=1e-10)
    for j, scale in enumerate(variance):
        assert likelihood(j, 1.05 * scale) < best[j] > likelihood(j, scale / 1.05)


def test_the_gradient_is_that_of_finite_differences(pairs) -> None:
    x, y = pairs
    theta = np.append(np.log(LENGTHS), np.log(NOISE))
    _, gradient, _ = marginal_likelihood(x, y, theta[:-1], theta[-1])
    for i, step in enumerate(1e-5 * np.eye(len(theta))):
        up, down = (
            marginal_likelihood(x, y, t[:-1], t[-1])[0] for t in (theta + step, theta - step)
        )
        assert (up - down) / 2e-5 == pytest.approx(gradient[i], rel=1e-6)


@pytest.mark.slow
def test_maximising_finds_the_hyperparameters_the_data_were_drawn_with() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(-3, 3, size=(500, 2))
    covariance = kernel(x, x, LENGTHS) + NOISE * np.eye(len(x))
    y = np.linalg.cholesky(covariance) @ rng.normal(size=(500, 4)) * np.sqrt(2.0)
    hyper = maximise(x, y)
    np.testing.assert_allclose(hyper.lengths, LENGTHS, rtol=0.1)
    # The variance of the process, and so the ratio, scatters more than the variance of the noise.
    assert hyper.noise * hyper.variance.mean() == pytest.approx(2.0 * NOISE, rel=0.25)
    assert hyper.variance.mean() == pytest.approx(2.0, rel=0.3)


def test_few_inducing_points_are_uncertain_by_as_much_as_they_are_wrong(pairs) -> None:
    x, y = pairs
    hyper = Hyperparameters(LENGTHS, NOISE, np.ones(2))
    query = np.random.default_rng(1).normal(size=(50, 2))
    full = SparseGP.fit(x, y, hyper, len(x))
    typical = []
    for count in (10, 30, 60, 120):
        process = SparseGP.fit(x, y, hyper, count)
        error = np.abs(process.mean(query) - full.mean(query))
        assert (error < 4 * np.sqrt(process.variance(query))).all()
        typical.append(error.mean())
    assert typical == sorted(typical, reverse=True)
    assert typical[-1] < 1e-12


def test_sampled_functions_have_the_posterior_mean_and_variance(pairs) -> None:
    x, y = pairs
    process = SparseGP.fit(x, y, Hyperparameters(LENGTHS, NOISE, np.array([1.7, 0.4])), 60)
    query = np.random.default_rng(1).normal(size=(10, 2))
    count = 1500
    draws = process.draw(count, 2000, np.random.default_rng(0))
    values = draws(np.broadcast_to(query, (count, *query.shape)))
    deviation = np.sqrt(process.variance(query))
    error = (values.mean(axis=0) - process.mean(query)) / (deviation / np.sqrt(count))
    assert np.abs(error).max() < 4.0
    # 2,000 cosines give a covariance to 2% of the prior variance, and several covariances enter.
    error = (values.var(axis=0) - process.variance(query)) / process.hyper.variance
    assert np.abs(error).max() < 0.08


def test_samples_are_coherent_paths_that_depend_on_seed_and_window_alone(reference) -> None:
    small = GaussianProcess(inducing=80, subset=100, samples=4, cosines=100, delays=1)
    predictor = small.fit(reference.train, seed=1)
    together = predictor.predict(reference.context[:6], 20).samples
    for i in (0, 5):
        alone = predictor.predict(reference.context[i : i + 1], 20).samples
        np.testing.assert_allclose(alone[:, 0], together[:, i], rtol=1e-6, atol=1e-5)
    again = small.fit(reference.train, seed=1).predict(reference.context[:6], 20).samples
    np.testing.assert_array_equal(again, together)
    other = small.fit(reference.train, seed=2).predict(reference.context[:6], 20).samples
    assert not np.allclose(other, together, rtol=1e-9)
    # One function per path: the same state is continued in the same way at every step.
    first = predictor.predict(reference.context[:1], 2).samples
    shifted = np.concatenate([reference.context[:1], first[2][:, :1]], axis=1)
    second = predictor.predict(shifted, 1).samples
    np.testing.assert_allclose(second[2, 0, 0], first[2, 0, 1], rtol=1e-9)


def test_the_spread_grows_with_the_error(reference) -> None:
    small = GaussianProcess(inducing=200, subset=300, delays=1)
    forecast = small.fit(reference.train, seed=0).predict(reference.context, 300)
    sigma = reference.train.values[0].std(axis=0)
    truth = reference.truth[:, :300]
    error = np.sqrt((((forecast.values - truth) / sigma) ** 2).mean(axis=(0, 2)))
    spread = (forecast.samples / sigma).std(axis=0).mean(axis=(0, 2))
    assert stats.spearmanr(error, spread).statistic > 0.9
    ratio = metrics.spread_skill_ratio(truth, forecast.samples, scale=sigma)
    assert 0.2 < np.median(ratio) < 5.0
    # An ensemble has to beat its own mean as a deterministic forecast.
    crps = metrics.crps(truth, forecast.samples, scale=sigma)[:, 100].mean()
    assert crps < metrics.crps(truth, forecast.values, scale=sigma)[:, 100].mean()


def test_reaches_several_lyapunov_times(reference) -> None:
    assert reference.median(GaussianProcess(subset=500, samples=0, delays=1)) >= 8.0


@pytest.mark.slow
def test_the_default_reaches_them_without_being_told_the_delays(reference) -> None:
    assert reference.median(GaussianProcess(samples=0)) >= 8.0
