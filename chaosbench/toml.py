"""TOML: read with bounds, since strangers write it too, and written in one way."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["parse_toml", "toml_text"]

DOTS_AT_MOST = 8
"""Dots of a key. One of n parts takes the parser n² steps: minutes for one of 100 KiB."""

_QUOTED = re.compile(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*""")
_BLANKS = re.compile(r"[ \t]+")
_NO_KEY = re.compile(r"[^A-Za-z0-9_.-]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a text in TOML holds; texts of several lines and keys of many parts are refused.

    Raises:
        ValueError: it is not TOML, or refused; the message says why.

    """
    if '"""' in text or "'''" in text:
        raise ValueError("it has texts of several lines")
    bare = _BLANKS.sub("", _QUOTED.sub("", text))
    if any(part.count(".") > DOTS_AT_MOST for part in _NO_KEY.split(bare)):
        raise ValueError("it has a key of many parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def toml_text(content: Mapping[str, Any]) -> str:
    """Write a mapping in its order: values first, then tables and lists of tables.

    Values are text, numbers, booleans, and lists and tables of these.
    """
    values, tables = [], []
    for key, value in content.items():
        name = _key(key)
        if isinstance(value, Mapping):
            tables += ["", f"[{name}]", *_lines(value)]
        elif _is_tables(value):
            tables += [line for one in value for line in ("", f"[[{name}]]", *_lines(one))]
        else:
            values.append(f"{name} = {_value(value)}")
    return "\n".join([*values, *tables]) + "\n"


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value)


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _value(value: str | float | Sequence[Any] | Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
