"""Switching flows, their resets, and exponents that only saltation matrices give correctly."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.measure.statistics import moments_of
from chaosbench.dynamics.orbits import integrator_for, orbit_of
from chaosbench.dynamics.scales import scales_of
from chaosbench.errors import DefinitionError, InputError, ParameterError
from chaosbench.expressions import floor, mod, sign, where
from chaosbench.numerics.event_kinds import BINARY, WHOLE
from chaosbench.systems import flow, registry
from chaosbench.systems.printing import equation_latex, equation_text
from chaosbench.testing import check_system


class TestFinding:
    def test_smooth_flows_do_not_switch(self):
        assert registry["lorenz"].switches is None
        assert integrator_for(registry["lorenz"]) == "dop853"
        assert not hasattr(registry["tent"], "switches"), "a map has no time between its iterations"

    def test_flows_with_kinks_and_jumps_do(self):
        for name in registry:
            system = registry[name]
            if system.kind == "flow" and system.tags & {"kinked", "discontinuous"}:
                assert integrator_for(system) == "dop853-events"
                assert len(system.switches.surfaces) == len(system.switches.kinds)

    def test_what_switches_how(self):
        @flow(ic=(0.1, 0.2), reference="none")
        def mixed(x, y, t):
            return floor(x) + mod(t, 2.0) + abs(y), sign(-y) + where(x * y < 1, 0.0, 1.0)

        switches = mixed.switches
        assert sorted(switches.kinds) == [BINARY, BINARY, WHOLE, WHOLE]
        assert sum(switches.jumping) == 2

    def test_a_smooth_flow_has_no_events_to_locate(self):
        orbit = orbit_of(registry["lorenz"], np.ones(3), integrator="dop853-events")
        with pytest.raises(ParameterError, match="no events"):
            orbit.advance(1.0)

    def test_both_integrators_follow_the_same_orbit(self):
        for name in ("chua", "colpitts", "macarthur", "sprott_more"):
            system = registry[name]
            located, plain = (
                orbit_of(system, np.array(system.ic), rtol=1e-12, integrator=integrator)
                for integrator in ("dop853-events", "dop853")
            )
            span = cb.constants(name).period
            located.advance(span)
            plain.advance(span)
            scale = np.abs(plain.state).max()
            np.testing.assert_allclose(located.state, plain.state, atol=1e-8 * scale)
            assert located.attempts < plain.attempts


def at_one(phase):
    return phase - 1


def stretch(x, *, beta):
    return mod(beta * x, 1.0), 0.0


@flow(ic=(0.3, 0.2), reference="none", resets=[(at_one, stretch)])
def suspension(x, phase, *, beta=1.9):
    """The beta map, iterated once per time unit; its exponents are the log of beta and 0."""
    return 0.0 * x, 1.0 + 0.0 * beta * phase


class TestResets:
    def test_exponents_of_a_suspended_map_are_known(self):
        spectrum = lyapunov_spectrum(suspension.with_params(beta=1.9), periods=200, transient=5.0)
        assert spectrum.values[0] == pytest.approx(math.log(1.9), rel=2e-3)
        assert spectrum.values[1] == pytest.approx(0.0, abs=1e-9)

    def test_the_reset_is_part_of_the_fingerprint(self):
        system = registry["izhikevich"]
        for name in ("c", "d", "peak"):
            other = system.with_params(**{name: system.parameters[name] + 1})
            assert other.fingerprint != system.fingerprint

    def test_a_hybrid_flow_is_a_system_like_any_other(self):
        system = registry["izhikevich"]
        assert {"hybrid", "discontinuous", "autonomous"} <= system.tags
        assert pickle.loads(pickle.dumps(system)) == system
        check_system(system)

    def test_a_spike_resets_voltage_and_recovery(self):
        system = registry["izhikevich"]
        orbit = orbit_of(system, np.array([29.9, -95.0]))
        before = orbit.sample(2, 1e-7)[1]
        orbit.advance(0.02)
        assert orbit.tally[1] == 1
        assert -57 < orbit.state[0] < -56  # at v = c the voltage falls
        assert orbit.state[1] == pytest.approx(before[1] - 16, abs=1.5)

    def test_the_reset_is_printed_with_the_equation(self):
        system = registry["izhikevich"]
        assert equation_text(system)[-1] == "where v - 30 rises through 0: v ← -56, u ← u - 16"
        assert equation_latex(system)[-1] == (
            r"v - 30 &\uparrow 0:\quad v \mapsto -56,\ u \mapsto u - 16"
        )

    def test_functions_that_ask_for_what_is_not_there(self):
        def after(x, *, nothing):
            return (x,)

        broken = flow(ic=(1.0,), reference="none", name="broken", resets=[(lambda x: x, after)])(
            lambda x, *, a=1.0: a * x
        )
        with pytest.raises(DefinitionError, match=r"'after' of 'broken' asks for 'nothing'; .*'a'"):
            _ = broken.fingerprint
        short = flow(
            ic=(1.0,), reference="none", name="short", resets=[(lambda x: x, lambda x: ())]
        )(lambda x: x)
        with pytest.raises(DefinitionError, match="must return 1 values, not 0"):
            _ = short.fingerprint


class TestExponents:
    @pytest.mark.parametrize("name", ["sprott_more", "izhikevich"])
    def test_twins_and_tangents_agree_where_the_flow_jumps(self, name):
        system = registry[name]
        spectrum = lyapunov_spectrum(system, periods=2000)
        twin = twin_exponent(system, periods=2000)
        error = math.hypot(spectrum.stderr[0], twin.stderr)
        assert spectrum.values[0] > 10 * error
        assert abs(spectrum.values[0] - twin.value) < 3 * error
        # along the flow
        assert abs(spectrum.values[1]) < 4 * spectrum.stderr[1] + 1e-4
        moments = moments_of(scales_of(system), rtol=1e-9, seed=0)
        divergence, scatter = moments.divergence, moments.divergence_stderr
        error = math.hypot(scatter, *spectrum.stderr)
        assert abs(spectrum.values.sum() - divergence) < 3 * error

    def test_of_the_trampoline_while_its_chaos_lasts(self):
        spectrum = lyapunov_spectrum("fluid_trampoline", periods=500, transient=0.0)
        twin = twin_exponent("fluid_trampoline", periods=500)
        error = math.hypot(spectrum.stderr[0], twin.stderr)
        assert abs(spectrum.values[0] - twin.value) < 3 * error

    def test_a_sliding_flow_has_its_largest_exponent_only(self):
        system = registry["stick_slip_oscillator"]
        largest = lyapunov_spectrum(system, periods=200, count=1)
        twin = twin_exponent(system, periods=200)
        error = math.hypot(largest.stderr[0], twin.stderr)
        assert largest.values[0] < 0
        assert abs(largest.values[0] - twin.value) < 3 * error + 1e-4
        with pytest.raises(InputError, match="slides along a surface; ask for fewer"):
            lyapunov_spectrum(system, periods=20)
