"""The command line: thin, no logic. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.errors import ChaosbenchError, InputError

__all__ = ["app", "main"]


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

app = typer.Typer(
    help="Forecasting benchmark for chaotic dynamical systems: how far can a method see, at what "
    "cost, and can you trust the answer? Start with: chaosbench demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _group(name: str, text: str) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(group, name=name)
    return group


systems = _group("systems", "The catalogue of chaotic systems.")
data = _group("data", "Datasets: generate and verify.")
tasks = _group("tasks", "Tasks and suites.")
forecasters = _group("forecasters", "Forecasters and their settings.")
plugin = _group("plugin", "Your own forecasters.")
board = _group("leaderboard", "Rank records.")


class _Interrupted(BaseException):
    """Ctrl-C, under a name that typer does not turn into an exit of its own."""


def _interrupt(*_: Any) -> None:
    raise _Interrupted


def main() -> None:
    """Run the command line; bad input is one sentence and exit code 2, a failure 1."""
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except InputError as error:
        _fail(str(error), 2)
    except ChaosbenchError as error:
        _fail(str(error), 1)
    except _Interrupted:
        _fail("interrupted; what was finished is on disk, the same command goes on from there", 130)
    except BrokenPipeError:  # the reader of a pipe had seen enough
        sys.stderr.close()
        sys.exit(0)


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)  # noqa: T201


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))  # noqa: T201


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _say(text: Any, *, markup: bool = False) -> None:
    """Print to standard output; paths and sentences are never wrapped."""
    _console().print(text, markup=markup, soft_wrap=True)


def _table(title: str, columns: dict[str, str], rows: list[list[str]]) -> None:
    """Print a table; `columns` maps headings to alignments."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading, align in columns.items():
        table.add_column(heading, justify=align, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*row)
    _console().print(table)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int, str], None]]:
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


# ------------------------------------------------------------------------------------- systems


