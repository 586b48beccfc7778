"""A user's own systems: from a file, from a package, with their constants, tasks and runs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import typer.testing

import chaosbench as cb
from chaosbench.cli import app
from chaosbench.dynamics import characterisation
from chaosbench.dynamics.stored import Constants, constants_path, known_constants, store
from chaosbench.errors import (
    CorruptDataError,
    DefinitionError,
    InputError,
    StaleConstantsError,
    UnknownNameError,
)
from chaosbench.evaluation import plan, read_records, rescore, run, spec_of
from chaosbench.isolation import _templates
from chaosbench.registry import PluginWarning, Registry
from chaosbench.systems import _registry, dx, load_systems, origin_of, own, registry
from chaosbench.tasks import _catalogue, select, suites
from chaosbench.tasks import registry as tasks
from chaosbench.tasks._tracks import TRACKS

SOURCE = '''
import chaosbench as cb

@cb.map(ic=(0.1, 0.1), reference="own", dissipative=True, aliases=("OwnMap",))
def own_map(x, y, *, a=1.39, b=0.29):
    """A Hénon map with other parameters."""
    return 1 - a * x**2 + y, b * x

@cb.flow(ic=(1.0, 2.0, 20.0), reference="own", dissipative=True)
def own_flow(x, y, z, *, s=10.0, r=32.0, b=2.6):
    """Convection, driven harder than usual."""
    return s * (y - x), x * (r - z) - y, x * y - b * z

@cb.delay(ic=(1.1,), reference="own", dissipative=True)
def own_delay(x, x_tau, *, beta=0.2, gamma=0.1, tau=18.0):
    """A delayed feedback."""
    return beta * x_tau / (1 + x_tau**10) - gamma * x
'''

MAP = {"period": 1.0, "mean": (0.26, 0.08), "std": (0.7, 0.2)}
FLOW = {"period": 0.7, "mean": (0.0, 0.0, 27.0), "std": (8.6, 9.8, 9.6)}


def facts(name, *, ranked=True, exponent=0.37, period=1.0, mean=(), std=()):
    d = registry[name].dimension
    return Constants(
        system=name, fingerprint=registry[name].fingerprint, period=period,
        lyapunov_exponents=(exponent, *([-1.0] * (d - 1))), lyapunov_stderr=(0.001,) * d,
        largest_twin=exponent, largest_twin_stderr=0.001, kaplan_yorke_dimension=1.2,
        kaplan_yorke_stderr=0.01, correlation_dimension=None, correlation_dimension_stderr=None,
        mean=mean or (0.0,) * d, std=std or (1.0,) * d, mean_divergence=-1.0,
        mean_divergence_stderr=0.0, stiffness=None, ranked=ranked,
        provenance={
            "integrator": "dop853", "rtol": 1e-10, "periods": 1000.0, "seed": 0,
            "versions": {"chaosbench": "0"},
        },
    )  # fmt: skip


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """Forget afterwards what a test has loaded, and keep the user's folder out of it."""
    monkeypatch.setenv("CHAOSBENCH_CONSTANTS", str(tmp_path / "user"))
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    yield
    _registry.forget(list(_registry._origins))
    own._loaded.clear()


@pytest.fixture
def file(clean, tmp_path):
    path = tmp_path / "my_systems.py"
    path.write_text(SOURCE, "utf-8")
    return path


def command(*args):
    """Run a command line; return its exit code, its output and the sentence it ends with."""
    made = typer.testing.CliRunner().invoke(app, [str(arg) for arg in args])
    return made.exit_code, made.output, "" if made.exception is None else str(made.exception)


