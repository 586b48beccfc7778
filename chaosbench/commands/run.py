"""chaosbench run and demo: evaluate and rank."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    PluginOption,
    WorkersOption,
    load_plugins,
    progress,
    say,
)
from chaosbench.commands.leaderboard import show_board


def run_command(
    names: Annotated[list[str], typer.Argument(help="Tasks or suites, such as lite.")],
    out: Annotated[Path, typer.Option(help="Directory of the run; an interrupted one resumes.")],
    chosen: Annotated[
        list[str] | None,
        typer.Option("--forecaster", "-f", help="name or name:setting=value,…; repeatable."),
    ] = None,
    plugins: PluginOption = None,
    workers: WorkersOption = 1,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="Seed of the fit; repeatable.")
    ] = None,
    exam_seed: Annotated[
        int, typer.Option(min=0, help="Seed of the data; another one is a fresh exam.")
    ] = 0,
    tune: Annotated[
        int, typer.Option(min=0, help="Also choose settings among so many, on training data.")
    ] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Budget of a cell, wall time.")] = 600.0,
    memory: Annotated[float, typer.Option(min=64, help="Budget of a cell, MiB.")] = 8192.0,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Evaluate forecasters on tasks, beside the floor and the ceiling; rank them."""
    from chaosbench.evaluation import Budget, plan, run, spec_of
    from chaosbench.tasks import select

    files = load_plugins(plugins)
    exams = [task.with_seed(exam_seed) for task in select(names)]
    specs = [spec_of(text, plugins=files) for text in chosen or []]
    cells = plan(exams, specs, seeds=tuple(seed or [0]), tune=tune)
    with progress("evaluate") as report:
        records = run(
            cells, directory=out, budget=Budget(seconds, memory), workers=workers, progress=report
        )
    show_board(records, format)
    if format is Format.table:
        say(f"records in {out}; page: chaosbench leaderboard build {out}")
    _report_failures(records)


def _report_failures(records: Any) -> None:
    failed = [record for record in records if record.status != "ok"]
    for record in failed:
        print(  # noqa: T201
            f"failed: {record.forecaster} on {record.task}: {record.status}. {record.message}",
            file=sys.stderr,
        )
    if failed:
        raise typer.Exit(1)


DEMO = (
    "linear_regression", "random_forest", "esn", "nvar", "sindy", "local_linear",
)  # fmt: skip


def demo(
    out: Annotated[Path, typer.Option(help="Directory of the run.")] = Path("runs/demo"),
    workers: WorkersOption = 2,
) -> None:
    """Score nine forecasters and the ceiling on eight systems: a leaderboard in minutes."""
    from chaosbench.evaluation import plan, run, spec_of
    from chaosbench.leaderboard import build, show, write_page
    from chaosbench.tasks import select

    cells = plan(select(["lite"]), [spec_of(name) for name in DEMO])
    with progress("demo") as report:
        records = run(cells, directory=out, workers=workers, progress=report)
    show(build(records))
    page = out / "index.html"
    write_page(records, page, title="chaosbench: lite suite")
    say(f"records    {out / 'records'}\nforecasts  {out / 'forecasts'}")
    say(f"data       {out / 'data'}\npage       {page}")
