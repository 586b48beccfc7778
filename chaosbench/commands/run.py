"""chaosbench run and demo: evaluate and rank."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from chaosbench.commands._output import (
    ExcludeOption,
    Format,
    FormatOption,
    Isolation,
    LimitOption,
    PluginOption,
    RequireOption,
    SystemsOption,
    TagOption,
    WorkersOption,
    load_plugins,
    print_json,
    progress,
    say,
    table,
)
from chaosbench.commands._recordings import RecordingsOption
from chaosbench.commands.leaderboard import show_board
from chaosbench.errors import InputError, suggestion


class _Group(TyperGroup):
    """Lets ``chaosbench run lite`` stand for ``chaosbench run tasks lite``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the default command unless another one, or only help, is asked for."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["tasks", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Evaluate forecasters: chaosbench run TASKS… --out DIR.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("tasks")
def run_command(
    names: Annotated[list[str], typer.Argument(help="Tasks or suites, such as lite.")],
    out: Annotated[Path, typer.Option(help="Directory of the run; an interrupted one resumes.")],
    chosen: Annotated[
        list[str] | None,
        typer.Option("--forecaster", "-f", help="name or name:setting=value,…; repeatable."),
    ] = None,
    exclude: ExcludeOption = None,
    tag: TagOption = None,
    limit: LimitOption = None,
    plugins: PluginOption = None,
    workers: WorkersOption = 1,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="Seed of the fit; repeatable.")
    ] = None,
    exam_seed: Annotated[
        int, typer.Option(min=0, help="Seed of the data; another one is a fresh exam.")
    ] = 0,
    tune: Annotated[
        int,
        typer.Option(min=0, help="Also run with settings chosen among so many, on training data."),
    ] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Budget of a cell, wall time.")] = 600.0,
    memory: Annotated[float, typer.Option(min=64, help="Budget of a cell, MiB.")] = 8192.0,
    cluster: Annotated[
        str | None, typer.Option(help="Run the cells on the Dask cluster of this scheduler.")
    ] = None,
    require: RequireOption = Isolation.any,
    systems: SystemsOption = None,  # noqa: ARG001
    recordings: RecordingsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Evaluate forecasters on tasks and rank them (the default).

    The floor (persistence, climatology, parroting) and the ceiling (a perfect model) run too.
    """
    from contextlib import nullcontext

    from chaosbench.evaluation import Budget, connect, plan, run, spec_of
    from chaosbench.tasks import select

    files = load_plugins(plugins)
    tasks = select(names, exclude=exclude or (), tags=tag or (), limit=limit)
    exams = [task.with_seed(exam_seed) for task in tasks]
    specs = [spec_of(text, plugins=files) for text in chosen or []]
    cells = plan(exams, specs, seeds=tuple(seed or [0]), tune=tune)
    machinery = connect(cluster) if cluster else nullcontext()
    with machinery as machines, progress("run", _making(out)) as report:
        records = run(
            cells, directory=out, budget=Budget(seconds, memory), workers=workers, progress=report,
            cluster=machines, require="" if require is Isolation.any else require.value,
        )  # fmt: skip
    show_board(records, format)
    if format is Format.table:
        say(f"records in {out}; page: chaosbench leaderboard build {out}")
    _report_failures(records)


@app.command("status")
def run_status(
    directory: Annotated[Path, typer.Argument(help="Directory of a run.")],
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Count how the cells of a run ended, also while it goes on."""
    from chaosbench.evaluation import STATUSES, status_of

    found = status_of(directory)
    names = sorted({*found.counts, *found.to_do})
    counts = {name: found.counts.get(name, {}) for name in names}
    if format is Format.json:
        return print_json(
            [
                {
                    "forecaster": f,
                    **counts[f],
                    **({"to_do": n} if (n := found.to_do.get(f)) else {}),
                }
                for f in names
            ]
        )
    seen = [s for s in STATUSES if s == "ok" or any(c.get(s) for c in counts.values())]
    more = {"to do": "right"} if found.to_do else {}
    table(
        "",
        {"forecaster": "left", **dict.fromkeys(seen, "right"), **more},
        [
            [f, *(str(c.get(s) or "–") for s in seen),
             *([str(found.to_do.get(f) or "–")] if more else [])]
            for f, c in counts.items()
        ],
    )  # fmt: skip
    if found.to_do:
        done, left = (sum(sum(c.values()) for c in counts.values()), sum(found.to_do.values()))
        words = [f"{done:,} of {done + left:,} cells are finished"]
        if found.since_last is not None:
            words.append(f"the last one {found.since_last:,.0f} s ago")
        if found.making:
            words.append(f"the data of {', '.join(found.making)} are being made")
        say("; ".join(words))
    return None


def _making(directory: Path) -> Callable[[], str]:
    """Return what says which data a run is making, for the progress beside it."""
    from chaosbench.evaluation import data_under_way

    def words() -> str:
        tasks = data_under_way(directory)
        return f"making the data of {tasks[0]}" if tasks else ""

    return words