class TestLoading:
    def test_a_file_adds_its_systems(self, file):
        made = load_systems(file)
        assert [system.name for system in made] == ["own_map", "own_flow", "own_delay"]
        assert registry["own_flow"] is made[1]
        assert registry["OwnMap"] is made[0]
        assert origin_of("own_map").file == file
        assert origin_of("henon") is None
        assert registry["own_delay"].lags == [18.0]

    def test_the_same_file_again_gives_the_same_systems(self, file):
        assert cb.load_systems(file) == load_systems(str(file))

    def test_a_changed_file_is_loaded_again(self, file):
        load_systems(file)
        before = registry["own_map"].fingerprint
        file.write_text(SOURCE.replace("a=1.39", "a=1.38").replace("own_delay", "own_echo"))
        load_systems(file)
        assert registry["own_map"].fingerprint != before
        assert "own_echo" in registry
        assert "own_delay" not in registry

    def test_what_lies_beside_the_file_can_be_imported(self, file):
        (file.parent / "my_constants_xyz.py").write_text("A = 1.37\n")
        file.write_text("from my_constants_xyz import A\n" + SOURCE.replace("a=1.39", "a=A"))
        load_systems(file)
        assert registry["own_map"].parameters["a"] == 1.37
        assert str(file.parent) not in sys.path

    def test_imported_and_private_systems_stay_out(self, file):
        file.write_text(
            SOURCE + "from chaosbench.systems.catalogue.maps import henon\n"
            "_helper = henon.with_params(a=1.3)\n"
        )
        assert len(load_systems(file)) == 3

    def test_another_process_finds_them(self, file):
        """Characterising in several processes sends names, and systems can be pickled there."""
        import pickle

        load_systems(file)
        text = pickle.dumps(registry["own_map"].with_params(a=1.3))
        code = (
            "import pickle, sys, chaosbench as cb\n"
            f"cb.load_systems({str(file)!r})\n"
            "print(pickle.loads(sys.stdin.buffer.read()).parameters['a'])"
        )
        done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True)
        assert done.stdout == b"1.3\n", done.stderr

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            (SOURCE.replace("own_delay", "lorenz"), "'lorenz' already belongs to 'lorenz' of the"),
            (SOURCE.replace('"OwnMap"', '"Rossler"'), "'Rossler' already belongs to 'rossler'"),
            (SOURCE.replace("own_delay", "Lorenz"), "'Lorenz' already belongs to 'lorenz' of the"),
            (SOURCE.replace("own_flow", "all"), "'all' is reserved"),
            (SOURCE.replace("x**2", "nothing"), "'own_map' cannot be traced: NameError"),
            (SOURCE.replace(", b * x", ""), "'own_map' has 2 state variables but .* returns 1"),
            (SOURCE.replace("x**2", "(x if x > 0 else 0)"), "'own_map' cannot be traced"),
            ("1 / 0", "in line 1: ZeroDivisionError"),
            ("x = (", "SyntaxError"),
            ("import sys; sys.exit(3)", "SystemExit"),
            ("x = 1", "defines no system"),
        ],
    )
    def test_a_bad_file_is_one_sentence_and_changes_nothing(self, file, source, words):
        before = list(registry), dict(registry._aliases)
        file.write_text(source)
        with pytest.raises(InputError, match=words) as caught:
            load_systems(file)
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert (list(registry), registry._aliases) == before
        assert file not in own._loaded

    def test_a_bad_change_keeps_what_was_there(self, file):
        (first, *_) = load_systems(file)
        file.write_text(SOURCE.replace("own_delay", "lorenz"))
        with pytest.raises(InputError, match="already belongs"):
            load_systems(file)
        assert registry["own_map"] is first

    @pytest.mark.parametrize("path", ["missing.py", ".", "my_systems.txt"])
    def test_no_file(self, path, file, monkeypatch):
        monkeypatch.chdir(file.parent)
        Path("my_systems.txt").write_text(SOURCE)
        with pytest.raises(InputError, match=r"Python file, such as my_systems\.py"):
            load_systems(path)
        with pytest.raises(InputError, match="not a int"):
            load_systems(3)

    def test_two_files_cannot_have_one_name(self, file):
        load_systems(file)
        other = file.with_name("others.py")
        other.write_text(SOURCE)
        with pytest.raises(InputError, match="'own_map' already belongs to 'own_map' of /"):
            load_systems(other)


class TestPackages:
    @pytest.fixture
    def installed(self, file, monkeypatch):
        """Stand a package in for an installed one, and fill the registry anew."""
        monkeypatch.syspath_prepend(str(file.parent))
        made = {}

        def install(value):
            point = EntryPoint("mine", value, _registry.GROUP)
            monkeypatch.setattr(_registry, "entry_points", lambda group: [point])
            fresh = _registry.Registry("system", populate=_registry._populate)
            monkeypatch.setattr(_registry, "registry", fresh)
            made["registry"] = fresh
            return fresh

        yield install
        sys.modules.pop("my_systems", None)

    @pytest.mark.parametrize(("value", "count"), [("my_systems", 3), ("my_systems:own_map", 1)])
    def test_an_entry_point_brings_systems(self, installed, value, count, tmp_path):
        found = installed(value)
        assert len(found) == len(registry) + count
        assert found["OwnMap"].name == "own_map"
        origin = origin_of("own_map")
        assert origin.installed
        assert origin.folder == tmp_path / "my_systems.constants"

    @pytest.mark.parametrize(
        "value", ["my_systems:cb.__version__", "no_such_module", "my_systems:x"]
    )
    def test_a_broken_one_is_left_out(self, installed, value):
        found = installed(value)
        with pytest.warns(PluginWarning, match=f"the systems of {value} are left out"):
            assert len(found) == len(registry)

    def test_a_taken_name_is_left_out(self, installed, file):
        file.write_text(SOURCE.replace("own_delay", "lorenz"))
        found = installed("my_systems")
        with pytest.warns(PluginWarning, match="'lorenz' already belongs"):
            assert "own_map" not in found
        assert found["lorenz"] is registry["lorenz"]


