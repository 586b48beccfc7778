"""Text from outside, kept printable and within bounds."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str, at_most: int = 1000) -> str:
    """Return text in one line, cut at so many characters.

    Line breaks, colours, marks of direction, halves of characters and whatever else does not print
    become spaces, so that nothing but the text itself reaches a terminal, a file or a page.
    """
    kept = "".join(c if c.isprintable() else " " for c in text[: at_most + 1])
    return kept if len(kept) <= at_most else kept[: at_most - 1] + "…"
