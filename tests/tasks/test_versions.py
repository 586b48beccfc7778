"""Version 2 of the tracks: its data, the suite `core`, the floor, and a version 1 that stays."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import Dataset, generate
from chaosbench.dynamics.stored import constants
from chaosbench.provenance import digest
from chaosbench.tasks import registry, select, suites
from chaosbench.tasks._core import CORE, LITE, QUOTAS, choose, invariants, measured_invariants
from chaosbench.tasks._floor import EXCEPTIONS, LIMIT, PARROTING_LIMIT
from chaosbench.tasks._versions import RENEWED, horizon

FLOOR = Path(__file__).parents[2] / "benchmarks" / "records" / "floor.csv"


def test_the_settings_of_version_1_are_what_they_were():
    """Constants apart, which may be measured again, they decide recipes and cells."""
    younger = {
        "stream": "", "exact": False, "bounded": False, "most_per_lyapunov": 0.0,
        "validation_trajectories": 0, "transient": None, "box": 0.0, "perturb": 0.0,
        "coupling": 0.2, "corruptions": (), "precision": "float64", "integrator": "auto",
        "certify": True,
    }  # fmt: skip
    kept = []
    for name in registry:
        if not name.endswith("-v1") or registry[name].system not in LITE:
            continue
        task = asdict(registry[name])
        data = task["dataset"]
        assert {key: data.pop(key) for key in younger} == younger
        assert task.pop("apart") is False
        kept.append(task)
    assert digest([len(kept), kept]) == "08ba4c17eede67ae"
    recipe = registry["forecast/lorenz-v1"].dataset.recipe()
    assert not younger.keys() & recipe.keys()


def test_version_2_asks_for_what_it_says():
    for track in RENEWED:
        assert suites[track].id == f"{track}-v2"
        for name in suites[track].tasks:
            data = registry[name].dataset
            if track == "equation":
                assert registry[name].apart
                assert (data.windows, data.context, data.stream) == (500, 1, track)
                continue
            assert (data.exact, data.bounded, data.stream) == (True, True, track)
            assert data.horizon_at_most == 6000
    lorenz = registry["forecast/lorenz-v2"]
    pace = lorenz.dataset.pace("lorenz")
    assert pace.horizon * pace.dt * pace.lyapunov_exponent == pytest.approx(50.0, abs=0.05)
    assert pace.dt == registry["forecast/lorenz-v1"].dataset.pace("lorenz").dt


@pytest.mark.parametrize(("noise", "expected"), [(0.0, 50.0), (0.05, 9.0), (0.2, 6.0)])
def test_noise_shortens_the_horizon_by_rule(noise, expected):
    assert horizon(noise) == expected
    if noise:
        assert expected == math.ceil(2 * (math.log(0.4 / noise) + 2))


def test_a_system_that_turns_often_in_a_lyapunov_time_is_sampled_less_often():
    known = constants("coullet")
    assert known.lyapunov_time > 10 * known.period
    pace = registry["forecast/coullet-v2"].dataset.pace("coullet")
    assert known.period / pace.dt == pytest.approx(10.0)
    pace = registry["forecast/aizawa-v2"].dataset.pace("aizawa")
    assert pace.horizon == 6000
    assert pace.horizon * pace.dt * pace.lyapunov_exponent == pytest.approx(50.0)


def test_truth_in_double_is_asked_for_less_long():
    pace = registry["forecast/mackey_glass-v2"].dataset.pace("mackey_glass")
    assert pace.horizon * pace.dt * pace.lyapunov_exponent == pytest.approx(20.0, abs=0.1)


def test_every_ranked_variable_that_winds_is_seen_as_cosine_and_sine():
    for name in suites["forecast"].tasks:
        task = registry[name]
        system, seen = cb.systems[task.system], task.dataset.variables(task.system)
        winding = [v for v, p in zip(system.variables, system.periods, strict=True) if p]
        assert not system.unbounded
        for variable in winding:
            assert variable not in seen
            assert {f"cos_{variable}", f"sin_{variable}"} <= set(seen)
        assert len(seen) == system.dimension + len(winding)
    assert registry["partial/kuramoto-v2"].observed == ("cos_theta0", "sin_theta0")
    assert registry["partial/lorenz-v2"].observed == ("x",)


def test_no_context_holds_what_another_task_asks_for(tmp_path):
    """Every track has starting points of its own, and so does version 1."""
    states = []
    for k, name in enumerate(("forecast/henon-v1", "forecast/henon-v2", "gaps/henon-v2")):
        stored = generate(registry[name].dataset, tmp_path / str(k))
        states.append(np.round(stored.load("henon", "test").values, 6).reshape(-1, 2))
        states.append(np.round(stored.load("henon", "train").values, 6).reshape(-1, 2))
    sets = [{tuple(row) for row in part} for part in states]
    for i, first in enumerate(sets):
        for second in sets[i + 1 :]:
            # two of 10,000 points on the attractor may agree to six digits; not a stretch of them
            assert len(first & second) < 0.05 * min(len(first), len(second))


def test_suites_without_a_version_are_the_newest():
    assert {task.id.rpartition("-")[2] for task in select("lite")} == {"v2"}
    assert {task.id.rpartition("-")[2] for task in select("lite-v1")} == {"v1"}
    assert suites["climate"].id == "climate-v1"
    assert suites["full"].id == "full-v2"


def test_core_is_what_its_rule_chooses():
    assert choose(measured_invariants()) == CORE
    assert len(CORE) == len(set(CORE)) == 32
    assert CORE[: len(LITE)] == LITE
    kinds = [cb.systems[name].kind for name in CORE]
    assert {kind: kinds.count(kind) for kind in QUOTAS} == QUOTAS
    assert [task.system for task in select("core-v2")] == list(CORE)


@pytest.mark.parametrize("name", ["lorenz", "henon"])
def test_the_invariants_behind_core_are_those_of_the_systems(name):
    """Constants are measured again from time to time, so they agree to within a few percent."""
    stored, found = measured_invariants()[name], invariants(cb.systems[name])
    assert stored.pop("kind") == found.pop("kind")
    assert np.allclose(list(stored.values()), list(found.values()), atol=0.05)


def test_the_floor_is_low_but_for_listed_exceptions():
    with FLOOR.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100
    high = {
        (row["system"], row["forecaster"])
        for row in rows
        if float(row["median_vpt"])
        > (PARROTING_LIMIT if row["forecaster"] == "parroting" else LIMIT)
    }
    for system, forecaster in high:
        assert forecaster in EXCEPTIONS.get(system, ""), (system, forecaster)
    assert {system for system, _ in high} == set(EXCEPTIONS)


def test_a_dataset_refuses_settings_of_another_type():
    for change in ({"stream": 3}, {"exact": 1}, {"bounded": "yes"}, {"most_per_lyapunov": -1.0}):
        with pytest.raises(cb.errors.ParameterError, match=next(iter(change))):
            Dataset(("lorenz",), **change)
