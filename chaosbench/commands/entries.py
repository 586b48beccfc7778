"""chaosbench submit and verify: entries that anyone can check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    PluginOption,
    SystemsOption,
    load_plugins,
    print_json,
    progress,
    say,
    table,
)
from chaosbench.errors import InputError
from chaosbench.text import printable

if TYPE_CHECKING:
    from chaosbench.entries import Checked, Verification

__all__ = ["submit_command", "verify_command"]


def submit_command(
    runs: Annotated[list[Path], typer.Argument(help="Directories of runs.")],
    name: Annotated[str, typer.Option(help="Of the entry: lower case letters, digits, hyphens.")],
    authors: Annotated[list[str], typer.Option("--authors", help="An author; repeatable.")],
    url: Annotated[str, typer.Option(help="Where the method is described.")],
    license: Annotated[  # noqa: A002
        str, typer.Option(help="Of the entry's content, such as CC-BY-4.0.")
    ],
    trained_on: Annotated[
        str, typer.Option(help="What it was trained on besides the training data of the tasks.")
    ],
    forecasters: Annotated[
        list[str] | None,
        typer.Option(
            "--forecaster", "-f", help="Which of the runs; by default all but floor and ceiling."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory of the bundle; by default NAME.")
    ] = None,
    double: Annotated[
        bool, typer.Option("--double", help="Keep forecasts in double precision: thrice the size.")
    ] = False,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Write runs as an entry that anyone can verify."""
    from chaosbench.entries import Statement, submit

    said = Statement(name, tuple(authors), url, license, trained_on)
    with progress("submit") as report:
        made = submit(
            runs, out or Path(name), said, forecasters=forecasters or (), double=double,
            progress=report,
        )  # fmt: skip
    size = sum((made.path / file).stat().st_size for file in made.files)
    say(
        f"{made.path} holds {len(made.records)} records in {len(made.files) + 1} files, "
        f"{size / 2**20:.1f} MiB, SHA-256 {made.hash}\nnext: chaosbench verify {made.path}"
    )


def verify_command(
    bundles: Annotated[list[Path], typer.Argument(help="Directories of entries.")],
    rerun: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the cells to run again, drawn by chance."),
    ] = 0.0,
    rerun_seed: Annotated[
        int | None, typer.Option(min=0, help="Draw the cells to run again by this seed.")
    ] = None,
    plugins: PluginOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Compute the scores of entries again and say what differs.

    Exits with 1 if something differs and with 2 if a directory is no entry.
    """
    from chaosbench.entries import verify_entry

    files = load_plugins(plugins)
    found, refused = [], []
    for path in bundles:
        try:
            with progress("verify") as report:
                made = verify_entry(
                    path, rerun=rerun, rerun_seed=rerun_seed, plugins=files, progress=report
                )
        except InputError as error:
            refused.append(path)
            words = printable(str(error), 2000)
            print(f"error: {words}", file=sys.stderr)  # noqa: T201
            continue
        found.append(made)
        if format is Format.table:
            _say(made)
    if format is Format.json:
        print_json([_plain(made) for made in found])
    if refused:
        raise typer.Exit(2)
    if not all(made.holds for made in found):
        raise typer.Exit(1)


def _words(cell: Checked) -> list[str]:
    """Say what there is to say of a cell, besides that it holds."""
    from chaosbench.entries import Rerun

    said = [cell.trouble] if cell.trouble else list(cell.differing)
    said += [f"note: {cell.note}"] if cell.note else []
    again = cell.rerun
    if isinstance(again, Rerun):
        same = "the same forecast" if again.same else "another forecast"
        scores = ""
        if again.told is not None and again.found is not None and not again.same:
            apart = "within" if again.agrees else "beyond"
            scores = f", {again.found:.3g} for {again.told:.3g}, {apart} the tolerance"
        failed = "" if again.agrees or scores else ", which is not what the record says"
        more = f" ({again.note})" if again.note else ""
        said.append(f"run again: {same}{scores}{failed}{more}")
    elif again is not None:
        said.append(f"not run again: {again}")
    return said


def _say(made: Verification) -> None:
    wrong = [cell for cell in made.cells if not cell.holds]
    rows = [
        [cell.record.task, cell.record.forecaster, str(cell.record.seed), words]
        for cell in made.cells
        for words in _words(cell)
    ]
    if rows:
        table("", {"task": "left", "forecaster": "left", "seed": "right", "": "left"}, rows)
    exposed = {cell.record.exposure for cell in made.cells} - {""}
    pretrained = f"; pretrained, exposure {', '.join(sorted(exposed))}" if exposed else ""
    drawn = "" if made.rerun_seed is None else f" (cells run again drawn by {made.rerun_seed})"
    verdict = "VERIFIED" if made.holds else f"{len(wrong)} DO NOT HOLD"
    say(
        f"{made.bundle.path}: {len(made.cells)} records, {verdict}{drawn}{pretrained}; "
        f"SHA-256 {made.bundle.hash}"
    )


def _plain(made: Verification) -> dict[str, Any]:
    return {
        "entry": made.bundle.statement.to_dict(),
        "sha256": made.bundle.hash,
        "holds": made.holds,
        "rerun_seed": made.rerun_seed,
        "cells": [
            {
                "task": cell.record.task,
                "forecaster": cell.record.forecaster,
                "seed": cell.record.seed,
                "exam_seed": cell.record.exam_seed,
                "holds": cell.holds,
                "says": _words(cell),
            }
            for cell in made.cells
        ],
    }
