from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chaosbench.datasets import Dataset, StoredDataset, _make, generate, open_dataset, verify
from chaosbench.datasets._truth import make_split
from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants
from chaosbench.errors import CorruptDataError, RecipeMismatchError, UnknownNameError
from chaosbench.provenance import digest
from chaosbench.systems import registry

RECIPE = Dataset(
    systems=("lorenz", "henon", "duffing", "mackey_glass"),
    train_points=200,
    train_trajectories=2,
    windows=3,
    context=20,
    horizon_lyapunov=1.0,
    seed=3,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> StoredDataset:
    return generate(RECIPE, tmp_path_factory.mktemp("made") / "data", workers=1)


def test_train_and_test_say_for_how_long_they_are_true(made):
    for name in RECIPE.systems:
        pace = made.manifest["paces"][name]
        train, test = made.load(name, "train"), made.load(name, "test")
        assert train.certified_from == 0
        assert test.certified_from == RECIPE.context - 1
        assert train.certified_until.shape == (RECIPE.train_trajectories,)
        # one Lyapunov time is certain for all of them, and nothing beyond the last sample
        np.testing.assert_allclose(test.certified_until, pace["horizon"] * pace["dt"])
        assert (train.certified_until <= 199 * pace["dt"] * (1 + 1e-12)).all()
        assert "1e-06 σ" in test.provenance["certificate"]


@pytest.mark.slow
def test_every_window_of_a_field_is_certified_for_all_of_its_horizon():
    """Its context is integrated as tightly: what loose steps leave, no second method follows."""
    name = "kuramoto_sivashinsky"
    recipe = Dataset(
        systems=(name,), train_points=40, windows=2, context=5, horizon_lyapunov=5.0, rtol=1e-6
    )
    pace = recipe.pace(name)
    test = make_split(recipe, name, "test", pace)
    np.testing.assert_allclose(test.certified_until, pace.horizon * pace.dt)
    expected = "1e-06 σ: exponential-adams at 1e-15, collocation at 3e-15"
    assert test.provenance["certificate"] == expected
    train = make_split(recipe, name, "train", pace)
    assert train.certified_until[0] < 39 * pace.dt  # ETDRK4, at 1e-6
    assert train.provenance["certificate"] == "1e-06 σ: collocation at 1e-12, etdrk4 at 1e-08"


def test_the_certificate_of_noisy_data_is_that_of_the_truth():
    clean = dataclasses.replace(RECIPE, systems=("lorenz",))
    noisy = dataclasses.replace(clean, noise=0.05, missing=0.1)
    for split in ("train", "test"):
        a, b = (make_split(d, "lorenz", split, d.pace("lorenz")) for d in (clean, noisy))
        np.testing.assert_array_equal(a.certified_until, b.certified_until)
    seen = make_split(noisy, "lorenz", "context", noisy.pace("lorenz"))
    assert seen.certified_until is None


def test_an_edited_certificate_is_noticed(copy):
    path = copy / "_manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["data/system=lorenz/test.parquet"]["certificate"]["until"][0] *= 2
    path.write_text(json.dumps(manifest))
    with pytest.raises(CorruptDataError, match="edited"):
        open_dataset(copy)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    import shutil

    return Path(shutil.copytree(made.directory, tmp_path / "copy"))


def listing(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(directory)): (p.stat().st_mtime_ns, p.read_bytes())
        for p in sorted(directory.rglob("*"))
        if p.is_file()
    }


def contents(directory: Path) -> dict[str, bytes]:
    return {name: data for name, (_, data) in listing(directory).items()}


