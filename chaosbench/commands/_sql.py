"""chaosbench leaderboard sql: ask the records."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from chaosbench.commands._output import SystemsOption, print_csv, print_json, say, table
from chaosbench.commands._reading import EntriesOption, RunsArgument, read
from chaosbench.commands._show import BoardFormat, BoardFormatOption, headed

__all__ = ["sql_command"]


def sql_command(
    query: Annotated[str, typer.Argument(help="One SELECT over the tables records and scores.")],
    runs: RunsArgument,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Rows at most.")] = 10_000,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Time that the query may take.")
    ] = 60.0,
    entries: EntriesOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
    format: BoardFormatOption = BoardFormat.table,  # noqa: A002
) -> None:
    """Ask the records in SQL, the dialect of DuckDB.

    Nothing but the tables records and scores can be read, and nothing is changed.
    """
    from chaosbench.leaderboard import View
    from chaosbench.leaderboard import query as ask

    answer = ask(read(runs, entries), query, limit=limit, seconds=seconds)
    values = tuple(dict(zip(answer.names, row, strict=True)) for row in answer.rows)
    view = View(
        names=answer.names,
        heads=answer.names,
        texts=tuple(tuple(map(_text, row)) for row in answer.rows),
        values=values,
        numeric=tuple(
            not any(isinstance(row[name], str) for row in values) for name in answer.names
        ),
    )
    if format is BoardFormat.json:
        print_json(list(values))
    elif format is BoardFormat.csv:
        print_csv(list(values), list(answer.names))
    elif format is BoardFormat.markdown:
        say(view.to_markdown())
    elif format is BoardFormat.latex:
        say(view.to_latex())
    else:
        aligned = ["right" if right else "left" for right in view.numeric]
        table("", headed(view.heads, aligned), [list(row) for row in view.texts])
    if answer.more:
        print(f"only the first {limit:,} rows; --limit gives more", file=sys.stderr)  # noqa: T201


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
