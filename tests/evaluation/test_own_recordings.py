"""Tasks of recordings: what is seen, asked and scored, in which unit, and what a run keeps."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.testing

import chaosbench as cb
from chaosbench import metrics
from chaosbench.cli import app
from chaosbench.datasets import _known, open_dataset, recordings
from chaosbench.errors import InputError, ParameterError, RecipeMismatchError
from chaosbench.evaluation import plan, read_records, rescore, retry, run, spec_of, status_of
from chaosbench.evaluation._crew import Crew
from chaosbench.evaluation._request import ask
from chaosbench.evaluation._seal import question_hash
from chaosbench.evaluation.exam import load_exam
from chaosbench.evaluation.ranked import unit_of
from chaosbench.evaluation.scoring import score
from chaosbench.isolation.outcome import Budget, Outcome
from chaosbench.leaderboard import build, render_page, render_report, tracks_of, write_site
from chaosbench.leaderboard.terminal import render
from chaosbench.tasks import describe, recipes, select

STEPS = np.arange(3000.0)
WAVE = np.sin(0.2 * STEPS) + 0.3 * np.sin(0.0621 * STEPS)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_RECORDINGS", str(tmp_path / "recordings"))
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    before = set(recordings.registry)
    yield tmp_path
    for name in set(recordings.registry) - before:
        recordings.registry.discard(name)
        _known._of_the_folder.pop(name, None)


def imported(values=WAVE, name="mine", **settings):
    settings = {"dt": 0.5, "exponent": "unknown", "time_unit": "min"} | settings
    settings = {"context": 50, "horizon": 40, "windows": 8} | settings
    return cb.import_recording(values, name=name, **settings)


def exam_of(name="mine"):
    task = cb.tasks[f"own/{name}"]
    return task, load_exam(recordings.stored_of(task.recording), task)


def gappy():
    values = np.column_stack([WAVE, np.cos(0.2 * STEPS)])
    rng = np.random.default_rng(5)
    values[rng.random(3000) < 0.01] = np.nan
    values[rng.random(3000) < 0.01, 1] = np.nan
    return values


class TestExam:
    def test_it_is_the_recording(self):
        """Oracle: each window is found again in the series, context and future in one piece."""
        imported()
        task, exam = exam_of()
        assert task.id == "own/mine-v1"
        assert np.array_equal(exam.train[0, :, 0], WAVE[: exam.train.shape[1]])
        for context, truth, end in zip(exam.context, exam.truth, exam.context_end, strict=True):
            last = round(end / 0.5)
            assert np.array_equal(context[:, 0], WAVE[last - 49 : last + 1])
            assert np.array_equal(truth[:, 0], WAVE[last + 1 : last + 41])
            assert last - 49 > exam.train.shape[1]
        assert exam.clock == 0.5  # a step, in minutes

    def test_with_an_exponent_its_clock_is_lyapunov_times(self):
        imported(exponent=0.25)
        assert exam_of()[1].clock == pytest.approx(0.125)

    def test_gaps_end_what_is_scored(self):
        imported(gappy())
        _, exam = exam_of()
        stored = open_dataset(cb.tasks["own/mine"].recording.folder)
        future = stored.load("mine", "test").values[:, 50:]
        for k, window in enumerate(future):
            gaps = np.flatnonzero(np.isnan(window).any(axis=1))
            assert exam.scorable[k] == (gaps[0] if len(gaps) else 40)
        assert exam.scorable.min() >= 1
        assert np.isfinite(exam.truth).all()
        assert np.isnan(exam.context).any()
        assert (exam.recorded == np.isfinite(future).all(axis=2)).all()


class TestScores:
    def test_what_lies_beyond_a_gap_changes_no_score(self):
        """A forecast that is right up to the gap is censored there, whatever it says later."""
        imported(gappy())
        task, exam = exam_of()
        right = exam.truth.copy()
        wild = np.where(np.arange(40)[None, :, None] >= exam.scorable[:, None, None], 99.0, right)
        scores, windows = score(task, exam, right)
        other, others = score(task, exam, wild)
        assert windows["vpt@0.4"] == others["vpt@0.4"] == tuple(exam.scorable * 0.5)
        assert set(windows["censored@0.4"]) == {1.0}
        for name in ("smape", "nrmse", "mase", "crps"):
            assert scores[name] == other[name]

    def test_attractors_are_compared_where_something_was_recorded(self):
        """Oracle: the metrics of the recorded states, and of the windows without a gap."""
        imported(gappy())
        task, exam = exam_of()
        forecast = exam.truth + 0.3 * np.sin(np.arange(40))[None, :, None]
        scores, _ = score(task, exam, forecast)
        sigma = np.nanstd(exam.train, axis=(0, 1))
        known, whole = exam.recorded, exam.recorded.all(axis=1)
        assert 0 < whole.sum() < len(whole)
        expected = metrics.state_space_divergence(exam.truth[known], forecast[known], scale=sigma)
        assert scores["d_stsp"] == float(expected)
        spectra = metrics.spectral_hellinger(exam.truth[whole], forecast[whole])
        assert scores["d_h"] == float(np.mean(spectra))

    def test_a_question_without_gaps_hashes_as_ever(self):
        """The hash of systems' exams has no word of what only recordings have."""
        imported()
        task, exam = exam_of()
        assert exam.recorded is None
        one = question_hash(task, "d", exam)
        imported(gappy(), name="gaps")
        other, with_gaps = exam_of("gaps")
        assert question_hash(other, "d", with_gaps) != one


