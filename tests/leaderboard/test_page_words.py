"""What a page says of its track, of the run behind it and of the numbers of others."""

from __future__ import annotations

import re
import shlex

import pytest

from chaosbench.evaluation import Record
from chaosbench.leaderboard import build, render, render_page, render_report
from chaosbench.tasks import suites


def cell(track: str, forecaster: str = "esn", **more: object) -> Record:
    ranked = str(more.pop("ranked", "vpt@0.4"))
    name = next(t for t in suites["full"].tasks if t.startswith(f"{track}/"))
    return Record(
        task=name, system=name.partition("/")[2].rpartition("-v")[0], forecaster=forecaster,
        config={}, seed=0, exam_seed=0, status="ok", window_scores={ranked: (1.0, 2.0)},
        provenance={"ranked": ranked, **more},
    )  # fmt: skip


def lead(page: str) -> str:
    return re.search(r"<h1>.*?</h1>\s*<p>(.*?)</p>", page, re.DOTALL)[1]


@pytest.mark.parametrize("track", ["zero-shot", "zero-shot-128", "dynamix", "gilpin-2023"])
def test_on_an_untrained_track_nobody_learns(track):
    ranked = {"dynamix": "d_stsp", "gilpin-2023": "smape"}.get(track, "vpt@0.4")
    page = render_page([cell(track, ranked=ranked)], bootstrap=0)
    assert lead(page).startswith("No forecaster is trained beforehand: each is shown a stretch")
    assert "learns" not in page
    assert "never seen" not in page
    assert "training data" not in page
    if ranked == "smape":
        assert "<b>sMAPE.</b>" in page
        assert "horizon of the exam" not in page


@pytest.mark.parametrize(
    ("track", "ranked", "words"),
    [
        ("forecast", "vpt@0.4", "and then continues others that it has never seen."),
        ("climate", "d_stsp", "continues others that it has never seen freely"),
        ("equation", "derivative_smape", "and is then asked for its equation."),
    ],
)
def test_on_a_trained_track_the_page_says_what_is_asked(track, ranked, words):
    page = render_page([cell(track, ranked=ranked)], bootstrap=0)
    assert lead(page).startswith("Each forecaster learns from a trajectory")
    assert words in lead(page)


def test_compute_it_again_shows_the_run():
    records = [
        cell("climate", name, ranked="d_stsp", budget={"seconds": 60.0, "memory_mib": 8192.0})
        for name in ("climatology", "esn:units=50", "nvar")
    ]
    page = render_page(records, bootstrap=0, title="My <page>")
    shown = re.search(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)[1]
    run, build_page = (shlex.split(line) for line in shown.splitlines())
    assert run[:2] == ["chaosbench", "run"]
    assert run[2] == records[0].task
    assert run[3:7] == ["-f", "esn:units=50", "-f", "nvar"]
    assert run[run.index("--seconds") + 1] == "60"
    assert build_page[:4] == ["chaosbench", "leaderboard", "build", "RUN"]
    assert build_page[build_page.index("--track") + 1] == "climate"
    assert "climatology" not in shown


def test_a_page_by_another_metric_is_made_again_in_python():
    record = cell("forecast")
    record = Record(**(vars(record) | {"window_scores": {"vpt@0.3": (1.0,), "vpt@0.4": (2.0,)}}))
    page = render_page([record], bootstrap=0, metric="vpt@0.3")
    assert "write_page(cb.read_records(&quot;RUN&quot;)" in page
    assert "metric=&#x27;vpt@0.3&#x27;" in page


def test_published_numbers_are_a_column_and_rows_of_the_table():
    records = [
        cell("gilpin-2021-15", name, ranked="smape")
        for name in ("nbeats", "nbeats (tuned 8)", "lstm:units=8", "mine")
    ]
    page = render_page(records, bootstrap=0)
    rows = dict(re.findall(r'<tr data-forecaster="([^"]*)".*?>(.*?)</tr>', page))
    assert ">50.6<" in rows["nbeats"]
    assert ">50.6<" in rows["nbeats (tuned 8)"]
    assert ">67.8<" in rows["lstm:units=8"]
    assert "50.6" not in rows["mine"]
    others = dict(re.findall(r'<tr data-published="([^"]*)".*?>(.*?)</tr>', page))
    assert "NBEATS" not in others
    assert ">89.6<" in others["random forest"]
    board = build(records, bootstrap=0)
    head, *lines = render(board, width=120).splitlines()
    assert "published" in head
    assert any("nbeats" in line and "50.6" in line for line in lines[:6])
    report = render_report(records, bootstrap=0)
    assert re.search(r"\| nbeats \|.*\| 50\.6 \|", report)


def test_a_track_without_published_numbers_has_no_column():
    assert (
        "published"
        not in render_page([cell("forecast")], bootstrap=0).split("</main>")[0].split("<main>")[1]
    )
