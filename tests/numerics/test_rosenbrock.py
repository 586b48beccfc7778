"""Rodas5P: order, stiff problems with published solutions, failures, and when it is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import lu_factor, lu_solve

from chaosbench import simulate
from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.orbits import integrator_for, orbit_of
from chaosbench.dynamics.orbits._race import is_stiff
from chaosbench.dynamics.scales import scales_of
from chaosbench.dynamics.stored import known_constants
from chaosbench.errors import InputError, ParameterError, TrajectoryEscapedError
from chaosbench.expressions import cos, log, sin, sqrt
from chaosbench.numerics import _rosenbrock_tableau as tableau
from chaosbench.numerics import rosenbrock
from chaosbench.systems import delay, flow, registry


@flow(ic=(1.0, 1.0), reference="none")
def driven(x, y, t):
    """Two equations driven by time, with solutions in closed form."""
    return x * cos(t), -2 * t * y**2


@flow(ic=(0.6, 0.0, 0.0, (1.4 / 0.6) ** 0.5), reference="none")
def kepler(x, y, vx, vy):
    """An orbit of eccentricity 0.4 and period 2π that starts at its pericentre."""
    r3 = (x**2 + y**2) ** 1.5
    return vx, vy, -x / r3, -y / r3


@flow(ic=(0.0,), reference="none")
def prothero_robinson(x, t, *, rate=1e6):
    """Relax onto the sine of the time."""
    return -rate * (x - sin(t)) + cos(t)


@flow(ic=(2.0, 0.0), reference="vanderpol1926")
def van_der_pol(x, v, *, mu=1000.0):
    """Relaxation oscillations."""
    return v, mu * (1 - x**2) * v - x


@flow(ic=(1.0, 0.0, 0.0), reference="none")
def robertson(x, y, z):
    """Three reactions whose rates differ by nine orders of magnitude."""
    slow, fast = 0.04 * x - 1e4 * y * z, 3e7 * y**2
    return -slow, slow - fast, fast


@flow(ic=(1.0, 2.0, 3.0), reference="none")
def oregonator(x, y, z, *, s=77.27, q=8.375e-6, w=0.161):
    """Field and Noyes' limit cycle of the Belousov–Zhabotinsky reaction."""
    return s * (y - x * y + x - q * x**2), (z - y - x * y) / s, w * (x - z)


@flow(ic=(1, 0, 0, 0, 0, 0, 0, 0.0057), dim=8, reference="none")
def hires(y):
    """Eight reactants of the high irradiance response."""
    meeting = 280 * y[5] * y[7]
    return (
        -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007,
        1.71 * y[0] - 8.75 * y[1],
        -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4],
        8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3],
        -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6],
        -meeting + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6],
        meeting - 1.81 * y[6],
        -meeting + 1.81 * y[6],
    )


@flow(ic=(1.0, 1.0, 20.0, 1.0), reference="none")
def slaved_lorenz(x, y, z, w, *, rate=1e5):
    """Lorenz; its equation for x reads a fast variable that follows x."""
    return 10 * (y - w), x * (28 - z) - y, x * y - 8 / 3 * z, -rate * (w - x)


STIFF = (van_der_pol, robertson, oregonator, hires, slaved_lorenz)

# Mazzia & Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (RADAU5 in quadruple
# precision); Robertson's at t = 40 is that of Hindmarsh's LSODE report
PUBLISHED = {
    van_der_pol: (2000.0, [0.1706167732170469e1, -0.8928097010248125e-3]),
    oregonator: (360.0, [0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3]),
    hires: (
        321.8122,
        [
            0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
            0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
            0.2849998395185769e-2, 0.2850001604814231e-2,
        ],
    ),
    robertson: (1e11, [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050]),
}  # fmt: skip


