"""Whatever is changed in a bundle is refused with the reason; nothing in it is ever executed.

`forger.seal` computes all hashes of a bundle anew, so these are the forgeries of someone who knows
how bundles are made, and not only of someone who edits a file.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import CLOUD, Forger
from typer.testing import CliRunner

import chaosbench as cb
from chaosbench.cli import app
from chaosbench.datasets import generate
from chaosbench.entries import _bundle, _verify, open_bundle, read_entry, verify_entry
from chaosbench.entries._bundle import ENTRY, FILES, FILES_AT_MOST, RECORDS
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.evaluation._seal import question_hash
from chaosbench.evaluation.exam import cache_directory, load_exam
from chaosbench.isolation import description
from chaosbench.leaderboard import render_page
from chaosbench.pages import TooMuchError, check_pages


def refused(path: Path, reason: str) -> None:
    """It says why in one printable sentence."""
    with pytest.raises(CorruptDataError, match=reason) as caught:
        open_bundle(path)
    assert str(caught.value).isprintable()


def faults(path: Path) -> list[str]:
    """Verify, and return what does not hold; the command ends with 1 if there is anything."""
    found = verify_entry(path)
    said = [text for c in found.cells if not c.holds for text in (c.trouble, *c.differing) if text]
    assert bool(said) is not found.holds
    return said


def exam_of(record):
    task = cb.tasks[record.task].with_seed(record.exam_seed)
    stored = generate(task.dataset, cache_directory() / task.dataset.hash)
    return task, stored, load_exam(stored, task)


# scores, forecasts, hashes


@pytest.mark.parametrize("kind", [ENTRY, RECORDS, "forecasts"])
def test_an_edited_file_is_not_the_one_that_is_listed(forger, kind):
    path = forger.place(0) if kind == "forecasts" else forger.path / kind
    path.write_bytes(path.read_bytes() + b" ")
    if kind == "forecasts":
        with pytest.raises(CorruptDataError, match="its SHA-256 differs"):
            read_entry(forger.path)
        assert any("its SHA-256 differs" in text for text in faults(forger.path))
    else:
        refused(forger.path, f"{kind} is not the file that files.toml lists")


def test_an_altered_score_is_named_with_what_the_forecast_gives(forger):
    k = forger.find("persistence", "henon")
    right = forger.records[k].scores["smape"]
    windows = forger.records[k].window_scores
    better = tuple(v + 1.0 for v in windows["vpt@0.4"])
    forger.change(
        k, scores={**forger.records[k].scores, "smape": 1.0},
        window_scores={**windows, "vpt@0.4": better},
    )  # fmt: skip
    smape, vpt = faults(forger.seal())
    assert smape == f"smape: the record says 1.0, its forecast {right!r}"
    assert vpt.startswith(f"vpt@0.4: the record says {better[0]!r} in window 0, its forecast")
    done = CliRunner().invoke(app, ["verify", str(forger.path)])
    assert done.exit_code == 1
    assert "the record says 1.0" in done.stdout
    assert "1 DO NOT HOLD" in done.stdout


def test_an_altered_forecast_is_not_the_one_of_the_record(forger):
    k = forger.find("persistence", "henon")
    values = forger.answer(k).values.values.copy()
    values[0, 0, 0] += 1e-3
    forger.forecast(k, values, bind=False)
    path = forger.seal()
    with pytest.raises(InputError, match="is not the one that its record was made from"):
        read_entry(path)
    assert faults(path) == [
        "the forecast that the bundle keeps is not the one that it was made from"
    ]
    done = CliRunner().invoke(app, ["leaderboard", "show", str(path)])
    assert done.exit_code != 0


def test_an_altered_forecast_with_its_own_hash_has_other_scores(forger):
    k = forger.find("persistence", "henon")
    _, _, exam = exam_of(forger.records[k])
    forger.forecast(k, exam.truth)
    said = faults(forger.seal())
    assert any(text.startswith("vpt@0.4: the record says") for text in said)


def test_only_running_it_again_unmasks_a_forecast_that_is_the_truth(forger):
    k = forger.find("persistence", "henon")
    _, _, exam = exam_of(forger.records[k])
    forger.forecast(k, exam.truth)
    found = verify_entry(forger.seal()).cells[k]
    assert found.differing
    from chaosbench.evaluation import rescore_record

    made = rescore_record(
        open_bundle(forger.path), _bundle.cell_of(forger.records[k]), forger.records[k],
        lambda task: generate(task.dataset, cache_directory() / task.dataset.hash),
    )  # fmt: skip
    forger.change(k, scores=made.scores, window_scores=made.window_scores)
    forger.seal()
    assert verify_entry(forger.path).cells[k].holds
    again = verify_entry(forger.path, rerun=1.0).cells[k]
    assert not again.holds
    assert again.rerun.told > 5 * max(again.rerun.found, 1.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"forecast": "0" * 64}, "is not the one that it was made from"),
        ({"question": "0" * 64}, "are not, to the last bit, what it was asked"),
        ({"dataset": "0" * 16}, "its recipe is '0000000000000000', but that of"),
        ({"fingerprint": "0" * 16}, "the equation of henon has changed"),
        ({"lyapunov_exponent": 0.1}, "it has the Lyapunov exponent 0.1"),
        ({"exam_seed": 5}, "with exam seed 5 is"),
        ({"task": "forecast/ikeda-v2", "system": "ikeda"}, "its recipe is"),
        ({"task": "few/nothing-v2"}, "no task named"),
        ({"system": "logistic"}, "says that the system is 'logistic'"),
        ({"status": "diverged"}, "its status is diverged, but its forecast is finite"),
        ({"status": "timeout", "scores": {}, "window_scores": {}}, "but the bundle keeps its"),
        ({"fit_seconds": -1.0}, "has the fit_seconds -1.0"),
    ],
)  # fmt: skip
def test_a_record_that_says_something_else_is_refused(forger, change, reason):
    k = forger.find("persistence", "henon")
    told = forger.records[k].provenance
    if set(change) <= set(told):
        forger.provenance(k, **change)
    else:
        forger.change(k, **change)
    said = faults(forger.seal())
    assert any(reason in text for text in said), said


def test_a_swapped_task_with_all_its_hashes_does_not_fit(forger):
    """The forecast of one system under the name of another, its recipe and question made right."""
    k, other = forger.find("persistence", "henon"), forger.find("persistence", "logistic")
    there = forger.records[other]
    del forger.records[other]
    for kind in ("forecasts", "samples"):
        path = forger.path / kind / f"{_bundle.cell_of(there)}.parquet"
        path.unlink(missing_ok=True)
    k = forger.find("persistence", "henon")
    forger.change(
        k, task=there.task, system=there.system, question=there.question,
        provenance=there.provenance,
    )  # fmt: skip
    (said,) = faults(forger.seal())
    assert "has the columns 'x', 'y' where 'x' were expected" in said


def test_a_shorter_horizon_is_not_what_was_asked(forger):
    k = forger.find("persistence", "henon")
    values = forger.answer(k).values.values
    forger.forecast(k, values[:, : values.shape[1] // 2])
    (said,) = faults(forger.seal())
    assert f"rows where {values.shape[0] * values.shape[1]:,} were asked for" in said


def test_a_context_with_the_future_in_it_is_another_question(forger):
    k = forger.find("persistence", "henon")
    task, stored, exam = exam_of(forger.records[k])
    peeked = replace(exam, context=np.concatenate([exam.context, exam.truth[:, :5]], axis=1))
    assert question_hash(task, stored.hash, exam) == forger.records[k].question
    forger.change(k, question=question_hash(task, stored.hash, peeked))
    (said,) = faults(forger.seal())
    assert "are not, to the last bit, what it was asked" in said


def test_where_bits_depend_on_the_machine_another_question_is_a_note(forger, monkeypatch):
    """And the score that ranks must still agree as well as two machines do."""
    assert _verify._same_here(cb.tasks["forecast/henon-v2"])
    assert not _verify._same_here(cb.tasks["forecast/henon-v1"])
    assert not _verify._same_here(cb.tasks["forecast/mackey_glass-v2"])
    monkeypatch.setattr(_verify, "_same_here", lambda task: False)
    k = forger.find("persistence", "henon")
    forger.change(k, question="0" * 64)
    cell = verify_entry(forger.seal()).cells[k]
    assert cell.holds
    assert "are not, to the last bit, what it was asked" in cell.note
    windows = forger.records[k].window_scores
    forger.change(k, window_scores={**windows, "vpt@0.4": tuple(v + 1 for v in windows["vpt@0.4"])})
    (said,) = faults(forger.seal())
    assert said.startswith("vpt@0.4: the record says")


def test_nan_that_is_dropped_is_noticed(forger):
    """NaN in a forecast made zero, left out, or made null; and lost samples of a context filled."""
    k = forger.find("blows_up", "henon")
    before = forger.answer(k).values.values
    assert np.isnan(before).any()
    forger.forecast(k, np.nan_to_num(before))
    assert any("diverged, but its forecast is finite" in t for t in faults(forger.seal()))
    forger.change(k, status="ok")
    assert any("the record says" in text for text in faults(forger.seal()))
    forger.change(k, status="diverged")
    forger.forecast(k, before[:, : before.shape[1] // 2])
    assert any("were asked for" in text for text in faults(forger.seal()))
    nulls = {"x": pa.array([None] * before[..., 0].size, pa.float64())}
    nulls["y"] = nulls["x"]
    pq.write_table(pa.table(nulls), forger.place(k))
    assert any("has gaps" in text for text in faults(forger.seal()))
    task, stored, exam = exam_of(forger.records[k])
    lost = exam.context.copy()
    lost[0, 3] = np.nan
    asked = [question_hash(task, stored.hash, replace(exam, context=c)) for c in (
        lost, np.nan_to_num(lost))]  # fmt: skip
    assert len({*asked, forger.records[k].question}) == 3


def test_another_seed_is_another_cell(forger):
    k = forger.find("persistence", "henon")
    forger.records[k] = replace(forger.records[k], seed=7)
    refused(forger.seal(), "belongs to none of the records")


def test_two_records_of_one_cell_are_refused(forger):
    k = forger.find("persistence", "henon")
    forger.records.append(replace(forger.records[k], scores={}))
    refused(forger.seal(), "two records are of 'persistence'")


def test_the_statement_says_what_the_records_say(forger):
    refused(
        forger.seal(facts={"exposure": {"persistence": "none"}}),
        "entry.toml and the records disagree on 'exposure'",
    )
    refused(forger.seal(facts={"more": {"a": "b"}}), "disagree on 'more'")
    refused(forger.seal(said={"format": 2}), "not of format 1")


def test_nobody_enters_a_ceiling(forger):
    forger.change(0, privileged=True)
    refused(forger.seal(), "a ceiling is nobody's entry")


def test_commands_say_why_in_one_sentence(bundle, forger):
    name = "forecasts/\x1b[31m<img src=x>.parquet"
    (forger.path / name).write_bytes(b"")
    done = CliRunner().invoke(app, ["verify", str(forger.path), str(bundle)])
    assert done.exit_code == 2
    assert "6 records, VERIFIED" in done.stdout  # the other one is verified all the same
    board = subprocess.run(
        [sys.executable, "-m", "chaosbench", "leaderboard", "show", str(forger.path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert board.returncode == 2
    for said in (done.stderr, board.stderr):
        (line,) = [text for text in said.splitlines() if text.startswith("error: ")]
        assert "is no file of a bundle" in line
        assert line.isprintable()


# files, names, sizes


@pytest.mark.parametrize(
    "name",
    ["../escaped.parquet", "forecasts/../../escaped.parquet", "/etc/passwd", "forecasts/a\x1b[2J",
     "forecasts/<script>alert(1)</script>.parquet", "", "records.parquet/x"],
)  # fmt: skip
def test_a_list_that_names_other_places_is_refused(forger, name):
    refused(forger.list_files(**{name: "0" * 64}), "files.toml lists")


@pytest.mark.parametrize(
    "name",
    ["evil.py", "setup.cfg", "forecasts/evil.py", "forecasts/a\nb.parquet", "samples/.hidden",
     "forecasts/\x1b[31m.parquet", "forecasts/<img src=x>.parquet", "more/a.parquet",
     "forecasts/deep/a.parquet"],
)  # fmt: skip
def test_a_file_that_no_bundle_has_is_refused(forger, name):
    path = forger.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    forger.list_files()
    refused(forger.path, "is no file of a bundle|is no regular file")


@pytest.mark.parametrize(
    "label", ["../../up", "a/b", "<script>", "x\x1b[2J", "a:b=<i>", " ", "x" * 65, "é"]
)
def test_a_label_that_is_none_is_refused(forger, label):
    forger.change(0, forecaster=label)
    refused(forger.seal(), "is no label of a forecaster|has no label")


def test_text_of_records_is_only_text(forger):
    k = forger.find("blows_up", "henon")
    hostile = "<script>alert(1)</script>\x1b]0;owned\x07\u202e"
    forger.change(k, message=hostile, equations=(hostile,), traceback=(hostile,))
    records = read_entry(forger.seal())
    page = render_page(records)
    assert "<script>alert(1)" not in page
    assert "\x1b" not in page
    for command in (["leaderboard", "show"], ["verify"]):
        done = CliRunner().invoke(app, [*command, str(forger.path)])
        assert done.exit_code == 0, done.output
        assert "\x1b" not in done.output
        assert "\u202e" not in done.output


def test_links_and_devices_are_refused(bundle, forger, tmp_path):
    os.symlink(bundle, tmp_path / "link")
    refused(tmp_path / "link", "it is a link")
    for name in ("forecasts/x.parquet", "x", ENTRY):
        place = forger.path / name
        kept = place.read_bytes() if place.exists() else None
        place.unlink(missing_ok=True)
        os.symlink("/etc/passwd", place)
        refused(forger.path, "is a link; a bundle has none")
        place.unlink()
        if kept is not None:
            place.write_bytes(kept)
    place = forger.path / "forecasts/x.parquet"
    os.mkfifo(place)
    refused(forger.path, "is no regular file")
    place.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(place.parent)  # the path of a socket is short
        try:
            made.bind("x.parquet")
        finally:
            os.chdir(here)
    refused(forger.path, "is no regular file")
    place.unlink()
    folder = forger.path / "polynomials"
    os.symlink("/dev", folder)
    refused(forger.path, "polynomials is no directory")
    refused(Path("/dev/null"), "it is no directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device files")
def test_a_device_file_is_refused(forger):
    import stat

    os.mknod(forger.path / "forecasts/zero.parquet", stat.S_IFCHR | 0o644, os.makedev(1, 5))
    refused(forger.path, "is no regular file")


def test_a_missing_file_is_named(forger):
    forger.place(0).unlink()
    refused(forger.path, "files.toml lists 'forecasts/.*': it is not there")
    refused(forger.list_files(), "the forecast of .* is missing")
    (forger.path / FILES).unlink()
    refused(forger.path, "it holds no files.toml")


def test_nothing_in_a_bundle_is_executed(forger, tmp_path):
    """Code that a record names, and code in the metadata of a Parquet file."""
    ran = tmp_path / "ran"
    code = tmp_path / "blows_up.py"
    code.write_text(f"open({str(ran)!r}, 'w').close()\n")
    k = forger.find("blows_up", "henon")
    forger.provenance(k, plugins={str(code): "0" * 12}, code={"package": str(code)})
    pickled = b"cos\nsystem\n(S'touch " + str(ran).encode() + b"'\ntR."
    table = pq.read_table(forger.place(k))
    field = table.schema.field(0).with_metadata({
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickled,
    })  # fmt: skip
    schema = pa.schema([field, *list(table.schema)[1:]])
    pq.write_table(pa.Table.from_arrays(table.columns, schema=schema), forger.place(k))
    forger.seal()
    description._FILES.clear()  # nobody gave a plugin
    found = verify_entry(forger.path, rerun=1.0)
    assert not ran.exists()
    assert found.cells[k].rerun == "blows_up is not installed here"


# size: what is small on disk and large in memory


def declared(path: Path, size: int) -> None:
    """Make the first page of a Parquet file announce so many bytes when unfolded."""
    data = path.read_bytes()
    assert data[4] == 0x15  # the first field of the page's header, the kind of page
    begin = 6
    assert data[begin] == 0x15  # the second one, its unfolded size
    end = begin + 1
    while data[end] & 0x80:
        end += 1
    number, value = b"", 2 * size
    while value >= 0x80:
        number += bytes([value & 0x7F | 0x80])
        value >>= 7
    number += bytes([value])
    path.write_bytes(data[: begin + 1] + number + data[end + 1 :])


def test_a_page_that_declares_ten_gigabytes_is_refused(forger):
    k = forger.find("persistence", "henon")
    declared(forger.place(k), 10 * 2**30)
    (said,) = faults(forger.list_files())
    assert "has a page that unfolds to 10,240 MiB" in said
    declared(forger.path / RECORDS, 10 * 2**30)
    with pytest.raises(CorruptDataError, match="unfolds to 10,240 MiB"):
        open_bundle(forger.list_files())


def test_room_is_not_made_for_what_only_the_footer_claims(tmp_path):
    """A reader of whole columns makes room for what the footer says before it sees a page."""
    pq.write_table(pa.table({"x": np.zeros(1000), "y": np.zeros(1000)}), tmp_path / "x.parquet")
    data = (tmp_path / "x.parquet").read_bytes()
    limits = {"page_at_most": 2**20, "unfolded_at_most": 2**20, "values_at_most": 2001}
    check_pages(data, "a table", **limits, total_at_most=2000)
    for fewer in ({"total_at_most": 1999}, {"total_at_most": 2000, "values_at_most": 999}):
        with pytest.raises(TooMuchError, match="unfolds to more than a table may hold"):
            check_pages(data, "a table", **{**limits, **fewer})


def risen(path: Path) -> tuple[int, str]:
    """Verify in another process; return by how many MiB its memory rose, and what it said."""
    program = f"""
