"""chaosbench analyse: what a predictor has learnt of the attractor, or what a series tells."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    PluginOption,
    SystemsOption,
    load_plugins,
    print_json,
    say,
    table,
)
from chaosbench.errors import InputError
from chaosbench.files import write_text

__all__ = ["analyse_command"]


class Picture(StrEnum):
    """What pictures are written as."""

    png = "png"
    svg = "svg"


def analyse_command(
    forecaster: Annotated[
        str,
        typer.Argument(
            metavar="FORECASTER|FILE",
            help="name or name:setting=value,…; or a series as CSV, TSV, npy or Parquet.",
        ),
    ],
    task: Annotated[
        str | None, typer.Argument(help="Task, such as forecast/lorenz-v1; none for a series.")
    ] = None,
    plugins: PluginOption = None,
    points: Annotated[int, typer.Option(help="Steps of the free run.")] = 10_000,
    distance: Annotated[
        float, typer.Option(help="Distance of twins in σ; single precision needs 1e-4.")
    ] = 1e-6,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the fit.")] = 0,
    exam_seed: Annotated[
        int, typer.Option(min=0, help="Seed of the data; another one is a fresh exam.")
    ] = 0,
    seconds: Annotated[float, typer.Option(min=0.1, help="Budget, wall time.")] = 600.0,
    memory: Annotated[float, typer.Option(min=64, help="Budget, MiB.")] = 8192.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write the numbers to.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory for pictures: attractor, return map, spectrum, twins."),
    ] = None,
    picture: Annotated[Picture, typer.Option(help="Format of the pictures.")] = Picture.png,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files.")] = False,
    dt: Annotated[
        float | None, typer.Option(help="Of a series: the sampling step in time units.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Of a file: name or number (from 0) of the column.")
    ] = None,
    trajectory: Annotated[
        int, typer.Option(min=0, help="Of a file with several trajectories: which one.")
    ] = 0,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Compare an attractor with the truth, or analyse a series.

    The forecaster runs freely, and as twins that start a small distance apart; they give its
    largest Lyapunov exponent. Of a file without a task, one column is analysed: its embedding, its
    largest Lyapunov exponent or why it cannot be told, surrogates, recurrence, the 0–1 test.
    """
    import json

    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a directory for the pictures")
    if json_file is not None and json_file.exists() and not force:
        raise InputError(f"{json_file} exists already; give --force to overwrite it")
    if out is not None and not force and any(out.glob(f"*.{picture}")):
        raise InputError(f"{out} holds pictures already; give --force to overwrite them")
    if task is None:
        from chaosbench.commands._series import analyse_file

        return analyse_file(
            forecaster, dt=dt, column=column, trajectory=trajectory, seed=seed,
            json_file=json_file, out=out, picture=str(picture), format=format,
        )  # fmt: skip
    if dt is not None or column is not None or trajectory:
        raise InputError("--dt, --column and --trajectory are for a file with a series, not a task")
    from chaosbench.evaluation import Budget, analyse
    from chaosbench.tasks import registry

    found = analyse(
        forecaster, registry[task], seed=seed, exam_seed=exam_seed, points=points,
        distance=distance, budget=Budget(seconds, memory), plugins=load_plugins(plugins),
    )  # fmt: skip
    if json_file is not None:
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_text(json_file, text + "\n")
    written = []
    if out is not None:
        from chaosbench.plotting import plot_analysis, save

        figures = plot_analysis(found)
        if found.audit is not None:
            from chaosbench.plotting import plot_pseudospectrum

            figures["pseudospectrum"] = plot_pseudospectrum(found.audit)
        for name, figure in figures.items():
            written.append(out / f"{name}.{picture}")
            save(figure, written[-1])
    if format is Format.json:
        return print_json(found.to_dict())
    table(
        f"{found.forecaster} on {found.task}: {found.status}",
        {"measure": "left", found.forecaster: "right", "truth": "right", "": "left"},
        found.rows(),
    )
    audited = "" if found.audit is None else str(found.audit)
    for line in (found.note, audited, *map(str, written)):
        if line:
            say(line)
    return None
