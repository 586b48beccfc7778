"""Datasets in the hands of polars, DuckDB, Hugging Face, PyTorch and darts; cards; exports."""

from __future__ import annotations

import builtins
import json
import os
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from chaosbench.datasets import (
    Dataset,
    ask,
    card,
    connect_duckdb,
    croissant,
    darts_series,
    describe,
    export,
    generate,
    head,
    torch_windows,
    windows,
)
from chaosbench.datasets import _files as files_module
from chaosbench.datasets import _parts as parts_module
from chaosbench.datasets.corruptions import Gaussian, Partial
from chaosbench.errors import CorruptDataError, InputError, ParameterError

RECIPE = Dataset(
    systems=("lorenz", "henon"), train_points=50, train_trajectories=9, windows=2, context=8,
    horizon_lyapunov=0.3, corruptions=(Gaussian(0.1), Partial(("x",))), certify=False,
    validation_trajectories=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset in parts of 200 rows and row groups of 64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "ROWS", 200)
        patch.setattr(files_module, "GROUP_ROWS", 64)
        return generate(RECIPE, tmp_path_factory.mktemp("made") / "data")


class TestLayout:
    def test_numbers_are_split_by_bytes_and_compressed_and_have_statistics(self, made):
        relative, _ = made.entries("lorenz", "train_clean")[0]
        metadata = pq.ParquetFile(made.directory / relative).metadata
        assert metadata.num_row_groups == 4
        assert metadata.metadata[b"layout"] == b"3"
        names = ["system", "split", "trajectory", "step", "time", "x", "y", "z"]
        values = made.load("lorenz", "train_clean").values[:4, :, 1].ravel()
        for j, name in enumerate(names):
            column = metadata.row_group(1).column(j)
            assert column.path_in_schema == name
            assert column.compression == "ZSTD"
            if name in ("time", "x", "y", "z"):
                assert "BYTE_STREAM_SPLIT" in column.encodings
            if name in ("trajectory", "step"):
                assert "DELTA_BINARY_PACKED" in column.encodings
        told = metadata.row_group(1).column(6).statistics
        assert (told.min, told.max) == (values[64:128].min(), values[64:128].max())

    def test_the_folder_of_the_data_holds_nothing_else(self, made):
        inside = {p.suffix for p in (made.directory / "data").rglob("*") if p.is_file()}
        assert inside == {".parquet"}

    def test_a_newer_layout_is_refused(self, made, tmp_path):
        table = pq.read_table(made.directory / made.entries("henon", "test")[0][0])
        table = table.replace_schema_metadata({"layout": "4"})
        pq.write_table(table, tmp_path / "new.parquet")
        with pytest.raises(CorruptDataError, match="which a newer chaosbench wrote"):
            files_module.read_trajectories(tmp_path / "new.parquet", dt=1.0, variables=("x", "y"))


