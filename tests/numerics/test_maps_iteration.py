from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from chaosbench.dynamics.orbits import orbit_of
from chaosbench.errors import TrajectoryEscapedError
from chaosbench.systems import map as define_map
from chaosbench.systems import registry


def test_iterates_are_exact():
    """The operations and their order are Python's, with one rounding each."""
    system = registry["henon"].with_params(a=1.375, b=0.25)  # exact products do not matter, bits do
    samples = orbit_of(system, np.array([0.125, 0.25])).sample(12, 1.0)
    for now, after in pairwise(samples):
        assert np.array_equal(system.rhs(0, now), after)
    x, y = samples[0]
    for row in samples[1:4]:
        x, y = 1 - 1.375 * x**2 + y, 0.25 * x
        np.testing.assert_allclose(row, [x, y], rtol=1e-15)


def test_dyadic_iterates_are_exact():
    """Squares that need no rounding: equal to rational arithmetic."""
    from fractions import Fraction

    samples = orbit_of(registry["logistic"], np.array([0.25])).sample(5, 1.0)[:, 0]
    x = Fraction(1, 4)
    for value in samples:
        assert Fraction(value) == x
        x = 4 * x * (1 - x)


def test_logistic_map_is_conjugate_to_doubling():
    theta = 0.2345
    samples = orbit_of(registry["logistic"], np.array([np.sin(np.pi * theta) ** 2])).sample(21, 1.0)
    exact = np.sin(np.pi * theta * 2.0 ** np.arange(21)) ** 2
    # every iteration doubles an error of one rounding
    bounds = 4 * 2.0 ** (np.arange(21) - 52)
    assert (np.abs(samples[:, 0] - exact) < bounds).all()


def test_pieces_and_advance():
    system = registry["ikeda"]
    whole = orbit_of(system, np.array(system.ic)).sample(50, 1.0)
    orbit = orbit_of(system, np.array(system.ic))
    first = orbit.sample(20, 1.0)
    orbit.advance(1)
    second = orbit.sample(30, 1.0)
    assert np.array_equal(np.concatenate([first, second]), whole)
    assert orbit.time == 49


def test_a_map_may_read_its_iteration():
    @define_map(ic=(0.0,), reference="none")
    def counter(x, t):
        return x + t

    samples = orbit_of(counter, np.array([0.0]), time=10.0).sample(4, 1.0)
    assert samples[:, 0].tolist() == [0.0, 10.0, 21.0, 33.0]


@pytest.mark.parametrize(("start", "when"), [(2.0, 5), (1e8, 2), (-1.0, 6)])
def test_escape_says_when(start, when):
    """x → x² - 1 + x beyond the bound 1e9; counted with Python's own numbers."""

    @define_map(ic=(2.0,), reference="none")
    def quadratic(x):
        return 1 + 2 * x**2

    x, expected = start, 0
    while abs(x) < 1e9:
        x, expected = 1 + 2 * x**2, expected + 1
    with pytest.raises(TrajectoryEscapedError, match="iterations") as caught:
        orbit_of(quadratic, np.array([start])).advance(100)
    assert caught.value.time == expected
    assert expected <= when + 2


def test_a_nan_escapes():
    from chaosbench.expressions import log

    @define_map(ic=(0.5,), reference="none")
    def undefined(x):
        return log(x)

    with pytest.raises(TrajectoryEscapedError) as caught:
        orbit_of(undefined, np.array([0.5])).advance(100)
    assert caught.value.time == 2
