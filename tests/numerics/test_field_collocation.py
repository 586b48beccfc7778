"""Collocation of fields in time: its points, its order, stiffness, its error control."""

from __future__ import annotations

import numpy as np
import pytest
from semilinear import LINEAR, START, at_one, brusselator, started

from chaosbench.numerics import field_collocation as collocation
from chaosbench.numerics.dop853 import REACHED
from chaosbench.numerics.field_collocation import Collocation, radau


def test_the_points_and_matrix_of_three_stages_are_those_of_the_literature():
    """Hairer & Wanner, Solving Ordinary Differential Equations II, Table 5.6."""
    root = np.sqrt(6.0)
    points, matrix, _ = radau(3)
    np.testing.assert_allclose(points, [(4 - root) / 10, (4 + root) / 10, 1.0], rtol=1e-14)
    expected = [
        [(88 - 7 * root) / 360, (296 - 169 * root) / 1800, (-2 + 3 * root) / 225],
        [(296 + 169 * root) / 1800, (88 + 7 * root) / 360, (-2 - 3 * root) / 225],
        [(16 - root) / 36, (16 + root) / 36, 1 / 9],
    ]
    np.testing.assert_allclose(matrix, expected, rtol=1e-13, atol=1e-15)


def test_eight_points_integrate_polynomials_as_they_should():
    points, matrix, terms = radau(8)
    for degree in range(8):
        np.testing.assert_allclose(
            matrix @ points**degree, points ** (degree + 1) / (degree + 1), atol=1e-14
        )
    for degree in range(15):  # at the end of a step, twice as high
        assert matrix[-1] @ points**degree == pytest.approx(1 / (degree + 1), abs=1e-14)
    legendre = [0.5 * (3 * x**2 - 1) for x in 2 * points - 1]
    np.testing.assert_allclose(terms @ legendre, np.eye(8)[2], atol=1e-13)


@pytest.mark.parametrize(("stages", "order"), [(2, 3), (3, 5), (4, 7)])
def test_the_order_is_twice_the_number_of_points_less_one(stages, order, monkeypatch):
    monkeypatch.setattr(collocation, "STAGES", stages)
    monkeypatch.setattr(collocation, "POWER", 1e6)  # every step is accepted
    monkeypatch.setattr(collocation, "STEPS_BETWEEN", 10**9)
    errors = []
    for steps in (8, 16):  # finer ones are at rounding
        made = started(
            Collocation, LINEAR, brusselator, START, step=1 / steps, rtol=1e-14, atol=1e-14
        )
        assert made.advance(1.0) == (REACHED, 1.0)
        assert made.attempts == steps
        errors.append(np.abs(made.modes[0, 0] - at_one()).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


def test_waves_that_decay_at_every_rate():
    linear = np.array([-1e7, -1e3, -3.0 + 40j, 0.0, 0.2])
    made = started(Collocation, linear, np.zeros_like, np.ones(5), rtol=1e-12, atol=1e-12)
    assert made.advance(2.0) == (REACHED, 2.0)
    np.testing.assert_allclose(made.modes[0, 0], np.exp(2 * linear), atol=1e-10)


@pytest.mark.parametrize("rate", [1.0, 1e3, 1e6])
def test_what_is_slaved_to_a_slow_motion_is_followed_however_stiff(rate):
    """Prothero and Robinson: u' = −rate (u − cos t) − sin t, of which cos t is a solution."""

    def nonlinear(u):
        out = np.zeros_like(u)
        out[..., 0] = rate * u[..., 1].real - u[..., 1].imag
        return out

    made = started(Collocation, [-rate, 1j], nonlinear, [1.0, 1.0], rtol=1e-11, atol=1e-11)
    assert made.advance(7.0) == (REACHED, 7.0)
    np.testing.assert_allclose(made.modes[0, 0], [np.cos(7.0), np.exp(7j)], atol=1e-9)
    assert made.attempts < 100


def test_a_step_that_the_iteration_cannot_solve_is_halved():
    """A stiff term in the nonlinear part."""
    made = started(Collocation, [0.0], lambda u: -50.0 * u, [1.0], step=2.0, rtol=1e-9, atol=1e-9)
    assert made.advance(2.0) == (REACHED, 2.0)
    assert made.step < 0.5
    assert abs(made.modes[0, 0, 0]) < 1e-8
