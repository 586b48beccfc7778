"""Which code a score is of: changed code is another cell, and its old record does not count."""

from __future__ import annotations

import importlib
import linecache
import sys
import types
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import chaosbench as cb
from chaosbench.errors import InputError
from chaosbench.evaluation import Budget, retry, run, spec_of, status_of
from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._code import code_of
from chaosbench.evaluation._records import SupersededWarning
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation import description
from chaosbench.tasks import registry

SOURCE = """
from dataclasses import dataclass
import numpy as np
from chaosbench import Forecast

@dataclass(frozen=True)
class Mine:
    level: float = 0.0

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), self.level + {more}))
"""


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """Use another cache, and forget the plugins of a test."""
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    before = set(forecasters)
    yield
    for name in set(forecasters) - before:
        forecasters.discard(name)
    description._FILES.clear()


def task():
    found = registry["forecast/henon-v1"]
    return replace(found, dataset=replace(found.dataset, train_points=200, windows=2, context=16))


def cells(*names, **more):
    return [Cell(task(), spec_of(name, **more), 0) for name in names]


def level(path):
    """Return what the one forecast in a run's directory says."""
    from chaosbench.datasets import read_trajectories

    (file,) = (path / "forecasts").glob("*.parquet")
    return read_trajectories(file, dt=1.0, variables=("x", "y")).values[0, 0, 0]


# ------------------------------------------------------------------------------------- --plugin


def test_a_changed_plugin_file_is_run_again_and_its_old_record_is_kept_aside(tmp_path):
    path, out = tmp_path / "mine.py", tmp_path / "run"
    path.write_text(SOURCE.format(more=1))
    (first,) = run(cells("mine", plugins=[path]), directory=out)
    assert (first.status, level(out)) == ("ok", 1.0)
    assert first.provenance["code"] == {
        "package": str(path), "hash": first.provenance["plugins"][str(path)],
    }  # fmt: skip
    path.write_text(SOURCE.format(more=2))
    with pytest.warns(SupersededWarning, match=r"mine on forecast/henon-v1 .* kept as") as warned:
        (second,) = run(cells("mine", plugins=[path]), directory=out)
    assert level(out) == 2.0
    assert second.scores != first.scores
    assert list(cb.read_records(out)) == [second]
    cb.leaderboard(cb.read_records(out))  # they do not disagree
    assert not status_of(out).to_do  # and the cell of the old code is not to be run
    old = Path(str(warned[0].message).rpartition("kept as ")[2])
    assert list(cb.read_records(old)) == [first]
    # the old code again: its record is there
    path.write_text(SOURCE.format(more=1))
    with pytest.warns(SupersededWarning):
        assert list(run(cells("mine", plugins=[path]), directory=out)) == [first]
    assert level(out) == 1.0
    assert list(cb.read_records(out)) == [first]


def test_a_module_beside_a_plugin_is_part_of_it(tmp_path):
    path, out = tmp_path / "mine.py", tmp_path / "run"
    path.write_text(
        SOURCE.format(more="helpers.MORE").replace("import numpy", "import helpers, numpy")
    )
    (tmp_path / "helpers.py").write_text("MORE = 1.0\n")
    run(cells("mine", plugins=[path]), directory=out)
    (tmp_path / "helpers.py").write_text("MORE = 2.0\n")
    with pytest.warns(SupersededWarning):
        run(cells("mine", plugins=[path]), directory=out)
    assert level(out) == 2.0


def test_records_of_two_codes_in_an_older_directory_do_not_disagree(tmp_path):
    """As version 0.1.0 left them."""
    import os

    path, out = tmp_path / "mine.py", tmp_path / "run"
    made = []
    for more in (1, 2):
        path.write_text(SOURCE.format(more=more))
        run(cells("mine", plugins=[path]), directory=tmp_path / str(more))
        (file,) = (tmp_path / str(more) / "records").glob("*.parquet")
        made.append(out / "records" / file.name)
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        made[-1].write_bytes(file.read_bytes())
        os.utime(made[-1], (more, more))
    with pytest.warns(SupersededWarning) as warned:
        (record,) = cb.read_records(out)
    assert list(cb.read_records(made[1])) == [record]
    text = str(warned[0].message)
    assert text.startswith(f"{made[0]} is left out: {made[1].name} is of newer code of mine")
    assert "delete the older file" in text


