"""Forecasters named on the command line or given as objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from chaosbench.errors import InputError, ParameterError, UnknownNameError
from chaosbench.evaluation import spec_of
from chaosbench.forecasters import registry
from chaosbench.isolation import description

FAULTY = Path(__file__).parents[1] / "isolation" / "faulty.py"


def test_defaults_leave_the_label_bare():
    spec = spec_of("esn")
    assert spec.label == spec.name == "esn"
    assert spec.config["units"] == 500


def test_settings_are_parsed_and_shown():
    spec = spec_of("esn:units=1000,spectral_radius=1.1")
    assert spec.config["units"] == 1000
    assert spec.config["spectral_radius"] == 1.1
    assert spec.label.startswith("esn:")
    assert "units=1000" in spec.label


@pytest.mark.parametrize("word", ["raise", "lambda", "in", "nan", "größer", "'a b'", '"a,b"'])
def test_a_word_is_text_also_if_it_is_one_of_pythons(tmp_path, word):
    path = tmp_path / "worded.py"
    path.write_text(
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Worded:\n"
        "    how: str = ''\n"
        "    size: float = 1.0\n"
        "    def fit(self, train, *, seed):\n"
        "        return self\n"
    )
    spec = spec_of(f"worded:how={word}, size=2", plugins=[path])
    assert spec.config == {"how": word.strip("'\""), "size": 2.0}
    assert spec_of(spec.label, plugins=[path]) == spec
    description._FILES.clear()


def test_a_default_given_explicitly_is_the_same_forecaster():
    assert spec_of("esn:units=500") == spec_of("esn")


def test_an_integer_is_welcome_where_a_float_is_expected():
    assert spec_of("esn:spectral_radius=1").config["spectral_radius"] == 1.0


def test_an_instance_is_as_good_as_its_text():
    chosen = registry["esn"]
    assert spec_of(chosen(units=200)) == spec_of("esn:units=200")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("ens", UnknownNameError, "did you mean 'esn'"),
        ("esn:unit=3", ParameterError, "did you mean 'units'"),
        ("esn:units=many", ParameterError, "must be int"),
        ("esn:units=1.5", ParameterError, "must be int"),
        ("esn:units=True", ParameterError, "must be int"),
        ("esn:units", ParameterError, "name=value"),
        ("esn:units=1;import os", ParameterError, "name=value"),
        ("esn:units=1,,", ParameterError, "name=value"),
        ("esn:units=", ParameterError, "name=value"),
        ("esn:=1", ParameterError, "name=value"),
        ("esn:units=(1", ParameterError, "cannot be read"),
        ("esn:units=" + "(" * 10_000, ParameterError, "cannot be read"),
        ("esn:units=100,units=200", ParameterError, "'units' of 'esn' is given twice"),
        ("esn:units=raise", ParameterError, "must be int"),
        ("esn:spectral_radius=1e999", ParameterError, "finite"),
        ("persistence:x=1", ParameterError, "no setting 'x'"),
    ],
)
def test_bad_text_is_one_clear_sentence(text, error, words):
    with pytest.raises(error, match=words) as caught:
        spec_of(text)
    assert "\n" not in str(caught.value)


def test_a_forecaster_defined_in_a_file_can_be_given_as_an_object():
    @dataclass(frozen=True)
    class Local:
        def fit(self, train, *, seed):
            return self

    with pytest.raises(InputError, match=r"top level|defines no forecaster"):
        spec_of(Local())


def test_what_is_no_forecaster_is_refused():
    with pytest.raises(InputError, match="frozen dataclass"):
        spec_of(42)


def test_a_changed_plugin_is_another_forecaster(tmp_path):
    path = tmp_path / "mine.py"
    source = (
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Mine{n}:\n"
        "    def fit(self, train, *, seed):\n"
        "        return self\n"
    )
    path.write_text(source.format(n="One"))
    first = spec_of("mine_one", plugins=[path])
    assert first.plugins[0][0] == str(path)
    other = tmp_path / "other.py"
    other.write_text(source.format(n="Two") + "# changed\n")
    second = spec_of("mine_two", plugins=[other])
    assert first.plugins[0][1] != second.plugins[0][1]


def test_a_library_that_is_not_installed_is_named(tmp_path):
    path = tmp_path / "needy.py"
    path.write_text(
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Needy:\n"
        "    libraries = ('numpy.linalg', 'no_such_library.nn')\n"
        "    extra = 'torch'\n"
        "    def fit(self, train, *, seed):\n"
        "        return self\n"
    )
    with pytest.raises(InputError) as caught:
        spec_of("needy", plugins=[path])
    assert str(caught.value) == (
        "the forecaster 'needy' needs no_such_library, which is not installed: "
        "pip install 'chaosbench[torch]'"
    )


def test_a_plugin_without_a_forecaster_says_so(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(InputError, match="defines no forecaster"):
        spec_of("x", plugins=[path])
