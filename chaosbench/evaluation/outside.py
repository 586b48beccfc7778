"""What seasons and entries need: questions without a truth, answers of strangers, and Records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.datasets import StoredDataset
from chaosbench.errors import CorruptDataError
from chaosbench.evaluation._cell import CEILING, Cell
from chaosbench.evaluation._crew import ceiling, record_of
from chaosbench.evaluation._records import write_file
from chaosbench.evaluation._request import request
from chaosbench.evaluation._spec import ForecasterSpec
from chaosbench.evaluation.exam import load_exam
from chaosbench.files import bounded
from chaosbench.isolation.outcome import Budget, Outcome
from chaosbench.isolation.process import WorkerProcess
from chaosbench.pages import columns as columns_in
from chaosbench.pages import pages
from chaosbench.tasks import Task
from chaosbench.text import printable
from chaosbench.trajectories import FloatArray

__all__ = ["Asking", "Columns", "answered", "ceiling_of", "judged", "keep", "stranger_table"]

Columns = Mapping[str, tuple[str, ...]]
"""Names of columns, in order, with the types that they may have."""

ROOM = 2**20
"""Bytes that a Parquet file may have besides its numbers."""


@dataclass(frozen=True)
class Asking:
    """What a forecaster is asked, without a truth.

    Attributes:
        dt: sampling step.
        horizon: steps to forecast.
        discrete: whether it is a map.

    """

    dt: float
    horizon: int
    discrete: bool


def answered(
    server: WorkerProcess,
    spec: ForecasterSpec,
    asking: Asking,
    train: FloatArray,
    context: FloatArray,
    *,
    seed: int,
) -> Outcome:
    """Have a question answered in a process of its own, as a cell of a run is."""
    job = request(spec, asking, seed=seed, learn="train")
    job |= {
        "asks": "forecast", "discrete": asking.discrete, "observe_every": 0,
        "ranked": "vpt@0.4", "dropped": 0.0,
    }  # fmt: skip
    return server.run(job, train, context)


def judged(
    task: Task, stored: StoredDataset, name: str, outcome: Outcome, *, seed: int,
    facts: Mapping[str, Any],
) -> Any:  # fmt: skip
    """Return the Record of an answer that came from outside.

    Args:
        task: that was asked.
        stored: its data, truth included.
        name: of who answered.
        outcome: the answer.
        seed: of the forecaster, as far as it is known.
        facts: that enter the Record's provenance.

    """
    spec = ForecasterSpec(name, dict(outcome.config or {}), name)
    return _made(Cell(task, spec, seed), stored, outcome, facts)


def ceiling_of(task: Task, stored: StoredDataset, facts: Mapping[str, Any]) -> Any:
    """Return the Record of the perfect model."""
    outcome = ceiling(task, load_exam(stored, task))
    return _made(Cell(task, CEILING, 0, privileged=True), stored, outcome, facts)


def _made(cell: Cell, stored: StoredDataset, outcome: Outcome, facts: Mapping[str, Any]) -> Any:
    record, _ = record_of(cell, load_exam(stored, cell.task), outcome, stored, Budget())
    return replace(record, provenance={**record.provenance, **facts})


def keep(directory: Path | str, name: str, records: Iterable[Any]) -> None:
    """Write Records into a directory that `read_records` reads."""
    write_file(Path(directory) / "records" / f"{name}.parquet", records)


def stranger_table(
    path: Path,
    columns: Columns,
    pieces: int,
    length: int,
    *,
    stated: str,
    skip: int = 2,
    first: int = 0,
) -> FloatArray:
    """Return the numbers ``(pieces, length, d)`` of a Parquet file that a stranger may have made.

    Nothing is unfolded before the headers of its pages were read, and nothing is executed.

    Args:
        path: the file.
        columns: those that it must have; its first two count pieces and steps.
        pieces, length: how many rows it must have, in this order.
        stated: SHA-256 that it must have; empty for any.
        skip: columns in front of the numbers.
        first: number of the first step.

    Raises:
        CorruptDataError: it is another file, of another form, or too large.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    shown = printable(str(path))
    numbers = 8 * pieces * length
    data = bounded(path, (1 + len(columns)) * numbers + ROOM)
    if stated and hashlib.sha256(data).hexdigest() != stated:
        raise CorruptDataError(f"{shown} does not have the SHA-256 that is stated for it")
    try:
        unfolded = 0
        for column in columns_in(data):
            for page in pages(data, column.start, column.length):
                unfolded += page.size
                if page.size > numbers + ROOM or unfolded > len(columns) * (2 * numbers + ROOM):
                    raise CorruptDataError(f"{shown} unfolds to more than its numbers take")
        file = pq.ParquetFile(
            pa.BufferReader(data), thrift_string_size_limit=ROOM,
            thrift_container_size_limit=100_000, schema_depth_limit=8, pre_buffer=False,
        )  # fmt: skip
        if file.metadata.num_rows != pieces * length:
            raise CorruptDataError(
                f"{shown} has {file.metadata.num_rows:,} rows where {pieces * length:,} are "
                f"expected: {pieces} × {length}"
            )
        types = {field.name: str(field.type) for field in file.schema_arrow}
        if list(types) != list(columns):
            raise CorruptDataError(
                f"{shown} has the columns {printable(', '.join(types), 200)} where "
                f"{', '.join(columns)} are expected"
            )
        for name, kinds in columns.items():
            if types[name] not in kinds:
                raise CorruptDataError(
                    f"the column {name} of {shown} has the type {printable(types[name], 60)} "
                    f"where {' or '.join(kinds)} is expected"
                )
        table = file.read(use_threads=False)
    except CorruptDataError:
        raise
    except (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError) as error:
        raise CorruptDataError(f"{shown} cannot be read as Parquet") from error
    if any(table[name].null_count for name in columns):
        raise CorruptDataError(f"{shown} has empty fields; write NaN where there is no number")
    names = list(columns)
    counts = [table[name].to_numpy().reshape(pieces, length) for name in names[:2]]
    steps = first + np.arange(length)
    right = (counts[0] == np.arange(pieces)[:, np.newaxis]).all() and (counts[1] == steps).all()
    if not right:
        raise CorruptDataError(
            f"{shown} has its rows out of order: {names[0]} must count from 0 and {names[1]} from "
            f"{first} within each"
        )
    values = np.stack([table[name].to_numpy() for name in names[skip:]], axis=-1)
    return values.reshape(pieces, length, len(names) - skip).astype(np.float64)
