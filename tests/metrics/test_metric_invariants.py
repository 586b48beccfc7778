"""Correlation dimensions that are known, and errors against constants."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.errors import InputError
from chaosbench.metrics import (
    correlation_dimension,
    correlation_dimension_error,
    invariant_error,
    invariant_z_score,
)


def henon(count: int, x: float = 0.1) -> np.ndarray:
    orbit = np.empty((count + 100, 2))
    y = 0.1
    for i in range(len(orbit)):
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        orbit[i] = x, y
    return orbit[100:]


def cantor(count: int, ratio: float) -> np.ndarray:
    """Return independent points of the Cantor set that keeps two parts of the given ratio."""
    digits = np.random.default_rng(1).integers(0, 2, size=(count, 40))
    return ((1 - ratio) * digits @ ratio ** np.arange(40))[:, None]


def torus(count: int) -> np.ndarray:
    """Return quasi-periodic motion at random times; equal steps would give few distances."""
    time = np.random.default_rng(2).uniform(0, 1e6, size=(count, 1))
    angles = 2 * np.pi * time * [2**0.5 - 1, 3**0.5 - 1]
    return np.hstack([np.cos(angles), np.sin(angles)])


# The error at twelve thousand points is the standard error plus the bias of the scaling region. The
# bias comes from edges: a fraction of about 2r of the points on a line lacks half of its
# neighbours, which lowers C by r/2 and the slope by as much, r = 0.02 (line) and 0.2 (plane, twice
# as many edges) at the upper end only. On fractals C oscillates about its power law; literature
# values of the Hénon map scatter by 0.02 themselves.
KNOWN = {
    "line": (np.random.default_rng(0).uniform(size=(12_000, 1)), 1.0, 0.01),
    "plane": (np.random.default_rng(0).uniform(size=(12_000, 2)), 2.0, 0.04),
    "torus": (torus(12_000), 2.0, 0.04),
    "circle": (torus(12_000)[:, [0, 2]], 1.0, 0.01),
    "Cantor 1/3": (cantor(12_000, 1 / 3), np.log(2) / np.log(3), 0.02),
    "Cantor 1/5": (cantor(12_000, 1 / 5), np.log(2) / np.log(5), 0.02),
    "Hénon, grassberger1983": (henon(12_000), 1.21, 0.02),
    "Hénon from elsewhere": (henon(12_000, -0.3), 1.21, 0.02),
}


@pytest.mark.parametrize("name", KNOWN)
def test_dimensions_that_are_known(name: str) -> None:
    points, dimension, bias = KNOWN[name]
    found = correlation_dimension(points)
    assert found.value == pytest.approx(dimension, abs=bias + 3 * found.stderr)
    assert found.stderr < 0.05 * dimension
    assert found.pairs > 10_000


def test_the_standard_error_is_the_scatter_of_other_samples() -> None:
    found = [
        correlation_dimension(np.random.default_rng(seed).normal(size=(2000, 2)))
        for seed in range(30)
    ]
    scatter = np.std([f.value for f in found], ddof=1)
    typical = np.median([f.stderr for f in found])
    # a standard deviation of 30 is known to 13%, one of 8 blocks to 27%: within a factor of two
    assert 0.5 < typical / scatter < 2


def test_neighbours_in_time_are_left_out() -> None:
    # a smooth random walk that fills six dimensions, sampled so finely that the nearest rows are
    # the last and the next, and these lie on a curve
    modes = np.random.default_rng(0).normal(size=(2, 60, 6))
    spectrum = np.zeros((4001, 6), dtype=complex)
    spectrum[1:61] = modes[0] + 1j * modes[1]
    walk = np.fft.irfft(spectrum, axis=0)
    blind, seeing = correlation_dimension(walk, theiler=0), correlation_dimension(walk)
    assert seeing.theiler > 100
    assert seeing == correlation_dimension(walk, theiler=seeing.theiler)
    assert blind.value < 2
    assert seeing.value == pytest.approx(6.0, abs=4 * seeing.stderr)


def test_dimension_has_no_units_and_ignores_what_never_varies() -> None:
    points = henon(3000)
    plain = correlation_dimension(points)
    assert correlation_dimension(points * [2.0**20, 2.0**-20]) == plain
    # a shift rounds the last digits, which may move single pairs across a radius
    moved = correlation_dimension(points + 3)
    assert moved.value == pytest.approx(plain.value, abs=0.01 * plain.stderr)
    still = np.hstack([points, np.full((3000, 1), 0.1)])
    assert correlation_dimension(still).value == pytest.approx(plain.value)
    assert correlation_dimension(points) == plain
    assert correlation_dimension(points, seed=1).value != plain.value


@pytest.mark.parametrize(
    "points",
    [
        np.full((500, 2), 0.1),
        np.tile([[0.0, 1.0], [1.0, 0.0], [0.3, 0.3]], (200, 1)),
        0.1 + 1e-15 * np.random.default_rng(0).normal(size=(500, 1)),
    ],
    ids=["constant", "periodic", "rounding"],
)
def test_finitely_many_states_have_dimension_zero(points: np.ndarray) -> None:
    assert correlation_dimension(points).value == 0.0


def test_a_block_without_close_pairs_raises_no_warning() -> None:
    """An exponentially growing series: all close pairs lie in its first rows."""
    found = correlation_dimension(1.01 ** np.arange(1500.0)[:, None])
    assert np.isfinite([found.value, found.stderr]).all()


def test_a_long_series_is_thinned() -> None:
    points = np.random.default_rng(3).uniform(size=(45_000, 1))
    found = correlation_dimension(points, theiler=7)
    assert found == correlation_dimension(points[::3], theiler=3)
    assert found.value == pytest.approx(1.0, abs=0.02 + 3 * found.stderr)


def test_the_error_of_a_free_run_is_relative() -> None:
    truth = np.random.default_rng(4).uniform(size=(4000, 2))
    line = np.repeat(np.random.default_rng(5).uniform(size=(4000, 1)), 2, axis=1)
    plane, flat = (correlation_dimension(a).value for a in (truth, line))
    assert correlation_dimension_error(truth, line) == pytest.approx((plane - flat) / plane)
    assert correlation_dimension_error(truth, truth.copy()) == 0.0
    assert correlation_dimension_error(truth, np.zeros((4000, 2))) == 1.0
    assert correlation_dimension_error(np.zeros((200, 2)), truth) == 1e6
    assert correlation_dimension_error(truth, truth[:50]) == 1e6
    broken = truth.copy()
    broken[9, 1] = np.nan
    assert correlation_dimension_error(truth, broken) == 1e6


@pytest.mark.parametrize(
    ("states", "settings", "message"),
    [
        (np.zeros((99, 1)), {}, "100 finite rows"),
        (np.full((200, 1), np.nan), {}, "100 finite rows"),
        (np.zeros(200), {}, "states must have shape"),
        (henon(200), {"fraction": 0.0}, "fraction"),
        (henon(200), {"fraction": 1.5}, "fraction"),
        (henon(200), {"theiler": -1}, "theiler"),
        (henon(200), {"theiler": 150}, "theiler"),
    ],
)
def test_impossible_settings_are_named(states: np.ndarray, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        correlation_dimension(states, **settings)


def test_relative_error_of_an_invariant() -> None:
    assert invariant_error(0.9056, 0.9) == pytest.approx(0.0056 / 0.9056)
    np.testing.assert_allclose(invariant_error([2.0, -4.0], [1.0, -3.0]), [0.5, 0.25])
    assert invariant_error(0.0, 0.0) == 0.0
    assert invariant_error(0.0, 0.1) == 1e6
    assert invariant_error([1.0, 1.0, 1.0], [np.nan, -np.inf, 1e300]).tolist() == [1e6] * 3


def test_z_score_counts_what_both_sides_leave_uncertain() -> None:
    assert invariant_z_score(0.9, 0.87, stderr=0.01) == pytest.approx(3.0)
    assert invariant_z_score(
        0.9, 0.87, stderr=0.03, estimate_stderr=0.04
    ) == pytest.approx(0.6)  # fmt: skip
    np.testing.assert_allclose(
        invariant_z_score([1.0, 2.0], [2.0, 4.0], stderr=[1.0, 0.5]), [1.0, 4.0]
    )
    assert invariant_z_score(1.0, 1.0, stderr=0.0) == 0.0
    assert invariant_z_score(1.0, 1.1, stderr=0.0) == 1e6
    assert invariant_z_score(1.0, np.nan, stderr=0.1) == 1e6
    for useless in (np.inf, np.nan):
        assert invariant_z_score(1.0, 1.0, stderr=0.1, estimate_stderr=useless) == 1e6


def test_z_scores_of_honest_estimates_are_standard_normal() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0.9, 0.03, size=20_000)  # the reference errs, too
    found = rng.normal(0.9, 0.04, size=20_000)
    z = invariant_z_score(truth, found, stderr=0.03, estimate_stderr=0.04)
    share = 0.9545
    assert (z < 2).mean() == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5)


@pytest.mark.parametrize(
    "settings",
    [{"stderr": -0.1}, {"stderr": np.nan}, {"stderr": [0.1, 0.2, 0.3]},
     {"stderr": 0.1, "estimate_stderr": -1.0}],
)  # fmt: skip
def test_impossible_standard_errors_are_named(settings: dict) -> None:
    with pytest.raises(InputError, match=r"stderr|negative"):
        invariant_z_score([1.0, 2.0], [1.0, 2.0], **settings)
