"""Collocation for delay systems: its tableau, a closed-form solution, comparison with DOP853."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.orbits import CollocationOrbit, StepsOrbit
from chaosbench.dynamics.scales import scales_of
from chaosbench.errors import InputError, StepSizeError
from chaosbench.numerics.collocation import STAGES, tableau

DELAYS = [name for name in cb.systems if cb.systems[name].kind == "delay"]


def test_the_tableau_has_order_24():
    nodes, a, b, tops, _ = tableau()
    c = nodes[1:]
    for power in range(2 * STAGES):
        assert b @ c**power == pytest.approx(1 / (power + 1), rel=1e-13)
    for power in range(STAGES):
        np.testing.assert_allclose(a @ c**power, c ** (power + 1) / (power + 1), rtol=0, atol=1e-15)
    # a polynomial of degree 9 has no Legendre terms of degrees 10 and 11; one of degree 11 has them
    assert np.abs(tops @ c**9).max() < 1e-14
    assert abs(tops[1] @ c**11) > 1e-8


@cb.delay(ic=(1.0,), reference="hairer1993")
def retarded(x, x_tau, *, tau=1.0):
    return -x_tau + 0.0 * x


def test_the_method_of_steps_by_hand():
    """x' = -x(t - 1) from x = 1: x = Σ (-1)^k (t - k + 1)^k / k!, over k up to t + 1."""
    orbit = CollocationOrbit(retarded, np.array(retarded.ic), rtol=1e-12)
    found = orbit.sample(41, 0.25)[:, 0]
    for n in range(41):
        time = Fraction(n, 4)
        true = sum(
            (-1) ** k * (time - k + 1) ** k / Fraction(math.factorial(k))
            for k in range(math.floor(time) + 2)
        )
        assert found[n] == pytest.approx(float(true), abs=1e-13)


@pytest.mark.parametrize("name", DELAYS)
def test_it_agrees_with_dop853_for_five_lyapunov_times(name):
    system, known = cb.systems[name], cb.constants(name)
    dt = (known.lyapunov_time or known.period) / 12
    start = attractor_orbit(scales_of(system), key=(3, 0), rtol=1e-12)
    runs = []
    for kind, rtol in ((StepsOrbit, 1e-14), (CollocationOrbit, 1e-10), (CollocationOrbit, 1e-12)):
        orbit = kind(system, start.state, start.time, rtol=rtol, memory_at_start=start.memory())
        # in two calls: the second goes on from the past that the first has made
        first = orbit.sample(31, dt)
        runs.append(np.concatenate([first, orbit.sample(31, dt)[1:]]))
    off = [np.abs((run - runs[0]) / np.array(known.std)).max() for run in runs[1:]]
    # five Lyapunov times multiply the error of DOP853 by 150
    assert max(off) < 1e-7


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(InputError, match="delay systems"):
        CollocationOrbit(cb.systems["lorenz"], np.ones(3)).sample(2, 0.1)

    @cb.delay(ic=(1.0,), reference="hairer1993")
    def explosion(x, x_tau, *, tau=1.0):
        return x * x + 0.0 * x_tau

    with pytest.raises((StepSizeError, cb.errors.TrajectoryEscapedError)):
        CollocationOrbit(explosion, np.array([1.0])).sample(3, 1.0)