class TestConstants:
    def test_they_lie_beside_the_file(self, file):
        load_systems(file)
        assert known_constants(registry["own_map"]) is None
        path = store(facts("own_map"))
        assert path == file.parent / "my_systems.constants" / "own_map.json"
        assert cb.constants("own_map").largest_lyapunov_exponent == 0.37
        assert not constants_path("own_map").exists()

    def test_or_in_the_users_folder(self, file, tmp_path):
        (file.parent / "my_systems.constants").write_text("a file, where a folder is expected")
        load_systems(file)
        assert store(facts("own_map")) == tmp_path / "user" / "own_map.json"
        assert cb.constants("own_map").period == 1.0

    def test_never_in_the_package(self, file):
        load_systems(file)
        with pytest.raises(InputError, match="'henon' is not a system of your own"):
            store(facts("henon"))

    def test_a_new_measurement_counts_at_once(self, file):
        load_systems(file)
        store(facts("own_map"))
        store(facts("own_map", exponent=0.5))
        assert cb.constants("own_map").largest_lyapunov_exponent == 0.5

    def test_a_changed_equation_has_none(self, file):
        load_systems(file)
        store(facts("own_map"))
        assert "forecast/own_map-v2" in tasks
        file.write_text(SOURCE.replace("a=1.39", "a=1.38"))
        load_systems(file)
        assert known_constants(registry["own_map"]) is None
        assert "forecast/own_map-v2" not in tasks
        with pytest.raises(StaleConstantsError, match=f"own_map --systems {file}"):
            tasks["forecast/own_map-v2"]

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '{"system": 1}'])
    def test_a_damaged_file_is_one_sentence(self, file, text):
        load_systems(file)
        place = store(facts("own_map"))
        place.write_text(text)
        with pytest.raises(CorruptDataError, match=r"own_map.json holds no constants"):
            cb.constants("own_map")
        assert "forecast/own_map-v2" not in tasks
        assert "forecast/henon-v2" in tasks


class TestTasks:
    def test_all_tracks_make_tasks_of_a_map_and_a_flow(self, file):
        before = set(tasks)
        load_systems(file)
        store(facts("own_map", **MAP))
        store(facts("own_flow", exponent=0.98, **FLOW))
        made = set(tasks) - before
        # a shift is a measured change of parameter, which nobody has chosen here
        tracks = {track for track in TRACKS if not track.startswith("shift")}
        for name, like in {"own_map": "henon", "own_flow": "rossler"}.items():
            expected = {
                task.replace(like, name)
                for task in before
                if tasks[task].system == like and tasks[task].track in tracks
            }
            assert len(expected) > 15
            found = {t for t in made if tasks[t].system == name and tasks[t].track in tracks}
            assert found == expected
        assert {f"{t}/own_flow-v1" for t in ("few", "climate", "assimilate", "equation")} <= made
        assert tasks["forecast/own_flow-v2"].dataset.pace("own_flow").dt == pytest.approx(0.7 / 30)

    def test_suites_stay_the_same_exam(self, file, monkeypatch):
        """Also those that are made when the systems are loaded already."""
        before = {name: suites[name].tasks for name in suites}
        load_systems(file)
        store(facts("own_map", **MAP))
        assert tasks["forecast/own_map-v2"].system == "own_map"
        fresh = Registry("suite", populate=_catalogue._fill_suites)
        monkeypatch.setattr(_catalogue, "suites", fresh)
        assert {name: fresh[name].tasks for name in fresh} == before

    def test_one_without_constants_says_so(self, file):
        load_systems(file)
        with pytest.raises(StaleConstantsError, match="characterise own_map --systems"):
            select("forecast/own_map-v2")

    def test_one_that_is_not_loaded_asks_for_its_file(self, clean):
        for ask in (tasks.__getitem__, select):
            with pytest.raises(UnknownNameError, match=r"of your own needs .* --systems FILE"):
                ask("forecast/not_loaded_map-v2")
        with pytest.raises(UnknownNameError, match="did you mean 'forecast/lorenz-v2'"):
            tasks["forecast/lorentz-v2"]


