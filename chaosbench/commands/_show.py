"""chaosbench leaderboard show: a board in a terminal, for a program or for a paper."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from chaosbench.commands._output import (
    SystemsOption,
    TagOption,
    TrackOption,
    print_csv,
    print_json,
    say,
    table,
)
from chaosbench.commands._reading import EntriesOption, RunsArgument, read
from chaosbench.commands._slices import DimensionOption, KindOption, sliced
from chaosbench.errors import InputError

__all__ = ["BoardFormat", "BoardFormatOption", "headed", "show_command"]


class BoardFormat(StrEnum):
    """How a table is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    latex = "latex"
    markdown = "markdown"


BoardFormatOption = Annotated[
    BoardFormat, typer.Option("--format", help="A table, JSON, CSV, LaTeX or Markdown.")
]


def show_command(
    runs: RunsArgument,
    track: TrackOption = None,
    sort: Annotated[str, typer.Option(help="Column to sort by, best first.")] = "",
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            help="Only rows with COLUMN=VALUE, such as tie_group=1, score>=5, forecaster=esn*; "
            "repeatable.",
        ),
    ] = None,
    columns: Annotated[
        str, typer.Option(help="Columns between commas, named as in to_frame() and CSV.")
    ] = "",
    tag: TagOption = None,
    kind: KindOption = None,
    dimension: DimensionOption = None,
    entries: EntriesOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
    format: BoardFormatOption = BoardFormat.table,  # noqa: A002
) -> None:
    """Rank the records of one or more runs, each track separately."""
    from chaosbench.leaderboard import View, build, check_columns, narrowed, show, tracks_of

    records = sliced(read(runs, entries), kind, tag, dimension)
    whole = [build(records, track=one) for one in ([track] if track else tracks_of(records))]
    names = [name.strip() for name in columns.split(",")] if columns else []
    if len(set(names)) < len(names):
        raise InputError(f"a column is named twice in {columns!r}")
    check_columns(whole, [*names, *([sort] if sort else [])], filters or [])
    boards = [narrowed(board, sort=sort, filters=filters or []) for board in whole]
    if format is BoardFormat.json:
        if names:
            return print_json([row for made in boards for row in View.of(made, names).values])
        return print_json([row for made in boards for row in made.rows()])
    if format is BoardFormat.csv:
        known = names or list(dict.fromkeys(n for b in whole for row in b.flat() for n in row))
        rows = [row for made in boards for row in View.of(made, known).values]
        return print_csv(rows, known)
    for made, before in zip(boards, whole, strict=True):
        if format is BoardFormat.table and len(boards) > 1:
            say(f"\n{made.label}")
        if not made.standings:
            say(f"no row of the track {made.label} passes {' and '.join(filters or [])}")
        elif format is BoardFormat.table and not names:
            show(made)
        else:
            view = View.of(made, names)
            if format is BoardFormat.markdown:
                say(f"{view.to_markdown()}\n")
            elif format is BoardFormat.latex:
                say(f"% {made.summary}\n{view.to_latex()}\n")
            else:
                aligned = ["right" if right else "left" for right in view.numeric]
                table("", headed(view.heads, aligned), [list(row) for row in view.texts])
        if format is BoardFormat.table and 0 < len(made) < len(before):
            say(f"{len(made)} of {len(before)} rows; places are those of the whole board.")
    return None


def headed(heads: tuple[str, ...], aligned: list[str]) -> dict[str, str]:
    """Map headings to alignments; one that is there already gets a space, which does not print."""
    found: dict[str, str] = {}
    for head, align in zip(heads, aligned, strict=True):
        while head in found:
            head += " "
        found[head] = align
    return found
