"""How far a run is, from its directory alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaosbench.datasets import MANIFEST, RECIPE
from chaosbench.evaluation._records import read_records
from chaosbench.evaluation._store import SUPERSEDED, planned
from chaosbench.files import file_name

__all__ = ["RunStatus", "data_under_way", "status_of"]


@dataclass(frozen=True)
class RunStatus:
    """How far a run is, finished or not.

    Attributes:
        counts: forecaster to status to number of records.
        to_do: forecaster to number of cells without a record.
        making: tasks whose data are not finished.
        since_last: seconds since the last record was written; None without any.

    """

    counts: Mapping[str, Mapping[str, int]]
    to_do: Mapping[str, int]
    making: tuple[str, ...]
    since_last: float | None


def status_of(directory: Path | str) -> RunStatus:
    """Say how far a run is, from its directory alone; it may be going on.

    Raises:
        CorruptDataError: it is no directory of a run, or a record in it cannot be read.

    """
    directory = Path(directory)
    cells = planned(directory)
    folder = directory / "records"
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    if files or not cells:
        counts: dict[str, Counter[str]] = {}
        for record in read_records(directory):
            counts.setdefault(record.forecaster, Counter())[record.status] += 1
    else:
        counts = {}
    aside = (directory / SUPERSEDED / "records").glob("*.parquet")
    done = {file.stem for file in (*files, *aside)}
    to_do = Counter(forecaster for cell, (forecaster, _) in cells.items() if cell not in done)
    newest = max((file.stat().st_mtime for file in files), default=None)
    return RunStatus(
        counts=counts,
        to_do=to_do,
        making=data_under_way(directory) if to_do else (),
        since_last=None if newest is None else max(0.0, time.time() - newest),
    )


def data_under_way(directory: Path | str) -> tuple[str, ...]:
    """Return the tasks of a run whose data are begun and not finished, the newest first."""
    begun = []
    for recipe in Path(directory).glob(f"data/*/{RECIPE}"):
        with suppress(OSError):  # it may be gone meanwhile
            if not (recipe.parent / MANIFEST).is_file():
                begun.append((-recipe.stat().st_mtime, recipe.parent.name))
    tasks = {file_name(task): task for _, task in planned(directory).values()}
    return tuple(tasks.get(name, name) for _, name in sorted(begun))
