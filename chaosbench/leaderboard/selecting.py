"""The rows and columns of a board that a reader wants, as values and as text.

Columns have the names of `Leaderboard.to_frame`, whatever shows them.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chaosbench.errors import InputError, UnknownNameError
from chaosbench.leaderboard._board import Leaderboard, plain
from chaosbench.leaderboard._columns import columns, known_columns, name_text
from chaosbench.leaderboard._published import published_columns, with_published

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["View", "check_columns", "narrowed"]

_FILTER = re.compile(r"\s*([^=<>!\s]+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*")
_NUMBERS = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


def check_columns(
    boards: Sequence[Leaderboard], names: Iterable[str], filters: Iterable[str] = ()
) -> None:
    """Refuse names that are columns of none of the boards.

    Raises:
        UnknownNameError: there is no column of this name.

    """
    known = {name for board in boards for row in board.flat()[:1] for name in row}
    for name in [*names, *(_parsed(text)[0] for text in filters)]:
        if name not in known:
            raise UnknownNameError("column", name, known)


def narrowed(board: Leaderboard, *, sort: str = "", filters: Iterable[str] = ()) -> Leaderboard:
    """Return a board with the rows that pass all filters, in another order.

    Places and intervals stay those of the whole board. Ceilings stay behind the others.

    Args:
        board: what to narrow.
        sort: column to sort by, best first: the highest or the lowest as its arrow says. Without
            an arrow the lowest, or the first of the alphabet, is first. What has no value is last.
        filters: ``COLUMN=VALUE``, with ``!=``, ``<``, ``<=``, ``>``, ``>=`` too. In text ``*``
            stands for anything. An empty value means that there is none.

    """
    rows = board.flat()
    kept = list(range(len(rows)))
    for text in filters:
        name, sign, value = _parsed(text)
        kept = [k for k in kept if _passes(rows[k].get(name), sign, value)]
    if sort:
        down = any(
            c.key == sort and c.arrow == "↑" for c in known_columns(board.metric, board.unit)
        )
        held = [k for k in kept if not _missing(rows[k].get(sort))]
        # a stable sort twice keeps equals in the board's order in both directions
        held.sort(key=lambda k: rows[k][sort], reverse=False)
        if down:
            held.sort(key=lambda k: -rows[k][sort])
        kept = [*held, *(k for k in kept if _missing(rows[k].get(sort)))]
        kept.sort(key=lambda k: board.standings[k].privileged)
    return replace(board, standings=tuple(board.standings[k] for k in kept))


def _parsed(text: str) -> tuple[str, str, str]:
    match = _FILTER.fullmatch(text)
    if match is None:
        raise InputError(
            f"a filter is COLUMN=VALUE, such as tie_group=1, score>=5 or forecaster=esn*, "
            f"not {text!r}"
        )
    return match[1], match[2], match[3]


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _passes(found: Any, sign: str, asked: str) -> bool:
    if sign not in ("=", "!=") and isinstance(found, str | bool):
        raise InputError(f"{sign} compares numbers; give = or != for {asked!r}")
    if not asked or _missing(found):
        return (_missing(found) and not asked) == (sign == "=") and sign in ("=", "!=")
    if isinstance(found, str):
        pattern = ".*".join(map(re.escape, asked.split("*")))
        return bool(re.fullmatch(pattern, found, re.DOTALL)) == (sign == "=")
    if isinstance(found, bool):
        if asked.lower() not in (*_YES, *_NO):
            raise InputError(f"this column holds yes or no, not {asked!r}")
        return (found == (asked.lower() in _YES)) == (sign == "=")
    try:
        number = float(asked)
    except ValueError:
        raise InputError(f"this column holds numbers, and {asked!r} is none") from None
    return bool(_NUMBERS[sign](found, number))


@dataclass(frozen=True)
class View:
    """Columns of a board.

    Attributes:
        names: as in `Leaderboard.to_frame`.
        heads: what to print above them.
        texts: what a reader sees, row by row.
        values: what a program gets, row by row; what is not finite is None.
        numeric: whether a column is aligned to the right.

    """

    names: tuple[str, ...]
    heads: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    values: tuple[dict[str, Any], ...]
    numeric: tuple[bool, ...]

    @classmethod
    def of(cls, board: Leaderboard, names: Sequence[str] = ()) -> View:
        """Take columns of a board, by default those that a terminal shows if it is wide enough."""
        lines = board.standings
        if not names:
            shown = with_published(columns(lines, board.metric), lines, board.published)
            keys = [column.key for column in shown]
            at = 1 if keys[:1] == ["rank"] else 0
            names = [*keys[:at], "forecaster", *keys[at:]]
        rows = board.flat()
        printed = {c.key: c for c in known_columns(board.metric, board.unit)}
        printed |= {c.key: c for c in published_columns(board.published)}

        def text(k: int, name: str) -> str:
            if name == "forecaster":
                return name_text(lines[k])
            if name in printed:
                return printed[name].text(lines[k])
            value = rows[k].get(name)
            if _missing(value):
                return "–"
            if isinstance(value, bool):
                return "yes" if value else "no"
            return f"{value:.4g}" if isinstance(value, float) else str(value)

        return cls(
            names=tuple(names),
            heads=tuple(printed[n].heading if n in printed else n for n in names),
            texts=tuple(tuple(text(k, n) for n in names) for k in range(len(rows))),
            values=tuple({n: plain(row.get(n)) for n in names} for row in rows),
            numeric=tuple(not any(isinstance(row.get(n), str) for row in rows) for n in names),
        )

    def to_markdown(self) -> str:
        """Return a table in Markdown, in which no text can be markup."""
        rule = ["--:" if right else "---" for right in self.numeric]
        rows = [map(_markdown, self.heads), rule, *(map(_markdown, row) for row in self.texts)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def to_latex(self) -> str:
        """Return a tabular environment; only what every engine has, no package."""
        shape = "".join("r" if right else "l" for right in self.numeric)
        head, *rows = (" & ".join(map(_latex, row)) + r" \\" for row in (self.heads, *self.texts))
        lines = [rf"\begin{{tabular}}{{{shape}}}", r"\hline", head, r"\hline", *rows, r"\hline"]
        return "\n".join([*lines, r"\end{tabular}"])


def _markdown(text: str) -> str:
    text = " ".join(text.split())
    for mark, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, safe)
    return re.sub(r"([\\`*_|~\[\]#!])", r"\\\1", text)


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"$<$", ">": r"$>$", "≥": r"$\geq$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "–": "--", "—": "---", "†": r"\dag{}", "‡": r"\ddag{}", "Δ": r"$\Delta$", "₁": r"$_1$",
    "σ": r"$\sigma$", "∞": r"$\infty$", "…": r"\ldots{}",
}  # fmt: skip


def _latex(text: str) -> str:
    cell = "".join(_LATEX.get(c, c) for c in " ".join(text.split()))
    # a bracket behind \\ would be its argument
    return f"{{}}{cell}" if cell.startswith("[") else cell
