"""D_stsp and D_H against dense, loop-by-loop implementations written here."""

from __future__ import annotations

import tracemalloc

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from dysts.metrics import compute_metrics
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from chaosbench.errors import InputError
from chaosbench.metrics import mixture_divergence, spectral_hellinger, state_space_divergence
from chaosbench.metrics._arrays import cells


def dense_divergence(
    truth: np.ndarray, forecast: np.ndarray, bins: int = 30, scale: np.ndarray | None = None
) -> float:
    """Return D_stsp by its definition: every cell of the histogram, with numpy's own binning."""
    sigma = truth.std(axis=0) if scale is None else scale
    low, high = truth.min(axis=0) - 0.1 * sigma, truth.max(axis=0) + 0.1 * sigma
    edges = [np.linspace(a, b, bins + 1) for a, b in zip(low, high, strict=True)]
    p, _ = np.histogramdd(truth, bins=edges)
    q, _ = np.histogramdd(forecast[np.isfinite(forecast).all(axis=1)], bins=edges)
    p = (p + 1e-5) / (len(truth) + 1e-5 * p.size)
    q = (q + 1e-5) / (len(forecast) + 1e-5 * q.size)
    return float((p * np.log(p / q)).sum())


def plain_mixture(
    truth: np.ndarray, forecast: np.ndarray, draws: int, seed: int
) -> tuple[float, float]:
    """Return mean and spread of the KL divergence of two mixtures, by scipy's distances."""
    rng = np.random.default_rng(seed)
    x = (truth - truth.mean(axis=0)) / truth.std(axis=0)
    g = (forecast - truth.mean(axis=0)) / truth.std(axis=0)
    s = x[rng.integers(len(x), size=draws)] + rng.normal(size=(draws, x.shape[1]))
    log_p, log_q = (
        logsumexp(-0.5 * cdist(s, points, "sqeuclidean"), axis=1) - np.log(len(points))
        for points in (x, g)
    )
    return float(np.mean(log_p - log_q)), float(np.std(log_p - log_q))


def dense_hellinger(truth: np.ndarray, forecast: np.ndarray, smoothing: float = 20) -> float:
    """Return D_H step by step with scipy's filter."""
    distances = []
    for x, g in zip(truth.T, forecast.T, strict=True):
        spectra = []
        for series in (x, g):
            z = (series - series.mean()) / series.std()
            power = np.abs(np.fft.rfft(z)) ** 2
            if smoothing:
                power = gaussian_filter1d(power, smoothing, mode="reflect", truncate=4.0)
            spectra.append(power / power.sum())
        p, q = spectra
        total = sum((a**0.5 - b**0.5) ** 2 for a, b in zip(p, q, strict=True))
        distances.append((total / 2) ** 0.5)
    return float(np.mean(distances))


def noise(t: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(t, d))


@pytest.mark.parametrize(("d", "bins"), [(1, 30), (2, 30), (3, 30), (4, 12), (5, 8)])
@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0, 50.0])
def test_sparse_histogram_equals_the_dense_one(d: int, bins: int, shift: float) -> None:
    truth, forecast = noise(700, d), 1.2 * noise(500, d, seed=1) + shift
    assert state_space_divergence(truth, forecast, bins=bins) == pytest.approx(
        dense_divergence(truth, forecast, bins), rel=1e-9
    )


