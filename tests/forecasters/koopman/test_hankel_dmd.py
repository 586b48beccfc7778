"""Hankel DMD: signals of known frequencies, and pydmd's own class as oracle."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import InvalidForecastError
from chaosbench.forecasters.koopman.hankel_dmd import HankelDMD
from chaosbench.trajectories import Trajectories

FREQUENCIES = np.array([0.13, 0.13 * np.sqrt(5), 0.71])


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    """Three incommensurate frequencies in one variable, ``(T, 1)``."""
    t = np.arange(1500)
    return np.sin(np.outer(t, FREQUENCIES) + np.arange(3)).sum(axis=1, keepdims=True)


def test_frequencies_of_a_quasi_periodic_signal_are_recovered(signal) -> None:
    # The mean of a finite stretch differs from that of the signal, so the constant takes a mode.
    predictor = HankelDMD(rank=7).fit(Trajectories(signal[:800], 0.1), seed=0)
    angles = np.sort(np.angle(predictor.eigenvalues))
    expected = np.sort([*FREQUENCIES, *-FREQUENCIES, 0.0])
    np.testing.assert_allclose(angles, expected, atol=1e-9)
    np.testing.assert_allclose(np.abs(predictor.eigenvalues), 1.0, atol=1e-9)


def test_a_quasi_periodic_signal_is_continued_from_the_context(signal) -> None:
    predictor = HankelDMD().fit(Trajectories(signal[:800], 0.1), seed=0)
    context = np.stack([signal[900:1000], signal[1000:1100]])
    truth = np.stack([signal[1000:1300], signal[1100:1400]])
    np.testing.assert_allclose(predictor.predict(context, 300).values, truth, atol=1e-5)


def test_eigenvalues_are_those_of_pydmd_on_one_trajectory(reference) -> None:
    import pydmd

    states = reference.train.values[0, :1000]
    ours = HankelDMD(delays=20, rank=12, stable=False).fit(Trajectories(states, 0.02), seed=0)
    standard = (states - states.mean(axis=0)) / states.std(axis=0)
    theirs = pydmd.HankelDMD(svd_rank=12, d=20)
    with pytest.warns(UserWarning, match="condition number"):
        theirs.fit(standard.T)
    order = lambda z: z[np.lexsort((np.round(z.imag, 9), np.round(z.real, 9)))]  # noqa: E731
    np.testing.assert_allclose(order(ours.eigenvalues), order(theirs.eigs), atol=1e-8)


def test_trajectories_are_not_joined(signal) -> None:
    pieces = signal[:1200].reshape(6, 200, 1)
    predictor = HankelDMD(rank=7, delays=30).fit(Trajectories(pieces[::-1].copy(), 0.1), seed=0)
    angles = np.sort(np.angle(predictor.eigenvalues))
    np.testing.assert_allclose(angles[-3:], np.sort(FREQUENCIES), atol=1e-8)


def test_nothing_grows_when_stable() -> None:
    growth = 1.01 ** np.arange(400)[:, np.newaxis]
    wild = HankelDMD(rank=2, stable=False).fit(Trajectories(growth, 1.0), seed=0)
    np.testing.assert_allclose(np.sort(wild.eigenvalues.real), [1.0, 1.01], atol=1e-9)
    following = wild.predict(growth[np.newaxis, -50:], 3).values[0, :, 0]
    np.testing.assert_allclose(following, growth[-1, 0] * 1.01 ** np.arange(1, 4), rtol=1e-8)
    tame = HankelDMD(rank=2).fit(Trajectories(growth, 1.0), seed=0)
    np.testing.assert_allclose(np.abs(tame.eigenvalues), 1.0, atol=1e-9)


def test_delays_shrink_with_the_data_and_contexts_need_as_many() -> None:
    wave = np.sin(0.3 * np.arange(41))[:, np.newaxis]
    predictor = HankelDMD(delays=50).fit(Trajectories(wave, 1.0), seed=0)
    assert predictor.delays == 20
    with pytest.raises(InvalidForecastError, match="at least 20 points"):
        predictor.predict(np.zeros((1, 19, 1)), 5)
    wide = np.random.default_rng(0).normal(size=(200, 40))
    assert HankelDMD().fit(Trajectories(wide, 1.0), seed=0).delays == 15