@systems.command("list")
def systems_list(
    kind: Annotated[str | None, typer.Option(help="Only flow, delay or map.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only systems with this tag.")] = None,
    ranked: Annotated[bool, typer.Option("--ranked", help="Only ranked systems.")] = False,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """List the catalogue."""
    from chaosbench.systems import registry
    from chaosbench.systems._constants import known_constants

    if kind not in (None, "flow", "delay", "map"):
        raise InputError(f"there is no kind {kind!r}; expected one of: delay, flow, map")
    rows: list[dict[str, Any]] = []
    for name in registry:
        system = registry[name]
        known = known_constants(system)
        row = {
            "name": name,
            "kind": system.kind,
            "dimension": system.dimension,
            "aliases": list(system.aliases),
            "tags": sorted(system.tags),
            "ranked": bool(known and known.ranked),
            "period": known.period if known else None,
            "largest_lyapunov_exponent": known.lyapunov_exponents[0] if known else None,
            "largest_lyapunov_stderr": known.lyapunov_stderr[0] if known else None,
            "reference": system.reference,
            "description": system.description,
        }
        wanted = kind in (None, system.kind) and (tag is None or tag in system.tags)
        if wanted and (row["ranked"] or not ranked):
            rows.append(row)
    if format is Format.json:
        return _print_json(rows)
    lines = []
    for r in rows:
        exponent = r["largest_lyapunov_exponent"]
        lines.append([
            r["name"], r["kind"], str(r["dimension"]),
            "–" if exponent is None else f"{exponent:.4g} ± {r['largest_lyapunov_stderr']:.1g}",
            "–" if r["period"] is None else f"{r['period']:.4g}",
            "yes" if r["ranked"] else "no",
            ", ".join(r["tags"]),
        ])  # fmt: skip
    columns = {
        "name": "left", "kind": "left", "d": "right", "λ₁ ± error": "right", "period": "right",
        "ranked": "left", "tags": "left",
    }  # fmt: skip
    return _table("", columns, lines)


@systems.command("show")
def systems_show(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Show one system: equation, parameters, facts with errors, provenance, warnings."""
    from dataclasses import asdict

    from chaosbench.systems import registry
    from chaosbench.systems._constants import known_constants
    from chaosbench.systems._equation import equation_latex, equation_text

    system = registry[name]
    known = known_constants(system)
    if format is Format.json:
        return _print_json(
            {
                "name": system.name,
                "kind": system.kind,
                "dimension": system.dimension,
                "aliases": list(system.aliases),
                "tags": sorted(system.tags),
                "ranked": bool(known and known.ranked),
                "variables": list(system.variables),
                "parameters": dict(system.parameters),
                "ic": list(system.ic),
                "reference": system.reference,
                "description": system.description,
                "equation": equation_text(system),
                "latex": equation_latex(system),
                "fingerprint": system.fingerprint,
                "constants": asdict(known) if known else None,
            }
        )
    from chaosbench.systems._card import card

    return _say(card(system, known))


def _parameters(text: list[str] | None) -> dict[str, float]:
    found = {}
    for item in text or []:
        name, equals, value = item.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"a parameter is given as name=number, not {item!r}")
    return found


@systems.command("simulate")
def systems_simulate(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    points: Annotated[int, typer.Option(help="Samples of each trajectory.")] = 1000,
    points_per_period: Annotated[float | None, typer.Option(help="Samples a period.")] = None,
    points_per_lyapunov: Annotated[
        float | None, typer.Option(help="Samples a Lyapunov time.")
    ] = None,
    dt: Annotated[float | None, typer.Option(help="Sampling step in time units.")] = None,
    n: Annotated[int, typer.Option(help="Trajectories.")] = 1,
    seed: SeedOption = 0,
    transient: Annotated[
        float | None, typer.Option(help="Time units dropped before the first sample.")
    ] = None,
    rtol: Annotated[float, typer.Option(help="Tolerance of the local error.")] = 1e-10,
    ic: Annotated[str | None, typer.Option(help="Initial state, as 1,2,3.")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="A parameter, as rho=30; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Parquet file to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Integrate a system; print what came out, and write it to a Parquet file if asked."""
    from chaosbench.systems import registry
    from chaosbench.systems._simulate import simulate

    system = registry[name].with_params(**_parameters(param))
    start = None
    if ic is not None:
        try:
            start = [float(v) for v in ic.split(",")]
        except ValueError:
            raise InputError(f"an initial state is given as 1,2,3, not {ic!r}") from None
    if out is not None and out.exists() and not force:
        raise InputError(f"{out} exists already; give --force to overwrite it")
    made = simulate(
        system, points=points, points_per_period=points_per_period,
        points_per_lyapunov=points_per_lyapunov, dt=dt, n=n, seed=seed, transient=transient,
        rtol=rtol, ic=start,
    )  # fmt: skip
    if out is not None:
        from chaosbench.datasets._files import write_trajectories

        write_trajectories(out, made)
    flat = made.values.reshape(-1, made.values.shape[2])
    facts = {
        "system": system.name,
        "trajectories": made.values.shape[0],
        "points": made.values.shape[1],
        "dt": made.dt,
        "variables": {
            v: {"mean": m, "std": s, "min": low, "max": high}
            for v, m, s, low, high in zip(
                made.variables, flat.mean(axis=0).tolist(), flat.std(axis=0).tolist(),
                flat.min(axis=0).tolist(), flat.max(axis=0).tolist(), strict=True,
            )
        },
        "file": str(out) if out else None,
    }  # fmt: skip
    if format is Format.json:
        return _print_json(facts)
    rows = [
        [v, *(f"{f[k]:.5g}" for k in ("mean", "std", "min", "max"))]
        for v, f in facts["variables"].items()
    ]
    _table(
        f"{system.name}: {facts['trajectories']} × {facts['points']} points, dt = {made.dt:.6g}",
        {"variable": "left", "mean": "right", "std": "right", "min": "right", "max": "right"},
        rows,
    )
    return _say(f"written to {out}" if out else "give --out FILE.parquet to keep it")


@systems.command("characterise")
def systems_characterise(
    names: Annotated[list[str], typer.Argument(help="Names or aliases, or 'all'.")],
    periods: Annotated[float, typer.Option(help="Periods to average over at first.")] = 4000.0,
    seed: SeedOption = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what is stored; write nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to instead of the package.")
    ] = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Measure period, exponents and dimensions, and write the constants JSON."""
    from dataclasses import asdict

    from chaosbench.systems import registry
    from chaosbench.systems._characterise import characterise, disagreement
    from chaosbench.systems._constants import constants, constants_path

    wanted = list(registry) if names == ["all"] else [registry.resolve(name) for name in names]
    found, troubles = [], []
    with _progress("characterise") as report:
        for k, name in enumerate(wanted):
            report(k, len(wanted), name)
            measured = characterise(name, periods=periods, seed=seed)
            found.append(measured)
            if check:
                trouble = disagreement(constants(name), measured)
                troubles += [f"{name}: {trouble}"] if trouble else []
            else:
                path = out / f"{name}.json" if out else constants_path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(measured.to_json(), "utf-8")
            report(k + 1, len(wanted), name)
    if format is Format.json:
        _print_json([asdict(c) for c in found])
    else:
        _table(
            "",
            {"system": "left", "period": "right", "λ₁": "right", "twin": "right", "gate": "left"},
            [
                [
                    c.system, f"{c.period:.5g}",
                    f"{c.lyapunov_exponents[0]:.5g} ± {c.lyapunov_stderr[0]:.1g}",
                    f"{c.largest_twin:.5g} ± {c.largest_twin_stderr:.1g}",
                    c.verdict or "passed",
                ]
                for c in found
            ],
        )  # fmt: skip
    if troubles:
        raise ChaosbenchError("; ".join(troubles))


# ---------------------------------------------------------------------------------------- data


@data.command("generate")
def data_generate(
    names: Annotated[list[str], typer.Argument(help="Systems, or a suite such as lite-v1.")],
    out: Annotated[Path, typer.Option(help="Directory: new, empty, or holding this recipe.")],
    train_points: Annotated[int, typer.Option(help="Samples to train on.")] = 10_000,
    train_trajectories: Annotated[int, typer.Option(help="Trajectories to train on.")] = 1,
    windows: Annotated[int, typer.Option(help="Test windows; 0 for none.")] = 20,
    context: Annotated[int, typer.Option(help="Samples seen of each window.")] = 512,
    horizon: Annotated[float, typer.Option(help="Lyapunov times to forecast.")] = 10.0,
    clock: Annotated[str, typer.Option(help="fastest, period or lyapunov.")] = "fastest",
    rate: Annotated[float, typer.Option(help="Samples per clock.")] = 30.0,
    seed: SeedOption = 0,
    workers: WorkersOption = 1,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Make Parquet files from a recipe."""
    from typing import cast

    from chaosbench.datasets import Dataset, generate
    from chaosbench.datasets._recipe import Clock
    from chaosbench.tasks import registry, suites

    chosen: list[str] = []
    for name in names:
        if name in suites:
            chosen += [registry[task].system for task in suites[name].tasks]
        else:
            chosen.append(name)
    recipe = Dataset(
        systems=tuple(chosen), seed=seed, train_points=train_points,
        train_trajectories=train_trajectories, windows=windows, context=context,
        horizon_lyapunov=horizon, clock=cast("Clock", clock), rate=rate,
    )  # fmt: skip
    with _progress("generate") as report:
        stored = generate(recipe, out, workers=workers, progress=report)
    if format is Format.json:
        return _print_json({"directory": str(out), **stored.manifest})
    return _say(
        f"{len(stored.manifest['files'])} files of {len(recipe.systems)} systems in {out}, "
        f"recipe {stored.hash}"
    )


@data.command("verify")
def data_verify(directory: Annotated[Path, typer.Argument(help="A generated dataset.")]) -> None:
    """Check every file of a dataset against its manifest."""
    from chaosbench.datasets import verify

    stored = verify(directory)
    _say(f"{len(stored.manifest['files'])} files are what recipe {stored.hash} made")


# --------------------------------------------------------------------------------------- tasks


@tasks.command("list")
def tasks_list(format: FormatOption = Format.table) -> None:  # noqa: A002
    """List tasks and the suites they belong to."""
    from chaosbench.tasks import registry, suites

    member = {name: [s for s in suites if name in suites[s].tasks] for name in registry}
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
        return _print_json(rows)
    return _table(
        "",
        {"task": "left", "system": "left", "suites": "left"},
        [[str(r["id"]), str(r["system"]), ", ".join(r["suites"])] for r in rows],
    )


@tasks.command("show")
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
            return _print_json(asdict(suite))
        lines = [f"{suite.id}: {suite.description}", *(f"  {task}" for task in suite.tasks)]
        return _say("\n".join(lines))
    (task,) = select([name])
    if format is Format.json:
        pace = asdict(task.dataset.pace(task.system))
        return _print_json(asdict(task) | pace | {"description": task.describe()})
    return _say(f"{task.id}: {task.describe()}")


# --------------------------------------------------------------------------------- forecasters


def _load_plugins(paths: list[Path] | None) -> list[Path]:
    """Register the forecasters of plugin files; a broken one is a warning."""
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


@forecasters.command("list")
def forecasters_list(
    plugins: PluginOption = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """List the forecasters, built in and from plugins."""
    from chaosbench.forecasters import registry

    _load_plugins(plugins)
    rows = []
    for name, chosen in registry.available().items():
        summary = (chosen.__doc__ or "").strip().split("\n", 1)[0]
        rows.append({"name": name, "class": f"{chosen.__module__}:{chosen.__qualname__}",
                     "summary": summary})  # fmt: skip
    if format is Format.json:
        return _print_json(rows)
    return _table("", {"name": "left", "what": "left"}, [[r["name"], r["summary"]] for r in rows])


@forecasters.command("show")
def forecasters_show(
    name: Annotated[str, typer.Argument(help="Registered name.")],
    plugins: PluginOption = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Show a forecaster's description and settings."""
    import dataclasses
    import inspect

    from chaosbench.forecasters import registry

    _load_plugins(plugins)
    chosen = registry[name]
    settings = [
        {
            "setting": f.name,
            "type": str(f.type),
            "default": None if f.default is dataclasses.MISSING else f.default,
        }
        for f in dataclasses.fields(chosen)
        if f.init
    ]
    text = inspect.cleandoc(chosen.__doc__ or "")
    if format is Format.json:
        return _print_json({"name": registry.resolve(name), "description": text,
                            "settings": settings})  # fmt: skip
    console = _console()
    console.print(f"{registry.resolve(name)}: {text}", markup=False)
    return _table(
        "",
        {"setting": "left", "type": "left", "default": "left"},
        [[str(s["setting"]), str(s["type"]), str(s["default"])] for s in settings],
    )


@plugin.command("new")
def plugin_new(
    name: Annotated[str, typer.Argument(help="Name of the forecaster, such as my_method.")],
    out: Annotated[Path | None, typer.Option(help="Directory to make; by default NAME.")] = None,
) -> None:
    """Write a working example package with its test."""
    from chaosbench.scaffold import write_plugin

    folder = write_plugin(name, out)
    _say(
        f"{folder} holds a working forecaster and its test. Next:\n"
        f"  pip install -e {folder}\n"
        f"  pytest {folder}\n"
        f"  chaosbench run lite -f {name} --out runs/{name}",
        markup=False,
    )


# ----------------------------------------------------------------------------------------- run


@app.command("run")
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
    seconds: Annotated[float, typer.Option(min=0.1, help="Budget of a cell, wall time.")] = 600.0,
    memory: Annotated[float, typer.Option(min=64, help="Budget of a cell, MiB.")] = 8192.0,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Evaluate forecasters on tasks, beside the floor and the ceiling; rank them."""
    from chaosbench.evaluation import Budget, plan, run, spec_of
    from chaosbench.tasks import select

    files = _load_plugins(plugins)
    exams = [task.with_seed(exam_seed) for task in select(names)]
    specs = [spec_of(text, plugins=files) for text in chosen or []]
    cells = plan(exams, specs, seeds=tuple(seed or [0]))
    with _progress("evaluate") as report:
        records = run(
            cells, directory=out, budget=Budget(seconds, memory), workers=workers, progress=report
        )
    _show_board(records, format)
    if format is Format.table:
        _say(f"records in {out}; page: chaosbench leaderboard build {out}")
    _report_failures(records)


def _show_board(records: Any, format: Format, track: str | None = None) -> None:  # noqa: A002
    """Print one leaderboard a track."""
    from chaosbench.leaderboard import build, show
    from chaosbench.leaderboard._exam import track_of

    tracks = [track] if track else sorted({track_of(record) for record in records})
    boards = [build(records, track=name) for name in tracks]
    if format is Format.json:
        _print_json([row for made in boards for row in made.rows()])
        return
    for made in boards:
        if len(boards) > 1:
            _say(f"\n{made.track}")
        show(made)


def _report_failures(records: Any) -> None:
    failed = [record for record in records if record.status != "ok"]
    for record in failed:
        print(  # noqa: T201
            f"failed: {record.forecaster} on {record.task}: {record.status}. {record.message}",
            file=sys.stderr,
        )
    if failed:
        raise typer.Exit(1)


# --------------------------------------------------------------------------------- leaderboard


def _read(paths: list[Path]) -> Any:
    from chaosbench.evaluation import Records, read_records

    return Records(record for path in paths for record in read_records(path))


@board.command("show")
def leaderboard_show(
    runs: Annotated[list[Path], typer.Argument(help="Directories of runs, or record files.")],
    track: TrackOption = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Rank the records of one or more runs, each track by itself."""
    _show_board(_read(runs), format, track)


@board.command("build")
def leaderboard_build(
    runs: Annotated[list[Path], typer.Argument(help="Directories of runs, or record files.")],
    out: Annotated[Path | None, typer.Option(help="HTML file; by default RUN/index.html.")] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "chaosbench leaderboard",
    track: TrackOption = None,
) -> None:
    """Write one self-contained HTML page."""
    from chaosbench.leaderboard import write_page

    path = out or (runs[0] / "index.html" if runs[0].is_dir() else Path("index.html"))
    write_page(_read(runs), path, title=title, track=track)
    _say(path)


# ---------------------------------------------------------------------------------------- demo


DEMO = (
    "linear_regression", "random_forest", "esn", "nvar", "sindy", "local_linear",
)  # fmt: skip


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option(help="Directory of the run.")] = Path("runs/demo"),
    workers: WorkersOption = 2,
) -> None:
    """Score nine forecasters and the ceiling on eight systems: a leaderboard in minutes."""
    from chaosbench.evaluation import plan, run, spec_of
    from chaosbench.leaderboard import build, show, write_page
    from chaosbench.tasks import select

    cells = plan(select(["lite"]), [spec_of(name) for name in DEMO])
    with _progress("demo") as report:
        records = run(cells, directory=out, workers=workers, progress=report)
    show(build(records))
    page = out / "index.html"
    write_page(records, page, title="chaosbench: lite suite")
    console = _console()
    console.print(f"records    {out / 'records'}\nforecasts  {out / 'forecasts'}")
    console.print(f"data       {out / 'data'}\npage       {page}")


@app.command("version")
def version() -> None:
    """Print the version."""
    from chaosbench import __version__

    print(__version__)  # noqa: T201


if __name__ == "__main__":
    main()
