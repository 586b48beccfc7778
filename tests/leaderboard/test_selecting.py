"""Chosen rows and columns of a board, and questions in SQL: one name, one value everywhere."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import chaosbench as cb
import chaosbench.leaderboard as leaderboard
from chaosbench.cli import app
from chaosbench.commands import _output
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.evaluation import Record, Records
from chaosbench.evaluation._record_files import write_file
from chaosbench.leaderboard import Leaderboard, View, check_columns, narrowed, query
from chaosbench.leaderboard._columns import known_columns

pytestmark = pytest.mark.filterwarnings("ignore:.*come without the forecasts")

HOSTILE = "<script>alert(1)</script> | `x` [a](js:b) \\input{/etc/passwd} $x$ & \x1b]0;t\x07"


@pytest.fixture(scope="module")
def board(records: tuple[Record, ...]) -> Leaderboard:
    return leaderboard(records, bootstrap=50)


@pytest.fixture(scope="module")
def run(records: tuple[Record, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "records.parquet"
    write_file(path, records)
    return path


def called(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["leaderboard", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_a_column_shows_is_in_the_frame_under_its_name(board: Leaderboard) -> None:
    frame, flat = board.to_frame(), board.flat()
    assert list(frame.columns) == list(flat[0])
    rows = json.loads(board.to_json())
    for column in known_columns(board.metric):
        if column.key not in flat[0]:  # no record has this score
            assert all(math.isnan(column.value(line)) for line in board)
            continue
        for k, line in enumerate(board):
            found = flat[k][column.key]
            if column.key == "exposure":
                assert column.text(line) == (found or "–")
                continue
            number = math.nan if found is None else float(found)
            assert number == pytest.approx(column.value(line), nan_ok=True)
            inside = {**rows[k], **rows[k]["scores"]}[column.key]
            assert (math.nan if inside is None else inside) == pytest.approx(number, nan_ok=True)


def test_published_numbers_are_in_the_frame_too(make_record: Callable[..., Record]) -> None:
    track = next(
        name.partition("/")[0] for name in cb.tasks if leaderboard._board.published_for(
            name.partition("/")[0])
    )  # fmt: skip
    made = [
        replace(make_record("esn", s), task=f"{track}/{s}-v1", provenance={})
        for s in ("lorenz", "chua")
    ]
    board = leaderboard(made, bootstrap=0)
    assert "published_1" in board.flat()[0]
    assert "published_1" in board.rows()[0]


def test_sorting_is_best_first_and_keeps_ceilings_last(board: Leaderboard) -> None:
    by = narrowed(board, sort="d_stsp")
    values = [line.scores["d_stsp"] for line in by if not line.privileged]
    assert values == sorted(values)
    assert by[-1].privileged
    by = narrowed(board, sort="win_rate")
    values = [line.win_rate for line in by if not line.privileged]
    assert values == sorted(values, reverse=True)
    by = narrowed(board, sort="forecaster")
    assert [line.forecaster for line in by][:3] == ["climatology", "esn", "esn:units=1000"]
    assert {line.rank for line in by} == {line.rank for line in board}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("forecaster=esn*", {"esn", "esn:units=1000"}),
        ("forecaster = esn", {"esn"}),
        ("privileged=yes", {"true_equation"}),
        ("rank=", {"true_equation"}),
        ("rank<=2", {"esn", "esn:units=1000"}),
        ("failures>1", {"sindy"}),
        ("forecaster=.*", set()),
    ],
)
def test_filters(board: Leaderboard, text: str, kept: set[str]) -> None:
    assert {line.forecaster for line in narrowed(board, filters=[text])} == kept
    if "=" in text and not set("<>") & set(text):
        other = narrowed(board, filters=[text.replace("=", "!=", 1)])
        assert {line.forecaster for line in other} == {line.forecaster for line in board} - kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rank", "COLUMN=VALUE"), ("rank=x", "holds numbers"), ("privileged=x", "yes or no"),
        ("forecaster>a", "compares numbers"), ("", "COLUMN=VALUE"),
    ],
)  # fmt: skip
def test_wrong_filters(board: Leaderboard, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        narrowed(board, filters=[text])


def test_unknown_columns_are_named(board: Leaderboard) -> None:
    with pytest.raises(UnknownNameError, match=r"no column named 'scor'.*score"):
        check_columns([board], ["scor"])
    with pytest.raises(UnknownNameError, match="no column named 'scor'"):
        check_columns([board], [], ["scor=1"])


def test_the_formats_of_the_command_agree(run: Path, records: tuple[Record, ...]) -> None:
    board = leaderboard(records)
    line = ("show", run, "--columns", "forecaster,score,d_h,missing", "--filter", "rank<=3")
    rows = json.loads(called(*line, "--format", "json"))
    assert rows == [
        {"forecaster": s.forecaster, "score": s.score, "d_h": s.scores["d_h"], "missing": 0}
        for s in board[:3]
    ]
    table = list(csv.DictReader(io.StringIO(called(*line, "--format", "csv"))))
    assert [{**row, "missing": 0} for row in rows] == [
        {"forecaster": r["forecaster"], "score": float(r["score"]), "d_h": float(r["d_h"]),
         "missing": int(r["missing"])} for r in table
    ]  # fmt: skip
    text = called(*line)
    assert text.splitlines()[0].split() == ["forecaster", "VPT", "↑", "D_H", "↓", "missing"]
    assert "3 of 11 rows" in text
    assert called(*line, "--format", "markdown").count("\n") == 6
    assert r"\begin{tabular}{lrrr}" in called(*line, "--format", "latex")


def test_slices_rank_the_systems_that_are_meant(run: Path, records: tuple[Record, ...]) -> None:
    rows = json.loads(called("show", run, "--kind", "delay", "--format", "json"))
    meant = [r for r in records if cb.systems[r.system].kind == "delay"]
    assert {r.system for r in meant} == {"mackey_glass"}
    assert [row["score"] for row in rows] == [line.score for line in leaderboard(meant)]
    rows = json.loads(called("show", run, "--dimension", "4-", "--format", "json"))
    assert rows[0]["cells"] == len(
        {r.system for r in records if cb.systems[r.system].dimension > 3}
    )
    with pytest.raises(InputError, match="no record is of a system"):
        called("show", run, "--dimension", "7777")


def test_no_text_is_markup(records: tuple[Record, ...]) -> None:
    made = [replace(r, forecaster=HOSTILE) for r in records if r.forecaster == "esn"]
    board = leaderboard(made, bootstrap=0)
    view = View.of(board)
    assert r"\input" not in view.to_latex()
    assert r"\textbackslash{}input\{/etc/passwd\} \$x\$ \&" in view.to_latex()
    marked = view.to_markdown()
    assert all(
        row.replace(r"\|", "").count("|") == len(view.names) + 1 for row in marked.split("\n")
    )
    for text in (marked, board._repr_html_(), Records(made)._repr_html_()):
        assert "<script" not in text
        assert "\x1b" not in text
    assert "a](js" not in marked


def test_a_wide_table_fits_a_terminal() -> None:
    from rich.cells import cell_len

    aligned = ["left", "right", "left"]
    cells = [["forecaster", "score", "note"], ["f" * 90, "1.25", "字" * 60], ["g", "2", ""]]
    for width in (20, 40, 60, 80, 120):
        found = _output._fitted(cells, aligned, width)
        widths = [max(map(cell_len, column)) for column in zip(*found, strict=True)]
        assert sum(widths) + 2 * (len(widths) - 1) <= width
        assert any(cell.endswith("…") for cell in found[1])
    assert _output._fitted(cells, aligned, 300) == cells
    assert "1.25" in _output._fitted(cells, aligned, 40)[1]


def test_a_query_sees_records_and_scores(records: tuple[Record, ...]) -> None:
    found = query(
        records, "SELECT forecaster, count(*) n, max(score) FROM records WHERE status = 'ok' "
        "GROUP BY ALL ORDER BY forecaster",
    )  # fmt: skip
    assert found.names == ("forecaster", "n", "max(score)")
    ok = [r for r in records if r.status == "ok"]
    assert {row[0]: row[1] for row in found.rows} == {
        name: sum(r.forecaster == name for r in ok) for name in {r.forecaster for r in ok}
    }
    median = query(
        records, "SELECT median(value) FROM scores WHERE name = 'd_h' AND forecaster = 'esn'"
    )
    assert median.rows[0][0] == pytest.approx(
        np.median([r.scores["d_h"] for r in records if r.forecaster == "esn"])
    )
    assert query(records, "SELECT count(*) FROM records WHERE score IS NULL").rows == ((3,),)
    some = query(records, "SELECT task, 1 task, 'nan'::DOUBLE AS x FROM records", limit=5)
    assert (some.names, len(some.rows), some.more) == (("task", "task_2", "x"), 5, True)
    assert some.rows[0][2] is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')",
        "FROM '/etc/passwd'", "SELECT * FROM glob('/*')", "SELECT * FROM sys",
        "SELECT * FROM HOSTILE",
    ],
)  # fmt: skip
def test_a_query_reads_nothing_else(records: tuple[Record, ...], sql: str) -> None:
    with pytest.raises(InputError, match="the query has no answer"):
        query(records[:2], sql)


def test_a_query_changes_nothing(records: tuple[Record, ...], tmp_path: Path) -> None:
    for sql in (
        f"COPY records TO '{tmp_path}/x'", f"ATTACH '{tmp_path}/x'", "SET threads = 4", "",
        "INSTALL httpfs", "SELECT 1; SELECT 2", "DROP TABLE records",
        f"EXPORT DATABASE '{tmp_path}/x'",
    ):  # fmt: skip
        with pytest.raises(InputError, match="one SELECT"):
            query(records[:2], sql)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="Parser Error"):
        query(records[:2], "SELEC")
    with pytest.raises(InputError, match="no answer"):
        query(records[:2], "SELECT '\udcff'")


def test_a_query_ends_in_time(records: tuple[Record, ...]) -> None:
    with pytest.raises(InputError, match=r"longer than 0\.2 s"):
        query(records[:2], "SELECT count(*) FROM range(1000000) a, range(1000000) b", seconds=0.2)


def test_the_sql_command_has_all_formats(run: Path) -> None:
    line = ("sql", "SELECT system, score FROM records WHERE forecaster = 'esn' ORDER BY 1", run)
    rows = json.loads(called(*line, "--format", "json"))
    assert [row["system"] for row in rows] == sorted(row["system"] for row in rows)
    assert called(*line, "--format", "csv").splitlines()[0] == "system,score"
    assert called(*line, "--format", "markdown").splitlines()[1] == "| --- | --: |"
    assert r"mackey\_glass" in called(*line, "--format", "latex")
    assert called(*line).splitlines()[0].split() == ["system", "score"]


def test_objects_show_themselves(records: tuple[Record, ...]) -> None:
    path = cb.Trajectories(
        np.ones((2, 3, 1)), 0.5, variables=("<b>x</b>",), start_times=[0.0, 10.0]
    )
    answer = cb.Forecast(np.full((1, 2, 3), np.nan))
    for shown, words in (
        (path, "2 of 3 samples of 1 variables"), (answer, "6 values"),
        (cb.systems["lorenz"], "Convection"), (Records(records), "88 records"),
    ):  # fmt: skip
        text = shown._repr_html_()
        assert words in text
        assert "<b>" not in text
        assert len(text) < 5000
    assert path.to_frame()["time"].tolist() == [0.0, 0.5, 1.0, 10.0, 10.5, 11.0]
    assert path.to_arrow().column_names == ["trajectory", "time", "<b>x</b>"]
    table, frame = Records(records).to_arrow(), Records(records).to_frame()
    assert table.column_names == list(frame.columns)
    assert table["score"].to_pylist()[0] == frame["score"][0]
    assert table["score"].null_count == 3
    with pytest.raises(InputError, match="'time'"):
        cb.Trajectories(np.ones((9, 1)), 0.5, variables=("time",)).to_frame()


def test_a_board_becomes_an_arrow_table(board: Leaderboard) -> None:
    table = board.to_arrow()
    assert table.column_names == list(board.flat()[0])
    assert table["score"].to_pylist() == [line.score for line in board]
