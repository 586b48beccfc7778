"""Ensembles on lanes: errors, independence of neighbours, and what happens when one fails."""

from __future__ import annotations

import importlib
import tracemalloc

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics.orbits import BOUND, orbit_of
from chaosbench.errors import ParameterError, StepSizeError, TrajectoryEscapedError
from chaosbench.expressions import cos, log, sqrt, tanh, where
from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW
from chaosbench.numerics.lanes import LaneKernel, integrate_lanes
from chaosbench.systems import flow

systems = cb.systems
LORENZ96 = systems["lorenz96"].with_dimension(4).with_params(F=20.0)


def lanes(system, starts, points, dt, rtol=1e-10, first=0.0, origin=0.0, **settings):
    starts = np.atleast_2d(np.asarray(starts, dtype=float))
    n = len(starts)
    settings = {"bound": BOUND, "max_steps": 10**7} | settings
    return integrate_lanes(
        system.lane_kernel, starts, np.full(n, origin), np.full(n, first), points, dt, rtol, rtol,
        **settings,
    )  # fmt: skip


def on_attractor(system, n, span=50.0):
    """Return states along one orbit, far enough apart to be different."""
    orbit = orbit_of(system, np.array(system.ic))
    orbit.advance(span)
    return orbit.sample(n, span / n), orbit.time


@flow(ic=(1.0,), reference="none")
def blow_up(x):
    return x**2


@flow(ic=(1.0, 1.0), reference="none")
def driven(x, y, t):
    return x * cos(t), -2 * t * y**2


def driven_exactly(t):
    return np.stack([np.exp(np.sin(t)), 1 / (1 + np.asarray(t) ** 2)], axis=-1)


@flow(ic=(0.3, 0.1), reference="none")
def saturated(x, y, t):
    """Elementary functions of the libm kind, driven."""
    return tanh(3 * y) - 0.2 * x, cos(1.3 * t) - x * sqrt(1 + y * y) - log(2 + y * y)


PEERS = {
    "lorenz": lambda x, y, z: (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z),
    "rossler": lambda x, y, z: (-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)),
    "lorenz96": lambda *u: [(u[(i + 1) % 4] - u[i - 2]) * u[i - 1] - u[i] + 20 for i in range(4)],
}
SPANS = {
    "lorenz": (systems["lorenz"], 2.2),
    "rossler": (systems["rossler"], 28.0),
    "lorenz96": (LORENZ96, 1.6),
}


