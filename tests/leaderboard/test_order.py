"""How sure an order is: the paired bootstrap, intervals of ranks, tie groups, the ceiling."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

import chaosbench.leaderboard as leaderboard
from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.leaderboard import _admission, _order, build, rank, tracks_of
from chaosbench.leaderboard._admission import prepare
from chaosbench.leaderboard._facts import commands, provenance, settings
from chaosbench.leaderboard._resample import _by_time, _medians, replicate
from chaosbench.metrics import survival

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import rank_intervals

Make = Callable[..., list[Record]]


def cell(forecaster: str, system: str, times: list[float], **more: Any) -> Record:
    defaults: dict[str, Any] = {
        "task": f"forecast/{system}-v1", "config": {}, "seed": 0, "exam_seed": 0, "status": "ok",
        "window_scores": {"vpt@0.4": tuple(times), "censored@0.4": (0.0,) * len(times)},
    }  # fmt: skip
    return Record(system=system, forecaster=forecaster, **(defaults | more))


def exam(levels: dict[str, float], systems: int = 12, seed: int = 0, **more: Any) -> list[Record]:
    """Make forecasters that are as good as their level says, on systems that are hard for all."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(0, 0.5, (systems, 6))
    return [
        cell(name, f"s{s:02}", list(np.exp(level + ease[s] + rng.normal(0, 0.1, 6))), **more)
        for name, level in levels.items()
        for s in range(systems)
    ]


def test_replicates_are_those_of_loops_over_systems_windows_and_seeds() -> None:
    """An oracle in plain loops: the same distribution, from other random numbers."""
    rng = np.random.default_rng(4)
    # a seed shifts a whole system: drawing windows only would miss most of the spread
    data = {
        f"s{s}": np.exp(rng.normal(0, 0.3, (1, 1)) + rng.normal(0, 1.0, (3, 1))
                        + rng.normal(0, 0.2, (3, 5)))
        for s in range(5)
    }  # fmt: skip
    records = [
        cell("f", s, list(run), seed=k) for s, runs in data.items() for k, run in enumerate(runs)
    ]
    pool = prepare(records)
    ours = replicate(pool, {"f": pool.windows("f")}, 4000, 3)["f"].medians
    plain = []
    for _ in range(4000):
        drawn = []
        for s in rng.integers(5, size=5):
            windows, seeds = rng.integers(5, size=5), rng.integers(3, size=3)
            drawn.append(data[f"s{s}"][np.ix_(seeds, windows)].ravel())
        plain.append(np.median(np.concatenate(drawn)))
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(
        np.quantile(ours, quantiles), np.quantile(plain, quantiles), rtol=0.06
    )


def test_the_fast_median_is_that_of_kaplan_and_meier() -> None:
    rng = np.random.default_rng(0)
    pool = prepare([cell("f", "a", [1.0, 2.0, 3.0])])
    for trial in range(200):
        n = int(rng.integers(1, 12))
        values = rng.integers(0, 5, n) / 2
        censored = (rng.random(n) < 0.3) if trial % 2 else np.zeros(n, dtype=bool)
        weights = rng.integers(0, 3, (6, n)) / rng.choice([1, 3])
        weights[:, 0] += 1 / 3
        zeros = np.zeros(n, dtype=int)
        held = replace(
            pool.windows("f"), values=values, censored=censored, weights=np.ones(n), tasks=zeros,
            units=np.arange(n), seeds=zeros, runs=zeros + 1,
        )  # fmt: skip
        found = _by_time(held)
        middle, bounded = _medians(found, weights[:, found.units])
        expected = survival.median(*survival.survival(values, censored, weights))
        np.testing.assert_allclose(middle, expected[0])
        np.testing.assert_array_equal(bounded, expected[1])


def test_a_row_with_one_seed_is_not_moved_by_one_with_three() -> None:
    one = exam({"f": 0.0}, systems=5)
    three = [replace(r, forecaster="g", seed=k) for r in one for k in range(3)]
    alone, beside = rank(one)[0], {line.forecaster: line for line in rank([*one, *three])}["f"]
    assert (alone.score, alone.ci_low, alone.ci_high) == (
        beside.score, beside.ci_low, beside.ci_high,
    )  # fmt: skip


