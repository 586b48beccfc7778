"""What the harness learns of a plugin, without running a line of it."""

from __future__ import annotations

import json
import os
import sys

import pytest
from typer.testing import CliRunner

from chaosbench.cli import app
from chaosbench.errors import InputError
from chaosbench.evaluation import evaluate, spec_of
from chaosbench.isolation import description
from chaosbench.isolation.description import (
    configured,
    describe,
    describe_file,
    describe_files,
    plugin_of,
)
from chaosbench.isolation.settings import decoded, encoded

SOURCE = '''
{first}
import sys
from dataclasses import dataclass
from typing import ClassVar
{imports}

@dataclass(frozen=True)
class {name}:
    """Do little.

    More of it.
    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    extra: ClassVar[str] = "gbm"
    search_space: ClassVar[dict] = {{"level": (1.0, 2.0)}}
    level: float = 0.5
    lags: tuple[int, ...] = (1, 2)
    nested: tuple = ((1, (2.5, "a")), None, True)

    def __post_init__(self):
        if self.level < 0:
            raise ValueError("level is negative")

    def fit(self, train, *, seed):
        return self
'''


@pytest.fixture(autouse=True)
def forgotten():
    yield
    description._FILES.clear()


def plugin(place, name="Told", first="", imports=""):
    place.write_text(SOURCE.format(name=name, first=first, imports=imports).lstrip())
    return place


