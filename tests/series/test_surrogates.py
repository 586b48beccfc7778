"""Surrogates keep what they promise, and the rank test has the size it claims."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InputError, ParameterError
from chaosbench.series import determinism_test, prediction_error, surrogates, time_asymmetry


def autoregression(length, seed, factor=0.8):
    noise = np.random.default_rng(seed).standard_normal(length + 200)
    x = np.zeros(length + 200)
    for t in range(1, len(x)):
        x[t] = factor * x[t - 1] + noise[t]
    return x[200:]


@pytest.mark.parametrize("length", [500, 501])
def test_phase_surrogates_keep_the_spectrum_exactly(length):
    x = np.exp(autoregression(length, 0) / 2)
    for made in surrogates(x, kind="phase", count=3):
        np.testing.assert_allclose(np.abs(np.fft.rfft(made)), np.abs(np.fft.rfft(x)), rtol=1e-8)
        assert np.abs(made - x).max() > x.std()


def test_iaaft_surrogates_keep_the_values_exactly_and_the_spectrum_nearly():
    x = np.exp(autoregression(2000, 0) / 2)
    made = surrogates(x, count=3, seed=1)
    before = np.abs(np.fft.rfft(x - x.mean()))
    for one in made:
        np.testing.assert_array_equal(np.sort(one), np.sort(x))
        after = np.abs(np.fft.rfft(one - one.mean()))
        assert np.linalg.norm(after - before) < 0.05 * np.linalg.norm(before)
        shuffled = np.abs(np.fft.rfft(np.random.default_rng(0).permutation(x) - x.mean()))
        assert np.linalg.norm(shuffled - before) > 0.3 * np.linalg.norm(before)
    assert not np.array_equal(made[0], made[1])


def test_a_surrogate_depends_on_the_seed_and_its_index_only():
    x = autoregression(200, 0)
    np.testing.assert_array_equal(
        surrogates(x, count=2, seed=3), surrogates(x, count=4, seed=3)[:2]
    )


def test_the_rank_test_rejects_linear_noise_as_often_as_it_says():
    """Of 60 autoregressions at a level of 5 %, up to 9 with probability 0.999 (binomial)."""
    rejected = [
        determinism_test(
            autoregression(128, seed), statistic="asymmetry", kind="phase", count=19, seed=seed
        ).p_value
        <= 0.05
        for seed in range(60)
    ]
    assert sum(rejected) <= 9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["iaaft", "phase"])
def test_the_prediction_error_rejects_linear_noise_as_often_as_it_says(kind):
    rejected = [
        determinism_test(autoregression(512, seed), kind=kind, count=19, seed=seed).p_value <= 0.05
        for seed in range(60)
    ]
    assert sum(rejected) <= 9


@pytest.mark.parametrize("statistic", ["prediction", "asymmetry"])
def test_chaos_is_more_deterministic_than_all_surrogates(statistic):
    x = cb.simulate("henon", points=1000).values[0, :, 0]
    found = determinism_test(x, statistic=statistic, count=19)
    assert found.p_value == 1 / 20
    assert found.surrogates.shape == (19,)


def test_the_prediction_error_of_noise_is_that_of_a_mean_of_five():
    """The forecast is the mean of five independent values: an error of ``√(1 + 1/5)`` σ."""
    x = np.random.default_rng(0).standard_normal(5000)
    assert prediction_error(x) == pytest.approx(np.sqrt(1.2), rel=0.06)


def test_time_asymmetry_of_a_saw():
    """Steps of +1 three times of four and of -3: ⟨δ³⟩ = -6, ⟨δ²⟩ = 3."""
    x = np.tile([0.0, 1.0, 2.0, 3.0], 100)
    assert time_asymmetry(x) == pytest.approx(6 / 3**1.5, rel=0.01)
    assert time_asymmetry(x[::-1]) == pytest.approx(time_asymmetry(x))


def test_odd_settings_are_refused():
    x = autoregression(200, 0)
    with pytest.raises(ParameterError, match="kind must be one of iaaft, phase"):
        surrogates(x, kind="aaft")
    with pytest.raises(ParameterError, match="statistic must be one of"):
        determinism_test(x, statistic="p")
    with pytest.raises(InputError, match="constant"):
        determinism_test(np.zeros(200))