def test_what_is_hard_for_all_does_not_blur_the_order() -> None:
    """Paired: the scores' intervals overlap widely, and the order is sure all the same."""
    first, second = rank(exam({"better": 0.15, "worse": 0.0}))
    assert first.ci_low < second.score < second.ci_high
    assert second.ci_high > first.score
    assert (first.rank_low, first.rank_high, first.tie_group) == (1, 1, 1)
    assert (second.rank_low, second.rank_high, second.tie_group) == (2, 2, 2)


def test_equals_share_a_group_and_their_places() -> None:
    lines = rank(exam({"a": 0.0, "b": 0.0, "c": 0.001, "far": -2.0}))
    assert [line.tie_group for line in lines] == [1, 1, 1, 2]
    assert all((line.rank_low, line.rank_high) == (1, 3) for line in lines[:3])
    assert (lines[3].rank_low, lines[3].rank_high) == (4, 4)
    same = [replace(r, forecaster="twin") for r in exam({"a": 0.0})] + exam({"a": 0.0})
    assert [(x.rank_low, x.rank_high, x.tie_group) for x in rank(same)] == [(1, 2, 1)] * 2


def test_groups_are_peeled_off() -> None:
    beats = np.zeros((5, 5), dtype=bool)
    beats[0, 2:] = beats[1, 3] = beats[2, 4] = beats[3, 4] = True
    # nobody beats 0 and 1; without them nobody beats 2 and 3
    assert _order._groups(beats).tolist() == [1, 1, 2, 2, 3]


def test_holm_on_a_table_that_was_computed_by_hand() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    # sorted .005 ×5, .01 ×4, .03 ×3, .04 ×2 = .08, not below .09, .5
    np.testing.assert_allclose(_order.holm(p), [0.04, 0.09, 0.09, 0.025, 0.5])
    assert _order.holm(np.empty(0)).tolist() == []


def test_resolution_is_that_of_students_t() -> None:
    error = np.full((3, 3), 0.1)
    expected = math.exp(0.1 * (student.ppf(1 - 0.025 / 3, 9) + student.ppf(0.8, 9)))
    assert _order._resolution(error, 10) == pytest.approx(expected)
    board = build(exam({"a": 0.0, "b": 0.3, "c": 1.0}))
    assert 1.0 < board.resolution < 1.5
    assert f"if one is {board.resolution:.2g} times the other" in " ".join(repr(board).split())
    assert math.isnan(build(exam({"a": 0.0, "b": 0.3}), bootstrap=0).resolution)
    assert math.isnan(build(exam({"a": 0.0, "b": 0.3}, systems=1)).resolution)


def test_one_system_tells_nothing_apart() -> None:
    lines = rank(exam({"a": 3.0, "b": 0.0}, systems=1))
    assert [line.tie_group for line in lines] == [1, 1]


@pytest.mark.parametrize("design", ["20 rows on 8 systems", "10 rows, all equal"])
def test_a_few_boards_of_known_order(design: str) -> None:
    """A small version of benchmarks/rank_intervals.py, which has the figures."""
    known = rank_intervals.CALIBRATED | rank_intervals.CHECKED
    found = rank_intervals.measure(known[design], boards=6, seed=11, bootstrap=300)
    assert found.places > 0.85  # 95% of 60 to 120 places that are not independent
    assert found.scores > 0.80
    assert found.false == 0.0  # 5% of 6 boards, if the test errs as often as it may


def test_without_replicates_there_is_nothing_to_say() -> None:
    lines = rank(exam({"a": 0.0, "b": 1.0}), bootstrap=0)
    assert {(x.rank_low, x.rank_high, x.tie_group) for x in lines} == {(None, None, None)}
    assert "places" not in leaderboard.render(build(exam({"a": 0.0, "b": 1.0}), bootstrap=0))