@given(
    hnp.arrays(float, st.tuples(st.integers(2, 30), st.just(2)), elements=st.integers(-3, 3)),
    hnp.arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(-4, 4)),
    st.integers(1, 7),
    st.sampled_from([0.3, 1.0, 2.0, 5.0, 10.0]),
)
def test_sparse_equals_dense_on_points_that_tie_with_edges(
    truth: np.ndarray, forecast: np.ndarray, bins: int, sigma: float
) -> None:
    truth = np.concatenate([truth, [[-3.0, -3.0], [3.0, 3.0]]])
    # Where a point lies on an edge, the last bit of σ decides between two cells, and two orders of
    # summation give two last bits. So σ is given.
    scale = np.array([sigma, sigma])
    assert state_space_divergence(truth, forecast, bins=bins, scale=scale) == pytest.approx(
        max(0.0, dense_divergence(truth, forecast, bins, scale)), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("bins", [1, 7, 30, 41])
def test_edges_decide_where_values_lie(bins: int) -> None:
    rng = np.random.default_rng(bins)
    low, high = rng.normal(size=200), rng.normal(size=200) + 5
    edges = np.linspace(low, high, bins + 1, axis=-1)
    values = np.concatenate(
        [np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)], axis=1
    )
    expected = np.stack(
        [np.searchsorted(e, v, side="right") - 1 for e, v in zip(edges, values, strict=True)]
    )
    expected[values == edges[:, -1:]] = bins - 1
    expected[values > edges[:, -1:]] = -1
    np.testing.assert_array_equal(cells(values, low, high, bins), expected)


def test_divergence_of_two_cells_by_hand() -> None:
    truth = np.array([[0.0], [0.0], [1.0], [1.0]])
    forecast = np.array([[0.0], [1.0], [1.0], [1.0]])
    # p = 1/2, 1/2; q = 1/4, 3/4; smoothing changes the sixth digit
    expected = 0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    assert state_space_divergence(truth, forecast, bins=2) == pytest.approx(expected, abs=1e-5)


def test_a_long_series_in_five_variables_allocates_no_dense_grid() -> None:
    truth, forecast = noise(20_000, 5), noise(20_000, 5, seed=1)
    tracemalloc.start()
    value = state_space_divergence(truth, forecast)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value > 0
    assert peak < 30e6  # 30**5 doubles are 194 MB


def test_lost_mass_is_penalised_whether_far_away_or_not_finite() -> None:
    truth = noise(2000, 2)
    forecast = noise(2000, 2, seed=1)
    whole = state_space_divergence(truth, forecast)
    values = []
    for bad in (1e9, np.nan, np.inf, -np.inf):
        half = forecast.copy()
        half[1000:] = bad
        values.append(state_space_divergence(truth, half))
    assert np.ptp(values) == 0
    alone = state_space_divergence(truth, forecast[:1000])
    # Losing half of the mass costs about ln 2 beyond what the surviving half scores alone.
    assert values[0] == pytest.approx(alone + np.log(2), rel=0.02)
    assert values[0] > whole + 0.5


@pytest.mark.parametrize("d", [2, 7])
def test_divergence_grows_as_more_of_the_forecast_is_lost(d: int) -> None:
    truth, forecast = noise(1500, d), noise(1500, d, seed=1)
    values = []
    for lost in (0, 300, 900, 1400, 1499, 1500):
        part = forecast.copy()
        part[len(part) - lost :] = np.nan
        values.append(state_space_divergence(truth, part))
    assert values == sorted(values)
    assert values[-1] == 1000.0


@pytest.mark.parametrize("d", [6, 9])
@pytest.mark.parametrize("shift", [0.3, 1.5])
def test_mixture_agrees_with_plain_sampling(d: int, shift: float) -> None:
    truth, forecast = noise(400, d), noise(300, d, seed=1) + shift
    ours = state_space_divergence(truth, forecast)
    plain, spread = plain_mixture(truth, forecast, draws=4000, seed=7)
    # 1,000 samples against 4,000 others: four standard errors of the difference
    assert ours == pytest.approx(plain, abs=4 * spread * (1 / 1000 + 1 / 4000) ** 0.5)


def test_mixture_of_distant_points_has_a_closed_form() -> None:
    # A point diverges by r²/2 from the nearest: r is 10 from one, 8 in each of 6 from the other.
    truth = np.repeat([[-1.0] * 6, [1.0] * 6], 4, axis=0)
    expected = (6 * 10**2 / 2 + 6 * 8**2 / 2) / 2
    assert state_space_divergence(truth, truth + 10.0) == pytest.approx(expected, rel=0.03)
    assert state_space_divergence(truth, truth + 1e3) == 1000.0
    assert state_space_divergence(truth, truth + 1e7) == 1000.0


