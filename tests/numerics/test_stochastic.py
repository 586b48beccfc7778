"""Brownian paths, strong and weak orders, exact solutions, and the systems that noise drives."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

import chaosbench as cb
from chaosbench.commands._card import card
from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.orbits import PIECES, ItoOrbit, RefinedOrbit, orbit_of
from chaosbench.errors import DefinitionError
from chaosbench.numerics import _brownian as brownian
from chaosbench.numerics.stochastic import step
from chaosbench.systems import flow, registry, stochastic
from chaosbench.systems._stochastic import noise_terms
from chaosbench.systems.printing import equation_latex, equation_text
from chaosbench.testing import check_system

NOISY = [name for name in registry if registry[name].kind == "stochastic"]


def _in_proportion(x, *, sigma=0.7):
    return sigma * x


def _constant(*, sigma=0.7):
    return sigma


def _in_time(t, *, sigma=0.7):
    return sigma * cb.expressions.exp(-t)


@stochastic(noise=_in_proportion, step=0.1, ic=(1.0,), reference="none")
def geometric(x, *, mu=0.3):
    """Geometric Brownian motion, solved by exp((μ - σ²/2) t + σ W)."""
    return mu * x


@stochastic(noise=lambda: 1.0, step=0.1, ic=(0.0,), reference="none")
def free(x):
    """Brownian motion itself."""
    return 0.0 * x


@stochastic(noise=_constant, step=0.05, ic=(0.0,), reference="none")
def ornstein_uhlenbeck(x, *, theta=1.5):
    """A linear restoring force against noise."""
    return -theta * x


@stochastic(noise=_constant, step=0.1, ic=(0.5,), reference="none")
def well(x):
    """Nonlinear drift with additive noise."""
    return x - x**3


@stochastic(noise=_in_time, step=0.1, ic=(0.0,), reference="none")
def fading(x, t):
    """Additive noise that fades; without drift x is the Wiener integral of its amplitude."""
    return 0.0 * t * x


def fine_path(paths, n, end, seed):
    """Return increments and integrals of Brownian motion over n pieces, ``(paths, n)`` each."""
    z = np.random.default_rng(seed).standard_normal((2, paths, n))
    h = end / n
    return np.sqrt(h) * z[0], 0.5 * h**1.5 * (z[0] + z[1] / np.sqrt(3))


def coarsen(dw, integral, end, n):
    """Add up the pieces of a fine path to n coarse ones."""
    paths, fine = dw.shape
    h = end / fine
    dw, integral = (v.reshape(paths, n, fine // n) for v in (dw, integral))
    before = np.cumsum(dw, axis=2) - dw
    return dw.sum(axis=2), (integral + before * h).sum(axis=2)


def march(system, dw, integral, end):
    """Step every path of a system of one variable; return the ends ``(paths,)``."""
    paths, n = dw.shape
    h = end / n
    noise = np.array([k.address if k else 0 for k in system.noise_kernels()])
    source, w = np.zeros(1, np.int64), np.empty((8, 1))
    ends = np.empty(paths)
    for p in range(paths):
        y = np.array(system.ic)
        for i in range(n):
            taken = np.array([[dw[p, i], integral[p, i]]])
            step(system.kernel.address, noise, i * h, y, h, taken, source, w)
        ends[p] = y[0]
    return ends


def strong_order(system, exact, counts=(8, 16, 32, 64), paths=150, fine=1024, end=1.0):
    """Fit the order of the root mean square error at the end as a power of the step."""
    dw, integral = fine_path(paths, fine, end, seed=5)
    truth = exact(dw, integral)
    errors = []
    for n in counts:
        ends = march(system, *coarsen(dw, integral, end, n), end)
        errors.append(np.sqrt(np.mean((ends - truth) ** 2)))
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0], errors


class TestStrongOrder:
    def test_multiplicative(self):
        order, errors = strong_order(
            geometric, lambda dw, _: np.exp(0.3 - 0.49 / 2 + 0.7 * dw.sum(axis=1))
        )
        assert 1.35 < order < 1.7
        assert errors[-1] < 1e-3

    def test_additive(self):
        def exact(dw, integral):
            return march(well, dw, integral, 1.0)  # 1024 steps against at most 64

        order, _ = strong_order(well, exact)
        assert 1.4 < order < 2.1

    def test_additive_in_time(self):
        """Compare with the Wiener integral of e^(-t), over pieces that make it exact to 1e-7."""

        def exact(dw, integral):
            fine = dw.shape[1]
            h = 1.0 / fine
            t = h * np.arange(fine)
            # ∫ σ e^(-s) dW over a piece from t: σ e^(-t) (ΔW - ∫(s - t) dW), ∫(s - t) dW = hΔW - J
            return (0.7 * np.exp(-t) * (dw - (h * dw - integral))).sum(axis=1)

        order, _ = strong_order(fading, exact)
        assert 1.4 < order < 2.6

    def test_without_noise_order_three(self):
        quiet = well.with_params(sigma=0.0)
        zeros = [np.zeros((1, n)) for n in (8, 32)]
        # u = x^-2 is linear: u' = 2 - 2u
        exact = (1 + (4 - 1) * np.exp(-2.0)) ** -0.5
        errors = [abs(march(quiet, z, z, 1.0)[0] - exact) for z in zeros]
        assert 2.8 < np.log2(errors[0] / errors[1]) / 2 < 3.4

    def test_terms(self):
        """L¹g, L⁰g and L¹L¹g of g = σx with f = μx, by hand."""
        x, sigma, mu = 1.7, 0.7, 0.3
        values = [k(np.zeros(1), np.array([[x]]))[0, 0] for k in geometric.noise_kernels()]
        np.testing.assert_allclose(
            values, [sigma * x, sigma**2 * x, sigma * mu * x, sigma**3 * x], rtol=1e-14
        )
        assert [k is None for k in well.noise_kernels()] == [False, True, True, True]
        assert [k is None for k in fading.noise_kernels()] == [False, True, False, True]


class TestPath:
    def test_philox_is_numpys(self):
        key = np.array([123456789012345678, 2**63 + 17], dtype=np.uint64)
        for words in ((1, 0, 0, 0), (5, 7, 1, 0), (2**63 + 5, 1, 2**40, 9), (2, *[2**64 - 1] * 3)):
            ours = brownian.philox(*(np.uint64(v) for v in words), *key)
            # numpy counts up before it draws
            counter = np.array([words[0] - 1, *words[1:]], dtype=np.uint64)
            theirs = np.random.Philox(key=key, counter=counter).random_raw(4)
            assert list(ours) == theirs.tolist()

    def test_normal_and_independent(self):
        key, out = np.array([3, 4], dtype=np.uint64), np.empty((3, 2))
        drawn = np.empty((20_000, 3, 2))
        for cell in range(len(drawn)):
            brownian.normals(key, cell, 0, out)
            drawn[cell] = out
        flat = drawn.reshape(len(drawn), -1)
        for column in flat.T:
            assert kstest(column, "norm").pvalue > 1e-3
        correlation = np.corrcoef(np.hstack([flat[:-1], flat[1:]]).T) - np.eye(12)
        assert np.abs(correlation).max() < 4.5 / np.sqrt(len(drawn))

    @pytest.mark.parametrize("part", [0.07, 0.5, 0.9])
    def test_bridge_leaves_brownian_motion(self, part):
        """Both parts of a split cell have the covariance of a path that was never whole."""
        key, m, r = np.array([8, 9], dtype=np.uint64), 2, 0.4
        samples = []
        for cell in range(20_000):
            ahead, taken = np.empty((m, 2)), np.empty((m, 2))
            brownian.open_cell(key, cell, r, ahead)
            brownian.bridge(key, cell, 1, r, part * r, ahead, taken)
            samples.append([*taken.T.ravel()[::2], *ahead.T.ravel()[::2]])

        def covariance(h):
            return np.array([[h, h**2 / 2], [h**2 / 2, h**3 / 3]])

        expected = np.zeros((4, 4))
        expected[:2, :2], expected[2:, 2:] = covariance(part * r), covariance((1 - part) * r)
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        measured = np.cov(np.array(samples).T)
        assert np.abs((measured - expected) / scale).max() < 4.5 * np.sqrt(2 / 20_000)

    def test_chunks_do_not_matter(self):
        def orbit():
            return orbit_of(registry["stochastic_lorenz"], np.array([1.0, 2.0, 20.0]), key=(7, 1))

        whole = orbit().sample(201, 0.0137)
        cut = orbit()
        parts = [cut.sample(51, 0.0137), cut.sample(101, 0.0137)[1:], cut.sample(51, 0.0137)[1:]]
        np.testing.assert_array_equal(np.vstack(parts), whole)

    def test_sampling_does_not_change_the_path(self):
        """Coarse and fine samples differ by the strong error of the step, not by the path."""
        apart = []
        for longest in (0.1, 0.025):
            system = stochastic(noise=_constant, step=longest, ic=(0.5,), reference="none")(
                well.function
            )
            ends = [
                [orbit_of(system, [0.5], key=(k,)).sample(n + 1, 2 / n)[-1, 0] for k in range(60)]
                for n in (10, 154)
            ]
            apart.append(np.sqrt(np.mean(np.diff(ends, axis=0) ** 2)))
        assert np.log2(apart[0] / apart[1]) / 2 > 1.3
        assert apart[1] < 0.01 * 0.7  # the noise itself moves the ends by 0.7

    @pytest.mark.parametrize("dt", [0.1, 0.037])  # at the ends of cells, and within them
    def test_shorter_steps_follow_the_same_path(self, dt):
        """Compare with the exact solution for the Brownian path of the same key."""
        coarse, fine, driven = [], [], []
        for k in range(80):
            steps = round(2.0 / dt)
            wiener = orbit_of(free, [0.0], key=(k,)).sample(steps + 1, dt)[:, 0]
            refined = RefinedOrbit(free, np.array([0.0]), key=(k,)).sample(steps + 1, dt)[:, 0]
            np.testing.assert_allclose(refined, wiener, atol=1e-13)
            time = dt * np.arange(steps + 1)
            solution = np.exp((0.3 - 0.7**2 / 2) * time + 0.7 * wiener)
            for found, kind in ((coarse, ItoOrbit), (fine, RefinedOrbit)):
                values = kind(geometric, np.array([1.0]), key=(k,)).sample(steps + 1, dt)[:, 0]
                found.append(values[-1] - solution[-1])
            driven.append(solution[-1])
        assert np.std(driven) > 0.3
        gain = np.sqrt(np.mean(np.square(coarse)) / np.mean(np.square(fine)))
        assert np.log2(gain) / np.log2(PIECES) == pytest.approx(1.5, abs=0.2)

    def test_seeds(self):
        def values(**settings):
            return cb.simulate("double_well", points=20, dt=0.5, transient=5, **settings).values

        three = values(n=3, seed=5)
        np.testing.assert_array_equal(three[:2], values(n=2, seed=5))
        assert np.abs(np.diff(three, axis=0)).max(axis=(1, 2)).min() > 0.01
        assert not np.array_equal(three, values(n=3, seed=6))
        # trajectories that start at the same state also have independent noise
        same = values(ic=[[1.0], [1.0]], seed=5)
        assert np.abs(same[0, 1:] - same[1, 1:]).min() > 0
        np.testing.assert_array_equal(same, values(ic=[[1.0], [1.0]], seed=5))


class TestMoments:
    def test_ornstein_uhlenbeck(self):
        """Stationary variance σ²/2θ and autocorrelation e^(-θτ), from one long trajectory."""
        points, dt, theta = 40_000, 0.2, 1.5
        x = cb.simulate(ornstein_uhlenbeck, points=points, dt=dt, transient=10).values[0, :, 0]
        variance = 0.49 / (2 * theta)
        # the number of independent samples: the time over the integral of the (squared) correlation
        independent = points * dt * theta / 2
        assert abs(x.mean()) < 4 * np.sqrt(variance / independent)
        assert abs(x.var() / variance - 1) < 4 * np.sqrt(1 / independent)
        for lag in (1, 3, 6):
            correlation = np.mean(x[lag:] * x[:-lag]) / variance
            assert abs(correlation - np.exp(-theta * lag * dt)) < 4 * np.sqrt(2 / independent)

    def test_ito(self):
        """The mean of geometric Brownian motion is e^(μt) in Itô's sense (not e^(μ + σ²/2)t)."""
        n = 4000
        made = cb.simulate(geometric, points=2, dt=1.0, ic=[[1.0]] * n, seed=2)
        ends = made.values[:, 1, 0]
        error = np.exp(0.3) * np.sqrt(np.expm1(0.49) / n)
        assert abs(ends.mean() - np.exp(0.3)) < 4 * error
        assert np.exp(0.3 + 0.49 / 2) - np.exp(0.3) > 10 * error
        # and log x is normal with mean μ - σ²/2
        assert abs(np.log(ends).mean() - (0.3 - 0.49 / 2)) < 4 * 0.7 / np.sqrt(n)

    def test_double_well_density(self):
        """The stationary density is exp(-2V/ε²), V = x⁴/4 - x²/2."""
        settings = {"points": 1500, "dt": 2.0, "n": 8, "seed": 3, "transient": 200}
        made = cb.simulate("double_well", **settings).values[..., 0]

        def weight(x):
            return np.exp(-2 * (x**4 / 4 - x**2 / 2) / 0.25)

        total = quad(weight, -4, 4)[0]
        edges = np.array([-4, -1.1, -0.8, -0.4, 0, 0.4, 0.8, 1.1, 4])
        for a, b in itertools.pairwise(edges):
            expected = quad(weight, a, b)[0] / total
            shares = np.mean((made > a) & (made < b), axis=1)
            # eight separate trajectories give the error, which is large because of the hopping
            error = shares.std(ddof=1) / np.sqrt(8)
            assert abs(shares.mean() - expected) < 5 * error + 0.002
        second = quad(lambda x: x**2 * weight(x), -4, 4)[0] / total
        squares = (made**2).mean(axis=1)
        assert abs(squares.mean() - second) < 4 * squares.std(ddof=1) / np.sqrt(8)

    @pytest.mark.parametrize("name", ["stochastic_lorenz", "stochastic_lorenz_multiplicative"])
    def test_without_noise_it_is_lorenz(self, name):
        quiet = registry[name].with_params(epsilon=0.0)
        settings = {"ic": [1.0, 2.0, 20.0], "points": 101, "dt": 0.02}
        lorenz = cb.simulate("lorenz", **settings, rtol=1e-12).values
        errors = [
            np.abs(cb.simulate(replace(quiet, step=h), **settings).values - lorenz).max()
            for h in (1e-3, 2.5e-4)
        ]
        assert 2.8 < np.log2(errors[0] / errors[1]) / 2 < 3.2
        assert errors[1] < 1e-5


