"""Files of Records that were damaged, edited, or written by a stranger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chaosbench.errors import CorruptDataError
from chaosbench.evaluation import Record, read_records
from chaosbench.evaluation._record_files import (
    ROWS_AT_MOST,
    TEXT_AT_MOST,
    _row,
    _schema,
    read_file,
    write_file,
)

RECORD = Record(
    task="forecast/lorenz-v1", system="lorenz", forecaster="esn:units=10", config={"units": 10},
    seed=1, exam_seed=3, status="ok", scores={"d_stsp": 1.5, "mase": float("inf")},
    window_scores={"vpt@0.4": tuple(np.linspace(0.1, 9.7, 20)), "censored@0.4": (0.0,) * 20},
    fit_seconds=0.5, predict_seconds=0.25, cpu_seconds=0.7, peak_memory_mib=100.0,
    equations=("x0' = -10 x0",), traceback=("in fit",), question="ab" * 32, forecast="cd" * 32,
    provenance={"versions": {"numpy": "2"}, "budget": {"seconds": 1.0}, "horizon_lyapunov": 10.0},
)  # fmt: skip
SEALS = ["question", "forecast", "version", "checksum"]


def unlike(path, count, seed):
    """Flip single bits of a file; return how many went unseen, and how many were refused."""
    right, good = path.read_bytes(), list(read_file(path))
    rng, refused, changed = np.random.default_rng(seed), 0, []
    for bit in rng.choice(8 * len(right), size=count, replace=False):
        wrong = bytearray(right)
        wrong[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(wrong)
        try:
            if list(read_file(path)) != good:
                changed.append(int(bit))
        except CorruptDataError:
            refused += 1
    path.write_bytes(right)
    return changed, refused


@pytest.mark.parametrize(
    ("count", "seed"), [(60, 1), pytest.param(1200, 0, marks=pytest.mark.slow)]
)
def test_no_flipped_bit_reads_as_another_record(tmp_path, count, seed):
    path = tmp_path / "cell.parquet"
    write_file(path, [RECORD, replace(RECORD, seed=2, status="timeout")])
    changed, refused = unlike(path, count, seed)
    assert changed == []
    # the others lie where nothing is read: padding, statistics, the name of the writer
    assert refused > 0.5 * count


def test_without_checksums_flipped_bits_were_read_as_other_numbers(tmp_path):
    """The oracle of the test above: the same flips in a file of version 1 go unseen."""
    path = tmp_path / "cell.parquet"
    table = pa.Table.from_pylist([_row(RECORD)], schema=_schema()).drop_columns(SEALS)
    pq.write_table(table, path, compression="zstd")
    changed, _ = unlike(path, 60, 1)
    assert changed


def edited(path, **columns):
    """Replace columns of a sealed file, and keep its footer."""
    table = pq.read_table(path)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(name), pa.array(values, table[name].type)
        )
    pq.write_table(table, path, compression="zstd")


@pytest.mark.parametrize(
    "change",
    [
        {"status": ["timeout"]}, {"privileged": [True]}, {"seed": [7]}, {"forecaster": ["nvar"]},
        {"fit_seconds": [0.1]}, {"config": ["{}"]}, {"forecast": [""]}, {"version": [1]},
        {"scores": [[("d_stsp", 0.5)]]}, {"checksum": ["0" * 64]},
    ],
)  # fmt: skip
def test_an_edited_field_is_noticed(tmp_path, change):
    path = tmp_path / "cell.parquet"
    write_file(path, [RECORD])
    edited(path, **change)
    with pytest.raises(CorruptDataError, match=r"cell\.parquet .*checksum it states.*edited"):
        read_records(path)


def test_records_that_were_taken_out_or_added_are_noticed(tmp_path):
    path = tmp_path / "cell.parquet"
    write_file(path, [RECORD, replace(RECORD, seed=2), replace(RECORD, seed=3)])
    table = pq.read_table(path)
    for other in (table.slice(0, 2), pa.concat_tables([table, table.slice(0, 1)])):
        pq.write_table(other.replace_schema_metadata(table.schema.metadata), path)
        with pytest.raises(CorruptDataError, match="taken out or added"):
            read_records(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    with pytest.raises(CorruptDataError, match="taken out or added"):
        read_records(path)


def foreign(path, rows=1, **columns):
    """Write a file of version 1, which needs no checksum, with columns of a stranger's choice."""
    table = pa.Table.from_pylist([_row(RECORD)] * rows, schema=_schema()).drop_columns(SEALS)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        array = values if isinstance(values, pa.Array) else pa.array(values, table[name].type)
        table = table.set_column(place, pa.field(name, array.type), array)
    pq.write_table(table, path, compression="zstd")
    return path


