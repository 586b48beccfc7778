"""Every score can be computed again from what a run keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import MANIFEST, write_trajectories
from chaosbench.datasets._store import seal
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.evaluation import plan, rescore, run, spec_of
from chaosbench.evaluation._cell import CEILING, Cell
from chaosbench.evaluation._records import write_file
from chaosbench.evaluation._rescore import _differing
from chaosbench.evaluation._store import RunDirectory
from chaosbench.evaluation.exam._read import _read_exam
from chaosbench.tasks import registry
from chaosbench.tasks._tracks import TRACKS

HERE = Path(__file__).parent
CHEAP = {
    "few": "lorenz", "partial": "henon", "shift": "henon", "shift-switch": "henon",
    "field": "lorenz96", "assimilate": "lorenz", "equation": "henon",
}  # fmt: skip
PROTOCOLS = (
    "gilpin-2021-15/lorenz-v1", "gilpin-2023/lorenz-v1", "neurobench/mackey_glass-v1",
    "ctf/lorenz-v1", "dynamix/lorenz-v1",
)  # fmt: skip


def small(name, **changes):
    task = registry[name]
    defaults = {"train_points": 300, "horizon_at_most": min(100, task.dataset.horizon_at_most)}
    return replace(task, dataset=replace(task.dataset, windows=2, **(defaults | changes)))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run of every track: a point forecaster, one with samples, one that goes astray, a ceiling;
    and an equation."""
    folder = tmp_path_factory.mktemp("rescore") / "run"
    chosen = [small(f"{track}/{CHEAP.get(track, 'logistic')}-v1") for track in TRACKS]
    chosen += [small(name, context=200) for name in PROTOCOLS]
    plugins = [HERE.parent / "isolation" / "faulty.py", HERE / "oracles.py"]
    specs = [spec_of(name, plugins=plugins) for name in ("persistence", "ensemble", "blows_up")]
    cells = [*plan(chosen, specs, baselines=False)]
    cells += [Cell(task, CEILING, 0, privileged=True) for task in chosen]
    equation = next(task for task in chosen if task.asks == "equation")
    cells.append(Cell(equation, spec_of("henon_itself", plugins=plugins), 0))
    run(cells, directory=folder)
    return folder


@pytest.fixture(scope="module")
def again(home):
    return rescore(home)


@pytest.mark.parametrize("track", [*TRACKS, *(name.partition("/")[0] for name in PROTOCOLS)])
def test_every_score_of_every_track_is_found_again_exactly(track, again):
    found = [one for one in again if one.record.task.partition("/")[0] == track]
    assert len(found) == (5 if track == "equation" else 4)
    assert [one.trouble for one in found] == [""] * len(found)
    for one in found:
        np.testing.assert_equal(dict(one.scores), dict(one.record.scores))
        np.testing.assert_equal(dict(one.window_scores), dict(one.record.window_scores))
        assert one.differing == ()
    assert sum(bool(one.scores) for one in found) >= (2 if track == "equation" else 3)


def test_what_needs_samples_or_a_polynomial_is_among_it(again):
    names = {name for one in again for name in (*one.scores, *one.window_scores)}
    assert {"coverage@0.9", "spread_skill", "ensemble_vpt@0.4", "structure_f1"} <= names
    (shown,) = [one for one in again if one.record.forecaster == "henon_itself"]
    assert shown.scores["structure_f1"] == 1.0