class TestExponents:
    @pytest.mark.parametrize("name", ["stochastic_lorenz", "stochastic_lorenz_multiplicative"])
    def test_two_methods_and_the_sum(self, name):
        system = registry[name]
        spectrum = lyapunov_spectrum(system, periods=400, seed=1)
        twin = twin_exponent(system, periods=400, seed=2)
        error = np.hypot(spectrum.stderr[0], twin.stderr)
        assert abs(spectrum.values[0] - twin.value) < 4 * error
        # d log det = (div f - ½ Σ g'²) dt + Σ g' dW
        slope = 0.0 if name == "stochastic_lorenz" else system.parameters["epsilon"]
        volume = -(10 + 1 + 8 / 3) - 1.5 * slope**2
        scatter = slope * np.sqrt(3 / spectrum.length)
        assert abs(spectrum.values.sum() - volume) < 4 * scatter + 2e-3

    def test_double_well(self):
        """The exponent is ⟨1 - 3x²⟩ over the stationary density: orbits under common noise meet."""

        def weight(x):
            return np.exp(-2 * (x**4 / 4 - x**2 / 2) / 0.25)

        total = quad(weight, -4, 4)[0]
        exact = quad(lambda x: (1 - 3 * x**2) * weight(x), -4, 4)[0] / total
        spectrum = lyapunov_spectrum("double_well", periods=100)
        assert abs(spectrum.values[0] - exact) < 4 * spectrum.stderr[0]
        assert spectrum.stderr[0] < 0.05
        twin = twin_exponent("double_well", periods=30)
        assert abs(twin.value - exact) < 4 * twin.stderr

    def test_geometric_exactly(self):
        """Its only exponent is μ - σ²/2: the tangent obeys the equation itself."""
        orbit = orbit_of(geometric, np.array([1.0]), key=(4,))
        y = np.array([1.0, 1.0])
        orbit.move(y, 1, 5.0, np.empty((0, 2)), 1.0)
        assert y[1] == pytest.approx(y[0], rel=1e-12)