def test_terminal_page_json_and_frame_say_the_same(records: tuple[Record, ...]) -> None:
    board = build(records, bootstrap=200)
    rows, frame = json.loads(board.to_json()), board.to_frame()
    assert json.dumps(rows) == json.dumps(json.loads(build(records, bootstrap=200).to_json()))
    names = {name for row in rows for name in row} - {"scores", "failures_by_status"}
    assert names <= set(frame.columns)
    for row, held in zip(rows, json.loads(frame.to_json(orient="records")), strict=True):
        for name in names:
            known = row[name] is None or isinstance(row[name], str)
            assert held[name] == (row[name] if known else pytest.approx(row[name]))
    text, page = (
        leaderboard.render(board, width=140),
        leaderboard.render_page(records, bootstrap=200),
    )
    report = leaderboard.render_report(records, bootstrap=200)
    for line in board:
        if line.rank_low is None:
            continue
        low, high = line.rank_low, line.rank_high
        places = str(low) if low == high else f"{low}–{high}"
        assert f">{places}</td>" in page
        assert any(f" {places} " in row and line.forecaster in row for row in text.splitlines())
        assert any(
            f"| {places} | {line.tie_group} |" in row and line.forecaster in row
            for row in report.splitlines()
        )
        assert low <= line.rank <= high


def test_a_row_above_the_ceiling_is_a_fault_of_the_ceiling() -> None:
    ceiling = exam({"perfect model": 0.0}, privileged=True)
    records = [*ceiling, *exam({"above": 0.5, "level": 0.001, "below": -0.5})]
    lines = {line.forecaster: line for line in rank(records)}
    assert {name for name, line in lines.items() if line.above_ceiling} == {"above"}
    board = build(records)
    assert "above ‡" in repr(board)
    assert "fault of the ceiling" in " ".join(repr(board).split())
    for text in (leaderboard.render_page(records), leaderboard.render_report(records)):
        assert "above ‡" in text
        assert "fault of the ceiling" in text
    clean = build([*ceiling, *exam({"below": -0.5, "level": 0.001})])
    assert "‡" not in repr(clean)
    incomplete = build([*ceiling[1:], *exam({"above": 0.5})])
    assert not incomplete[0].above_ceiling


