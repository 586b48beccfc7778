"""Small TOML files of strangers, read with bounds; and how ours are written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, shown
from chaosbench.files import bounded
from chaosbench.text import printable

__all__ = ["checked_text", "read_toml", "toml_text"]

KEYS_AT_MOST = 20_000
DEPTH_AT_MOST = 4


def read_toml(path: Path, at_most: int) -> dict[str, Any]:
    """Read a TOML file of at most so many bytes, not deeply nested.

    Raises:
        CorruptDataError: it is missing, no regular file, too large or no TOML.

    """
    data = bounded(path, at_most)
    # a line such as a.a.a.a = 1 nests as deep as it is long
    if any(line.count(b".") > 200 or line.count(b"[") > 200 for line in data.split(b"\n")):
        raise CorruptDataError(f"{printable(str(path))} is nested too deeply")
    try:
        held = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(
            f"{printable(str(path))} cannot be read as TOML: {shown(str(error), 100)}"
        ) from error
    count, level, depth = 0, [held], 0
    while level:
        depth += 1
        count += sum(map(len, level))
        level = [v for one in level for v in one.values() if isinstance(v, dict)]
        if depth > DEPTH_AT_MOST or count > KEYS_AT_MOST:
            raise CorruptDataError(f"{printable(str(path))} has too many entries, or too deep ones")
    return held


def toml_text(content: Mapping[str, Any]) -> str:
    """Write values, lists of them, and tables of them."""
    plain = {k: v for k, v in content.items() if not isinstance(v, Mapping)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in plain.items()]
    for name, table in content.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{_key(name)}]"]
            lines += [f"{_key(k)} = {_value(v)}" for k, v in table.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.replace("-", "_").isidentifier() else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # texts are printable: `checked_text`


def checked_text(what: str, value: Any, at_most: int = 300) -> str:
    """Return a short text of printable characters.

    Raises:
        CorruptDataError: it is none.

    """
    if not isinstance(value, str) or len(value) > at_most or not value.isprintable():
        raise CorruptDataError(
            f"{what} is a text of at most {at_most} characters that print, not {shown(value)}"
        )
    return value