class TestFiles:
    def test_listing(self, made):
        expected = {
            f"data/system={s}/{split}.parquet"
            for s in RECIPE.systems
            for split in ("train", "test")
        }
        assert set(contents(made.directory)) == expected | {
            "README.md", "_manifest.json", "_recipe.json", "croissant.json", "data/columns.parquet",
        }  # fmt: skip
        assert set(made.manifest["files"]) == expected

    @pytest.mark.parametrize("name", RECIPE.systems)
    def test_arrays(self, made, name):
        system, pace = registry[name], RECIPE.pace(name)
        train, test = made.load(name, "train"), made.load(name, "test")
        assert train.values.shape == (2, 200, system.dimension)
        assert test.values.shape == (3, 20 + pace.horizon, system.dimension)
        assert train.dt == test.dt == pace.dt
        assert train.variables == test.variables == system.variables
        for data in (train, test):
            assert np.isfinite(data.values).all()

    def test_columns_are_the_systems_own_variables(self, made):
        table = pq.read_table(made.directory / "data" / "system=duffing" / "train.parquet")
        assert table.column_names == ["system", "split", "trajectory", "step", "time", "x", "v"]

    @pytest.mark.parametrize("name", ["lorenz", "henon", "duffing"])
    def test_samples_follow_the_equation(self, made, name):
        """Integrated again from the first sample, at the absolute time it was taken.

        Not so for a delay system, whose past is not in its samples.
        """
        system = registry[name]
        from chaosbench.dynamics.orbits import orbit_of

        train = made.load(name, "train")
        points = 20 if system.kind == "map" else 60
        orbit = orbit_of(system, train.values[1, 0], time=train.start_times[1], rtol=1e-12)
        again = orbit.sample(points, train.dt)
        np.testing.assert_allclose(again, train.values[1, :points], rtol=1e-7, atol=1e-7)

    @pytest.mark.parametrize("name", RECIPE.systems)
    def test_every_trajectory_starts_elsewhere(self, made, name):
        sigma = np.array(constants(name).std)
        starts = np.concatenate([made.load(name, s).values[:, 0] for s in ("train", "test")])
        apart = np.abs(starts[:, None] - starts[None, :]).max(axis=2) / sigma.max()
        assert (apart[~np.eye(5, dtype=bool)] > 1e-3).all()

    def test_the_exam_is_not_what_simulate_gives_for_the_same_seed(self, made):
        """NumPy pads seeds with zeros: (3, 1) and (3, 1, 0) would be one generator."""
        simulated = simulate("henon", points=5, n=4, seed=RECIPE.seed).values[:, 0]
        exam = np.concatenate([made.load("henon", s).values[:, 0] for s in ("train", "test")])
        assert np.abs(simulated[:, None] - exam[None]).max(axis=2).min() > 1e-6


class TestBytes:
    def test_do_not_depend_on_the_workers(self, made, tmp_path):
        generate(RECIPE, tmp_path / "four", workers=4)
        assert contents(tmp_path / "four") == contents(made.directory)

    def test_do_not_depend_on_the_other_systems(self, made, tmp_path):
        generate(RECIPE.only("duffing"), tmp_path / "one")
        for split in ("train", "test"):
            relative = f"data/system=duffing/{split}.parquet"
            assert (tmp_path / "one" / relative).read_bytes() == (
                made.directory / relative
            ).read_bytes()

    def test_depend_on_the_seed(self, made, tmp_path):
        other = generate(dataclasses.replace(RECIPE, seed=4).only("henon"), tmp_path / "other")
        assert not np.array_equal(
            other.load("henon", "train").values, made.load("henon", "train").values
        )

    def test_more_trajectories_leave_the_first_ones_alone(self, made, tmp_path):
        more = dataclasses.replace(RECIPE, train_trajectories=4, windows=5).only("lorenz")
        stored = generate(more, tmp_path / "more")
        for split, n in (("train", 2), ("test", 3)):
            assert np.array_equal(
                stored.load("lorenz", split).values[:n], made.load("lorenz", split).values
            )

    def test_without_windows_there_is_no_exam(self, tmp_path):
        stored = generate(dataclasses.replace(RECIPE, windows=0).only("henon"), tmp_path / "none")
        assert set(stored.manifest["files"]) == {"data/system=henon/train.parquet"}
        with pytest.raises(CorruptDataError, match=r"lists no data/system=henon/test\.parquet"):
            stored.load("henon", "test")


