"""Recurrence, visibility, the 0–1 test and ordinal patterns against analytic results."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InputError, ParameterError
from chaosbench.series import (
    embed,
    permutation_entropy,
    recurrence,
    visibility_graph,
    zero_one_test,
)


def logistic(length, r, start=0.4):
    x = np.empty(length + 500)
    x[0] = start
    for t in range(1, len(x)):
        x[t] = r * x[t - 1] * (1 - x[t - 1])
    return x[500:]


def test_recurrence_of_a_periodic_signal():
    """States recur at multiples of the period only: one long diagonal for each."""
    period, length = 20, 400
    x = np.tile(np.sin(2 * np.pi * np.arange(period) / period), length // period)
    states = embed(x, dimension=2, delay=5)
    count = len(states)
    found = recurrence(states, radius=1e-6)
    lines = np.arange(count - period, 0, -period)
    assert found.rate == pytest.approx(lines.sum() / (count * (count - 1) / 2))
    assert found.determinism == 1.0
    assert found.longest_line == count - period
    assert found.mean_line == pytest.approx(lines.mean())
    assert found.entropy == pytest.approx(np.log(len(lines)))
    assert found.laminarity == 0.0


def test_recurrence_agrees_with_the_whole_matrix():
    x = np.random.default_rng(0).standard_normal(150).cumsum()
    radius, theiler, count = 0.6, 3, 150
    matrix = np.abs(x[:, None] - x) <= radius
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    matrix &= apart >= theiler

    def runs(row):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        return edges[1::2] - edges[::2]

    diagonal = np.concatenate([runs(np.diagonal(matrix, k)) for k in range(theiler, count)])
    vertical = np.concatenate([runs(column) for column in matrix.T])
    found = recurrence(x, radius=radius, theiler=theiler, line=3)
    assert found.rate == pytest.approx(matrix.sum() / (apart >= theiler).sum())
    long, tall = diagonal[diagonal >= 3], vertical[vertical >= 3]
    assert found.determinism == pytest.approx(long.sum() / diagonal.sum())
    assert found.mean_line == pytest.approx(long.mean())
    assert found.longest_line == diagonal.max()
    assert found.laminarity == pytest.approx(tall.sum() / vertical.sum())
    assert found.trapping_time == pytest.approx(tall.mean())
    share = np.unique(long, return_counts=True)[1] / len(long)
    assert found.entropy == pytest.approx(-(share * np.log(share)).sum())


def test_the_radius_gives_the_rate_that_was_asked_for():
    x = np.random.default_rng(0).standard_normal((1000, 2))
    assert recurrence(x, rate=0.1).rate == pytest.approx(0.1, rel=0.05)


def test_determinism_tells_chaos_from_noise():
    chaos = recurrence(embed(logistic(1000, 4.0), dimension=2, delay=1), rate=0.05)
    noise = recurrence(np.random.default_rng(0).standard_normal((1000, 2)), rate=0.05)
    assert chaos.determinism > 0.5 > 0.2 > noise.determinism


@pytest.mark.parametrize("kind", ["natural", "horizontal"])
def test_visibility_agrees_with_its_definition(kind):
    x = np.random.default_rng(2).standard_normal(60)
    edges = []
    for i in range(60):
        for j in range(i + 1, 60):
            k = np.arange(i + 1, j)
            line = (
                min(x[i], x[j])
                if kind == "horizontal"
                else x[i] + (x[j] - x[i]) * (k - i) / (j - i)
            )
            if (x[k] < line).all():
                edges.append((i, j))
    found = visibility_graph(x, kind=kind)
    np.testing.assert_array_equal(found.edges, edges)
    assert found.degrees.sum() == 2 * len(edges)


def test_degrees_of_noise_are_geometric_in_the_horizontal_graph():
    """``P(k) = (1/3) (2/3)^(k - 2)`` for any independent values [luque2009]."""
    x = np.random.default_rng(0).exponential(size=20_000)
    share = visibility_graph(x, kind="horizontal").distribution
    k = np.arange(2, 10)
    exact = (2 / 3) ** (k - 2) / 3
    np.testing.assert_allclose(share[k], exact, atol=4 * np.sqrt(exact / len(x)).max())


def test_visibility_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ts2vg", None)
    with pytest.raises(InputError, match=r"chaosbench\[series\]"):
        visibility_graph(np.arange(10.0))


def test_zero_one_test_of_chaos_and_order():
    assert zero_one_test(logistic(2000, 4.0)).value > 0.95
    assert abs(zero_one_test(logistic(2000, 3.5)).value) < 0.1
    golden = (np.sqrt(5) - 1) / 2
    torus = np.cos(2 * np.pi * golden * np.arange(2000)) + np.cos(np.sqrt(2) * np.arange(2000))
    assert abs(zero_one_test(torus, stride=1).value) < 0.1


def test_zero_one_test_thins_a_flow():
    x = cb.simulate("lorenz", points=20_000, points_per_period=25).values[0, :, 2]
    found = zero_one_test(x)
    assert found.stride > 1
    assert found.value > 0.9


def test_mean_square_displacement_agrees_with_its_definition():
    from chaosbench.series._chaos import _growth

    x, c = logistic(300, 4.0), 1.3
    n = np.arange(1, 301)
    p, q = np.cumsum(x * np.cos(c * n)), np.cumsum(x * np.sin(c * n))
    moved = np.array([
        np.mean((p[k : k + 270] - p[:270]) ** 2 + (q[k : k + 270] - q[:270]) ** 2)
        for k in range(1, 31)
    ])  # fmt: skip
    k = np.arange(1, 31)
    moved -= x.mean() ** 2 * (1 - np.cos(k * c)) / (1 - np.cos(c))
    assert _growth(x, c) == pytest.approx(np.corrcoef(k, moved)[0, 1], abs=1e-9)


def test_ordinal_patterns_of_the_published_example():
    """Six pairs, four of which rise; five triples of three patterns, 2, 2 and 1 [bandt2002]."""
    x = [4, 7, 9, 10, 6, 11, 3]
    two = -(4 / 6 * np.log(4 / 6) + 2 / 6 * np.log(2 / 6))
    three = -(2 * 2 / 5 * np.log(2 / 5) + 1 / 5 * np.log(1 / 5))
    assert permutation_entropy(x, order=2, normalised=False) == pytest.approx(two)
    assert permutation_entropy(x, order=3, normalised=False) == pytest.approx(three)
    assert permutation_entropy(x, order=3) == pytest.approx(three / np.log(6))


def test_ordinal_patterns_of_order_and_noise():
    assert permutation_entropy(np.arange(100.0), order=4) == 0.0
    assert permutation_entropy(np.zeros(100), order=4) == 0.0  # the earlier one is the smaller one
    noise = np.random.default_rng(0).standard_normal(50_000)
    assert permutation_entropy(noise, order=4) == pytest.approx(1.0, abs=1e-3)
    # weights by variance: of a step and many small ones, only the step counts
    x = np.concatenate([1e-6 * noise[:500], [1e6]])
    assert permutation_entropy(x, order=2, weighted=True) < 1e-6
    assert permutation_entropy(np.zeros(100), weighted=True) == 0.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: recurrence(x, radius=-1.0), "radius"),
        (lambda x: recurrence(x, rate=1.0), "rate"),
        (lambda x: recurrence(x, theiler=250), "at most half"),
        (lambda x: permutation_entropy(x, order=9), "at most 8"),
        (lambda x: visibility_graph(x, kind="diagonal"), "kind must be one of"),
    ],
)
def test_odd_settings_are_refused(call, words):
    with pytest.raises(ParameterError, match=words):
        call(np.random.default_rng(0).standard_normal(300))


def test_odd_series_are_refused():
    with pytest.raises(InputError, match="at most 50000"):
        recurrence(np.zeros(60_000))
    with pytest.raises(InputError, match="constant"):
        zero_one_test(np.ones(1000))
    with pytest.raises(InputError, match="remain"):
        zero_one_test(np.arange(1000.0), stride=50)
