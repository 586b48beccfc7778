"""An entry is made of a run, read for a board, and verified from its forecasts alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from forging import CLOUD, FAULTY, SAID
from typer.testing import CliRunner

import chaosbench as cb
from chaosbench.cli import app
from chaosbench.entries import Statement, open_bundle, read_entry, submit, verify_entry
from chaosbench.entries._rerun import agree, chosen
from chaosbench.entries._statement import facts_of
from chaosbench.errors import InputError, RecipeMismatchError
from chaosbench.evaluation import read_records, write_file
from chaosbench.isolation import description


def test_a_bundle_holds_what_the_run_holds(home, bundle):
    entry = open_bundle(bundle)
    assert entry.statement == SAID
    assert [r.forecaster for r in entry.records].count(CLOUD) == 2
    assert len(entry.records) == 6
    of_run = {(r.task, r.forecaster): r for r in read_records(home)}
    for record in entry.records:
        other = of_run[record.task, record.forecaster]
        assert (record.status, record.question) == (other.status, other.question)
        for name, values in other.window_scores.items():
            np.testing.assert_allclose(record.window_scores[name], values, rtol=1e-4, atol=1e-6)
    assert {path.suffix for path in bundle.rglob("*") if path.is_file()} == {".toml", ".parquet"}
    assert "/" not in json.dumps([r.provenance["plugins"] for r in entry.records])
    assert entry.facts["recipes"]["forecast/henon-v2 exam seed 0"] == (
        cb.tasks["forecast/henon-v2"].dataset.hash
    )


def test_it_is_verified_from_its_forecasts_and_from_data_made_anew(bundle, cache):
    for made in cache.iterdir():
        shutil.rmtree(made)
    found = verify_entry(bundle)
    assert [(c.trouble, c.differing, c.note) for c in found.cells] == [("", (), "")] * 6
    assert found.holds
    assert sum(bool(c.record.scores) for c in found.cells) >= 4
    assert len(list(cache.iterdir())) == 2


def test_the_same_run_gives_the_same_bytes(home, bundle, tmp_path):
    names = ("persistence", CLOUD, "blows_up")
    again = submit([home], tmp_path / "again", SAID, forecasters=names)
    assert again.hash == open_bundle(bundle).hash
    twice = submit([home, home], tmp_path / "twice", SAID, forecasters=names)
    assert twice.hash == again.hash


def test_in_double_precision_the_records_are_those_of_the_run(home, tmp_path):
    made = submit([home], tmp_path / "b", SAID, double=True)
    of_run = {(r.task, r.forecaster): r.forecast for r in read_records(home)}
    assert {r.forecaster for r in made.records} == {CLOUD, "blows_up"}  # not the floor
    assert all(r.forecast == of_run[r.task, r.forecaster] for r in made.records)


def test_what_cannot_be_entered_is_said(home, bundle, tmp_path):
    with pytest.raises(InputError, match="no forecaster 'esn'"):
        submit([home], tmp_path / "b", SAID, forecasters=["esn"])
    with pytest.raises(RecipeMismatchError, match="exists already"):
        submit([home], bundle, SAID)
    with pytest.raises(InputError, match="no run's directory"):
        submit([bundle], tmp_path / "b", SAID)
    other = tmp_path / "other"
    shutil.copytree(home, other)
    for path in (other / "records").glob("*ensemble*"):
        (record,) = read_records(path)
        write_file(path, [replace(record, scores={**record.scores, "smape": 1.0})])
    with pytest.raises(InputError, match=r"other scores than its forecast gives \(smape\)"):
        submit([other], tmp_path / "b", SAID)


def test_an_entry_beside_its_run_counts_once(home, bundle):
    run, entry = list(read_records(home)), list(read_entry(bundle))
    alone = cb.leaderboard(run, bootstrap=0)
    assert cb.leaderboard([*run, *entry], bootstrap=0) == alone
    assert cb.leaderboard([*entry, *run, *entry], bootstrap=0) == alone
    assert {line.forecaster for line in cb.leaderboard(entry, bootstrap=0)} == {
        "persistence", CLOUD, "blows_up",
    }  # fmt: skip


def test_commands(home, bundle, tmp_path):
    description._FILES.clear()
    asked = [
        "submit", str(home), "--name", "mine", "--authors", "A. Nobody", "--authors", "B",
        "--url", "https://example.org", "--license", "MIT", "--trained-on", "nothing",
        "-f", "persistence", "--out", str(tmp_path / "entries" / "mine"),
    ]  # fmt: skip
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(
        app, ["verify", str(tmp_path / "entries/mine"), "--rerun", "1", "--format", "json"]
    )
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    assert found["holds"]
    assert [cell["says"] for cell in found["cells"]] == [["run again: the same forecast"]] * 2
    done = CliRunner().invoke(
        app, ["leaderboard", "show", str(home), "--entries", str(tmp_path / "entries")]
    )
    assert done.exit_code == 0, done.output
    assert "12 runs" in done.stdout  # the entry's two are the run's


def test_cells_are_run_again_with_what_is_installed_here(bundle):
    description._FILES.clear()
    found = verify_entry(bundle, rerun=1.0)
    assert found.holds
    for cell in found.cells:
        if cell.record.forecaster == "persistence":
            assert cell.rerun.same
            assert cell.rerun.agrees
        else:
            name = cell.record.forecaster.partition(":")[0]
            assert cell.rerun == f"{name} is not installed here"


@pytest.mark.slow
def test_a_plugin_that_the_verifier_gives_is_run(bundle):
    found = verify_entry(bundle, rerun=1.0, plugins=[FAULTY])
    assert all(c.rerun.same and c.rerun.agrees and not c.rerun.note for c in found.cells)


def test_the_stated_tolerance_of_a_rerun():
    """The differences between two processors that were seen, and what is beyond them."""
    for told, found in ((8.9, 9.0), (5.9, 6.4), (0.1, 0.5)):
        assert agree("vpt@0.4", told, found)
        assert agree("vpt@0.4", found, told)
    assert not agree("vpt@0.4", 5.9, 6.6)
    assert not agree("vpt@0.4", 20.0, 23.0)
    assert agree("d_stsp", 0.13, 0.08)
    assert not agree("d_stsp", 0.13, 0.05)
    assert agree("d_stsp", float("nan"), float("nan"))
    assert not agree("d_stsp", float("inf"), 1.0)


def test_cells_are_drawn_by_the_seed(bundle):
    records = list(open_bundle(bundle).records)
    assert chosen(records, 0.5, 1) == chosen(records, 0.5, 1)
    assert len(chosen(records, 0.5, 1)) == 3
    assert len(chosen(records, 0.001, 1)) == 1
    assert {len(chosen(records, 1.0, seed)) for seed in range(3)} == {6}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../x"), ("name", "A"), ("name", ""), ("name", "a" * 49), ("name", 3),
        ("authors", ()), ("authors", ("",)), ("authors", ("<b>A</b>",)), ("authors", ("A\x1b[1m",)),
        ("authors", ("a",) * 101), ("url", "javascript:alert(1)"), ("url", "https://a b"),
        ("url", 'https://a"onclick="x'), ("license", "<script>"), ("license", ""),
        ("trained_on", "x" * 2001), ("trained_on", "a\u202eb"), ("trained_on", " "),
    ],
)  # fmt: skip
def test_a_statement_is_plain_text(field, value):
    with pytest.raises(InputError):
        replace(SAID, **{field: value})


def test_facts_name_every_value(bundle):
    records = list(open_bundle(bundle).records)
    other = replace(records[0], provenance={**records[0].provenance, "exposure": "catalogue"})
    facts = facts_of([*records, other])
    assert facts["exposure"][other.forecaster] == "catalogue; not pretrained"
    assert Statement.of({**SAID.to_dict()}) == SAID