class TestAgain:
    def test_a_complete_directory_is_verified_and_left_alone(self, copy):
        before = listing(copy)
        stored = generate(RECIPE, copy)
        assert listing(copy) == before
        assert stored.hash == RECIPE.hash
        assert open_dataset(copy).manifest == verify(copy).manifest == stored.manifest

    def test_progress(self, tmp_path):
        seen = []
        generate(RECIPE.only("henon"), tmp_path / "p", progress=lambda *args: seen.append(args))
        assert seen == [(1, 2, "henon"), (2, 2, "henon")]

    @pytest.mark.parametrize("after", [1, 3])
    def test_an_interrupted_generation_resumes(self, made, tmp_path, after):
        def interrupt(done, total, what):
            if done == after:
                raise KeyboardInterrupt

        directory = tmp_path / "data"
        with pytest.raises(KeyboardInterrupt):
            generate(RECIPE, directory, workers=2, progress=interrupt)
        assert not (directory / "_manifest.json").exists()
        with pytest.raises(CorruptDataError, match="not a finished dataset"):
            open_dataset(directory)
        before = listing(directory)
        generate(RECIPE, directory)
        assert contents(directory) == contents(made.directory)
        kept = {name for name, told in listing(directory).items() if before.get(name) == told}
        assert sum(name.endswith(".parquet") for name in kept) >= after  # not made again

    def test_a_part_that_is_damaged_or_of_other_versions_is_made_again(
        self, made, tmp_path, monkeypatch
    ):
        def interrupt(done, total, what):
            if done == 4:
                raise KeyboardInterrupt

        directory = tmp_path / "data"
        with pytest.raises(KeyboardInterrupt):
            generate(RECIPE, directory, progress=interrupt)
        (parts,) = directory.glob("_parts.jsonl")
        lines = parts.read_text().splitlines()
        first, second, third = (json.loads(line) for line in lines[1:4])
        (directory / first["file"]).write_bytes(b"damaged")
        second["versions"]["numpy"] = "0.1"
        parts.write_text("\n".join([lines[0], lines[1], json.dumps(second), lines[3], "{half"]))
        stamps = {name: told[0] for name, told in listing(directory).items()}
        generate(RECIPE, directory)
        now = {name: told[0] for name, told in listing(directory).items()}
        assert now[third["file"]] == stamps[third["file"]]
        assert now[second["file"]] != stamps[second["file"]]
        assert contents(directory) == contents(made.directory)

    @pytest.mark.parametrize("corruption", [{"noise": 0.1}, {"noise": 0.1, "observe_every": 5}])
    def test_nothing_is_integrated_twice(self, tmp_path, monkeypatch, corruption):
        count = []
        original = _make.integrate
        monkeypatch.setattr(
            _make, "integrate", lambda *args: count.append(args[1:3]) or original(*args)
        )
        monkeypatch.setattr("chaosbench.datasets._truth.integrate", None)
        recipe = dataclasses.replace(RECIPE.only("lorenz"), **corruption)
        stored = generate(recipe, tmp_path / "data")
        assert count == [("lorenz", "train"), ("lorenz", "test")]
        assert len(stored.manifest["files"]) == 2 + len(corruption)
        monkeypatch.undo()
        for split in ("train", "test", "context"):  # each as if made alone
            alone = make_split(recipe, "lorenz", split, recipe.pace("lorenz"))
            np.testing.assert_array_equal(stored.load("lorenz", split).values, alone.values)

    def test_an_interruption_cancels_what_has_not_begun(self, tmp_path, monkeypatch):
        started = []
        original = make_split

        def counting(dataset, name, split, *more):
            started.append((name, split))
            return original(dataset, name, split, *more)

        def interrupt(done, total, what):
            raise KeyboardInterrupt

        monkeypatch.setattr(_make, "make_split", counting)
        with pytest.raises(KeyboardInterrupt):
            generate(RECIPE, tmp_path / "data", workers=1, progress=interrupt)
        assert len(started) < 8


