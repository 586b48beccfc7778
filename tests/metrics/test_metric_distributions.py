"""Sliced Wasserstein and MMD² against scipy, double loops and closed forms."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from sklearn.metrics.pairwise import rbf_kernel

from chaosbench.errors import InputError
from chaosbench.metrics import maximum_mean_discrepancy, sliced_wasserstein


def noise(t: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(t, d))


@pytest.mark.parametrize("length", [200, 171, 40])
def test_one_variable_is_the_earth_movers_distance_of_scipy(length: int) -> None:
    truth, forecast = 3 * noise(200, 1), noise(length, 1, seed=1) + 1
    assert sliced_wasserstein(truth, forecast, scale=1.0) == pytest.approx(
        wasserstein_distance(truth.ravel(), forecast.ravel()), rel=1e-9
    )
    assert sliced_wasserstein(truth, forecast) == pytest.approx(
        wasserstein_distance(truth.ravel(), forecast.ravel()) / truth.std(), rel=1e-9
    )


@pytest.mark.parametrize("length", [150, 90])
def test_every_direction_is_a_projection_measured_by_scipy(length: int) -> None:
    truth, forecast = noise(150, 3), 2 * noise(length, 3, seed=1)
    axes = np.random.default_rng(7).standard_normal((20, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    expected = np.mean([wasserstein_distance(truth @ a, forecast @ a) for a in axes])
    assert sliced_wasserstein(
        truth, forecast, scale=1.0, directions=20, seed=7
    ) == pytest.approx(expected, rel=1e-9)  # fmt: skip


@pytest.mark.parametrize("d", [2, 3])
def test_a_shift_moves_all_mass_by_its_projection(d: int) -> None:
    truth = noise(100, d)
    shift = np.zeros(d)
    shift[0] = 2.0
    # the mean of |u₁| over the unit sphere: 2/π on the circle, 1/2 on the sphere
    mean = {2: 2 / np.pi, 3: 0.5}[d]
    spread = {2: (0.5 - (2 / np.pi) ** 2) ** 0.5, 3: (1 / 3 - 1 / 4) ** 0.5}[d]
    value = sliced_wasserstein(truth, truth + shift, scale=1.0, directions=4000)
    assert value == pytest.approx(2 * mean, abs=4 * 2 * spread / 4000**0.5)


def test_wasserstein_is_a_reproducible_distance_without_units() -> None:
    a, b = noise(120, 2), noise(120, 2, seed=1) + 0.5
    plain = sliced_wasserstein(a, b)
    assert sliced_wasserstein(a, b) == plain
    assert sliced_wasserstein(a, b, seed=1) != plain
    assert sliced_wasserstein(b, a, scale=1.0) == sliced_wasserstein(a, b, scale=1.0)
    assert sliced_wasserstein(a[::-1], b) == pytest.approx(plain)
    units = np.array([1e3, 1e-3])
    assert sliced_wasserstein(units * a, units * b) == pytest.approx(plain)
    # repeating every state changes no distribution
    assert sliced_wasserstein(a, np.repeat(b, 3, axis=0)) == pytest.approx(plain)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_state_at_infinity_is_infinitely_far(bad: float) -> None:
    truth, forecast = noise(50, 2), noise(50, 2)
    forecast[3, 1] = bad
    assert sliced_wasserstein(truth, forecast) == 1e6
    # MMD is bounded: one state in fifty at infinity costs a fiftieth of what it shares
    whole = maximum_mean_discrepancy(truth, noise(50, 2))
    assert whole < maximum_mean_discrepancy(truth, forecast) < whole + 4 / 50


def test_lost_states_are_one_point_too_far_to_share_anything() -> None:
    truth, lost, far = (noise(50, 2) for _ in range(3))
    lost[20:] = np.nan
    far[20:] = 1e6
    found = maximum_mean_discrepancy(truth, lost)
    assert found == maximum_mean_discrepancy(truth, far)
    assert found > (30 * 29) / (50 * 49) - 0.01  # what thirty coinciding states share


def plain_mmd(x: np.ndarray, y: np.ndarray, h: float) -> float:
    """Return the unbiased estimate with one kernel value after the other."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-((a - b) ** 2).sum() / (2 * h * h)))

    within_x = [kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    within_y = [kernel(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j]
    cross = [kernel(a, b) for a in x for b in y]
    return float(np.mean(within_x) + np.mean(within_y) - 2 * np.mean(cross))


@pytest.mark.parametrize("bandwidth", [0.5, 1.7])
def test_mmd_agrees_with_double_loops(bandwidth: float) -> None:
    x, y = noise(30, 2), noise(20, 2, seed=1) + 0.3
    ours = maximum_mean_discrepancy(x, y, scale=1.0, bandwidth=bandwidth)
    assert ours == pytest.approx(plain_mmd(x, y, bandwidth), rel=1e-9)
    assert plain_mmd(x, x[:20], bandwidth) < 0  # and what is unbiased may be negative


def test_the_bandwidth_is_the_median_distance_of_the_truth() -> None:
    x, y = noise(80, 3), noise(70, 3, seed=1) + 1
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    w = (y - x.mean(axis=0)) / x.std(axis=0)
    apart = [np.linalg.norm(a - b) for i, a in enumerate(z) for b in z[:i]]
    gamma = 1 / (2 * np.median(apart) ** 2)
    k, ky = rbf_kernel(z, gamma=gamma), rbf_kernel(w, gamma=gamma)
    expected = (
        (k.sum() - 80) / (80 * 79)
        + (ky.sum() - 70) / (70 * 69)
        - 2 * rbf_kernel(z, w, gamma=gamma).mean()
    )
    assert maximum_mean_discrepancy(x, y) == pytest.approx(expected, rel=1e-9)


def test_mmd_of_gaussians_has_a_closed_form_and_no_bias() -> None:
    # two Gaussians of unit variance, apart by a: E k = h/√(h² + 2) exp(-Δ²/(2(h² + 2)))
    h, a = 0.8, 1.5
    shared = h / np.sqrt(h * h + 2)
    expected = 2 * shared * (1 - np.exp(-(a**2) / (2 * (h * h + 2))))
    values, same = [], []
    for seed in range(200):
        x, y = noise(25, 1, seed), noise(25, 1, seed + 1000)
        values.append(maximum_mean_discrepancy(x, y + a, scale=1.0, bandwidth=h))
        same.append(maximum_mean_discrepancy(x, y, scale=1.0, bandwidth=h))
    for found, known in ((values, expected), (same, 0.0)):
        assert np.mean(found) == pytest.approx(known, abs=4 * np.std(found) / 200**0.5)


def test_distant_series_share_nothing() -> None:
    truth = noise(60, 2)
    alone = maximum_mean_discrepancy(truth, truth + 1e6)
    gathered = maximum_mean_discrepancy(truth, np.full((60, 2), 1e6))
    assert 0 < alone < gathered < 2
    assert maximum_mean_discrepancy(truth, np.full((60, 2), np.nan)) == 2.0


def test_long_series_take_little_memory() -> None:
    truth, forecast = noise(4000, 3), noise(4000, 3, seed=1)
    tracemalloc.start()
    maximum_mean_discrepancy(truth, forecast)
    sliced_wasserstein(truth, forecast, directions=500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6  # the whole kernel would be 128 MB


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match="directions"):
        sliced_wasserstein(noise(9, 2), noise(9, 2), directions=0)
    with pytest.raises(InputError, match="bandwidth"):
        maximum_mean_discrepancy(noise(9, 2), noise(9, 2), bandwidth=0.0)
    with pytest.raises(InputError, match="scale"):
        sliced_wasserstein(noise(9, 2), noise(9, 2), scale=[1.0, 2.0, 3.0])
