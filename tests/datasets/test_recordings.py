"""Recordings: what is read, how time becomes a grid, how it is split, and what is refused."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import _known, open_dataset, recordings, verify
from chaosbench.datasets._grids import Series, on_grid, pieces, step_of, times_of
from chaosbench.datasets._noise_level import noise_level
from chaosbench.datasets._packaged import PACKAGED
from chaosbench.datasets._splitting import Parts, parted, trained, windowed
from chaosbench.datasets._tables import Table, read_tables
from chaosbench.errors import CorruptDataError, InputError, ParameterError, RecipeMismatchError

RNG = np.random.default_rng(3)
WAVE = np.sin(0.2 * np.arange(2000.0)) + 0.3 * np.sin(0.0621 * np.arange(2000.0))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A user's folder of its own, and a registry without what other tests imported."""
    monkeypatch.setenv("CHAOSBENCH_RECORDINGS", str(tmp_path / "recordings"))
    monkeypatch.chdir(tmp_path)
    before = set(recordings.registry)
    yield tmp_path
    for name in set(recordings.registry) - before:
        recordings.registry.discard(name)
        _known._of_the_folder.pop(name, None)


def imported(source, **settings):
    settings = {"name": "mine", "dt": 0.1, "exponent": "unknown"} | settings
    return cb.import_recording(source, **settings)


def csv(path, columns, separator=","):
    rows = [separator.join(columns)]
    rows += [separator.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    Path(path).write_text("\n".join(rows) + "\n")
    return path


def train_of(made):
    return open_dataset(made.folder).load("mine", "train")


def test_of(made):
    return open_dataset(made.folder).load("mine", "test")


test_of.__test__ = False


class TestFormats:
    """The same numbers in every format make the same recording."""

    def write(self, kind, x, y):
        path = f"a{kind}"
        both = np.column_stack([x, y])
        if kind == ".csv":
            np.savetxt(path, both, delimiter=",", header="x0,x1", comments="", fmt="%.17g")
        elif kind == ".tsv":
            np.savetxt(path, both, delimiter="\t", header="x0\tx1", comments="", fmt="%.17g")
        elif kind == ".npy":
            np.save(path, both)
        elif kind == ".npz":
            np.savez_compressed(path, both)
        elif kind == ".mat":
            from scipy.io import savemat

            savemat(path, {"both": both})
        else:
            import pandas as pd

            pd.DataFrame({"x0": x, "x1": y}).to_parquet(path)
        return path

    @pytest.mark.parametrize("kind", [".csv", ".tsv", ".npy", ".npz", ".parquet", ".mat"])
    def test_numbers_are_read_to_the_last_bit(self, kind):
        made = imported(self.write(kind, WAVE, WAVE**2))
        known = train_of(made).values[0]
        assert made.columns == ("x0", "x1")
        assert np.array_equal(known, np.column_stack([WAVE, WAVE**2])[: len(known)])

    def test_a_file_without_names_and_one_with_semicolons(self):
        Path("a.csv").write_text("\n".join(f"{v:.17g};{v + 1:.17g}" for v in WAVE))
        (table,) = read_tables(Path("a.csv"))
        assert np.array_equal(table.numbers("x0"), WAVE)
        assert len(table) == len(WAVE)

    def test_integers_and_floats_may_mix_in_a_column(self):
        """The type of a column is that of all its rows, not that of the first ones."""
        Path("a.csv").write_text("x\n" + "1\n" * 300_000 + "2.5\n")
        (table,) = read_tables(Path("a.csv"))
        assert table.numbers("x")[-1] == 2.5

    def test_empty_cells_are_gaps_and_names_keep_their_letters(self):
        cells = [f"{v:.17g}" for v in WAVE]
        cells[100] = ""
        made = imported(csv("a.csv", {"Höhe (m)": cells, "b": cells[::-1]}), units={"b": "mV"})
        assert made.columns == ("Höhe (m)", "b")
        assert made.units == ("", "mV")
        assert np.isnan(train_of(made).values[0, 100, 0])
        assert recordings.facts_of(made)["missing"] == [pytest.approx(2 / 2000)]

    def test_columns_are_chosen_in_the_order_given(self):
        csv("a.csv", {"a": WAVE, "label": ["t"] * 2000, "c": WAVE**2})
        made = imported("a.csv", columns=("c", "a"))
        assert made.columns == ("c", "a")
        assert np.array_equal(train_of(made).values[0, :5, 1], WAVE[:5])

    def test_an_array_and_trajectories_of_the_caller(self):
        trajectories = cb.Trajectories(WAVE[:, np.newaxis], 0.1, ("u",))
        first = imported(trajectories, out="one")
        second = imported(WAVE[:, np.newaxis], out="two")
        assert (first.columns, second.columns) == (("u",), ("x0",))
        assert np.array_equal(train_of(first).values, train_of(second).values)

    def test_a_frame_has_names_times_and_gaps(self):
        import pandas as pd

        frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=2000), "u": WAVE})
        frame.loc[3, "u"] = None
        made = imported(frame, dt=None, time="day", time_unit="d")
        assert (made.columns, made.step) == (("u",), 1.0)
        assert np.flatnonzero(np.isnan(train_of(made).values[0, :, 0])).tolist() == [3]
        with pytest.raises(InputError, match="holds dates"):
            imported(frame)