class TestRuns:
    @pytest.fixture
    def loaded(self, file):
        load_systems(file)
        store(facts("own_map", **MAP))
        return file

    def test_a_run_resumes_and_is_scored_again(self, loaded, tmp_path):
        out = tmp_path / "run"
        cells = plan(select("zero-shot-128/own_map-v1"), [spec_of("climatology")], baselines=False)
        (record,) = run(cells, directory=out)
        assert record.status == "ok"
        assert record.system == "own_map"
        (again,) = run(cells, directory=out)
        assert again.fit_seconds == record.fit_seconds
        assert [one.trouble or one.differing for one in rescore(out)] == [()]
        _registry.forget(["own_map"])
        with pytest.raises(UnknownNameError, match="needs the file that defines it: --systems"):
            rescore(out)
        assert cb.leaderboard(read_records(out)).rows()[0]["forecaster"] == "climatology"

    @pytest.mark.parametrize("namespaces", [True, False])
    def test_a_forecaster_cannot_read_the_file(self, loaded, tmp_path, monkeypatch, namespaces):
        monkeypatch.setattr(_templates, "WANTED", namespaces)
        plugin = loaded.with_name("peeking.py")  # what lies beside a plugin is its own
        plugin.write_text(
            "from dataclasses import dataclass\n"
            "from pathlib import Path\n"
            "@dataclass(frozen=True)\n"
            "class Peeking:\n"
            "    def fit(self, train, *, seed):\n"
            f"        raise RuntimeError('it says ' + Path({str(loaded)!r}).read_text()[:30])\n"
        )
        cells = plan(
            select("climate/own_map-v1"), [spec_of("peeking", plugins=[plugin])], baselines=False
        )
        (record,) = run(cells, directory=tmp_path / "run")
        assert record.status == "crashed"
        if record.provenance["confinement"] != "none":
            assert "it says" not in record.message
            assert "Error: [Errno" in record.message

    def test_one_file_is_not_both(self, loaded, tmp_path):
        code, _, error = command(
            "run", "forecast/own_map-v2", "--systems", loaded, "--plugin", loaded,
            "--out", tmp_path / "run",
        )  # fmt: skip
        assert code != 0
        assert "define systems and forecasters in two files" in error


class TestCommands:
    def test_characterise_writes_beside_the_file(self, file, monkeypatch):
        monkeypatch.setattr(
            characterisation, "characterise_many",
            lambda names, *_: ((name, facts(name)) for name in names),
        )  # fmt: skip
        code, out, error = command("systems", "characterise", "OwnMap", "--systems", file)
        assert code == 0, error
        place = file.parent / "my_systems.constants" / "own_map.json"
        assert str(place) in out.replace("\n", "")
        assert Constants.from_json(place.read_text()).system == "own_map"

    @pytest.mark.slow
    def test_characterise_measures(self, file):
        code, out, error = command(
            "systems", "characterise", "own_map", "--periods", "1000", "--effort", "0.01",
            "--systems", file,
        )  # fmt: skip
        assert code == 0, error
        assert f"{file.parent / 'my_systems.constants' / 'own_map.json'}" in out.replace("\n", "")
        # Benettin's exponent agrees with the twins', a second method
        known = cb.constants("own_map")
        assert known.lyapunov_exponents[0] == pytest.approx(known.largest_twin, abs=0.02)
        # the determinant of this map is -b everywhere
        assert sum(known.lyapunov_exponents) == pytest.approx(np.log(0.29), abs=0.02)
        assert not constants_path("own_map").exists()

    def test_characterise_never_writes_the_catalogues(self, file):
        code, _, error = command(
            "systems", "characterise", "own_map", "henon", "--systems", file,
        )  # fmt: skip
        assert code != 0
        assert "--out DIRECTORY" in error

    def test_commands_know_them(self, file, tmp_path):
        load_systems(file)
        store(facts("own_map", **MAP))
        _registry.forget(["own_map", "own_flow", "own_delay"])
        own._loaded.clear()
        for line in (
            ["systems", "list"], ["systems", "show", "OwnMap"], ["systems", "cite", "own_map"],
            ["systems", "simulate", "own_delay", "--points", "20", "--dt", "0.5",
             "--transient", "10"],
            ["tasks", "list", "forecast/own_map-v2"], ["tasks", "show", "forecast/own_map-v2"],
            ["data", "generate", "own_map", "--train-points", "50", "--windows", "2",
             "--context", "8", "--horizon", "1", "--out", tmp_path / "data"],
            ["data", "verify", tmp_path / "data"],
        ):  # fmt: skip
            code, out, error = command(*line, "--systems", file)
            assert code == 0, (line, error)
            if line[1] in ("list", "show"):
                assert "own_map" in out
            _registry.forget(list(_registry._origins))
            own._loaded.clear()
            code, _, error = command(*line)
            if line[:2] not in (["systems", "list"], ["data", "verify"]):
                assert "own_map" in error or "own_delay" in error or "OwnMap" in error, line
        manifest = json.loads((tmp_path / "data" / "_manifest.json").read_text())
        assert manifest["recipe"]["systems"] == ["own_map"]

    @pytest.mark.slow
    def test_they_are_drawn(self, file, tmp_path):
        load_systems(file)
        store(facts("own_map", **MAP))
        code, _, error = command("systems", "plot", "own_map", "--out", tmp_path / "a.png")
        assert code == 0, error
        code, _, error = command("systems", "gallery", "own_map", "--out", tmp_path / "gallery")
        assert code == 0, error
        for picture in (tmp_path / "a.png", tmp_path / "gallery" / "own_map.png"):
            assert picture.stat().st_size > 1000