class TestReaders:
    def test_pandas(self, made):
        frame = pd.read_parquet(made.directory / "data" / "system=lorenz")
        clean = frame[frame["split"] == "train_clean"]
        assert np.array_equal(clean["z"], made.load("lorenz", "train_clean").values[..., 2].ravel())

    def test_polars(self, made):
        import polars as pl

        frame = pl.read_parquet(
            made.directory / "data/system=lorenz/train_clean-*.parquet", hive_partitioning=False
        )
        assert frame.columns == ["system", "split", "trajectory", "step", "time", "x", "y", "z"]
        assert np.array_equal(
            frame.select("x", "y", "z").to_numpy(),
            made.load("lorenz", "train_clean").values.reshape(-1, 3),
        )
        assert frame["system"].cast(pl.String).unique().to_list() == ["lorenz"]

    def test_duckdb(self, made):
        connection = connect_duckdb(made)
        found = connection.execute("SELECT max(z), count(*) FROM lorenz WHERE split = 'test'")
        test = made.load("lorenz", "test").values
        assert found.fetchone() == (test[..., 2].max(), test[..., 2].size)
        (count,) = connection.execute("SELECT count(*) FROM everything").fetchone()
        assert count == sum(entry["rows"] for entry in made.manifest["files"].values())
        connection.close()
        columns, rows = ask(made, "SELECT split, avg(x) AS mean FROM henon GROUP BY split")
        assert columns == ["split", "mean"]
        assert len(rows) == 6
        with pytest.raises(InputError, match=r"the query failed: .*nothing"):
            ask(made, "SELECT * FROM nothing")

    def test_hugging_face(self, made, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
        import datasets

        found = datasets.load_dataset(
            str(made.directory), "lorenz_test", cache_dir=str(tmp_path / "cache")
        )
        assert set(found) == {"test", "train_clean", "validation_clean"}
        held = found["train_clean"].to_pandas()
        assert np.array_equal(held["y"], made.load("lorenz", "train_clean").values[..., 1].ravel())
        assert found["test"].column_names[:2] == ["system", "split"]

    @pytest.mark.parametrize(("length", "stride"), [(1, 1), (7, 3), (50, 50), (20, 64), (51, 1)])
    def test_windows(self, made, length, stride):
        found = list(windows(made, "lorenz", "train_clean", length=length, stride=stride))
        values = made.load("lorenz", "train_clean").values
        expected = [v[s : s + length] for v in values for s in range(0, 50 - length + 1, stride)]
        assert len(found) == len(expected)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))

    def test_batches_and_shuffles(self, made):
        plain = np.stack(list(windows(made, "lorenz", length=10, stride=10)))
        batches = list(windows(made, "lorenz", length=10, stride=10, batch=4))
        assert [len(b) for b in batches] == [4] * 11 + [1]
        assert np.array_equal(np.concatenate(batches), plain)
        mixed = [
            np.stack(list(windows(made, "lorenz", length=10, stride=10, shuffle=20, seed=seed)))
            for seed in (1, 1, 2)
        ]
        assert np.array_equal(mixed[0], mixed[1])
        assert not np.array_equal(mixed[0], mixed[2])
        assert np.array_equal(np.sort(mixed[0].ravel()), np.sort(plain.ravel()))

    def test_torch(self, made):
        from torch.utils.data import DataLoader

        source = windows(made, "lorenz", "train_clean", length=10, stride=10)
        loaded = [batch.numpy() for batch in DataLoader(torch_windows(source), batch_size=8)]
        assert np.array_equal(np.concatenate(loaded), np.stack(list(source)))

    @pytest.mark.slow
    def test_workers_of_torch_share_the_windows(self, made):
        from torch.utils.data import DataLoader

        source = windows(made, "lorenz", "train_clean", length=10, stride=10)
        loader = DataLoader(torch_windows(source), batch_size=None, num_workers=2)
        loaded = np.stack([window.numpy() for window in loader])
        both = [np.sort(w.reshape(len(w), -1), axis=0) for w in (loaded, np.stack(list(source)))]
        assert np.array_equal(*both)

    def test_darts(self, made):
        series = darts_series(made, "lorenz", "train_clean")
        values = made.load("lorenz", "train_clean").values
        assert len(series) == 9
        assert list(series[0].components) == ["x", "y", "z"]
        assert np.array_equal(series[3].values(), values[3])

    def test_windows_need_memory_for_a_row_group_and_no_more(self, tmp_path, monkeypatch):
        monkeypatch.setattr(files_module, "GROUP_ROWS", 2000)
        recipe = Dataset(systems=("henon",), train_points=200_000, windows=0, certify=False)
        source = windows(generate(recipe, tmp_path / "data"), "henon", length=100, stride=500)
        assert sum(1 for _ in source) == 400
        tracemalloc.start()
        for _ in source:
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1e6  # all samples are 3.2 MB, a row group with its index 64 kB

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"length": 0}, "length must be"), ({"stride": 0}, "stride must be"),
            ({"batch": 0}, "batch must be"), ({"shuffle": -1}, "shuffle must be"),
        ],
    )  # fmt: skip
    def test_windows_that_cannot_be(self, made, change, words):
        with pytest.raises(ParameterError, match=words):
            windows(made, "lorenz", **({"length": 5} | change))


class TestCards:
    def test_croissant_has_what_the_format_requires(self, made):
        """The required properties of Croissant 1.0, at each level."""
        told = croissant(made)
        assert told == json.loads((made.directory / "croissant.json").read_text())
        required = {
            "@context", "@type", "conformsTo", "description", "license", "name", "url", "creator",
            "datePublished", "distribution",
        }  # fmt: skip
        assert required <= told.keys()
        assert told["@type"] == "sc:Dataset"
        assert told["conformsTo"] == "http://mlcommons.org/croissant/1.0"
        assert told["@context"]["conformsTo"] == "dct:conformsTo"
        ids = [node["@id"] for node in told["distribution"]]
        ids += [node["@id"] for node in told["recordSet"]]
        ids += [field["@id"] for node in told["recordSet"] for field in node["field"]]
        assert len(set(ids)) == len(ids)
        files = [n for n in told["distribution"] if n["@type"] == "cr:FileObject"]
        assert {f["contentUrl"] for f in files} == set(made.manifest["files"])
        for file in files:
            assert file["sha256"] == made.manifest["files"][file["@id"]]["sha256"]
            assert file["encodingFormat"] == "application/x-parquet"
            place = made.directory / file["contentUrl"]
            assert file["contentSize"] == f"{place.stat().st_size} B"
        sets = {n["@id"]: n for n in told["distribution"] if n["@type"] == "cr:FileSet"}
        for node in sets.values():
            assert {part["@id"] for part in node["containedIn"]} <= {f["@id"] for f in files}
        for record in told["recordSet"]:
            assert {key["@id"] for key in record["key"]} <= set(ids)
            source = {field["source"]["fileSet"]["@id"] for field in record["field"]}
            (own,) = source
            first = sets[own]["containedIn"][0]["@id"]
            columns = [field["source"]["extract"]["column"] for field in record["field"]]
            assert columns == pq.read_schema(made.directory / first).names

    def test_the_card_names_the_files_of_every_table(self, made):
        text = (made.directory / "README.md").read_text()
        assert text == card(made)
        assert text.startswith("---\n")
        for line in (
            "- config_name: lorenz\n", "- config_name: lorenz_test\n", "  - split: train_clean\n",
            "    path: data/system=lorenz/train-*.parquet\n",
            "    path: data/system=lorenz/test.parquet\n",
            "| lorenz | train | 9 | 50 | 0.0252505 | x | 3 |\n",
        ):  # fmt: skip
            assert line in text