def test_mixture_is_reproducible_and_its_seed_matters() -> None:
    truth, forecast = noise(300, 6), noise(300, 6, seed=1) + 0.5
    assert state_space_divergence(truth, forecast) == state_space_divergence(truth, forecast)
    assert state_space_divergence(truth, forecast) != state_space_divergence(
        truth, forecast, seed=1
    )


def test_mixture_sees_the_end_of_a_long_run() -> None:
    truth = noise(12_000, 6)
    wandering = truth.copy()
    wandering[10_000:] += 10.0
    assert state_space_divergence(truth, wandering) > 0.05


@pytest.mark.parametrize("d", [1, 3, 6])
def test_divergence_has_no_units_and_scale_may_be_given(d: int) -> None:
    truth, forecast = noise(500, d), noise(500, d, seed=1) + 0.4
    units = 2.0 ** np.arange(d)
    plain = state_space_divergence(truth, forecast)
    assert state_space_divergence(units * truth, units * forecast) == pytest.approx(plain)
    sigma = truth.std(axis=0)
    assert state_space_divergence(truth, forecast, scale=sigma) == pytest.approx(plain)
    assert state_space_divergence(truth, forecast, scale=np.zeros(d)) == pytest.approx(plain)
    assert state_space_divergence(truth, forecast, scale=3 * sigma) != pytest.approx(plain)


def test_order_of_variables_and_of_rows_does_not_matter() -> None:
    truth, forecast = noise(500, 3), 1.1 * noise(500, 3, seed=1)
    plain = state_space_divergence(truth, forecast)
    assert state_space_divergence(truth[:, [2, 0, 1]], forecast[:, [2, 0, 1]]) == pytest.approx(
        plain
    )
    assert state_space_divergence(truth[::-1], forecast[::-1]) == pytest.approx(plain)


@pytest.mark.parametrize("d", [1, 6])
def test_a_variable_that_never_varies_must_be_matched(d: int) -> None:
    still = np.full((50, d), 2.0)
    assert state_space_divergence(still, still + 1e-12) == 0.0
    # No forecast row lies in a cell of the truth: ln of 50 counts over the smoothing 1e-5.
    off = state_space_divergence(still, still + 0.1)
    assert off == (1000.0 if d == 6 else pytest.approx(np.log(50 / 1e-5), rel=1e-4))
    mixed = np.concatenate([noise(50, 1), still], axis=1)
    moved = mixed.copy()
    moved[:25, 1] = 3.0
    assert state_space_divergence(mixed, mixed.copy()) == 0
    assert state_space_divergence(mixed, moved) > 0.3


@pytest.mark.parametrize("bins", [0, -1, 2.5, 10**13])
def test_impossible_bins_are_named(bins: float) -> None:
    with pytest.raises(InputError, match="bins"):
        state_space_divergence(noise(9, 2), noise(9, 2), bins=bins)  # type: ignore[arg-type]


@pytest.mark.parametrize(("t", "d"), [(1000, 3), (999, 1), (60, 2), (7, 1), (2, 1)])
@pytest.mark.parametrize("smoothing", [0, 1.5, 20])
def test_hellinger_agrees_with_the_plain_one(t: int, d: int, smoothing: float) -> None:
    truth = noise(t, d).cumsum(axis=0)
    forecast = noise(t, d, seed=1)
    expected = dense_hellinger(truth, forecast, smoothing)
    assert spectral_hellinger(truth, forecast, smoothing=smoothing) == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


def test_hellinger_of_two_tones_is_one_without_smoothing() -> None:
    time = np.arange(1000) / 1000
    tones = [np.sin(2 * np.pi * f * time)[:, None] for f in (10, 300)]
    assert spectral_hellinger(*tones, smoothing=0) == pytest.approx(1.0, abs=1e-6)
    assert spectral_hellinger(*tones, smoothing=20) < 1.0
    phase = np.cos(2 * np.pi * 10 * time)[:, None]
    assert spectral_hellinger(tones[0], phase, smoothing=0) == pytest.approx(0.0, abs=1e-6)


