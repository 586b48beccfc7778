"""What the commands share: options, JSON, tables, progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaosbench.errors import InputError
from chaosbench.text import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "ExcludeOption", "Format", "FormatOption", "Isolation", "LimitOption", "ListFormat",
    "ListFormatOption", "PluginOption", "RequireOption", "SeedOption", "SystemsOption",
    "TagOption", "TrackOption", "WorkersOption",
    "certified_words", "console", "group", "load_plugins", "print_csv", "print_json", "progress",
    "prose", "say", "table",
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


class Isolation(StrEnum):
    """How well forecasters must be kept apart."""

    any = "any"
    strong = "strong"


RequireOption = Annotated[
    Isolation,
    typer.Option(
        "--require-isolation", help="Refuse to run where forecasters are kept apart less."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="A table, or only JSON.")]
ListFormatOption = Annotated[
    ListFormat, typer.Option("--format", help="A table, only JSON, or CSV.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same bytes.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="How many to work on at a time.")]
TrackOption = Annotated[
    str | None, typer.Option(help="Only this track; a page needs it where there are several.")
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(help="Leave out this task, suite, track or system; repeatable."),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(help="Only systems with this tag; repeat it for systems with all of them."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Only the first so many tasks.")]
PluginOption = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file that defines forecasters.")
]


def _load(paths: list[Path] | None) -> list[Path] | None:
    if paths:
        from chaosbench.systems import load_systems

        for path in paths:
            load_systems(path)
    return paths


SystemsOption = Annotated[
    list[Path] | None,
    typer.Option("--systems", callback=_load, help="A Python or JSON file of systems; repeatable."),
]
"""Loads the files while the command line is read, so that a command has nothing to do for it."""


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


LONGEST = 1_000_000
"""Characters of a line that is printed."""

NARROWEST, WIDEST = 20, 10_000
"""Columns of a terminal; what the environment says besides is not believed."""


def console() -> Any:
    from rich.console import Console

    told = os.environ.get("COLUMNS")
    odd = told is not None and not (told.isdecimal() and NARROWEST <= int(told) <= WIDEST)
    return Console(highlight=False, width=80 if odd else None)


def say(text: Any, *, markup: bool = False) -> None:
    """Print to standard output; paths and sentences are never wrapped."""
    console().print(_clean(text), markup=markup, soft_wrap=True)


def _clean(text: Any) -> Any:
    """Keep a path or a name from steering the terminal."""
    if not isinstance(text, str | Path):
        return text
    return "\n".join(printable(line, LONGEST) for line in str(text).split("\n"))


def prose(text: str) -> None:
    """Print sentences, on a terminal wrapped between words; a line stays one in a pipe."""
    printer = console()
    printer.print(_clean(text), markup=False, soft_wrap=not printer.is_terminal)


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
    """Leave out columns from the right until the others fit; the last one may be cut.

    A column of text that is much wider than a readable one is cut before others have to go.
    """
    from rich.cells import cell_len

    def cut(column: int, room: int) -> list[list[str]]:
        return [[*row[:column], _cut(row[column], room), *row[column + 1 :]] for row in cells]

    while True:
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        room = width - sum(widths[:-1]) - 2 * (len(widths) - 1)
        if widths[-1] <= room:
            return cells
        last = len(widths) - 1
        if last == 0 or (aligned[last] == "left" and room >= LEAST):
            return cut(last, max(room, 1))
        wide = [k for k in range(last) if aligned[k] == "left" and widths[k] > 2 * LEAST]
        if wide:
            k = max(wide, key=widths.__getitem__)
            cells = cut(k, max(2 * LEAST, widths[k] - (widths[-1] - room)))
        else:
            cells = [row[:-1] for row in cells]


def _cut(text: str, room: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= room else set_cell_size(text, room - 1) + "…"


def certified_words(until: Any, lyapunov_time: float | None) -> str:
    """Say for how long trajectories are certified: shortest and median, in Lyapunov times."""
    if until is None:
        return "not certified"
    ordered = sorted(until)
    unit, name = (lyapunov_time, "Lyapunov times") if lyapunov_time else (1.0, "time units")
    low, middle = (ordered[k] / unit for k in (0, len(ordered) // 2))
    return f"certified for {low:.3g} {name} at least, median {middle:.3g}"


EVERY = 10.0
"""Seconds between two lines of progress where the output is no terminal."""


@contextmanager
def progress(
    what: str, doing: Callable[[], str] = lambda: ""
) -> Iterator[Callable[[int, int, str], None]]:
    """Show on the error stream how far something long is, and about how long it still takes.

    A terminal gets a bar, anything else a line every ten seconds and one at the end. Nothing is
    shown before the first report: what is wrong with the request is said without a bar above.

    Args:
        what: name in front.
        doing: says what is being done while nothing is reported, such as making data.

    """
    from rich.console import Console

    shown = Console(stderr=True)
    with (_bar if shown.is_terminal else _lines)(what, doing, shown) as report:
        yield report


@contextmanager
def _bar(
    what: str, doing: Callable[[], str], shown: Console
) -> Iterator[Callable[[int, int, str], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )  # fmt: skip

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"), TextColumn("[dim]{task.fields[note]}"),
    )  # fmt: skip
    bar = Progress(*columns, console=shown)
    task = bar.add_task(what, total=None, note="", left="")
    pace, stop = _Pace(), Event()

    def report(done: int, total: int, note: str) -> None:
        bar.start()
        pace.saw(done, total)
        bar.update(task, completed=done, total=total, note=note, left=pace.left())

    def watch() -> None:
        while not stop.wait(1.0):
            if bar.live.is_started:
                bar.update(task, left=pace.left())
                if now := doing():
                    bar.update(task, note=now)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield report
    finally:
        stop.set()
        watcher.join()
        if bar.live.is_started:
            bar.stop()


@contextmanager
def _lines(
    what: str, doing: Callable[[], str], shown: Console
) -> Iterator[Callable[[int, int, str], None]]:
    pace, stop, last = _Pace(), Event(), [""]

    def line(note: str) -> None:
        text = f"{what}: {pace.done}/{pace.total} in {_clock(pace.elapsed())}"
        words = [text, pace.left(), note]
        shown.print("  ".join(filter(None, words)), soft_wrap=True, markup=False, highlight=False)

    def watch() -> None:
        while not stop.wait(EVERY):
            if pace.total is not None:
                line(doing() or last[0])

    def report(done: int, total: int, note: str) -> None:
        first = pace.total is None
        pace.saw(done, total)
        last[0] = note
        if first:
            line(note)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield report
    finally:
        stop.set()
        watcher.join()
        if pace.done:
            line("")


class _Pace:
    """How long the rest takes, if it takes as long as what was done since the start."""

    def __init__(self) -> None:
        self.started: float | None = None
        self.before = self.done = 0
        self.total: int | None = None

    def saw(self, done: int, total: int) -> None:
        if self.started is None:
            self.started, self.before = time.monotonic(), min(done, max(total - 1, 0))
        self.done, self.total = done, total

    def elapsed(self) -> float:
        return 0.0 if self.started is None else time.monotonic() - self.started

    def left(self) -> str:
        made = self.done - self.before
        if self.total is None or made <= 0 or self.done >= self.total:
            return ""
        return f"about {_clock(self.elapsed() / made * (self.total - self.done))} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def load_plugins(paths: list[Path] | None) -> list[Path]:
    """Find out which forecasters plugin files define; a broken one is a warning."""
    import warnings

    from chaosbench.isolation.description import describe_file, describe_files
    from chaosbench.registry import PluginWarning
    from chaosbench.systems.own import loaded_files

    loaded = []
    for path in paths or []:
        if not path.is_file():
            raise InputError(f"there is no plugin file {path}")
        if path.resolve() in loaded_files():
            raise InputError(
                f"{path} is given as --systems and as --plugin, but a forecaster may not see the "
                "equations; define systems and forecasters in two files"
            )
        try:
            describe_file(path.resolve())
        except InputError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=1)
        else:
            loaded.append(path.resolve())
    describe_files(loaded)
    return loaded
