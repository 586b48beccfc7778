"""The Leaderboard object and its renderings in a terminal, a notebook, a frame and JSON."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

import chaosbench.leaderboard as leaderboard
from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.leaderboard import Leaderboard, render, show
from chaosbench.leaderboard._columns import compact

Make = Callable[..., list[Record]]


@pytest.fixture(scope="module")
def board(records: tuple[Record, ...]) -> Leaderboard:
    return leaderboard(records, bootstrap=100)


def test_the_package_can_be_called_and_is_still_a_package(board: Leaderboard) -> None:
    assert isinstance(board, Leaderboard)
    assert leaderboard.__all__ == sorted(leaderboard.__all__)
    assert all(hasattr(leaderboard, name) for name in leaderboard.__all__)
    assert (len(board), board[0].rank, board[-1].privileged) == (11, 1, True)
    assert [line.forecaster for line in board] == [line.forecaster for line in board.standings]
    assert (len(board.systems), len(board.tasks), board.cells, board.failures) == (8, 8, 88, 4)


def test_importing_costs_no_heavy_library() -> None:
    code = (
        "import sys, chaosbench.leaderboard; "
        "print([m for m in ('rich', 'pandas', 'scipy', 'numba', 'darts') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_json_is_an_array_of_standings_without_nan(board: Leaderboard) -> None:
    rows = json.loads(board.to_json(), parse_constant=pytest.fail)
    assert [row["forecaster"] for row in rows] == [line.forecaster for line in board]
    for row, line in zip(rows, board, strict=True):
        assert (row["rank"], row["failures"]) == (line.rank, line.failures)
        assert (row["score"], row["ci_low"], row["ci_high"]) == (
            line.score, line.ci_low, line.ci_high,
        )  # fmt: skip
    assert rows[-1]["rank"] is None
    assert rows[-1]["win_rate"] is None
    assert math.isnan(board[-1].win_rate)
    assert rows[2]["failures_by_status"] == {"diverged": 1, "timeout": 1}


def test_frame_has_a_row_a_standing_and_a_column_a_score(board: Leaderboard) -> None:
    frame = board.to_frame()
    assert frame["forecaster"].tolist() == [line.forecaster for line in board]
    assert frame["rank"].isna().tolist() == [False] * 10 + [True]
    assert frame.set_index("forecaster").loc["sindy", "failures_timeout"] == 1
    assert frame["failures_timeout"].sum() == 1
    assert frame["d_stsp"].notna().all()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_terminal_table_fits_and_keeps_what_matters(board: Leaderboard, width: int) -> None:
    text = render(board, width=width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    for line in board:
        (row,) = [row for row in lines if re.search(rf" {re.escape(line.forecaster)}  ", row)]
        digits = 1 if line.score >= 1 else 2
        numbers = [f"{x:.{digits}f}" for x in (line.score, line.ci_low, line.ci_high)]
        assert "{} [{}, {}]".format(*numbers) in row
    assert "≥10.0" in next(row for row in lines if "true_equation" in row)
    heads = ["#", "forecaster", "VPT ↑", "fail ↓"]
    heads += ["places", "D_stsp ↓", "D_H ↓", "won ↑"] if width >= 80 else []
    heads += ["tie", "s ↓"] if width >= 100 else []
    heads += ["rank ↓", "MiB ↓", "MASE ↓", "sMAPE@1 ↓"] if width >= 140 else []
    assert all(head in lines[0] for head in heads)


def test_the_ceiling_has_its_own_section_at_the_bottom_in_dim(board: Leaderboard) -> None:
    lines = render(board, width=100, color=True).splitlines()
    where = next(i for i, line in enumerate(lines) if "true_equation" in line)
    assert lines[where].startswith("\x1b[2m")
    assert not re.sub(r"\x1b\[\d+m", "", lines[where - 1]).strip(" ─")
    assert "persistence" in lines[where - 2]


def test_names_are_printed_as_they_are_and_long_ones_folded() -> None:
    records = [
        Record(
            task="forecast/lorenz-v1", system="lorenz", forecaster=name, config={}, seed=0,
            exam_seed=0, status="ok", window_scores={"vpt@0.4": (1.0, 2.0)},
        )
        for name in ("[red]bold[/red]", "esn:" + ",".join(f"setting{i}=1" for i in range(6)))
    ]  # fmt: skip
    text = render(leaderboard(records, bootstrap=0), width=80)
    assert "[red]bold[/red]" in text
    assert "setting5" in re.sub(r"\s", "", text)
    assert "[" not in text.replace("[red]bold[/red]", "").split("VPT: ")[0]  # no interval


def test_an_incomplete_line_is_marked(records: tuple[Record, ...]) -> None:
    partial = [r for r in records if (r.forecaster, r.system) != ("esn", "chua")]
    text = render(leaderboard(partial, bootstrap=0), width=100)
    assert "esn †" in text
    assert "incomplete" in text
    assert "†" not in render(leaderboard(records, bootstrap=0), width=100)


def test_a_terminal_without_unicode_gets_ascii(board: Leaderboard) -> None:
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show(board, Console(file=raw, width=100))
    raw.flush()
    text = raw.buffer.getvalue().decode("ascii")
    assert ">=10.0" in text
    assert "D_stsp v" in text


def test_show_prints_to_standard_output(
    board: Leaderboard, capsys: pytest.CaptureFixture[str]
) -> None:
    show(board)
    assert "esn:units=1000" in capsys.readouterr().out


def test_repr_is_the_table_and_html_is_escaped(
    board: Leaderboard, records: tuple[Record, ...]
) -> None:
    assert repr(board) == render(board).rstrip()
    assert board.summary.startswith("10 forecasters and 1 ceiling, 8 systems, 88 runs (4 failed), ")
    hostile = [Record(**(vars(r) | {"forecaster": f"<script>{r.forecaster}"})) for r in records]
    markup = leaderboard(hostile, bootstrap=0)._repr_html_()
    assert "<script>" not in markup
    assert "&lt;script&gt;esn" in markup


def test_one_of_each_is_singular() -> None:
    record = Record(
        task="forecast/lorenz-v1", system="lorenz", forecaster="f", config={}, seed=0,
        exam_seed=3, status="ok", window_scores={"vpt@0.4": (1.0,)},
    )  # fmt: skip
    board = leaderboard([record], bootstrap=10)
    assert board.summary.startswith("1 forecaster, 1 system, 1 run (0 failed), exam seed 3")


def test_settings_reach_the_ranking(make_exam: Make) -> None:
    both = make_exam() + make_exam(exam_seed=1)
    with pytest.raises(InputError, match="exam_seed"):
        leaderboard(both)
    board = leaderboard(both, exam_seed=1, bootstrap=0, metric="vpt@0.5")
    assert (board.exam_seed, board.metric) == (1, "vpt@0.5")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (0.0004, "<0.001"), (0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"),
     (123.4, "123"), (12345.6, "12,346"), (math.nan, "–")],
)  # fmt: skip
def test_amounts_print_to_about_three_digits(value: float, text: str) -> None:
    assert compact(value) == text
