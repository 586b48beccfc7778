from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.special import lambertw

from chaosbench.dynamics.exponents import batch_stderr, kaplan_yorke
from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.orbits import MAX_STEPS, orbit_of
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants, known_constants
from chaosbench.errors import InputError, ParameterError, TrajectoryEscapedError
from chaosbench.numerics.event_growth import flow_growth_events
from chaosbench.numerics.tangent import flow_growth, map_growth
from chaosbench.systems import delay, flow, registry
from chaosbench.systems import map as define_map

LITERATURE = {
    "logistic": (math.log(2), "conjugate to the tent map, exact"),
    "henon": (0.41922, "Sprott 2003"),
    "lorenz": (0.9056, "Viswanath 1998: 0.90566"),
    "rossler": (0.0714, "Sprott 2003"),
}
KNOWN = {name: known_constants(registry[name]) for name in registry}
RANKED = [
    name for name, k in KNOWN.items() if k and k.ranked and registry[name].kind in ("flow", "map")
]


class TestLiterature:
    @pytest.mark.parametrize("name", LITERATURE, ids=lambda n: f"{n}: {LITERATURE[n][1]}")
    def test_stored(self, name):
        value, _ = LITERATURE[name]
        known = constants(name)
        largest, error = known.lyapunov_exponents[0], known.lyapunov_stderr[0]
        assert abs(largest - value) < 3 * error + 5e-5  # half a unit of the last quoted digit
        assert abs(largest - value) < 0.02 * value
        assert abs(known.largest_twin - value) < 3 * known.largest_twin_stderr + 5e-5

    @pytest.mark.parametrize("name", LITERATURE)
    def test_afresh(self, name):
        value, _ = LITERATURE[name]
        spectrum = lyapunov_spectrum(name, periods=1000, seed=11)
        assert abs(spectrum.values[0] - value) < 3 * spectrum.stderr[0] + 5e-5
        assert spectrum.stderr[0] < 0.05 * value, "too wide to tell"

    @pytest.mark.slow
    @pytest.mark.parametrize("name", LITERATURE)
    def test_afresh_to_two_percent(self, name):
        value, _ = LITERATURE[name]
        spectrum = lyapunov_spectrum(name, periods=16_000, seed=21)
        assert abs(spectrum.values[0] - value) < 3 * spectrum.stderr[0] + 5e-5
        assert abs(spectrum.values[0] - value) < 0.02 * value

    @pytest.mark.parametrize("name", LITERATURE)
    def test_by_twins(self, name):
        value, _ = LITERATURE[name]
        twin = twin_exponent(name, periods=1000, seed=12)
        assert abs(twin.value - value) < 3 * twin.stderr + 5e-5

    def test_spectrum_of_lorenz_has_a_zero_and_its_divergence(self):
        spectrum = lyapunov_spectrum("lorenz", periods=1000, seed=5)
        assert abs(spectrum.values[1]) < 4 * spectrum.stderr[1] + 1e-3
        assert spectrum.values.sum() == pytest.approx(-41 / 3, abs=1e-6)
        assert spectrum.kaplan_yorke_dimension == pytest.approx(2.062, abs=0.003)
        assert spectrum.complete
        assert (np.diff(spectrum.values) < 0).all()
        assert spectrum.length == pytest.approx(1000 * constants("lorenz").period)


class TestKnownSpectra:
    def test_of_a_linear_flow(self):
        """An oscillator that drives two relaxations: 0, 0, -0.5, -2."""

        @flow(ic=(1.0, 0.0, 0.0, 0.0), reference="none")
        def relaxations(x, y, z, w):
            return y, -x, x - 0.5 * z, z + y - 2 * w

        spectrum = lyapunov_spectrum(relaxations, periods=400, transient=100.0)
        # the oscillator only rotates tangent vectors; the start-up over the length remains
        np.testing.assert_allclose(spectrum.values, [0, 0, -0.5, -2], atol=2e-3)
        assert spectrum.values.sum() == pytest.approx(-2.5, abs=1e-7)

    def test_of_the_baker_like_map(self):
        """A triangular map: each exponent is the logarithm of its multiplier."""

        @define_map(ic=(0.3, 0.2, 0.1), reference="none")
        def triangular(x, y, z):
            return 4 * x * (1 - x), 0.5 * y + x, 0.1 * z + y

        spectrum = lyapunov_spectrum(triangular, periods=1000)
        np.testing.assert_allclose(spectrum.values[1:], np.log([0.5, 0.1]), atol=2e-3)
        assert abs(spectrum.values[0] - math.log(2)) < 3 * spectrum.stderr[0]

    @pytest.mark.parametrize("a", [0.2, 1.0, 1.4])
    def test_of_a_linear_delay_equation(self, a):
        """x' = -a x(t-1): exponents are the real parts of the roots of λ = -a exp(-λ)."""

        @delay(ic=(1.0,), reference="none")
        def linear(x, x_tau, *, a=1.0, tau=1.0):
            return -a * x_tau

        scales = Scales(linear.with_params(a=a), given_period=4.0)
        spectrum = lyapunov_spectrum(
            scales.system, periods=200, count=4, transient=0.0, scales=scales
        )
        branches = [lambertw(-a, k) for k in (0, -1, 1, -2, 2, -3)]
        roots = sorted((root.real for root in branches), reverse=True)
        # the norm of a rotating pair wobbles: bounded over a length of 800
        np.testing.assert_allclose(spectrum.values, roots[:4], atol=0.02)
        assert spectrum.values[0] == pytest.approx(roots[0], abs=5e-3)
        assert not spectrum.complete
        if a > math.exp(-1):  # a complex pair
            assert spectrum.values[1] == pytest.approx(spectrum.values[0], abs=1e-2)


