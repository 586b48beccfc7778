"""Deep Koopman autoencoder: linear systems, determinism, and its time limit."""

from __future__ import annotations

import time

import numpy as np
import pytest

from chaosbench.errors import ParameterError
from chaosbench.forecasters.koopman.deep_koopman import DeepKoopman, _windows
from chaosbench.trajectories import Trajectories

SMALL = {"steps": 300, "hidden": 16, "latent": 6, "batch": 32, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    """A slow rotation, ``(T, 2)``."""
    angle = 0.1 * np.arange(900)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def test_windows_are_every_stretch_of_every_trajectory() -> None:
    z = np.arange(24.0).reshape(2, 6, 2)
    made = _windows(z, 3)
    assert made.shape == (6, 4, 2)
    np.testing.assert_array_equal(made[4], z[1, 1:5])


def test_a_rotation_is_learnt_and_its_eigenvalues_lie_on_the_circle(wave) -> None:
    predictor = DeepKoopman(**SMALL, reencode=0).fit(Trajectories(wave[:700], 1.0), seed=0)
    values = predictor.predict(wave[np.newaxis, 650:700], 10).values[0]
    assert np.sqrt(((values - wave[700:710]) ** 2).mean()) < 0.1
    spectrum = np.linalg.eigvals(np.eye(6) + predictor.drift)
    assert np.abs(spectrum - np.exp(0.1j)).min() < 0.05


def test_encoding_anew_at_every_step_is_the_autoencoder_iterated(wave) -> None:
    predictor = DeepKoopman(**SMALL | {"steps": 20}, reencode=1).fit(
        Trajectories(wave[:300], 1.0), seed=0
    )
    context = wave[np.newaxis, 250:300]
    whole = predictor.predict(context, 4).values
    for _ in range(4):
        context = np.concatenate([context, predictor.predict(context, 1).values], axis=1)
    np.testing.assert_allclose(context[:, -4:], whole, rtol=1e-10)


def test_the_state_of_torch_changes_nothing_and_is_not_changed(wave) -> None:
    import torch

    train = Trajectories(wave[:300], 1.0)
    forecaster = DeepKoopman(**SMALL | {"steps": 20})
    torch.manual_seed(1)
    before = torch.get_rng_state(), torch.get_num_threads()
    first = forecaster.fit(train, seed=5).predict(wave[np.newaxis, :50], 5).values
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
    torch.manual_seed(2)
    again = forecaster.fit(train, seed=5).predict(wave[np.newaxis, :50], 5).values
    other = forecaster.fit(train, seed=6).predict(wave[np.newaxis, :50], 5).values
    np.testing.assert_array_equal(first, again)
    assert np.abs(other - first).max() > 1e-6


def test_the_clock_ends_the_training(wave) -> None:
    start = time.process_time()
    predictor = DeepKoopman(steps=1_000_000, seconds=0.5).fit(Trajectories(wave, 1.0), seed=0)
    assert time.process_time() - start < 60
    assert np.isfinite(predictor.predict(wave[np.newaxis, :50], 5).values).all()


def test_training_stops_when_nothing_improves() -> None:
    """White noise cannot be learnt: patience ends the training, however many steps are allowed."""
    noise = np.random.default_rng(0).normal(size=(300, 1))
    start = time.process_time()
    forecaster = DeepKoopman(**SMALL | {"steps": 100_000}, patience=2)
    forecaster.fit(Trajectories(noise, 1.0), seed=0)
    assert time.process_time() - start < 60


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ParameterError, match="reencode must be an integer of at least 0 or None"):
        DeepKoopman(reencode=-1)


@pytest.mark.slow
def test_beats_the_linear_forecast_on_lorenz(reference) -> None:
    assert 0.8 <= reference.median(DeepKoopman(), lyapunov_times=8.0) <= 6.0