def good(x, y, *, a=1.0):
    """A rotation."""
    return y, -a * x


def vector(v):
    """Rest."""
    return 0.0 * v


def heat(u, *, nu=0.1):
    """Heat."""
    return nu * dx(u, 2)


class TestDefinitions:
    """Each is refused where it is made, not where it is first used."""

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: cb.flow(ic=1.0, reference="r")(good), "initial state of 'good' must be 2"),
            (lambda: cb.flow(ic="ab", reference="r")(good), "initial state of 'good' must be 2"),
            (lambda: cb.flow(ic=None, reference="r")(good), "must be 2 finite numbers"),
            (lambda: cb.flow(ic=(), dim=0, reference="r")(vector), "size of 'v' .* at least 1"),
            (lambda: cb.flow(ic=(1,), dim=True, reference="r")(vector), "size of 'v'"),
            (lambda: cb.flow(ic=(1,), dim=2.0, reference="r")(vector), "dim of 'vector'"),
            (lambda: cb.flow(ic=(1,), dim={"q": 1}, reference="r")(vector), "names 'q'"),
            (lambda: cb.flow(ic=(), reference="r", name="n")(lambda: 1), "no state variable"),
            (lambda: cb.flow(ic=(1, 1), reference="r", tags="abc")(good), "set of texts"),
            (lambda: cb.flow(ic=(1, 1), reference="r", aliases="abc")(good), "tuple of names"),
            (lambda: cb.flow(ic=(1, 1), reference="r", aliases=("a b",))(good), "named 'a b'"),
            (lambda: cb.flow(ic=(1, 1), reference=3)(good), "reference of 'good' is a text"),
            (lambda: cb.flow(ic=(1, 1), reference="r", angles={"x": -1})(good), "period of .* 'x'"),
            (lambda: cb.flow(ic=(1, 1), reference="r", angles=["x"])(good), "maps each angle"),
            (lambda: cb.flow(ic=(1, 1), reference="r", resets=[good])(good), "pair of functions"),
            (lambda: cb.flow(ic=(1,), reference="r")(3), "defined by a function, not by 3"),
            (
                lambda: cb.flow(ic=(1,), reference="r", name="n")(lambda time: -time),
                "variable named 'time', which is a column",
            ),
            (
                lambda: cb.flow(ic=(1,), dim=1, reference="r", name="n")(lambda x, *, x0=1.0: x),
                "name 'x0' twice",
            ),
            (lambda: cb.map(ic=(1, 1), reference="r", inverse=3)(good), "inverse of 'good' is a"),
            (
                lambda: cb.stochastic(noise=good, step="a", ic=(1, 1), reference="r")(good),
                "step of a stochastic system must be positive",
            ),
            (
                lambda: cb.stochastic(noise=0.1, step=0.1, ic=(1, 1), reference="r")(good),
                "noise of a stochastic system is a function",
            ),
            (
                lambda: cb.field(points=16, length=-1.0, ic=np.sin, reference="r")(heat),
                "length of 'heat' must be a positive number",
            ),
            (
                lambda: cb.field(points=16, length=1.0, ic=3, reference="r")(heat),
                "initial state of 'heat' is a function",
            ),
            (
                lambda: cb.field(points=16, length=1.0, ic=np.sin, reference="r", name="a/b")(heat),
                "cannot be named 'a/b'",
            ),
        ],
    )  # fmt: skip
    def test_is_refused_in_one_sentence(self, make, words):
        with pytest.raises(DefinitionError, match=words) as caught:
            make()
        assert "\n" not in str(caught.value)
