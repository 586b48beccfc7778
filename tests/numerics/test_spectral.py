"""ETDRK4: its coefficients, its order, its error control."""

from __future__ import annotations

import numpy as np
import pytest
from semilinear import LINEAR, START, at_one, brusselator, started

from chaosbench.numerics.dop853 import REACHED
from chaosbench.numerics.spectral import (
    Stepper,
    etdrk4_coefficients,
    etdrk4_step,
    phi_functions,
)


def contour(function, z, radius=2.0, points=64):
    """Mean of a function over a circle around each z (Kassam & Trefethen)."""
    circle = radius * np.exp(2j * np.pi * (np.arange(points) + 0.5) / points)
    return function(np.asarray(z)[:, np.newaxis] + circle).mean(axis=1)


@pytest.mark.parametrize(
    "z",
    [
        np.array([0.0, 1e-9, -1e-3, 0.5, -0.99, -1.01, -5.0, -40.0, 1.5]),
        np.array([1e-7j, 0.3 + 0.4j, -0.999j, 1.001j, -20 + 7j, 30j]),
    ],
    ids=["real", "complex"],
)
def test_phi_functions_equal_their_contour_integrals(z):
    closed = [
        lambda s: (np.exp(s) - 1) / s,
        lambda s: (np.exp(s) - 1 - s) / s**2,
        lambda s: (np.exp(s) - 1 - s - s**2 / 2) / s**3,
    ]
    for found, function in zip(phi_functions(z), closed, strict=True):
        assert found.dtype == z.dtype
        np.testing.assert_allclose(found, contour(function, z), rtol=2e-14, atol=1e-15)


def test_without_a_linear_part_it_is_the_classical_runge_kutta_method():
    h = 0.3
    found = [c[0] for c in etdrk4_coefficients(np.zeros(1), h)]
    np.testing.assert_allclose(found, [1, 1, h / 2, h / 6, h / 3, h / 6], rtol=1e-14)


def test_the_order_is_four_and_that_of_the_embedded_formula_three():
    errors, estimates = [], []
    for steps in (16, 32, 64, 128):
        coefficients = etdrk4_coefficients(LINEAR, 1 / steps)
        u, total = START.copy(), 0.0
        rate = brusselator(u)
        for _ in range(steps):
            u, rate, apart = etdrk4_step(coefficients, brusselator, u, rate)
            total += np.abs(apart).max()
        errors.append(np.abs(u - at_one()).max())
        estimates.append(total)
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders[-2:], 4.0, atol=0.2)
    np.testing.assert_allclose(np.log2(np.divide(estimates[:-1], estimates[1:]))[-1], 3.0, atol=0.2)


@pytest.mark.parametrize("rtol", [1e-4, 1e-7, 1e-10])
def test_the_error_follows_the_tolerance(rtol):
    made = started(Stepper, LINEAR, brusselator, START, rtol=rtol, atol=rtol)
    assert made.advance(1.0) == (REACHED, 1.0)
    error = np.abs(made.modes[0, 0] - at_one()).max()
    assert 1e-3 * rtol < error < 100 * rtol


def test_a_linear_equation_is_solved_exactly_in_one_step():
    linear = np.array([-1e5, -3.0 + 40j, 0.0, 0.2])
    made = started(Stepper, linear, np.zeros_like, [1.0, 1.0, 1.0, 1.0], step=2.0)
    assert made.advance(2.0) == (REACHED, 2.0)
    assert made.attempts == 1
    np.testing.assert_allclose(made.modes[0, 0], np.exp(2 * linear), rtol=1e-13)


def test_the_other_rows_of_a_batch_go_along():
    rows = np.array([START, START + 0.1, START])[:, np.newaxis].astype(complex)
    weights = np.full((1, 2), 0.5)
    settings = {"step": 0.0, "rtol": 1e-8, "atol": 1e-8, "bound": 1e9, "max_steps": 1000}
    batch = Stepper(LINEAR[np.newaxis], brusselator, rows, weights, **settings)
    alone = Stepper(LINEAR[np.newaxis], brusselator, rows[:1], weights, **settings)
    assert batch.advance(1.0) == alone.advance(1.0) == (REACHED, 1.0)
    assert batch.attempts == alone.attempts
    np.testing.assert_array_equal(batch.modes[0], alone.modes[0])
    np.testing.assert_array_equal(batch.modes[2], alone.modes[0])
    assert np.abs(batch.modes[1] - batch.modes[0]).max() > 1e-3
