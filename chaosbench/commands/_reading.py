"""Where the commands of the leaderboard get records from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.errors import InputError

__all__ = ["EntriesOption", "RunsArgument", "bundles_in", "read"]

RunsArgument = Annotated[
    list[Path], typer.Argument(help="Directories of runs, entries, or record files.")
]
EntriesOption = Annotated[
    Path | None, typer.Option(help="Also all entries in this folder, each a directory.")
]


def read(paths: list[Path], entries: Path | None) -> Any:
    """Read the records of runs and entries, each compared with the forecast that is kept of it."""
    from chaosbench.entries import is_bundle, read_entry
    from chaosbench.evaluation import Records, read_bound_records

    places = [*paths, *bundles_in(entries)] if entries else paths
    return Records(
        record
        for path in places
        for record in (read_entry if is_bundle(path) else read_bound_records)(path)
    )


def bundles_in(folder: Path) -> list[Path]:
    """Return the directories in a folder, each of which is to be a bundle."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no directory; give one whose directories are entries")
    return sorted(path for path in folder.iterdir() if path.is_dir() or path.is_symlink())
