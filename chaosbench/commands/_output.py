"""What the commands share: options, JSON, tables, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.errors import InputError

__all__ = [
    "Format", "FormatOption", "ListFormat", "ListFormatOption", "PluginOption", "SeedOption",
    "TrackOption", "WorkersOption", "certified_words", "console", "group", "load_plugins",
    "print_csv", "print_json", "progress", "prose", "say",
    "table",
]  # fmt: skip


LEAST = 12
"""Characters that a column of text needs; a narrower one is left out."""


class Format(StrEnum):
    """How lists and facts are printed."""

    table = "table"
    json = "json"


class ListFormat(StrEnum):
    """How lists are printed."""

    table = "table"
    json = "json"
    csv = "csv"


FormatOption = Annotated[Format, typer.Option("--format", help="A table, or only JSON.")]
ListFormatOption = Annotated[
    ListFormat, typer.Option("--format", help="A table, only JSON, or CSV.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same bytes.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="How many to work on at a time.")]
TrackOption = Annotated[
    str | None, typer.Option(help="Only this track; a page needs it where there are several.")
]
PluginOption = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file that defines forecasters.")
]


def group(text: str) -> typer.Typer:
    """Make a group of commands."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)


def print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))  # noqa: T201


def print_csv(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Print rows as CSV; lists become words between spaces, and what is None an empty cell."""
    import csv
    import sys

    def cell(value: Any) -> Any:
        return " ".join(map(str, value)) if isinstance(value, list | tuple) else value

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row[name]) for name in columns] for row in rows)


def console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def say(text: Any, *, markup: bool = False) -> None:
    """Print to standard output; paths and sentences are never wrapped."""
    console().print(text, markup=markup, soft_wrap=True)


def prose(text: str) -> None:
    """Print sentences, on a terminal wrapped between words; a line stays one in a pipe."""
    printer = console()
    printer.print(text, markup=False, soft_wrap=not printer.is_terminal)


def table(title: str, columns: dict[str, str], rows: list[list[str]]) -> None:
    """Print a table, one line per row; `columns` maps headings to alignments, left or right.

    On a terminal, columns are left out from the right until the others fit. A column of text is
    cut instead if it stays readable; numbers are never cut. A pipe or a file gets everything,
    however long the lines are, for grep, awk and less.
    """
    from rich.cells import cell_len

    printer = console()
    aligned = list(columns.values())
    cells = [[" ".join(cell.split()) for cell in row] for row in [list(columns), *rows]]
    if printer.is_terminal:
        cells = _fitted(cells, aligned, printer.width)
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = []
        for cell, width, align in zip(row, widths, aligned, strict=False):
            space = " " * (width - cell_len(cell))
            padded.append(space + cell if align == "right" else cell + space)
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "─" * (sum(widths) + 2 * len(widths) - 2))
    say("\n".join([title, *lines] if title else lines))


def _fitted(cells: list[list[str]], aligned: list[str], width: int) -> list[list[str]]:
    """Leave out columns from the right until the others fit; the last one may be cut."""
    from rich.cells import cell_len, set_cell_size

    while True:
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        room = width - sum(widths[:-1]) - 2 * (len(widths) - 1)
        if len(widths) == 1 or widths[-1] <= room:
            return cells
        if aligned[len(widths) - 1] == "left" and room >= LEAST:
            return [
                [*row, last if cell_len(last) <= room else set_cell_size(last, room - 1) + "…"]
                for *row, last in cells
            ]
        cells = [row[:-1] for row in cells]


def certified_words(until: Any, lyapunov_time: float | None) -> str:
    """Say for how long trajectories are certified: shortest and median, in Lyapunov times."""
    if until is None:
        return "not certified"
    ordered = sorted(until)
    unit, name = (lyapunov_time, "Lyapunov times") if lyapunov_time else (1.0, "time units")
    low, middle = (ordered[k] / unit for k in (0, len(ordered) // 2))
    return f"certified for {low:.3g} {name} at least, median {middle:.3g}"


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show a progress bar on the error stream during something long."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )  # fmt: skip

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )  # fmt: skip
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(what, total=None, note="")

    def report(done: int, total: int, note: str) -> None:
        bar.start()  # only now, so that no bar stands above an error in the request
        bar.update(task, completed=done, total=total, note=note)

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()


def load_plugins(paths: list[Path] | None) -> list[Path]:
    """Register the forecasters of plugin files; a broken one is a warning."""
    import warnings

    from chaosbench.isolation.plugins import load_plugin
    from chaosbench.registry import PluginWarning

    loaded = []
    for path in paths or []:
        if not path.is_file():
            raise InputError(f"there is no plugin file {path}")
        try:
            load_plugin(path.resolve())
        except InputError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=1)
        else:
            loaded.append(path.resolve())
    return loaded
