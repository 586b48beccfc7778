"""``analyse FILE`` and the commands about equations, as a user meets them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import chaosbench as cb
from chaosbench.cli import app
from chaosbench.commands._series import read_column
from chaosbench.commands._sweep import _plane, _range
from chaosbench.errors import InputError


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def henon():
    return cb.simulate("henon", points=1500).values[0]


def test_a_csv_file_is_analysed(tmp_path, henon):
    path = tmp_path / "henon.csv"
    pd.DataFrame(henon, columns=["x", "y"]).to_csv(path, index=False)
    out, numbers = tmp_path / "pictures", tmp_path / "numbers.json"
    done = invoke("analyse", path, "--out", out, "--json", numbers, "--picture", "svg")
    assert done.exit_code == 0, done.output
    assert "λ₁ (rosenstein)" in done.output
    assert "first of 2 columns" in done.output
    assert {p.name for p in out.iterdir()} == {
        "series.svg", "embedding.svg", "divergence.svg", "recurrence.svg",
    }  # fmt: skip
    found = json.loads(numbers.read_text("utf-8"))
    value = found["largest_exponent"]["rosenstein"]["value"]
    assert value == pytest.approx(cb.constants("henon").lyapunov_exponents[0], rel=0.15)
    again = invoke("analyse", path, "--out", out, "--picture", "svg")
    assert isinstance(again.exception, InputError)
    assert "--force" in str(again.exception)


def test_noise_is_analysed_and_its_exponent_refused(tmp_path):
    path = tmp_path / "noise.npy"
    np.save(path, np.random.default_rng(0).standard_normal(800))
    done = invoke("analyse", path, "--format", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)["largest_exponent"]["kantz"]
    assert found["value"] is None
    assert "noise" in found["reason"]


def test_columns_steps_and_trajectories_are_read_from_each_kind_of_file(tmp_path, henon):
    table = pd.DataFrame({"time": 0.25 * np.arange(1500), "x": henon[:, 0], "who": "me"})
    for suffix, separator in ((".csv", ","), (".tsv", "\t"), (".txt", " ")):
        path = tmp_path / f"table{suffix}"
        table.to_csv(path, index=False, sep=separator)
        title, series, dt, notes = read_column(path)
        assert title == f"x of {path.name}"
        assert dt == pytest.approx(0.25)
        np.testing.assert_allclose(series, henon[:, 0])
        assert notes == []
    bare = tmp_path / "bare.csv"
    np.savetxt(bare, henon, delimiter=",")
    title, series, dt, notes = read_column(bare, column="1")
    assert (title, dt) == ("x1 of bare.csv", 1.0)
    np.testing.assert_allclose(series, henon[:, 1])
    assert "in samples" in notes[0]
    made = cb.simulate("rossler", points=50, dt=0.5, n=2)
    path = tmp_path / "dataset.parquet"
    cb.datasets.write_trajectories(path, made)
    title, series, dt, _ = read_column(path, column="z", trajectory=1)
    assert dt == pytest.approx(0.5)
    np.testing.assert_array_equal(series, made.values[1, :, 2])
    several = tmp_path / "several.npy"
    np.save(several, made.values)
    np.testing.assert_array_equal(
        read_column(several, column="x2", trajectory=1)[1], made.values[1, :, 2]
    )


def text_file(folder, text, name="odd.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path):
    odd = {
        "no column of numbers": text_file(tmp_path, "time,who\n1,me\n2,you\n", "a.csv"),
        "not equally spaced": text_file(tmp_path, "t,x\n0,1\n1,2\n5,3\n", "b.csv"),
        "cannot be read as a table": text_file(tmp_path, "", "c.csv"),
        "cannot be read as an array": text_file(tmp_path, "text", "d.npy"),
        "cannot be read as Parquet": text_file(tmp_path, "text", "e.parquet"),
        "a series is read from": text_file(tmp_path, "text", "f.docx"),
    }
    for words, path in odd.items():
        with pytest.raises(InputError, match=words):
            read_column(path)
    good = text_file(tmp_path, "x,who\n1,me\n2,you\n", "g.csv")
    with pytest.raises(InputError, match=r"did you mean 'who'|expected one of: who, x"):
        read_column(good, column="whom")
    with pytest.raises(InputError, match="does not hold numbers"):
        read_column(good, column="who")
    for words, message in (
        (("analyse", tmp_path / "missing.csv"), "there is no file"),
        (("analyse", "esn"), "give a task"),
        (("analyse", good), "at least 500"),
        (("analyse", "esn", "forecast/lorenz-v1", "--dt", "0.1"), "not a task"),
    ):
        done = invoke(*words)
        assert isinstance(done.exception, InputError)
        assert message in str(done.exception)


def test_a_sweep_writes_tables_and_a_picture(tmp_path):
    out = tmp_path / "sweep"
    done = invoke(
        "systems", "sweep", "henon", "--parameter", "a=0.2:1.4:4", "--exponents", 2, "--periods",
        50, "--points", 20, "--out", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    table = pd.read_parquet(out / "sweep.parquet")
    np.testing.assert_allclose(table["a"], [0.2, 0.6, 1.0, 1.4])
    total = table["lyapunov_1"] + table["lyapunov_2"]
    np.testing.assert_allclose(total, np.log(0.3), atol=1e-9)
    diagram = pd.read_parquet(out / "diagram.parquet")
    assert list(diagram.columns) == ["a", "x"]
    assert len(diagram) == 80
    assert (out / "sweep.png").stat().st_size > 5000
    again = invoke("systems", "sweep", "henon", "--parameter", "a=0:1:2", "--out", out)
    assert "--force" in str(again.exception)


def test_a_section_and_basins_write_tables_and_pictures(tmp_path):
    out = tmp_path / "both"
    done = invoke(
        "systems", "section", "rossler", "--plane", "x=0", "--points", 50, "--out", out
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    table = pd.read_parquet(out / "section.parquet")
    assert np.abs(table["x"]).max() < 1e-9
    done = invoke(
        "systems", "basins", "henon", "--grid", "x=-2:2:10", "--grid", "y=-2:2:11", "--out", out,
        "--format", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert np.array(found["labels"]).shape == (10, 11)
    assert found["escaped"] + sum(found["shares"]) == pytest.approx(1.0)
    table = pd.read_parquet(out / "basins.parquet")
    np.testing.assert_array_equal(table["attractor"], np.ravel(found["labels"]))
    assert {"section.png", "basins.png"} <= {p.name for p in out.iterdir()}


def test_planes_and_ranges_are_read():
    assert _plane("z=27", ("x", "y", "z")) == ([0.0, 0.0, 1.0], 27.0)
    assert _plane("x + 2*y - 1.5e-1*z = -0.5", ("x", "y", "z")) == ([1.0, 2.0, -0.15], -0.5)
    name, values = _range("rho=50:0:3")
    assert name == "rho"
    np.testing.assert_array_equal(values, [50.0, 25.0, 0.0])


@pytest.mark.parametrize("text", ["z", "z=", "=3", "2z=1", "z=x", "z*2=1", "x++y=1"])
def test_odd_planes_are_refused(text):
    with pytest.raises(InputError, match="write a plane"):
        _plane(text, ("x", "y", "z"))


@pytest.mark.parametrize(
    "text", ["rho", "rho=1:2", "rho=1:2:0", "rho=a:2:3", "=1:2:3", "r=0:inf:3"]
)
def test_odd_ranges_are_refused(text):
    with pytest.raises(InputError, match="range"):
        _range(text)
