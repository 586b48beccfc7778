from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from chaosbench.datasets import Dataset, generate
from chaosbench.datasets._corruption import corrupt
from chaosbench.dynamics.stored import constants

CLEAN = Dataset(systems=("lorenz",), train_points=4000, windows=2, context=200, horizon_at_most=20)


def test_noise_has_its_size():
    scale = np.array([1.0, 10.0])
    seen = corrupt(np.zeros((2, 20_000, 2)), scale=scale, noise=0.1, missing=0.0, key=(1,))
    # the standard deviation of 40,000 normal numbers is known to 1/√80,000 = 0.35%
    np.testing.assert_allclose(seen.std(axis=(0, 1)), 0.1 * scale, rtol=0.02)
    assert np.abs(seen.mean(axis=(0, 1)) / scale).max() < 4 * 0.1 / np.sqrt(40_000)


def test_gaps_are_whole_samples_and_spare_the_ends():
    values = np.ones((3, 2000, 2))
    seen = corrupt(values, scale=np.ones(2), noise=0.0, missing=0.3, key=(1,))
    lost = np.isnan(seen)
    assert np.array_equal(lost[..., 0], lost[..., 1])
    assert not lost[:, [0, -1]].any()
    assert lost.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 6000))
    assert (seen[~lost] == 1.0).all()
    assert (values == 1.0).all(), "the truth was written to"


def test_depends_on_key_and_index_only():
    values = np.zeros((4, 50, 1))
    settings = {"scale": np.ones(1), "noise": 0.5, "missing": 0.2}
    four = corrupt(values, key=(1, 2), **settings)
    two = corrupt(values[:2], key=(1, 2), **settings)
    assert np.array_equal(four[:2], two, equal_nan=True)
    assert not np.array_equal(four[0], four[1], equal_nan=True)
    assert not np.array_equal(four, corrupt(values, key=(1, 3), **settings), equal_nan=True)


def test_a_corrupted_dataset_keeps_its_truth(tmp_path):
    clean = generate(CLEAN, tmp_path / "clean")
    recipe = dataclasses.replace(CLEAN, noise=0.1, missing=0.05)
    noisy = generate(recipe, tmp_path / "noisy")
    assert np.array_equal(clean.load("lorenz", "test").values, noisy.load("lorenz", "test").values)
    sigma = np.array(constants("lorenz").std)
    truth, seen = clean.load("lorenz", "train").values, noisy.load("lorenz", "train").values
    errors = (seen - truth) / sigma
    assert np.nanstd(errors) == pytest.approx(0.1, rel=0.05)
    assert np.isnan(errors).mean() == pytest.approx(0.05, abs=0.015)
    context = noisy.load("lorenz", "context").values
    assert context.shape == (2, 200, 3)
    apart = (context - clean.load("lorenz", "test").values[:, :200]) / sigma
    assert np.nanstd(apart) == pytest.approx(0.1, rel=0.15)
    assert clean.entry("lorenz", "context") is None
