"""TOML is read with bounds and read back as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosbench.toml import parse_toml, toml_text

texts = st.text(max_size=8).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.booleans() | texts | numbers
values = plain | st.lists(plain, max_size=3) | st.lists(st.lists(plain, max_size=2), max_size=2)
table = st.dictionaries(texts, values, max_size=3)


@given(st.dictionaries(texts, values | table | st.lists(table, min_size=1, max_size=2), max_size=4))
def test_what_is_written_is_read_back(content):
    assert parse_toml(toml_text(content)) == content


def test_tables_and_lists_of_tables_come_last():
    written = toml_text({"t": {"a b": 1}, "l": [{"x": [0.5, "é"]}, {}], "v": True})
    assert written == 'v = true\n\n[t]\n"a b" = 1\n\n[[l]]\nx = [0.5, "é"]\n\n[[l]]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".".join(["a"] * 100_000) + " = 1", "a key of many parts"),
        (" . ".join(['"a"'] * 100_000) + " = 1", "a key of many parts"),
        ("x = {" + ".".join(["a"] * 100_000) + " = 1}", "a key of many parts"),
        ("[" + ".".join(["'a'"] * 100_000) + "]", "a key of many parts"),
        ("x = " + "[" * 100_000, "nested too deeply"),
        ("x = " + "{a = " * 100_000, "nested too deeply"),
        ('x = """\n' + "a." * 1000 + '\n"""', "several lines"),
        ("x = " + "a" * 1_000_000, "Invalid"),
        (" . " + " " * 1_000_000, "Invalid"),
        ("x = 1 2", "Expected"),
    ],
)
def test_what_would_take_minutes_or_the_stack_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_toml(text)


def test_numbers_and_texts_may_have_any_number_of_points():
    text = "x = [" + "1.5, " * 1000 + "2.5]\ny = 'a.b.c.d.e.f.g.h.i.j.k' # a.b.c.d.e.f.g.h.i.j.k\n"
    assert len(parse_toml(text)["x"]) == 1001
