"""Forecasters head to head: the board's own test, with intervals that agree with it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import chaosbench.leaderboard as leaderboard
from chaosbench.cli import app
from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.evaluation._record_files import write_file
from chaosbench.leaderboard import Comparison, compare
from chaosbench.leaderboard._order import holm

pytestmark = pytest.mark.filterwarnings("ignore:.*come without the forecasts")


@pytest.fixture(scope="module")
def made(records: tuple[Record, ...]) -> Comparison:
    return compare(records, "esn", "sindy", "persistence", bootstrap=200)


def test_scores_are_those_of_the_board(records: tuple[Record, ...], made: Comparison) -> None:
    board = {line.forecaster: line for line in leaderboard(records, bootstrap=0)}
    for pair in made.pairs:
        assert pair.first_score == board[pair.first].score
        assert pair.second_score == board[pair.second].score
        assert pair.difference == pair.first_score - pair.second_score
        assert pair.ratio == pytest.approx((pair.first_score + 0.01) / (pair.second_score + 0.01))
    assert made.windows == 160
    assert [row.windows for row in made.systems] == [20] * 8


def test_the_test_is_that_of_the_tie_groups(records: tuple[Record, ...]) -> None:
    """Of two rows there is one pair, so that Holm changes nothing."""
    names = ("sindy", "esn", "nvar", "parroting", "climatology")
    for a, b in [(a, b) for a in names for b in names if a < b]:
        pair = compare(records, a, b, bootstrap=200).pairs[0]
        kept = [r for r in records if r.forecaster in (a, b, "climatology")]
        board = leaderboard(kept, bootstrap=200)
        if "climatology" in (a, b):  # else there is a third row, for failed runs need it
            apart = board[0].tie_group != board[1].tie_group
            assert apart == (pair.p < 0.05) == bool(pair.better)
        assert (pair.ratio_low > 1 or pair.ratio_high < 1) == (pair.p < 0.05)


def test_p_is_a_t_test_of_replicates_of_the_log_ratio(records: tuple[Record, ...]) -> None:
    """The oracle draws systems and windows itself, and takes medians with numpy."""
    kept = [r for r in records if r.forecaster in ("random_forest", "parroting")]
    kept = [r for r in kept if r.status == "ok" and r.system != "lorenz96"]
    pair = compare(kept, "random_forest", "parroting", bootstrap=1500).pairs[0]
    rng, systems = np.random.default_rng(1), sorted({r.system for r in kept})
    held = {(r.forecaster, r.system): np.array(r.window_scores["vpt@0.4"]) for r in kept}
    drawn = []
    for _ in range(1500):
        chosen = [systems[k] for k in rng.integers(len(systems), size=len(systems))]
        picks = [rng.integers(20, size=20) for _ in chosen]
        one, two = (
            np.median(np.concatenate([held[f, s][p] for s, p in zip(chosen, picks, strict=True)]))
            for f in ("random_forest", "parroting")
        )
        drawn.append(math.log(one + 0.01) - math.log(two + 0.01))
    n = len(systems)
    error = math.sqrt(n / (n - 1)) * np.std(drawn, ddof=1)
    width = math.log(pair.ratio_high) - math.log(pair.ratio_low)
    t = 2.446911851  # of Student's t with 6 degrees of freedom, 97.5%
    assert n == 7
    # each standard deviation of 1,500 replicates is known to 1.8%: three times 2.6%
    assert width == pytest.approx(2 * t * error, rel=0.08)


def test_p_is_corrected_for_all_pairs(made: Comparison) -> None:
    assert len(made.pairs) == 3
    corrected = holm(np.array([pair.p for pair in made.pairs]))
    assert [pair.p_holm for pair in made.pairs] == corrected.tolist()
    best = next(pair for pair in made.pairs if pair.second == "persistence")
    assert (best.first, best.better, best.won, best.lost) == ("esn", "esn", 8, 0)


def test_an_exchange_of_the_two_turns_every_sign(records: tuple[Record, ...]) -> None:
    one = compare(records, "esn", "nvar", bootstrap=200).pairs[0]
    two = compare(reversed(records), "nvar", "esn", bootstrap=200).pairs[0]
    assert (one.p, one.difference, one.won, one.better) == (
        two.p, -two.difference, two.lost, two.better,
    )  # fmt: skip
    assert one.ratio_low == pytest.approx(1 / two.ratio_high)


def test_a_forecaster_against_its_equal_is_a_tie(make_record: Callable[..., Record]) -> None:
    from dataclasses import replace

    first = [make_record("esn", system) for system in ("lorenz", "chua", "aizawa")]
    second = [replace(r, forecaster="twin") for r in first]
    pair = compare([*first, *second], "esn", "twin", bootstrap=50).pairs[0]
    assert (pair.difference, pair.ratio, pair.p, pair.better, pair.tied) == (0.0, 1.0, 1.0, "", 3)


def test_only_common_tasks_count(make_record: Callable[..., Record]) -> None:
    records = [make_record("esn", s) for s in ("lorenz", "chua", "aizawa")]
    records += [make_record("nvar", s) for s in ("lorenz", "chua", "rossler")]
    made = compare(records, "esn", "nvar", bootstrap=50)
    assert [row.system for row in made.systems] == ["chua", "lorenz"]
    assert made.pairs[0].won + made.pairs[0].lost == 2
    alone = [r for r in records if r.system == "lorenz" or r.forecaster == "esn"]
    assert compare(alone, "esn", "nvar", bootstrap=50).pairs[0].p == 1.0
    with pytest.raises(InputError, match="no task of the track forecast has records of all"):
        compare([records[2], records[5]], "esn", "nvar")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["esn"], "two forecasters or more"),
        (["esn", "esn"], "each named once"),
        (["esn", "esm"], "no forecaster in these records named 'esm'.*esn"),
    ],
)
def test_wrong_names(records: tuple[Record, ...], names: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        compare(records, *names)


@pytest.fixture(scope="module")
def run(records: tuple[Record, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "records.parquet"
    write_file(path, records)
    return path


def test_the_command_says_the_same_in_every_format(run: Path, records: tuple[Record, ...]) -> None:
    line = ["leaderboard", "compare", "esn", "sindy", str(run), "--with", "nvar"]
    whole = compare(records, "esn", "sindy", "nvar")
    (found,) = json.loads(CliRunner().invoke(app, [*line, "--format", "json"]).stdout)
    assert found == json.loads(whole.to_json())
    assert found["systems"][0]["scores"].keys() == {"esn", "sindy", "nvar"}
    rows = list(
        csv.DictReader(io.StringIO(CliRunner().invoke(app, [*line, "--format", "csv"]).stdout))
    )
    assert len(rows) == 3 * 9
    pairs = [row for row in rows if not row["system"]]
    assert [float(row["p_holm"]) for row in pairs] == [pair.p_holm for pair in whole.pairs]
    text = CliRunner().invoke(app, line).stdout
    assert "esn against sindy against nvar: 8 systems, 160 windows" in text
    assert "×1" in text
    assert whole.to_frame()["p"].tolist() == [pair.p for pair in whole.pairs]


def test_wrong_command_lines(run: Path) -> None:
    done = CliRunner().invoke(app, ["leaderboard", "compare", "esn", "esm", str(run)])
    assert isinstance(done.exception, InputError)
    assert "did you mean" in str(done.exception)
