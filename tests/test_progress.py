"""What a run says of itself while it goes on."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time

import pytest
from rich.console import Console
from test_cli import chaosbench, printed_json

from chaosbench.commands import _output
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.evaluation import Record, data_under_way, plan, status_of
from chaosbench.evaluation._store import RunDirectory
from chaosbench.systems import registry as systems
from chaosbench.tasks import registry, select, suites


def shown(monkeypatch, *, terminal: bool) -> io.StringIO:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    return out


def test_without_a_terminal_there_is_a_line_now_and_then_with_the_time_left(monkeypatch):
    out = shown(monkeypatch, terminal=False)
    monkeypatch.setattr(_output, "EVERY", 0.2)
    with _output.progress("run", lambda: "making the data of it") as report:
        assert out.getvalue() == ""
        report(0, 4, "")
        time.sleep(0.5)
        report(1, 4, "esn on forecast/lorenz-v1")
        for k in range(50):
            report(1 + k // 25, 4, "esn")
        time.sleep(0.3)
    lines = out.getvalue().splitlines()
    assert lines[0] == "run: 0/4 in 0:00:00"
    assert "making the data of it" in lines[1]
    assert re.search(r"run: 2/4 in 0:00:01  about 0:00:0[01] left", out.getvalue())
    assert lines[-1].startswith("run: 2/4 in 0:00:01")
    assert len(lines) <= 7


def test_a_terminal_gets_a_bar_with_the_time_left(monkeypatch):
    out = shown(monkeypatch, terminal=True)
    with _output.progress("run") as report:
        report(0, 3, "")
        time.sleep(0.2)
        report(1, 3, "esn")
        time.sleep(0.3)
    assert "about 0:00:00 left" in out.getvalue()
    assert "1/3" in out.getvalue()


def test_nothing_is_shown_before_the_first_report(monkeypatch):
    out = shown(monkeypatch, terminal=False)
    with pytest.raises(InputError), _output.progress("run"):
        raise InputError("wrong")
    assert out.getvalue() == ""


def test_the_pace_counts_only_what_was_done_since_the_start():
    pace = _output._Pace()
    pace.saw(90, 100)
    assert pace.left() == ""
    pace.started -= 50.0
    pace.saw(95, 100)
    assert pace.left() == "about 0:00:50 left"
    pace.saw(100, 100)
    assert pace.left() == ""


def test_a_run_in_a_pipe_says_how_far_it_is(tmp_path):
    done = chaosbench("run", "forecast/henon-v1", "--out", tmp_path / "run")
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"run: 0/4 in 0:00:00", lines[0])
    assert lines[-1].startswith("run: 4/4 in 0:")
    assert (tmp_path / "run" / "plan.json").is_file()
    assert all("to_do" not in row for row in printed_json("run", "status", tmp_path / "run"))


def test_the_status_of_a_run_that_goes_on(tmp_path):
    cells = plan(select("lite", limit=2), [])
    home = RunDirectory(tmp_path / "run", exam_seed=0)
    home.expect({cell.id: (cell.label, cell.task.id) for cell in cells})
    begun = home.data("forecast/lorenz-v2")
    begun.mkdir(parents=True)
    (begun / "_recipe.json").write_text("{}")
    assert data_under_way(tmp_path / "run") == ("forecast/lorenz-v2",)
    early = status_of(tmp_path / "run")
    assert (early.counts, sum(early.to_do.values()), early.since_last) == ({}, 8, None)
    said = chaosbench("run", "status", tmp_path / "run")
    assert said.returncode == 0, said.stderr
    assert "0 of 8 cells are finished; the data of forecast/lorenz-v2 are being made" in said.stdout
    (begun / "_manifest.json").write_text("{}")
    cell = cells[0]
    home.put(
        cell.id, Record(cell.task.id, cell.task.system, cell.label, {}, 0, 0, "ok"), None
    )  # fmt: skip
    later = chaosbench("run", "status", tmp_path / "run").stdout
    assert re.search(r"1 of 8 cells are finished; the last one \d+ s ago$", later.strip())
    rows = {row["forecaster"]: row for row in printed_json("run", "status", tmp_path / "run")}
    assert rows[cell.label] == {"forecaster": cell.label, "ok": 1, "to_do": 1}


def test_a_broken_plan_is_refused_and_named(tmp_path):
    RunDirectory(tmp_path / "run", exam_seed=0)
    (tmp_path / "run" / "plan.json").write_text(json.dumps({"cells": 3}))
    with pytest.raises(InputError, match=r"plan\.json lists no cells"):
        status_of(tmp_path / "run")


def test_tasks_can_be_excluded_chosen_by_tags_and_limited():
    lite = suites["lite"].tasks
    assert [t.id for t in select("lite", limit=3)] == list(lite[:3])
    without = select("lite", exclude=["henon", "forecast/lorenz-v2"])
    assert {t.id for t in without} == set(lite) - {"forecast/henon-v2", "forecast/lorenz-v2"}
    assert {t.track for t in select("core-v1", exclude=["climate"])} == {"forecast"}
    assert select("full", exclude=["core", "lite-noisy"])
    fluid = select("lite", tags=["fluid"])
    assert fluid
    assert all("fluid" in systems[t.system].tags for t in fluid)
    assert registry["forecast/lorenz-v2"] in fluid


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exclude": ["henom"]}, "did you mean 'henon'"),
        ({"tags": ["fluids"]}, "did you mean 'fluid'"),
    ],
)
def test_names_to_exclude_and_tags_are_checked(options, words):
    with pytest.raises(UnknownNameError, match=words):
        select("lite", **options)


def test_nothing_left_is_said():
    with pytest.raises(InputError, match="none of the 8 tasks is left"):
        select("lite", exclude=["forecast"])


def test_the_options_reach_the_commands():
    chosen = ("--exclude", "climate", "--tag", "fluid", "--limit", 2)
    rows = printed_json("tasks", "list", "core", *chosen)
    assert [row["track"] for row in rows] == ["forecast", "forecast"]
    listed = chaosbench("tasks", "list", "lite", "--format", "csv").stdout.splitlines()
    assert listed[0] == "id,track,system,suites"
    assert len(listed) == 9
    helped = subprocess.run(
        [sys.executable, "-m", "chaosbench", "run", "tasks", "--help"], capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    assert all(option in helped for option in ("--exclude", "--tag", "--limit"))
