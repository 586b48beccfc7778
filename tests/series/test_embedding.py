"""Embedding against analytic results and systems whose dimension is known."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InputError, ParameterError
from chaosbench.series import embed, false_nearest_neighbours, mutual_information
from chaosbench.series._embedding import _bins, _information


def test_delay_vectors_are_what_the_docstring_says():
    x = np.arange(10.0)
    np.testing.assert_array_equal(
        embed(x, dimension=3, delay=2), np.stack([x[:6], x[2:8], x[4:]], axis=1)
    )


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_mutual_information_of_gaussian_pairs(correlation):
    """It is ``-½ ln(1 - ρ²)``; equal bins lose at most a few per cent of it."""
    rng = np.random.default_rng(0)
    pair = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=40_000)
    # one series whose lag of 40,000 pairs them
    found = _information(_bins(pair.T.ravel(), 34), 40_000, 34)
    exact = -0.5 * np.log(1 - correlation**2)
    assert found == pytest.approx(exact, rel=0.05, abs=0.005)


def test_the_delay_of_a_sine_is_about_a_quarter_of_its_period():
    x = np.sin(2 * np.pi * np.arange(5000) / 101.3)
    assert 15 <= mutual_information(x).delay <= 26


def test_the_delay_of_a_map_is_one():
    x = cb.simulate("henon", points=3000).values[0, :, 0]
    assert mutual_information(x).delay == 1


@pytest.mark.parametrize(("name", "dimension"), [("henon", 2), ("lorenz", 3)])
def test_false_neighbours_vanish_in_the_dimension_of_the_system(name, dimension):
    rate = {} if name == "henon" else {"points_per_period": 25}
    x = cb.simulate(name, points=5000, seed=0, **rate).values[0, :, 0]
    delay = mutual_information(x).delay
    found = false_nearest_neighbours(x, delay=delay, dimensions=5, theiler=3 * delay)
    assert found.dimension == dimension
    assert (found.shares[: dimension - 1] > 0.01).all()
    # Cao's number stops changing there too
    assert found.e1[dimension - 2] < 0.5 < found.e1[dimension - 1]


def test_noise_has_no_embedding():
    x = np.random.default_rng(0).standard_normal(3000)
    assert false_nearest_neighbours(x, delay=1, dimensions=8).dimension is None


def test_false_neighbours_agree_with_a_direct_count():
    x = np.random.default_rng(1).standard_normal(300).cumsum()
    found = false_nearest_neighbours(x, delay=2, dimensions=3, theiler=2)
    z = (x - x.mean()) / x.std()
    for m in (1, 2, 3):
        rows = embed(z, dimension=m + 1, delay=2)
        false = tested = 0
        for i in range(len(rows)):
            apart = np.linalg.norm(rows[:, :m] - rows[i, :m], axis=1)
            apart[np.abs(np.arange(len(rows)) - i) <= 2] = np.inf
            j = apart.argmin()
            if apart[j] < 1 / 15:
                tested += 1
                false += abs(rows[i, m] - rows[j, m]) > 15 * apart[j]
        assert found.shares[m - 1] == pytest.approx(false / tested)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: embed(np.zeros((5, 2)), dimension=2, delay=1), "choose one variable"),
        (lambda: embed(np.zeros(5), dimension=6, delay=1), "too few"),
        (lambda: mutual_information(np.full(100, np.nan)), "must be finite"),
        (lambda: mutual_information(np.zeros(10)), "at least 50"),
        (lambda: false_nearest_neighbours(np.zeros(500), delay=1), "constant"),
        (lambda: false_nearest_neighbours(np.arange(500.0), delay=100), "too few"),
    ],
)
def test_what_cannot_be_embedded_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_delay_is_an_integer():
    with pytest.raises(ParameterError, match="delay must be an integer of at least 1"):
        embed(np.zeros(100), dimension=2, delay=0)
