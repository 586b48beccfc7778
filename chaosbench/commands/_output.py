"""What the commands share: options, JSON, tables, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "Format", "FormatOption", "PluginOption", "SeedOption", "TrackOption", "WorkersOption",
    "certified_words", "console", "group", "load_plugins", "print_json", "progress", "say", "table",
]  # fmt: skip


LEAST = 12
"""Characters of a last column below which it is left out."""


class Format(StrEnum):
    """How lists and facts are printed."""

    table = "table"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="A table, or only JSON.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same bytes.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="How many to work on at a time.")]
TrackOption = Annotated[
    str | None, typer.Option(help="Only this track; needed for a page where there are several.")
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


def console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def say(text: Any, *, markup: bool = False) -> None:
    """Print to standard output; paths and sentences are never wrapped."""
    console().print(text, markup=markup, soft_wrap=True)


def table(title: str, columns: dict[str, str], rows: list[list[str]], *, fold: bool = True) -> None:
    """Print a table; `columns` maps headings to alignments.

    Only the last column gives way on a narrow terminal: it folds, or is cut where `fold` is off,
    or left out where next to nothing of it would be seen.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    printer = console()
    headings = list(columns)
    if not fold:
        widths = [max(len(row[c]) for row in [headings, *rows]) for c in range(len(headings))]
        room = printer.width - sum(widths[:-1]) - 2 * len(headings)
        if room < LEAST:
            headings, rows = headings[:-1], [row[:-1] for row in rows]
        else:
            rows = [[*row[:-1], _cut(row[-1], room)] for row in rows]
    made = Table(
        title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False,
        collapse_padding=True,
    )  # fmt: skip
    for heading in headings:
        made.add_column(
            heading,
            justify=columns[heading],  # type: ignore[arg-type]
            no_wrap=heading != headings[-1],
            overflow="fold",
        )
    for row in rows:
        made.add_row(*map(Text, row))  # as text: a citation in brackets is no markup
    printer.print(made)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


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
    """Show a progress bar on the error stream while something long goes on."""
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
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, note="")
        yield lambda done, total, note: bar.update(task, completed=done, total=total, note=note)


def load_plugins(paths: list[Path] | None) -> list[Path]:
    """Register the forecasters of plugin files; a broken one is a warning."""
    import warnings

    from chaosbench.errors import InputError
    from chaosbench.evaluation._plugins import load_plugin
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
