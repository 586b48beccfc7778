"""Plugin files: names, modules beside them, scripts that evaluate what they define."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from chaosbench.errors import InputError
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation import description
from chaosbench.isolation.description import describe_file
from chaosbench.isolation.outcome import Budget
from chaosbench.isolation.plugins import load_plugin
from chaosbench.isolation.process import WorkerProcess
from chaosbench.isolation.source import definitions, digest_of, files_of

BODY = """
from dataclasses import dataclass
import numpy as np
from chaosbench import Forecast
{imports}

@dataclass(frozen=True)
class {name}:
    {attribute}
    level: float = {level}

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        {lazy}
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), {value}))
"""


def plugin(place, *, name, imports="", attribute="", level=0.0, lazy="", value="self.level"):
    words = {"name": name, "imports": imports, "attribute": attribute, "level": level}
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(BODY.format(**words, lazy=lazy or "pass", value=value))
    return place


@pytest.fixture(autouse=True)
def forgotten():
    """Forget the plugins of a test."""
    before = set(forecasters)
    yield
    for name in set(forecasters) - before:
        forecasters.discard(name)
    description._FILES.clear()


def values(path, name, **config):
    """Have one forecast made in a process of its own."""
    job = {
        "forecaster": name, "config": config, "plugins": [str(path)], "seed": 0, "learn": "train",
        "dt": 0.1, "horizon": 2,
    }  # fmt: skip
    worker = WorkerProcess(Budget(seconds=20.0))
    try:
        outcome = worker.run(job, np.zeros((1, 50, 1)), np.zeros((1, 5, 1)))
    finally:
        worker.close()
    assert outcome.status == "ok", outcome.message
    return outcome.values[0, :, 0].tolist()


# ------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "attribute", "words"),
    [
        ("Esn", "", "'esn' already belongs to"),
        ("Nvar", "", "'nvar' already belongs to"),
        ("Mine", "name = 'sindy'", "'sindy' already belongs to"),
        ("Mine", "name = 'perfect model'", "cannot be the name"),
        ("PerfectModel", "", "is reserved"),
        ("Mine", "name = '../../escape'", "cannot be the name"),
        ("Mine", "name = 'a' * 300", "cannot be the name"),
        ("Mine", "name = chr(0)", "cannot be the name"),
        ("Mine", "name = 3", "is of type int"),
    ],
)
def test_a_name_that_it_may_not_have_is_one_sentence(tmp_path, name, attribute, words):
    before = forecasters["esn"], set(forecasters)
    path = plugin(tmp_path / "mine.py", name=name, attribute=attribute)
    with pytest.raises(InputError, match=words) as caught:
        load_plugin(path)
    assert "\n" not in str(caught.value)
    assert (forecasters["esn"], set(forecasters)) == before


def test_two_plugins_cannot_share_a_name(tmp_path):
    one, two = (plugin(tmp_path / f"{k}.py", name="Shared") for k in "ab")
    assert load_plugin(one) == ("shared",)
    theirs = forecasters["shared"]
    with pytest.raises(InputError, match="'shared' is already registered"):
        load_plugin(two)
    assert forecasters["shared"] is theirs


def test_a_plugin_is_registered_whole_or_not_at_all(tmp_path):
    path = plugin(tmp_path / "mine.py", name="First")
    path.write_text(path.read_text() + path.read_text().replace("First", "Esn"))
    with pytest.raises(InputError, match="'esn'"):
        load_plugin(path)
    assert "first" not in forecasters


# --------------------------------------------------------------------------- modules beside a file


def test_a_plugin_imports_what_lies_beside_it(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("from parts.deep import TEN\n")
    (tmp_path / "parts/deep.py").write_text("TEN = 10.0\n")
    (tmp_path / "helpers.py").write_text("ONE = 1.0\n")
    (tmp_path / "late.py").write_text("HUNDRED = 100.0\n")
    (tmp_path / "statistics.py").write_text("raise SystemExit\n")  # not the library's
    path = plugin(
        tmp_path / "mine.py", name="Mine", imports="import helpers, parts, statistics",
        lazy="from late import HUNDRED", value="helpers.ONE + parts.TEN + HUNDRED",
    )  # fmt: skip
    before = list(sys.path), list(sys.meta_path)
    assert load_plugin(path) == ("mine",)
    assert (sys.path, sys.meta_path) == before
    assert values(path, "mine") == [111.0, 111.0]
    assert not list(tmp_path.rglob("__pycache__"))


def test_helpers_of_two_plugins_are_not_mixed_up(tmp_path):
    for k in (1, 2):
        path = plugin(
            tmp_path / f"{k}/mine.py", name=f"Mine{k}", imports="from helpers import LEVEL",
            level="LEVEL",
        )  # fmt: skip
        (path.parent / "helpers.py").write_text(f"LEVEL = {k}.0\n")
        (told,) = describe_file(path)
        assert told.config["level"] == k
    (tmp_path / "2/helpers.py").write_text("LEVEL = 3.0\n")
    (told,) = describe_file(path)
    assert told.config["level"] == 3.0


def test_the_hash_of_a_plugin_covers_what_belongs_to_it(tmp_path):
    path = plugin(tmp_path / "mine.py", name="Mine", imports="import helpers, numpy\nW = 'w.npz'")
    (tmp_path / "helpers.py").write_text("def f():\n    from parts import g\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("")
    (tmp_path / "parts/deep.py").write_text("")
    (tmp_path / "w.npz").write_bytes(b"1")
    (tmp_path / "unrelated.py").write_text("x = 1\n")
    names = ["helpers.py", "mine.py", "parts/__init__.py", "parts/deep.py", "w.npz"]
    assert files_of(path) == [tmp_path / name for name in names]
    seen = {digest_of(path)}
    (tmp_path / "unrelated.py").write_text("x = 2\n")
    assert digest_of(path) in seen
    for name in names:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\n")
        assert digest_of(path) not in seen
        seen.add(digest_of(path))


def test_a_file_alone_keeps_its_hash(tmp_path):
    import hashlib

    path = plugin(tmp_path / "mine.py", name="Mine")
    assert digest_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_a_plugin_that_cannot_be_imported_names_its_line(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("x = 1\n\nimport nothing_of_this_name\n")
    with pytest.raises(InputError, match=r"broken\.py cannot be imported \(line 3\): ModuleNot"):
        load_plugin(path)
    path.write_text("raise SystemExit(0)\n")
    with pytest.raises(InputError, match=r"line 1\): SystemExit"):
        load_plugin(path)


# ---------------------------------------------------------------------------------------- scripts

SCRIPT = """
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
import warnings
import chaosbench as cb
warnings.filterwarnings("error", message="a marker of the tests")
with open("ran", "a") as file:
    file.write("x")