DEEP = '{"a":' * 20 + "1" + "}" * 20
DEEPER = "[" * 100_000
FOREIGN = {
    "a null": ({"status": [None]}, "empty field"),
    "a null score": ({"scores": [[("d_stsp", None)]]}, "empty field"),
    "a null window": ({"window_scores": [[("vpt@0.4", [1.0, None])]]}, "empty field"),
    "no windows": ({"window_scores": [[("vpt@0.4", None)]]}, "empty field"),
    "a null line": ({"equations": [["x", None]]}, "empty field"),
    "another type": ({"seed": pa.array([1.0])}, "no chaosbench records"),
    "a list": ({"seed": pa.array([[1]])}, "no chaosbench records"),
    "a status": ({"status": ["won\x1b[2J"]}, r"unknown status 'won\\\\x1b\[2J'"),
    "no JSON": ({"config": ["{"]}, "config is no JSON"),
    "no object": ({"provenance": ["[1]"]}, "no flat JSON object"),
    "deep JSON": ({"provenance": [DEEP]}, "no flat JSON object"),
    "very deep JSON": ({"config": [DEEPER]}, "config is no JSON"),
    "a long number": ({"config": ['{"a": ' + "9" * 5000 + "}"]}, "config is no JSON"),
    "a huge text": ({"message": ["x" * (TEXT_AT_MOST + 1)]}, "text of more than"),
    "a huge line": ({"equations": [["x" * TEXT_AT_MOST]]}, "text of more than"),
    "a huge name": ({"scores": [[("x" * TEXT_AT_MOST, 1.0)]]}, "text of more than"),
    "a long list": ({"equations": [["x"] * 100_001]}, "a list of more than"),
    "many windows": ({"window_scores": [[("a", [0.0] * 60_000), ("b", [0.0] * 60_000)]]}, "a list"),
    "a bomb": ({"message": ["x" * 2**25]}, "unfolds to 32 MiB"),
    "a list that unfolds": ({"equations": [["x"] * 9_000_000]}, "unfolds to more"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_file_is_refused_in_one_sentence(tmp_path, case):
    columns, sentence = FOREIGN[case]
    path = foreign(tmp_path / "r.parquet", **columns)
    with pytest.raises(CorruptDataError, match=sentence) as caught:
        list(read_file(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_is_no_file_of_records_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "folder.parquet").mkdir()
    for name in ("pipe.parquet", "folder.parquet"):
        with pytest.raises(CorruptDataError, match="no regular file"):
            list(read_file(tmp_path / name))
    with pytest.raises(CorruptDataError, match="no regular file"):
        list(read_file(Path("/dev/zero")))
    with pytest.raises(CorruptDataError, match="cannot be read"):
        list(read_file(tmp_path / "nothing.parquet"))
    sparse = tmp_path / "sparse.parquet"
    with sparse.open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(CorruptDataError, match="larger than a file of records"):
        list(read_file(sparse))
    pq.write_table(_schema().empty_table(), tmp_path / "empty.parquet")
    with pytest.raises(CorruptDataError, match="holds 0 rows"):
        list(read_file(tmp_path / "empty.parquet"))


def test_a_million_rows_are_not_read(tmp_path):
    schema = _schema()
    for name in SEALS:
        schema = schema.remove(schema.get_field_index(name))
    nothing = [pa.nulls(10**6, field.type) for field in schema]
    pq.write_table(pa.Table.from_arrays(nothing, schema=schema), tmp_path / "r.parquet")
    with pytest.raises(CorruptDataError, match=r"1,000,000 rows; .* has 1 to 100,000"):
        list(read_file(tmp_path / "r.parquet"))


@pytest.mark.slow
def test_a_million_rows_and_ten_gigabytes_take_no_memory(tmp_path):
    """Each file takes kilobytes on disk; unfolded they would take gigabytes."""
    wide = {"message": pa.array(["x" * 100_000]).dictionary_encode().take(
        pa.array(np.zeros(ROWS_AT_MOST, dtype=np.int64))
    )}  # fmt: skip
    table = foreign(tmp_path / "one.parquet") and pq.read_table(tmp_path / "one.parquet")
    rows = table.take(pa.array(np.zeros(10**6, dtype=np.int64)))
    pq.write_table(rows, tmp_path / "many.parquet", compression="zstd")
    rows = rows.slice(0, ROWS_AT_MOST).drop_columns(["message"])
    place = table.schema.get_field_index("message")
    rows = rows.add_column(place, "message", wide["message"])
    pq.write_table(rows, tmp_path / "wide.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "wide.parquet").stat().st_size < 10**7  # 10 GB of messages
    program = """
import resource, sys
from chaosbench.errors import CorruptDataError
from chaosbench.evaluation._record_files import read_file
from pathlib import Path
import pyarrow.parquet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    try:
        for k, record in enumerate(read_file(Path(name))):
            if k == 500:
                print("read", len(record.message))
                break
    except CorruptDataError as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    files = [str(tmp_path / f"{name}.parquet") for name in ("many", "wide")]
    done = subprocess.run(
        [sys.executable, "-c", program, *files], check=True, capture_output=True, text=True
    )
    many, wide_, risen = done.stdout.splitlines()
    assert "1,000,000 rows; a file of records has 1 to 100,000" in many
    assert wide_ == "read 100000"
    assert int(risen) < 150


def test_text_that_steers_a_terminal_is_escaped_where_it_comes_in(tmp_path):
    evil = "\x1b]0;owned\x07 a\u202eb\nc\ud800"
    made = replace(
        RECORD, forecaster=evil, message=evil, equations=(evil,), traceback=(evil,),
        config={evil: [evil, {"k": evil}]}, provenance={"code": {"package": evil}},
        scores={evil: 1.0}, window_scores={evil: (1.0,)}, task=evil, system=evil,
    )  # fmt: skip
    safe = r"\x1b]0;owned\x07 a\u202eb\nc\ud800"
    assert made.forecaster == made.message == made.task == safe
    assert (made.equations, made.traceback) == ((safe,), (safe,))
    assert made.config == {safe: [safe, {"k": safe}]}
    assert list(made.scores) == [safe]
    assert repr(made).isprintable()
    path = foreign(
        tmp_path / "r.parquet", forecaster=[evil[:-1]], config=[json.dumps({evil: evil})],
        equations=[[evil[:-1]]],
    )  # fmt: skip
    (read,) = read_file(path)
    assert (read.forecaster, read.config) == (safe[:-6], {safe: safe})
    assert replace(RECORD, message="naïve σ → ≥ 1").message == "naïve σ → ≥ 1"