class TestPlan:
    def test_there_is_no_ceiling(self):
        imported()
        cells = plan([cb.tasks["own/mine"]], [])
        assert sorted(cell.label for cell in cells) == ["climatology", "parroting", "persistence"]
        with pytest.raises(ParameterError, match="no equation is known"):
            cb.evaluate("perfect model", "own/mine")
        with pytest.raises(InputError, match="not known; only tasks of systems"):
            cb.analyse("persistence", "own/mine")
        with pytest.raises(ParameterError, match="nothing can be generated"):
            recipes("own/mine")

    def test_it_is_selected_and_described_like_any_task(self):
        imported(units={"x0": "mV"}, exponent=0.25)
        assert [task.id for task in select(["own/mine", "lite-v2"], exclude=["lite-v2"])] == [
            "own/mine-v1"
        ]
        with pytest.raises(InputError, match="none of the"):
            select(["own/mine"], tags=["dissipative"])
        words = describe(cb.tasks["own/mine"])
        for said in ("x0 (mV)", "0.5 min apart", "given exponent 0.25 per min", "no ceiling"):
            assert said in words

    def test_forecasters_get_arrays_and_neither_names_nor_the_future(self):
        """What leaves this process: training data, contexts and numbers of steps."""
        imported(gappy())
        task, exam = exam_of()
        (cell,) = [c for c in plan([task], []) if c.label == "persistence"]
        sent = {}

        class Server:
            def run(self, job, train, context=None, **more):
                sent.update(job=job, train=train, context=context, more=more)
                return Outcome("crashed")

        ask(Server(), cell, exam, 10.0)
        assert sent["more"] == {}
        assert np.array_equal(sent["context"], exam.context, equal_nan=True)
        assert not any("mine" in str(value) for value in sent["job"].values())
        assert sent["job"]["discrete"] is False

    def test_the_recording_and_its_source_are_out_of_reach(self, folder):
        np.save("source.npy", WAVE)
        made = imported("source.npy")
        crew = Crew(Budget(), None)
        hidden = {Path(path).resolve() for path in crew._hidden}
        crew.close()
        for place in (made.folder, "source.npy", recordings.recordings_folder()):
            assert Path(place).resolve() in hidden


NAIVE = '''
from dataclasses import dataclass
import chaosbench.forecasters as f
import numpy as np

@dataclass(frozen=True)
class Fails:
    """Fails while a file says so, and otherwise repeats the last value."""
    def fit(self, train, *, seed):
        return self
    def predict(self, context, horizon):
        raise ValueError("no")
'''


