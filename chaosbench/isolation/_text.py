"""Lines of an unknown author, kept printable and few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chaosbench.text import printable

__all__ = ["LINES_AT_MOST", "last_lines", "shortened"]

LINES_AT_MOST = 64
LAST_LINES = 20
LAST_LINE_AT_MOST = 300


def shortened(lines: Any) -> list[str]:
    """Return printable lines: the first 64, each cut at 1,000 characters.

    Whatever is not text is left out, and anything but a list gives no lines.
    """
    if not isinstance(lines, list | tuple):
        return []
    kept = [printable(line) for line in lines[:LINES_AT_MOST] if isinstance(line, str)]
    if len(lines) > LINES_AT_MOST:
        kept[-1:] = [f"… and {len(lines) - LINES_AT_MOST + 1} more"]
    return kept


def last_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the last 20 lines of a traceback, printable and each cut at 300 characters."""
    kept = [printable(line.rstrip(), LAST_LINE_AT_MOST) for line in lines[-LAST_LINES:]]
    return tuple(line for line in kept if line.strip())
