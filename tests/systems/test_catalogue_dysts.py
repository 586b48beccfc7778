"""The catalogue against dysts: every system is there, and the errors of dysts are corrected."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants, known_constants
from chaosbench.systems import registry

with warnings.catch_warnings():  # imports of dysts warn about optional libraries
    warnings.simplefilter("ignore")
    dysts_base = importlib.import_module("dysts.base")
    dysts_flows = importlib.import_module("dysts.flows")
    dysts_maps = importlib.import_module("dysts.maps")


def classes(module, base):
    named = {k: v for k, v in vars(module).items() if isinstance(v, type) and issubclass(v, base)}
    return sorted(name for name, kind in named.items() if kind.__module__ == module.__name__)


FLOWS = classes(dysts_flows, dysts_base.BaseDyn)
MAPS = classes(dysts_maps, dysts_base.BaseDyn)
OTHER_ALIAS = {"Duffing": "DuffingMap"}
"""Names that dysts gives to both a flow and a map; the flow keeps the name."""

QUIET = {
    # on dysts's list, but not chaotic from any initial state; see the docstrings
    "bogdanov": "quasiperiodic",
    "calcium_quasiperiodic": "quasiperiodic",
    "circadian_rhythm": "quasiperiodic",
    "dequan_li": "regular",
    "fluid_trampoline": "transient",
    "forced_fitzhugh_nagumo": "regular",
    "hyper_lu": "transient",
    "kawczynski_strizhak": "regular",
    "liu_chen": "transient",
    "pan_xu_zhou": "transient",
    "sakarya": "transient",
    "torus": "quasiperiodic",
    "tsucs2": "quasiperiodic",
}


def test_dysts_has_as_many_systems_as_the_literature_says():
    assert (len(FLOWS), len(MAPS)) == (135, 23)


@pytest.mark.parametrize("alias", FLOWS)
def test_every_flow_of_dysts_is_there(alias):
    system = registry[alias]
    assert system.kind == (
        "delay" if issubclass(getattr(dysts_flows, alias), dysts_base.DynSysDelay) else "flow"
    )
    assert alias in system.aliases


@pytest.mark.parametrize("alias", MAPS)
def test_every_map_of_dysts_is_there(alias):
    assert registry[OTHER_ALIAS.get(alias, alias)].kind == "map"


@pytest.mark.parametrize(("name", "tag"), QUIET.items())
def test_what_is_not_chaotic_says_so(name, tag):
    assert tag in registry[name].tags
    known = known_constants(registry[name])
    assert known is None or not known.ranked or tag == "transient"


def test_what_does_not_say_so_is_chaotic():
    for name in registry:
        system = registry[name]
        known = known_constants(system)
        if known is not None and not system.tags & {"quasiperiodic", "regular", "transient"}:
            assert known.lyapunov_exponents[0] > 3 * known.lyapunov_stderr[0], name


def test_hyperchaos_is_measured():
    for name in registry:
        system, known = registry[name], known_constants(registry[name])
        # with noise, a flow has no neutral direction
        if known and len(known.lyapunov_exponents) > 1 and system.kind != "stochastic":
            first, second = known.lyapunov_exponents[:2]
            clear = second > max(5 * known.lyapunov_stderr[1], 0.01 * first)
            assert clear == ("hyperchaotic" in system.tags), name


def test_conservative_systems_are_those_that_keep_volumes():
    """At all times, or on average for reversible systems, whose mean then has an error."""
    for name in registry:
        system, known = registry[name], known_constants(registry[name])
        measured = known is not None and known.mean_divergence is not None
        if measured and "quasiperiodic" not in system.tags:
            grown = abs(known.mean_divergence)
            least = 1e-3 * np.abs(known.lyapunov_exponents).sum()
            if "conservative" in system.tags:
                assert grown < max(least, 4 * known.mean_divergence_stderr), name
            else:
                assert grown > least, name


class TestEnergy:
    """Energy is conserved where the Hamiltonian does not depend on time."""

    @staticmethod
    def double_pendulum(th1, th2, p1, p2):
        s2 = np.sin(th1 - th2) ** 2
        kinetic = (p1**2 + 2 * p2**2 - 2 * p1 * p2 * np.cos(th1 - th2)) / (2 * (1 + s2))
        return kinetic - 9.81 * (2 * np.cos(th1) + np.cos(th2))

    @staticmethod
    def swinging_atwood(r, theta, p_r, p_theta):
        m1, m2, g = 1.0, 4.5, 9.82
        kinetic = p_r**2 / (2 * (m1 + m2)) + p_theta**2 / (2 * m1 * r**2)
        return kinetic + g * r * (m2 - m1 * np.cos(theta))

    @staticmethod
    def nuclear_quadrupole(q1, q2, p1, p2):
        b, d = 0.55, 0.4
        r2 = q1**2 + q2**2
        cubic = b * (3 * q1 * q2**2 - q1**3) / np.sqrt(2)
        return (p1**2 + p2**2 + r2) / 2 + cubic + d * r2**2 / 4

    @staticmethod
    def henon_heiles(x, y, px, py):
        return (px**2 + py**2 + x**2 + y**2) / 2 + x**2 * y - y**3 / 3

    @pytest.mark.parametrize(
        "name", ["double_pendulum", "henon_heiles", "nuclear_quadrupole", "swinging_atwood"]
    )
    def test_over_100_time_units(self, name):
        system = registry[name]
        assert {"conservative", "hamiltonian"} <= system.tags
        orbit = simulate(system, ic=system.ic, dt=0.1, points=1001, rtol=1e-12).values[0]
        energy = getattr(self, name)(*orbit.T)
        assert np.abs(energy / energy[0] - 1).max() < 1e-8

    def test_of_dysts_double_pendulum_drifts(self):
        """One term of its equation has half its value: it does not conserve energy on our orbit."""
        system = registry["double_pendulum"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = dysts_flows.DoublePendulum()
        state, step = np.array([0.3, 0.7, 1.3, -0.8]), 1e-6
        gradient = np.array(
            [
                (self.double_pendulum(*(state + e)) - self.double_pendulum(*(state - e)))
                / (2 * step)
                for e in step * np.eye(4)
            ]
        )
        assert abs(gradient @ system.rhs(0, state)) < 1e-6
        assert abs(gradient @ np.array(other.rhs(state, 0.0))) > 1e-2


RECOMPUTED = {
    # the exponent of dysts's own equation, and the exponent that dysts states
    "belousov_zhabotinsky": (25.7, 132.09),
    "cellular_neural_network": (0.097, 2.326),
    "chua": (0.42, 1.230),
    "hopfield": (0.076, 0.568),
    "moore_spiegel": (0.17, 0.698),
}


@pytest.mark.parametrize("name", RECOMPUTED)
def test_largest_exponent_is_not_that_of_dysts(name):
    value, wrong = RECOMPUTED[name]
    largest = constants(name).lyapunov_exponents[0]
    assert abs(largest - value) < 0.06 * value
    assert largest < 0.5 * wrong
