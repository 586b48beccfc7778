"""Tests that the three integrators of fields have in common."""

from __future__ import annotations

import numpy as np
import pytest
from semilinear import LINEAR, START, at_one, brusselator, started

from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED
from chaosbench.numerics.exponential_adams import ExponentialAdams
from chaosbench.numerics.field_collocation import Collocation
from chaosbench.numerics.spectral import Stepper

ALL = pytest.mark.parametrize("integrator", [Collocation, ExponentialAdams, Stepper])


@ALL
def test_pieces_give_what_one_stretch_gives(integrator):
    made = started(integrator, LINEAR, brusselator, START, rtol=1e-12, atol=1e-12)
    for span in (0.1, 0.37, 0.03, 0.5):
        assert made.advance(span) == (REACHED, span)
    np.testing.assert_allclose(made.modes[0, 0], at_one(), rtol=1e-10)


@ALL
def test_an_explosion_is_an_escape_at_its_time(integrator):
    made = started(integrator, [0.0], lambda u: u * u, [2.0])  # u = 1/(1/2 - t)
    status, elapsed = made.advance(3.0)
    assert status == ESCAPED
    assert elapsed == pytest.approx(0.5, abs=1e-6)


@ALL
def test_the_budget_of_steps_is_kept(integrator):
    made = started(integrator, [0.0], lambda u: 1j * u, [1.0], max_steps=50)
    status, elapsed = made.advance(1e4)
    assert status == EXHAUSTED
    assert 0 < elapsed < 1e4


@pytest.mark.parametrize("rtol", [1e-6, 1e-8, 1e-10, 1e-12])
@pytest.mark.parametrize("integrator", [Collocation, ExponentialAdams])
def test_the_error_stays_below_what_the_steps_may_add_up_to(integrator, rtol):
    made = started(integrator, LINEAR, brusselator, START, rtol=rtol, atol=rtol)
    assert made.advance(1.0) == (REACHED, 1.0)
    error = np.abs(made.modes[0, 0] - at_one()).max()
    assert error < 10 * rtol * made.attempts
