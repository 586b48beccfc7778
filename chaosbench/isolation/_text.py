"""Text of an unknown author, kept printable and within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["LINES_AT_MOST", "LINE_AT_MOST", "last_lines", "printable", "shortened"]

LINES_AT_MOST = 64
LINE_AT_MOST = 1000
LAST_LINES = 20
LAST_LINE_AT_MOST = 300


def printable(text: str, at_most: int = LINE_AT_MOST) -> str:
    """Return text in one line, cut at so many characters.

    Line breaks, colours, halves of characters and whatever else does not print become spaces, so
    that nothing but the text itself reaches a terminal, a file or a page.
    """
    kept = "".join(c if c.isprintable() else " " for c in text[: at_most + 1])
    return kept if len(kept) <= at_most else kept[: at_most - 1] + "…"


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