@given(
    hnp.arrays(float, (16, 2), elements=st.floats(-5, 5, width=32)),
    hnp.arrays(float, (16, 2), elements=st.floats(-5, 5, width=32)),
    st.floats(0, 30),
)
def test_hellinger_is_a_symmetric_distance_free_of_units(
    a: np.ndarray, b: np.ndarray, smoothing: float
) -> None:
    value = spectral_hellinger(a, b, smoothing=smoothing)
    assert 0 <= value <= 1
    assert spectral_hellinger(a, a.copy(), smoothing=smoothing) == 0
    assert spectral_hellinger(b, a, smoothing=smoothing) == value
    assert spectral_hellinger(8.0 * a, 0.5 * b, smoothing=smoothing) == pytest.approx(
        value, abs=1e-6
    )
    assert spectral_hellinger(a[:, ::-1], b[:, ::-1], smoothing=smoothing) == pytest.approx(value)


def test_hellinger_of_constant_series() -> None:
    still, moving = np.full((40, 1), 0.1), noise(40, 1)
    assert spectral_hellinger(still, moving) == 1.0
    assert spectral_hellinger(moving, still) == 1.0
    assert spectral_hellinger(moving, np.zeros((40, 1))) == 1.0
    assert spectral_hellinger(still, still + 7) == 0.0
    # a run at a fixed point varies only by rounding, which has no spectrum
    jitter = still + 1e-15 * noise(40, 1)
    assert spectral_hellinger(moving, jitter) == 1.0


def test_one_nan_anywhere_is_the_worst_spectrum() -> None:
    forecast = noise(40, 3)
    forecast[17, 1] = np.nan
    assert spectral_hellinger(noise(40, 3), forecast) == 1.0


def test_hellinger_names_lengths_and_smoothing_it_cannot_use() -> None:
    with pytest.raises(InputError, match="40 and 39"):
        spectral_hellinger(noise(40, 2), noise(39, 2))
    with pytest.raises(InputError, match="smoothing"):
        spectral_hellinger(noise(40, 2), noise(40, 2), smoothing=-1)
    with pytest.raises(InputError, match="smoothing"):
        spectral_hellinger(noise(40, 2), noise(40, 2), smoothing=np.nan)


@pytest.mark.parametrize("d", [1, 3, 6])
def test_windows_are_single_series_side_by_side(d: int) -> None:
    rng = np.random.default_rng(d)
    truth = rng.normal(size=(5, 200, d)) * [[[1.0]], [[10.0]], [[0.1]], [[1.0]], [[1.0]]]
    forecast = truth + 0.3 * rng.normal(size=truth.shape)
    forecast[1, 50:] = np.nan
    forecast[2] += 1e3
    truth[3, :, 0] = forecast[3, :, 0] = 0.1
    forecast[4] = np.inf
    for function in (state_space_divergence, spectral_hellinger):
        single = [function(y, yhat) for y, yhat in zip(truth, forecast, strict=True)]
        assert all(isinstance(value, float) for value in single)
        np.testing.assert_allclose(function(truth, forecast), single, rtol=1e-12)
    longer = np.concatenate([forecast, forecast], axis=1)
    np.testing.assert_allclose(
        state_space_divergence(truth[:3], longer[:3]),
        [state_space_divergence(y, yhat) for y, yhat in zip(truth[:3], longer[:3], strict=True)],
    )
    with pytest.raises(InputError, match="same windows"):
        state_space_divergence(truth, forecast[:4])


