"""Accuracy does not depend on the units of the variables, nor on how long a solution has rested."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

import chaosbench as cb
from chaosbench.dynamics import twin_exponent
from chaosbench.dynamics.orbits import orbit_of
from chaosbench.dynamics.units import magnitudes
from chaosbench.errors import ParameterError, TrajectoryEscapedError
from chaosbench.expressions import exp, where
from chaosbench.systems import registry


@cb.flow(ic=(1.0, 0.0), reference="none")
def oscillator(x, y, *, w=1.0):
    """x' = y, y' = -w² x."""
    return y, -(w**2) * x


class TestUnits:
    @pytest.mark.parametrize("name", [n for n in registry if registry[n].kind != "field"])
    def test_change_no_digit(self, name):
        """Powers of two are exact; only a sum of products may be rounded in another order."""
        system = registry[name]
        units = 2.0 ** np.random.default_rng(0).integers(-30, 30, system.dimension)
        state = 1.01 * np.array(system.ic)
        other = system.in_units(units)
        past = [()] * 2
        if system.kind == "delay":
            past = [(state[system.sources],), ((state / units)[system.sources],)]
        here = system.rhs(0.3, state, *past[0])
        there = other.rhs(0.3, state / units, *past[1]) * units
        scale = np.abs(here).max()
        np.testing.assert_allclose(there, here, rtol=1e-14, atol=1e-15 * scale)
        if system.kind == "flow" and system.switches is not None:
            assert other.switches.kinds == system.switches.kinds

    @pytest.mark.parametrize("size", [1e-300, 1e-12, 1e-9, 1e-6, 1.0, 1e6, 2e9, 1e300])
    def test_the_error_of_an_oscillator_is_relative(self, size):
        made = cb.simulate(oscillator, ic=[size, 0.0], points=101, dt=0.5, certify=True)
        error = np.abs(made.values[0, :, 0] / size - np.cos(made.time)).max()
        assert error < 1.5e-9
        assert made.certified_until[0] == 50.0

    @pytest.mark.parametrize("w", [1e-6, 1e6])
    def test_each_variable_has_a_magnitude_of_its_own(self, w):
        """The velocity is w times the position; both start at their own zero once."""
        assert magnitudes(oscillator.with_params(w=w))[1] == pytest.approx(w, rel=0.2)
        made = cb.simulate(oscillator.with_params(w=w), ic=[1.0, 0.0], points=101, dt=0.5 / w)
        assert np.abs(made.values[0, :, 0] - np.cos(0.5 * np.arange(101))).max() < 2e-9

    def test_henon_in_units_of_a_billionth(self):
        @cb.map(ic=(1e8, 1e8), reference="none")
        def large(x, y, *, a=1.4, b=0.3, s=1e9):
            return s - a * x * x / s + y, b * x

        made = cb.simulate(large, ic=[1e8, 1e8], points=40).values[0]
        state, exact = np.array([0.1, 0.1]), []
        for _ in range(40):
            exact.append(state)
            state = np.array([1 - 1.4 * state[0] ** 2 + state[1], 0.3 * state[0]])
        np.testing.assert_allclose(made[:30], 1e9 * np.array(exact)[:30], rtol=1e-6)

    def test_exponents_do_not_depend_on_them(self):
        @cb.flow(ic=(-9.79e-9, -15.04e-9, 20.53e6), reference="none")
        def odd_lorenz(x, y, z, *, s=1e-9, q=1e6):
            return 10 * (y - x), x * (28 - z / q) - y, q * (x / s) * (y / s) - 8 / 3 * z

        spectrum = cb.lyapunov_spectrum(odd_lorenz, periods=300)
        assert abs(spectrum.values[0] - 0.9056) < 4 * spectrum.stderr[0]
        assert spectrum.values.sum() == pytest.approx(-41 / 3, abs=1e-4)
        twin = twin_exponent(odd_lorenz, periods=300)
        assert abs(twin.value - 0.9056) < 4 * twin.stderr

    def test_what_starts_small_may_grow(self):
        """From 1e-13 to 1: a bound that followed the magnitude of the start would be too low."""

        @cb.flow(ic=(1e-13,), reference="none")
        def slow_growth(x):
            return 0.5 * x - 0.5 * x**3

        end = cb.simulate(slow_growth, ic=[1e-13], points=2, dt=100.0).values[0, -1, 0]
        assert end == pytest.approx(1.0, abs=1e-12)

    def test_what_was_measured_is_integrated_as_it_was_measured(self):
        assert cb.simulate("lorenz", points=5).values.tolist() == (
            cb.simulate(registry["lorenz"], points=5).values.tolist()
        )
        orbit = orbit_of(registry["lorenz"], np.array(registry["lorenz"].ic))
        made = cb.simulate("lorenz", ic=registry["lorenz"].ic, points=50, dt=0.1)
        np.testing.assert_array_equal(made.values[0], orbit.sample(50, 0.1))


class TestSettings:
    def test_atol_bounds_the_error_of_each_variable(self):
        """A decaying variable is followed down to its absolute tolerance and no further."""

        @cb.flow(ic=(1.0, 1.0), reference="none")
        def decay(x, y):
            return -x, -y

        loose = cb.simulate(decay, ic=[1, 1], points=2, dt=30.0, rtol=1e-6, atol=[1e-3, 1e-12])
        error = np.abs(loose.values[0, 1] - math.exp(-30))
        assert error[1] < 1e-9
        for wrong in (0.0, -1e-9, math.nan, [1e-9] * 3, "tight", True):
            with pytest.raises(ParameterError, match="atol must be a positive number"):
                cb.simulate(decay, points=2, dt=1.0, atol=wrong)

    def test_max_step(self):
        free = orbit_of(oscillator, np.array([1.0, 0.0]))
        short = orbit_of(oscillator, np.array([1.0, 0.0]), max_step=0.01)
        for orbit in (free, short):
            orbit.advance(10.0)
        assert short.attempts >= 1000 > 10 * free.attempts
        made = cb.simulate(oscillator, ic=[1, 0], points=11, dt=1.0, max_step=0.3)
        np.testing.assert_allclose(made.values[0, :, 0], np.cos(np.arange(11)), atol=1e-9)
        for name in ("max_step", "bound"):
            with pytest.raises(ParameterError, match=f"{name} must be positive"):
                cb.simulate(oscillator, points=2, dt=1.0, **{name: 0.0})

    def test_bound(self):
        @cb.flow(ic=(1.0,), reference="none")
        def growth(x):
            return x

        with pytest.raises(TrajectoryEscapedError) as caught:
            cb.simulate(growth, ic=[1.0], points=20, dt=1.0, bound=100.0)
        assert caught.value.time == pytest.approx(math.log(100), abs=1.5)
        end = cb.simulate(growth, ic=[1.0], points=21, dt=1.0).values[0, -1, 0]
        assert end == pytest.approx(math.exp(20), rel=1e-8)


@pytest.fixture
def places():
    """Widths and times of pulses: two a decade of the width, anywhere."""
    generator = np.random.default_rng(7)
    widths = 0.02 * 500 ** ((np.arange(8) + generator.random(8)) / 8)
    return [(float(w), float(generator.uniform(20, 180))) for w in widths]


def certified(made, exact, unit=1.0):
    """Return how wrong the certified samples are, and how many are certified."""
    inside = made.time <= made.certified_until[0] + 1e-9
    return np.abs(made.values[0, inside, 0] - exact[inside]).max() / unit, int(inside.sum())


def resting_flow(w, at):
    @cb.flow(ic=(0.0,), reference="none")
    def rested(x, t):
        return -x + exp(-(((t - at) / w) ** 2))

    return rested


def resting_delay(w, at):
    @cb.delay(ic=(0.0,), reference="none")
    def echo(x, x_tau, t, *, tau=250.0):
        return exp(-(((t - at) / w) ** 2)) + x_tau

    return echo


def resting_map(w, at):
    @cb.map(ic=(0.0,), reference="none")
    def kicked(x, t):
        return 0.5 * x + exp(-(((t - at) / w) ** 2))

    return kicked


def response(w, at, t):
    """The exact solution of `resting_flow` from rest at time 0."""
    begin, end = max(0.0, at - 8 * w), min(t, at + 8 * w)
    if end <= begin:
        return 0.0
    value, _ = quad(
        lambda s: math.exp(s - t - ((s - at) / w) ** 2), begin, end, epsabs=1e-13, limit=400
    )
    return value


class TestPulsesAtRest:
    """A solution at rest, then a pulse: right, or not certified; never wrong and certified."""

    def test_of_a_flow(self, places):
        whole = 0
        for w, at in places:
            made = cb.simulate(resting_flow(w, at), ic=[0.0], points=51, dt=4.0, certify=True)
            error, count = certified(made, np.array([response(w, at, t) for t in made.time]))
            assert error < 1e-6
            whole += count == 51
        assert whole >= 6  # and most are right to the end

    def test_of_a_delay_system(self, places):
        for w, at in places[::2]:
            made = cb.simulate(resting_delay(w, at), ic=[0.0], points=26, dt=8.0, certify=True)
            area = w * math.sqrt(math.pi) / 2
            error, _ = certified(made, area * (erf((made.time - at) / w) - erf(-at / w)))
            assert error < 1e-6

    def test_of_a_driven_map(self, places):
        for w, at in places[::2]:
            made = cb.simulate(resting_map(w, at), ic=[0.0], points=200, certify=True)
            exact = [0.0]
            for n in range(199):
                exact.append(0.5 * exact[-1] + math.exp(-(((n - at) / w) ** 2)))
            error, count = certified(made, np.array(exact))
            assert error < 1e-12
            assert count == 200

    def test_every_method_sees_it(self):
        rested = resting_flow(0.05, 100.0)
        for integrator in ("dop853", "rodas5p"):
            made = cb.simulate(rested, ic=[0.0], points=203, dt=0.5, integrator=integrator)
            assert made.values[0, 202, 0] == pytest.approx(0.0326228495, abs=1e-9)

    def test_a_switch_in_a_delay_system(self):
        @cb.delay(ic=(0.0,), reference="none")
        def gate(x, x_tau, t, *, tau=100.0):
            return where(t > 50.0, where(t < 50.5, 1.0, 0.0), 0.0) + 0.0 * x_tau

        made = cb.simulate(gate, ic=[0.0], points=11, dt=10.0)
        np.testing.assert_allclose(made.values[0, 6:, 0], 0.5, atol=1e-7)

    def test_what_the_past_holds_is_met_again(self):
        @cb.delay(ic=(0.0,), reference="none")
        def twice(x, x_tau, t, *, tau=100.0):
            return exp(-(((t - 50.3) / 0.05) ** 2)) + x_tau - x

        free = cb.simulate(twice, ic=[0.0], points=26, dt=10.0).values[0, :, 0]
        close = cb.simulate(twice, ic=[0.0], points=26, dt=10.0, max_step=0.02).values[0, :, 0]
        np.testing.assert_allclose(free, close, atol=1e-9)
        assert close[16] > 1e-5
