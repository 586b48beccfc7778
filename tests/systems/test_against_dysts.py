"""Right-hand sides and hand-written Jacobians of dysts, an independent collection.

dysts binds parameters by sorted name; here they are handed over by name, through `with_params`.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from chaosbench.systems import registry

with warnings.catch_warnings():  # imports of dysts warn about optional libraries
    warnings.simplefilter("ignore")
    dysts_flows = pytest.importorskip("dysts.flows")
    dysts_maps = pytest.importorskip("dysts.maps")

PAIRS = [(name, alias) for name in registry for alias in registry[name].aliases]
RENAMED = {"Lorenz96": {"f": "F"}}
WITHOUT_PEER = {
    "hindmarsh_rose": "dysts has its equation in other variables: no alias",
    "lorenz96": "dysts hard-codes no dimension and is compared at four sites below: no alias",
}


def peer(alias):
    """Return the dysts object; `Duffing` and `Ikeda` name one thing each in flows and maps."""
    kind = registry[alias].kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(dysts_maps if kind == "map" else dysts_flows, alias)()


def ours(alias, other):
    names = RENAMED.get(alias, {})
    values = {names.get(k, k): float(v) for k, v in other.params.items()}
    return registry[alias].with_params(**values)


def plain(function):
    """Undo dysts's numba compilation, which costs seconds a system."""
    return getattr(function, "py_func", function)


def random_states(system, count=50):
    generator = np.random.default_rng(0)
    centre = np.array(system.ic)
    states = centre + (0.5 + np.abs(centre)) * generator.normal(size=(count, centre.size))
    return states, generator.uniform(0, 10, size=count)


def close(actual, expected):
    """Differences of a few roundings of the largest term."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12 * scale)


def test_every_system_has_its_peer_or_a_reason():
    assert {name for name in registry if not registry[name].aliases} == set(WITHOUT_PEER)


@pytest.mark.parametrize(("name", "alias"), PAIRS)
def test_right_hand_side(name, alias):
    other = peer(alias)
    system = ours(alias, other)
    states, times = random_states(system)
    parameters = other.params
    rhs = plain(type(other)._rhs)
    named = {k: float(v) for k, v in parameters.items()}
    for state, time in zip(states, times, strict=True):
        if system.kind == "map":
            expected = rhs(*state, **named)
            actual = system.rhs(0, state)
        elif system.kind == "delay":
            past = state * 1.1 - 0.05
            expected = rhs(state[0], past[0], 0.0, **named)
            actual = system.rhs(0, state, past)
        elif system.driven:  # dysts carries the phase omega·t as one state more
            phase = named["omega"] * time
            expected = rhs(*state, phase, 0.0, **named)[:-1]
            actual = system.rhs(time, state)
        else:
            expected = rhs(*state, time, **named)
            actual = system.rhs(time, state)
        close(actual, np.atleast_1d(np.array(expected, dtype=float)))


WITH_JACOBIAN = [
    (name, alias)
    for name, alias in PAIRS
    if registry[name].kind == "flow"
    and getattr(dysts_flows, alias)._jac is not dysts_flows.DynSys._jac  # the stub
]


@pytest.mark.parametrize(("name", "alias"), WITH_JACOBIAN)
def test_hand_written_jacobian(name, alias):
    other = peer(alias)
    system = ours(alias, other)
    states, times = random_states(system, 20)
    named = {k: float(v) for k, v in other.params.items()}
    d = system.dimension
    jacobian = plain(type(other)._jac)
    for state, time in zip(states, times, strict=True):
        extra = (named["omega"] * time,) if system.driven else ()
        expected = np.array(jacobian(*state, *extra, time, **named), dtype=float)
        close(system.jacobian(time, state), expected[:d, :d])


def test_most_jacobians_were_compared():
    written = {alias for _, alias in WITH_JACOBIAN}
    assert len(written) >= 9
    assert {"Lorenz", "Rossler", "Chua", "Duffing", "HenonHeiles", "Thomas"} <= written


@pytest.mark.parametrize("d", [4, 7])
def test_lorenz96(d):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = dysts_flows.Lorenz96()
    system = registry["lorenz96"].with_dimension(d).with_params(F=float(other.params["f"]))
    for state in np.random.default_rng(0).normal(scale=5, size=(20, d)):
        close(system.rhs(0, state), other.rhs(state, 0.0))


def test_the_known_difference_of_lorenz():
    """dysts rounds 8/3 to 2.667; the catalogue does not inherit it."""
    assert peer("Lorenz").params["beta"] == 2.667
    assert registry["lorenz"].parameters["beta"] == 8 / 3
