"""chaosbench tasks: what is asked."""

from __future__ import annotations

from typing import Annotated

import typer

from chaosbench.commands._output import (
    ExcludeOption,
    Format,
    FormatOption,
    LimitOption,
    ListFormat,
    ListFormatOption,
    SystemsOption,
    TagOption,
    group,
    print_csv,
    print_json,
    prose,
    say,
    table,
)
from chaosbench.commands._recordings import RecordingsOption

__all__ = ["app"]

app = group("Tasks and suites.")


@app.command("list")
def tasks_list(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these tasks or suites, such as lite.")
    ] = None,
    exclude: ExcludeOption = None,
    tag: TagOption = None,
    limit: LimitOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
    recordings: RecordingsOption = None,  # noqa: ARG001
    format: ListFormatOption = ListFormat.table,  # noqa: A002
) -> None:
    """List tasks and the suites they belong to."""
    from chaosbench.tasks import registry, select, suites

    tasks = select(names or list(registry), exclude=exclude or (), tags=tag or (), limit=limit)
    chosen = [task.id for task in tasks]
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
        for name in chosen
    ]
    if format is ListFormat.json:
        return print_json(rows)
    if format is ListFormat.csv:
        return print_csv(rows, ["id", "track", "system", "suites"])
    return table(
        "",
        {"task": "left", "suites": "left"},
        [[name, ", ".join(suite.partition("-v")[0] for suite in member[name])] for name in chosen],
    )


@app.command("suites")
def tasks_suites(format: ListFormatOption = ListFormat.table) -> None:  # noqa: A002
    """List the suites, how many tasks each has and what it is for."""
    from chaosbench.tasks import suites

    rows = [
        {"id": name, "tasks": len(suites[name].tasks), "description": suites[name].description}
        for name in suites
    ]
    if format is ListFormat.json:
        return print_json(rows)
    if format is ListFormat.csv:
        return print_csv(rows, ["id", "tasks", "description"])
    return table(
        "",
        {"suite": "left", "tasks": "right", "what": "left"},
        [[str(r["id"]), f"{r['tasks']:,}", str(r["description"])] for r in rows],
    )


@app.command("show")
def tasks_show(
    name: Annotated[str, typer.Argument(help="A task such as forecast/lorenz-v1, or a suite.")],
    systems: SystemsOption = None,  # noqa: ARG001
    recordings: RecordingsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Say what a task trains on, asks and scores; or what a suite is."""
    from dataclasses import asdict

    from chaosbench.tasks import describe, describe_suite, select, suites

    if name in suites:
        suite = suites[name]
        if format is Format.json:
            return print_json(asdict(suite))
        prose(f"{suite.id}: {describe_suite(suite)}")
        return say("\n".join(f"  {task}" for task in suite.tasks))
    (task,) = select([name])
    if format is Format.json:
        pace = asdict(task.dataset.pace(task.system))
        return print_json(asdict(task) | pace | {"description": describe(task)})
    return prose(f"{task.id}: {describe(task)}")
