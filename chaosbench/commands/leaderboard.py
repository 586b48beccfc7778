"""chaosbench leaderboard: rank records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.commands._compare import compare_command
from chaosbench.commands._output import (
    Format,
    SystemsOption,
    TrackOption,
    group,
    print_json,
    say,
)
from chaosbench.commands._reading import EntriesOption, RunsArgument, read
from chaosbench.commands._show import show_command
from chaosbench.commands._sql import sql_command

__all__ = ["app", "show_board"]

app = group("Rank records.")


def show_board(records: Any, format: Format, track: str | None = None) -> None:  # noqa: A002
    """Print one leaderboard for each version of each track."""
    from chaosbench.leaderboard import build, show, tracks_of

    tracks = [track] if track else tracks_of(records)
    boards = [build(records, track=name) for name in tracks]
    if format is Format.json:
        print_json([row for made in boards for row in made.rows()])
        return
    for made in boards:
        if len(boards) > 1:
            say(f"\n{made.label}")
        show(made)


app.command("show")(show_command)


@app.command("build")
def leaderboard_build(
    runs: RunsArgument,
    out: Annotated[Path | None, typer.Option(help="HTML file; by default RUN/index.html.")] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "chaosbench leaderboard",
    track: TrackOption = None,
    entries: EntriesOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Write one self-contained HTML page."""
    from chaosbench.leaderboard import write_page

    path = out or (runs[0] / "index.html" if runs[0].is_dir() else Path("index.html"))
    write_page(read(runs, entries), path, title=title, track=track)
    say(path)


@app.command("report")
def leaderboard_report(
    runs: RunsArgument,
    out: Annotated[
        Path, typer.Option(help="Markdown file; remarks that were written into it stay.")
    ] = Path("docs/results.md"),
    pages: Annotated[
        Path,
        typer.Option(help="Directory of the web pages, one per track."),
    ] = Path("leaderboard"),
    title: Annotated[str, typer.Option(help="Heading of the pages.")] = "chaosbench leaderboard",
    exam_seed: Annotated[
        int | None, typer.Option(min=0, help="Which exam, where the records hold several.")
    ] = None,
    entries: EntriesOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Write the results of all tracks as Markdown and as web pages."""
    from chaosbench.leaderboard import write_report, write_site

    records = read(runs, entries)
    say(write_report(records, out, exam_seed=exam_seed))
    for page in write_site(records, pages, title=title, exam_seed=exam_seed):
        say(page)


app.command("compare")(compare_command)
app.command("sql")(sql_command)
