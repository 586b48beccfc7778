"""chaosbench data: generate and verify datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    SeedOption,
    WorkersOption,
    certified_words,
    group,
    print_json,
    progress,
    say,
)

if TYPE_CHECKING:
    from chaosbench.datasets import StoredDataset

__all__ = ["app"]

app = group("Datasets: generate and verify.")


@app.command("generate")
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

    from chaosbench.datasets import Clock, Dataset, generate
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
    with progress("generate") as report:
        stored = generate(recipe, out, workers=workers, progress=report)
    if format is Format.json:
        return print_json({"directory": str(out), **stored.manifest})
    say(
        f"{len(stored.manifest['files'])} files of {len(recipe.systems)} systems in {out}, "
        f"recipe {stored.hash}"
    )
    return _say_certificates(stored)


def _say_certificates(stored: StoredDataset) -> None:
    """Print for how long the futures of the test windows (else the training data) are true."""
    for name, pace in stored.manifest["paces"].items():
        found = stored.entry(name, "test") or stored.entry(name, "train")
        assert found is not None
        _, entry = found
        exponent = pace["lyapunov_exponent"]
        words = certified_words(entry["certificate"]["until"], 1 / exponent if exponent else None)
        say(f"  {name}: {words}")


@app.command("verify")
def data_verify(directory: Annotated[Path, typer.Argument(help="A generated dataset.")]) -> None:
    """Check every file of a dataset against its manifest."""
    from chaosbench.datasets import verify

    stored = verify(directory)
    say(f"{len(stored.manifest['files'])} files are what recipe {stored.hash} made")
    _say_certificates(stored)
