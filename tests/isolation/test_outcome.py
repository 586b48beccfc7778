"""What a stranger answers becomes an Outcome, whatever it is."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chaosbench.isolation.outcome import (
    SAMPLES_AT_MOST,
    STATUSES,
    Asked,
    Outcome,
    read_answer,
)

TRAIN, CONTEXT = np.zeros((1, 50, 2)), np.zeros((3, 20, 2))
SHAPE = (3, 10, 2)
FORECAST = Asked("forecast", SHAPE)
EQUATION = Asked("equation", SHAPE)
TUNE = Asked("tune", (0, 0, 0), candidates=4, settings=frozenset(("units",)))
ANALYSE = Asked("analyse", (1, 100, 2), analysis=(4, 7, 5))
OK = {"status": "ok", "message": "", "equations": ["x0' = 0"]}
VALUES = {"values": np.zeros(SHAPE)}
TWINS = {"values": np.zeros((1, 100, 2)), "growth": np.ones((4, 7)), "stretch": np.ones((4, 5))}
AUDIT = {
    "eigenvalues": np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.3]]), "tolerance": np.array([0.1]),
    "real": np.linspace(-1, 1, 5), "imaginary": np.linspace(-1, 1, 4),
    "pseudospectrum": np.full((4, 5), 0.2),
}  # fmt: skip


def refused(header, arrays, asked, words):
    outcome = read_answer(header, arrays, asked)
    assert outcome.status == "invalid"
    assert outcome.message.startswith("the process sent no valid answer: ")
    assert words in outcome.message
    assert outcome == Outcome("invalid", outcome.message)  # and nothing of the answer is kept


class TestWhatWasAsked:
    JOB: ClassVar = {"duty": "forecast", "horizon": 10, "asks": "forecast"}

    def test_a_forecast(self):
        assert Asked.by(self.JOB, TRAIN, CONTEXT) == FORECAST
        assert Asked.by(self.JOB | {"asks": "climate"}, TRAIN, CONTEXT) == FORECAST
        assert FORECAST.numbers_at_most == 60 * (1 + SAMPLES_AT_MOST)

    def test_an_equation(self):
        states = np.zeros(SHAPE)
        assert Asked.by(self.JOB | {"asks": "equation"}, TRAIN, CONTEXT[:1], states) == EQUATION

    def test_settings(self):
        job = self.JOB | {"duty": "tune", "tune": 4, "config": {"units": 3}}
        assert Asked.by(job, TRAIN, None) == TUNE
        assert TUNE.numbers_at_most == 0

    def test_an_analysis(self):
        plan = {"points": 100, "twins": 4, "growth": 7, "segments": 5}
        job = self.JOB | {"duty": "analyse", "analysis": plan}
        assert Asked.by(job, TRAIN, CONTEXT[:1]) == ANALYSE
        assert ANALYSE.numbers_at_most == 200 + 48 + 100_000


class TestGoodAnswers:
    def test_a_forecast_with_samples(self):
        samples = np.zeros((7, *SHAPE))
        outcome = read_answer(OK, VALUES | {"samples": samples}, FORECAST)
        assert outcome.status == "ok"
        assert outcome.values is VALUES["values"]
        assert outcome.samples is samples
        assert outcome.costs == {}  # they are not for the process to say
        assert outcome.equations == ("x0' = 0",)

    def test_a_forecast_that_leaves_the_numbers(self):
        values = np.full(SHAPE, math.inf)
        outcome = read_answer(OK | {"status": "diverged"}, {"values": values}, FORECAST)
        assert (outcome.status, outcome.values) == ("diverged", values)

    def test_an_equation_with_its_polynomial(self):
        powers, coefficients = np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([[1.0, math.nan]] * 2)
        given = VALUES | {"powers": powers, "coefficients": coefficients}
        outcome = read_answer(OK, given, EQUATION)
        assert outcome.polynomial == (powers, coefficients)
        assert read_answer(OK, VALUES, EQUATION).polynomial is None

    def test_settings(self):
        config = {"units": 3, "mode": None, "on": True, "rates": [0.5, [1, "é"]], "x": -1e300}
        asked = replace(TUNE, settings=frozenset(config))
        outcome = read_answer(OK | {"config": config, "tried": 5}, {}, asked)
        assert (outcome.status, outcome.config, outcome.tried) == ("ok", config, 5)

    @pytest.mark.parametrize("config", [{}, {"units": 3, "more": 1}, {"other": 3}])
    def test_other_settings_are_none(self, config):
        outcome = read_answer(OK | {"config": config, "tried": 5}, {}, TUNE)
        assert outcome.status == "invalid"
        assert "has not the forecaster's settings" in outcome.message

    def test_an_analysis_with_an_audit(self):
        outcome = read_answer(OK, TWINS | AUDIT, ANALYSE)
        assert outcome.arrays == TWINS | AUDIT

    def test_a_run_that_leaves_the_numbers_has_no_twins(self):
        run = TWINS["values"].copy()
        run[0, 50:] = math.nan
        made = {"values": run, "growth": np.empty((0, 7)), "stretch": np.empty((0, 5))}
        assert read_answer(OK | {"status": "diverged"}, made, ANALYSE).status == "diverged"

    @pytest.mark.parametrize("status", [s for s in STATUSES if s not in ("ok", "timeout")])
    def test_a_failure_needs_nothing_else(self, status):
        outcome = read_answer({"status": status, "message": "so it is"}, {}, FORECAST)
        assert outcome == Outcome(status, "so it is")

    def test_settings_are_no_part_of_a_forecast(self):
        outcome = read_answer(OK | {"config": {"units": 1}, "tried": 9}, VALUES, FORECAST)
        assert (outcome.config, outcome.tried) == (None, 0)


class TestHeaders:
    @pytest.mark.parametrize("status", ["timeout", "fine", "", "OK", None, 3, ["ok"], {}, True])
    def test_a_status_that_no_process_reports(self, status):
        refused(OK | {"status": status}, VALUES, FORECAST, "its status is ")

    @pytest.mark.parametrize("message", [None, 3, ["a"], {"a": 1}, b"a"])
    def test_a_message_that_is_no_text(self, message):
        refused(OK | {"message": message}, VALUES, FORECAST, "its message is ")

    def test_text_is_cut_and_made_printable(self):
        dirty = "a\ud800\x1b]0;\u202eb\n" + "x" * 5000
        header = {"status": "crashed", "message": dirty, "equations": [dirty] * 100}
        outcome = read_answer(header, {}, FORECAST)
        assert outcome.status == "crashed"
        assert len(outcome.message) == 500
        assert len(outcome.equations) == 64
        assert max(map(len, outcome.equations)) == 1000
        for text in (outcome.message, *outcome.equations):
            assert text.isprintable()
            assert text.encode()
        assert outcome.message.startswith("a  ]0; b x")

    @pytest.mark.parametrize("lines", ["x0' = 0", None, 3, {"a": 1}, [1], ["a", None], [["a"]]])
    def test_equations_that_are_no_lines(self, lines):
        refused(OK | {"equations": lines}, VALUES, FORECAST, "its equations must be a list of text")


class TestSettings:
    def refused(self, config, words, tried=1):
        refused(OK | {"config": config, "tried": tried}, {}, TUNE, words)

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            (None, "its config is missing"),
            ([1], "its config is of type list"),
            ({"a": math.nan}, "not finite"),
            ({"a": [math.inf]}, "not finite"),
            ({"a": 10**30}, "more than 64 bits"),
            ({"a": {"b": -(2**64)}}, "more than 64 bits"),
            ({"a": "\ud800"}, "broken text"),
            ({"\udfff": 1}, "broken text"),
            ({1: 1}, "a name that is not text"),
            ({"a": "x" * 20_000}, "a text that is too long"),
            ({"a": [1.5] * 5000}, "characters as JSON"),
            ({"a": [[[[[[[[[[[1]]]]]]]]]]]}, "nested too deeply"),
            ({"a": {"b": [{"c": [{"d": [{"e": [{"f": [{}]}]}]}]}]}}, "nested too deeply"),
            ({"a": 1j}, "a value of type complex"),
            ({"a": (1, 2)}, "a value of type tuple"),
            ({"a": {1, 2}}, "a value of type set"),
        ],
        ids=str,
    )
    def test_settings_that_are_no_plain_data(self, config, words):
        self.refused(config, words)

    @pytest.mark.parametrize("tried", [None, 0, -1, 6, 10**30, 1.0, True, "3"])
    def test_a_number_of_trials_that_cannot_be(self, tried):
        self.refused({"a": 1}, "settings", tried=tried)

    def test_arrays_beside_them(self):
        refused(OK | {"config": {}, "tried": 1}, VALUES, TUNE, "settings were asked for")
        header = OK | {"config": {}, "tried": 1, "status": "diverged"}
        refused(header, VALUES, TUNE, "settings were asked for")


class TestArrays:
    @pytest.mark.parametrize(
        "shape", [(), (60,), (3, 10), (3, 10, 1), (3, 2, 10), (2, 10, 2), (0, 10, 2), (1, 3, 10, 2)]
    )
    def test_values_of_another_shape(self, shape):
        for asked in (FORECAST, EQUATION):
            refused(OK, {"values": np.zeros(shape)}, asked, "expected (w, H, d) = (3, 10, 2)")

    def test_no_values(self):
        refused(OK, {}, FORECAST, "it holds no values")
        refused(OK, {"samples": np.zeros((2, *SHAPE))}, FORECAST, "it holds no values")

    @pytest.mark.parametrize(
        "shape", [(), (0, *SHAPE), SHAPE, (2, 3, 10, 1), (2, 2, 3, 10, 2), (1001, *SHAPE)]
    )
    def test_samples_of_another_shape(self, shape):
        refused(OK, VALUES | {"samples": np.zeros(shape)}, FORECAST, "its samples have the shape")

    @pytest.mark.parametrize("kind", [np.float32, np.int64, np.complex128, bool, object])
    def test_other_numbers_than_doubles(self, kind):
        refused(OK, {"values": np.zeros(SHAPE, dtype=kind)}, FORECAST, "than doubles")

    def test_a_status_that_the_values_deny(self):
        refused(OK, {"values": np.full(SHAPE, math.nan)}, FORECAST, "'ok' and its values are not ")
        refused(OK | {"status": "diverged"}, VALUES, FORECAST, "'diverged' and its values are fin")

    @pytest.mark.parametrize("status", ["crashed", "invalid", "unsupported", "out_of_memory"])
    def test_a_failure_has_no_arrays(self, status):
        refused(OK | {"status": status}, VALUES, FORECAST, f"although its status is '{status}'")

    @pytest.mark.parametrize(
        ("asked", "good", "name"),
        [
            (FORECAST, VALUES, "powers"),
            (EQUATION, VALUES, "samples"),
            (FORECAST, VALUES, "growth"),
            (ANALYSE, TWINS, "samples"),
            (FORECAST, VALUES, "eigenvalues"),
        ],
    )
    def test_what_nobody_asked_for(self, asked, good, name):
        refused(OK, good | {name: np.zeros((1, 2))}, asked, f"nobody asked for: {name}")

    @pytest.mark.parametrize(
        ("powers", "coefficients", "words"),
        [
            (np.zeros((3, 2)), None, "coefficients of shape None"),
            (None, np.zeros((3, 2)), "exponents of shape None"),
            (np.zeros((3, 2)), np.zeros((2, 2)), "exponents of shape (3, 2)"),
            (np.zeros((3, 3)), np.zeros((3, 3)), "with d = 2 of both"),
            (np.zeros(2), np.zeros(2), "expected (p, d)"),
            (np.full((3, 2), 0.5), np.zeros((3, 2)), "its exponents are not all integers"),
            (np.full((3, 2), -1.0), np.zeros((3, 2)), "its exponents are not all integers"),
            (np.full((3, 2), math.nan), np.zeros((3, 2)), "its exponents are not all integers"),
            (np.full((3, 2), 1e30), np.zeros((3, 2)), "its exponents are not all integers"),
        ],
    )
    def test_a_polynomial_that_is_none(self, powers, coefficients, words):
        given = {"powers": powers, "coefficients": coefficients}
        sent = VALUES | {name: array for name, array in given.items() if array is not None}
        refused(OK, sent, EQUATION, words)

    @pytest.mark.parametrize(
        ("name", "array"),
        [
            ("growth", np.ones((4, 8))),
            ("growth", np.ones((3, 7))),
            ("stretch", np.ones(20)),
            ("stretch", np.ones((0, 7))),
            ("values", np.zeros((1, 99, 2))),
        ],
    )
    def test_twins_of_another_shape(self, name, array):
        refused(OK, TWINS | {name: array}, ANALYSE, f"its {name} ha")

    @pytest.mark.parametrize(
        ("name", "array"),
        [
            ("eigenvalues", np.zeros((2, 2))),
            ("eigenvalues", np.zeros((0, 3))),
            ("eigenvalues", np.full((2, 3), np.nan)),
            ("tolerance", np.zeros(2)),
            ("real", np.zeros(4)),
            ("imaginary", np.zeros((2, 2))),
            ("pseudospectrum", np.full((4, 5), np.inf)),
        ],
    )
    def test_an_audit_that_is_none(self, name, array):
        refused(OK, TWINS | AUDIT | {name: array}, ANALYSE, "audit")

    def test_half_an_audit(self):
        part = {"eigenvalues": AUDIT["eigenvalues"], "tolerance": AUDIT["tolerance"]}
        refused(OK, TWINS | part, ANALYSE, "its audit lacks real and imaginary and pseudospectrum")


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
known = st.sampled_from([*OK, "config", "tried", "status"])
headers = st.dictionaries(known | st.text(max_size=4), junk, max_size=9)
names = st.sampled_from(
    ["values", "samples", "powers", "coefficients", "growth", "stretch", *AUDIT]
) | st.text(max_size=5)
numbers = arrays(np.float64, array_shapes(min_dims=0, min_side=0, max_dims=4))


@given(
    st.sampled_from([FORECAST, EQUATION, TUNE, ANALYSE]),
    headers,
    st.dictionaries(names, numbers, max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_anything_at_all_becomes_an_outcome(asked, header, sent, well_headed, well_shaped):
    """And one that can be written into a Record."""
    good = {"forecast": VALUES, "equation": VALUES, "tune": {}, "analyse": TWINS}[asked.duty]
    header = OK | header if well_headed else header
    outcome = read_answer(header, good | sent if well_shaped else sent, asked)
    assert outcome.status in STATUSES
    assert outcome.costs == {}
    settings = json.dumps(outcome.config, ensure_ascii=False, allow_nan=False)
    for text in (outcome.message, *outcome.equations, settings):
        assert text.encode().decode() == text
    if outcome.status not in ("ok", "diverged"):
        assert outcome.values is None
    elif outcome.values is not None:
        assert outcome.values.shape == asked.shape
