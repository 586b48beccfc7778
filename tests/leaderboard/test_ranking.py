"""Ranking: what it pools, what it refuses, and what may not change it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.leaderboard import Standing, rank
from chaosbench.leaderboard import _resample as module
from chaosbench.leaderboard._admission import prepare

HORIZON = 8.0
Make = Callable[..., list[Record]]


def cell(
    forecaster: str, system: str, times: list[float] | None, *, status: str = "ok", **more: Any
) -> Record:
    """Make one record; `times` beyond the horizon are censored there, None is no forecast."""
    windows = {}
    if times is not None:
        windows["vpt@0.4"] = tuple(min(t, HORIZON) for t in times)
        windows["censored@0.4"] = tuple(float(t >= HORIZON) for t in times)
    defaults: dict[str, Any] = {
        "task": f"forecast/{system}-v1", "config": {}, "seed": 0, "exam_seed": 0,
    }  # fmt: skip
    return Record(
        system=system, forecaster=forecaster, status=status, window_scores=windows,
        **(defaults | more),
    )  # type: ignore[arg-type]  # fmt: skip


def by_name(standings: tuple[Standing, ...]) -> dict[str, Standing]:
    return {line.forecaster: line for line in standings}


def same(a: Standing, b: Standing) -> bool:
    """Compare what belongs to one forecaster alone."""
    free = {
        "rank": None, "mean_rank": 0.0, "win_rate": 0.0, "percent_of_ceiling": 0.0,
        "rank_low": None, "rank_high": None, "tie_group": None, "above_ceiling": False,
    }  # fmt: skip
    return repr(replace(a, **free)) == repr(replace(b, **free))


@st.composite
def exams(draw: st.DrawFn) -> list[Record]:
    """Draw two to four forecasters on one to three systems, with failures and a climatology."""
    systems = [f"s{i}" for i in range(draw(st.integers(1, 3)))]
    names = ["climatology", *(f"f{i}" for i in range(draw(st.integers(1, 3))))]
    times = st.lists(st.integers(0, 20).map(lambda k: k / 2), min_size=3, max_size=3)
    records = []
    for name in names:
        for system in systems:
            failed = name != "climatology" and draw(st.booleans())
            scores = {} if failed else {"d_stsp": float(draw(st.integers(0, 9)))}
            records.append(
                cell(name, system, None, status=draw(st.sampled_from(["crashed", "timeout"])))
                if failed
                else cell(name, system, draw(times), scores=scores)
            )
    return records


def test_the_score_is_the_kaplan_meier_median_over_all_windows() -> None:
    records = [
        cell("good", "a", [2.0, 4.0, 9.0]),  # 9 is censored at 8
        cell("good", "b", [6.0, 7.0, 9.0]),
        cell("bad", "a", [1.0, 1.0, 1.0]),
        cell("bad", "b", [9.0, 9.0, 2.0]),
    ]
    good, bad = rank(records, bootstrap=0)
    # survival: 5/6 beyond 2, 4/6 beyond 4, 3/6 beyond 6 and until 7
    assert (good.forecaster, good.rank, good.score) == ("good", 1, 6.5)
    assert good.censored_share == pytest.approx(2 / 6)
    assert good.restricted_mean == pytest.approx((2 + 4 + 6 + 7 + 8 + 8) / 6)
    # 1 1 1 2 8+ 8+
    assert (bad.rank, bad.score) == (2, 1.5)
    # medians by task: a 4 against 1, b 7 against the bound 8
    assert (good.win_rate, bad.win_rate) == (0.5, 0.5)
    assert (good.mean_rank, bad.mean_rank) == (1.5, 1.5)
    assert math.isnan(good.ci_low)


def test_more_than_half_censored_is_a_lower_bound() -> None:
    (line,) = rank([cell("sure", "a", [9.0, 9.0, 3.0])], bootstrap=200)
    assert (line.score, line.score_is_lower_bound) == (HORIZON, True)
    assert (line.ci_high, line.ci_high_is_lower_bound) == (HORIZON, True)
    assert line.ci_low <= line.score
    assert math.isnan(line.win_rate)
    assert line.mean_rank == 1.0


def test_a_failed_cell_gets_the_climatology_of_its_task() -> None:
    records = [
        cell("climatology", "a", [0.5, 0.5], scores={"d_stsp": 9.0, "d_h": 0.9}),
        cell("climatology", "b", [0.25, 0.75], scores={"d_stsp": 7.0}),
        cell("f", "a", [4.0, 5.0], scores={"d_stsp": 1.0, "d_h": 0.1}),
        cell("f", "b", None, status="crashed"),
    ]
    line = by_name(rank(records, bootstrap=0))["f"]
    # 0.25, 0.75, 4, 5
    assert line.score == (0.75 + 4) / 2
    assert line.restricted_mean == pytest.approx(2.5)
    assert line.scores == {"d_stsp": 4.0, "d_h": 0.1}
    assert (line.failures, line.failures_by_status, line.cells) == (1, {"crashed": 1}, 2)
    assert not line.incomplete


def test_without_a_climatology_a_failed_cell_is_zero_and_its_scores_the_worst() -> None:
    records = [
        cell("f", "a", None, status="timeout"),
        cell("f", "b", [3.0, 4.0, 5.0], scores={"d_h": 0.1}),
        cell("g", "a", [1.0, 1.0, 1.0], scores={"d_h": 0.2}),
        cell("g", "b", [2.0, 2.0, 2.0], scores={"d_h": 0.4}),
    ]
    line = by_name(rank(records, bootstrap=0))["f"]
    assert line.restricted_mean == pytest.approx(2.0)
    assert line.score == (0.0 + 3.0) / 2
    assert line.scores["d_h"] == pytest.approx((1.0 + 0.1) / 2)


def test_a_cell_that_diverged_late_keeps_its_scores_and_counts_as_failure() -> None:
    records = [cell("f", "a", [5.0, 6.0, 7.0], status="diverged"), cell("climatology", "a", [0.1])]
    line = by_name(rank(records, bootstrap=0))["f"]
    assert (line.score, line.failures) == (6.0, 1)


def test_a_task_on_which_everyone_failed_stays_on_the_exam() -> None:
    records = [
        cell("f", "a", [5.0, 6.0, 7.0]),
        cell("f", "b", None, status="crashed"),
        cell("g", "b", None, status="crashed"),
        cell("g", "a", [1.0, 1.0, 1.0]),
    ]
    line = by_name(rank(records, bootstrap=0))["f"]
    assert line.restricted_mean == pytest.approx(3.0)
    (only,) = rank([cell("f", "a", None, status="timeout")], bootstrap=10)
    assert (only.score, only.failures, only.rank, only.ci_high) == (0.0, 1, 1, 0.0)


def test_a_missing_cell_is_imputed_and_marks_the_line_incomplete() -> None:
    records = [
        cell("climatology", "a", [0.5]),
        cell("climatology", "b", [0.5]),
        cell("f", "a", [6.0]),
        cell("g", "a", [4.0]),
        cell("g", "b", [4.0]),
    ]
    lines = by_name(rank(records, bootstrap=0))
    assert (lines["f"].missing, lines["f"].incomplete, lines["f"].failures) == (1, True, 0)
    assert lines["f"].score == (0.5 + 6.0) / 2
    assert not lines["g"].incomplete
    assert lines["g"].rank == 1


def test_seeds_are_pooled_and_do_not_outweigh_other_tasks() -> None:
    records = [cell("f", "a", [1.0, 1.0], seed=s) for s in range(5)]
    records += [cell("f", "b", [3.0, 5.0])]
    (line,) = rank(records, bootstrap=0)
    assert line.restricted_mean == pytest.approx((1 + 1 + 3 + 5) / 4)
    assert line.cells == 6


def test_the_ceiling_is_shown_last_unranked_and_sets_the_percentage() -> None:
    records = [
        cell("f", "a", [4.0]),
        cell("truth", "a", [8.0], privileged=True),
        cell("half", "a", [2.0]),
    ]
    lines = rank(records, bootstrap=0)
    assert [line.forecaster for line in lines] == ["f", "half", "truth"]
    assert [line.rank for line in lines] == [1, 2, None]
    assert [line.percent_of_ceiling for line in lines[:2]] == [50.0, 25.0]
    assert math.isnan(lines[2].win_rate)
    assert lines[0].win_rate == 1.0  # the ceiling takes part in no comparison


def test_an_incomplete_ceiling_is_no_measure() -> None:
    records = [
        cell("f", "a", [4.0]),
        cell("f", "b", [4.0]),
        cell("truth", "a", [8.0], privileged=True),
    ]
    lines = by_name(rank(records, bootstrap=0))
    assert math.isnan(lines["f"].percent_of_ceiling)
    assert (lines["truth"].missing, lines["truth"].score) == (1, 8.0)
    elsewhere = [cell("f", "a", [4.0]), cell("truth", "b", None, status="crashed", privileged=True)]
    assert by_name(rank(elsewhere, bootstrap=5))["f"].rank == 1


def test_equal_scores_rank_by_restricted_mean_and_true_equals_share() -> None:
    records = [
        cell("a", "s", [1.0, 3.0, 4.0]),
        cell("b", "s", [1.0, 3.0, 6.0]),
        cell("c", "s", [3.0, 1.0, 4.0]),
        cell("d", "s", [0.0, 0.0, 0.0]),
    ]
    lines = rank(records, bootstrap=0)
    assert [(line.forecaster, line.rank) for line in lines] == [
        ("b", 1), ("a", 2), ("c", 2), ("d", 4),
    ]  # fmt: skip
    assert lines[0].win_rate == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert lines[0].mean_rank == 2.0


def test_times_and_memory_are_medians_of_what_was_measured() -> None:
    records = [
        cell("f", s, [1.0], fit_seconds=t, predict_seconds=1.0, peak_memory_mib=10 * t)
        for s, t in (("a", 1.0), ("b", 2.0), ("c", 9.0))
    ]
    records.append(cell("f", "d", None, status="crashed"))
    (line,) = rank(records, bootstrap=0)
    assert (line.fit_predict_seconds, line.peak_memory_mib) == (3.0, 20.0)


def test_windows_that_are_not_numbers_count_as_zero() -> None:
    record = replace(
        cell("f", "a", [1.0]),
        window_scores={"vpt@0.4": (math.nan, -1.0, 5.0), "censored@0.4": (1.0, 1.0, 0.0)},
    )
    (line,) = rank([record], bootstrap=0)
    assert (line.score, line.censored_share) == (0.0, 0.0)
    assert line.restricted_mean == pytest.approx(5 / 3)


@pytest.mark.parametrize(
    ("records", "options", "message"),
    [
        ([], {}, "no records"),
        ([cell("f", "a", [1.0]), cell("f", "a", [1.0], exam_seed=7)], {}, "exam seeds, 0, 7"),
        ([cell("f", "a", [1.0])], {"exam_seed": 3}, "exam seed 3"),
        (
            [cell("f", "a", [1.0]), cell("f", "a", [1.0], task="forecast/a-v2")],
            {},
            "several versions of the track forecast, v1, v2",
        ),
        ([cell("f", "a", [1.0]), cell("f", "a", [2.0])], {}, "disagree"),
        ([cell("f", "a", [1.0])], {"metric": "vpt@0.9"}, "'vpt@0.9'; there are censored@0.4"),
        ([cell("f", "a", [1.0])], {"metric": "mase"}, "'mase'; there are censored@0.4"),
        ([cell("f", "a", [1.0])], {"metric": "nonsense"}, "such as vpt@0.4, not 'nonsense'"),
        (
            [
                cell("f", "a", [1.0], provenance={"ranked": "d_stsp"}),
                cell("g", "a", [1.0], provenance={"ranked": "smape"}),
            ],
            {},
            "rank by d_stsp and smape",
        ),
        ([cell("f", "a", [1.0])], {"bootstrap": -1}, "bootstrap"),
        (
            [replace(cell("f", "a", [1.0]), window_scores={
                "vpt@0.4": (1.0, 2.0), "censored@0.4": (0.0,)})],
            {},
            "2 windows",
        ),
        (
            [
                cell("f", "a", [1.0], provenance={"dataset": "x"}),
                cell("g", "a", [1.0], provenance={"dataset": "y"}),
            ],
            {},
            "different data",
        ),
        (
            [
                cell("f", "a", [1.0], provenance={"code": {"hash": "x"}}),
                cell("f", "b", [1.0], provenance={"code": {"hash": "y"}}),
            ],
            {},
            "the code of 'f' changed between its records on forecast/a-v1 and forecast/b-v1",
        ),
    ],
)  # fmt: skip
def test_what_may_not_be_pooled_is_one_sentence(
    records: list[Record], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        rank(records, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_exam_seed_chooses_one_exam() -> None:
    records = [cell("f", "a", [1.0]), cell("f", "a", [5.0], exam_seed=7)]
    assert rank(records, exam_seed=7, bootstrap=0)[0].score == 5.0
    assert rank(records, exam_seed=0, bootstrap=0)[0].score == 1.0


def test_another_threshold_may_rank(make_exam: Make) -> None:
    strict = by_name(rank(make_exam(), metric="vpt@0.3", bootstrap=0))
    loose = by_name(rank(make_exam(), metric="vpt@0.5", bootstrap=0))
    assert all(strict[name].score <= loose[name].score for name in strict)
    assert strict["nvar"].score < loose["nvar"].score


@settings(max_examples=40)
@given(exams(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_records_matters(
    records: list[Record], random: Any
) -> None:
    shuffled = [*records, *random.sample(records, min(3, len(records)))]
    random.shuffle(shuffled)
    assert repr(rank(records, bootstrap=20)) == repr(rank(shuffled, bootstrap=20))


@settings(max_examples=40)
@given(exams())
def test_a_forecaster_that_only_fails_changes_no_one_elses_numbers(records: list[Record]) -> None:
    systems = sorted({record.system for record in records})
    before = by_name(rank(records, bootstrap=20))
    after = by_name(
        rank([*records, *(cell("zzz", s, None, status="crashed") for s in systems)], bootstrap=20)
    )
    assert after.keys() - before.keys() == {"zzz"}
    assert all(same(before[name], after[name]) for name in before)
    climatology = after["climatology"]
    assert (after["zzz"].score, after["zzz"].failures) == (climatology.score, len(systems))
    # The same windows, so the same interval: the draws are shared.
    assert after["zzz"].ci_high == climatology.ci_high


@settings(max_examples=40)
@given(exams(), st.integers(-3, 3))
def test_scaling_time_scales_scores_and_keeps_the_order(records: list[Record], power: int) -> None:
    factor = 2.0**power
    scaled = [
        replace(
            record,
            window_scores={
                name: tuple(factor * v for v in values) if name == "vpt@0.4" else values
                for name, values in record.window_scores.items()
            },
        )
        for record in records
    ]
    for a, b in zip(rank(records, bootstrap=20), rank(scaled, bootstrap=20), strict=True):
        assert (a.forecaster, a.rank, a.win_rate) == (b.forecaster, b.rank, b.win_rate)
        for name in ("score", "ci_low", "ci_high", "restricted_mean"):
            assert getattr(b, name) == pytest.approx(factor * getattr(a, name))


@settings(max_examples=40)
@given(exams())
def test_standings_are_consistent(records: list[Record]) -> None:
    lines = rank(records, bootstrap=50)
    scores = [line.score for line in lines]
    assert scores == sorted(scores, reverse=True)
    others = len(lines) - 1
    for line in lines:
        assert 0 <= line.ci_low <= line.ci_high <= HORIZON
        assert 0 <= line.censored_share <= 1
        # Winning more is placing higher: both count the same comparisons.
        assert line.mean_rank == pytest.approx(1 + others * (1 - line.win_rate))
    assert sum(line.win_rate for line in lines) == pytest.approx(len(lines) / 2)


def test_the_interval_is_that_of_a_plain_hierarchical_bootstrap() -> None:
    rng = np.random.default_rng(3)
    data = {f"s{i}": rng.exponential(1 + i, 12).round(2) for i in range(6)}
    records = [cell("f", s, list(x)) for s, x in data.items()]
    medians = []
    for _ in range(4000):
        drawn = [data[f"s{i}"] for i in rng.integers(6, size=6)]
        sample = np.sort(np.minimum(np.concatenate([rng.choice(x, 12) for x in drawn]), HORIZON))
        medians.append(np.median(sample))  # all censored at the end
    low, high = np.quantile(medians, [0.025, 0.975])
    pool = prepare(records)
    held = module.replicate(pool, {"f": pool.windows("f")}, 4000, 1)["f"]
    assert np.quantile(held.medians, 0.025) == pytest.approx(low, abs=0.12)
    assert np.quantile(held.medians, 0.975) == pytest.approx(high, abs=0.3)  # a step between times
    # with six systems the 95% of Student's t, and a spread that is too small by √(5/6)
    tail = norm.cdf(np.sqrt(6 / 5) * t.ppf(0.025, 5))
    (line,) = rank(records, bootstrap=4000, seed=1)
    assert (line.ci_low, line.ci_high) == tuple(
        np.quantile(held.medians, [tail, 1 - tail], method="inverted_cdf")
    )


def test_the_interval_is_wider_when_systems_differ_than_when_windows_do() -> None:
    spread = np.linspace(0.5, 6.0, 8)
    between = [cell("f", f"s{i}", [t] * 8) for i, t in enumerate(spread)]
    within = [cell("f", f"s{i}", list(spread)) for i in range(8)]
    (systems,), (windows,) = rank(between), rank(within)
    assert systems.ci_high - systems.ci_low > 1.5 * (windows.ci_high - windows.ci_low)


def test_chunks_do_not_change_the_draws(
    records: tuple[Record, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rank(records, bootstrap=30, seed=5)
    monkeypatch.setattr(module, "CHUNK", 700)
    assert repr(rank(records, bootstrap=30, seed=5)) == repr(whole)
    assert repr(rank(records, bootstrap=30, seed=6)) != repr(whole)


def test_the_realistic_exam_ranks_as_it_was_made(records: tuple[Record, ...]) -> None:
    lines = rank(records, bootstrap=300)
    assert [line.forecaster for line in lines[-3:]] == [
        "climatology",
        "persistence",
        "true_equation",
    ]
    names = by_name(lines)
    assert names["sindy"].failures_by_status == {"diverged": 1, "timeout": 1}
    assert names["sindy"].rank > names["esn"].rank  # failing costs it the lead
    assert names["esn:units=1000"].percent_of_ceiling == pytest.approx(
        10 * names["esn:units=1000"].score
    )
    for line in lines:
        assert line.ci_low <= line.score <= line.ci_high