def march(system, n, end, theta=0.4):
    """Take n equal steps; return the end state and the states inside each step with times."""
    y, d, h = np.array(system.ic), system.dimension, end / n
    k, new, r = np.zeros((8, d)), np.empty(d), np.empty((3, d))
    inside = []
    for i in range(n):
        t = np.array([i * h])
        jacobian = system.jacobian(t, y[np.newaxis])[0]
        slope = system.time_derivative_kernel(t, y[np.newaxis])[0]
        rosenbrock.step(system.kernel.address, i * h, y, h, jacobian, slope, k, new, 1e-9, 1e-9, d)
        rosenbrock.dense(k, r)
        at = [rosenbrock.interpolate(y, new, r, theta, j) for j in range(d)]
        inside.append(((i + theta) * h, np.array(at)))
        y = new.copy()
    return y, inside


def driven_exactly(t):
    return np.array([np.exp(np.sin(t)), 1 / (1 + t**2)])


class TestTableau:
    def test_conditions(self):
        """The first order conditions, in the untransformed coefficients."""
        gamma = np.linalg.inv(np.eye(8) / tableau.GAMMA - tableau.C)
        a = tableau.A @ gamma
        beta = a + gamma
        weights = np.array([*tableau.A[7, :7], 1.0]) @ gamma
        nodes, slopes, b = a.sum(axis=1), gamma.sum(axis=1), beta.sum(axis=1)
        np.testing.assert_allclose(nodes, tableau.NODES, atol=1e-13)
        np.testing.assert_allclose(slopes, tableau.SLOPES, atol=1e-13)
        for left, right in (
            (weights.sum(), 1), (weights @ b, 1 / 2), (weights @ nodes**2, 1 / 3),
            (weights @ beta @ b, 1 / 6), (weights @ nodes**3, 1 / 4),
            (weights @ (nodes * (a @ b)), 1 / 8), (weights @ beta @ nodes**2, 1 / 12),
            (weights @ beta @ beta @ b, 1 / 24), (weights @ nodes**4, 1 / 5),
            (weights @ beta @ beta @ beta @ b, 1 / 120),
        ):  # fmt: skip
            assert left == pytest.approx(right, abs=1e-12)
        # stiffly accurate: the last row of beta is the weights, so R(∞) = 0
        np.testing.assert_allclose(beta[7], weights, atol=1e-12)


class TestOrder:
    def test_driven(self):
        errors = [np.abs(march(driven, n, 3.0)[0] - driven_exactly(3.0)).max() for n in (20, 80)]
        assert 4.8 < np.log2(errors[0] / errors[1]) / 2 < 5.4

    def test_autonomous(self):
        errors = [np.abs(march(kepler, n, 2 * np.pi)[0] - kepler.ic).max() for n in (200, 800)]
        assert 4.8 < np.log2(errors[0] / errors[1]) / 2 < 5.4

    def test_dense_output(self):
        """Order 4: the local error is of the fifth power and not much larger than the steps'."""
        errors = []
        for n in (40, 160):
            end, inside = march(driven, n, 3.0)
            errors.append(max(np.abs(u - driven_exactly(t)).max() for t, u in inside))
            assert errors[-1] < 10 * np.abs(end - driven_exactly(3.0)).max()
        assert np.log2(errors[0] / errors[1]) / 2 > 4.7

    def test_prothero_robinson(self):
        """Stiffness reduces the order from 5, but not below 3, and does not increase the error."""
        errors = [abs(march(prothero_robinson, n, 2.0)[0][0] - np.sin(2.0)) for n in (8, 32)]
        assert np.log2(errors[0] / errors[1]) / 2 > 2.8
        assert errors[0] < 1e-6
        milder = prothero_robinson.with_params(rate=1e3)
        assert errors[0] < abs(march(milder, 8, 2.0)[0][0] - np.sin(2.0)) + 1e-9


