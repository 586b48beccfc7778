"""Events against closed forms: their times, the order across them, sliding, saltation matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chaosbench.dynamics.orbits import orbit_of
from chaosbench.errors import IntegrationError
from chaosbench.expressions import cos, floor, maximum, minimum, mod, sign, sin, where
from chaosbench.numerics.events import integrate_events
from chaosbench.systems import flow


@flow(ic=(1.0, 0.0), reference="none")
def relay(x, v, *, push=0.7):
    """Arcs of sines around ∓push; back at its start after four equal pieces."""
    return v, -x - push * sign(x)


@flow(ic=(1.0, 0.0), reference="none")
def two_springs(x, v, *, b=0.6):
    """A kink at x = 0 between the frequencies √(1 + b) and √(1 − b)."""
    return v, -x - b * abs(x)


RELAY_PERIOD = 4 * math.acos(0.7 / 1.7)
SPRINGS_PERIOD = math.pi / math.sqrt(1.6) + math.pi / math.sqrt(0.4)


def bounce(x):
    return -x


def rebound(x, v, t, *, e):
    return x, -e * v, t


@flow(ic=(1.0, 0.0, 0.0), reference="none", resets=[(bounce, rebound)])
def ball(x, v, last, t, *, e=0.8, g=2.0):
    """A ball that remembers when it last touched the floor."""
    return v, -g, 0.0


def ended(system, span, rtol=1e-12, **settings):
    orbit = orbit_of(system, np.array(system.ic), rtol=rtol, **settings)
    orbit.advance(span)
    return orbit


class TestLocation:
    def test_bounces_are_where_they_are(self):
        # falls for 1 time unit, then flies for twice e, e², …
        bounces = 1 + np.concatenate([[0], np.cumsum(2 * 0.8 ** np.arange(1, 9))])
        for n in (0, 3, 8):
            orbit = ended(ball, bounces[n] + 0.5 * 0.8 ** (n + 1))
            assert orbit.tally[1] == n + 1
            assert orbit.state[2] == pytest.approx(bounces[n], abs=2e-14 * (n + 1))
            speed = 2 * 0.8 ** (n + 1)  # of the last rebound, half of which is left
            height = speed**2 / 4 * 0.75
            np.testing.assert_allclose(orbit.state[:2], [height, speed / 2], atol=1e-12)

    def test_samples_lie_on_the_arcs_on_both_sides(self):
        times = np.linspace(0, 3, 301)
        values = orbit_of(ball, np.array(ball.ic), rtol=1e-12).sample(301, times[1])
        later = times - 1
        exact = np.where(times < 1, 1 - times**2, 1.6 * later - later**2)
        on_arcs = times <= 2.6
        np.testing.assert_allclose(values[on_arcs, 0], exact[on_arcs], atol=1e-12)

    @pytest.mark.parametrize(
        ("system", "period"), [(relay, RELAY_PERIOD), (two_springs, SPRINGS_PERIOD)]
    )
    def test_order_8_is_kept_across(self, system, period):
        tolerances = 10.0 ** np.arange(-12, -5)
        steps, errors = [], []
        for rtol in tolerances:
            orbit = ended(system, 10 * period, rtol=rtol)
            steps.append(orbit.attempts - orbit.tally[1])  # without those that an event shortened
            errors.append(np.abs(orbit.state - system.ic).max())
        observed = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
        assert 7.0 < observed < 10.5
        plain = ended(system, 10 * period, rtol=1e-12, integrator="dop853")
        assert errors[0] < 1e-10
        assert steps[0] < plain.attempts / 2

    def test_one_call_or_many(self):
        whole, parts = (orbit_of(relay, np.array(relay.ic), rtol=1e-11) for _ in range(2))
        whole.advance(20.0)
        for _ in range(200):
            parts.advance(0.1)
        assert whole.tally[1] == parts.tally[1]
        np.testing.assert_allclose(whole.state, parts.state, atol=1e-9)

    def test_a_short_dip_through_a_surface_is_seen(self):
        @flow(ic=(1.0, 0.0, 0.0), reference="none")
        def dipping(c, s, count, *, depth=1e-4):
            """A circle that dips below −1 + depth once a turn, while the last variable runs."""
            return -s, c, where(c < -1 + depth, 1.0, 0.0)

        orbit = ended(dipping, 20 * math.pi, rtol=1e-11)
        assert orbit.tally[1] == 20
        assert orbit.state[2] == pytest.approx(20 * math.acos(1 - 1e-4), rel=1e-5)


class TestSwitches:
    def test_square_wave(self):
        @flow(ic=(0.0,), reference="none")
        def wave(x, t):
            return where(mod(t, 1.0) < 0.25, 3.0, -2.0)

        assert ended(wave, 10.25).state[0] == pytest.approx(10 * (0.75 - 1.5) + 0.75, abs=1e-12)

    def test_whole_numbers_upwards_and_downwards(self):
        @flow(ic=(0.5, -0.5), reference="none")
        def stairs(x, y):
            return 1 + floor(x), floor(y)

        # from 1/2 to 1 at speed 1, then the unit intervals at 2, 3, 4; and the mirror image
        span = 0.5 + 1 / 2 + 1 / 3 + 1 / 8
        np.testing.assert_allclose(ended(stairs, span).state, [3.5, -3.5], atol=1e-12)

    def test_branches_within_branches(self):
        @flow(ic=(0.0, 0.0), reference="none")
        def nested(x, y, t):
            saw = mod(t, 2.0) - 1
            return where((saw > 0) & (abs(saw) < 0.5), 1.0, 0.0), maximum(minimum(saw, 0.5), -0.5)

        orbit = ended(nested, 21.0)
        np.testing.assert_allclose(orbit.state, [5.0, -0.375], atol=1e-11)

    def test_surfaces_that_coincide_are_one(self):
        @flow(ic=(1.0, 0.0), reference="none")
        def same(x, v):
            return v, -x - 0.2 * where(x < 0, -1.0, 1.0) - 0.5 * sign(x)

        assert len(same.switches.surfaces) == 1
        period = RELAY_PERIOD
        np.testing.assert_allclose(ended(same, 3 * period).state, [1.0, 0.0], atol=1e-11)


class TestSliding:
    def test_along_a_surface_at_the_mean_of_both_fields(self):
        @flow(ic=(0.0, 1.0), reference="none")
        def sliding(x, y):
            return sign(y), 0.5 - sign(y)

        orbit = ended(sliding, 4.0)  # falls for 2 at x' = 1, then slides at x' = 1/2
        np.testing.assert_allclose(orbit.state, [3.0, 0.0], atol=1e-12)
        assert orbit.tally[2] == 1

    def test_a_block_sticks_and_slips(self):
        @flow(ic=(0.2, 0.0), reference="none")
        def block(v, x, t, *, force=2.0, friction=1.0):
            return force * sin(t) - friction * sign(v), v

        # it sticks until the force exceeds the friction, and slips until its momentum is used up
        stuck = orbit_of(block, np.array([0.0, 0.0]), rtol=1e-12)
        stuck.advance(0.5)
        assert abs(stuck.state[0]) < 1e-13
        stuck.advance(1.5)
        start = math.pi / 6
        speed = 2 * (math.cos(start) - math.cos(2.0)) - (2.0 - start)
        assert stuck.state[0] == pytest.approx(speed, abs=1e-9)

    def test_events_without_end_are_an_error(self):
        with pytest.raises(IntegrationError, match="'ball' switches without end after 9"):
            ended(ball, 20.0)  # 1 + 2 (0.8 + 0.8² + …) = 9

    def test_two_surfaces_at_once_are_an_error(self):
        @flow(ic=(0.3, 0.2), reference="none")
        def corner(x, y):
            return -sign(x), -sign(y)

        with pytest.raises(IntegrationError, match="slides along two surfaces"):
            ended(corner, 1.0)


def rising(x, v, t):
    return x + 0.3 * v**2 - 1 - 0.2 * sin(t)


def fold(x, v, t, *, e):
    return x - 0.4 * v * v - 1.2, e * v + 0.1 * cos(t) + 0.05 * x**2


@flow(ic=(0.1, 0.9), reference="none", resets=[(rising, fold)])
def hybrid(x, v, t, *, e=-0.6):
    return v, 0.3 * sin(2 * t) - 0.1 * x**3 + 0.7


@flow(ic=(-0.4, 0.9), reference="none")
def jumping(x, v, t, *, c=0.5):
    beyond = sign(x + 0.3 * v - 0.2 * v**2 - 0.1 * sin(t))
    return v - 0.1 * x**3, 0.3 * sin(2 * t) - x + c * beyond * (1 + 0.2 * v)


def advanced(system, state, span, basis=None, tally=None):
    d = system.dimension
    count = 0 if basis is None else d
    y = np.concatenate([state, [] if basis is None else basis.ravel()])
    switches = system.switches
    modes = switches.undecided()
    tally = np.zeros(3) if tally is None else tally
    status, *_ = integrate_events(
        switches.addresses(count), switches.kind_array, 0.0, y, modes, d, span, 0.0,
        np.empty((0, y.size)), 1.0, 1e-13, 1e-13, 1e9, 10_000_000, tally,
    )  # fmt: skip
    assert status == 0
    return y[:d], y[d:].reshape(d, count)


class TestSaltation:
    @pytest.mark.parametrize(("system", "span"), [(hybrid, 1.6), (jumping, 1.2), (jumping, 6.0)])
    def test_tangents_are_differences_of_the_flow_map(self, system, span):
        start = np.array(system.ic)
        tally = np.zeros(3)
        _, tangents = advanced(system, start, span, np.eye(2), tally)
        assert tally[1] >= 1
        h = 1e-5
        differences = np.stack(
            [
                (
                    8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))
                ) / (12 * h)
                for direction in np.eye(2)
                for at in [lambda s, e=direction: advanced(system, start + s * e, span)[0]]
            ],
            axis=1,
        )  # fmt: skip
        assert np.abs(tangents - differences).max() < 1e-7 * np.abs(differences).max()

    def test_without_saltation_they_are_not(self):
        """The plain variational equation would fail the test above."""
        d = 2
        orbit = np.concatenate([np.array(jumping.ic), np.eye(2).ravel()])
        from chaosbench.numerics.dop853 import integrate

        integrate(
            jumping.tangent_kernel(d).address, 0.0, orbit, 1.2, 0.0, np.empty((0, 6)), 1.0, 1e-10,
            1e-10, 1e9, 1_000_000, d,
        )  # fmt: skip
        _, tangents = advanced(jumping, np.array(jumping.ic), 1.2, np.eye(2))
        assert np.abs(orbit[2:] - tangents.ravel()).max() > 0.05

    def test_volumes_change_by_divergence_and_events(self):
        """Liouville with events: log|det| of all tangents is ∫ div f dt + Σ log|det S|."""

        @flow(ic=(0.3, 0.2), reference="none")
        def damped(x, v, t):
            return v, -x - 0.2 * v + 0.3 * sign(x + 0.5 * v) + 1.2 * cos(1.3 * t)

        for system, divergence in ((damped, -0.2), (relay, 0.0)):
            tally = np.zeros(3)
            _, tangents = advanced(system, np.array(system.ic), 30.0, np.eye(2), tally)
            assert tally[1] > 5
            grown = np.log(abs(np.linalg.det(tangents)))
            assert grown == pytest.approx(30 * divergence + tally[0], abs=1e-9)
            # relay is conservative: neither its field nor its events change volumes
            assert (abs(tally[0]) < 1e-9) == (system is relay)