SPY = '''
from dataclasses import dataclass
from pathlib import Path
import numpy as np
import chaosbench.forecasters as f

@dataclass(frozen=True)
class Spy:
    """Says with its forecast how many of the places it can read."""
    def fit(self, train, *, seed):
        return self
    def predict(self, context, horizon):
        seen = 0
        for place in PLACES:
            try:
                path = Path(place)
                files = [path] if path.suffix else list(path.rglob("*"))
                seen += sum(len(file.read_bytes()) for file in files if file.is_file())
            except OSError:
                pass
        return f.Forecast(np.full((len(context), horizon, context.shape[2]), float(seen)))
'''


def test_a_forecaster_cannot_read_what_it_is_asked_for(folder):
    """A plugin that lies beside the source, and knows where the recording and the run are."""
    np.save("source.npy", WAVE)
    made = imported("source.npy")
    places = [str(Path(p).resolve()) for p in ("source.npy", made.folder, "run")]
    Path("spy.py").write_text(SPY.replace("PLACES", repr(places)))
    assert all(Path(place).exists() for place in places[:2])
    records = run(
        plan([cb.tasks["own/mine"]], [spec_of("spy", plugins=["spy.py"])], baselines=False),
        directory="run",
    )
    assert [record.status for record in records] == ["ok"]
    (forecast,) = Path("run/forecasts").iterdir()
    import pyarrow.parquet as pq

    assert set(pq.read_table(forecast)["x0"].to_pylist()) == {0.0}


@pytest.fixture
def done(folder):
    """A run of the floor on a recording in minutes and on one in Lyapunov times."""
    imported(gappy(), name="first")
    imported(WAVE, name="second", exponent=0.25)
    tasks = [cb.tasks["own/first"], cb.tasks["own/second"]]
    return run(plan(tasks, []), directory="run")


class TestRun:
    def test_records_state_their_unit_and_the_board_shows_it(self, done):
        assert {record.status for record in done} == {"ok"}
        first, second = done[0], done[-1]
        assert (unit_of(first), unit_of(second)) == ("min", "Lyapunov times")
        assert first.provenance["horizon"] == 20.0
        assert second.provenance["horizon_lyapunov"] == pytest.approx(40 * 0.5 * 0.25)
        assert first.provenance["fingerprint"] == cb.tasks["own/first"].recording.hash
        assert tracks_of(done) == ["own", "own-in-min"]
        board = build(done, track="own-in-min", bootstrap=20)
        text = render(board, width=300)
        assert "median valid prediction time over all windows, in min" in text
        assert "1 recording" in text
        assert "no ceiling" in text
        assert board.rows()[0]["unit"] == "min"
        page = render_page(done, track="own-in-min", bootstrap=20)
        assert ", in min" in page
        assert "Lyapunov time" not in page
        assert "perfect model" not in page
        report = render_report(done, bootstrap=20)
        assert "over all windows, in min" in report.replace("windows in min,", "windows, in min")
        write_site(done, "site", bootstrap=20)
        assert {path.name for path in Path("site").iterdir()} == {"index.html", "own-in-min.html"}

    def test_a_run_can_be_scored_again_from_its_own_folder(self, done):
        for name in ("first", "second"):
            recordings.registry.discard(name)
            _known._of_the_folder.pop(name, None)
        (Path("recordings")).rename("gone")
        found = rescore("run")
        assert [one.trouble for one in found] == [""] * 6
        assert [one.differing for one in found] == [()] * 6
        assert status_of("run").counts["persistence"] == {"ok": 2}

    def test_failed_cells_are_tried_again(self, folder):
        imported()
        Path("fails.py").write_text(NAIVE)
        cells = plan([cb.tasks["own/mine"]], [spec_of("fails", plugins=["fails.py"])])
        run(cells, directory="run")
        again = retry("run", statuses=["crashed"])
        assert [(record.task, record.status) for record in again] == [("own/mine-v1", "crashed")]

    def test_a_recording_that_was_imported_anew_cannot_join_an_old_run(self, done):
        import shutil

        shutil.rmtree("recordings/second")
        imported(WAVE + 1.0, name="second", exponent=0.25)
        with pytest.raises(RecipeMismatchError, match=r"'second' is not the one that .*run"):
            run(plan([cb.tasks["own/second"]], []), directory="run")
        assert len(read_records("run")) == 6


def told(*words):
    done = typer.testing.CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done.output