class TestStiffProblems:
    @pytest.mark.parametrize("system", PUBLISHED, ids=lambda s: s.name)
    def test_published_solution(self, system):
        end, published = PUBLISHED[system]
        rtol = 1e-10
        orbit = orbit_of(system, np.array(system.ic), rtol=rtol, atol=1e-4 * rtol)
        orbit.advance(end)
        assert orbit.integrator == "rodas5p"
        # local errors of 1e-10, a few hundred to a few thousand of them
        np.testing.assert_allclose(orbit.state, published, rtol=1e-7)
        assert orbit.attempts < 30_000

    @pytest.mark.parametrize("system", [van_der_pol, oregonator], ids=lambda s: s.name)
    def test_error_follows_the_tolerance(self, system):
        end, published = PUBLISHED[system]
        errors = []
        for rtol in (1e-6, 1e-8, 1e-10):
            orbit = orbit_of(system, np.array(system.ic), rtol=rtol, integrator="rodas5p")
            orbit.advance(end)
            errors.append(np.max(np.abs(orbit.state / published - 1)))
        assert errors[0] > 10 * errors[1] > 100 * errors[2]
        assert errors[2] < 1e-7

    def test_mass_is_conserved(self):
        orbit = orbit_of(robertson, np.array(robertson.ic), rtol=1e-6)
        samples = orbit.sample(200, 5.0)
        # a linear invariant: every stage keeps it to rounding
        np.testing.assert_allclose(samples.sum(axis=1), 1.0, atol=1e-12)

    def test_samples_are_as_exact_as_the_steps(self):
        """Compare dense output between the steps with states at the ends of steps."""
        system, rtol = van_der_pol, 1e-8
        coarse = orbit_of(system, np.array(system.ic), rtol=rtol).sample(21, 35.0)
        fine = orbit_of(system, np.array(system.ic), rtol=1e-12).sample(21, 35.0)
        assert np.abs(coarse - fine).max() < 100 * rtol

    def test_one_step_over_a_million_time_constants(self):
        @flow(ic=(1.0,), reference="none")
        def decay(x):
            """Decay at the rate of a million."""
            return -1e6 * x

        end, _ = march(decay, 1, 1.0)
        assert abs(end[0]) < 1e-4  # R(z) falls as 1/z: L-stable

    @pytest.mark.parametrize("name", ["lorenz", "rossler", "duffing", "lorenz96", "thomas"])
    def test_agrees_with_dop853_over_three_lyapunov_times(self, name):
        system = registry[name]
        known = known_constants(system)
        span = 3 * known.lyapunov_time
        settings = {"points": 31, "dt": span / 30, "seed": 4, "rtol": 1e-11}
        start = simulate(name, points=1, seed=4).values[0, 0]
        one, other = (
            simulate(name, ic=start, **settings, integrator=i) for i in ("dop853", "rodas5p")
        )
        assert other.provenance["integrator"] == "rodas5p"
        apart = np.abs(one.values - other.values).max(axis=(0, 1)) / known.std
        # thousands of local errors of 1e-11, grown by e^3
        assert apart.max() < 1e-6


class TestFailures:
    def test_nan_in_a_stage_rejects_the_step(self):
        @flow(ic=(1.0,), reference="none")
        def guarded(x, *, k=50.0, a=0.01):
            """With u = √x this is u' = -k (u - a); below zero there is no right-hand side."""
            return -2 * k * (x - a * sqrt(x))

        for first in (0.0, 1.0, 100.0):
            orbit = orbit_of(guarded, np.array([1.0]), rtol=1e-10, integrator="rodas5p", step=first)
            orbit.advance(0.1)
            exact = (0.01 + 0.99 * np.exp(-5.0)) ** 2
            assert orbit.state[0] == pytest.approx(exact, abs=1e-9)

    def test_non_finite_start(self):
        @flow(ic=(-1.0,), reference="none")
        def nowhere(x):
            """No slope at its initial state."""
            return log(x)

        with pytest.raises(TrajectoryEscapedError, match="after 0 time units"):
            orbit_of(nowhere, np.array([-1.0]), integrator="rodas5p").advance(1.0)

    def test_escape(self):
        @flow(ic=(1.0,), reference="none")
        def blow_up(x):
            """Its reciprocal falls from one at the rate one: infinite at t = 1."""
            return x**2

        with pytest.raises(TrajectoryEscapedError, match="blow_up") as caught:
            orbit_of(blow_up, np.array([1.0]), integrator="rodas5p").advance(10.0)
        assert caught.value.time == pytest.approx(1.0, abs=1e-6)

    def test_lu_agrees_with_lapack(self):
        generator = np.random.default_rng(3)
        for d in (1, 2, 5, 30):
            matrix, b = generator.standard_normal((d, d)), generator.standard_normal(d)
            factors, pivots, x = matrix.copy(), np.empty(d, np.int64), b.copy()
            assert rosenbrock.factorise(factors, pivots)
            rosenbrock.solve(factors, pivots, x)
            np.testing.assert_allclose(x, lu_solve(lu_factor(matrix), b), rtol=1e-9)
        assert not rosenbrock.factorise(np.zeros((2, 2)), np.empty(2, np.int64))
        assert not rosenbrock.factorise(np.full((2, 2), np.nan), np.empty(2, np.int64))


