"""One step, the dense output, and trajectories against closed forms, scipy and heyoka."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from chaosbench.dynamics.orbits import orbit_of
from chaosbench.expressions import cos
from chaosbench.numerics import dop853
from chaosbench.systems import flow, registry


@flow(ic=(0.6, 0.0, 0.0, (1.4 / 0.6) ** 0.5), reference="none")
def kepler(x, y, vx, vy):
    """An orbit of eccentricity 0.4 and period 2π that starts at its pericentre."""
    r3 = (x**2 + y**2) ** 1.5
    return vx, vy, -x / r3, -y / r3


@flow(ic=(1.0, 1.0), reference="none")
def driven(x, y, t):
    return x * cos(t), -2 * t * y**2


def driven_exactly(t):
    return np.stack([np.exp(np.sin(t)), 1 / (1 + np.square(t))], axis=-1)


class Stepper:
    """Fixed steps through the integrator's own step function."""

    def __init__(self, system):
        self.system = system
        d = system.dimension
        self.k, self.w, self.new = np.empty((16, d)), np.empty((16, d)), np.empty(d)
        self.r = np.empty((8, d))

    def step(self, t, y, h):
        self.k[0] = self.system.rhs(t, y)
        error = dop853.step(
            self.system.kernel.address, t, y, h, self.k, self.w, self.new,
            1e-10, 1e-10, y.size,
        )  # fmt: skip
        return self.new.copy(), error

    def dense(self, t, y, h, fractions):
        self.step(t, y, h)
        dop853.dense(self.system.kernel.address, t, y, h, self.k, self.w, self.new, self.r)
        return np.array(
            [[dop853.interpolate(self.r, s, i) for i in range(y.size)] for s in fractions]
        )

    def march(self, n, end):
        y = np.array(self.system.ic)
        for i in range(n):
            y, _ = self.step(i * end / n, y, end / n)
        return y


def slopes(sizes, errors):
    return np.diff(np.log(errors)) / np.diff(np.log(sizes))


@pytest.mark.parametrize(
    ("system", "steps", "end", "exact", "within"),
    [
        # approached from below: at e = 0.4 the next terms matter until round-off dominates
        (kepler, [60, 80, 110, 150], 2 * np.pi, kepler.ic, 0.4),
        (driven, [6, 8, 11, 15], 2.0, driven_exactly(2.0), 0.1),
    ],
    ids=["kepler", "driven"],
)
def test_a_step_is_of_order_8(system, steps, end, exact, within):
    errors = [np.abs(Stepper(system).march(n, end) - exact).max() for n in steps]
    observed = slopes(1 / np.array(steps), errors)
    assert observed[-1] == pytest.approx(8.0, abs=within)
    assert (np.diff(np.abs(observed - 8)) < 0.05).all(), "does not converge to 8"


def test_the_dense_output_is_of_order_7():
    """Its error within one step falls at least with the eighth power of the step."""
    fractions, start = np.linspace(0, 1, 23), 0.3
    sizes = np.array([0.4, 0.3, 0.2, 0.15])
    errors = [
        np.abs(
            Stepper(driven).dense(start, driven_exactly(start), h, fractions)
            - driven_exactly(start + fractions * h)
        ).max()
        for h in sizes
    ]
    assert (slopes(sizes, errors) > 7.7).all()


def test_the_dense_output_meets_both_ends():
    stepper = Stepper(driven)
    start = driven_exactly(0.3)
    new, _ = stepper.step(0.3, start, 0.2)
    ends = stepper.dense(0.3, start, 0.2, [0.0, 1.0])
    assert np.array_equal(ends[0], start)
    np.testing.assert_allclose(ends[1], new, rtol=4e-16)


def test_the_error_estimate_tells_good_steps_from_bad():
    stepper = Stepper(driven)
    start = driven_exactly(0.3)
    estimates = []
    for h in (0.05, 0.1, 0.2, 0.4, 0.8):
        new, estimate = stepper.step(0.3, start, h)
        estimates.append(estimate)
        actual = np.abs(new - driven_exactly(0.3 + h)).max() / 1e-10
        assert actual < 10 * estimate + 1e-4  # round-off: 1e-14 of the tolerance 1e-10
    assert (np.diff(estimates) > 0).all()


def test_the_tableau_is_consistent():
    from chaosbench.numerics import _dop853_tableau as t

    names = vars(t)
    for s in range(2, 17):
        row = [names.get(f"A_{s}_{j}", 0.0) for j in range(1, s)]
        assert sum(row) == pytest.approx(names[f"C_{s}"], abs=1e-14)
    weights = {j: names.get(f"B_{j}", 0.0) for j in range(1, 13)}
    nodes = {1: 0.0, 12: 1.0} | {j: names[f"C_{j}"] for j in range(2, 12)}
    for power in range(8):  # quadrature conditions of order 8
        moment = sum(b * nodes[j] ** power for j, b in weights.items())
        assert moment == pytest.approx(1 / (power + 1), abs=1e-14)


