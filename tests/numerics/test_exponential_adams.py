"""The exponential Adams method: its weights, its order, its error control."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from semilinear import started

from chaosbench.numerics import exponential_adams as adams
from chaosbench.numerics.dop853 import REACHED
from chaosbench.numerics.exponential_adams import ExponentialAdams, adams_weights

NODES = np.arange(-5, 1)


@pytest.mark.parametrize("z", [0.0, 1e-8, -0.3, 2.0, -29.9, -30.1, -4000.0])
def test_weights_are_integrals(z):
    for j, found in enumerate(adams_weights(np.array([z]), NODES)[:, 0]):
        others = np.delete(NODES, j)

        def integrand(t, j=j, others=others):
            return np.exp((1 - t) * z) * np.prod((t - others) / (NODES[j] - others))

        # the exponential is concentrated within some 1/|z| of the end
        parts = [0.0, max(0.0, 1 - 40 / max(abs(z), 1.0)), 1.0]
        whole = sum(
            quad(integrand, *ends, epsabs=0, epsrel=1e-13)[0] for ends in itertools.pairwise(parts)
        )
        assert found == pytest.approx(whole, rel=1e-12)


def test_complex_weights_meet_where_the_formulas_change():
    for angle in (0.5j * np.pi, 0.8j * np.pi):
        z = adams.LARGE * np.exp(angle) * np.array([1 - 1e-12, 1 + 1e-12])
        inside, outside = adams_weights(z, NODES).T
        np.testing.assert_allclose(inside, outside, rtol=1e-9)


def test_without_a_linear_part_the_weights_are_those_of_adams():
    """Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, Section III.1."""
    bashforth = adams_weights(np.zeros(1), np.arange(-3, 1))[:, 0]
    np.testing.assert_allclose(24 * bashforth, [-9, 37, -59, 55], rtol=1e-14)
    moulton = adams_weights(np.zeros(1), np.arange(-2, 2))[:, 0]
    np.testing.assert_allclose(24 * moulton, [1, -5, 19, 9], rtol=1e-14)


def test_the_order_is_six(monkeypatch):
    linear, turning = np.array([-0.3, -0.1]), np.array([2j, 1j])
    monkeypatch.setattr(adams, "STEPS_BETWEEN", 10**9)
    errors = []
    for steps in (32, 64, 128):
        made = started(
            ExponentialAdams, linear, lambda u: turning * u, np.ones(2), step=1 / steps,
            rtol=1.0, atol=1.0,
        )  # fmt: skip
        assert made.advance(4.0) == (REACHED, 4.0)
        assert made.attempts == 4 * steps
        errors.append(np.abs(made.modes[0, 0] - np.exp(4 * (linear + turning))).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 6.0, atol=0.2)


def test_a_linear_equation_is_solved_exactly():
    linear = np.array([-1e5, -3.0 + 40j, 0.0, 0.2])
    made = started(ExponentialAdams, linear, np.zeros_like, [1.0, 1.0, 1.0, 1.0])
    assert made.advance(2.0) == (REACHED, 2.0)
    np.testing.assert_allclose(made.modes[0, 0], np.exp(2 * linear), rtol=1e-11)
