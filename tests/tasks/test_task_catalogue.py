"""Tasks and suites as data: ids, membership, and descriptions that agree with the data."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import chaosbench as cb
from chaosbench.datasets import Dataset
from chaosbench.dynamics.stored import known_constants
from chaosbench.errors import ParameterError
from chaosbench.tasks import (
    Task,
    describe,
    describe_suite,
    published_for,
    registry,
    select,
    suites,
)
from chaosbench.tasks._compatibility import PROTOCOLS
from chaosbench.tasks._shifts import SHIFTS
from chaosbench.tasks._tracks import TRACKS
from chaosbench.tasks._versions import RENEWED

COMPATIBILITY = (
    "ctf", "dynamix", "gilpin-2021", "gilpin-2023", "neurobench-mackey-glass", "zero-shot-2024",
)  # fmt: skip


def test_every_suite_holds_tasks_that_exist_each_once():
    first = {*TRACKS, *COMPATIBILITY, "lite", "lite-climate", "lite-noisy", "core", "full"}
    assert first == {name.removesuffix("-v1") for name in suites if name.endswith("-v1")}
    second = {name.removesuffix("-v2") for name in suites if name.endswith("-v2")}
    assert {*RENEWED, "lite", "lite-noisy", "core", "core-climate", "full"} <= second
    for name in suites:
        suite = suites[name]
        assert re.fullmatch(r"[a-z0-9-]+-v[1-9]\d*", suite.id)
        assert suite.tasks
        assert len(set(suite.tasks)) == len(suite.tasks)
        assert set(suite.tasks) <= set(registry)
        newest = max(other for other in suites if other.rpartition("-v")[0] == name[:-3])
        assert suites[name[:-3]] is suites[newest]


def test_core_is_every_ranked_system_and_full_is_everything():
    known = {
        n: known_constants(cb.systems[n]) for n in cb.systems if cb.systems[n].dimension <= 256
    }
    ranked = {name for name, constants in known.items() if constants and constants.ranked}
    core = select(["core-v1"])
    assert {task.system for task in core} == ranked
    assert {task.track for task in core} == {"forecast", "climate"}
    assert [t.system for t in core if t.track == "forecast"] == sorted(ranked)
    for version, named in {1: "-v1", 2: ("-v1", "-v2")}.items():
        members = {
            task
            for name in suites
            if name.endswith(named) and (version == 1 or suites.resolve(name[:-3]) == name)
            for task in suites[name].tasks
        }
        assert set(suites[f"full-v{version}"].tasks) == members


@pytest.mark.parametrize(
    ("name", "track"), [("lite-climate", "climate"), ("lite-noisy", "noisy-5")]
)
def test_the_lite_suites_ask_other_questions_of_the_same_systems(name, track):
    assert [task.system for task in select([name])] == [t.system for t in select(["lite"])]
    assert {task.track for task in select([name])} == {track}


def test_a_task_ranks_by_a_registered_metric_that_it_reports():
    for name in registry:
        task = registry[name]
        assert task.ranked.partition("@")[0] in task.metrics
        assert all(metric in cb.metrics for metric in task.metrics)
    with pytest.raises(ParameterError, match="not among its metrics"):
        replace(registry["forecast/lorenz-v1"], ranked="sw1")
    with pytest.raises(ParameterError, match="dropped"):
        replace(registry["climate/lorenz-v1"], dropped=1.0)


def test_older_tasks_keep_their_hashes():
    """Recipes have new fields; old recipes must still make the same files and the same exam."""
    old = Dataset(systems=("lorenz",)).recipe()
    assert not {"shift", "switch", "observe_every"} & old.keys()
    assert Dataset(systems=("lorenz",), observe_every=5).recipe()["observe_every"] == 5


def test_the_field_track_is_whatever_is_extended_in_space():
    assert {registry[n].system for n in registry if n.startswith("field/")} == {
        n for n in cb.systems if "spatiotemporal" in cb.systems[n].tags
    }


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("climate/lorenz-v1", ["10,000 samples", "3 free runs", "first 25% are dropped", "D_stsp"]),
        ("shift/lorenz-v1", ["rho from 28 to 32", "Between training and test", "unshifted|stay"]),
        ("shift-switch/rossler-v1", ["c from 5.7 to 7.5", "after 50%", "inside the context"]),
        ("assimilate/lorenz-v1", ["Every 5 samples", "10% of σ", "without its own forecasts"]),
        ("equation/lorenz-v1", ["time derivative", "1,000 held-out states", "unsupported"]),
        ("equation/henon-v2", ["next state", " 500 held-out states", "the last state of each"]),
        ("equation/henon-v1", ["next state"]),
        ("zero-shot-128/lorenz-v1", ["128 samples", "Not trained"]),
        ("zero-shot-2048/lorenz-v1", ["2,048 samples", "300 samples"]),
        (
            "gilpin-2021-15/lorenz-v1",
            ["150 samples", "30 samples", "of x", "one forecast", "sMAPE"],
        ),
        ("gilpin-2021-100/lorenz-v1", ["1,000 samples", "200 samples"]),
        ("gilpin-2023/lorenz-v1", ["1,000 samples", "200 samples", "all variables"]),
        ("neurobench/mackey_glass-v1", ["750 samples", "10 Lyapunov times", "30 forecasts"]),
        ("dynamix/chua-v1", ["2,000 samples", "D_stsp", "mase"]),
        ("ctf-noisy/lorenz-v1", ["10% of σ", "CTF short", "higher is better"]),
    ],
)
def test_a_task_says_in_words_what_its_data_say(name, facts):
    words = describe(registry[name])
    for fact in facts:
        assert re.search(fact, words), (fact, words)


def test_every_description_is_made():
    for name in registry:
        words = describe(registry[name])
        assert words.endswith(".")
        assert "  " not in words


@pytest.mark.parametrize("name", COMPATIBILITY)
def test_a_compatibility_suite_says_what_differs(name):
    suite = suites[name]
    for part in ("As published:", "Different:"):
        assert part in suite.description
    words = describe_suite(suite)
    assert {registry[task].track for task in suite.tasks} <= {
        line.partition(":")[0] for line in words.splitlines()
    }
    for table in suite.published:
        assert table.what in words
        assert table in published_for(table.track)
        assert any(registry[task].track == table.track for task in suite.tasks)


def test_published_numbers_are_those_of_the_sources():
    by_what = {t.what: t.values for p in PROTOCOLS.values() for t in p.published}
    at = {rate: by_what[f"median sMAPE over 131 systems, tuned, {rate} points a period"]
          for rate in (15, 100)}  # fmt: skip
    assert (at[15]["NBEATS"], at[100]["NBEATS"]) == (50.6, 67.7)
    assert (at[15]["naive mean"], at[100]["TCN"]) == (153.5, 113.3)
    assert min(at[15], key=at[15].get) == min(at[100], key=at[100].get) == "NBEATS"
    assert by_what["sMAPE (that of the LSTM was scored on its training data; on test data it is "
                   "near 30)"]["ESN"] == 14.79  # fmt: skip
    assert published_for("forecast") == ()


def test_shifts_are_at_least_ten_and_small():
    assert len(SHIFTS) >= 10
    assert set(SHIFTS) == {registry[n].system for n in registry if n.startswith("shift/")}
    for name, shift in SHIFTS.items():
        before = cb.systems[name].parameters[shift.parameter]
        assert 0.01 < abs(shift.value / before - 1) < 1 / 3, name
        assert shift.exponent > 3 * shift.stderr


@pytest.mark.parametrize("name", ["henon", "logistic", "rossler", "halvorsen"])
def test_a_shifted_system_is_still_chaotic(name):
    measured(name, periods=300)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHIFTS))
def test_every_shifted_system_is_still_chaotic(name):
    measured(name, periods=2000)


def measured(name, periods):
    """Measure the exponent again, from another starting point."""
    shift = SHIFTS[name]
    system = cb.systems[name].with_params(**{shift.parameter: shift.value})
    found = cb.lyapunov_spectrum(system, periods=periods, seed=1, count=1)
    spread = (found.stderr[0] ** 2 + shift.stderr**2) ** 0.5
    assert found.values[0] > 3 * found.stderr[0]
    assert abs(found.values[0] - shift.exponent) < 4 * spread


def test_a_task_of_ones_own_still_needs_only_the_old_settings():
    task = Task(id="mine/lorenz-v1", dataset=Dataset(systems=("lorenz",)), metrics=("vpt", "mase"))
    assert (task.ranked, task.asks, task.dropped) == ("vpt@0.4", "forecast", 0.0)
