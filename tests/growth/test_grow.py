"""Growing: the same seed gives the same systems, kin is refused, and what is written reads back."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics import characterise, lyapunov_spectrum
from chaosbench.dynamics.stored import known_constants
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.growth import FAMILIES, Tally, grow, write_grown
from chaosbench.growth._gate import Refused, measured
from chaosbench.growth._kin import catalogue_kin, invariants
from chaosbench.systems import own
from chaosbench.systems.written import content_of, system_of


@pytest.fixture(scope="module")
def maps():
    return grow("quadratic-map-2", 3, seed=5)


def test_the_same_seed_gives_the_same_systems(maps):
    again = grow("quadratic-map-2", 3, seed=5)
    assert [one.content for one in again] == [one.content for one in maps]
    assert [one.constants for one in again] == [one.constants for one in maps]
    other = grow("quadratic-map-2", 3, seed=6)
    assert not {one.constants.fingerprint for one in other} & {
        one.constants.fingerprint for one in maps
    }
    assert grow("quadratic-map-2", 1, seed=5)[0].content == maps[0].content


def test_what_was_measured_is_what_a_longer_run_finds(maps):
    for one in maps:
        assert one.constants.ranked
        assert one.constants.fingerprint == one.system.fingerprint
        longer = lyapunov_spectrum(one.system, periods=2000, seed=9)
        known, error = one.constants.lyapunov_exponents[0], one.constants.lyapunov_stderr[0]
        assert error <= 0.02 * known
        assert abs(longer.values[0] - known) < 5 * np.hypot(error, longer.stderr[0])


def test_what_is_written_reads_back_with_its_constants(maps, tmp_path):
    place = write_grown(tmp_path, maps)
    try:
        systems = cb.load_systems(place)
        assert [one.fingerprint for one in systems] == [m.constants.fingerprint for m in maps]
        assert [known_constants(one) for one in systems] == [m.constants for m in maps]
        task = cb.tasks[f"forecast/{systems[0].name}-v2"]
        assert task.system == systems[0].name
    finally:
        own.unload(place.resolve())


def test_a_system_of_the_catalogue_is_known_as_kin_in_other_units():
    lorenz = cb.systems["lorenz"]
    content = content_of(lorenz)
    scaled = content_of(lorenz)
    # x = 2 v in the first variable, written out
    scaled["nodes"] = [["mul", 2.0, "x"], *(
        [op, *(f"#{int(a[1:]) + 1}" if isinstance(a, str) and a[0] == "#" else
               "#0" if a == "x" else a for a in arguments)]
        for op, *arguments in content["nodes"]
    )]  # fmt: skip
    scaled["nodes"].append(["mul", 0.5, f"#{int(content['results'][0][1:]) + 1}"])
    scaled["results"] = [f"#{len(scaled['nodes']) - 1}", *(
        f"#{int(a[1:]) + 1}" for a in content["results"][1:]
    )]  # fmt: skip
    scaled |= {"name": "disguised", "initial": [-4.895, -15.04, 20.53]}
    system = system_of(scaled)
    assert system.fingerprint != lorenz.fingerprint
    constants, marks = measured(system, 0.75)
    assert constants.lyapunov_exponents[0] == pytest.approx(0.9056, rel=0.05)
    assert "lorenz" in list(catalogue_kin(invariants(system, constants, marks)))


@pytest.mark.parametrize(
    ("name", "change", "period"),
    [
        ("lorenz", {"rho": 10.0}, 0.75),  # rests
        ("lorenz", {"rho": 160.0}, 0.4),  # a cycle
        ("henon", {"a": 0.9}, 1.0),  # a cycle
        ("henon", {"a": 2.5}, 1.0),  # escapes
    ],
)
def test_the_quick_gate_refuses_what_is_not_chaotic(name, change, period):
    system = cb.systems[name].with_params(**change)
    with pytest.raises(Refused), np.errstate(all="ignore"):
        measured(system, period)


def test_relatives_come_from_the_catalogue_and_differ_from_it():
    (one,) = grow("relatives", 1, seed=3)
    parent = cb.systems[one.content["origin"]["parent"]]
    assert one.system.dimension == parent.dimension
    assert one.system.fingerprint != parent.fingerprint
    moved = [
        k for k, value in one.system.parameters.items() if value != parent.parameters.get(k, value)
    ]
    assert moved
    for k in moved:
        assert abs(np.log(one.system.parameters[k] / parent.parameters[k])) < np.log(1.5) + 1e-3


def test_wrong_arguments_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'jerk'"):
        grow("jerks", 1)
    with pytest.raises(InputError, match="count must be"):
        grow("jerk", 0)
    with pytest.raises(InputError, match="at most 100,000"):
        grow("jerk", 10**9)
    with pytest.raises(InputError, match="seed must be"):
        grow("jerk", 1, seed=-1)


@pytest.mark.slow
def test_workers_do_not_change_what_is_grown():
    names = ["quadratic-map-2", "quadratic-flow-3", "relatives"]
    one, two = (grow(names, 3, seed=1, workers=n) for n in (1, 2))
    assert [a.content for a in one] == [b.content for b in two]
    assert [a.constants for a in one] == [b.constants for b in two]


@pytest.mark.slow
@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_gives_a_system_that_the_full_gate_ranks(family):
    tallies: dict[str, Tally] = {}
    (one,) = grow(family, 1, seed=11, tallies=tallies)
    assert tallies[family].accepted == 1
    assert characterise(one.system, effort=0.02).ranked
