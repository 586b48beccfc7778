"""Text from outside, kept printable and within bounds."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

__all__ = ["html_facts", "html_table", "printable"]


def printable(text: str, at_most: int = 1000) -> str:
    """Return text in one line, cut at so many characters.

    Line breaks, colours, marks of direction, halves of characters and whatever else does not print
    become spaces, so that nothing but the text itself reaches a terminal, a file or a page.
    """
    kept = "".join(c if c.isprintable() else " " for c in text[: at_most + 1])
    return kept if len(kept) <= at_most else kept[: at_most - 1] + "…"


def html_table(caption: str, head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a table for a notebook; every text in it is escaped, and long ones are cut."""

    def cell(tag: str, value: object) -> str:
        return f"<{tag}>{html.escape(printable(str(value), 200))}</{tag}>"

    top = "".join(cell("th", value) for value in head)
    body = "".join(f"<tr>{''.join(cell('td', v) for v in row)}</tr>" for row in rows)
    top = f"<thead><tr>{top}</tr></thead>"
    return f"<table>{cell('caption', caption)}{top}<tbody>{body}</tbody></table>"


def html_facts(caption: str, facts: Mapping[str, object]) -> str:
    """Return a table of two columns for a notebook, without facts that are empty."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f"<td>{html.escape(printable(str(value), 400))}</td></tr>"
        for name, value in facts.items()
        if value not in ("", None)
    )
    return (
        f"<table><caption>{html.escape(printable(caption, 200))}</caption>"
        f"<tbody>{rows}</tbody></table>"
    )