@pytest.fixture
def one_cell(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    task = small("forecast/henon-v1")
    run(plan([task], [spec_of("persistence")], baselines=False), directory=tmp_path / "run")
    (record,) = (tmp_path / "run/records").iterdir()
    return RunDirectory(tmp_path / "run", exam_seed=0), record


def test_a_score_that_is_not_the_forecasts_is_named_and_put_right(one_cell):
    home, path = one_cell
    right = home.get(path.stem)
    write_file(path, [replace(right, scores={**right.scores, "smape": 1.0, "beauty": 1.0})])
    (found,) = rescore(home.path)
    assert found.differing == ("beauty", "smape")
    assert home.get(path.stem).scores["smape"] == 1.0
    rescore(home.path, write=True)
    mended = home.get(path.stem)
    assert (mended.scores, mended.window_scores) == (right.scores, right.window_scores)
    assert mended.provenance["rescored"]["numpy"] == np.__version__
    assert rescore(home.path)[0].differing == ()


def test_what_cannot_be_scored_again_is_said(one_cell):
    home, path = one_cell
    right = home.get(path.stem)
    old = replace(right, window_scores={**right.window_scores, "ensemble_vpt@0.4": (1.0, 1.0)})
    write_file(path, [old])
    assert "does not keep its samples" in rescore(home.path)[0].trouble
    other = {**right.provenance, "fingerprint": "of another equation"}
    write_file(path, [replace(right, provenance=other)])
    assert "the equation of henon has changed" in rescore(home.path)[0].trouble
    write_file(path, [replace(right, provenance={**right.provenance, "dataset": "another"})])
    assert "not those that it was scored on" in rescore(home.path)[0].trouble
    write_file(path, [right])
    (home.path / "forecasts" / path.name).unlink()
    assert path.name in rescore(home.path)[0].trouble
    with pytest.raises(InputError, match="no run's directory"):
        rescore(home.path / "records")


NAMED = "not those of the cell that its file is named after"
EDITS = {
    "seed": ({"seed": 1}, NAMED),
    "label": ({"forecaster": "esn"}, NAMED),
    "settings in the label": ({"forecaster": "persistence:units=9"}, "settings are those of"),
    "settings": ({"config": {"units": 9}}, NAMED),
    "privilege": ({"privileged": True}, "given the equation, but its label is"),
    "the ceiling": ({"forecaster": "perfect model"}, "claims that it was not given"),
    "failed": ({"status": "timeout"}, "has scores although"),
    "failed without scores": (
        {"status": "timeout", "scores": {}, "window_scores": {}}, "keeps its forecast",
    ),
    "diverged": ({"status": "diverged"}, "its forecast is finite"),
    "no cost": ({"cpu_seconds": float("nan")}, "does not say its cpu_seconds"),
    "a negative cost": ({"fit_seconds": -4029.0}, "which is not in 0 to"),
    "an infinite cost": ({"peak_memory_mib": float("inf")}, "which is not in 0 to"),
    "a huge cost": ({"predict_seconds": 1e308}, "which is not in 0 to"),
    "question": ({"question": "0" * 64}, "not, to the last bit"),
    "forecast": ({"forecast": "0" * 64}, "is not the one that it was made from"),
}  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    task = small("forecast/henon-v1")
    folder = tmp_path_factory.mktemp("kept") / "run"
    run(plan([task], [spec_of("persistence")], baselines=False), directory=folder)
    (path,) = (folder / "records").iterdir()
    return RunDirectory(folder, exam_seed=0), path


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_and_sealed_again_is_noticed(kept, edit):
    home, path = kept
    right = home.get(path.stem)
    changes, sentence = EDITS[edit]
    write_file(path, [replace(right, **changes)])  # with a checksum that is right
    try:
        (found,) = rescore(home.path, write=True)
        assert sentence in found.trouble
        assert repr(home.get(path.stem)) == repr(replace(right, **changes))  # not put right
    finally:
        write_file(path, [right])
    (found,) = rescore(home.path)
    assert (found.trouble, found.differing) == ("", ())


def test_scores_that_were_taken_out_are_found_again(kept):
    home, path = kept
    right = home.get(path.stem)
    write_file(path, [replace(right, scores={}, window_scores={}, forecast="")])
    (found,) = rescore(home.path)
    write_file(path, [right])
    assert set(found.differing) == {*right.scores, *right.window_scores}


def test_an_exponent_that_was_changed_and_sealed_again_is_noticed(kept):
    home, path = kept
    right = home.get(path.stem)
    manifest = home.data("forecast/henon-v1") / MANIFEST
    text = manifest.read_text()
    held = json.loads(text)
    held["paces"]["henon"]["lyapunov_exponent"] /= 2
    manifest.write_text(json.dumps(held | {"checksum": seal(held)}))
    _read_exam.cache_clear()
    (one,) = rescore(home.path)
    assert "the manifest of its data has the Lyapunov exponent" in one.trouble
    manifest.write_text(text)
    _read_exam.cache_clear()
    changed = {**right.provenance, "lyapunov_exponent": 0.1}
    write_file(path, [replace(right, provenance=changed)])
    (one,) = rescore(home.path)
    write_file(path, [right])
    assert "it has the Lyapunov exponent 0.1, but that of henon is" in one.trouble


def test_a_forecast_that_was_replaced_is_noticed(kept):
    home, path = kept
    place = home.path / "forecasts" / path.name
    before = place.read_bytes()
    answer = home.answer(path.stem, dt=1.0, variables=("x", "y"), windows=2)
    values = answer.values.values.copy()
    values[0, 0, 0] = np.nextafter(values[0, 0, 0], 2)
    write_trajectories(place, replace(answer.values, values=values))
    (found,) = rescore(home.path)
    place.write_bytes(before)
    assert "is not the one that it was made from" in found.trouble


def test_what_is_kept_goes_with_its_record(one_cell):
    home, path = one_cell
    polynomial = np.array([[0.0, 1.0]]), np.array([[np.nan, 0.1]])
    kept = home.answer(path.stem, dt=1.0, variables=("x", "y"), windows=2)
    samples = np.stack([kept.values.values, kept.values.values + 1])
    home.put("other", home.get(path.stem), replace(kept, samples=samples, polynomial=polynomial))
    read = home.answer("other", dt=1.0, variables=("x", "y"), windows=2)
    np.testing.assert_array_equal(read.samples, samples)
    np.testing.assert_array_equal(read.polynomial, polynomial)
    with pytest.raises(CorruptDataError, match="holds 2 windows"):
        home.answer("other", dt=1.0, variables=("x", "y"), windows=3)
    broken = home.path / "polynomials/other.json"
    broken.write_text(json.dumps({"powers": [[1, 2]]}))
    with pytest.raises(CorruptDataError, match="no polynomial"):
        home.answer("other", dt=1.0, variables=("x", "y"), windows=2)
    broken.write_text("{}")
    place = home.set_aside("other")
    aside = home.path / "superseded"
    assert place == aside / "records/other.parquet"
    assert {p.relative_to(aside) for p in home.path.rglob("other*")} == {
        Path("forecasts/other.parquet"), Path("polynomials/other.json"),
        Path("records/other.parquet"), Path("samples/other.parquet"),
    }  # fmt: skip
    assert home.restore("other")
    assert not list(aside.rglob("other*"))
    assert not home.restore("other")
    home.put("other", home.get(path.stem), None)  # which answered nothing
    assert [p.parent.name for p in home.path.rglob("other*")] == ["records"]


def test_rounding_is_no_difference():
    before = {"a": 1.0, "b": float("nan"), "w": (1.0, 2.0)}
    assert _differing(before, {"a": 1.0 + 1e-12, "b": float("nan"), "w": (1.0, 2.0)}) == []
    assert _differing(before, {"a": 1.0 + 1e-6, "w": (1.0,)}) == ["a", "b", "w"]


def test_a_run_without_its_data_makes_them_again(tmp_path, monkeypatch):
    import shutil

    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    cb.evaluate("persistence", "forecast/henon-v1", directory=tmp_path / "run")
    shutil.rmtree(tmp_path / "run/data")
    (found,) = rescore(tmp_path / "run")
    assert (found.trouble, found.differing) == ("", ())