@pytest.mark.parametrize(
    ("nvar", "least"),
    [
        ("nvar:delay=4,order=4,stride=4,ridge=1e-10", 0.0),
        # with the settings that it chooses itself; the floor stays below one Lyapunov time
        pytest.param("nvar", 1.5, marks=pytest.mark.slow),
    ],
)
def test_from_a_file_to_the_board(folder, nvar, least):
    """A CSV of Lorenz' x, imported, forecast and ranked from the command line."""
    flow = cb.simulate("lorenz", points=6000, points_per_period=30, seed=1)
    rows = np.column_stack([flow.time, flow.values[0, :, 0]])
    np.savetxt("lorenz.csv", rows, delimiter=",", header="t,x", comments="")
    line = ("data", "import", "lorenz.csv", "--time", "t", "--time-unit", "s", "--name",
            "convection", "--horizon", "150", "--context", "100")  # fmt: skip
    assert "estimated, rosenstein" in told(*line)
    found = json.loads(told(*line, "--format", "json"))["exponent"]
    assert found["value"] == pytest.approx(0.9056, rel=0.15)
    assert "convection" in told("tasks", "show", "own/convection")
    told("run", "own/convection", "-f", nvar, "--out", "run")
    board = json.loads(told("leaderboard", "show", "run", "--format", "json"))
    assert {one["forecaster"] for one in board} == {
        "persistence", "climatology", "parroting", nvar
    }  # fmt: skip
    assert {one["unit"] for one in board} == {"Lyapunov times"}
    assert {one["failures"] for one in board} == {0}
    scores = {one["forecaster"]: one["score"] for one in board}
    assert scores[nvar] >= max(least, scores["persistence"])
    assert all(score < 1.0 for name, score in scores.items() if name != nvar)
    assert "not certified" in told("data", "verify", "recordings/convection")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv", "--dt", "1"], "there is no file none.csv"),
        (["a.csv"], "--dt"),
        (["a.csv", "--dt", "1", "--unit", "mV"], "COLUMN=UNIT"),
        (["a.csv", "--dt", "1", "--name", "A B"], "small letters"),
        (["statsmodels:sunspots", "a.csv"], "import it alone"),
        (["statsmodels:sunspots", "--dt", "2"], "its own step"),
        (["statsmodels:moon"], "statsmodels"),
    ],
)
def test_the_command_line_refuses_in_one_sentence(folder, words, said):
    """What the import refuses is tested with it; here are the words of the command."""
    Path("a.csv").write_text("x\n" + "\n".join(map(str, WAVE)))
    name = [] if "--name" in words else ["--name", "mine"]
    done = typer.testing.CliRunner().invoke(app, ["data", "import", *words, *name])
    assert isinstance(done.exception, InputError), done
    assert said in str(done.exception)
    assert not Path("recordings").exists()


def test_a_refusal_is_one_line_and_an_exit_code_of_two(folder):
    done = subprocess.run(
        [sys.executable, "-m", "chaosbench.cli", "data", "import", "a.csv", "--name", "mine",
         "--dt", "1"], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert done.stderr == "error: there is no file a.csv\n"


def test_recordings_are_found_in_a_folder_that_is_named(folder):
    imported(name="one", out="shared/one")
    imported(WAVE + 1, name="two", out="shared/two")
    for name in ("one", "two"):
        recordings.registry.discard(name)
    with pytest.raises(InputError, match="data import FILE --name one"):
        cb.tasks["own/one"]
    rows = json.loads(told("tasks", "list", "own/one", "own/two", "--recordings", "shared",
                           "--format", "json"))  # fmt: skip
    assert [row["id"] for row in rows] == ["own/one-v1", "own/two-v1"]


@pytest.mark.slow
def test_the_page_does_what_it_says(folder, monkeypatch):
    """The snippets and commands of docs/recordings.md, in order."""
    text = (Path(__file__).parents[2] / "docs" / "recordings.md").read_text("utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {"cb": cb})
    lines = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).splitlines()
    commands = [shlex.split(line)[2:] for line in lines if line.startswith("$ chaosbench ")]
    assert len(commands) >= 6
    for command in commands:
        told(*command)
