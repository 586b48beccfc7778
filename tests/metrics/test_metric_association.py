"""Correlations and mutual information against scipy, scikit-learn, dysts and closed forms."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from dysts.metrics import compute_metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import digamma
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr
from sklearn.feature_selection import mutual_info_regression

from chaosbench.errors import InputError
from chaosbench.metrics import kendall, mutual_information, pearson, spearman
from chaosbench.metrics._association import _ranks

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(3, 60, 2)).cumsum(axis=1)
FORECAST = TRUTH + RNG.normal(size=TRUTH.shape)
ORACLES = {pearson: pearsonr, spearman: spearmanr, kendall: kendalltau}


@pytest.mark.parametrize("function", ORACLES)
@pytest.mark.parametrize("decimals", [9, 0], ids=["distinct", "tied"])
def test_correlations_agree_with_scipy(function: object, decimals: int) -> None:
    truth, forecast = TRUTH.round(decimals), FORECAST.round(decimals)
    expected = [
        np.mean([ORACLES[function](y[:, j], yhat[:, j])[0] for j in range(2)])
        for y, yhat in zip(truth, forecast, strict=True)
    ]
    np.testing.assert_allclose(function(truth, forecast), expected, rtol=1e-12)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["spearman", "pearson", "kendall"])
def test_correlations_agree_with_dysts_for_several_variables(name: str) -> None:
    ours = {"spearman": spearman, "pearson": pearson, "kendall": kendall}[name]
    theirs = [
        compute_metrics(y, yhat, include=[name])[name]
        for y, yhat in zip(TRUTH, FORECAST, strict=True)
    ]
    np.testing.assert_allclose(ours(TRUTH, FORECAST), theirs, rtol=1e-12)


def test_dysts_pearson_of_one_variable_is_spearmans() -> None:
    truth = np.arange(1.0, 11.0)[None, :, None]
    forecast = truth**3  # rank for rank the same, but not on a line
    theirs = compute_metrics(truth[0], forecast[0], include=["pearson"])["pearson"]
    assert theirs == pytest.approx(spearman(truth, forecast)[0]) == pytest.approx(1.0)
    ours = pearson(truth, forecast)[0]
    assert ours == pytest.approx(pearsonr(truth.ravel(), forecast.ravel())[0])
    assert ours < 0.95


@given(hnp.arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 12)),
                  elements=st.integers(-3, 3)))  # fmt: skip
def test_ranks_are_those_of_scipy(rows: np.ndarray) -> None:
    np.testing.assert_array_equal(_ranks(rows), rankdata(rows, axis=1) - 1)


@given(
    hnp.arrays(float, (1, 14, 1), elements=st.integers(-4, 4)),
    hnp.arrays(float, (1, 14, 1), elements=st.integers(-4, 4)),
)
def test_tau_counts_pairs(y: np.ndarray, yhat: np.ndarray) -> None:
    a, b = y.ravel(), yhat.ravel()
    score = untied_a = untied_b = 0.0
    for i in range(14):
        for j in range(i):
            score += np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
            untied_a += a[i] != a[j]
            untied_b += b[i] != b[j]
    if untied_a and untied_b:
        expected = score / np.sqrt(untied_a * untied_b)
    else:
        expected = 1.0 if untied_a == untied_b else 0.0
    assert kendall(y, yhat)[0] == pytest.approx(expected, abs=1e-12)


def test_a_long_window_is_counted_in_blocks() -> None:
    y = np.random.default_rng(1).normal(size=(1, 3000, 1))
    yhat = y + np.random.default_rng(2).normal(size=y.shape)
    assert kendall(y, yhat)[0] == pytest.approx(kendalltau(y.ravel(), yhat.ravel())[0], rel=1e-12)
    pair = [a[:, :1500] for a in (y, yhat)]
    theirs = mutual_info_regression(pair[0][0], pair[1].ravel(), random_state=0)[0]
    assert mutual_information(*pair)[0] == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("function", ORACLES)
def test_what_never_varies_has_no_correlation(function: object) -> None:
    moving, still = TRUTH[:, :, :1], np.full((3, 60, 1), 0.1)
    values = [function(*pair) for pair in [(moving, still), (still, moving)]]  # type: ignore[operator]
    assert (np.array(values) == 0).all()
    assert (function(still, still + 3) == 1).all()  # type: ignore[operator]
    jitter = still + 1e-15 * moving
    assert (function(moving, jitter) == 0).all()  # type: ignore[operator]


@pytest.mark.parametrize("function", ORACLES)
def test_a_variable_that_is_not_finite_counts_minus_one(function: object) -> None:
    broken = TRUTH.copy()
    broken[1, 5, 0] = np.nan
    np.testing.assert_allclose(function(TRUTH, broken), [1.0, 0.0, 1.0], atol=1e-12)  # type: ignore[operator]


@pytest.mark.parametrize("neighbours", [1, 3, 7])
def test_mutual_information_agrees_with_scikit_learn(neighbours: int) -> None:
    ours = mutual_information(TRUTH, FORECAST, neighbours=neighbours)
    for window in range(3):
        theirs = [
            mutual_info_regression(
                TRUTH[window, :, j : j + 1],
                FORECAST[window, :, j],
                n_neighbors=neighbours,
                random_state=0,
            )[0]
            for j in range(2)
        ]
        # its noise of 1e-10 σ can exchange the order of two distances at most rarely; not here
        assert ours[window] == pytest.approx(np.mean(theirs), abs=1e-9)


def test_mutual_information_of_gaussians_has_a_closed_form() -> None:
    r, h = 0.8, 1000
    x, e = np.random.default_rng(4).normal(size=(2, 20, h, 1))
    values = mutual_information(x, r * x + np.sqrt(1 - r * r) * e)
    expected = -0.5 * np.log(1 - r * r)
    # four standard errors of 20 windows, and the estimator's own bias of order 1/h
    assert values.mean() == pytest.approx(
        expected, abs=4 * values.std(ddof=1) / np.sqrt(20) + 10 / h
    )


def test_mutual_information_is_bounded_symmetric_and_blind_to_size() -> None:
    h = TRUTH.shape[1]
    most = digamma(h) - digamma(3)
    assert mutual_information(TRUTH, TRUTH) == pytest.approx(most)
    assert mutual_information(TRUTH, -4 * TRUTH) == pytest.approx(most)
    forward, backward = mutual_information(TRUTH, FORECAST), mutual_information(FORECAST, TRUTH)
    assert forward == pytest.approx(backward)
    assert (forward < most).all()


def test_mutual_information_of_symbols_counts_ties() -> None:
    # two fair bits, equal: ln 2 nats; independent: 0, up to the bias ψ(n) - ln n of counts
    bits = np.tile([0.0, 0.0, 1.0, 1.0], 250)[None, :, None]
    other = np.tile([0.0, 1.0, 0.0, 1.0], 250)[None, :, None]
    assert mutual_information(bits, bits)[0] == pytest.approx(np.log(2), abs=2 / 500)
    assert mutual_information(bits, other)[0] == pytest.approx(0.0, abs=2 / 250)


def test_neighbours_must_be_a_count() -> None:
    with pytest.raises(InputError, match="neighbours"):
        mutual_information(TRUTH, FORECAST, neighbours=0)
