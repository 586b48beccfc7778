from __future__ import annotations

import pickle

import pytest

from chaosbench import errors
from chaosbench.errors import (
    ChaosbenchError,
    ForecastFailure,
    InputError,
    IntegrationError,
    TrajectoryEscapedError,
    UnknownNameError,
    shown,
    suggestion,
)

HELPERS = {"check_integer", "shown", "suggestion"}
"""What helps to say what is wrong, and is no exception."""


def test_public_names():
    assert errors.__all__ == sorted(errors.__all__)
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert defined | HELPERS == set(errors.__all__)


def test_the_tree_is_the_one_drawn_in_the_docstring():
    drawn, parents = {}, []
    for line in errors.__doc__.splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if name in errors.__all__:
            depth = line.index(name) // 4 - 1
            parents[depth:] = [name]
            drawn[name] = parents[depth - 1] if depth else "Exception"
    actual = {
        name: getattr(errors, name).__bases__[0].__name__
        for name in errors.__all__
        if name not in HELPERS
    }
    assert drawn == actual


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n not in HELPERS])
def test_everything_is_a_chaosbench_error(name):
    assert issubclass(getattr(errors, name), ChaosbenchError)


def test_input_errors_are_value_errors():
    assert issubclass(InputError, ValueError)
    assert issubclass(UnknownNameError, KeyError)


def test_statuses_of_failures():
    statuses = {cls.__name__: cls.status for cls in ForecastFailure.__subclasses__()}
    assert statuses == {
        "DivergedError": "diverged",
        "InvalidForecastError": "invalid",
        "UnsupportedError": "unsupported",
    }
    assert ForecastFailure.status == "crashed"


def test_an_integration_error_carries_its_time():
    error = TrajectoryEscapedError("gone", time=3.5)
    assert isinstance(error, IntegrationError)
    assert (error.time, str(error)) == (3.5, "gone")


def test_an_unknown_name_is_printed_without_quotes_around_it():
    error = UnknownNameError("system", "lorentz", ["lorenz", "chua"])
    assert str(error) == "there is no system named 'lorentz'; did you mean 'lorenz'?"


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("lorentz", ["lorenz", "chua"], "did you mean 'lorenz'?"),
        ("LORENZ", ["Lorenz"], "did you mean 'Lorenz'?"),
        ("zzz", ["b", "a"], "expected one of: a, b"),
        ("zzz", [f"n{i:02}" for i in range(20)], "20 exist, among them n00, n01"),
    ],
)
def test_suggestions(name, known, expected):
    assert suggestion(name, known).startswith(expected)


@pytest.mark.parametrize(
    "error",
    [
        TrajectoryEscapedError("gone", time=3.5),
        UnknownNameError("system", "lorentz", ["lorenz"]),
        errors.DivergedError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_process_boundaries(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.parametrize(
    ("value", "line"),
    [(1.5, "1.5"), ("a\nb", r"'a\nb'"), ([[1, 2], [3, 4]], "[[1, 2], [3, 4]]")],
)
def test_a_value_is_shown_in_one_line(value, line):
    assert shown(value) == line


def test_a_long_value_is_cut():
    assert shown("x" * 1000, width=10) == "'xxxxxxxx…"
