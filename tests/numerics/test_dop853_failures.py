"""Steps that cannot be taken, trajectories that end, budgets that run out."""

from __future__ import annotations

import time

import numpy as np
import pytest

from chaosbench.dynamics.orbits import BOUND, orbit_of
from chaosbench.errors import ParameterError, StepSizeError, TrajectoryEscapedError
from chaosbench.expressions import log, minimum, sqrt, where
from chaosbench.numerics import dop853
from chaosbench.systems import delay, flow


@flow(ic=(1.0,), reference="none")
def guarded(x, *, k=50.0, a=0.01):
    """With u = √x this is u' = -k (u - a); below zero there is no right-hand side."""
    return -2 * k * (x - a * sqrt(x))


@flow(ic=(1.0,), reference="none")
def masked(x, *, k=50.0, a=0.01):
    """The same equation through a function that previously hid the NaN."""
    return -2 * k * (x - a * minimum(sqrt(x), 10.0))


@flow(ic=(1.0,), reference="none")
def blow_up(x):
    return x**2


@flow(ic=(1.0,), reference="none")
def collapse(x):
    """Reaches zero, where its slope is infinite, at t = ⅔ x₀^1.5."""
    return -1 / sqrt(x)


def exact_guarded(t):
    return (0.01 + 0.99 * np.exp(-50 * t)) ** 2


class TestNaN:
    @pytest.mark.parametrize("system", [guarded, masked], ids=lambda s: s.name)
    def test_in_a_stage_makes_the_error_non_finite(self, system):
        d, y = 1, np.array([1.0])
        k, w, new = np.empty((16, d)), np.empty((16, d)), np.empty(d)
        k[0] = system.rhs(0, y)
        error = dop853.step(system.kernel.address, 0.0, y, 1.0, k, w, new, 1e-10, 1e-10, d)
        assert np.isnan(k[1:13]).any()
        assert not error <= 1.0

    @pytest.mark.parametrize("first_step", [0.0, 0.3, 1.0, 100.0])
    @pytest.mark.parametrize("system", [guarded, masked], ids=lambda s: s.name)
    def test_in_a_stage_rejects_the_step(self, system, first_step):
        orbit = orbit_of(system, np.array([1.0]), rtol=1e-10, step=first_step)
        samples = orbit.sample(301, 0.002)
        times = 0.002 * np.arange(301)
        # a contraction: local errors of 1e-10 (1 + |x|) decay, and the dense output adds its own
        np.testing.assert_allclose(samples[:, 0], exact_guarded(times), atol=1e-9)

    @pytest.mark.parametrize("factory", [flow, None], ids=["flow", "delay"])
    def test_at_the_initial_state_ends_at_once(self, factory):
        if factory is flow:

            @flow(ic=(-1.0,), reference="none")
            def nowhere(x):
                return log(x)
        else:

            @delay(ic=(-1.0,), reference="none")
            def nowhere(x, x_tau, *, tau=1.0):
                return log(x) - x_tau

        orbit_of(blow_up, np.array([0.1])).advance(1.0)  # compiled before the clock starts
        start = time.perf_counter()
        with pytest.raises(TrajectoryEscapedError, match="after 0 time units") as caught:
            orbit_of(nowhere, np.array([-1.0])).advance(1.0)
        assert caught.value.time == 0.0
        if factory is flow:
            assert time.perf_counter() - start < 1.0  # not after 50 million rejected steps


class TestEscape:
    @pytest.mark.parametrize("x0", [0.5, 1.0, 3.7])
    def test_says_when(self, x0):
        """x' = x² is x₀/(1 - x₀t): at 1e9 it is 1e-9 before its pole."""
        with pytest.raises(TrajectoryEscapedError, match="'blow_up' escaped after") as caught:
            orbit_of(blow_up, np.array([x0])).advance(100.0)
        assert 1 / x0 - 1.5 / BOUND < caught.value.time < 1 / x0

    def test_while_sampling(self):
        with pytest.raises(TrajectoryEscapedError) as caught:
            orbit_of(blow_up, np.array([1.0]), time=0.0).sample(1000, 0.01)
        assert caught.value.time == pytest.approx(1.0, abs=2e-9)

    def test_time_is_absolute(self):
        orbit = orbit_of(blow_up, np.array([1.0]), time=40.0)
        with pytest.raises(TrajectoryEscapedError) as caught:
            orbit.advance(10.0)
        assert caught.value.time == pytest.approx(41.0, abs=2e-9)


class TestStepSize:
    @pytest.mark.parametrize("x0", [1.0, 2.0])
    def test_underflow_at_a_singularity(self, x0):
        with pytest.raises(StepSizeError, match="vanished after") as caught:
            orbit_of(collapse, np.array([x0])).advance(100.0)
        # x ~ (t* - t)^⅔ is at the tolerance 1e-10 some 1e-15 before the end; global error 1e-10
        assert caught.value.time == pytest.approx(2 / 3 * x0**1.5, abs=1e-9)

    def test_a_jump_costs_steps_but_no_accuracy(self):
        @flow(ic=(-1.0,), reference="none")
        def jump(x):
            return where(x < 0, 1.0, 3.0)

        orbit = orbit_of(jump, np.array([-1.0]), rtol=1e-10)
        samples = orbit.sample(201, 0.01)[:, 0]
        times = 0.01 * np.arange(201)
        exact = np.where(times < 1, times - 1, 3 * (times - 1))
        np.testing.assert_allclose(samples, exact, atol=1e-9)

    def test_the_budget_is_kept(self):
        y = np.array([1.0])
        status, elapsed, step, attempts = dop853.integrate(
            blow_up.kernel.address, 0.0, y, 0.9, 1e-4, np.empty((0, 1)), 1.0, 1e-14, 1e-14,
            1e9, 5, 1,
        )  # fmt: skip
        assert (status, attempts) == (dop853.EXHAUSTED, 5)
        assert 0 < elapsed < 0.9
        assert step > 0
        assert y[0] == pytest.approx(1 / (1 - elapsed), rel=1e-12)

    @pytest.mark.parametrize("rtol", [0.0, -1e-9, 0.5, np.nan, "tight"])
    def test_tolerances_that_make_no_sense(self, rtol):
        with pytest.raises(ParameterError, match="rtol must lie between"):
            orbit_of(blow_up, np.array([1.0]), rtol=rtol)