class TestTime:
    def test_a_grid_with_missing_rows_has_gaps_there(self):
        times = np.delete(0.25 * np.arange(100.0), [7, 8, 40])
        step = step_of([times])
        made = on_grid(times, np.arange(97.0)[:, np.newaxis], step, "it")
        assert step == pytest.approx(0.25)
        assert not made.resampled
        assert np.flatnonzero(np.isnan(made.values[:, 0])).tolist() == [7, 8, 40]

    def test_times_that_are_rounded_stay_on_their_grid(self):
        """Thirtieths of a second with three digits: no sample is interpolated."""
        times = np.round(np.arange(3000) / 30, 3)
        values = RNG.standard_normal((3000, 1))
        made = on_grid(times, values, step_of([times]), "it")
        assert not made.resampled
        assert np.array_equal(made.values, values)

    def test_irregular_times_are_interpolated_linearly(self):
        """Oracle: a straight line is its own interpolation, a parabola errs by h²/4 at most."""
        times = np.sort(RNG.uniform(0, 100, 2000))
        times[0] = 0.0
        times = times[np.concatenate([[True], np.diff(times) > 1e-3])]
        values = np.column_stack([3 * times - 1, times**2])
        made = on_grid(times, values, 0.05, "it")
        grid = 0.05 * np.arange(len(made.values))
        known = np.isfinite(made.values).all(axis=1)
        assert made.resampled
        assert known.mean() > 0.5
        assert np.abs(made.values[known, 0] - (3 * grid[known] - 1)).max() < 1e-9
        reach = 2 * max(0.05, np.median(np.diff(times)))
        assert np.abs(made.values[known, 1] - grid[known] ** 2).max() <= reach**2 / 4 + 1e-9

    def test_nothing_is_interpolated_across_a_pause(self):
        times = np.concatenate([np.arange(0, 50, 1.1), np.arange(60, 110, 1.07)])
        made = on_grid(times, np.sin(times)[:, np.newaxis], 1.0, "it")
        inside = slice(51, 60)
        assert np.isnan(made.values[inside]).all()
        assert np.isfinite(made.values[:49]).all()

    def test_dates_count_in_the_unit_that_is_asked_for(self):
        days = np.arange("2020-01-01", "2025-01-01", dtype="datetime64[D]")
        csv("a.csv", {"day": days, "x": np.sin(0.1 * np.arange(len(days)))})
        made = imported("a.csv", dt=None, time="day", time_unit="h")
        assert made.step == pytest.approx(24.0)
        assert made.time_unit == "h"

    @pytest.mark.parametrize(
        ("times", "dt", "words"),
        [
            (np.arange(100.0), 0.01, "nearly all of them gaps"),
            (np.arange(100.0) + 0.2 * (np.arange(100) % 2), 0.3, "invent most samples"),
            (np.arange(100.0) + 0.2 * (np.arange(100) % 2), 30.0, "lose most"),
            (np.cumsum(np.where(np.arange(400) % 4, 0.011, 0.5)), 0.1, "times so irregular"),
        ],
    )
    def test_silly_steps_are_refused(self, times, dt, words):
        with pytest.raises(InputError, match=words):
            on_grid(times, np.ones((len(times), 1)), dt, "it")

    def test_times_that_repeat_or_go_back_are_named_by_row(self):
        table = Table("f", {"t": np.array([0.0, 1, 1, 2])})
        with pytest.raises(InputError, match="row 3 of f is the same as"):
            times_of(table, "t", "s")
        table = Table("f", {"t": np.array([0.0, 2, 1, 3])})
        with pytest.raises(InputError, match="row 3 of f comes before"):
            times_of(table, "t", "s")