CASES = {
    "lorenz": (registry["lorenz"], 2.21),
    "rossler": (registry["rossler"], 28.0),
    "lorenz96": (registry["lorenz96"].with_dimension(4).with_params(F=20.0), 1.6),
}
EQUATIONS = {
    "lorenz": lambda x, y, z: (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z),
    "rossler": lambda x, y, z: (-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)),
    "lorenz96": lambda *u: [(u[(i + 1) % 4] - u[i - 2]) * u[i - 1] - u[i] + 20 for i in range(4)],
}


class TestAgainstPeers:
    """Two Lyapunov times, 501 samples, errors in standard deviations of the attractor.

    At rtol 1e-12 the local errors of N ≈ 180 to 500 steps add up and grow by e² ≈ 7 (more on
    the way). N · rtol · max|u|/σ · e² ≈ 180 · 1e-12 · 5 · 7 ≈ 6e-9 σ would be the worst case, with
    every local error at its tolerance and all aligned; the estimate is pessimistic by a factor of
    ten and more, and errors do not align: 1e-9 σ holds what was measured, 1.6e-10 (Lorenz), 8e-11
    (Rössler) and 3e-12 (Lorenz-96), nearly all of it the dense output's, which is scipy's too.
    """

    def heyoka(self, name, ic, grid, **settings):
        hy = importlib.import_module("heyoka")
        names = hy.make_vars(*CASES[name][0].variables)
        names = names if isinstance(names, (list, tuple)) else [names]
        equations = list(zip(names, EQUATIONS[name](*names), strict=True))
        integrator = hy.taylor_adaptive(equations, list(ic), **settings)
        return integrator.propagate_grid(list(grid))[-1]

    def scipy(self, name, ic, grid, rtol):
        def rhs(t, u):
            return np.array(EQUATIONS[name](*u))

        return solve_ivp(
            rhs, (0, grid[-1]), ic, method="DOP853", rtol=rtol, atol=rtol, t_eval=grid
        ).y.T

    @pytest.mark.parametrize("name", CASES)
    def test_errors(self, name):
        system, span = CASES[name]
        orbit = orbit_of(system, np.array(system.ic))
        orbit.advance(50.0)
        ic = orbit.state.copy()
        sigma = orbit_of(system, ic).sample(2000, 0.05).std(axis=0)
        dt = span / 500
        grid = dt * np.arange(501)
        truth = self.heyoka(name, ic, grid)  # its default tolerance is the machine's
        second = self.scipy(name, ic, grid, 2.3e-14)
        assert np.abs((second - truth) / sigma).max() < 1e-11, "the references disagree"
        for rtol in (1e-10, 1e-12):
            ours = np.abs((orbit_of(system, ic, rtol=rtol).sample(501, dt) - truth) / sigma).max()
            peer = np.abs((self.scipy(name, ic, grid, rtol) - truth) / sigma).max()
            # the same method; a different first step shifts the samples within each step
            assert ours < 3 * peer, f"rtol {rtol}: ours {ours}, scipy {peer}"
        assert ours < 1e-9