def test_a_plugin_that_changes_during_a_run_ends_it(tmp_path):
    path, out = tmp_path / "mine.py", tmp_path / "run"
    path.write_text(SOURCE.format(more=1))
    chosen = cells("persistence", "mine", plugins=[path])
    path.write_text(SOURCE.format(more=2))
    with pytest.raises(InputError, match=r"mine\.py was changed while mine was running; run the"):
        run(chosen, directory=out)
    assert not any(r.forecaster == "mine" for r in run(cells("persistence"), directory=out))


# ------------------------------------------------------------------------------------- installed


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package with a forecaster, as pip does; return its module's file."""
    place = tmp_path / "site-packages"
    told = place / "their_method-1.2.dist-info"
    told.mkdir(parents=True)
    (place / "their_method.py").write_text(SOURCE.format(more=1).replace("Mine", "Theirs"))
    (told / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: their-method\nVersion: 1.2\nRequires-Dist: pandas>=2\n"
        "Requires-Dist: pytest; extra == 'test'\n"
    )
    (told / "entry_points.txt").write_text(
        "[chaosbench.forecasters]\ntheirs = their_method:Theirs\n"
    )
    (told / "RECORD").write_text(
        "their_method.py,sha256=old,1\ntheir_method-1.2.dist-info/METADATA,,\n"
    )
    monkeypatch.syspath_prepend(place)
    importlib.invalidate_caches()
    (point,) = entry_points(group="chaosbench.forecasters", name="theirs")
    monkeypatch.setitem(forecasters._lazy, "theirs", point)
    yield place / "their_method.py"
    forecasters._values.pop("theirs", None)
    sys.modules.pop("their_method", None)


def test_an_edit_of_an_installed_plugin_is_noticed(installed, tmp_path):
    out = tmp_path / "run"
    (first,) = run(cells("theirs"), directory=out)
    assert (first.status, level(out)) == ("ok", 1.0)
    code = first.provenance["code"]
    assert (code["package"], code["version"], len(code["hash"])) == ("their-method", "1.2", 12)
    assert {"their-method", "pandas", "numpy"} <= set(first.provenance["versions"])
    assert first.provenance["versions"]["their-method"] == "1.2"
    assert "pytest" not in first.provenance["versions"]
    assert first.provenance["plugins"] == {}
    stamps = {f: f.stat().st_mtime_ns for f in out.rglob("*.parquet")}
    run(cells("theirs"), directory=out)
    assert stamps == {f: f.stat().st_mtime_ns for f in out.rglob("*.parquet")}  # not again
    installed.write_text(SOURCE.format(more=2).replace("Mine", "Theirs"))
    with pytest.warns(SupersededWarning, match="other code"):
        (second,) = run(cells("theirs"), directory=out)
    assert level(out) == 2.0
    assert second.provenance["code"]["hash"] != code["hash"]
    assert list(cb.read_records(out)) == [second]


def test_a_package_in_development_counts_with_all_its_files(installed):
    """Its installer's list knows only the place."""
    before = code_of("theirs", None, ())
    told = next(installed.parent.glob("*.dist-info"))
    (told / "RECORD").write_text("_editable_impl_their_method.pth,,\n")
    again = code_of("theirs", None, ())
    assert again == before  # wherever it is installed
    installed.write_text(installed.read_text() + "import their_helper\n")
    (installed.parent / "their_helper.py").write_text("")
    seen = {before.hash, code_of("theirs", None, ()).hash}
    (installed.parent / "their_helper.py").write_text("x = 1\n")
    assert code_of("theirs", None, ()).hash not in seen
    assert len(seen) == 2


def test_what_is_ours_is_known_by_its_version():
    code = spec_of("esn").code
    assert (code.package, code.version, code.hash) == ("chaosbench", "0.1.0", "")
    assert "torch" in spec_of("nbeats").code.libraries
    (record,) = run(cells("esn"), budget=Budget(seconds=60))
    assert record.provenance["code"] == {"package": "chaosbench", "version": "0.1.0"}