import resource, sys
import pyarrow.parquet, chaosbench.entries, chaosbench.cli
from chaosbench.errors import InputError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    found = chaosbench.entries.verify_entry({str(path)!r})
    said = "; ".join(c.trouble for c in found.cells if c.trouble)
except InputError as error:
    said = str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print(said)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, said = done.stdout.split("\n", 1)
    return int(first), said


def test_ten_thousand_files_are_enough(forger):
    source = forger.place(0)
    for number in range(FILES_AT_MOST + 1):
        os.link(source, forger.path / "samples" / f"{number}.parquet")
    refused(forger.path, "it holds more than 10,000 files")


@pytest.mark.slow
def test_a_million_tiny_files_take_no_memory(forger):
    for number in range(10**6):
        os.close(os.open(forger.path / "samples" / f"{number}.parquet", os.O_CREAT | os.O_WRONLY))
    begin = time.monotonic()
    rise, said = risen(forger.path)
    assert "it holds more than 10,000 files" in said
    assert rise < 50
    assert time.monotonic() - begin < 60


@pytest.mark.slow
def test_ten_gigabytes_of_numbers_in_a_small_file_take_no_memory(forger):
    """Runs of one number: 1.3 billion of them, in a file of some megabytes."""
    k = forger.find("persistence", "logistic")
    part = pa.table({"x": pa.array(np.zeros(10**7))})
    with pq.ParquetWriter(forger.place(k), part.schema, compression="zstd") as file:
        for _ in range(130):
            file.write_table(part, row_group_size=10**7)
    assert forger.place(k).stat().st_size < 2**23
    rise, said = risen(forger.list_files())
    assert "1,300,000,000 rows where" in said
    assert rise < 200


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (FILES, "\n".join(f"k{n} = '{n}'" for n in range(90_000)), "larger than a file of a"),
        (FILES, "\n".join(f"k{n} = {n}" for n in range(50_000)), "'k0', which is no file"),
        (FILES, "a = " + "[" * 100_000, "cannot be read as TOML"),
        (FILES, ".".join("a" * 500_000) + " = 1", "it has a key of many parts"),
        (FILES, "['#'." + ".".join("a" * 500_000) + "]", "it has a key of many parts"),
        (FILES, "a = '''\n'''", "texts of several lines"),
        (FILES, "a = 1\na = 2", "cannot be read as TOML"),
        (FILES, "\x00", "cannot be read as TOML"),
        (ENTRY, "\n".join(f"k{n} = '{n}'" for n in range(90_000)), "larger than a file of a"),
        (ENTRY, "format = 1\n" + "\n".join(f"k{n} = {n}" for n in range(50_000)), "says no name"),
        (ENTRY, "format = " + "9" * 100_000, "cannot be read as TOML|not of format"),
    ],
    ids=lambda value: value[:12],
)  # fmt: skip
def test_toml_with_a_megabyte_of_keys_is_refused(forger, name, content, reason):
    (forger.path / name).write_text(content)
    if name == ENTRY:
        forger.list_files()
    begin = time.process_time()
    refused(forger.path, reason)
    assert time.process_time() - begin < 10


def test_samples_that_are_none_of_the_forecast_are_refused(forger):
    k = forger.find(CLOUD, "henon")
    table = pq.read_table(forger.place(k, "samples"))
    pq.write_table(table.slice(0, table.num_rows - 1), forger.place(k, "samples"))
    (said,) = faults(forger.list_files())
    assert "does not hold samples of its forecast" in said
    forger.place(k, "samples").unlink()
    said = faults(forger.list_files())
    assert any("does not keep its samples" in text for text in said)


def test_another_forger_starts_from_the_bundle(bundle, tmp_path):
    """The oracle of this file: sealed again without a change, the bundle is verified."""
    forged = Forger(bundle, tmp_path / "same")
    assert faults(forged.seal()) == []