class TestLooking:
    def test_describe_reads_statistics(self, made):
        told = describe(made)
        (part,) = [
            p for p in told["parts"] if (p["system"], p["split"]) == ("lorenz", "train_clean")
        ]
        values = made.load("lorenz", "train_clean").values
        assert (part["trajectories"], part["steps"], part["files"]) == (9, 50, 3)
        for j, name in enumerate("xyz"):
            assert part["variables"][name] == [values[..., j].min(), values[..., j].max()]
        json.dumps(told, allow_nan=False)

    def test_head(self, made):
        got = head(made, "lorenz", "train_clean", trajectory=5, points=11)
        assert np.array_equal(got.values[0], made.load("lorenz", "train_clean").values[5, :11])
        with pytest.raises(ParameterError, match="there is no 9"):
            head(made, "lorenz", "train", trajectory=9)

    def test_export(self, made, tmp_path):
        truth = made.load("lorenz", "test")
        assert export(made, "lorenz", "test", tmp_path / "a.csv") == truth.values[..., 0].size
        frame = pd.read_csv(tmp_path / "a.csv", float_precision="round_trip")
        assert np.array_equal(frame[["x", "y", "z"]], truth.values.reshape(-1, 3))
        export(made, "lorenz", "test", tmp_path / "a.npz")
        with np.load(tmp_path / "a.npz") as held:
            assert np.array_equal(held["values"], truth.values)
            assert held["variables"].tolist() == ["x", "y", "z"]
            assert float(held["dt"]) == truth.dt
        with pytest.raises(InputError, match=r"\.csv, \.npz or \.h5"):
            export(made, "lorenz", "test", tmp_path / "a.txt")

    @pytest.mark.parametrize(
        ("library", "act", "words"),
        [
            ("duckdb", lambda made, to: connect_duckdb(made), r"chaosbench\[sql\]"),
            ("h5py", lambda made, to: export(made, "lorenz", "test", to), "pip install h5py"),
            (
                "torch",
                lambda made, to: torch_windows(windows(made, "lorenz", length=3)),
                r"chaosbench\[torch\]",
            ),
        ],
    )
    def test_a_library_that_is_missing_is_named(
        self, made, monkeypatch, tmp_path, library, act, words
    ):
        usual = builtins.__import__

        def without(name, *more, **settings):
            if name.split(".")[0] == library:
                raise ImportError(name)
            return usual(name, *more, **settings)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(InputError, match=words):
            act(made, tmp_path / "a.h5")


def test_the_commands(made, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from chaosbench.cli import app

    def run(*words):
        return CliRunner().invoke(app, ["data", *map(str, words)], catch_exceptions=False)

    place = made.directory
    assert "lorenz" in run("describe", place).stdout
    assert json.loads(run("describe", place, "--format", "json").stdout)["hash"] == made.hash
    assert 'systems = ["lorenz", "henon"]' in run("describe", place, "--format", "toml").stdout
    assert "pretty_name" in run("describe", place, "--format", "card").stdout
    assert "sc:Dataset" in run("describe", place, "--format", "croissant").stdout
    rows = json.loads(
        run(
            "sql",
            "SELECT 'a' AS k, 0.5 AS v, CAST('nan' AS DOUBLE) AS n",
            place,
            "--format",
            "json",
        ).stdout
    )
    assert rows == [{"k": "a", "v": 0.5, "n": "nan"}]
    assert run("sql", "SELECT 2 AS two", place, "--format", "csv").stdout == "two\n2\n"
    assert "two" in run("sql", "SELECT 2 AS two", place).stdout
    out = tmp_path / "a.png"
    assert run("plot", place, "--out", out, "--points", 40).exit_code == 0
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert run("export", place, "--out", tmp_path / "a.csv", "--system", "henon").exit_code == 0
    assert (tmp_path / "a.csv").read_text().startswith('"trajectory","step","time","x"\n')
    with pytest.raises(InputError, match="exists already"):
        run("plot", place, "--out", out)
    with pytest.raises(InputError, match="did you mean 'train'"):
        run("export", place, "--out", tmp_path / "b.csv", "--split", "tran")
    recipe = tmp_path / "mine.toml"
    recipe.write_text("systems = ['henon']\ntrain_points = 30\nwindows = 0\n")
    told = run("generate", "--recipe", recipe, "--out", tmp_path / "data", "--noise", 0.1)
    assert "30 samples, about 0.0 MB" in told.stdout
    with pytest.raises(InputError, match="one of the two"):
        run("generate", "--out", tmp_path / "none")
    assert os.listdir(tmp_path / "data") != []
