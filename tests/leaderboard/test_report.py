"""The Markdown report: its numbers, what survives in it, and what text from records may do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chaosbench.errors import InputError
from chaosbench.leaderboard import build, rank, render_report, write_report, write_site
from chaosbench.leaderboard._facts import commands
from chaosbench.leaderboard.ranking import group_medians

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chaosbench.evaluation import Record

EVIL = "a|b](http://x)<script>`*_<!-- remarks: z -->\n# c"


def as_climate(record: Record) -> Record:
    scored = {"d_stsp": (0.5, 1.5)} if record.window_scores else {}
    return replace(
        record,
        task=record.task.replace("forecast/", "climate/"),
        window_scores=scored,
        provenance={**record.provenance, "ranked": "d_stsp"},
    )


@pytest.fixture(scope="module")
def two_tracks(records: tuple[Record, ...]) -> tuple[Record, ...]:
    return (*records, *map(as_climate, records))


@pytest.fixture(scope="module")
def text(two_tracks: tuple[Record, ...]) -> str:
    return render_report(two_tracks, bootstrap=100)


def tables(text: str) -> list[list[list[str]]]:
    """Split every table into rows of cells; each row must have as many as its head."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.splitlines()
        ]
        assert {len(row) for row in rows} == {len(rows[0])}
        assert all(re.fullmatch(r":--|--:", cell) for cell in rows[1])
        found.append([rows[0], *rows[2:]])
    return found


def test_one_section_a_track_forecast_first(text: str) -> None:
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    first, *rest = heads
    assert first == "forecast v1 (superseded by v2)"
    assert rest == ["climate", "Compute them again", "Provenance"]
    assert "176 records, 8 of them failures, of exam seed 0" in text


def test_the_numbers_are_those_of_the_ranking(text: str, records: tuple[Record, ...]) -> None:
    head, *rows = tables(text)[0]
    lines = rank(records, bootstrap=100)
    for row, line in zip(rows, lines, strict=True):
        cells = dict(zip(head, row, strict=True))
        assert cells["forecaster"] == line.forecaster
        assert cells["#"] == ("–" if line.rank is None else str(line.rank))
        digits = 1 if line.score >= 1 else 2
        numbers = [f"{x:.{digits}f}" for x in (line.score, line.ci_low, line.ci_high)]
        assert cells["VPT ↑"].lstrip("≥") == "{} [{}, {}]".format(*numbers)
        assert float(cells["mean ↑"]) == pytest.approx(line.restricted_mean, abs=0.05)
        assert float(cells["D_stsp ↓"]) == pytest.approx(line.scores["d_stsp"], abs=0.005)
        assert cells["fail ↓"].split()[0] == str(line.failures)
        if line.rank:
            assert cells["of ceiling ↑"] == f"{line.percent_of_ceiling:.0f}%"
    by_name = {row[1]: row[-1] for row in rows}
    assert by_name["sindy"] == "2 (1 diverged, 1 timeout)"
    assert rows[-1][1] == "true_equation"


def test_the_systems_table_holds_the_medians(text: str, records: tuple[Record, ...]) -> None:
    from chaosbench.leaderboard._admission import prepare

    (head, *rows) = tables(text)[1]
    assert head[1:] == sorted({record.system for record in records})
    pool = prepare(records)
    for name, *cells in rows:
        medians, bounded = group_medians(pool, name, by="system")
        for cell, value, bound in zip(cells, medians, bounded, strict=True):
            assert float(cell.strip("≥✗ ")) == pytest.approx(value, abs=0.051)
            assert cell.startswith("≥") == bool(bound)
    marked = {name for name, *cells in rows if any("✗" in cell for cell in cells)}
    assert marked == {"sindy", "nvar", "random_forest"}


def test_failures_are_listed_with_their_messages(text: str) -> None:
    listed = tables(text)[2]
    assert listed[0] == ["forecaster", "task", "seed", "status", "message"]
    assert len(listed) == 5
    assert any(
        row[3:] == ["crashed", "ValueError: &lt;b&gt;lags&lt;/b&gt; &amp; targets disagree"]
        for row in listed
    )


def test_the_same_records_in_any_order_give_the_same_bytes(
    two_tracks: tuple[Record, ...], text: str
) -> None:
    assert render_report(tuple(reversed(two_tracks)), bootstrap=100) == text


def test_remarks_survive_and_the_rest_is_replaced(
    two_tracks: tuple[Record, ...], records: tuple[Record, ...], tmp_path: Path
) -> None:
    path = tmp_path / "docs" / "results.md"
    write_report(two_tracks, path, bootstrap=0)
    place = "<!-- remarks: {} -->\n"
    remark = "Why *climate* is hard:\n\n- a list\n- `code`, | pipes"
    made = path.read_text("utf-8")
    written = made.replace(place.format("climate"), place.format("climate") + remark + "\n")
    written = written.replace(place.format("overview"), place.format("overview") + "\nFirst.\n\n")
    path.write_text(written.replace("# Results", "# Mine"), "utf-8")
    write_report(two_tracks, path, bootstrap=0)
    again = path.read_text("utf-8")
    assert remark in again
    assert again.index("## climate") < again.index(remark) < again.index("## Compute")
    assert again.index("First.") < again.index("## forecast")
    assert "# Mine" not in again
    write_report(two_tracks, path, bootstrap=0)
    assert path.read_text("utf-8") == again
    # a track that left takes no remark with it
    write_report(records, path, bootstrap=0)
    alone = path.read_text("utf-8")
    assert alone.index("## Remarks on what is no longer here") < alone.index(remark)
    write_report(two_tracks, path, bootstrap=0)
    assert path.read_text("utf-8") == again