class TestTrajectories:
    def test_energy_of_henon_heiles(self):
        """Drift over 1,000 time units: at most one tolerance per step, 7,000 steps."""
        system = registry["henon_heiles"]

        def energy(u):
            x, y, p, q = np.moveaxis(u, -1, 0)
            return (p**2 + q**2 + x**2 + y**2) / 2 + x**2 * y - y**3 / 3

        orbit = orbit_of(system, np.array(system.ic), rtol=1e-12)
        samples = orbit.sample(10_001, 0.1)
        drift = np.abs(energy(samples) - energy(np.array(system.ic))).max()
        assert drift < orbit.attempts * 1e-12
        assert drift < 1e-10

    def test_reversing_the_momenta_leads_back(self):
        system = registry["henon_heiles"]
        flip = np.array([1, 1, -1, -1])
        there = orbit_of(system, np.array(system.ic), rtol=1e-12)
        there.advance(30.0)
        back = orbit_of(system, there.state * flip, rtol=1e-12)
        back.advance(30.0)
        # e^(2 · 0.127 · 30) ≈ 2,000 amplifies some 400 steps' local errors
        np.testing.assert_allclose(back.state * flip, system.ic, atol=1e-9)

    def test_samples_lie_on_the_grid(self):
        @flow(ic=(0.0, 1.0), reference="none")
        def clock(x, y, t):
            return 1.0, y * cos(t)

        samples = orbit_of(clock, np.array([0.0, 1.0]), rtol=1e-12).sample(1001, 0.013)
        times = 0.013 * np.arange(1001)
        np.testing.assert_allclose(samples[:, 0], times, rtol=0, atol=1e-14 * 13)

    def test_the_dense_output_is_as_good_as_scipys(self):
        """Errors between the steps are not controlled: up to a hundred tolerances, as in scipy."""
        times = 0.013 * np.arange(1001)
        exact = driven_exactly(times)
        orbit = orbit_of(driven, np.array([1.0, 1.0]), rtol=1e-12)
        ours = np.abs(orbit.sample(1001, 0.013) - exact).max()
        at_steps = np.abs(orbit.state - exact[-1]).max()
        peer = solve_ivp(
            lambda t, u: [u[0] * np.cos(t), -2 * t * u[1] ** 2], (0, times[-1]), [1.0, 1.0],
            method="DOP853", rtol=1e-12, atol=1e-12, t_eval=times,
        )  # fmt: skip
        # at the ends of steps: one tolerance each, which exp(sin t) amplifies by e² at most
        assert at_steps < orbit.attempts * 1e-12 * (1 + np.e) * np.e**2
        assert ours < 3 * np.abs(peer.y.T - exact).max()

    def test_absolute_time_reaches_the_equation(self):
        orbit = orbit_of(driven, driven_exactly(2.0), time=2.0, rtol=1e-12)
        times = 2.0 + 0.05 * np.arange(101)
        np.testing.assert_allclose(orbit.sample(101, 0.05), driven_exactly(times), rtol=1e-9)
        assert orbit.time == pytest.approx(7.0, rel=1e-15)

    @pytest.mark.parametrize("name", ["lorenz", "duffing", "chua"])
    def test_two_pieces_are_one_trajectory(self, name):
        system = registry[name]
        dt = 0.01
        whole = orbit_of(system, np.array(system.ic), rtol=1e-12).sample(301, dt)
        orbit = orbit_of(system, np.array(system.ic), rtol=1e-12)
        first = orbit.sample(151, dt)
        second = orbit.sample(151, dt)
        assert np.array_equal(first[-1], second[0]) or np.allclose(
            first[-1], second[0], rtol=4e-16, atol=1e-16
        )
        pieces = np.concatenate([first, second[1:]])
        # other steps, so local errors of 1e-12 that three time units (2.7 exponents) amplify
        np.testing.assert_allclose(pieces, whole, rtol=1e-9, atol=1e-9)

    def test_more_points_leave_the_first_ones_alone(self):
        system = registry["lorenz"]
        few = orbit_of(system, np.array(system.ic)).sample(57, 0.01)
        many = orbit_of(system, np.array(system.ic)).sample(100, 0.01)
        assert np.array_equal(few[:40], many[:40])  # until the last step, which is cut short
        np.testing.assert_allclose(few, many[:57], rtol=1e-7)

    def test_advancing_and_sampling_agree(self):
        system = registry["rossler"]
        sampled, advanced = (orbit_of(system, np.array(system.ic)) for _ in range(2))
        last = sampled.sample(11, 0.5)[-1]
        advanced.advance(5.0)
        np.testing.assert_allclose(last, advanced.state, rtol=4e-16)
        assert np.array_equal(sampled.state, advanced.state)

    def test_tighter_is_closer(self):
        system = registry["lorenz"]
        truth = orbit_of(system, np.array(system.ic), rtol=1e-14).sample(101, 0.02)
        errors = [
            np.abs(orbit_of(system, np.array(system.ic), rtol=r).sample(101, 0.02) - truth).max()
            for r in (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
        ]
        assert (np.diff(errors) < 0).all()

    def test_tangents_are_the_derivative_of_the_flow(self):
        system = registry["lorenz"]
        kernel = system.tangent_kernel(3).address
        y = np.concatenate([system.ic, np.eye(3).ravel()])
        dop853.integrate(
            kernel, 0.0, y, 0.7, 0.0, np.empty((0, 12)), 1.0, 1e-12, 1e-12, 1e9, 10**6, 3
        )
        h = 1e-6
        ends = []
        for i in range(3):
            for sign in (1, -1):
                orbit = orbit_of(system, np.array(system.ic) + sign * h * np.eye(3)[i], rtol=1e-13)
                orbit.advance(0.7)
                ends.append(orbit.state)
        ends = np.array(ends).reshape(3, 2, 3)
        differences = ((ends[:, 0] - ends[:, 1]) / (2 * h)).T
        # central differences: h² third derivatives, and round-off 1e-13/h
        np.testing.assert_allclose(y[3:].reshape(3, 3), differences, atol=2e-6)
