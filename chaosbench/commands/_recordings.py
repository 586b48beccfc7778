"""chaosbench data import: recordings of one's own, and those that packages bring."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaosbench.commands._output import Format, FormatOption, print_json, say, table
from chaosbench.errors import InputError

if TYPE_CHECKING:
    from chaosbench.datasets.recordings import RecordedDataset

__all__ = ["RecordingsOption", "data_import"]


def _load(paths: list[Path] | None) -> list[Path] | None:
    if paths:
        from chaosbench.datasets.recordings import load_recordings

        for path in paths:
            load_recordings(path)
    return paths


RecordingsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--recordings",
        callback=_load,
        help="A folder of imported recordings, or one of them; repeatable.",
    ),
]
"""Loads the recordings while the command line is read; those of the user's folder are known."""


def data_import(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files (.csv, .tsv, .npy, .npz, .parquet, .mat), each a trajectory, or a series "
            "of a package, such as statsmodels:sunspots."
        ),
    ],
    name: Annotated[str, typer.Option(help="Its task is called own/NAME.")],
    dt: Annotated[float | None, typer.Option(help="Sampling step, in time units.")] = None,
    time: Annotated[
        str | None, typer.Option(help="Column of times: numbers that increase, or dates.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; by default NAME in the user's folder.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Only this variable; repeatable, in this order.")
    ] = None,
    trajectory: Annotated[
        str | None, typer.Option(help="Column whose values tell trajectories apart.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Array of a .npz or .mat file that holds several.")
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="A file to test on; the others are for training.")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option(help="Unit of a variable, COLUMN=UNIT; repeatable.")
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of the time; dates count in ms, s, min, h, d or y.")
    ] = None,
    missing_value: Annotated[
        list[float] | None,
        typer.Option(help="A number that stands for a missing value, such as -999; repeatable."),
    ] = None,
    longest_gap: Annotated[
        int, typer.Option(min=0, help="Samples of a gap that does not cut the series.")
    ] = 10,
    exponent: Annotated[
        str,
        typer.Option(
            help="Largest Lyapunov exponent per time unit; estimate it, or leave it unknown."
        ),
    ] = "estimate",
    exponent_from: Annotated[
        str | None, typer.Option(help="Variable to estimate it from; by default the first.")
    ] = None,
    test_share: Annotated[float, typer.Option(help="Share of each series to test on.")] = 0.3,
    gap: Annotated[
        int | None, typer.Option(min=1, help="Samples between training and test that nobody sees.")
    ] = None,
    windows: Annotated[int, typer.Option(min=1, help="Test windows at most.")] = 20,
    context: Annotated[
        int | None, typer.Option(min=2, help="Samples seen of each window; usually 512.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Samples to forecast; usually ten Lyapunov times.")
    ] = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Import a recorded series as the task own/NAME.

    The training part comes first, then a gap, then the test part, over which windows roll. NaN and
    empty cells are gaps.
    """
    from chaosbench.datasets.recordings import PACKAGED, facts_of, import_recording

    packaged = [text for text in files if text.partition(":")[0] in _packages(PACKAGED)]
    if packaged and len(files) > 1:
        raise InputError(f"{packaged[0]} is a whole recording; import it alone")
    made = import_recording(
        files[0] if packaged else [Path(text) for text in files],
        name=name, dt=dt, time=time, out=out, columns=column or (), trajectory=trajectory, key=key,
        test=[Path(text) for text in test or ()], units=_units(unit or ()), time_unit=time_unit,
        missing_values=missing_value or (), longest_gap=longest_gap, exponent=exponent,
        exponent_from=exponent_from, test_share=test_share, gap=gap, windows=windows,
        context=context, horizon=horizon,
    )  # fmt: skip
    facts = facts_of(made)
    if format is Format.json:
        return print_json(
            {
                "name": made.systems[0], "task": f"own/{made.systems[0]}-v1",
                "directory": made.folder, "hash": made.hash, "variables": made.columns,
                "units": made.units, "time_unit": made.time_unit, "dt": made.step,
                "train_trajectories": made.train_trajectories, "train_points": made.train_points,
                "windows": made.windows, "context": made.context, "horizon": made.steps,
                "exponent": made.recipe()["exponent"], "gap": made.recipe()["gap"], **facts,
            }
        )  # fmt: skip
    return _show(made, facts, packaged)


def _packages(names: Iterable[str]) -> set[str]:
    return {name.partition(":")[0] for name in names}


def _units(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    units = {}
    for text in given:
        column, mark, unit = text.rpartition("=")
        if not mark or not column:
            raise InputError(f"a unit is given as COLUMN=UNIT, such as x=mV, not {text!r}")
        units[column] = unit
    return units


def _show(made: RecordedDataset, facts: dict[str, object], packaged: list[str]) -> None:
    name, unit = made.systems[0], made.time_unit
    told = made.recipe()
    levels, shares = facts["noise"], facts["noise_share"]
    assert isinstance(levels, dict)
    assert isinstance(shares, dict)
    if packaged:
        from chaosbench.datasets.recordings import PACKAGED

        say(f"{packaged[0]}: {PACKAGED[packaged[0]].about}")
    samples, missing = facts["samples"], facts["missing"]
    assert isinstance(samples, list)
    assert isinstance(missing, list)
    lost = sum(n * share for n, share in zip(samples, missing, strict=True)) / sum(samples)
    resampled = "; resampled to even steps" if facts["resampled"] else ""
    rows = [
        ["series", f"{len(samples)} of {sum(samples):,} samples, {made.step:.5g} {unit} apart"
         + resampled],
        ["gaps", f"{100 * lost:.2g}% of the samples" if lost else "none"],
        ["training", f"{made.train_trajectories} × {made.train_points:,} samples, then "
         f"{told['gap']:,} that nobody sees" if told["gap"] else
         f"{made.train_trajectories} × {made.train_points:,} samples"],
        ["test", f"{made.windows} windows of {made.context:,} samples seen and {made.steps:,} "
         f"forecast ({made.steps * made.step:.4g} {unit})"
         + ("; few, so scores are uncertain" if facts["few_windows"] else "")],
    ]  # fmt: skip
    for column, measured in zip(made.columns, made.units, strict=True):
        level, share = levels[column], shares[column]
        words = "too short to say"
        if level is not None and share is not None:
            words = f"at most {level:.3g} {measured}".rstrip() + f", {100 * share:.2g}% of σ"
        rows.append([f"noise of {column}", words])
    if len(rows) > 16:
        rows = [*rows[:16], [f"and {len(made.columns) - 12} more", "--format json has them"]]
    rows.append(["exponent", _exponent_words(made, told["exponent"])])
    table("", {"recording": "left", name: "left"}, rows)
    say(f"in {made.folder}; score forecasters on it: chaosbench run own/{name} -f NAME --out RUN")


def _exponent_words(made: RecordedDataset, told: dict[str, object]) -> str:
    unit = made.time_unit
    if made.exponent is None:
        return f"unknown ({told['reason']}), so scores are in {unit}"
    error = "" if made.exponent_error is None else f" ± {made.exponent_error:.2g}"
    method = f", {told['method']}" if told["method"] else ""
    return (
        f"{made.exponent:.4g}{error} per {unit} ({made.exponent_source}{method}); "
        f"a Lyapunov time is {1 / made.exponent:.4g} {unit}"
    )