def test_windows_too_many_for_one_numbering_are_taken_in_turn() -> None:
    # (2^15)^4 cells leave room for two windows in 61 bits
    truth = np.random.default_rng(0).normal(size=(9, 30, 4))
    forecast = truth + 0.1
    together = state_space_divergence(truth, forecast, bins=2**15)
    alone = [
        state_space_divergence(y, yhat, bins=2**15) for y, yhat in zip(truth, forecast, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)


def test_long_spectra_are_smoothed_like_short_ones() -> None:
    truth, forecast = noise(2047, 1).cumsum(axis=0), noise(2047, 1, seed=1)
    longer = [np.concatenate([a, a[:100]]) for a in (truth, forecast)]  # 1,024 and 1,074 bins
    for pair in ((truth, forecast), longer):
        assert spectral_hellinger(*pair) == pytest.approx(dense_hellinger(*pair), rel=1e-9)


def test_unsmoothed_spectra_agree_with_dysts_where_its_hundred_bins_fit() -> None:
    # 198 steps have frequencies 0 to 99, and zero mean keeps the first from mattering
    truth, forecast = (a - a.mean(axis=0) for a in (noise(198, 3), noise(198, 3, seed=1)))
    theirs = compute_metrics(truth, forecast, include=["hellinger_distance"])
    assert spectral_hellinger(truth, forecast, smoothing=0) == pytest.approx(
        theirs["hellinger_distance"], rel=1e-9
    )


def test_dysts_hellinger_sees_little_beside_a_mean() -> None:
    time = np.arange(198)[:, None] / 198
    slow, fast = (100 + np.sin(2 * np.pi * f * time) for f in (3, 60))
    theirs = compute_metrics(slow, fast, include=["hellinger_distance"])["hellinger_distance"]
    assert theirs < 0.01
    assert spectral_hellinger(slow, fast, smoothing=0) == pytest.approx(1.0, abs=1e-6)


def test_dysts_hellinger_misses_what_lies_beyond_its_hundred_bins() -> None:
    time = np.arange(600)[:, None] / 600
    base = np.sin(2 * np.pi * 10 * time)
    noisy = base + 3 * np.sin(2 * np.pi * 250 * time)
    theirs = compute_metrics(base, noisy, include=["hellinger_distance"])["hellinger_distance"]
    assert theirs < 1e-3
    # a tenth of the power is where all of it should be: √(1 - √(1/10))
    assert spectral_hellinger(base, noisy, smoothing=0) == pytest.approx(
        (1 - 0.1**0.5) ** 0.5, abs=1e-6
    )


def test_mixtures_agree_with_dysts_in_units_of_sigma() -> None:
    truth, forecast = noise(60, 2), noise(60, 2, seed=1) + 0.7
    forecast = (forecast - truth.mean(axis=0)) / truth.std(axis=0)
    truth = (truth - truth.mean(axis=0)) / truth.std(axis=0)
    state = np.random.get_state()  # noqa: NPY002 - dysts draws from the global generator
    np.random.seed(0)  # noqa: NPY002
    theirs = compute_metrics(truth, forecast, include=["kl_divergence"])["kl_divergence"]
    np.random.set_state(state)  # noqa: NPY002
    ours = mixture_divergence(truth[None], forecast[None])[0]
    _, spread = plain_mixture(truth, forecast, draws=2000, seed=3)
    # a thousand samples on each side: four standard errors of the difference
    assert ours == pytest.approx(theirs, abs=4 * spread * (2 / 1000) ** 0.5)


def test_dysts_mixtures_depend_on_the_units_and_ours_do_not() -> None:
    truth, forecast = noise(40, 2), noise(40, 2, seed=1) + 1.0
    plain = mixture_divergence(truth[None], forecast[None])[0]
    small = mixture_divergence(truth[None] / 64, forecast[None] / 64)[0]
    assert small == pytest.approx(plain, rel=1e-9)
    state = np.random.get_state()  # noqa: NPY002 - dysts draws from the global generator
    theirs = []
    for c in (1, 64):
        np.random.seed(0)  # noqa: NPY002
        found = compute_metrics(truth / c, forecast / c, include=["kl_divergence"])
        theirs.append(found["kl_divergence"])
    np.random.set_state(state)  # noqa: NPY002
    assert theirs[0] > 0.3
    assert abs(theirs[1]) < 0.01  # a hundredth of its σ apart looks equal


def test_mixtures_of_windows_are_those_of_the_long_run_estimator() -> None:
    truth = np.random.default_rng(0).normal(size=(3, 50, 6))
    forecast = truth + np.array([0.1, 1.0, np.nan])[:, None, None]
    expected = [state_space_divergence(y, yhat) for y, yhat in zip(truth, forecast, strict=True)]
    np.testing.assert_allclose(mixture_divergence(truth, forecast), expected)
    assert expected[0] < expected[1] < expected[2] == 1000.0
