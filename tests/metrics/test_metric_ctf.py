"""The scores of ctf4science against a plain implementation of its formulas."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import InputError
from chaosbench.metrics import (
    ctf_long_time_histogram,
    ctf_long_time_spectrum,
    ctf_short_time,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(4, 60, 5)).cumsum(axis=1)
FORECAST = TRUTH + np.array([0.1, 0.5, 1.0, 3.0])[:, None, None] * RNG.normal(size=TRUTH.shape)


def plain_short(truth: np.ndarray, forecast: np.ndarray, k: int) -> float:
    largest = [np.linalg.svd(a[:k])[1][0] for a in (truth - forecast, truth)]
    return max(-100.0, 100 * (1 - largest[0] / largest[1]))


def plain_histogram(truth: np.ndarray, forecast: np.ndarray, modes: int, bins: int) -> float:
    errors = []
    for y, yhat in zip(truth[-modes:].T, forecast[-modes:].T, strict=True):
        ends = (min(y.min(), yhat.min()), max(y.max(), yhat.max()))
        h, g = (np.histogram(a, bins=bins, range=ends)[0] for a in (y, yhat))
        errors.append(np.abs(h - g).sum() / np.abs(h).sum())
    return float(100 * (1 - np.mean(errors)))


def plain_spectrum(truth: np.ndarray, forecast: np.ndarray, k: int, modes: int) -> float:
    spectra = []
    for field in (truth, forecast):
        total = np.zeros(modes)
        for row in field[-k:]:
            shifted = np.fft.fftshift(np.abs(np.fft.fft(row)) ** 2)
            centre = len(row) // 2
            total += shifted[centre : centre + modes]
        spectra.append(total / k)
    error = np.linalg.norm(spectra[0] - spectra[1]) / np.linalg.norm(spectra[0])
    return float(max(-100.0, 100 * (1 - error)))


@pytest.mark.parametrize("k", [1, 20, 60])
def test_short_time_is_the_spectral_norm_of_the_first_steps(k: int) -> None:
    expected = [plain_short(y, yhat, k) for y, yhat in zip(TRUTH, FORECAST, strict=True)]
    np.testing.assert_allclose(ctf_short_time(TRUTH, FORECAST, k=k), expected, rtol=1e-9)


def test_the_norm_is_not_the_root_of_the_sum_of_squares() -> None:
    truth = np.eye(3)[None]
    forecast = truth.copy()
    forecast[0, 0, 0] = 0.0  # one of three equal singular values is lost
    assert ctf_short_time(truth, forecast)[0] == pytest.approx(0.0)
    forecast[0, 1, 1] = 0.5
    assert ctf_short_time(truth, forecast)[0] == pytest.approx(0.0)  # the largest decides
    forecast[0, 0, 0] = 1.0
    assert ctf_short_time(truth, forecast)[0] == pytest.approx(50.0)


def test_no_k_is_reconstruction_and_a_long_k_is_all() -> None:
    whole = ctf_short_time(TRUTH, FORECAST, k=None)
    np.testing.assert_array_equal(whole, ctf_short_time(TRUTH, FORECAST, k=60))
    np.testing.assert_array_equal(whole, ctf_short_time(TRUTH, FORECAST, k=600))
    assert (whole != ctf_short_time(TRUTH, FORECAST)).all()


@pytest.mark.parametrize(("modes", "bins"), [(60, 41), (25, 7), (1, 3), (600, 41)])
def test_histograms_agree_with_numpys(modes: int, bins: int) -> None:
    expected = [
        plain_histogram(y, yhat, modes, bins) for y, yhat in zip(TRUTH, FORECAST, strict=True)
    ]
    ours = ctf_long_time_histogram(TRUTH, FORECAST, modes=modes, bins=bins)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def test_histograms_agree_where_values_fall_on_edges() -> None:
    truth = np.random.default_rng(1).integers(0, 8, size=(30, 40, 2)) / 7
    forecast = np.random.default_rng(2).integers(0, 8, size=(30, 40, 2)) / 7
    for bins in (7, 14, 21):
        expected = [
            plain_histogram(y, yhat, 40, bins) for y, yhat in zip(truth, forecast, strict=True)
        ]
        ours = ctf_long_time_histogram(truth, forecast, bins=bins)
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("d", [8, 9])
@pytest.mark.parametrize(("k", "modes"), [(20, 4), (1, 2), (60, 1)])
def test_spectra_agree_with_the_shifted_transform(d: int, k: int, modes: int) -> None:
    truth = np.random.default_rng(3).normal(size=(4, 60, d)) + 1
    forecast = truth + FORECAST[:, :, :1] - TRUTH[:, :, :1]
    expected = [plain_spectrum(y, f, k, modes) for y, f in zip(truth, forecast, strict=True)]
    ours = ctf_long_time_spectrum(truth, forecast, k=k, modes=modes)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def test_too_many_modes_are_all_there_are() -> None:
    for d in (8, 9):
        truth, forecast = (RNG.normal(size=(2, 5, d)) for _ in range(2))
        np.testing.assert_array_equal(
            ctf_long_time_spectrum(truth, forecast, modes=1000),
            ctf_long_time_spectrum(truth, forecast, modes=(d + 1) // 2),
        )


def test_zeros_score_zero_and_the_floor_holds() -> None:
    zeros = np.zeros_like(TRUTH)
    np.testing.assert_allclose(ctf_short_time(TRUTH, zeros), 0.0, atol=1e-12)
    np.testing.assert_allclose(ctf_long_time_spectrum(TRUTH, zeros), 0.0, atol=1e-12)
    for function in (ctf_short_time, ctf_long_time_histogram, ctf_long_time_spectrum):
        assert (function(TRUTH, 1e3 * TRUTH + 1e6) == -100).all()
        assert (function(TRUTH, TRUTH.copy()) == 100).all()
        assert (function(zeros, zeros.copy()) == 100).all()
        assert (function(zeros, zeros + 1) == -100).all()


def test_only_the_part_that_is_scored_must_be_finite() -> None:
    late, early = FORECAST.copy(), FORECAST.copy()
    late[:, 30] = np.nan
    early[:, 5] = np.nan
    np.testing.assert_array_equal(ctf_short_time(TRUTH, late), ctf_short_time(TRUTH, FORECAST))
    assert (ctf_short_time(TRUTH, early) == -100).all()
    for function, settings in [
        (ctf_long_time_histogram, {"modes": 20}),
        (ctf_long_time_spectrum, {"k": 20}),
    ]:
        whole = function(TRUTH, FORECAST, **settings)
        np.testing.assert_array_equal(function(TRUTH, early, **settings), whole)
        lost = FORECAST.copy()
        lost[1, -3, 0] = np.inf
        expected = np.where(np.arange(4) == 1, -100.0, whole)
        np.testing.assert_array_equal(function(TRUTH, lost, **settings), expected)


@pytest.mark.parametrize("value", [0, -2, 1.5])
def test_settings_must_be_counts(value: object) -> None:
    with pytest.raises(InputError, match="k must"):
        ctf_short_time(TRUTH, FORECAST, k=value)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="modes must"):
        ctf_long_time_histogram(TRUTH, FORECAST, modes=value)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="bins must"):
        ctf_long_time_histogram(TRUTH, FORECAST, bins=value)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="modes must"):
        ctf_long_time_spectrum(TRUTH, FORECAST, modes=value)  # type: ignore[arg-type]
