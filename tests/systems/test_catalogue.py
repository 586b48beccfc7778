"""Every registered system."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from chaosbench.dynamics.stored import _stored, constants, constants_path, restamped
from chaosbench.errors import StaleConstantsError
from chaosbench.systems import registry
from chaosbench.testing import check_system, system_checks

NAMES = list(registry)
MEASURED = [name for name in NAMES if constants_path(name).is_file()]
REFERENCES = (resources.files("chaosbench.systems") / "references.bib").read_text("utf-8")


@pytest.mark.parametrize("check", system_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_conformance(name, check):
    check(registry[name])
    assert check in system_checks()


def test_all_checks_at_once():
    assert check_system(registry["lorenz"]) is None


@pytest.mark.parametrize("name", NAMES)
def test_reference_is_listed(name):
    assert re.search(rf"^@\w+\{{{registry[name].reference},$", REFERENCES, re.MULTILINE)


def test_names_and_aliases_are_unique():
    everything = [n for name in NAMES for n in (name, *registry[name].aliases)]
    assert len(everything) == len(set(everything))
    for name in NAMES:
        assert registry[name].name == name
        for alias in registry[name].aliases:
            assert registry[alias] is registry[name]


@pytest.mark.parametrize("name", [n for n in registry if registry[n].kind != "field"])
def test_constants_older_than_the_fingerprint_belong_to_the_same_equation(name):
    """The previous version shows it, except for the last bits of a field's initial state."""
    former = constants(name).provenance.get("former_fingerprint")
    assert former in (None, registry[name].fingerprint_of(1))


def test_restamping_needs_that_proof():
    known, system = constants("lorenz"), registry["lorenz"]
    old = replace(known, fingerprint=system.fingerprint_of(1))
    assert restamped(old, system).fingerprint == system.fingerprint
    with pytest.raises(StaleConstantsError, match="measure it again"):
        restamped(old, system.with_params(rho=29.0))


def test_every_system_is_measured():
    missing = sorted(set(NAMES) - set(MEASURED))
    assert not missing, f"run `chaosbench systems characterise {' '.join(missing)}`"


@pytest.mark.parametrize("name", MEASURED)
def test_fingerprint_is_that_of_its_constants(name):
    """After a change of an equation, the system must be measured again."""
    path = constants_path(name)
    stored = _stored(name)
    assert stored is not None
    assert stored.fingerprint == registry[name].fingerprint, (
        f"{path} belongs to another equation, parameters or initial state; "
        f"run `chaosbench systems characterise {name}`"
    )
    assert stored.system == name


def test_no_constants_without_a_system():
    assert {path.stem for path in constants_path("lorenz").parent.glob("*")} <= set(NAMES)


@pytest.mark.parametrize("name", MEASURED)
def test_constants_make_sense(name):
    system, known = registry[name], constants(name)
    d = system.dimension
    assert len(known.mean) == len(known.std) == d
    assert min(known.std) > 0
    assert len(known.lyapunov_exponents) == len(known.lyapunov_stderr)
    counts = {"delay": {4}, "field": {8 if d <= 1000 else 2}}.get(system.kind, {d})
    if name == "stick_slip_oscillator":
        counts = {1}  # it slides along a surface, and the other exponents are infinite
    assert len(known.lyapunov_exponents) in counts
    assert list(known.lyapunov_exponents) == sorted(known.lyapunov_exponents, reverse=True)
    assert known.period > 0
    assert known.period == 1 or system.kind != "map"
    assert known.ranked is (known.verdict == "")
    if known.ranked:
        assert known.lyapunov_time == pytest.approx(1 / known.largest_lyapunov_exponent)
    assert type(known).from_json(known.to_json()) == known


@pytest.mark.parametrize("name", NAMES)
def test_pickling(name):
    system = registry[name]
    assert pickle.loads(pickle.dumps(system)) == system
    changed = system.with_ic(np.array(system.ic) * 1.5 + 0.1)
    if system.parameters:
        parameter, value = next(iter(system.parameters.items()))
        changed = changed.with_params(**{parameter: 1.5 * value})
    back = pickle.loads(pickle.dumps(changed))
    assert back == changed
    assert back != system
    assert (back.parameters, back.ic) == (changed.parameters, changed.ic)


def test_kinds_of_the_lite_suite_are_there():
    kinds = {registry[name].kind for name in NAMES}
    assert kinds == {"flow", "delay", "map", "field", "stochastic"}
    assert len(NAMES) >= 20
