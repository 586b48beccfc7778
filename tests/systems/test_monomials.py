"""The true equation as a polynomial, against its own machine code."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.systems.monomials import arrays_of, monomials_of, polynomial


@pytest.mark.parametrize("name", ["lorenz", "rossler", "henon", "lorenz96", "logistic", "dadras"])
def test_the_expansion_has_the_values_of_the_equation(name):
    system = cb.systems[name]
    states = np.random.default_rng(0).standard_normal((50, system.dimension))
    found = polynomial(system)
    made = sum(
        np.prod(states ** np.array(term), axis=1)[:, np.newaxis] * row
        for term, row in found.items()
    )
    truth = system.rhs(0.0, states)
    assert np.abs(made - truth).max() < 1e-12 * np.abs(truth).max()


def test_lorenz_has_its_seven_terms():
    found = polynomial(cb.systems["lorenz"])
    listed = {
        (term, i): value for term, row in found.items() for i, value in enumerate(row) if value
    }
    assert listed == {
        ((1, 0, 0), 0): -10.0, ((0, 1, 0), 0): 10.0, ((1, 0, 0), 1): 28.0, ((0, 1, 0), 1): -1.0,
        ((1, 0, 1), 1): -1.0, ((1, 1, 0), 2): 1.0, ((0, 0, 1), 2): pytest.approx(-8 / 3),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["thomas", "chua", "ikeda", "duffing", "mackey_glass"])
def test_what_is_no_polynomial_of_the_state_has_none(name):
    assert polynomial(cb.systems[name]) is None


def test_terms_that_cancel_are_not_there():
    @cb.map(ic=(0.1, 0.2), reference="henon1976")
    def cancels(x, y):
        """A square written out and taken away again."""
        return (x + 0.1 * y) ** 2 - x**2 - 0.2 * x * y, 3 * x / 2

    found = polynomial(cancels)
    assert set(found) == {(0, 2), (1, 0)}
    assert found[0, 2] == pytest.approx([0.01, 0.0])
    assert found[1, 0] == pytest.approx([0.0, 1.5])


def test_equal_terms_are_added():
    shown = np.array([[1, 0], [1, 0], [0, 2]]), np.array([[1.0, 0], [2, 1], [0, 5]])
    found = monomials_of(shown, 2)
    assert {term: list(row) for term, row in found.items()} == {(1, 0): [3, 1], (0, 2): [0, 5]}
    assert monomials_of(shown, 3) is None
    assert monomials_of(None, 2) is None


def test_what_is_expanded_can_be_shown_and_read_again():
    found = polynomial(cb.systems["lorenz"])
    again = monomials_of(arrays_of(found), 3)
    assert again.keys() == found.keys()
    assert all((again[term] == found[term]).all() for term in found)
    assert arrays_of(None) is None
