"""Classic systems outside dysts: what is known about them without a measurement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.simulation import simulate
from chaosbench.errors import DefinitionError, InputError
from chaosbench.systems import map as define_map
from chaosbench.systems import registry

PUBLISHED = {
    # periods (of 50 iterations for a map), exponent, key of the source
    "arnold_cat": (10, math.log((3 + math.sqrt(5)) / 2), "exact"),
    "continued_fraction": (4000, math.pi**2 / (6 * math.log(2)), "exact"),
    "beddington": (4000, 0.19664, "sprott2003"),
    "burgers_map": (4000, 0.12076, "sprott2003"),
    "competitive_lotka_volterra": (800, 0.0203, "vano2006"),
    "delayed_logistic": (4000, 0.18312, "sprott2003"),
    "line_equilibrium": (1500, 0.0717, "jafari2013"),
    "linz_sprott": (8000, 0.0362, "sprott2003"),
    "lozi": (4000, 0.47023, "sprott2003"),
    "rossler_prototype_4": (1500, 0.0938, "sprott2010"),
    "sinai": (4000, 0.95946, "sprott2003"),
    "smale_williams": (8000, 0.6832 / 6, "kuznetsov2005"),
    "ueda": (1500, 0.1034, "sprott2003"),
    "wei": (1500, 0.0776, "wei2011"),
    "zaslavskii": (4000, 3.68655, "sprott2003"),
}


class TestPublishedExponents:
    @pytest.mark.parametrize("name", PUBLISHED, ids=lambda name: f"{name}: {PUBLISHED[name][2]}")
    def test_largest(self, name):
        """By tangent vectors and by twins, within three standard errors plus the last digit."""
        periods, value, _ = PUBLISHED[name]
        spectrum = lyapunov_spectrum(name, periods=periods, count=1, seed=31)
        twin = twin_exponent(name, periods=periods, seed=31)
        unit = 0.5 * 10.0 ** -len(f"{value:.12g}".partition(".")[2])
        for found, error in ((spectrum.values[0], spectrum.stderr[0]), (twin.value, twin.stderr)):
            # twins are 1e-7 of a spread apart, so exact exponents may differ by as much
            assert abs(found - value) < 3 * error + max(unit, 1e-7)
            assert error < 0.06 * value, "too wide to tell"

    def test_second_of_the_hosts_and_parasitoids(self):
        spectrum = lyapunov_spectrum("beddington", periods=4000, seed=32)
        assert abs(spectrum.values[1] - 0.03276) < 3 * spectrum.stderr[1] + 5e-6

    def test_sums_that_are_exact(self):
        """The sum is the logarithm of a constant determinant, or a constant divergence."""
        for name, total in {
            "arnold_cat": 0.0,
            "dissipative_standard": math.log(0.1),
            "froeschle": 0.0,
            "generalized_henon": math.log(0.1),
            "lozi": math.log(0.5),
            "zaslavskii": -3.0,
            "charney_devore": -0.6,
            "complex_lorenz": -2 * 2.0 - 2 - 0.8,
            "gissinger": 0.119 - 0.1 - 1,
            "linz_sprott": -0.6,
            "rabinovich": -6.0,
            "rossler_prototype_4": -0.5,
        }.items():
            spectrum = lyapunov_spectrum(name, periods=20)
            # the tolerance of tangent vectors is 1e-9 per step; the logarithms of a map only round
            assert spectrum.values.sum() == pytest.approx(total, abs=1e-6), name


def along_orbit(name, *, points=400, step=0.1):
    system = registry[name]
    return simulate(system, ic=system.ic, points=points, dt=step, rtol=1e-12).values[0]


class TestConserved:
    @staticmethod
    def three_body(x, y, u, v):
        mu = 0.0121505856
        earth, moon = np.hypot(x + mu, y), np.hypot(x - 1 + mu, y)
        return x**2 + y**2 + 2 * (1 - mu) / earth + 2 * mu / moon - u**2 - v**2

    @staticmethod
    def pullen_edmonds(x, y, px, py):
        return (px**2 + py**2 + x**2 + y**2) / 2 + x**2 * y**2

    @staticmethod
    def elastic_pendulum(x, y, px, py):
        return (px**2 + py**2) / 2 + y + 2 * (np.hypot(x, y) - 1) ** 2

    @staticmethod
    def fput_chain(*state):
        q, p = np.array(state[:8]), np.array(state[8:])
        stretch = np.diff(np.concatenate([0 * q[:1], q, 0 * q[:1]]), axis=0)
        return (p**2).sum(axis=0) / 2 + (stretch**2 / 2 + stretch**4 / 4).sum(axis=0)

    @staticmethod
    def kuramoto(*theta):
        return 100 + np.sum(theta, axis=0)  # away from zero, for the relative error

    @pytest.mark.parametrize(
        "name", ["elastic_pendulum", "fput_chain", "kuramoto", "pullen_edmonds", "three_body"]
    )
    def test_along_an_orbit(self, name):
        values = getattr(self, name)(*along_orbit(name, points=1001).T)
        assert np.abs(values / values[0] - 1).max() < 1e-8

    def test_the_gate_to_the_moon_is_closed(self):
        """The Jacobi constant exceeds that of the first Lagrange point, 3.18834."""
        assert 3.18834 < self.three_body(*registry["three_body"].ic) < 3.2

    def test_energy_of_the_channel(self):
        """Without damping it is conserved; each mode is weighted by its squared wavenumber."""
        system = registry["charney_devore"].with_params(c=0.0)
        u = np.random.default_rng(3).normal(size=(50, 6))
        weights = np.array([1, 1.25, 1.25, 4, 4.25, 4.25])
        np.testing.assert_allclose((u * weights * system.rhs(0, u)).sum(axis=1), 0, atol=1e-13)

    def test_energies_of_convection(self):
        """The quadratic terms conserve the energies of the flow and of the temperature.

        The second and the fourth mode are not orthogonal: their product has the weight b4 = 0.2.
        """
        c = np.random.default_rng(4).normal(size=(50, 9))
        f = self.quadratic_part("rayleigh_benard_9d", c)
        flow = (c[:, :4] * f[:, :4]).sum(axis=1) + 1.6 * c[:, 4] * f[:, 4]
        flow -= 0.2 * (c[:, 1] * f[:, 3] + c[:, 3] * f[:, 1])
        np.testing.assert_allclose(flow, 0, atol=1e-13)
        temperature = (np.array([2, 1, 1, 1]) * c[:, 5:] * f[:, 5:]).sum(axis=1)
        np.testing.assert_allclose(temperature, 0, atol=1e-13)

    def test_energy_of_two_scales(self):
        u = np.random.default_rng(5).normal(size=(50, 72))
        power = (u * self.quadratic_part("lorenz96_two_scale", u)).sum(axis=1)
        np.testing.assert_allclose(power, 0, atol=1e-10)

    @staticmethod
    def quadratic_part(name, u):
        system = registry[name]
        return (system.rhs(0, u) + system.rhs(0, -u)) / 2 - system.rhs(0, np.zeros_like(u))


class TestNetwork:
    def test_wiring_is_the_same_everywhere(self):
        """Weights are whole multiples of 2^-24, computed from integers alone."""
        from chaosbench.systems.catalogue import networks

        weights = networks._WEIGHTS * 2.0**24
        assert np.array_equal(weights, np.round(weights))
        assert all(len(set(row)) == networks._INPUTS for row in networks._SOURCES)
        assert abs(networks._WEIGHTS.mean()) < 0.15
        assert 0.9 < networks._WEIGHTS.std() < 1.1

    def test_two_scales_are_coupled_as_lorenz_wrote_it(self):
        system = registry["lorenz96_two_scale"]
        u = np.random.default_rng(8).normal(size=72)
        x, y = u[:8], u[8:]
        dx = [
            -x[k - 1] * (x[k - 2] - x[(k + 1) % 8]) - x[k] + 20 - sum(y[8 * k : 8 * k + 8])
            for k in range(8)
        ]
        dy = [
            -100 * y[(j + 1) % 64] * (y[(j + 2) % 64] - y[j - 1]) - 10 * y[j] + x[j // 8]
            for j in range(64)
        ]
        np.testing.assert_allclose(system.rhs(0, u), [*dx, *dy], rtol=1e-12, atol=1e-12)


class TestInverse:
    def test_undoes_many_steps(self):
        system = registry["henon"]
        orbit = [np.array([0.3, 0.1])]
        for _ in range(10):
            orbit.append(system.rhs(0, orbit[-1]))
        back = orbit[-1]
        for _ in range(10):
            back = system.inverse(back)
        np.testing.assert_allclose(back, orbit[0], atol=1e-9)

    def test_uses_the_parameters_and_the_time(self):
        henon = registry["henon"].with_params(a=1.1, b=0.2)
        state = np.array([[0.3, 0.1], [-0.2, 0.05]])
        np.testing.assert_allclose(henon.inverse(henon.rhs(0, state)), state, atol=1e-14)
        vortex = registry["blinking_vortex_map"]
        for t in (0.0, 1.0):
            after = vortex.rhs(t, vortex.ic)
            np.testing.assert_allclose(vortex.inverse(after, t), vortex.ic, atol=1e-13)

    def test_others_refuse(self):
        with pytest.raises(InputError, match="gives no inverse"):
            registry["logistic"].inverse(registry["logistic"].ic)
        assert not hasattr(registry["lorenz"], "inverse"), "a flow is integrated backwards"

    def test_arguments_must_be_those_of_the_map(self):
        with pytest.raises(DefinitionError, match="arguments and the default values"):

            @define_map(ic=(0.3,), reference="none", inverse=lambda x, *, a=3.0: x / a)
            def stretch(x, *, a=2.0):
                return a * x
