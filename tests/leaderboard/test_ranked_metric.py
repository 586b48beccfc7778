"""Ranking by what is no time: directions, worst values, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chaosbench.leaderboard as leaderboard
from chaosbench.evaluation import Record
from chaosbench.leaderboard import rank, render, render_page
from chaosbench.metrics import registry as metrics

WORST = metrics["d_stsp"].worst


def cell(
    forecaster: str, system: str, values: list[float] | None, ranked: str = "d_stsp", **more: Any
) -> Record:
    track = {"d_stsp": "climate", "smape": "gilpin-2021-15"}.get(ranked, "ctf")
    return Record(
        task=f"{track}/{system}-v1", system=system, forecaster=forecaster, config={}, seed=0,
        exam_seed=0, window_scores={} if values is None else {ranked: tuple(values)},
        scores={} if values is None else {ranked: float(np.median(values))},
        provenance={"ranked": ranked},
        **({"status": "ok"} | more),
    )  # type: ignore[arg-type]  # fmt: skip


def climate() -> list[Record]:
    return [
        cell("good", "a", [0.1, 0.2, 0.3]),
        cell("good", "b", [1.0, 1.1, 1.2]),
        cell("crashes", "a", [0.01, 0.01, 0.01]),
        cell("crashes", "b", None, status="crashed"),
        cell("climatology", "a", [12.0, 12.0, 12.0]),
        cell("climatology", "b", [13.0, 13.0, 13.0]),
        cell("truth", "a", [0.05, 0.05, 0.06], privileged=True),
        cell("truth", "b", [0.05, 0.05, 0.06], privileged=True),
    ]


def test_the_lowest_is_first_and_a_failure_is_the_worst() -> None:
    lines = {line.forecaster: line for line in rank(climate(), bootstrap=200)}
    good, crashes, still, truth = (lines[n] for n in ("good", "crashes", "climatology", "truth"))
    # sorted: .1 .2 .3 1 1.1 1.2; and .01 .01 .01 worst worst worst
    assert good.score == (0.3 + 1.0) / 2
    assert crashes.score == (0.01 + WORST) / 2
    assert (crashes.failures, crashes.failures_by_status) == (1, {"crashed": 1})
    assert crashes.restricted_mean == pytest.approx((3 * 0.01 + 3 * WORST) / 6)
    assert crashes.scores["d_stsp"] == crashes.score
    assert [line.rank for line in (good, still, crashes, truth)] == [1, 2, 3, None]
    # a task each: good beats climatology twice and `crashes` once
    assert good.win_rate == pytest.approx(3 / 4)
    assert crashes.win_rate == pytest.approx(2 / 4)
    assert crashes.ci_high == WORST
    assert np.isnan(good.percent_of_ceiling)
    assert good.censored_share == 0.0


def test_two_failures_of_three_lose_the_lead() -> None:
    records = [
        *climate(),
        cell("good", "c", [1.0, 1.0, 1.0]),
        cell("crashes", "c", None, status="timeout"),
    ]
    lines = {line.forecaster: line for line in rank(records, bootstrap=0)}
    assert lines["crashes"].score == WORST
    # never run on c, so the worst there, but 12 and 13 before
    assert lines["climatology"].score == 13.0
    assert (lines["good"].rank, lines["crashes"].rank) == (1, 3)


def test_a_diverged_run_keeps_the_worst_window_that_it_has() -> None:
    records = [cell("f", "a", [WORST, 0.1, 0.2], status="diverged"), cell("g", "a", [0.3, 0.4, 5])]
    lines = {line.forecaster: line for line in rank(records, bootstrap=0)}
    assert (lines["f"].score, lines["f"].failures, lines["f"].rank) == (0.2, 1, 1)


def test_not_a_number_is_the_worst() -> None:
    (line,) = rank([cell("f", "a", [float("nan")] * 2 + [0.1])], bootstrap=0)
    assert line.score == WORST


def test_a_metric_of_which_more_is_better_may_be_negative() -> None:
    name = "ctf_short_time"
    records = [
        cell("good", "a", [90.0, 80.0, 70.0], name),
        cell("bad", "a", [-10.0, -20.0, -30.0], name),
        cell("fails", "a", None, name, status="crashed"),
    ]
    lines = rank(records, bootstrap=50)
    assert [(line.forecaster, line.score) for line in lines] == [
        ("good", 80.0), ("bad", -20.0), ("fails", -100.0),
    ]  # fmt: skip
    assert lines[1].restricted_mean == pytest.approx(-20.0)


def test_the_order_of_a_flipped_metric_is_the_order_of_its_negative() -> None:
    """Lower is better is higher is better of the negative: ranks, wins and all."""
    rng = np.random.default_rng(5)
    data = {(f, s): rng.normal(size=5).round(2) for f in "pqrs" for s in "abc"}
    lower = rank([cell(f, s, list(50 + 10 * v), "smape") for (f, s), v in data.items()])
    higher = rank([cell(f, s, list(-10 * v), "ctf_short_time") for (f, s), v in data.items()])
    for one in lower:
        other = next(line for line in higher if line.forecaster == one.forecaster)
        assert one.win_rate == pytest.approx(other.win_rate)
        assert one.mean_rank == pytest.approx(other.mean_rank)
    means = [line.restricted_mean for line in lower]
    assert [line.score for line in lower] == sorted(line.score for line in lower)
    assert len(means) == 4


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_names_the_metric_and_the_worst(width: int) -> None:
    text = " ".join(render(leaderboard(climate(), bootstrap=20), width=width).split())
    assert "VPT" not in text
    assert "ranked by d_stsp" in text
    assert "with the worst value" in text
    assert text.count("D_stsp ↓") == 1  # as what ranks, and not once more beside it


def test_the_page_speaks_of_the_metric() -> None:
    page = render_page(climate(), bootstrap=20)
    assert "valid prediction time" not in page
    assert "Median D_stsp" in page
    assert "Kullback–Leibler divergence" in page
    assert "1000.00" in page  # the worst value, in words
    assert 'data-forecaster="crashes" data-rank="3"' in page


def test_published_numbers_stand_beside_ours() -> None:
    board = leaderboard([cell("f", "a", [60.0, 70.0, 80.0], "smape")], bootstrap=0)
    assert board.published[0].values["NBEATS"] == 50.6
    for text in (" ".join(render(board).split()), render_page([cell("f", "a", [60.0], "smape")])):
        assert "NBEATS 50.6" in text
        assert "Gilpin 2021" in text
    assert leaderboard(climate(), bootstrap=0).published == ()


def test_one_name_has_one_number_and_says_which_statistic() -> None:
    many = cell("f", "a", [0.1, 0.1, 0.1, 0.1, 2.4], "smape")
    few = cell("f", "b", [40.0], "smape")
    records = [
        Record(**(vars(r) | {"scores": {"smape": value}}))
        for r, value in ((many, 0.1), (few, 40.0))
    ]
    board = leaderboard(records, bootstrap=0)
    (row,) = board.rows()
    assert row["score"] == row["scores"]["smape"] == 0.1  # not 20.05, the median of two medians
    assert row["restricted_mean"] == pytest.approx((0.4 + 2.4 + 40.0) / 6)
    assert "median over all windows" in " ".join(render(board).split())
    page = render_page(records, bootstrap=0)
    assert "ties by the mean over all windows" in page
    assert "restricted" not in page


def chart(records: list[Record]) -> str:
    page = render_page(records, bootstrap=50)
    return page[page.index('<svg class="wide"') : page.index("</svg>")]


def across(drawn: str, name: str) -> float:
    """Return where the dot of a forecaster stands."""
    row = drawn[drawn.index(f"<title>{name}:") :]
    return float(row[: row.index("</g>")].partition('cx="')[2].partition('"')[0])


def test_where_lower_is_better_every_score_has_its_place_on_the_axis() -> None:
    values = {f"f{k}": 0.2 + 0.8 * k for k in range(18)}  # 0.2 to 13.8 nats
    records = [cell(f, s, [v, v, v]) for f, v in values.items() for s in ("a", "b")]
    drawn = chart(records)
    places = [across(drawn, name) for name in values]
    assert places == sorted(places)
    np.testing.assert_allclose(np.diff(places), np.diff(places)[0], atol=0.11)
    assert 'class="beyond"' not in drawn
    page = render_page(records, bootstrap=50)
    assert '<h2 id="intervals">D_stsp, and how surely</h2>' in page
    assert "How far" not in page
    assert "nats, lower is better" in page
    assert "open arrowhead" not in page


def test_what_lies_beyond_the_axis_is_marked_and_given_as_a_number() -> None:
    records = [
        *(cell(f, "a", [v, v, v]) for f, v in (("one", 1.0), ("two", 2.0), ("three", 3.0))),
        cell("crashes", "a", None, status="crashed"),
        cell("wide", "a", [2.0, 2.0, WORST]),
    ]
    drawn = chart(records)
    row = drawn[drawn.index("<title>crashes:") :]
    row = row[: row.index("</g>")]
    assert 'class="beyond"' in row
    assert ">1000.00</text>" in row
    assert "<circle" not in row
    wide = drawn[drawn.index("<title>wide:") :]
    wide = wide[: wide.index("</g>")]
    assert 'class="beyond"' in wide  # its interval
    assert "<circle" in wide  # not its score
    assert "open arrowhead marks what lies beyond" in render_page(records, bootstrap=50)


def test_a_score_below_zero_is_on_the_axis() -> None:
    records = [
        Record(**(vars(cell(f, "a", [v, v], "ctf_short_time"))))
        for f, v in (("good", 80.0), ("fair", 20.0), ("bad", -60.0))
    ]
    drawn = chart(records)
    assert across(drawn, "bad") < across(drawn, "fair") < across(drawn, "good")
    assert 'class="beyond"' not in drawn


def test_the_axis_reaches_the_ceiling_and_whoever_comes_near_it() -> None:
    """Most forecasters see a tenth as far as the best; with its score off the axis it has none."""
    times = {"first": 20.0, **{f"f{k}": 0.1 + 0.1 * k for k in range(9)}}
    records = [cell(f, "a", [v, v, v], "ctf_short_time") for f, v in times.items()]
    records.append(cell("perfect model", "a", [36.0] * 3, "ctf_short_time", privileged=True))
    drawn = chart(records)
    assert across(drawn, "f8") < across(drawn, "first") < across(drawn, "perfect model")
    assert 'class="beyond"' not in drawn


def test_a_resolution_that_says_nothing_says_so() -> None:
    from chaosbench.leaderboard._wording import remarks

    assert "1.5 times" in remarks((), 1.5, 0)[0]
    assert remarks((), 1e304, 0) == (
        "Resolution: so few systems tell no two medians apart with 80% power, however far they lie "
        "from each other.",
    )
    assert remarks((), float("nan"), 0) == ()
