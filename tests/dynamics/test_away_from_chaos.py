"""Fixed points and cycles: what a parameter sweep passes through on its way to chaos."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import lambertw

import chaosbench as cb
from chaosbench.dynamics import twin_exponent
from chaosbench.dynamics.measure.statistics import STIFFNESS_SAMPLES, moments_of
from chaosbench.dynamics.period import estimate_period
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import IntegrationError, StepSizeError
from chaosbench.expressions import cos
from chaosbench.systems import registry

LORENZ = registry["lorenz"]


@cb.flow(ic=(2.0, 0.0), reference="vanderpol1926")
def relaxation(x, v, *, mu=20.0):
    """Van der Pol's oscillator."""
    return v, mu * (1 - x * x) * v - x


@cb.flow(ic=(1.0, 1.0), reference="none")
def node(x, y, *, size=1.0):
    """Two rates of decay."""
    return -0.9 * x, -5.0 * y


@cb.flow(ic=(1.0, 0.0), reference="none")
def overdamped(x, v):
    """Decay without a turn: the rates are (-3 ± √5)/2."""
    return v, -3 * v - x


@cb.flow(ic=(1.0,), reference="none")
def follower(x, t):
    """At rest at first: the slope vanishes at the initial state."""
    return -x + cos(t)


@cb.delay(ic=(1.0,), reference="Corless et al. (1996)")
def lagged(x, x_tau, *, a=-0.5, b=-0.6, tau=1.0):
    return a * x + b * x_tau


def lorenz_at(rho):
    """The real parts of the eigenvalues at the fixed point that attracts."""
    if rho <= 1:
        point = np.zeros(3)
    else:
        b = math.sqrt(8 / 3 * (rho - 1))
        point = np.array([b, b, rho - 1])
    return np.sort(np.linalg.eigvals(LORENZ.with_params(rho=rho).jacobian(0, point)).real)[::-1]


class TestExponents:
    @pytest.mark.parametrize(
        ("system", "expected"),
        [
            (node, [-0.9, -5.0]),
            (overdamped, [(-3 + math.sqrt(5)) / 2, (-3 - math.sqrt(5)) / 2]),
            *((LORENZ.with_params(rho=rho), lorenz_at(rho)) for rho in (0.5, 5, 10, 15, 20)),
        ],
        ids=lambda value: value.name if hasattr(value, "name") else "",
    )
    def test_of_a_fixed_point_are_those_of_its_jacobian(self, system, expected):
        spectrum = cb.lyapunov_spectrum(system, periods=50)
        np.testing.assert_allclose(spectrum.values, expected, rtol=1e-8)
        assert spectrum.stderr.tolist() == [0.0] * len(expected)
        assert spectrum.kaplan_yorke_dimension == 0.0
        # the second method knows no Jacobian; about a spiral the distance wobbles
        twin = twin_exponent(system, periods=100)
        assert twin.value == pytest.approx(expected[0], abs=1e-6 + 0.02 * abs(expected[0]))

    @pytest.mark.parametrize(
        ("r", "expected"),
        [(2.5, math.log(0.5)), (3.2, math.log(abs(4 + 2 * 3.2 - 3.2**2)) / 2)],
        ids=["fixed point", "cycle of two"],
    )
    def test_of_a_map_on_its_way_to_chaos(self, r, expected):
        spectrum = cb.lyapunov_spectrum(registry["logistic"].with_params(r=r), periods=100)
        assert spectrum.values[0] == pytest.approx(expected, abs=1e-6)

    def test_a_sweep_passes_through_everything(self):
        """Fixed points, the bifurcations between them, spirals, chaos."""
        found = {}
        for rho in (0.0, 0.5, 1.0, 1.5, 10.0, 20.0, 24.0, 28.0, 99.96):
            found[rho] = cb.lyapunov_spectrum(LORENZ.with_params(rho=rho), periods=100).values
            made = cb.simulate(LORENZ.with_params(rho=rho), points=20)
            assert np.isfinite(made.values).all()
        assert abs(found[1.0][0]) < 1e-6
        for rho in (0.5, 1.5, 10.0, 20.0):
            assert found[rho][0] < 0
        assert found[28.0][0] > 0.5

    def test_of_a_cycle(self):
        spectrum = cb.lyapunov_spectrum(relaxation.with_params(mu=1.0), periods=200)
        assert abs(spectrum.values[0]) < 5e-3
        # the second is the mean divergence, known to four digits for mu = 1
        assert spectrum.values[1] == pytest.approx(-1.0594, abs=5e-3)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"b": 0.4, "tau": 3.0},
        {"a": -1.0, "b": -3.0, "tau": 0.3},
        {"a": -5.0, "b": 1.0, "tau": 20.0},
    ],
)
def test_twenty_exponents_of_a_delay_system_are_its_characteristic_roots(params):
    system = lagged.with_params(**params)
    a, b, tau = (system.parameters[name] for name in ("a", "b", "tau"))
    roots = [a + lambertw(b * tau * np.exp(-a * tau), k) / tau for k in range(-20, 21)]
    exact = np.sort(np.real(roots))[::-1][:20]
    spectrum = cb.lyapunov_spectrum(system, periods=100, count=20)
    # what is left is where the tangent histories started: a factor of less than e in all
    assert np.abs(spectrum.values - exact).max() * spectrum.length < 1.0