data = np.zeros(10)
data += 1
SCALE = later = 2.0
cb.evaluate("persistence", "forecast/henon-v1")

@dataclass(frozen=True)
class Mine:
    level: float = SCALE
    def fit(self, train: cb.Trajectories, *, seed: int) -> Mine:
        return self
    def predict(self, context, horizon):
        return made(context, horizon, self.level)

records = cb.evaluate(Mine(), "forecast/henon-v1")
print(records[0].status, data.sum())

def made(context, horizon, level):
    n, _, d = context.shape
    return cb.Forecast(np.full((n, horizon, d), level))
"""


def test_only_the_definitions_of_a_script_are_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    kept = [ast.unparse(node) for node in definitions(ast.parse(SCRIPT))]
    assert [text.split("\n")[0] for text in kept] == [
        "from __future__ import annotations", "from dataclasses import dataclass",
        "import numpy as np", "import warnings", "import chaosbench as cb",
        "warnings.filterwarnings('error', message='a marker of the tests')",
        "SCALE = later = 2.0", "cb.evaluate('persistence', 'forecast/henon-v1')",
        "@dataclass(frozen=True)", "def made(context, horizon, level):",
    ]  # fmt: skip
    assert load_plugin(path) == ("mine",)
    assert values(path, "mine") == [2.0, 2.0]
    assert not (tmp_path / "ran").exists()


def test_a_script_that_evaluates_in_a_roundabout_way_is_not_run_without_an_end(tmp_path):
    hidden = SCRIPT.replace("cb.evaluate(", "getattr(cb, 'evalu' + 'ate')(")
    path = tmp_path / "script.py"
    path.write_text(hidden.replace('open("ran"', f'open("{tmp_path}/ran"'))
    assert load_plugin(path) == ("mine",)
    assert (tmp_path / "ran").read_text() == "x"


def test_a_forecaster_that_needs_an_evaluation_is_refused(tmp_path):
    path = tmp_path / "script.py"
    source = SCRIPT.replace("level: float = SCALE", "level: float = len(baseline)")
    path.write_text(source.replace('cb.evaluate("pers', 'baseline = cb.evaluate("pers'))
    with pytest.raises(InputError, match=r"script\.py calls evaluate while it is imported") as e:
        load_plugin(path)
    assert '__name__ == "__main__"' in str(e.value)


def test_a_script_without_a_guard_runs_once(tmp_path):
    """`python script.py`, with the evaluation at its top level."""
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ok 10.0\n"
    assert (tmp_path / "ran").read_text() == "x"


def test_a_forecaster_of_a_script_can_be_configured_by_name_later(tmp_path):
    source = textwrap.dedent(
        """
        import chaosbench as cb
        from script import Mine
        print(cb.evaluate("mine:level=3.0", "forecast/henon-v1", plugins=["script.py"])[0].status)
        print(cb.evaluate(Mine(level=4.0), "forecast/henon-v1")[0].forecaster)
        """
    )
    guarded = SCRIPT.replace('\ncb.evaluate("persistence", "forecast/henon-v1")', "")
    guarded = guarded.replace("\nrecords = ", '\nif __name__ == "__main__":\n    records = ')
    guarded = guarded.replace("\nprint(", "\nif 0:\n    print(")
    (tmp_path / "script.py").write_text(guarded)
    (tmp_path / "other.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "other.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.stdout == "ok\nmine:level=4\n", done.stderr


def test_the_faulty_plugins_of_the_tests_can_still_be_loaded():
    assert "segfaults" in load_plugin(Path(__file__).parent / "faulty.py")
