"""chaosbench systems grow: new chaotic systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    SeedOption,
    WorkersOption,
    print_json,
    progress,
    say,
    table,
)
from chaosbench.errors import InputError

__all__ = ["systems_grow"]


def systems_grow(
    out: Annotated[Path, typer.Option(help="Directory for systems.json and the constants.")],
    family: Annotated[
        list[str] | None, typer.Option(help="A family; repeatable. By default all.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Systems of each family.")] = 10,
    seed: SeedOption = 0,
    workers: WorkersOption = 1,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Search for new chaotic systems and write them as data.

    Relatives are systems of the catalogue with parameters moved; all other families are newborns.
    Each accepted system passes a quick form of the gate. Use them with --systems OUT/systems.json.
    """
    from chaosbench.growth import FAMILIES, FILE, Tally, grow, write_grown

    if (out / FILE).exists():
        raise InputError(f"{out / FILE} exists already; choose another directory")
    tallies: dict[str, Tally] = {}
    with progress("grow") as report:
        made = grow(
            family or list(FAMILIES), count, seed=seed, workers=workers, progress=report,
            tallies=tallies,
        )  # fmt: skip
    place = write_grown(out, made)
    rows: list[dict[str, Any]] = [
        {
            "family": name, "drawn": one.drawn, "looked_chaotic": one.screened,
            "accepted": one.accepted, "screen_seconds": one.screen_seconds,
            "gate_seconds": one.gate_seconds, "refused": one.refused,
        }
        for name, one in tallies.items()
    ]  # fmt: skip
    if format is Format.json:
        return print_json({"file": str(place), "families": rows})
    lines = [
        [r["family"], f"{r['drawn']:,}", str(r["looked_chaotic"]), str(r["accepted"]),
         f"{r['screen_seconds'] + r['gate_seconds']:.1f}"]
        for r in rows
    ]  # fmt: skip
    right = dict.fromkeys(("drawn", "looked chaotic", "accepted", "processor seconds"), "right")
    table("", {"family": "left", **right}, lines)
    return say(f"{len(made)} systems in {place}; use them with --systems {place}")