BAD = {
    "ceiling": ({"forecaster": "perfect model"}, "claims that it was not given the equation"),
    "negative cost": ({"fit_seconds": -4029.0}, "fit_seconds -4029.0, which is not in 0 to 1e"),
    "huge cost": ({"cpu_seconds": 1e308}, "cpu_seconds 1e.308, which is not in 0 to"),
    "infinite cost": ({"peak_memory_mib": math.inf}, "peak_memory_mib inf, which is not in"),
    "cost": ({"predict_seconds": "1"}, "predict_seconds '1', which is no number"),
    "no cost": ({"forecast": "0" * 64}, "has an answer and does not say its fit_seconds"),
    "seed": ({"seed": -1}, "seed -1, which is not in 0"),
    "true seed": ({"seed": True}, "seed True, which is no whole number"),
    "fraction": ({"exam_seed": 0.5}, "exam_seed 0.5, which is no whole number"),
    "label": ({"forecaster": " "}, "has no label"),
    "status": ({"status": "won"}, "unknown status 'won'"),
    "failed": ({"status": "crashed"}, "has scores although its status is 'crashed'"),
    "privilege": ({"privileged": "no"}, "says neither yes nor no to privileged"),
    "track": ({"task": "../x"}, "names no task of the form"),
    "markup": ({"task": "forecast --> <script>/a-v1"}, "names no task of the form"),
    "system": ({"task": "forecast/lorenz-v1"}, "that of the task is 'lorenz'"),
    "score": ({"scores": {"smape": 900.0}}, "score smape 900.0, which is out of its range"),
    "text": ({"scores": {"smape": "9"}}, "score smape '9', which is no number"),
    "time": ({"window_scores": {"vpt@0.4": (1e308,) * 6}}, "not in 0 to 1e.06 Lyapunov times"),
    "infinite time": ({"window_scores": {"vpt@0.4": (math.inf,)}}, "vpt@0.4 inf, which is not"),
    "beyond the horizon": ({"provenance": {"horizon_lyapunov": 0.01}}, "in 0 to 0.01 Lyapunov"),
    "mark": ({"window_scores": {"vpt@0.4": (1.0,), "censored@0.4": (0.4,)}}, "neither 0 nor 1"),
    "window": ({"window_scores": {"d_stsp": ("x",)}}, "no numbers, or too many"),
    "hash": ({"question": "abc"}, "hash of its question that is none"),
    "tuned": (
        {"forecaster": "f (tuned 10)", "question": "0" * 64}, "how many settings it was tuned",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_record_that_no_run_can_have_made_is_refused(case: str) -> None:
    changes, sentence = BAD[case]
    records = exam({"f": 0.0, "g": 1.0}, systems=2)
    records[0] = replace(records[0], **changes)
    with pytest.raises(InputError, match=sentence) as caught:
        rank(
            records,
            track="forecast"
            if case not in ("track", "markup")
            else records[0].task.partition("/")[0],
        )
    assert "\n" not in str(caught.value)


def test_a_forecaster_is_a_ceiling_everywhere_or_nowhere() -> None:
    records = exam({"f": 0.0}, systems=2)
    records[1] = replace(records[1], privileged=True)
    with pytest.raises(InputError, match=r"'f' was given the equation on forecast/s01-v1 and not"):
        rank(records)


def test_versions_of_a_track_are_never_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    old = exam({"f": 0.0, "g": 1.0}, systems=3)
    new = [
        replace(r, task=r.task.replace("-v1", "-v2")) for r in exam({"f": 2.0, "g": 1.0}, systems=3)
    ]
    elsewhere = [replace(r, task=r.task.replace("forecast/", "climate/")) for r in old]
    # also where no task is there in both
    for mixed in ([*old, *new], [*old[:2], *new[2:]]):
        with pytest.raises(
            InputError, match=r"several versions of the track forecast, v1, v2.*'forecast-v2'"
        ):
            rank(mixed)
    records = [*elsewhere, *old, *new]
    assert tracks_of(records) == ["forecast-v2", "forecast-v1", "climate"]
    assert rank(records, track="forecast-v2")[0].forecaster == "f"
    assert rank(records, track="forecast-v1")[0].forecaster == "g"
    assert rank(old, track="forecast-v1") == rank(old)
    monkeypatch.setattr(_admission, "tasks", {"forecast/s00-v2": None, "climate/s00-v1": None})
    _admission.newer_version.cache_clear()
    try:
        assert "track forecast v1 (superseded by v2)" in build(old).summary
        assert build(new).label == "forecast"
        assert build(elsewhere).label == "climate"
        assert "forecast v1 (superseded by v2)" in leaderboard.render_page(old, bootstrap=0)
        report = leaderboard.render_report([*old, *new], bootstrap=0)
        assert "## forecast-v2\n" in report or "## forecast\n" in report
        assert "## forecast v1 (superseded by v2)" in report
    finally:
        _admission.newer_version.cache_clear()


def test_a_site_has_a_page_for_each_version(tmp_path: Path) -> None:
    old = exam({"f": 0.0}, systems=2)
    new = [replace(r, task=r.task.replace("-v1", "-v2")) for r in old]
    pages = leaderboard.write_site([*old, *new], tmp_path, bootstrap=0)
    assert [page.name for page in pages] == ["index.html", "forecast-v1.html"]


def test_records_without_checksums_are_shown_as_unsealed() -> None:
    records = exam({"f": 0.0, "g": 1.0}, systems=2)
    assert "nsealed" not in repr(build(records))
    records[0] = replace(records[0], version=1)
    board = build(records)
    assert board.unsealed == 1
    for text in (repr(board), leaderboard.render_page(records), leaderboard.render_report(records)):
        assert "Unsealed: 1 record comes from a version" in " ".join(text.split())


def test_the_code_stands_beside_the_settings_and_not_among_the_facts() -> None:
    made = exam({"f": 0.0, "f (tuned 10)": 1.0}, systems=1)
    code = {"package": "mine", "version": "1.2", "hash": "0123456789abcdef"}
    records = [
        replace(made[0], config={"k": 1}, provenance={"code": code, "versions": {"numpy": "2"}}),
        replace(
            made[1], config={"k": 3},
            provenance={"code": code, "tuned": {"asked": 10, "tried": 9, "from": {"k": 1}}},
        ),
    ]  # fmt: skip
    assert provenance(records) == [("versions.numpy", "2")]
    rows = settings(prepare(records))
    assert rows == [
        ("f", "0", "mine 1.2 (0123456789ab)", '{"k": 1}'),
        ("f (tuned 10)", "0", "mine 1.2 (0123456789ab)",
         'chosen: {"k": 3}; the search began with {"k": 1}'),
    ]  # fmt: skip
    page = leaderboard.render_page(records, bootstrap=0)
    assert "mine 1.2 (0123456789ab)" in page
    assert "tuned.from" not in page
    assert "mine 1.2 (0123456789ab)" in leaderboard.render_report(records, bootstrap=0)
    assert commands(records)  # which are still made