class TestChoice:
    def test_registered_flows_keep_dop853(self):
        flows = [s for s in registry.values() if s.kind == "flow"]
        assert len(flows) > 100
        chosen = {integrator_for(s, stiff=scales_of(s).stiff) for s in flows if s.switches is None}
        assert chosen == {"dop853"}
        assert {integrator_for(s) for s in flows if s.switches is not None} == {"dop853-events"}

    @pytest.mark.parametrize("name", ["lorenz", "rossler", "chua", "belousov_zhabotinsky"])
    def test_measured_afresh(self, name):
        system = registry[name].with_params()
        assert not any(is_stiff(system, rtol) for rtol in (1e-6, 1e-9, 1e-12))

    @pytest.mark.parametrize("system", STIFF, ids=lambda s: s.name)
    def test_stiff_ones_get_rodas5p(self, system):
        for rtol in (1e-6, 1e-8, 1e-10):
            assert integrator_for(system, rtol) == "rodas5p"

    def test_it_is_recorded(self):
        made = simulate(slaved_lorenz, points=5, dt=0.1, rtol=1e-6)
        assert made.provenance["integrator"] == "rodas5p"
        asked = simulate("lorenz", points=5, rtol=1e-8, integrator="rodas5p", seed=2)
        assert asked.provenance["integrator"] == "rodas5p"

    def test_other_names_are_refused(self):
        @delay(ic=(1.0,), reference="none")
        def feedback(x, x_tau, *, tau=1.0):
            """Delayed decay."""
            return -x_tau

        with pytest.raises(ParameterError, match=r"auto or one of dop853, rodas5p"):
            simulate("lorenz", points=2, integrator="euler")
        with pytest.raises(ParameterError, match="for the delay 'feedback'"):
            simulate(feedback, points=2, dt=0.1, integrator="rodas5p")


class TestExponents:
    def test_slaved_lorenz_has_those_of_lorenz(self):
        spectrum = lyapunov_spectrum(slaved_lorenz, periods=600, count=1, rtol=1e-7)
        assert abs(spectrum.values[0] - 0.9056) < 3 * spectrum.stderr[0]
        assert spectrum.stderr[0] < 0.1
        twin = twin_exponent(slaved_lorenz, periods=300, rtol=1e-9)
        assert abs(twin.value - 0.9056) < 3 * twin.stderr

    def test_agrees_with_dop853(self):
        """Compare the variational equations of Lorenz over the same orbit with both integrators."""
        scales = scales_of(registry["lorenz"])
        usual = lyapunov_spectrum("lorenz", periods=30, seed=5)
        provenance = {**scales.constants.provenance, "integrator": "rodas5p"}
        stiff = replace(scales, constants=replace(scales.constants, provenance=provenance))
        other = lyapunov_spectrum("lorenz", periods=30, seed=5, count=2, scales=stiff)
        # the orbits separate after thirty Lyapunov times, but the averages hardly differ
        assert abs(usual.values[:2] - other.values).max() < 3 * usual.stderr[:2].max()

    def test_too_many_are_refused(self):
        with pytest.raises(InputError, match="ask for fewer"):
            lyapunov_spectrum(slaved_lorenz, periods=20, rtol=1e-6)