COSTLY = {
    "blinking_rotlet", "blinking_vortex", "coupled_map_lattice", "hindmarsh_rose", "hopfield",
    "interior_squirmer", "lid_driven_cavity", "lorenz96_two_scale", "macarthur", "rate_network",
    "thomas_labyrinth",
}  # fmt: skip
"""Systems for which 4,096 periods take more than a second."""


class TestDivergence:
    @pytest.mark.parametrize(
        "name", [pytest.param(n, marks=pytest.mark.slow) if n in COSTLY else n for n in RANKED]
    )
    def test_is_the_sum_of_the_stored_exponents(self, name):
        known = constants(name)
        total, scale = sum(known.lyapunov_exponents), np.abs(known.lyapunov_exponents).sum()
        # the scatter of a mean over 4,096 periods (131,072 iterations), as for the constants; a
        # vector field with singularities is averaged over sixteen orbits, because a longer orbit
        # comes closer to where the step size vanishes (the whole length of seed 9 comes within
        # 0.0005 of a rod of blinking_rotlet, around which it turns two million times per time unit)
        system = registry[name]
        points, orbits = 2**17, 16 if "singular" in system.tags else 1
        data = simulate(system, points=points // orbits, points_per_period=32, seed=9, n=orbits)
        times = (data.start_times[:, None] + data.time).ravel()
        states = data.values.reshape(points, -1)
        rates = np.empty(points)
        for part in np.split(np.arange(points), 32):  # a Jacobian of 40 variables is large
            jacobians = system.jacobian(times[part], states[part])
            if system.kind == "map":
                rates[part] = np.log(np.abs(np.linalg.det(jacobians)))
            else:
                rates[part] = np.trace(jacobians, axis1=1, axis2=2)
        scatter = batch_stderr(rates[:, None])[0]
        allowed = max(1e-4 * scale, 4 * math.hypot(scatter, *known.lyapunov_stderr))
        assert abs(total - known.mean_divergence) < allowed

    @pytest.mark.parametrize("name", RANKED)
    def test_is_the_growth_of_volume_along_one_orbit(self, name):
        """Liouville: the logs of all tangent vectors add up to the integral of the divergence.

        Where the flow jumps, the events contribute to the integral.
        """
        system, known = registry[name], constants(name)
        d = system.dimension
        orbit = orbit_of(system, np.array(system.ic), rtol=1e-11)
        orbit.advance(200 if system.kind == "map" else 20 * known.period)
        start, state = orbit.time, orbit.state.copy()
        basis = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
        y = np.concatenate([state, basis.ravel()])
        if system.kind == "map":
            logs, states = np.empty((500, d)), np.empty((500, d))
            for n in range(500):
                states[n] = y[:d]
                map_growth(
                    system.tangent_kernel(d).address, start + n, y, d, d, logs[n : n + 1], 1e9
                )
            expected = np.log(np.abs(np.linalg.det(system.jacobian(0, states)))).sum()
            assert logs.sum() == pytest.approx(expected, rel=1e-9, abs=1e-8)
            return
        span = min(5 * known.period, 4 / known.largest_lyapunov_exponent)
        logs, tally = np.empty((50, d)), np.zeros(3)
        if system.switches is None:
            status, *_ = flow_growth(
                system.tangent_kernel(d).address, start, y, d, d, span / 50, 0.0, logs, 1e-11,
                1e-11, 1e9, d,
            )  # fmt: skip
        else:
            status, *_ = flow_growth_events(
                system.switches.addresses(d), system.switches.kind_array, start, y,
                system.switches.undecided(), d, d, span / 50, logs, 1e-11, 1e-11, 1e9, MAX_STEPS,
                tally,
            )  # fmt: skip
        assert status == 0
        grid = 20_001
        times = np.linspace(0, span, grid)
        states = orbit_of(system, state, time=start, rtol=1e-12).sample(grid, times[1])
        rates = np.trace(system.jacobian(start + times, states), axis1=1, axis2=2)
        expected = simpson(rates, x=times) + tally[0]
        # 1e-9 is the tolerance of the tangent vectors, per step and relative to each
        scale = np.abs(logs).sum() + np.abs(rates).mean() * span
        allowed = 1e-5 * scale + 1e-6
        if system.switches is not None:  # no quadrature rule resolves the jumps of the divergence
            allowed += times[1] * np.abs(np.diff(rates)).sum()
        assert abs(logs.sum() - expected) < allowed


class TestDelay:
    def test_twins_and_tangents_agree(self):
        spectrum = lyapunov_spectrum("mackey_glass", periods=400, count=2, seed=1)
        twin = twin_exponent("mackey_glass", periods=400, seed=1)
        error = math.hypot(spectrum.stderr[0], twin.stderr)
        assert abs(spectrum.values[0] - twin.value) < 3 * error
        assert 0.004 < spectrum.values[0] < 0.007
        assert abs(spectrum.values[1]) < 4 * spectrum.stderr[1] + 1e-4  # along the flow

    def test_stored_estimates_agree(self):
        for name, known in KNOWN.items():
            if registry[name].kind == "delay" and known is not None and known.ranked:
                error = math.hypot(known.lyapunov_stderr[0], known.largest_twin_stderr)
                assert abs(known.lyapunov_exponents[0] - known.largest_twin) < 4 * error


class TestKaplanYorke:
    @pytest.mark.parametrize(
        ("exponents", "complete", "expected"),
        [
            ([0.9, 0.0, -14.4], True, 2 + 0.9 / 14.4),
            ([0.4, -1.6], True, 1.25),
            ([0.3, 0.1, 0.0, -0.8, -5.0], True, 3 + 0.4 / 0.8),
            ([0.1, 0.0, -0.1], True, 3.0),
            ([0.7], True, 1.0),
            ([0.7], False, None),
            ([0.5, 0.2, -0.1], False, None),
            ([0.0, -0.1], True, 0.0),
            ([-0.1, -0.2], True, 0.0),
        ],
    )
    def test_values(self, exponents, complete, expected):
        assert kaplan_yorke(np.array(exponents), complete=complete) == pytest.approx(expected)


class TestStandardErrors:
    def test_of_independent_values(self):
        rates = np.random.default_rng(0).normal(size=(64_000, 2)) * [1.0, 3.0]
        # 16 batches know a standard error to 1/√30 ≈ 18%, and the largest of three is taken
        np.testing.assert_allclose(
            batch_stderr(rates), np.array([1.0, 3.0]) / np.sqrt(64_000), rtol=0.5
        )

    def test_of_correlated_values(self):
        """An AR(1) process: the naive error is too small by √((1+φ)/(1-φ)) = 4.4."""
        noise = np.random.default_rng(1).normal(size=(200, 32_000))
        values = np.zeros_like(noise)
        for t in range(1, 32_000):
            values[:, t] = 0.9 * values[:, t - 1] + noise[:, t]
        actual = values.mean(axis=1).std()
        estimated = np.median([batch_stderr(v[:, None])[0] for v in values])
        assert estimated == pytest.approx(actual, rel=0.3)

    def test_cover_what_other_seeds_find(self):
        spectra = [lyapunov_spectrum("henon", periods=200, seed=s) for s in range(12)]
        values = np.array([s.values[0] for s in spectra])
        errors = np.array([s.stderr[0] for s in spectra])
        assert (np.abs(values - 0.41922) < 3 * errors + 5e-5).all()
        assert 0.4 < values.std(ddof=1) / errors.mean() < 1.6


class TestSettings:
    @pytest.mark.parametrize("count", [0, -1, 4])
    def test_count(self, count):
        with pytest.raises(ParameterError, match="count must lie between 1 and 3"):
            lyapunov_spectrum("lorenz", count=count)

    @pytest.mark.parametrize("periods", [0, 9.9, np.nan, np.inf])
    def test_periods(self, periods):
        with pytest.raises(ParameterError, match="periods must be at least 10"):
            lyapunov_spectrum("lorenz", periods=periods)

    def test_fewer_exponents_are_the_leading_ones(self):
        one = lyapunov_spectrum("lorenz", periods=300, count=1)
        assert one.values.shape == (1,)
        assert not one.complete
        assert abs(one.values[0] - 0.9056) < 4 * one.stderr[0]

    def test_seeds(self):
        a, b, c = (lyapunov_spectrum("henon", periods=100, seed=s).values for s in (3, 3, 4))
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)

    def test_escape(self):
        with pytest.raises(TrajectoryEscapedError):
            lyapunov_spectrum(registry["henon"].with_params(a=2.0))

    def test_a_singular_jacobian_is_told(self):
        @define_map(ic=(0.3, 0.1), reference="none")
        def forgetful(x, y):
            return 4 * x * (1 - x), x * 0.5

        with pytest.raises(InputError, match="Jacobian is singular"):
            lyapunov_spectrum(forgetful, periods=20)
        assert lyapunov_spectrum(forgetful, periods=20, count=1).values.shape == (1,)