class TestAccuracy:
    @pytest.mark.parametrize("name", PEERS)
    def test_against_heyoka(self, name):
        """Two Lyapunov times, in standard deviations; the error of a step is at most its tolerance.

        Some 100 errors of 1e-12 grow by e² and more on the way. If all were at the tolerance and
        aligned, they would give 1e-9. The worst case of the scalar integrator is the same.
        """
        hy = importlib.import_module("heyoka")
        system, span = SPANS[name]
        starts, _ = on_attractor(system, 12)
        dt = span / 100
        names = hy.make_vars(*system.variables)
        field = list(zip(names, PEERS[name](*names), strict=True))
        integrator = hy.taylor_adaptive(field, list(starts[0]))
        sigma = orbit_of(system, starts[0]).sample(2000, 0.05).std(axis=0)
        for rtol, allowed in ((1e-10, 1e-7), (1e-12, 1e-9)):
            made = lanes(system, starts, 101, dt, rtol)
            assert (made.status == REACHED).all()
            for k, start in enumerate(starts):
                integrator.time = 0.0
                integrator.state[:] = start
                truth = integrator.propagate_grid(dt * np.arange(101))[-1]
                assert np.abs((made.values[k] - truth) / sigma).max() < allowed

    @pytest.mark.parametrize(
        "system",
        [systems["duffing"], systems["thomas"], systems["colpitts"], systems["chua"],
         systems["lorenz96"].with_dimension(11), saturated],
        ids=lambda s: f"{s.name}-{s.dimension}",
    )  # fmt: skip
    def test_against_the_scalar_integrator(self, system):
        """At equal tolerance both errors have the same size; the reference is scalar at 1e-14."""
        starts, _ = on_attractor(system, 10)
        made = lanes(system, starts, 41, 0.05, 1e-10).values
        errors, scalar = [], []
        for start, found in zip(starts, made, strict=True):
            truth = orbit_of(system, start, rtol=1e-14).sample(41, 0.05)
            errors.append(np.abs(found - truth).max())
            scalar.append(np.abs(orbit_of(system, start).sample(41, 0.05) - truth).max())
        assert max(errors) < 3 * max(scalar) + 1e-10

    def test_tighter_is_closer(self):
        truth = orbit_of(LORENZ96, np.array(LORENZ96.ic), rtol=1e-14).sample(21, 0.05)
        errors = [
            np.abs(lanes(LORENZ96, LORENZ96.ic, 21, 0.05, rtol).values[0] - truth).max()
            for rtol in (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
        ]
        assert (np.diff(errors) < 0).all()
        # in proportion to the tolerance, which falls by 1e-8, within a factor of 30
        assert 1 / 30 < errors[-1] / errors[0] / 1e-8 < 30

    def test_absolute_time_reaches_the_equation(self):
        made = lanes(driven, [driven_exactly(2.0)] * 3, 101, 0.05, 1e-12, origin=2.0)
        exact = driven_exactly(2.0 + 0.05 * np.arange(101))
        np.testing.assert_allclose(made.values, [exact] * 3, rtol=1e-11)

    def test_energy_of_henon_heiles(self):
        """Drift over 1,000 time units: at most one tolerance per step."""
        system = systems["henon_heiles"]

        def energy(u):
            x, y, p, q = np.moveaxis(u, -1, 0)
            return (p**2 + q**2 + x**2 + y**2) / 2 + x**2 * y - y**3 / 3

        made = lanes(system, [system.ic, 0.9 * np.array(system.ic)], 10_001, 0.1, 1e-12)
        drift = np.abs(energy(made.values) - energy(made.values[:, :1]))
        assert (drift.max(axis=1) < made.attempts * 1e-12).all()

    def test_a_jump_costs_steps_but_no_accuracy(self):
        @flow(ic=(-1.0,), reference="none")
        def jump(x):
            return where(x < 0, 1.0, 3.0)

        found = lanes(jump, [[-1.0], [-0.7]], 201, 0.01).values[:, :, 0]
        for start, samples in zip((-1.0, -0.7), found, strict=True):
            times = 0.01 * np.arange(201)
            exact = np.where(times < -start, times + start, 3 * (times + start))
            np.testing.assert_allclose(samples, exact, atol=1e-9)

    def test_a_kink_visited_within_one_step(self):
        """The force acts for 1.2 time units in each turn, less than an unchecked step would take.

        x = sin t exceeds 0.8 between two times, and y is the integral of the excess there.
        """

        @flow(ic=(0.0, 1.0, 0.0), reference="none")
        def visit(x, v, y):
            return v, -x, where(x > 0.8, x - 0.8, 0.0)

        times = 0.05 * np.arange(400)
        found = lanes(visit, visit.ic, 400, 0.05).values[0, :, 2]
        begin, end = np.arcsin(0.8), np.pi - np.arcsin(0.8)
        turn, phase = np.divmod(times, 2 * np.pi)
        inside = np.clip(phase, begin, end)
        one = np.cos(begin) - np.cos(end) - 0.8 * (end - begin)
        exact = turn * one + np.cos(begin) - np.cos(inside) - 0.8 * (inside - begin)
        np.testing.assert_allclose(found, exact, atol=1e-9)


class TestSamples:
    @pytest.mark.parametrize("points", [1, 2, 7, 8, 9, 1001])
    def test_lie_on_the_grid(self, points):
        @flow(ic=(0.0, 1.0), reference="none")
        def clock(x, y, t):
            return 1.0, y * cos(t)

        made = lanes(clock, [[0.0, 1.0], [5.0, 1.0]], points, 0.013, 1e-12)
        times = 0.013 * np.arange(points)
        np.testing.assert_allclose(made.values[0, :, 0], times, rtol=0, atol=1e-14 * 13)
        np.testing.assert_allclose(made.values[1, :, 0], 5 + times, rtol=1e-14)
        np.testing.assert_allclose(made.values[0, :, 1], np.exp(np.sin(times)), rtol=1e-10)

    def test_begin_after_the_transient(self):
        """The transient and the samples are one sweep; the first sample is dense output."""
        made = lanes(driven, [[1.0, 1.0]] * 3, 50, 0.1, 1e-12, first=3.21)
        exact = driven_exactly(3.21 + 0.1 * np.arange(50))
        np.testing.assert_allclose(made.values, [exact] * 3, rtol=1e-11)

    def test_an_equilibrium_stays(self):
        """At an equilibrium all coefficients are zero, so any step is short enough."""
        made = lanes(systems["lorenz"], [[0.0, 0.0, 0.0], systems["lorenz"].ic], 20, 0.5)
        assert (made.values[0] == 0.0).all()
        assert made.attempts[0] == 1
        assert made.values[1].std() > 1.0

    def test_start_at_the_given_state(self):
        start = [1.5, -2.25, 20.0]
        assert lanes(systems["lorenz"], start, 3, 0.1).values[0, 0].tolist() == start

    def test_more_points_leave_the_first_ones_alone(self):
        few, many = (lanes(systems["lorenz"], systems["lorenz"].ic, n, 0.01) for n in (60, 150))
        assert np.array_equal(few.values[0, :30], many.values[0, :30])


class TestIndependence:
    @pytest.mark.parametrize("name", ["lorenz", "chua", "duffing"])
    def test_of_neighbours_and_order(self, name):
        """Kinks make lanes repeat steps, and lanes end at different times; bytes are the same."""
        system = systems[name]
        starts, _ = on_attractor(system, 37)
        together = lanes(system, starts, 60, 0.05, first=1.7)
        backwards = lanes(system, starts[::-1], 60, 0.05, first=1.7)
        assert np.array_equal(backwards.values[::-1], together.values)
        assert np.array_equal(backwards.attempts[::-1], together.attempts)
        for k in (0, 5, 36):
            alone = lanes(system, starts[k], 60, 0.05, first=1.7)
            assert np.array_equal(alone.values[0], together.values[k])

    def test_of_a_neighbour_that_fails(self):
        """1/(1/x - t) escapes at 1/x; the other lanes continue unaffected."""
        good = 0.1 * np.arange(1, 20)[:, None] / 2
        mixed = np.insert(good, 5, 4.0, axis=0)
        alone, made = lanes(blow_up, good, 11, 0.1), lanes(blow_up, mixed, 11, 0.1)
        assert made.status.tolist() == [ESCAPED if k == 5 else REACHED for k in range(20)]
        assert made.elapsed[5] == pytest.approx(0.25, abs=2e-9)
        assert np.array_equal(np.delete(made.values, 5, axis=0), alone.values)
        exact = 1 / (1 / good - 0.1 * np.arange(11))
        np.testing.assert_allclose(alone.values[:, :, 0], exact, rtol=1e-8)

    @pytest.mark.parametrize("count", [4, 8, 16])
    def test_any_number_of_lanes_will_do(self, count):
        system = systems["rossler"]
        starts, _ = on_attractor(system, 5)
        kernel = LaneKernel(system.trace.outputs, system.trace.inputs, count)
        zeros = np.zeros(5)
        made = integrate_lanes(kernel, starts, zeros, zeros, 50, 0.1, 1e-11, 1e-11, BOUND, 10**6)
        for start, found in zip(starts, made.values, strict=True):
            truth = orbit_of(system, start, rtol=1e-13).sample(50, 0.1)
            np.testing.assert_allclose(found, truth, rtol=1e-8, atol=1e-8)


class TestFailures:
    def test_each_kind(self):
        @flow(ic=(1.0,), reference="none")
        def collapse(x):
            return -1 / sqrt(x)

        @flow(ic=(1.0,), reference="none")
        def undefined(x):
            return log(x)

        made = lanes(collapse, [[1.0], [4.0]], 11, 0.1)
        # x^1.5 falls by 1.5 per time unit: from 1 it ends at 2/3, from 4 it lasts
        assert made.status.tolist() == [UNDERFLOW, REACHED]
        assert made.elapsed[0] == pytest.approx(2 / 3, abs=1e-9)
        assert lanes(undefined, [[-1.0], [3.0]], 3, 0.1).status.tolist() == [ESCAPED, REACHED]
        made = lanes(systems["lorenz"], systems["lorenz"].ic, 3, 10.0, max_steps=50)
        assert (made.status[0], made.attempts[0]) == (EXHAUSTED, 50)

    def test_name_the_trajectory(self):
        with pytest.raises(
            TrajectoryEscapedError, match=r"trajectory 2 failed.*'blow_up'"
        ) as caught:
            cb.simulate(
                blow_up,
                ic=[[0.1], [0.2], [2.0], [0.1], [3.0]],
                dt=0.1,
                points=11,
                integrator="taylor-lanes",
            )
        assert caught.value.time == pytest.approx(0.5, abs=2e-9)

    def test_a_singularity_is_a_step_size_error(self):
        @flow(ic=(1.0,), reference="none")
        def root(x):
            return -sqrt(x) / x

        with pytest.raises(StepSizeError, match="trajectory 0 failed"):
            cb.simulate(root, ic=[1.0], dt=0.1, points=11, integrator="taylor-lanes")

    @pytest.mark.parametrize("name", ["henon", "mackey_glass"])
    def test_only_flows(self, name):
        with pytest.raises(ParameterError, match=f"integrator must be auto or one of .*'{name}'"):
            cb.simulate(name, points=10, integrator="taylor-lanes")

    def test_a_tolerance_that_makes_no_sense(self):
        with pytest.raises(ParameterError, match="rtol must lie between"):
            cb.simulate("lorenz", points=10, rtol=0.0, integrator="taylor-lanes")


class TestSimulate:
    def test_same_trajectories_as_without(self):
        settings = {"points": 50, "n": 3, "seed": 4, "transient": 1.0, "rtol": 1e-12}
        scalar = cb.simulate("lorenz", **settings)
        made = cb.simulate("lorenz", **settings, integrator="taylor-lanes")
        np.testing.assert_allclose(made.values, scalar.values, rtol=1e-8, atol=1e-8)
        assert np.array_equal(made.start_times, scalar.start_times)
        assert made.provenance["integrator"] == "taylor-lanes"

    def test_a_trajectory_depends_on_seed_and_index_only(self):
        few = cb.simulate("thomas", points=40, n=3, seed=7, integrator="taylor-lanes")
        many = cb.simulate("thomas", points=40, n=20, seed=7, integrator="taylor-lanes")
        assert np.array_equal(few.values, many.values[:3])
        assert np.array_equal(few.start_times, many.start_times[:3])
        assert len(np.unique(many.start_times)) == 20

    def test_memory_beyond_the_samples_is_bounded(self):
        """The lanes' own arrays take some 10 kB, the starts 60 bytes per trajectory."""
        settings = {"points": 100, "transient": 0.1, "integrator": "taylor-lanes"}
        cb.simulate("lorenz", n=2, **settings)
        excess = []
        for n in (16, 512):
            tracemalloc.start()
            made = cb.simulate("lorenz", n=n, **settings)
            excess.append(tracemalloc.get_traced_memory()[1] - made.values.nbytes)
            tracemalloc.stop()
        assert excess[1] - excess[0] < 500 * 1000