class TestPeriods:
    @pytest.mark.parametrize(
        ("mu", "expected"), [(1.0, 6.6633), (20.0, 34.68), (50.0, 82.51), (1000.0, 1614.3)]
    )
    def test_of_a_relaxation_oscillation(self, mu, expected):
        """By counting turns here; (3 - 2 ln 2) μ + 7.014 μ^(-1/3) to leading orders."""
        assert estimate_period(relaxation.with_params(mu=mu)) == pytest.approx(expected, rel=2e-3)
        if mu >= 20:
            leading = (3 - 2 * math.log(2)) * mu + 7.014 * mu ** (-1 / 3)
            assert expected == pytest.approx(leading, rel=0.01)

    def test_of_what_rests_at_first(self):
        assert estimate_period(follower) == pytest.approx(2 * math.pi, rel=1e-3)

    def test_of_a_fixed_point_is_its_characteristic_time(self):
        assert estimate_period(node) == pytest.approx(2 * math.pi / 5)
        made = cb.simulate(node, points=5)
        assert made.dt == pytest.approx(2 * math.pi / 500)

    @pytest.mark.parametrize("size", [1e-9, 1e6])
    def test_do_not_depend_on_the_units(self, size):
        @cb.flow(ic=(2.0 * size, 0.0), reference="none")
        def large(x, v, *, mu=1.0):
            return v, mu * (1 - (x / size) ** 2) * v - x

        assert estimate_period(large) == pytest.approx(6.6633, rel=2e-3)


@pytest.mark.slow
def test_moments_of_many_variables():
    """From 142 variables on there are fewer Jacobians than samples for the stiffness."""
    system = registry["lorenz96"].with_dimension(150)
    moments = moments_of(Scales(system, given_period=1.0), rtol=1e-5, seed=0)
    assert moments.stiffness > 0
    assert STIFFNESS_SAMPLES > 20_000_000 / 150**2


def test_advice_can_be_followed():
    """A ball that comes to rest has resets, which no other integrator locates."""

    @cb.flow(
        ic=(1.0, 0.0),
        reference="none",
        resets=[(lambda h: -h, lambda v: (0.0, -0.5 * v))],
    )
    def falling(h, v):
        """A ball that loses half of its speed at each bounce."""
        return v, -9.81 + 0.0 * h

    with pytest.raises((IntegrationError, StepSizeError)) as caught:
        cb.simulate(falling, ic=[1.0, 0.0], points=20, dt=0.1)
    assert "dop853" not in str(caught.value)
    assert "rodas5p" not in str(caught.value)
