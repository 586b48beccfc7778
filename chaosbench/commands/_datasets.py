"""Commands on finished datasets: describe, plot, sql, export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaosbench.commands._output import (
    ListFormat,
    ListFormatOption,
    SystemsOption,
    print_csv,
    print_json,
    say,
    table,
)
from chaosbench.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from chaosbench.datasets import StoredDataset

__all__ = ["data_describe", "data_export", "data_plot", "data_sql"]

DirectoryArgument = Annotated[Path, typer.Argument(help="A generated dataset.")]
SystemOption = Annotated[
    str | None, typer.Option("--system", help="Which system; the first one if not given.")
]
SplitOption = Annotated[str, typer.Option(help="Which split, such as train or test.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]

MOST_ROWS = 100
"""Rows that a query prints as a table; a pipe to a file wants CSV or JSON, which have all."""


class Description(StrEnum):
    """How a dataset is described."""

    table = "table"
    json = "json"
    card = "card"
    croissant = "croissant"
    toml = "toml"


def data_describe(
    directory: DirectoryArgument,
    format: Annotated[  # noqa: A002
        Description,
        typer.Option(
            "--format", help="A table, JSON, the dataset card, Croissant, or the recipe as TOML."
        ),
    ] = Description.table,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Say what a dataset holds.

    Ranges come from the statistics of its files, and no data are read.
    """
    from chaosbench.datasets import card, croissant, describe, open_dataset, recipe_of, to_toml

    stored = open_dataset(directory)
    if format is Description.card:
        return say(card(stored).rstrip("\n"))
    if format is Description.croissant:
        return print_json(croissant(stored))
    if format is Description.toml:
        return say(to_toml(recipe_of(stored)).rstrip("\n"))
    told = describe(stored)
    if format is Description.json:
        return print_json(told)
    say(
        f"recipe {told['hash']}: {told['rows']:,} samples in {told['files']} files, "
        f"{told['bytes'] / 1e6:,.1f} MB"
    )
    table(
        "",
        {
            "system": "left", "split": "left", "trajectories": "right", "samples": "right",
            "dt": "right", "variable": "left", "min": "right", "max": "right", "files": "right",
        },
        [
            [
                part["system"], part["split"], f"{part['trajectories']:,}", f"{part['steps']:,}",
                f"{part['dt']:.6g}", name, *(_number(bound) for bound in bounds),
                str(part["files"]),
            ]
            for part in told["parts"]
            for name, bounds in part["variables"].items()
        ],
    )  # fmt: skip
    return None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.5g}"


def data_plot(
    directory: DirectoryArgument,
    out: Annotated[Path, typer.Option(help="PNG or SVG.")],
    system: SystemOption = None,
    split: SplitOption = "train",
    trajectory: Annotated[int, typer.Option(min=0, help="Index of the trajectory.")] = 0,
    points: Annotated[int, typer.Option(min=2, max=100_000, help="Samples to draw.")] = 2000,
    force: ForceOption = False,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Draw a trajectory of a dataset over time.

    Where it is corrupted, the clean truth is drawn with it.
    """
    from chaosbench.datasets import head
    from chaosbench.plotting import plot_data, save

    _refuse(out, (".png", ".svg"), force)
    stored, name, part = _chosen(directory, system, split)
    made = head(stored, name, part, trajectory=trajectory, points=points)
    beside = f"{split}_clean"
    truth = None
    if beside in stored.splits(name):
        truth = head(stored, name, beside, trajectory=trajectory, points=points)
    save(plot_data(made, truth, title=f"{name}, {split} {trajectory}"), out)
    say(out)


def data_sql(
    query: Annotated[
        str,
        typer.Argument(help="A query; every system is a table of its name, and everything is all."),
    ],
    directory: DirectoryArgument,
    format: ListFormatOption = ListFormat.table,  # noqa: A002
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Ask a dataset in SQL, with DuckDB.

    For example: SELECT split, count(*), avg(x) FROM lorenz GROUP BY split
    """
    from chaosbench.datasets import ask, open_dataset

    columns, rows = ask(open_dataset(directory), query)
    if format is ListFormat.table:
        shown = [[_cell(value) for value in row] for row in rows[:MOST_ROWS]]
        table("", dict.fromkeys(columns, "left"), shown)
        if len(rows) > MOST_ROWS:
            say(f"{len(rows) - MOST_ROWS} more rows; --format csv prints all of them")
        return None
    records = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
    return print_json(records) if format is ListFormat.json else print_csv(records, columns)


def _cell(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; NaN and what JSON does not know become text."""
    import math
    from decimal import Decimal

    value = float(value) if isinstance(value, Decimal) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if isinstance(value, (bool, int, str)) or value is None else str(value)


def data_export(
    directory: DirectoryArgument,
    out: Annotated[Path, typer.Option(help="A file that ends in .csv, .npz or .h5.")],
    system: SystemOption = None,
    split: SplitOption = "train",
    force: ForceOption = False,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Write one split of one system as CSV, npz or HDF5.

    Every file is checked against the manifest first.
    """
    from chaosbench.datasets import export

    _refuse(out, (".csv", ".npz", ".h5"), force)
    stored, name, part = _chosen(directory, system, split)
    rows = export(stored, name, part, out)
    say(f"{rows:,} samples of {name}, {split}, in {out}")


def _refuse(out: Path, suffixes: tuple[str, ...], force: bool) -> None:
    if out.suffix not in suffixes:
        raise InputError(
            f"a file that ends in {' or '.join(suffixes)} is expected, not {out.name!r}"
        )
    if out.exists() and not force:
        raise InputError(f"{out} exists already; give --force to overwrite it")


def _chosen(directory: Path, system: str | None, split: str) -> tuple[StoredDataset, str, Any]:
    """Open a dataset and choose a system and a split of it."""
    from chaosbench.datasets import open_dataset

    stored = open_dataset(directory)
    name = (
        str(stored.manifest["recipe"]["systems"][0]) if system is None else stored.name_of(system)
    )
    known = stored.splits(name)
    if split not in known:
        raise UnknownNameError(f"split of {name}", split, known)
    return stored, name, split
