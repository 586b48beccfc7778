"""Trajectories in Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import whole
from chaosbench.trajectories import Trajectories

__all__ = ["LABELS", "read_trajectories", "write_columns", "write_trajectories"]

INDEX = ("trajectory", "step", "time")

LABELS = ("system", "split")
"""Columns of the files of a dataset that say where a row belongs when many files are read as one.

They have the type that pyarrow gives to the parts of a path; otherwise the two would clash.
"""


def write_trajectories(
    path: Path,
    trajectories: Trajectories,
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write one row per sample: `trajectory`, `step`, `time` and the system's own variables.

    The file appears whole or not at all, and equal trajectories give equal bytes.

    Args:
        path: the file.
        trajectories: what to write.
        labels: further columns in front, `system` and `split`, with one value each.
        metadata: facts that the file carries beside its columns, such as the step ``dt``.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n, steps, d = trajectories.values.shape
    starts = trajectories.start_times
    assert starts is not None
    _check_names(trajectories.variables, labels or {})
    columns: dict[str, Any] = {
        name: pa.DictionaryArray.from_arrays(np.zeros(n * steps, dtype=np.int32), [value])
        for name, value in (labels or {}).items()
    }
    columns |= {
        "trajectory": pa.array(np.repeat(np.arange(n, dtype=np.int32), steps)),
        "step": pa.array(np.tile(np.arange(steps, dtype=np.int32), n)),
        "time": pa.array((starts[:, None] + trajectories.time[None, :]).ravel()),
    }
    flat = trajectories.values.reshape(n * steps, d)
    for j, name in enumerate(trajectories.variables):
        columns[name] = pa.array(flat[:, j])
    table = pa.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata(dict(metadata))
    with whole(path) as place:
        pq.write_table(table, place, compression="zstd", use_dictionary=list(labels or ()))


def write_columns(path: Path, variables: Iterable[str]) -> None:
    """Write a file without rows that has the columns of all systems of a dataset.

    A reader of a directory takes the columns from its first file. Without this one, the columns
    that the first system lacks would be lost.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.dictionary(pa.int32(), pa.string())
    types = dict.fromkeys(LABELS, label) | dict.fromkeys(("trajectory", "step"), pa.int32())
    types |= dict.fromkeys(("time", *variables), pa.float64())
    with whole(path) as place:
        pq.write_table(pa.schema(list(types.items())).empty_table(), place)


def _check_names(variables: tuple[str, ...], labels: Iterable[str]) -> None:
    if taken := {*INDEX, *labels} & set(variables):
        raise InputError(
            f"a variable named {' or '.join(sorted(taken))} would be overwritten by the column of "
            "that name; rename it"
        )


def read_trajectories(path: Path, *, dt: float, variables: tuple[str, ...]) -> Trajectories:
    """Read what `write_trajectories` wrote.

    Raises:
        CorruptDataError: the file is missing, truncated, or has other columns or rows.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()  # not read_table, which takes a folder's name for data
    except (OSError, pa.ArrowException) as error:
        raise CorruptDataError(
            f"{path} cannot be read as Parquet ({type(error).__name__}); "
            "delete its directory and generate the data again"
        ) from error
    if tuple(table.column_names[: len(LABELS)]) == LABELS:
        table = table.drop_columns(list(LABELS))
    if tuple(table.column_names) != (*INDEX, *variables):
        raise CorruptDataError(
            f"{path} has the columns {', '.join(table.column_names)} where "
            f"{', '.join((*INDEX, *variables))} were expected; it was not made from this system"
        )
    expected = [pa.int32(), pa.int32(), *[pa.float64()] * (1 + len(variables))]
    if table.schema.types != expected or any(table[c].null_count for c in table.column_names):
        raise CorruptDataError(f"{path} has columns of another type, or with gaps")
    step = table["step"].to_numpy()
    length = int(step.max()) + 1 if step.size else 0
    if length == 0 or step.size % length:
        raise CorruptDataError(f"{path} does not hold whole trajectories: {step.size} rows")
    n = step.size // length
    if not (step.reshape(n, length) == np.arange(length)).all():
        raise CorruptDataError(f"{path} has rows missing or out of order")
    values = np.stack([table[name].to_numpy() for name in variables], axis=-1)
    starts = table["time"].to_numpy().reshape(n, length)[:, 0]
    return Trajectories(values.reshape(n, length, len(variables)), dt, variables, starts)
