"""A dataset in the hands of other readers, and those of older versions in ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from chaosbench.datasets import Dataset, StoredDataset, generate, open_dataset, verify
from chaosbench.datasets._files import write_trajectories
from chaosbench.datasets._store import seal
from chaosbench.files import sha256, write_json
from chaosbench.systems import registry

RECIPE = Dataset(
    systems=("henon", "lorenz", "rossler"), train_points=40, windows=2, context=8,
    horizon_lyapunov=0.5, noise=0.05,
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> StoredDataset:
    return generate(RECIPE, tmp_path_factory.mktemp("made") / "data")


@pytest.mark.parametrize(
    "read",
    [pd.read_parquet, lambda path: pyarrow.dataset.dataset(path).to_table().to_pandas()],
    ids=["pandas", "pyarrow"],
)
def test_the_directory_alone_is_enough(made, read):
    frame = read(made.directory / "data")
    assert {"system", "split", "trajectory", "step", "time", "x", "y", "z"} <= set(frame.columns)
    assert set(frame["system"]) == set(RECIPE.systems)
    assert set(frame["split"]) == {"train", "test", "context"}
    for name in RECIPE.systems:
        held = frame[(frame["system"] == name) & (frame["split"] == "test")]
        mine = made.load(name, "test").values
        for j, variable in enumerate(registry[name].variables):
            np.testing.assert_array_equal(held[variable], mine[..., j].ravel())
    assert frame[frame["system"] == "henon"]["z"].isna().all()


def test_one_system_can_be_chosen_by_its_folder_or_a_filter(made):
    chosen = pd.read_parquet(made.directory / "data", filters=[("system", "=", "lorenz")])
    folder = pd.read_parquet(made.directory / "data/system=lorenz")
    assert len(chosen) == len(folder) > 0
    assert set(chosen["system"]) == set(folder["system"]) == {"lorenz"}


def test_every_file_carries_what_it_takes_to_understand_it(made):
    for relative in made.manifest["files"]:
        facts = pq.read_schema(made.directory / relative).metadata
        name, split = (facts[key].decode() for key in (b"system", b"split"))
        assert relative == f"data/system={name}/{split}.parquet"
        assert float(facts[b"dt"]) == RECIPE.pace(name).dt
        assert json.loads(facts[b"variables"]) == list(registry[name].variables)
        assert facts[b"fingerprint"].decode() == registry[name].fingerprint
        assert facts[b"recipe"].decode() == RECIPE.only(name).hash
        unit = "iterations" if name == "henon" else "time units"
        assert facts[b"units"].decode().startswith(f"time in {unit};")


def test_a_file_of_the_command_line_carries_it_too(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from chaosbench.cli import app

    out = tmp_path / "lorenz.parquet"
    CliRunner().invoke(
        app, ["systems", "simulate", "lorenz", "--points", "5", "-p", "rho=30", "--out", str(out)]
    )
    facts = pq.read_schema(out).metadata
    assert json.loads(facts[b"parameters"])["rho"] == 30.0
    assert float(facts[b"dt"]) > 0


def as_older(made: StoredDataset, directory: Path) -> Path:
    """Write a dataset as versions before this one did."""
    manifest = {k: v for k, v in made.manifest.items() if k not in ("columns", "checksum", "files")}
    files = {}
    for name in RECIPE.systems:
        for split in ("train", "test", "context"):
            path = directory / name / f"{split}.parquet"
            write_trajectories(path, made.load(name, split))
            _, entry = made.entry(name, split)
            files[f"{name}/{split}.parquet"] = entry | {"sha256": sha256(path)}
    manifest["files"] = files
    write_json(directory / "manifest.json", manifest | {"checksum": seal(manifest)})
    write_json(directory / "recipe.json", {"hash": RECIPE.hash, "recipe": RECIPE.recipe()})
    return directory


def test_a_dataset_of_an_older_version_is_read_and_left_alone(made, tmp_path):
    older = as_older(made, tmp_path / "older")
    before = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    again = generate(RECIPE, older)
    assert verify(older).manifest == again.manifest == open_dataset(older).manifest
    assert {path: path.read_bytes() for path in older.rglob("*") if path.is_file()} == before
    for name in RECIPE.systems:
        for split in ("train", "test", "context"):
            np.testing.assert_array_equal(
                again.load(name, split).values, made.load(name, split).values
            )


def test_an_unfinished_one_of_an_older_version_is_finished_as_a_new_one(made, tmp_path):
    older = as_older(made, tmp_path / "older")
    (older / "manifest.json").unlink()
    finished = generate(RECIPE, older)
    assert finished.manifest == made.manifest
    assert set(pd.read_parquet(older / "data")["system"]) == set(RECIPE.systems)


def test_a_dataset_of_systems_with_the_same_variables_needs_no_file_of_columns(tmp_path):
    same = Dataset(
        systems=("lorenz", "rossler"), train_points=9, windows=0, context=4, horizon_lyapunov=0.2
    )
    generate(same, tmp_path / "data")
    assert not (tmp_path / "data" / "data" / "columns.parquet").exists()
    assert len(pd.read_parquet(tmp_path / "data" / "data")) == 18


def test_its_repr_is_one_line(made):
    assert repr(made) == (
        f"StoredDataset({str(made.directory)!r}: 3 systems, 9 files, recipe {made.hash})"
    )
