"""Small TOML files of strangers, and what may stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, shown
from chaosbench.files import bounded
from chaosbench.text import printable
from chaosbench.toml import parse_toml

__all__ = ["checked_text", "read_toml"]

KEYS_AT_MOST = 20_000
DEPTH_AT_MOST = 4


def read_toml(path: Path, at_most: int) -> dict[str, Any]:
    """Read a TOML file of at most so many bytes, not deeply nested.

    Raises:
        CorruptDataError: it is missing, no regular file, too large or no TOML.

    """
    data = bounded(path, at_most)
    try:
        held = parse_toml(data.decode("utf-8"))
    except ValueError as error:
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