class TestDefinition:
    @pytest.mark.parametrize("name", NOISY)
    def test_conformance(self, name):
        system = registry[name]
        check_system(system)
        assert "stochastic" in system.tags
        assert pickle.loads(pickle.dumps(system)) == system
        assert system.with_params(epsilon=0.7) != system
        assert f"dW_{system.variables[0]}" in equation_text(system)[0]
        assert "dW_" in equation_latex(system)[0]
        assert card(system, None) is not None

    def test_the_noise_is_in_the_fingerprint(self):
        other = stochastic(noise=_in_proportion, step=0.1, ic=(0.5,), reference="none")
        finer = stochastic(noise=_constant, step=0.05, ic=(0.5,), reference="none")
        plain = flow(ic=(0.5,), reference="none")
        made = [d(well.function).fingerprint for d in (other, finer, plain)]
        assert len({well.fingerprint, *made}) == 4

    def test_parameters_of_drift_and_noise(self):
        assert dict(geometric.parameters) == {"mu": 0.3, "sigma": 0.7}

        def shared(x, *, mu=0.4):
            return mu * x

        with pytest.raises(DefinitionError, match="finite default that agrees with the drift"):
            stochastic(noise=shared, step=0.1, ic=(1.0,), reference="none")(geometric.function)

    def test_what_cannot_be_is_refused(self):
        def crossed(x, y):
            return y, x

        def drift(x, y):
            """Noise without drift."""
            return -x, -y

        made = stochastic(noise=crossed, step=0.1, ic=(1.0, 1.0), reference="none")(drift)
        with pytest.raises(DefinitionError, match="depends on y; an amplitude may"):
            noise_terms(made)
        with pytest.raises(DefinitionError, match="returns 1 amplitudes, expected one for each"):
            _ = stochastic(noise=_constant, step=0.1, ic=(1.0, 1.0), reference="none")(
                drift
            ).fingerprint
        with pytest.raises(DefinitionError, match="argument 'z', which is neither"):
            stochastic(noise=lambda z: z, step=0.1, ic=(1.0, 1.0), reference="none")(drift)
        with pytest.raises(DefinitionError, match="must be positive, not 0"):
            stochastic(noise=crossed, step=0, ic=(1.0, 1.0), reference="none")

    def test_integrator_and_step_are_recorded(self):
        made = cb.simulate("double_well", points=3, dt=0.5, transient=1)
        assert made.provenance["integrator"] == "ito-1.5"
        assert made.provenance["step"] == 0.01

    def test_no_forecast_track_asks_for_them(self):
        assert not [t for t in cb.tasks for name in NOISY if f"/{name}-" in t]
