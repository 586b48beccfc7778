"""The equations that a forecaster shows: text of an unknown author, kept within bounds."""

from __future__ import annotations

from typing import Any

__all__ = ["LINES_AT_MOST", "LINE_AT_MOST", "shortened"]

LINES_AT_MOST = 64
LINE_AT_MOST = 1000


def shortened(lines: Any) -> list[str]:
    """Return printable lines, each cut at 1,000 characters and their number at 64.

    What is no list of text gives none. Line breaks, colours and other control characters become
    spaces, so that nothing but the text itself reaches a terminal or a page.
    """
    if not isinstance(lines, list | tuple):
        return []
    kept = []
    for line in lines[:LINES_AT_MOST]:
        if isinstance(line, str):
            text = "".join(c if c.isprintable() else " " for c in line[: LINE_AT_MOST + 1])
            kept.append(text if len(text) <= LINE_AT_MOST else text[: LINE_AT_MOST - 1] + "…")
    if len(lines) > LINES_AT_MOST:
        kept[-1:] = [f"… and {len(lines) - LINES_AT_MOST + 1} more"]
    return kept
