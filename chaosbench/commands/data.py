"""chaosbench data: generate, verify, describe, draw, query and export datasets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaosbench.commands import _recordings
from chaosbench.commands._datasets import data_describe, data_export, data_plot, data_sql
from chaosbench.commands._output import (
    Format,
    FormatOption,
    SystemsOption,
    WorkersOption,
    certified_words,
    group,
    print_json,
    progress,
    say,
)
from chaosbench.errors import InputError

if TYPE_CHECKING:
    from chaosbench.datasets import Dataset, StoredDataset, Tally

__all__ = ["app"]

app = group("Datasets: generate, verify, import, query and export.")


@app.command("generate")
def data_generate(
    out: Annotated[Path, typer.Option(help="Directory: new, empty, or holding this recipe.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Systems, tasks or suites, such as lite-v1, with their own recipes."),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe in TOML in place of names.")] = None,
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
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed; the same seed gives the same bytes.")
    ] = None,
    workers: WorkersOption = 1,
    cluster: Annotated[
        str | None, typer.Option(help="Make the files on the Dask cluster of this scheduler.")
    ] = None,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Make Parquet files from a recipe.

    The recipes of a task or suite have its noise, gaps, observed variables and shifts; options
    replace single settings. Several recipes become folders DIRECTORY/dataset=NAME. The size is said
    beforehand, and what the disk has no room for is refused. After an interruption the same command
    goes on.
    """
    from chaosbench.datasets import Tally, generate_all, read_toml, size_of
    from chaosbench.tasks import recipes

    if (recipe is None) == (not names):
        raise InputError("give systems, tasks or suites, or --recipe FILE.toml, one of the two")
    given = {
        "train_points": train_points, "train_trajectories": train_trajectories, "windows": windows,
        "context": context, "horizon_lyapunov": horizon, "clock": clock, "rate": rate,
        "noise": noise, "missing": missing, "observed": tuple(observed) if observed else None,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    if recipe is not None:
        changes |= {} if seed is None else {"seed": seed}
        wanted = {recipe.stem: read_toml(recipe, **changes)}
    else:
        wanted = recipes(names or [], seed=seed or 0, **changes)
    tally = Tally()
    sizes = [size_of(one) for one in wanted.values()]
    if format is Format.table:
        rows, size = (sum(column) for column in zip(*sizes, strict=True))
        say(f"{rows:,} samples, about {size / 1e6:,.1f} MB")
    with _machines(cluster) as machines, progress("generate") as report:
        made = generate_all(
            wanted, out, progress=_with_speed(report, tally), tally=tally,
            workers=workers if machines is None else machines.slots,
            executor=None if machines is None else machines.executor,
        )  # fmt: skip
    if format is Format.json:
        shown = [{"directory": str(s.directory), **s.manifest} for s in made.values()]
        return print_json(shown[0] if len(shown) == 1 else {"datasets": shown})
    for name, stored in made.items():
        special = _special(wanted[name])
        say(
            f"{len(stored.manifest['files'])} files of {len(wanted[name].systems)} systems in "
            f"{stored.directory}, recipe {stored.hash}" + (f" ({special})" if special else "")
        )
        _say_certificates(stored)
    return None


@contextmanager
def _machines(address: str | None) -> Iterator[Any]:
    """Connect to a cluster, where one is given."""
    if address is None:
        yield None
        return
    from chaosbench.evaluation import connect

    with connect(address) as cluster:
        yield cluster


def _with_speed(
    report: Callable[[int, int, str], None], tally: Tally
) -> Callable[[int, int, str], None]:
    """Say beside the progress how many samples are made in a second."""
    began = time.monotonic()

    def told(done: int, total: int, what: str) -> None:
        spent = max(time.monotonic() - began, 1e-9)
        rate, size = tally.rows_done / spent, tally.bytes_done / 1e6
        speed = f", {rate:,.0f} samples/s, {size:,.1f} MB"
        report(done, total, what + (speed if tally.rows_done else ""))

    return told


def _special(recipe: Dataset) -> str:
    """Say in what a recipe differs from the usual one."""
    from dataclasses import fields

    from chaosbench.datasets.corruptions import Corruption

    def words(value: object) -> str:
        if isinstance(value, tuple) and value and isinstance(value[0], Corruption):
            return ", ".join(corruption.kind for corruption in value)
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
        found = [stored.entry(name, split) for split in ("test", "train_clean", "train")]
        entries = [entry for pair in found if pair is not None for entry in pair[1:]]
        certificate: dict[str, Any] = next(
            (e["certificate"] for e in entries if "certificate" in e), {}
        )
        exponent = pace["lyapunov_exponent"]
        words = certified_words(certificate.get("until"), 1 / exponent if exponent else None)
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


app.command("import")(_recordings.data_import)
app.command("describe")(data_describe)
app.command("plot")(data_plot)
app.command("sql")(data_sql)
app.command("export")(data_export)
