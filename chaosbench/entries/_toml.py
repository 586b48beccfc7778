"""TOML, as far as a bundle needs it: text, whole numbers, lists of text and tables of these."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["read_toml", "toml_of"]


DOTS_AT_MOST = 8
"""Dots of one line outside of quotes: a bundle has no keys of several parts."""

_QUOTED = re.compile(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*""")


def read_toml(data: bytes) -> dict[str, Any]:
    """Read a file whose size was checked.

    Raises:
        ValueError: it is no TOML.

    """
    text = data.decode("utf-8")
    if '"""' in text or "'''" in text:
        raise ValueError("it has texts of several lines")
    # a key of n parts takes the parser n² steps: minutes for one of 100 KiB
    bare = _QUOTED.sub("", text)
    if any(line.count(".") > DOTS_AT_MOST for line in bare.split("\n")):
        raise ValueError("it has a key of many parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def toml_of(content: Mapping[str, Any]) -> str:
    """Write a mapping, its tables last; equal mappings give equal text."""
    lines = [
        f"{_key(key)} = {_value(value)}"
        for key, value in content.items()
        if not isinstance(value, Mapping)
    ]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{_key(key)}]"]
            lines += [f"{_key(name)} = {_value(value[name])}" for name in sorted(value)]
    return "\n".join(lines) + "\n"


def _value(value: str | int | Sequence[str]) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    return f"[{', '.join(map(_text, value))}]"


def _key(value: str) -> str:
    return value if re.fullmatch("[A-Za-z0-9_-]+", value) else _text(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
