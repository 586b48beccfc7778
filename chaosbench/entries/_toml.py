"""TOML, as far as a bundle needs it: text, whole numbers, lists of text and tables of these."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["read_toml", "toml_of"]


def read_toml(data: bytes) -> dict[str, Any]:
    """Read a file whose size was checked.

    Raises:
        ValueError: it is no TOML.

    """
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def toml_of(content: Mapping[str, Any]) -> str:
    """Write a mapping, its tables last; equal mappings give equal text."""
    lines = [
        f"{_text(key)} = {_value(value)}"
        for key, value in content.items()
        if not isinstance(value, Mapping)
    ]
    for key, value in content.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{_text(key)}]"]
            lines += [f"{_text(name)} = {_value(value[name])}" for name in sorted(value)]
    return "\n".join(lines) + "\n"


def _value(value: str | int | Sequence[str]) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    return f"[{', '.join(map(_text, value))}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
