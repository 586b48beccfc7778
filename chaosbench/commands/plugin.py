"""chaosbench plugin: your own forecasters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chaosbench.commands._output import group, say
from chaosbench.scaffold import write_plugin

__all__ = ["app"]

app = group("Your own forecasters.")


@app.command("new")
def plugin_new(
    name: Annotated[str, typer.Argument(help="Name of the forecaster, such as my_method.")],
    out: Annotated[Path | None, typer.Option(help="Directory to make; by default NAME.")] = None,
) -> None:
    """Write a working example package with its test."""
    folder = write_plugin(name, out)
    say(
        f"{folder} holds a working forecaster and its test. Next:\n"
        f"  pip install -e {folder}\n"
        f"  pytest {folder}\n"
        f"  chaosbench run lite -f {name} --out runs/{name}",
        markup=False,
    )
