"""Records on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosbench.errors import CorruptDataError, RecipeMismatchError
from chaosbench.evaluation import STATUSES, Record, Records, read_records
from chaosbench.evaluation._records import read_file, write_file
from chaosbench.evaluation._store import Answer, RunDirectory
from chaosbench.trajectories import Trajectories

RECORD = Record(
    task="forecast/lorenz-v1", system="lorenz", forecaster="esn:units=10", config={"units": 10},
    seed=0, exam_seed=3, status="ok", scores={"d_stsp": 1.5, "mase": float("inf")},
    window_scores={"vpt@0.4": (1.0, 2.0), "censored@0.4": (0.0, 1.0)}, fit_seconds=0.5,
    predict_seconds=0.25, cpu_seconds=0.7, peak_memory_mib=100.0, equations=("x0' = -10 x0",),
    provenance={"versions": {"numpy": "2"}, "budget": {"seconds": 1.0}},
)  # fmt: skip

numbers = st.floats(allow_nan=False)
records = st.builds(
    replace,
    st.just(RECORD),
    status=st.sampled_from(STATUSES),
    message=st.text(max_size=40),
    privileged=st.booleans(),
    seed=st.integers(0, 2**40),
    equations=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    traceback=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    scores=st.dictionaries(st.text(min_size=1, max_size=8), numbers, max_size=4),
    window_scores=st.dictionaries(
        st.text(min_size=1, max_size=8), st.lists(numbers, max_size=5).map(tuple), max_size=3
    ),
)


@given(st.lists(records, min_size=1, max_size=4))
def test_records_survive_the_disk(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("records") / "records.parquet"
    write_file(path, made)
    assert list(read_file(path)) == made


@pytest.mark.parametrize("lacks", [[], ["traceback"], ["traceback", "equations"]])
def test_records_of_older_versions_are_read_and_are_not_sealed(tmp_path, lacks):
    path = tmp_path / "records.parquet"
    write_file(path, [replace(RECORD, traceback=("in fit",))])
    seals = ["question", "forecast", "version", "checksum"]
    older = pq.read_table(path).drop_columns([*seals, *lacks])
    pq.write_table(older, path, compression="zstd")
    (read,) = read_file(path)
    lost = dict.fromkeys(lacks, ())
    assert read == replace(RECORD, **({"traceback": ("in fit",)} | lost), version=1)
    assert not read.sealed
    write_file(path, [read])  # as when it is scored again: that makes it no younger
    assert list(read_file(path)) == [read]
    # without its checksums alone, a younger file is none of either version
    write_file(path, [RECORD])
    pq.write_table(pq.read_table(path).drop_columns(["checksum"]), path)
    with pytest.raises(CorruptDataError, match="holds no chaosbench records"):
        list(read_file(path))


def test_equations_are_printed_beside_the_score():
    shown = repr(Records([replace(RECORD, equations=("x0' = 1", "y" * 200, *"abcdefg"))]))
    assert "\n    x0' = 1\n" in shown
    assert "y" * 119 + "…" in shown
    assert "    …" in shown


def test_a_failed_record_without_scores_survives(tmp_path):
    failed = replace(RECORD, status="timeout", scores={}, window_scores={}, message="too slow")
    write_file(tmp_path / "r.parquet", [failed])
    (back,) = read_file(tmp_path / "r.parquet")
    assert back == failed


def test_a_run_directory_keeps_cells(tmp_path):
    home = RunDirectory(tmp_path / "run", exam_seed=3)
    assert not home.has("cell")
    home.put("cell", RECORD, Answer(Trajectories(np.zeros((2, 3, 1)), 0.1)))
    assert home.has("cell")
    assert home.get("cell") == RECORD
    assert (tmp_path / "run/forecasts/cell.parquet").is_file()
    assert read_records(tmp_path / "run") == Records([RECORD])
    assert not list((tmp_path / "run").rglob(".*"))  # no temporary files stay


@pytest.mark.parametrize("count", [10, 40])
def test_each_record_is_read_once_to_find_what_a_new_one_replaces(tmp_path, monkeypatch, count):
    """Not once for each cell that ends after it, or hundreds of settings take hours."""
    home = RunDirectory(tmp_path, exam_seed=3)
    opened = []
    monkeypatch.setattr(
        "chaosbench.evaluation._store.read_file",
        lambda path: opened.append(path.stem) or read_file(path),
    )
    for k in range(count):
        record = replace(RECORD, forecaster=f"esn:units={k}")
        home.put(f"lorenz--esn--{k}", record, None)
        assert home.others(f"lorenz--esn--{k}", "lorenz--esn--", record) == []
    assert len(opened) < count
    again = replace(RECORD, forecaster="esn:units=0")
    assert home.others("lorenz--esn--new", "lorenz--esn--", again) == ["lorenz--esn--0"]
    home.put("lorenz--esn--0", replace(RECORD, forecaster="esn:units=-1"), None)
    assert home.others("lorenz--esn--new", "lorenz--esn--", again) == []


def test_a_directory_of_another_exam_is_refused(tmp_path):
    RunDirectory(tmp_path / "run", exam_seed=3)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RecipeMismatchError, match=r"exam seed 3.*exam seed 4"):
        RunDirectory(tmp_path / "run", exam_seed=4)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_foreign_directory_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RecipeMismatchError, match="nothing was changed"):
        RunDirectory(tmp_path, exam_seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_killed_process_left_is_no_run(tmp_path):
    (tmp_path / ".run.json.4321-1").write_text("{")
    home = RunDirectory(tmp_path, exam_seed=3)
    home.put("cell", RECORD, None)
    assert RunDirectory(tmp_path, exam_seed=3).get("cell") == RECORD


@pytest.mark.parametrize("damage", ["truncate", "foreign", "text"])
def test_a_damaged_record_file_is_named(tmp_path, damage):
    path = tmp_path / "cell.parquet"
    write_file(path, [RECORD])
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "text":
        path.write_text("not a table")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"x": [1.0]}), path)
    with pytest.raises(CorruptDataError, match=r"cell\.parquet"):
        read_records(path)


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(CorruptDataError, match="holds no records"):
        read_records(tmp_path)


def test_the_frame_has_a_column_a_score():
    frame = Records([RECORD, replace(RECORD, status="crashed", scores={})]).to_frame()
    assert frame["d_stsp"].iloc[0] == 1.5
    assert frame["d_stsp"].isna().tolist() == [False, True]
    assert not {"traceback", "equations"} & set(frame)


def test_records_of_a_run_are_read_when_they_are_looked_at(tmp_path):
    home = RunDirectory(tmp_path / "run", exam_seed=0)
    others = [RECORD, replace(RECORD, seed=7)]
    for k, record in enumerate(others):
        home.put(str(k), record, None)
    lazy = Records(home.place(str(k)) for k in range(2))
    assert lazy == Records(others)
    assert (len(lazy), lazy[1].seed, lazy[-1].seed) == (2, 7, 7)
    assert lazy[:1] == Records([RECORD])
    assert lazy != Records([RECORD])
    home.place("1").unlink()
    with pytest.raises(CorruptDataError, match=r"1\.parquet"):
        list(lazy)


def test_the_frame_has_the_ranked_score_and_a_column_a_setting():
    windows = {"vpt@0.4": (1.0, 2.0, 4.0, 9.0), "censored@0.4": (0.0, 0.0, 1.0, 1.0)}
    half = replace(RECORD, window_scores=windows)
    other = replace(
        RECORD, forecaster="knn", config={"k": 3}, provenance={"ranked": "smape"},
        scores={"smape": 0.25}, window_scores={"smape": (0.1, 0.2, 0.3, 1.8)},
    )  # fmt: skip
    failed = replace(RECORD, status="crashed", scores={}, window_scores={})
    frame = Records([half, other, failed]).to_frame()
    assert frame["ranked"].tolist() == ["vpt@0.4", "smape", "vpt@0.4"]
    # two of four outlived the exam, the longest at 9: the middle of 2 and at least 9
    assert frame["score"].tolist()[:2] == [5.5, 0.25]
    assert frame["score_is_lower_bound"].tolist() == [True, False, False]
    assert frame["score"].isna().tolist() == [False, False, True]
    assert frame["config.units"].tolist()[0] == 10
    assert frame["config.k"].isna().tolist() == [True, False, True]
    assert frame["config_json"].tolist() == ['{"units": 10}', '{"k": 3}', '{"units": 10}']
    assert other.scores["smape"] == frame["score"][1]  # one number under one name


def test_a_score_that_outlived_the_exam_is_marked_as_a_lower_bound():
    long = replace(RECORD, window_scores={"vpt@0.4": (9.0, 9.0), "censored@0.4": (1.0, 1.0)})
    assert Records([long]).to_frame()["score_is_lower_bound"].tolist() == [True]
    assert "median VPT ≥9.00" in repr(Records([long]))
    four = replace(RECORD, window_scores={"vpt@0.4": (1.0, 2.0, 3.0, 40.0)})
    assert "median VPT 2.50" in repr(Records([four]))  # as the leaderboard says