def test_ids_of_what_is_ours_are_as_they_were():
    """Of version 0.1.0, where the settings are the same; runs of that version resume."""
    ids = [Cell(registry[f"{track}/lorenz-v1"], spec_of(name), seed, tune=tune).id
           for track, name, seed, tune in (("forecast", "climatology", 0, 0),
                                           ("zero-shot-128", "parroting", 3, 0),
                                           ("noisy-5", "sindy", 0, 4))]  # fmt: skip
    assert ids == [
        "forecast-lorenz-v1--climatology--d43bfefa461e",
        "zero-shot-128-lorenz-v1--parroting--5c1762ac0bdb",
        "noisy-5-lorenz-v1--sindy--3a91e36f78e5",
    ]  # fmt: skip


# -------------------------------------------------------------------------------------- notebooks

CELLS = (
    "",
    "from dataclasses import dataclass\nimport numpy as np\nimport chaosbench as cb",
    "raise RuntimeError('not needed')",
    "get_ipython().run_line_magic('matplotlib', 'inline')",
    "this is no Python",
    "def more(x):\n    return x + FIRST",
    "FIRST = 1.0",
    "@dataclass(frozen=True)\nclass Typed:\n    level: float = 0.0\n"
    "    def fit(self, train, *, seed):\n        return self\n"
    "    def predict(self, context, horizon):\n"
    "        n, _, d = context.shape\n"
    "        return cb.Forecast(np.full((n, horizon, d), more(self.level)))",
    "records = cb.evaluate(Typed(), 'forecast/henon-v1')",
)


@pytest.fixture
def notebook(monkeypatch):
    """Run cells as a notebook does: in `__main__`, which has no file and a list of sources."""
    main = types.ModuleType("__main__")
    main.In = []
    monkeypatch.setitem(sys.modules, "__main__", main)

    def execute(text):
        name = f"<cell {len(main.In)}>"
        main.In.append(text)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        try:
            exec(compile(text, name, "exec"), vars(main))
        except (RuntimeError, SyntaxError, NameError) as error:
            if "records" in text:
                raise
            return error
        return main

    return execute


def test_a_forecaster_in_a_notebooks_cell_works(notebook, tmp_path):
    for text in CELLS:
        main = notebook(text)
    (record,) = main.records
    assert (record.status, record.forecaster) == ("ok", "typed")
    ((path, _),) = record.provenance["plugins"].items()
    assert Path(path).is_relative_to(tmp_path / "cache" / "cells")
    source = Path(path).read_text()
    assert "FIRST" in source
    assert "evaluate" not in source
    assert "RuntimeError" not in source
    # a cell that is run again, changed, is another forecaster of the same name
    notebook(CELLS[7].replace("0.0", "5.0"))
    (again,) = notebook(CELLS[8]).records
    assert again.config == {"level": 5.0}
    assert again.scores != record.scores


def test_a_notebooks_run_resumes_and_retries(notebook, tmp_path):
    for text in CELLS[:7]:
        notebook(text)
    main = notebook(CELLS[7].replace("return self", "raise ValueError('as it happens')", 1))
    chosen = [Cell(registry["forecast/henon-v1"], spec_of(main.Typed(level=2.0)), 0)]
    (failed,) = run(chosen, directory=tmp_path / "run")
    assert "as it happens" in failed.message
    assert failed.forecaster == "typed:level=2"
    (again,) = retry(tmp_path / "run")
    assert (again.message, again.config) == (failed.message, failed.config)
    assert len(cb.read_records(tmp_path / "run")) == 1


@pytest.mark.parametrize("named", ["<string>", "<stdin>"])
def test_a_forecaster_whose_source_is_not_kept_is_refused(monkeypatch, named):
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile("\n".join((CELLS[1], CELLS[7])), named, "exec"), vars(main))
    with pytest.raises(InputError, match=r"write it to a file and pass plugins=\[that file\]") as e:
        spec_of(main.Typed())
    assert "\n" not in str(e.value)


def test_what_is_registered_by_hand_reaches_the_other_process(tmp_path):
    path = tmp_path / "by_hand.py"
    path.write_text(SOURCE.format(more=3).replace("Mine", "ByHand"))
    spec = importlib.util.spec_from_file_location("by_hand", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["by_hand"] = module
    spec.loader.exec_module(module)
    forecasters.add("by_hand", module.ByHand)
    (record,) = run(cells("by_hand"), directory=tmp_path / "run")
    assert (record.status, level(tmp_path / "run")) == ("ok", 3.0)
    forecasters.add("other_name", module.ByHand)
    with pytest.raises(InputError, match="attribute name = 'other_name'"):
        spec_of("other_name")