def test_what_is_not_a_report_is_not_overwritten(
    records: tuple[Record, ...], tmp_path: Path
) -> None:
    path = tmp_path / "thesis.md"
    path.write_text("# My thesis\n")
    with pytest.raises(InputError, match="nothing was changed"):
        write_report(records, path, bootstrap=0)
    assert path.read_text() == "# My thesis\n"


def test_an_open_remark_is_not_lost(records: tuple[Record, ...], tmp_path: Path) -> None:
    path = write_report(records, tmp_path / "results.md", bootstrap=0)
    broken = path.read_text("utf-8").replace("<!-- end of remarks -->", "", 1)
    path.write_text(broken, "utf-8")
    with pytest.raises(InputError, match="do not end"):
        write_report(records, path, bootstrap=0)
    assert path.read_text("utf-8") == broken


def test_text_from_records_makes_no_markup(records: tuple[Record, ...]) -> None:
    hostile = [
        replace(
            record,
            forecaster=EVIL + record.forecaster,
            message=EVIL,
            config={EVIL: EVIL},
            equations=(EVIL,),
            provenance={EVIL: EVIL},
        )
        for record in records
    ]
    text = render_report(hostile, bootstrap=0)
    fence = re.search(r"^(`{3,})console\n(.*?)\n\1$", text, re.MULTILINE | re.DOTALL)
    pre = re.search(r"<pre>\n(.*?)</pre>", text, re.DOTALL)
    assert fence
    assert pre
    assert len(fence[2].splitlines()) == 2
    assert "<" not in pre[1]
    rest = re.sub(r"<pre>\n.*?</pre>", "", text.replace(fence[0], ""), flags=re.DOTALL)
    assert "<script>" not in rest
    assert "<!-- remarks: z" not in text
    markdown = re.sub(r"<details><summary>.*</summary>", "", rest)  # HTML makes no links
    assert "](http" not in markdown.replace("\\](http", "")
    assert not re.search(r"^# c", rest, re.MULTILINE)
    assert len(tables(rest)[0]) == 12  # no cell and no row more


def test_equations_are_shown(records: tuple[Record, ...]) -> None:
    lines = ("x0' = -10 x0 + 10 x1", "x1' = 28 x0")
    shown = [replace(r, equations=lines) if r.forecaster == "sindy" else r for r in records]
    text = render_report(shown, bootstrap=0)
    assert "## Equations found" in text
    assert "forecast/lorenz-v1\n  x0&#x27; = -10 x0 + 10 x1\n  x1&#x27; = 28 x0\n" in text
    assert "Equations found" not in render_report(records, bootstrap=0)


def test_an_incomplete_line_is_marked(records: tuple[Record, ...]) -> None:
    partial = [r for r in records if (r.forecaster, r.system) != ("esn", "chua")]
    text = render_report(partial, bootstrap=0)
    assert "| esn † |" in text
    assert "Incomplete" in text
    assert "Incomplete" not in render_report(records, bootstrap=0)


def test_the_commands_name_suites_settings_and_budgets(make_record: Callable[..., Record]) -> None:
    from chaosbench.tasks import suites

    base = make_record("esn", "lorenz", seed=2, exam_seed=5)
    made = [
        replace(
            base,
            task=task,
            forecaster=name,
            provenance={"budget": {"seconds": 60.0, "memory_mib": 8192.0}},
        )
        for task in (*suites["lite"].tasks, "climate/lorenz-v1")
        for name in ("persistence", "esn:units=10", "nvar (tuned 4)")
    ]
    assert commands(made) == [
        "chaosbench run lite climate/lorenz-v1 -f esn:units=10 --seed 2 --exam-seed 5 "
        "--seconds 60 --out RUN",
        "chaosbench run lite climate/lorenz-v1 -f nvar --tune 4 --seed 2 --exam-seed 5 "
        "--seconds 60 --out RUN",
    ]


def test_a_site_has_a_page_a_track_and_each_names_the_others(
    two_tracks: tuple[Record, ...], records: tuple[Record, ...], tmp_path: Path
) -> None:
    pages = write_site(two_tracks, tmp_path / "site", bootstrap=0)
    assert [page.name for page in pages] == ["index.html", "climate.html"]
    first, second = (page.read_text("utf-8") for page in pages)
    assert '<a href="climate.html">climate</a>' in first
    assert '<a href="index.html">forecast</a>' in second
    assert "track climate" in second
    (alone,) = write_site(records, tmp_path / "alone", bootstrap=0)
    assert "<nav" not in alone.read_text("utf-8")


def test_no_records_no_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no records"):
        write_report([], tmp_path / "results.md")
    assert not (tmp_path / "results.md").exists()


def test_exams_are_not_mixed(make_exam: Callable[..., list[Record]]) -> None:
    both = make_exam() + make_exam(exam_seed=1)
    with pytest.raises(InputError, match="exam_seed"):
        render_report(both, bootstrap=0)
    text = render_report(both, bootstrap=0, exam_seed=1)
    assert "of exam seed 1" in text
    board = build(both, exam_seed=1, bootstrap=0)
    assert f"| 1 | {board[0].forecaster} |" in text