@app.command("equations")
def run_equations(
    directory: Annotated[Path, typer.Argument(help="Directory of a run.")],
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Print the equations that forecasters found."""
    from chaosbench.evaluation import read_records

    found = [record for record in read_records(directory) if record.equations]
    if format is Format.json:
        return print_json(
            [
                {
                    "task": r.task,
                    "forecaster": r.forecaster,
                    "seed": r.seed,
                    "equations": r.equations,
                }
                for r in found
            ]
        )
    for record in found:
        say(f"{record.task}  {record.forecaster}  seed {record.seed}")
        say("".join(f"  {line}\n" for line in record.equations))
    return None if found else say(f"no forecaster of {directory} showed an equation")


@app.command("retry")
def run_retry(
    directory: Annotated[Path, typer.Argument(help="Directory of a run.")],
    status: Annotated[
        list[str] | None, typer.Option(help="Which failures: timeout, crashed, …; repeatable.")
    ] = None,
    workers: WorkersOption = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="Budget of a cell, wall time.")] = 600.0,
    memory: Annotated[float, typer.Option(min=64, help="Budget of a cell, MiB.")] = 8192.0,
    systems: SystemsOption = None,  # noqa: ARG001
    recordings: RecordingsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Run failed cells again and replace their records.

    They may have another budget than before.
    """
    from chaosbench.evaluation import STATUSES, Budget, retry
    from chaosbench.evaluation import read_records as read

    for name in status or []:
        if name not in STATUSES:
            raise InputError(f"there is no status {name!r}; {suggestion(name, STATUSES)}")
    with progress("retry", _making(directory)) as report:
        records = retry(
            directory,
            statuses=status or ("timeout", "out_of_memory", "crashed"),
            budget=Budget(seconds, memory),
            workers=workers,
            progress=report,
        )
    show_board(read(directory), format)
    _report_failures(records)


@app.command("rescore")
def run_rescore(
    directory: Annotated[Path, typer.Argument(help="Directory of a run.")],
    write: Annotated[
        bool, typer.Option("--write", help="Replace the records whose scores differ.")
    ] = False,
    systems: SystemsOption = None,  # noqa: ARG001
    recordings: RecordingsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Compute all scores again from the forecasts on disk.

    Lists the records whose scores differ, and exits with 1 if there are any.
    """
    from chaosbench.evaluation import rescore

    with progress("rescore") as report:
        found = rescore(directory, write=write, progress=report)
    differ = [one for one in found if one.differing]
    troubled = [one for one in found if one.trouble]
    if format is Format.json:
        print_json(
            [
                {
                    "task": one.record.task,
                    "forecaster": one.record.forecaster,
                    "seed": one.record.seed,
                    "differ": list(one.differing),
                    "trouble": one.trouble,
                }
                for one in found
            ]
        )
    else:
        rows = [
            [
                one.record.task, one.record.forecaster, str(one.record.seed),
                one.trouble or f"differ: {', '.join(one.differing)}",
            ]
            for one in found if one in differ or one in troubled
        ]  # fmt: skip
        if rows:
            table("", {"task": "left", "forecaster": "left", "seed": "right", "": "left"}, rows)
        same = len(found) - len(differ) - len(troubled)
        words = [f"{len(found)} records: {same} with the scores of their forecasts"]
        if differ:
            words.append(f"{len(differ)} with others" + (", now replaced" if write else ""))
        if troubled:
            words.append(f"{len(troubled)} that cannot be scored again")
        say(", ".join(words))
    if troubled or (differ and not write):
        raise typer.Exit(1)


def _report_failures(records: Any) -> None:
    # persistence is in every run and has no equation to show; that is not worth reporting
    failed = [record for record in records if record.status not in ("ok", "unsupported")]
    for record in failed:
        print(  # noqa: T201
            f"failed: {record.forecaster} on {record.task}: {record.status}. {record.message}",
            *record.traceback, sep="\n  ", file=sys.stderr,
        )  # fmt: skip
    if failed:
        raise typer.Exit(1)


DEMO = (
    "linear_regression", "random_forest", "esn", "nvar", "sindy", "local_linear",
)  # fmt: skip


def demo(
    out: Annotated[Path, typer.Option(help="Directory of the run.")] = Path("runs/demo"),
    workers: WorkersOption = 2,
) -> None:
    """Rank nine forecasters on eight systems in minutes."""
    from chaosbench.evaluation import plan, run, spec_of
    from chaosbench.leaderboard import build, show, write_page
    from chaosbench.tasks import select

    cells = plan(select(["lite"]), [spec_of(name) for name in DEMO])
    with progress("demo", _making(out)) as report:
        records = run(cells, directory=out, workers=workers, progress=report)
    show(build(records))
    page = out / "index.html"
    write_page(records, page, title="chaosbench: lite suite")
    say(f"records    {out / 'records'}\nforecasts  {out / 'forecasts'}")
    say(f"data       {out / 'data'}\npage       {page}")