def test_a_plugin_is_described_and_never_imported_here(tmp_path):
    path = plugin(tmp_path / "told.py", first=f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    describe_file(path)
    assert not (tmp_path / "ran").exists()
    plugin(path)
    before = set(sys.modules)
    (told,) = describe_file(path)
    assert not [name for name in set(sys.modules) - before if "told" in name]
    assert (told.name, told.qualname, told.summary, told.file) == (
        "told", "Told", "Do little.", path,
    )  # fmt: skip
    assert (told.libraries, told.extra, told.tunable) == (("scipy.linalg",), "gbm", True)
    assert told.config == told.defaults
    assert told.config == {
        "level": 0.5, "lags": (1, 2), "nested": ((1, (2.5, "a")), None, True),
    }  # fmt: skip
    assert [row["setting"] for row in told.table] == ["level", "lags", "nested"]
    assert not told.ours
    assert describe("told") is told
    assert plugin_of("told") == path
    assert describe("esn").ours
    assert plugin_of("esn") is None


def test_settings_are_checked_where_the_code_may_run(tmp_path):
    (told,) = describe_file(plugin(tmp_path / "told.py"))
    assert configured(told, {"level": 2})["level"] == 2.0
    assert configured(told, {"lags": [3, 4]}, thaw=True)["lags"] == (3, 4)
    for settings, words in (
        ({"levels": 1}, "has no setting 'levels'; did you mean 'level'"),
        ({"level": "x"}, "must be float, not 'x'"),
        ({"level": float("nan")}, "must be finite"),
    ):
        with pytest.raises(InputError, match=words):
            configured(told, settings)
    with pytest.raises(InputError, match="level is negative"):
        configured(told, {"level": -1.0})
    spec = spec_of("told:lags=(3,4)", plugins=[told.file])
    assert (spec.label, spec.tunable) == ("told:lags=(3, 4)", True)
    assert spec_of(spec.label, plugins=[told.file]) == spec


def test_a_file_that_changed_is_described_again(tmp_path):
    path = plugin(tmp_path / "told.py")
    describe_file(path)
    path.write_text(path.read_text().replace("0.5", "0.25").replace("class Told", "class Other"))
    (told,) = describe_file(path)
    assert (told.name, told.config["level"]) == ("other", 0.25)
    assert plugin_of("told") is None


def test_two_files_cannot_share_a_name_in_one_command(tmp_path):
    one, two = (plugin(tmp_path / f"{k}.py") for k in "ab")
    describe_files([one])
    with pytest.raises(InputError, match=r"b\.py defines a forecaster that cannot be used: .*told"):
        describe_files([one, two])
    describe_files([two])
    assert plugin_of("told") == two  # the one that was given last
    describe_files([one])
    assert plugin_of("told") == one


@pytest.mark.parametrize(
    ("imports", "words"),
    [
        ("sys.exit(0)", r"\(line 4\): SystemExit"),
        ("import os; os._exit(0)", "ended with exit code 0"),
        ("import os; os.kill(os.getpid(), 11)", "died of SIGSEGV"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("class Esn: pass\nEsn = dataclass(Esn); Esn.fit = 1", "'esn' already belongs to"),
        ("def f(): f()\nf()", "RecursionError"),
        ("x = bytearray(2**36)", "MemoryError|out of memory"),
        ("raise BaseException('odd')", "odd"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt|exit code"),
    ],
)
def test_an_import_that_ends_badly_is_one_sentence(tmp_path, imports, words):
    path = plugin(tmp_path / "told.py", imports=imports)
    with pytest.raises(InputError, match=words) as caught:
        describe_file(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_import_that_never_ends_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(description, "SECONDS", 1.0)
    path = plugin(tmp_path / "told.py", imports="import time; time.sleep(1000)")
    with pytest.raises(InputError, match=r"told\.py was not imported within 1 s"):
        describe_file(path)


LIE = """
from dataclasses import dataclass
from chaosbench.isolation.inside import _describing
_describing._description = lambda *_: {found}

@dataclass(frozen=True)
class Liar:
    def fit(self, train, *, seed):
        return self
"""
TRUE = {
    "name": "liar", "module": "m", "class": "Liar", "text": "", "table": [], "libraries": [],
    "extra": "", "tunable": False, "defaults": {}, "config": {}, "refusal": "", "exposure": "",
}  # fmt: skip


@pytest.mark.parametrize(
    "lie",
    [
        {"name": "esn"}, {"name": "../../x"}, {"name": "a" * 300}, {"name": 3}, {"name": None},
        {"libraries": ["os; x"]}, {"libraries": "torch"}, {"libraries": ["a"] * 1000},
        {"config": [1]}, {"config": {"a": "\ud800"}}, {"config": {"a": 10**30}}, {"table": 3},
        {"table": [{"setting": "a"}]}, {"text": 3}, {"text": "a" * 100_000}, {"refusal": None},
        {"exposure": "all"}, {"exposure": []},
        {"defaults": {"a": {"b": {"c": {"d": {"e": [[[[[[[]]]]]]]}}}}}},
    ],
    ids=lambda lie: str(lie)[:40],
)  # fmt: skip
def test_what_a_plugin_says_of_itself_is_not_believed(tmp_path, lie):
    path = tmp_path / "liar.py"
    path.write_text(LIE.format(found=TRUE))
    (told,) = describe_file(path)
    assert told.name == "liar"  # the lie works: what follows is refused for a reason
    path.write_text(LIE.format(found=TRUE | lie))
    with pytest.raises(InputError, match=r"gives no valid description|no valid answer"):
        describe_file(path)


def test_it_cannot_pass_for_one_of_ours(tmp_path):
    path = tmp_path / "liar.py"
    path.write_text(LIE.format(found=TRUE | {"module": "chaosbench.forecasters.floor"}))
    (told,) = describe_file(path)
    assert not told.ours


def test_what_it_says_of_itself_is_printable(tmp_path):
    path = plugin(tmp_path / "told.py")
    path.write_text(path.read_text().replace("Do little.", "\x1b]0;title\x07\u202elittle"))
    (told,) = describe_file(path)
    assert told.summary == "]0;title  little"


def test_the_commands_run_no_code_of_a_plugin(tmp_path):
    """`list` and `show` tell what a confined process said."""
    path = plugin(tmp_path / "told.py", imports=f"sys.stderr.write('ran in {os.getpid()}')")
    for command in (["list", "--format", "json"], ["show", "told", "--format", "json"]):
        done = CliRunner().invoke(app, ["forecasters", *command, "--plugin", str(path)])
        told = json.loads(done.stdout)
        names = [row["name"] for row in told] if isinstance(told, list) else [told["name"]]
        assert "told" in names
    assert "chaosbench_plugin_told" not in " ".join(sys.modules)


def test_settings_keep_their_types_on_the_way():
    for value in ((1, (2, [3, (4,)])), [], (), {"a": (1,)}, None, "x", {"__tuple__": 1}):
        assert decoded(json.loads(json.dumps(encoded(value)))) == value


EXPOSED = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chaosbench import Forecast

@dataclass(frozen=True)
class Seer:
    exposure: ClassVar[str] = {exposure!r}

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        return Forecast(np.repeat(context[:, -1:], horizon, axis=1))
"""


def test_a_pretrained_forecaster_says_what_it_may_have_met(tmp_path):
    path = tmp_path / "seer.py"
    path.write_text(EXPOSED.format(exposure="catalogue"))
    assert describe_file(path)[0].exposure == "catalogue"
    spec = spec_of("seer", plugins=[path])
    assert (spec.exposure, dict(spec.config), spec.label) == ("catalogue", {}, "seer")
    assert spec_of("persistence").exposure == ""


@pytest.mark.parametrize("exposure", ["all", None, ["none"], "x" * 10_000])
def test_an_exposure_that_is_none_is_said(tmp_path, exposure):
    path = tmp_path / "seer.py"
    path.write_text(EXPOSED.format(exposure=exposure))
    with pytest.raises(InputError, match=r"declares the exposure .*none, catalogue, unknown"):
        describe_file(path)


def test_the_record_has_the_exposure(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "seer.py"
    path.write_text(EXPOSED.format(exposure="unknown"))
    (record,) = evaluate("seer", "forecast/logistic-v2", plugins=[path])
    assert (record.status, record.exposure) == ("ok", "unknown")
    (record,) = evaluate("persistence", "forecast/logistic-v2")
    assert "exposure" not in record.provenance
