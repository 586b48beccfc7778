"""Probabilistic scores against scoringrules, closed forms and their own definitions."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from chaosbench.errors import InputError
from chaosbench.metrics import (
    coverage_error,
    crps,
    energy_score,
    interval_coverage,
    mae,
    probabilistic_valid_prediction_time,
    spread_skill_error,
    spread_skill_ratio,
    valid_prediction_time,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(3, 7, 2))
SAMPLES = TRUTH + RNG.normal(size=(9, 3, 7, 2))
CLOCK = {"dt": 0.1, "lyapunov_exponent": 0.9}
small = st.floats(-100, 100, width=32)


@pytest.mark.parametrize(("fair", "estimator"), [(True, "fair"), (False, "nrg")])
def test_crps_agrees_with_scoringrules(fair: bool, estimator: str) -> None:
    theirs = scoringrules.crps_ensemble(TRUTH, np.moveaxis(SAMPLES, 0, -1), estimator=estimator)
    ours = crps(TRUTH, SAMPLES, scale=1.0, fair=fair)
    np.testing.assert_allclose(ours, theirs.mean(axis=-1), rtol=1e-12)
    scale = np.array([2.0, 0.5])
    np.testing.assert_allclose(
        crps(TRUTH, SAMPLES, scale=scale, fair=fair), (theirs / scale).mean(axis=-1), rtol=1e-12
    )


@pytest.mark.parametrize(("fair", "estimator"), [(True, "fair"), (False, "nrg")])
def test_energy_score_agrees_with_scoringrules(fair: bool, estimator: str) -> None:
    scale = np.array([2.0, 0.5])
    theirs = scoringrules.es_ensemble(
        TRUTH / scale, np.moveaxis(SAMPLES / scale, 0, -2), estimator=estimator
    )
    np.testing.assert_allclose(
        energy_score(TRUTH, SAMPLES, scale=scale, fair=fair), theirs, rtol=1e-12
    )


def test_energy_score_of_known_numbers() -> None:
    truth = np.zeros((1, 1, 2))
    samples = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 4.0]])[:, None, None, :]
    near, between = (5 + 0 + 4) / 3, 2 * (5 + 3 + 4)
    assert energy_score(truth, samples, scale=1.0) == pytest.approx(near - between / (2 * 3 * 2))
    assert energy_score(truth, samples, scale=1.0, fair=False) == pytest.approx(
        near - between / (2 * 9)
    )


@pytest.mark.parametrize("m", [2, 5, 40])
def test_fair_crps_estimates_that_of_the_gaussian_it_is_drawn_from(m: int) -> None:
    count = 4000
    rng = np.random.default_rng(m)
    y = 0.7
    truth = np.full((count, 1, 1), y)
    samples = rng.normal(size=(m, count, 1, 1))
    expected = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
    fair = crps(truth, samples, scale=1.0)
    assert fair.mean() == pytest.approx(expected, abs=4 * fair.std() / count**0.5)
    # the plug-in form is larger by E|X - X'| / (2M) = 1/(M √π)
    plug = crps(truth, samples, scale=1.0, fair=False)
    assert plug.mean() == pytest.approx(
        expected + 1 / (m * np.sqrt(np.pi)), abs=4 * plug.std() / count**0.5
    )
    assert expected == pytest.approx(scoringrules.crps_normal(y, 0.0, 1.0))


def test_one_variable_has_one_score() -> None:
    y, x = TRUTH[..., :1], SAMPLES[..., :1]
    for fair in (True, False):
        np.testing.assert_allclose(
            crps(y, x, scale=2.0, fair=fair), energy_score(y, x, scale=2.0, fair=fair)
        )


@pytest.mark.parametrize("fair", [True, False])
def test_a_point_forecast_is_an_ensemble_of_one(fair: bool) -> None:
    point = SAMPLES[0]
    error = point - TRUTH
    for samples in (point, point[None]):
        np.testing.assert_allclose(
            crps(TRUTH, samples, scale=1.0, fair=fair), np.abs(error).mean(axis=2)
        )
        np.testing.assert_allclose(
            energy_score(TRUTH, samples, scale=1.0, fair=fair), np.linalg.norm(error, axis=2)
        )
    np.testing.assert_allclose(
        crps(TRUTH, point, scale=1.0, fair=fair).mean(axis=1), mae(TRUTH, point)
    )
    # and repeating it adds no certainty
    again = crps(TRUTH, np.stack([point] * 4), scale=1.0, fair=fair)
    np.testing.assert_allclose(again, np.abs(error).mean(axis=2))


@given(
    hnp.arrays(float, st.tuples(st.integers(1, 6), st.just(1), st.integers(1, 3), st.just(2)),
               elements=small), st.data(),
)  # fmt: skip
def test_scores_are_never_negative_and_order_does_not_matter(
    samples: np.ndarray, data: st.DataObject
) -> None:
    truth = data.draw(hnp.arrays(float, samples.shape[1:], elements=small))
    order = data.draw(st.permutations(range(len(samples))))
    for function in (crps, energy_score):
        fair, plug = (function(truth, samples, scale=3.0, fair=f) for f in (True, False))
        assert (fair >= 0).all()
        assert (plug >= fair - 1e-9).all()
        np.testing.assert_allclose(
            function(truth, samples[order], scale=3.0), fair, rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("function", [crps, energy_score])
def test_one_lost_member_loses_its_step_only(function: object) -> None:
    samples = SAMPLES.copy()
    samples[4, 1, 3, 0] = np.nan
    whole, part = (function(TRUTH, s, scale=1.0) for s in (SAMPLES, samples))  # type: ignore[operator]
    assert part[1, 3] == 1e6
    part[1, 3] = whole[1, 3]
    np.testing.assert_array_equal(part, whole)


def test_a_variable_without_variance_must_be_matched() -> None:
    samples = np.stack([TRUTH, TRUTH])
    off = samples.copy()
    off[0, 0, 0, 1] += 1e-3
    for function in (crps, energy_score):
        assert (function(TRUTH, samples + 1e-15, scale=[1.0, 0.0]) < 1e-12).all()
        assert function(TRUTH, off, scale=[1.0, 0.0])[0, 0] == 1e6


@pytest.mark.parametrize(("m", "level"), [(19, 0.9), (9, 0.8), (39, 0.5)])
def test_an_exchangeable_truth_is_covered_at_the_nominal_level(m: int, level: float) -> None:
    count = 20_000
    draws = np.random.default_rng(m).normal(size=(m + 1, count, 1, 1))
    covered = interval_coverage(draws[0], draws[1:], level=level).mean()
    assert covered == pytest.approx(level, abs=4 * (level * (1 - level) / count) ** 0.5)


def test_the_interval_ends_at_order_statistics() -> None:
    samples = np.arange(1.0, 20.0)[:, None, None, None]  # 1 … 19: 90% is from 1 to 19
    for y, inside in [(0.9, 0), (1.0, 1), (10.0, 1), (19.0, 1), (19.1, 0)]:
        assert interval_coverage(np.full((1, 1, 1), y), samples, level=0.9)[0] == inside
    # halfway between positions: 0.875 of the 20 gaps leaves 1.25 at each end
    for y, inside in [(1.24, 0), (1.26, 1), (18.74, 1), (18.76, 0)]:
        assert interval_coverage(np.full((1, 1, 1), y), samples, level=0.875)[0] == inside
    # two members cannot reach 90%: their whole range is used
    pair = samples[:2]
    assert interval_coverage(np.full((1, 1, 1), 1.5), pair)[0] == 1
    assert interval_coverage(np.full((1, 1, 1), 2.5), pair)[0] == 0


def test_coverage_error_is_the_distance_from_the_level() -> None:
    truth = np.zeros((2, 4, 1))
    samples = np.stack([truth - 1, truth + 1])
    samples[:, 0, :2] += 5  # half of the first window lies outside
    np.testing.assert_allclose(interval_coverage(truth, samples), [0.5, 1.0])
    np.testing.assert_allclose(coverage_error(truth, samples), [0.4, 0.1])
    np.testing.assert_allclose(coverage_error(truth, samples, level=0.6), [0.1, 0.4])
    samples[0, 1] = np.nan
    assert interval_coverage(truth, samples).tolist() == [0.5, 0.0]
    assert coverage_error(truth, samples)[1] == 1.0
    samples[0, 1, :3] = 0.0
    assert interval_coverage(truth, samples)[1] == 0.75  # what is not finite covers nothing


@pytest.mark.parametrize("m", [2, 10])
def test_exchangeable_members_have_a_spread_that_equals_their_skill(m: int) -> None:
    count = 4000
    draws = np.random.default_rng(m).normal(size=(m + 1, 1, count, 1))
    ratio = spread_skill_ratio(draws[0], draws[1:], scale=3.0)[0]
    # relative error of the two mean squares: √(2/N) of the error, √(2/(N (m - 1))) of the spread
    spread = 0.5 * (2 / count + 2 / (count * (m - 1))) ** 0.5
    assert ratio == pytest.approx(1.0, abs=4 * spread)
    half = spread_skill_ratio(draws[0], 0.5 * draws[1:], scale=3.0)[0]
    assert half < ratio
    assert spread_skill_error(draws[0], draws[1:], scale=3.0)[0] == abs(np.log(ratio))


def test_spread_skill_of_known_numbers_and_ends() -> None:
    truth = np.zeros((1, 1, 1))
    samples = np.array([1.0, 3.0])[:, None, None, None]  # mean 2, variance 2
    assert spread_skill_ratio(truth, samples, scale=1.0) == pytest.approx((1.5 * 2 / 4) ** 0.5)
    assert spread_skill_ratio(truth, truth, scale=1.0)[0] == 1.0
    assert spread_skill_error(truth, truth, scale=1.0)[0] == 0.0
    assert spread_skill_ratio(truth, truth + 1, scale=1.0)[0] == 0.0
    assert spread_skill_error(truth, truth + 1, scale=1.0)[0] == pytest.approx(np.log(1e6))
    wide = np.stack([truth - 1, truth + 1])  # spread about no error
    assert spread_skill_ratio(truth, wide, scale=1.0)[0] == np.inf
    assert spread_skill_error(truth, wide, scale=1.0)[0] == pytest.approx(np.log(1e6))


def test_probabilistic_time_of_one_member_is_the_valid_prediction_time() -> None:
    truth = np.random.default_rng(5).normal(size=(20, 30, 3))
    growth = 1e-2 * np.exp(0.2 * np.arange(30))[None, :, None]
    point = truth + growth * np.random.default_rng(6).normal(size=truth.shape)
    settings = {"scale": [1.0, 2.0, 0.5], "certified_steps": 25, **CLOCK}
    expected = valid_prediction_time(truth, point, **settings)
    assert np.ptp(expected) > 0
    for samples in (point, point[None], np.stack([point] * 3)):
        np.testing.assert_array_equal(
            probabilistic_valid_prediction_time(truth, samples, **settings), expected
        )


def test_the_mean_of_members_that_err_apart_stays_valid_longer() -> None:
    truth = np.zeros((1, 10, 1))
    drift = 0.1 * np.arange(1.0, 11.0)[None, :, None]
    apart = np.stack([truth + drift, truth - drift])
    settings = {"scale": 1.0, "dt": 1.0, "lyapunov_exponent": 1.0}
    assert probabilistic_valid_prediction_time(truth, drift, threshold=0.45, **settings)[0] == 4
    assert probabilistic_valid_prediction_time(truth, apart, **settings)[0] == 10
    apart[1, 0, 6] = np.nan
    assert probabilistic_valid_prediction_time(truth, apart, **settings)[0] == 6


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, np.nan])
def test_a_level_out_of_range_is_named(level: float) -> None:
    with pytest.raises(InputError, match="level"):
        coverage_error(TRUTH, SAMPLES, level=level)


@pytest.mark.parametrize("shape", [(9, 3, 7, 1), (9, 2, 7, 2), (0, 3, 7, 2), (7, 2)])
def test_samples_of_another_shape_are_named(shape: tuple[int, ...]) -> None:
    for function in (crps, energy_score, spread_skill_ratio):
        with pytest.raises(InputError, match=r"samples|forecast"):
            function(TRUTH, np.zeros(shape), scale=1.0)
