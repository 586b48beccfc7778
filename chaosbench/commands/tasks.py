"""chaosbench tasks: what is asked."""

from __future__ import annotations

from typing import Annotated

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    group,
    print_json,
    say,
    table,
)

__all__ = ["app"]

app = group("Tasks and suites.")


@app.command("list")
def tasks_list(format: FormatOption = Format.table) -> None:  # noqa: A002
    """List tasks and the suites they belong to."""
    from chaosbench.tasks import registry, suites

    member: dict[str, list[str]] = {name: [] for name in registry}
    for suite in suites:
        for name in suites[suite].tasks:
            member[name].append(suite)
    rows = [
        {
            "id": name,
            "track": registry[name].track,
            "system": registry[name].system,
            "suites": member[name],
        }
        for name in registry
    ]
    if format is Format.json:
        return print_json(rows)
    return table(
        "",
        {"task": "left", "system": "left", "suites": "left"},
        [[str(r["id"]), str(r["system"]), ", ".join(r["suites"])] for r in rows],
    )


@app.command("show")
def tasks_show(
    name: Annotated[str, typer.Argument(help="A task such as forecast/lorenz-v1, or a suite.")],
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Say what a task trains on, shows, asks and scores; or what a suite holds."""
    from dataclasses import asdict

    from chaosbench.tasks import select, suites

    if name in suites:
        suite = suites[name]
        if format is Format.json:
            return print_json(asdict(suite))
        lines = [f"{suite.id}: {suite.describe()}", *(f"  {task}" for task in suite.tasks)]
        return say("\n".join(lines))
    (task,) = select([name])
    if format is Format.json:
        pace = asdict(task.dataset.pace(task.system))
        return print_json(asdict(task) | pace | {"description": task.describe()})
    return say(f"{task.id}: {task.describe()}")
