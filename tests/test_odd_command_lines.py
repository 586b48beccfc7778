"""Every option of every command, given what no one should give: one sentence and exit code 2."""

from __future__ import annotations

import enum
import hashlib
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer
from forking import CommandLine

from chaosbench import cli

BASES = {
    "analyse": ["persistence", "forecast/henon-v1", "--points", "1000"],
    "submit": [
        "R", "--name", "mine", "--authors", "A", "--url", "https://example.org", "--license", "MIT",
        "--trained-on", "nothing", "-f", "persistence", "--out", "made",
    ],
    "verify": ["B"],
    "systems list": [],
    "systems cite": ["lorenz"],
    "systems show": ["lorenz"],
    "systems simulate": ["henon", "--points", "10"],
    "systems characterise": ["logistic", "--periods", "1000", "--effort", "0.01", "--out", "C"],
    "systems plot": ["henon", "--out", "a.png", "--force"],
    "systems gallery": ["henon", "--out", "G"],
    "systems grow": ["--family", "quadratic-map-2", "--count", "1", "--out", "N"],
    "season new": ["T", "--id", "two", "--secret", "t.secret"],
    "season questions": ["U", "--secret", "u.secret", "--sealed", "V"],
    "season answer": ["U", "-f", "persistence", "--out", "W"],
    "season enter": ["U", "W", "--name", "w"],
    "season reveal": ["U", "--secret", "u.secret", "--sealed", "V"],
    "season score": ["U", "W", "--out", "X", "--data", "V"],
    "season verify": ["U", "W"],
    "systems sweep": ["henon", "--parameter", "a=1.3:1.4:2", "--out", "S", "--force"],
    "systems section": ["rossler", "--plane", "x=0", "--points", "10", "--out", "P", "--force"],
    "systems basins": ["henon", "--grid", "x=-1:1:3", "--out", "B", "--force"],
    "data generate": [
        "henon", "--out", "D", "--train-points", "50", "--windows", "2", "--context", "8",
        "--horizon", "1",
    ],
    "data import": [
        "series.csv", "--name", "series", "--dt", "0.1", "--exponent", "unknown", "--out", "S",
    ],
    "data verify": ["D"],
    "data describe": ["D"],
    "data plot": ["D", "--out", "d.png", "--force", "--points", "20"],
    "data sql": ["SELECT count(*) FROM henon", "D"],
    "data export": ["D", "--out", "d.csv", "--force"],
    "tasks list": [],
    "tasks suites": [],
    "tasks show": ["forecast/henon-v1"],
    "forecasters list": [],
    "forecasters show": ["esn"],
    "plugin new": ["mine"],
    "leaderboard show": ["R"],
    "leaderboard compare": ["persistence", "climatology", "R"],
    "leaderboard sql": ["SELECT forecaster, score FROM records", "R"],
    "leaderboard build": ["R", "--out", "x.html"],
    "leaderboard report": ["R", "--out", "x.md"],
    "run tasks": [
        "forecast/henon-v1", "--out", "R", "-f", "persistence", "-f", "climatology",
    ],
    "run status": ["R"],
    "run equations": ["R"],
    "run retry": ["R"],
    "run rescore": ["R"],
    "version": [],
}  # fmt: skip
"""A quick and right command line of each command but the demo, whose options others have too."""

NUMBERS = (
    "-1", "0", "99999999999999", "99999999999999999999", "1e308", "-1e308", "nan", "inf", "x", "",
    "0x10", "1.5", "\u0663",
)  # fmt: skip
TEXTS = (
    "", "../..", "a" * 300, "\x1b]0;x\x07", "\u202eabc", "a/b", "\ud800", "*", "-", "--", "None",
    "%s{}", "1e400", "-5",
)  # fmt: skip
PATHS = (
    "", "/dev/null/x", "/proc/x", "/nonexistent/y", "a" * 300, "\x1b]0;x\x07.png", "/dev/full",
    "/etc/passwd", ".",
)  # fmt: skip

_PROGRESS = re.compile(r"warning: |\w+: \d+/\d+ in ")
"""Lines before the error that are none."""


def commands(command=None, path=()):
    command = command or typer.main.get_command(cli.app)
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))
    elif path != ("demo",):
        yield " ".join(path), command


def parameters():
    for name, command in commands():
        for parameter in command.params:
            if parameter.name != "help":
                yield name, parameter


def odd_values(parameter):
    kind = parameter.type_descriptor.annotation
    kind = typing.get_args(kind)[0] if typing.get_origin(kind) is list else kind
    if kind is bool:
        return ()
    if kind in (int, float):
        return NUMBERS
    if kind is Path:
        return PATHS
    return TEXTS if not (isinstance(kind, type) and issubclass(kind, enum.Enum)) else TEXTS[:5]


