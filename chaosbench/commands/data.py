"""chaosbench data: generate and verify datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaosbench.commands import _recordings
from chaosbench.commands._output import (
    Format,
    FormatOption,
    SeedOption,
    SystemsOption,
    WorkersOption,
    certified_words,
    group,
    print_json,
    progress,
    say,
)

if TYPE_CHECKING:
    from chaosbench.datasets import Dataset, StoredDataset

__all__ = ["app"]

app = group("Datasets: generate and verify.")
app.command("import")(_recordings.data_import)


@app.command("generate")
def data_generate(
    names: Annotated[
        list[str],
        typer.Argument(help="Systems, tasks or suites, such as lite-v1, with their own recipes."),
    ],
    out: Annotated[Path, typer.Option(help="Directory: new, empty, or holding this recipe.")],
    train_points: Annotated[
        int | None, typer.Option(help="Samples to train on; 10000 for systems.")
    ] = None,
    train_trajectories: Annotated[
        int | None, typer.Option(help="Trajectories to train on; 1 for systems.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option(help="Test windows, 0 for none; 20 for systems.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="Samples seen of each window; 512 for systems.")
    ] = None,
    horizon: Annotated[
        float | None, typer.Option(help="Lyapunov times to forecast; 10 for systems.")
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="fastest, period or lyapunov; fastest for systems.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Samples per clock; 30 for systems.")] = None,
    noise: Annotated[
        float | None, typer.Option(help="Noise on what is seen, in σ of each variable.")
    ] = None,
    missing: Annotated[
        float | None, typer.Option(help="Share of the seen samples that are lost.")
    ] = None,
    observed: Annotated[
        list[str] | None, typer.Option(help="Only this variable; repeatable.")
    ] = None,
    seed: SeedOption = 0,
    workers: WorkersOption = 1,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Make Parquet files from a recipe.

    The recipes of a task or suite have its noise, gaps, observed variables and shifts; options
    replace single settings. Several recipes become folders DIRECTORY/dataset=NAME.
    """
    from chaosbench.datasets import generate_all
    from chaosbench.tasks import recipes

    given = {
        "train_points": train_points, "train_trajectories": train_trajectories, "windows": windows,
        "context": context, "horizon_lyapunov": horizon, "clock": clock, "rate": rate,
        "noise": noise, "missing": missing, "observed": tuple(observed) if observed else None,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    wanted = recipes(names, seed=seed, **changes)
    with progress("generate") as report:
        made = generate_all(wanted, out, workers=workers, progress=report)
    if format is Format.json:
        shown = [{"directory": str(s.directory), **s.manifest} for s in made.values()]
        return print_json(shown[0] if len(shown) == 1 else {"datasets": shown})
    for name, stored in made.items():
        recipe = wanted[name]
        special = _special(recipe)
        say(
            f"{len(stored.manifest['files'])} files of {len(recipe.systems)} systems in "
            f"{stored.directory}, recipe {stored.hash}" + (f" ({special})" if special else "")
        )
        _say_certificates(stored)
    return None


def _special(recipe: Dataset) -> str:
    """Say in what a recipe differs from the usual one."""
    from dataclasses import fields

    def words(value: object) -> str:
        if isinstance(value, tuple):
            pairs = [v if isinstance(v, str) else f"{v[0]} = {v[1]:g}" for v in value]
            return ", ".join(pairs)
        return f"{value:g}" if isinstance(value, float) else str(value)

    return "; ".join(
        f"{f.name} {words(getattr(recipe, f.name))}"
        for f in fields(recipe)
        if f.name not in ("systems", "seed") and getattr(recipe, f.name) != f.default
    )


def _say_certificates(stored: StoredDataset) -> None:
    """Print for how long the futures of the test windows (else the training data) are true."""
    for name, pace in stored.manifest["paces"].items():
        found = stored.entry(name, "test") or stored.entry(name, "train")
        assert found is not None
        _, entry = found
        until = entry.get("certificate", {}).get("until")  # a recording has none
        exponent = pace["lyapunov_exponent"]
        words = certified_words(until, 1 / exponent if exponent else None)
        say(f"  {name}: {words}")


@app.command("verify")
def data_verify(
    directory: Annotated[Path, typer.Argument(help="A generated dataset.")],
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Check every file of a dataset against its manifest."""
    from chaosbench.datasets import verify_all

    for name, stored in verify_all(directory).items():
        which = f"{name}: " if name else ""
        say(f"{which}{len(stored.manifest['files'])} files are what recipe {stored.hash} made")
        _say_certificates(stored)