class TestSplit:
    """No sample that is trained on or seen in one window is asked for in another."""

    @pytest.mark.parametrize("length", [120, 300, 1000, 10_000])
    @pytest.mark.parametrize("count", [1, 3])
    def test_training_contexts_and_futures_share_no_sample(self, length, count):
        series = [Series(np.arange(length, dtype=float)[:, None] + 1e6 * k, 0.0)
                  for k in range(count)]  # fmt: skip
        parts = parted(series, 1.0, 0.3, None)
        values, starts = trained(parts.train, 1.0, 10)
        made = windowed(
            parts, 1.0, windows=20, context=None, horizon=None, wanted=300, longest_gap=10
        )
        learnt, c = set(values.ravel()), made.context
        seen = [set(w[:c].ravel()) for w in made.values]
        asked = [set(w[c:].ravel()) for w in made.values]
        for k, future in enumerate(asked):
            assert not future & learnt
            assert not any(future & other for other in seen)
            assert not any(future & other for other in asked[k + 1 :])
        assert parts.gap >= 1
        for k in range(count):
            mine = [v for v in learnt if v // 1e6 == k]
            first = min(v for w in seen for v in w if v // 1e6 == k)
            assert first - max(mine) > parts.gap  # nobody sees the gap
        assert len(made.values) >= 5
        # times are those of the samples
        assert all(start == window[0, 0] % 1e6 for start, window in
                   zip(made.starts, made.values, strict=True))  # fmt: skip
        assert all(start == t[0, 0] % 1e6 for start, t in zip(starts, values, strict=True))

    def test_files_that_are_held_out_are_the_test(self):
        np.save("a.npy", WAVE)
        np.save("b.npy", 5 + WAVE)
        made = imported("a.npy", test=["b.npy"])
        assert train_of(made).values.shape == (1, 2000, 1)
        assert test_of(made).values.min() > 3.0

    @pytest.mark.parametrize("shift", [0, 700, -700])
    def test_a_test_that_was_trained_on_is_refused(self, shift):
        """As in two files of a published recording that are one and the same."""
        np.save("a.npy", WAVE)
        np.save(
            "b.npy", np.concatenate([RNG.random(700), WAVE, RNG.random(700)])[700 - shift :][:2000]
        )
        with pytest.raises(InputError, match="also in the data to train on"):
            imported("a.npy", test=["b.npy"])

    def test_a_long_gap_cuts_and_a_short_one_stays(self):
        values = np.arange(300.0)[:, None]
        values[50:55] = np.nan
        values[100:130] = np.nan
        assert pieces(values, 10) == [(0, 100), (130, 300)]
        assert pieces(values, 4) == [(0, 50), (55, 100), (130, 300)]
        made, starts = trained([Series(values, 0.0)], 1.0, 10)
        assert made.shape == (2, 100, 1)
        assert starts.tolist() == [0.0, 200.0]  # 170 samples give their last hundred
        assert np.isnan(made[0, 50:55]).all()

    def test_the_common_length_keeps_nine_tenths_where_one_can(self):
        lengths = [1000, 990, 30]
        series = [Series(np.arange(float(n))[:, None], 0.0) for n in lengths]
        assert trained(series, 1.0, 10)[0].shape == (2, 990, 1)
        series = [Series(np.arange(float(n))[:, None], 0.0) for n in (1000, 600)]
        assert trained(series, 1.0, 10)[0].shape == (2, 600, 1)

    def test_windows_begin_where_everything_was_recorded(self):
        values = np.arange(2000.0)[:, None] % 97
        values[RNG.random(2000) < 0.1] = np.nan
        made = windowed(
            parted([Series(values, 0.0)], 1.0, 0.5, None), 1.0,
            windows=20, context=20, horizon=30, wanted=30, longest_gap=10,
        )  # fmt: skip
        assert len(made.values) > 10
        assert np.isfinite(made.values[:, 19:21]).all()
        assert np.isnan(made.values).any()

    @pytest.mark.parametrize(
        ("length", "asked", "expected"),
        [
            (100_000, {}, (512, 300)),  # room for more than ten
            (6000, {}, (300, 300)),  # ten windows of 600 samples
            (3000, {}, (128, 300)),  # no ten, but five of 600
            (1000, {}, (100, 100)),  # five of 200
            (6000, {"horizon": 5800}, (128, 5800)),  # what is asked for is kept
            (1000, {"context": 150}, (150, 50)),
        ],
    )
    def test_short_series_have_shorter_contexts_and_then_horizons(self, length, asked, expected):
        test = (Series(np.arange(float(length))[:, None], 0.0),)
        settings = {"windows": 20, "context": None, "horizon": None} | asked
        made = windowed(Parts(test, test, 1, 1), 1.0, wanted=300, longest_gap=10, **settings)
        assert (made.context, made.horizon) == expected
        assert len(made.values) == min(20, length // sum(expected))

    def test_trajectories_of_a_column(self):
        label = np.repeat(["a", "b"], 1000)
        csv("a.csv", {"run": label, "x": WAVE})
        made = imported("a.csv", trajectory="run")
        assert recordings.facts_of(made)["samples"] == [1000, 1000]
        assert made.columns == ("x",)
        assert len(train_of(made)) == 2


class TestNoiseLevel:
    """Oracle: noise that was added, to a flow sampled often and to one sampled seldom."""

    @pytest.mark.parametrize("share", [0.001, 0.02, 0.1])
    def test_noise_that_was_added_to_a_flow_is_found(self, share):
        clean = cb.simulate("lorenz", points=6000, points_per_period=60, seed=2).values
        sigma = share * clean.std(axis=(0, 1))
        noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
        # the standard error of a tenth difference over 6000 samples is some percent
        assert noise_level(noisy) == pytest.approx(sigma, rel=0.1)

    def test_clean_data_have_next_to_none(self):
        clean = cb.simulate("lorenz", points=6000, points_per_period=100, seed=2).values
        assert (noise_level(clean) < 1e-4 * clean.std(axis=(0, 1))).all()

    def test_it_is_an_upper_bound_for_a_map(self):
        clean = cb.simulate("henon", points=4000, seed=2).values
        assert (noise_level(clean) > 0.3 * clean.std(axis=(0, 1))).all()

    def test_gaps_do_not_count(self):
        noisy = np.random.default_rng(1).standard_normal((1, 20_000, 1))
        noisy[:, ::40] = np.nan
        assert noise_level(noisy)[0] == pytest.approx(1.0, rel=0.05)
        assert np.isnan(noise_level(noisy[:, :40])[0])


class TestNames:
    def test_a_recording_is_found_by_its_name_and_loaded_from_elsewhere(self, folder):
        made = imported(WAVE)
        assert Path(made.folder) == folder / "recordings" / "mine"
        assert cb.tasks["own/mine"].id == "own/mine-v1"
        other = imported(WAVE + 1, out="elsewhere/mine")
        assert cb.tasks["own/mine"].dataset.hash == other.hash != made.hash
        assert recordings.load_recordings("recordings") == (made,)
        assert cb.tasks["own/mine"].dataset.hash == made.hash

    def test_the_same_import_again_changes_nothing(self):
        first = imported(WAVE)
        written = (Path(first.folder) / "_manifest.json").stat().st_mtime_ns
        assert imported(WAVE) == first
        assert (Path(first.folder) / "_manifest.json").stat().st_mtime_ns == written

    def test_a_name_that_is_taken_is_refused(self):
        imported(WAVE)
        with pytest.raises(RecipeMismatchError, match=r"another recording.*another name"):
            imported(WAVE + 1)
        with pytest.raises(ParameterError, match="name of a system"):
            imported(WAVE, name="lorenz")

    @pytest.mark.parametrize("name", ["", "Mine", "a b", "../x", "1a", "a-b", "x" * 61, "é", "a/b"])
    def test_odd_names_are_refused(self, name, folder):
        with pytest.raises(ParameterError, match="cannot be the name of a recording"):
            imported(WAVE, name=name)
        assert not (folder / "recordings").exists()

    def test_an_existing_folder_of_something_else_is_left_alone(self):
        Path("full").mkdir()
        Path("full/notes.txt").write_text("mine")
        with pytest.raises(RecipeMismatchError, match="not empty"):
            imported(WAVE, out="full")
        assert os.listdir("full") == ["notes.txt"]

    def test_a_changed_file_is_noticed(self):
        made = imported(WAVE)
        path = next(Path(made.folder).rglob("test.parquet"))
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        with pytest.raises(CorruptDataError, match="SHA-256"):
            verify(made.folder)
        with pytest.raises(CorruptDataError, match="was changed since it was imported"):
            recordings.provide(made, Path("run"))

    def test_an_unknown_recording_says_how_to_import_one(self):
        with pytest.raises(InputError, match="data import FILE --name nothing"):
            cb.tasks["own/nothing"]

    def test_no_fresh_exam_can_be_made_of_it(self):
        imported(WAVE)
        with pytest.raises(ParameterError, match="no fresh exam"):
            cb.tasks["own/mine"].with_seed(1)


class TestPackages:
    @pytest.mark.parametrize("name", PACKAGED)
    def test_every_series_makes_a_task(self, name):
        made = imported(name, dt=None)
        assert made.windows >= 5
        assert made.time_unit != recordings.TIME_UNITS

    def test_the_months_of_the_nino_region_follow_each_other(self):
        """Oracle: the file's first and last rows, read by eye."""
        made = imported("statsmodels:elnino", dt=None)
        values = train_of(made).values[0, :, 0]
        assert values[:3].tolist() == [23.11, 24.2, 25.37]
        assert values[12] == 24.19  # January 1951
        assert recordings.facts_of(made)["samples"] == [732]

    def test_a_missing_package_is_one_sentence(self, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"pip install 'chaosbench\[recordings\]'"):
            imported("statsmodels:sunspots", dt=None)
        with pytest.raises(InputError, match="did you mean 'statsmodels:sunspots'"):
            imported("statsmodels:sunspot", dt=None)


class _Planted:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def _npy_header(shape, path):
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)


def _bad_files():
    """Return name to (how to write the file, settings, words of the sentence)."""
    wave = {"a": WAVE, "b": WAVE**2}

    def text(content, name="f.csv"):
        return lambda: Path(name).write_text(content) and name

    def array(values, name="f.npy", **more):
        def write():
            np.save(name, values, **more)
            return name

        return write

    def arrays(**held):
        def write():
            np.savez("f.npz", **held)
            return "f.npz"

        return write

    def matrices(**held):
        def write():
            from scipy.io import savemat

            savemat("f.mat", held)
            return "f.mat"

        return write

    def table(columns):
        return lambda: csv("f.csv", columns)

    def bomb():
        with zipfile.ZipFile("f.npz", "w", zipfile.ZIP_DEFLATED) as held:
            made = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                made, {"descr": "<f8", "fortran_order": False, "shape": (2**31,)}
            )
            held.writestr("x.npy", made.getvalue())
        return "f.npz"

    def huge():
        _npy_header((2**40,), "f.npy")
        with open("f.npy", "r+b") as file:
            file.truncate(2**43 + 128)  # a sparse file
        return "f.npy"

    def parquet():
        import pandas as pd

        pd.DataFrame({"a": WAVE, "b": [[1.0]] * len(WAVE)}).to_parquet("f.parquet")
        return "f.parquet"

    spread = np.where(np.arange(2000) < 1900, 1.0, 2.0)
    inf = np.where(np.arange(2000) == 7, np.inf, WAVE)
    return {
        "nothing there": (lambda: "none.csv", {}, "there is no file"),
        "a folder": (lambda: Path("d.csv").mkdir() or "d.csv", {}, "there is no file"),
        "another ending": (text("1\n", "f.xls"), {}, "ends in .xls"),
        "empty": (lambda: Path("f.csv").touch() or "f.csv", {}, "is empty"),
        "only a header": (text("a,b\n"), {}, "no rows of numbers"),
        "only blank lines": (text("\n\n\n"), {}, "cannot be read|no rows"),
        "text": (text("a\n" + "1\n" * 50 + "hello\n"), {}, "'hello' in row 51"),
        "prose": (text("To be, or not to be,\nthat is\n"), {}, "cannot be read|no name"),
        "ragged rows": (text("a,b\n1,2\n3\n"), {}, "cannot be read"),
        "bytes": (lambda: Path("f.csv").write_bytes(bytes(range(256)) * 9) and "f.csv", {},
                  "cannot be read"),
        "true and false": (table({"a": WAVE, "b": ["true"] * 2000}), {}, "'b'.*True|true and"),
        "no name": (text("a,\n" + "1,2\n" * 50), {}, "column 2 .* has no name"),
        "equal names": (text("a,a\n" + "1,2\n" * 50), {}, "two columns named 'a'"),
        "no such column": (table(wave), {"columns": ("c",)}, "no column 'c'"),
        "a column twice": (table(wave), {"columns": ("a", "a")}, "named twice"),
        "no such time": (table(wave), {"time": "t"}, "no column 't'"),
        "time as a variable": (table(wave), {"time": "a", "columns": ("a",)}, "cannot be a var"),
        "nothing but time": (table({"a": np.arange(2000)}), {"time": "a"}, "no column but"),
        "a variable called time": (table({"time": WAVE}), {}, "cannot be named 'time'"),
        "dates as numbers": (table({"a": ["2020-01-01"] * 100}), {}, "holds dates"),
        "dates without a unit": (table({"t": ["2020-01-01", "2020-01-02"] * 9, "a": range(18)}),
                                 {"time": "t"}, "in which unit"),
        "times twice": (table({"t": np.arange(2000) // 2, "a": WAVE}), {"time": "t"}, "the same"),
        "times go back": (table({"t": -np.arange(2000), "a": WAVE}), {"time": "t"}, "before"),
        "times missing": (text("t,a\n1,2\n,3\n4,5\n"), {"time": "t"}, "row 2 .* no time"),
        "no step": (table(wave), {"dt": None}, "--dt"),
        "a negative step": (table(wave), {"dt": -1.0}, "positive and finite"),
        "a step that is no number": (table(wave), {"dt": float("nan")}, "positive and finite"),
        "constant": (table({"a": WAVE, "b": np.full(2000, 3.5)}), {}, "'b' is 3.5 throughout"),
        "constant while training": (array(spread), {}, "never changes in the training part"),
        "nothing but gaps": (table({"a": WAVE, "b": [""] * 2000}), {}, "'b' has no number"),
        "too short": (array(WAVE[:20]), {}, "too short"),
        "one sample": (array(WAVE[:1]), {}, "1 sample"),
        "no window": (array(WAVE[:200]), {"context": 100, "horizon": 100}, "no test window fits"),
        "complex": (array(WAVE + 1j), {}, "complex"),
        "objects": (array(np.array([_Planted()] * 3), allow_pickle=True), {}, "never unpickled"),
        "objects in a zip": (arrays(x=np.array([_Planted()], dtype=object)), {}, "never unpickled"),
        "a pickle": (lambda: Path("f.npy").write_bytes(b"\x80\x04cposix\nmkdir\n.") and "f.npy", {},
                     "pickles are never opened"),
        "words": (array(np.array(["a", "b"] * 50)), {}, "type <U1"),
        "dates in an array": (array(np.arange(99).astype("M8[s]")), {}, "type datetime64"),
        "fields": (array(np.zeros(99, [("a", "f8")])), {}, "where numbers are expected"),
        "no axis": (array(np.float64(3)), {}, r"shape \(\)"),
        "four axes": (array(np.zeros((2, 3, 4, 5))), {}, "shape"),
        "transposed": (array(np.zeros((3, 400))), {}, "transpose it"),
        "empty axis": (array(np.zeros((0, 3))), {}, "shape"),
        "infinite": (array(inf), {}, "missing-value inf"),
        "beyond squares": (array(WAVE * 1e200), {}, "1e150"),
        "several arrays": (arrays(x=WAVE, y=WAVE), {}, "several arrays, x, y"),
        "no array": (arrays(), {}, "no array"),
        "no such array": (arrays(x=WAVE), {"key": "z"}, "no array 'z'"),
        "no zip": (lambda: Path("f.npz").write_bytes(b"PK nothing") and "f.npz", {}, "no .npz"),
        "several matrices": (matrices(x=WAVE, y=WAVE), {}, "several arrays, x, y"),
        "cells": (matrices(x=np.array([WAVE, 1], dtype=object)), {}, "objects"),
        "a struct": (matrices(x={"a": 1.0}), {}, "objects|numbers are expected"),
        "no matrix": (lambda: Path("f.mat").write_bytes(b"nothing" * 99) and "f.mat", {},
                      "cannot be read as a MATLAB"),
        "no parquet": (lambda: Path("f.parquet").write_bytes(b"PAR1nothing") and "f.parquet", {},
                       "cannot be read as Parquet"),
        "lists in parquet": (parquet, {}, "'b' .* one number a row"),
        "a key for text": (table(wave), {"key": "x"}, "--key names an array"),
        "cut short": (lambda: _npy_header((500,), "f.npy") or "f.npy", {}, "cannot be read"),
        "huge": (huge, {}, "more than the"),
        "a zip bomb": (bomb, {}, "more than the"),
        "a trajectory a row": (table({"n": np.arange(2000), "a": WAVE}), {"trajectory": "n"},
                               "needs many rows"),
        "an odd unit": (table(wave), {"units": {"a": "<b>"}}, "unit of a"),
        "a unit of nothing": (table(wave), {"units": {"z": "m"}}, "no variable 'z'"),
        "a share of one": (table(wave), {"test_share": 1.0}, "between 0 and 1"),
        "an exponent in words": (table(wave), {"exponent": "large"}, "exponent is a positive"),
        "a negative exponent": (table(wave), {"exponent": -0.5}, "exponent is a positive"),
        "the exponent of nothing": (table(wave), {"exponent_from": "z"}, "no variable 'z'"),
        "a file twice": (lambda: [csv("f.csv", wave)] * 2, {}, "given twice"),
        "unlike files": (lambda: [csv("f.csv", wave), csv("g.csv", {"a": WAVE})], {},
                         "other columns than|no column"),
    }  # fmt: skip


@pytest.mark.parametrize("case", _bad_files())
def test_what_cannot_be_imported_is_one_sentence(case, folder):
    write, settings, words = _bad_files()[case]
    source = write()
    with pytest.raises(InputError, match=words) as caught:
        imported(source, **settings)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    assert not (folder / "recordings").exists()  # nothing was made
    assert not Path("unpickled").exists()


def test_sentinels_are_named_and_never_guessed():
    values = WAVE.copy()
    values[[5, 300]] = -999.0
    np.save("a.npy", values)
    kept = imported("a.npy", out="kept")
    assert train_of(kept).values.min() == -999.0
    named = imported("a.npy", out="named", missing_values=(-999,))
    assert np.isnan(train_of(named).values[0, [5, 300], 0]).all()
    assert np.nanmin(train_of(named).values) > -2.0


def test_a_stranger_reads_the_files(folder):
    """A recording is a dataset like any other: its Parquet has the columns by name."""
    import pyarrow.dataset as ds

    made = imported(csv("a.csv", {"pressure": WAVE}), units={"pressure": "hPa"})
    frame = ds.dataset(made.folder, format="parquet").to_table().to_pandas()
    assert {"system", "split", "trajectory", "step", "time", "pressure"} == set(frame.columns)
    manifest = json.loads((Path(made.folder) / "_manifest.json").read_text())
    assert manifest["recipe"]["units"] == ["hPa"]