def line_of(name, parameter, value):
    base = BASES[name]
    if parameter.opts[0].startswith("-"):
        return [*name.split(), *base, max(parameter.opts, key=len), value]
    places = [p.name for n, p in parameters() if n == name and not p.opts[0].startswith("-")]
    place = places.index(parameter.name)
    return [*name.split(), *base[:place], value, *base[place + 1 :]]


def check(called, arguments):
    code, out, err = called(arguments)
    assert code in (0, 1, 2), (arguments, code, err)
    assert "Traceback" not in err, (arguments, err)
    lines = [line for line in err.splitlines() if line.strip()]
    if code == 2 and not any(line.startswith("Usage") for line in lines):
        errors = [line for line in lines if not _PROGRESS.match(line)]
        assert len(errors) == 1, (arguments, err)
        assert errors[0].startswith("error: "), (arguments, err)
    for c in "\x1b\x07\u202e":
        assert c not in out + err, (arguments, out, err)


@pytest.fixture(scope="module")
def called(folder):
    """Run command lines in the folder."""
    command_line = CommandLine()
    try:
        for name in ("data generate", "run tasks", "analyse"):
            code, out, err = command_line([*name.split(), *BASES[name]])
            assert code == 0, (name, out, err)
        assert command_line(["submit", *BASES["submit"][:-1], "B"])[0] == 0
        season = [
            "season", "new", "U", "--id", "one", "--secret", "u.secret", "--relatives", "0",
            "--newborns", "1", "--family", "quadratic-map-2", "--level", "1",
            "--train-points", "200", "--windows", "2", "--context", "64", "--steps-at-most", "100",
        ]  # fmt: skip
        code, out, err = command_line(season)
        assert code == 0, (out, err)
        for name in ("season questions", "season answer"):
            code, out, err = command_line([*name.split(), *BASES[name]])
            assert code == 0, (name, out, err)
        yield command_line
    finally:
        command_line.end()


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Work where there is a dataset and a run."""
    place, before = tmp_path_factory.mktemp("odd"), Path.cwd()
    cache = os.environ.get("CHAOSBENCH_CACHE")
    os.environ["CHAOSBENCH_CACHE"] = str(place / "cache")
    os.environ["CHAOSBENCH_RECORDINGS"] = str(place / "recordings")
    os.chdir(place)
    steps = [str(k * k % 97) for k in range(500)]
    Path("series.csv").write_text("x\n" + "\n".join(steps))
    yield place
    os.chdir(before)
    os.environ.pop("CHAOSBENCH_CACHE")
    os.environ.pop("CHAOSBENCH_RECORDINGS")
    if cache is not None:
        os.environ["CHAOSBENCH_CACHE"] = cache


ALL = [
    pytest.param(name, parameter, id=f"{name} {parameter.opts[0]}")
    for name, parameter in parameters()
    if odd_values(parameter)
]


def test_every_command_has_a_line_that_works():
    assert {name for name, _ in commands()} == set(BASES)


def lists(command=None):
    """Yield the commands of each group, with the lines that its help has on eighty columns."""
    command = command or typer.main.get_command(cli.app)
    if hasattr(command, "commands"):
        room = 72 - max(map(len, command.commands))
        yield {name: inner.get_short_help_str(room) for name, inner in command.commands.items()}
        for inner in command.commands.values():
            yield from lists(inner)


def test_the_lists_of_commands_show_whole_lines_on_eighty_columns():
    for lines in lists():
        assert {name: line for name, line in lines.items() if line.endswith("...")} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameter"), ALL)
def test_no_value_of_an_option_gives_more_than_a_sentence(called, name, parameter):
    for value in odd_values(parameter):
        check(called, line_of(name, parameter, value))


@pytest.mark.parametrize(("name", "parameter"), ALL)
def test_a_value_of_an_option_gives_no_more_than_a_sentence(called, name, parameter):
    """One of the values, another one for every option."""
    values = odd_values(parameter)
    chosen = int(hashlib.sha256(f"{name} {parameter.name}".encode()).hexdigest(), 16)
    check(called, line_of(name, parameter, values[chosen % len(values)]))


@pytest.mark.parametrize(
    "environment",
    [
        {"COLUMNS": "0"}, {"COLUMNS": "-5"}, {"COLUMNS": "99999999999"}, {"COLUMNS": "x"},
        {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "LANG": ""},
        {"HOME": "/nonexistent"}, {"TMPDIR": "/nonexistent"}, {"TERM": "dumb", "NO_COLOR": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_environment_changes_no_answer(environment):
    done = subprocess.run(
        [sys.executable, "-m", "chaosbench", "systems", "show", "lorenz"], capture_output=True,
        env=os.environ | environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"lorenz" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "code"),
    [("<&- >&- 2>&-", 0), (">/dev/full", 1), ("| head -0", 1)],
)
def test_closed_streams(closed, code, folder):
    line = f"{sys.executable} -m chaosbench run forecast/henon-v1 -f persistence --out R {closed}"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
