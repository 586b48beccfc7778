"""The leaderboard in a terminal: as many columns as fit, the most telling ones first."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

from chaosbench.leaderboard._columns import columns, name_text
from chaosbench.leaderboard._published import with_published
from chaosbench.leaderboard._wording import wording

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table

    from chaosbench.leaderboard._columns import Column
    from chaosbench.leaderboard.ranking import Standing
    from chaosbench.tasks import Published

__all__ = ["render", "show"]

NAME_WIDTH = 24
"""Characters that a forecaster's name may take beside the columns."""

UNBOUNDED = 1000
"""Width of output that is not a terminal."""

GAP = 2
"""One character of padding and one that the box draws between columns."""

PLAIN = str.maketrans(
    {"≥": ">=", "↑": "^", "↓": "v", "–": "-", "†": "+", "‡": "++", "—": "-", "…": "..."}
)
"""For terminals that cannot print them."""


class Board(Protocol):
    """What is shown of a leaderboard."""

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Its lines, best first and ceilings last."""

    @property
    def metric(self) -> str:
        """The score that ranks."""

    @property
    def unit(self) -> str:
        """In what times are."""

    @property
    def summary(self) -> str:
        """One sentence on what was pooled."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on how far it may be believed."""

    @property
    def published(self) -> tuple[Published, ...]:
        """Numbers that others published."""


def show(board: Board, console: Console | None = None) -> None:
    """Print `board` to `console`, by default standard output as wide as the terminal.

    A pipe or a file gets all columns, one line for each forecaster.
    """
    from rich.console import Console

    if console is None:
        console = Console()
        if not console.is_terminal:
            console.width = UNBOUNDED
    console.print(_layout(board, console.width, plain=not console.encoding.startswith("utf")))


def render(board: Board, *, width: int = 100, color: bool = False) -> str:
    """Return `board` as text at most `width` characters wide, with ANSI colours if `color`."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(_layout(board, width, plain=False))
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "\n".join(lines) + "\n"


def _layout(board: Board, width: int, *, plain: bool) -> Group:
    from rich.console import Group
    from rich.text import Text

    words = wording(board.metric, unit=board.unit)
    name = "" if words.noun == words.head else f"{words.noun} "
    notes = [
        "",
        f"{words.head}: median {name}over all windows{f', in {words.unit}' if words.unit else ''} "
        "[95% interval]"
        f"{'; ≥ lower bound' if words.digits is None else ''}. ↑ higher is better, ↓ lower.",
        f"{board.summary}. "
        + (
            "Failed runs count, with the scores of climatology."
            if words.digits is None
            else "Failed runs count, with the worst value."
        ),
    ]
    missing = [line for line in board.standings if line.incomplete and not line.privileged]
    if missing:
        notes.append("† tasks not run count as failed, so the line is incomplete.")
    if any(line.privileged for line in board.standings):
        notes.append("— given the equation: a ceiling, shown and never ranked.")
    notes += board.remarks
    notes += [f"published ({t.source}), {t.what}: {t.numbers()}." for t in board.published]
    text = "\n".join(notes)
    return Group(
        _table(board, width, plain=plain),
        Text(text.translate(PLAIN) if plain else text, style="dim"),
    )


def _table(board: Board, width: int, *, plain: bool) -> Table:
    from rich.box import ASCII2, SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    def cell(text: str, style: str = "") -> Text:
        # Text, not str: rich would read brackets as its markup.
        return Text(text.translate(PLAIN) if plain else text, style=style)

    standings = board.standings
    shown = _fitting(board, width)
    table = Table(
        box=ASCII2 if plain else SIMPLE_HEAD,
        show_edge=False,
        padding=(0, GAP - 1, 0, 0),
        pad_edge=False,
        header_style="bold",
    )
    for column in shown:
        table.add_column(cell(column.heading), justify="right", no_wrap=True)
        if column.key == "rank":
            table.add_column(cell("forecaster"), overflow="fold", min_width=_name_width(standings))
    ranked = [line for line in standings if not line.privileged]
    ceilings = [line for line in standings if line.privileged]
    for section, lines in enumerate((ranked, ceilings)):
        if section and lines:
            table.add_section()
        for line in lines:
            style = "dim" if line.privileged else "bold" if line.rank == 1 else ""
            cells = []
            for column in shown:
                text = "—" if line.privileged and column.key == "rank" else column.text(line)
                alarm = column.key == "failures" and line.failures and not line.privileged
                cells.append(cell(text, "red" if alarm else ""))
                if column.key == "rank":
                    cells.append(cell(_name(line)))
            table.add_row(*cells, style=style)
    return table


def _name(line: Standing) -> str:
    return line.forecaster if line.privileged else name_text(line)


def _name_width(standings: tuple[Standing, ...]) -> int:
    return min(NAME_WIDTH, max(len("forecaster"), *(len(_name(line)) for line in standings)))


def _fitting(board: Board, width: int) -> list[Column]:
    """Drop the least telling columns until the rest fit beside a readable name."""
    standings = board.standings
    shown = with_published(columns(standings, board.metric, board.unit), standings, board.published)
    name = _name_width(standings)

    def needed() -> int:
        texts = ([column.heading, *map(column.text, standings)] for column in shown)
        return name + sum(max(map(len, column)) + GAP for column in texts)

    while len(shown) > 3 and needed() > width:
        shown.remove(min(shown, key=lambda column: column.keep))
    return shown