class TestMismatch:
    def refuse(self, directory, message, recipe=RECIPE):
        before = listing(directory)
        with pytest.raises(RecipeMismatchError, match=message):
            generate(recipe, directory)
        assert listing(directory) == before

    def test_another_recipe(self, copy):
        self.refuse(copy, "holds a dataset with hash", dataclasses.replace(RECIPE, seed=9))

    def test_an_unfinished_one_of_another_recipe(self, copy):
        (copy / "_manifest.json").unlink()
        self.refuse(copy, "holds a dataset with hash", dataclasses.replace(RECIPE, seed=9))

    def test_foreign_content(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("ten years of work")
        self.refuse(tmp_path, "is not empty and holds no chaosbench dataset")

    def test_a_file(self, tmp_path):
        path = tmp_path / "file"
        path.write_text("text")
        with pytest.raises(RecipeMismatchError, match="is a file"):
            generate(RECIPE, path)
        assert path.read_text() == "text"

    def test_what_a_killed_process_left_is_no_content(self, tmp_path):
        (tmp_path / "._recipe.json.4321-1").write_text("{")
        assert generate(RECIPE.only("henon"), tmp_path).hash == RECIPE.only("henon").hash

    def test_an_empty_directory_is_fine(self, tmp_path):
        assert generate(RECIPE.only("henon"), tmp_path).hash == RECIPE.only("henon").hash


class TestCorruption:
    def refused(self, directory, name, *, load=True):
        for act in [
            lambda: verify(directory),
            lambda: generate(RECIPE, directory),
            *([lambda: open_dataset(directory).load("lorenz", "train")] if load else []),
        ]:
            with pytest.raises(CorruptDataError, match=name):
                act()

    def test_a_truncated_file(self, copy):
        path = copy / "data" / "system=lorenz" / "train.parquet"
        path.write_bytes(path.read_bytes()[:-100])
        self.refused(copy, r"lorenz/train\.parquet")

    def test_an_edited_file(self, copy):
        path = copy / "data" / "system=lorenz" / "train.parquet"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        self.refused(copy, r"lorenz/train\.parquet")

    def test_a_foreign_file(self, copy):
        path = copy / "data" / "system=lorenz" / "train.parquet"
        path.write_bytes((copy / "data" / "system=lorenz" / "test.parquet").read_bytes())
        self.refused(copy, r"lorenz/train\.parquet")

    def test_a_missing_file(self, copy):
        (copy / "data" / "system=lorenz" / "train.parquet").unlink()
        self.refused(copy, r"lorenz/train\.parquet is missing")

    @pytest.mark.parametrize(
        "edit",
        [
            lambda m: m["recipe"].update(seed=77),
            lambda m: m.update(hash="0" * 16),
            lambda m: m["paces"]["lorenz"].update(dt=0.5),
            lambda m: m["files"]["data/system=lorenz/train.parquet"].update(sha256="0" * 64),
            lambda m: m["files"].pop("data/system=lorenz/train.parquet"),
            lambda m: m.pop("files"),
            lambda m: m.pop("checksum"),
            lambda m: m["provenance"]["versions"].update(numpy="1.0"),
        ],
        ids=["recipe", "hash", "pace", "sum", "file", "files", "checksum", "provenance"],
    )
    def test_an_edited_manifest(self, copy, edit):
        path = copy / "_manifest.json"
        manifest = json.loads(path.read_text())
        edit(manifest)
        path.write_text(json.dumps(manifest))
        self.refused(copy, r"_manifest\.json was edited")

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"hash": NaN}'])
    def test_a_broken_manifest(self, copy, text):
        (copy / "_manifest.json").write_text(text)
        self.refused(copy, r"_manifest\.json")

    def test_a_manifest_of_another_dataset(self, made, copy, tmp_path):
        other = generate(dataclasses.replace(RECIPE, seed=9).only("henon"), tmp_path / "other")
        for path in other.directory.rglob("*.parquet"):
            (copy / path.relative_to(other.directory)).write_bytes(path.read_bytes())
        (copy / "_manifest.json").write_bytes((other.directory / "_manifest.json").read_bytes())
        with pytest.raises(CorruptDataError, match=r"_manifest\.json is that of the dataset"):
            generate(RECIPE, copy)

    def test_a_broken_claim(self, copy):
        (copy / "_recipe.json").write_text("{")
        with pytest.raises(CorruptDataError, match=r"recipe\.json"):
            generate(RECIPE, copy)

    def test_nothing_there(self, tmp_path):
        with pytest.raises(CorruptDataError, match="not a finished dataset"):
            open_dataset(tmp_path / "nowhere")


def test_the_manifest_says_how_it_came_to_be(made):
    manifest = json.loads((made.directory / "_manifest.json").read_text())
    assert manifest["hash"] == digest(manifest["recipe"]) == RECIPE.hash
    assert manifest["recipe"] == json.loads(json.dumps(RECIPE.recipe()))
    assert {"chaosbench", "numpy", "numba"} <= manifest["provenance"]["versions"].keys()
    assert manifest["files"]["data/system=lorenz/train.parquet"]["rows"] == 400


def test_an_unknown_system_suggests(made):
    with pytest.raises(UnknownNameError, match="did you mean 'lorenz'"):
        made.load("lorentz", "train")
