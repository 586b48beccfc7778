"""Trajectories in Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import whole
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "INDEX", "LABELS", "LAYOUT", "Precision", "read_trajectories", "row_group", "write_columns",
    "write_trajectories",
]  # fmt: skip

LAYOUT = 3
"""Version of the layout of files, which stands in their metadata.

1: plain pages in folders ``NAME``; 2: folders ``system=NAME``; 3: byte-stream split, row groups,
parts of long splits, folder ``data``. All of them are read.
"""

INDEX = ("trajectory", "step", "time")

LABELS = ("system", "split")
"""Columns of the files of a dataset that say where a row belongs when many files are read as one.

They have the type that pyarrow gives to the parts of a path; otherwise the two would clash.
"""

Precision = Literal["float64", "float32"]

GROUP_ROWS = 2**17
"""Most rows of a row group."""

GROUP_NUMBERS = 2**20
"""Most numbers of a row group of a wide table: 8 MiB."""

LEVEL = 1
"""Level of zstd; the next one costs a third of the throughput and saves one percent."""


def row_group(variables: int) -> int:
    """Return how many rows a row group has."""
    return max(1, min(GROUP_ROWS, GROUP_NUMBERS // (variables + 1)))


def write_trajectories(
    path: Path,
    trajectories: Trajectories,
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    precision: Precision = "float64",
    first: tuple[int, int] = (0, 0),
    times: FloatArray | None = None,
) -> None:
    """Write one row per sample: `trajectory`, `step`, `time` and the system's own variables.

    The file appears whole or not at all, and equal trajectories give equal bytes. Doubles are
    split by bytes and compressed with zstd, in row groups of bounded size with statistics.

    Args:
        path: the file.
        trajectories: what to write.
        labels: further columns in front, `system` and `split`, with one value each.
        metadata: facts that the file carries beside its columns, such as the step ``dt``.
        precision: of the variables; the time is always double.
        first: index of the first trajectory, and of the first step, where the file is a part.
        times: ``(n, T)`` of the samples, where they are not equally spaced.

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
    index = np.arange(first[1], first[1] + steps, dtype=np.int32)
    if times is None:
        since = trajectories.time if not first[1] else index * trajectories.dt
        times = starts[:, None] + since[None, :]
    columns |= {
        "trajectory": pa.array(np.repeat(np.arange(first[0], first[0] + n, dtype=np.int32), steps)),
        "step": pa.array(np.tile(index, n)),
        "time": pa.array(times.ravel()),
    }
    flat = trajectories.values.reshape(n * steps, d)
    with np.errstate(over="ignore"):
        for j, name in enumerate(trajectories.variables):
            columns[name] = pa.array(flat[:, j].astype(precision))
    table = pa.table(columns)
    told = {"layout": str(LAYOUT)} | dict(metadata or {})
    table = table.replace_schema_metadata(told)
    with whole(path) as place:
        pq.write_table(
            table, place, compression="zstd", compression_level=LEVEL,
            use_dictionary=list(labels or ()), row_group_size=row_group(d),
            column_encoding={
                "trajectory": "DELTA_BINARY_PACKED",
                "step": "DELTA_BINARY_PACKED",
                **dict.fromkeys(("time", *trajectories.variables), "BYTE_STREAM_SPLIT"),
            },
        )  # fmt: skip


def write_columns(
    path: Path, variables: Iterable[str], *, precision: Precision = "float64"
) -> None:
    """Write a file without rows that has the columns of all systems of a dataset.

    A reader of a directory takes the columns from its first file. Without this one, the columns
    that the first system lacks would be lost.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.dictionary(pa.int32(), pa.string())
    types = dict.fromkeys(LABELS, label) | dict.fromkeys(("trajectory", "step"), pa.int32())
    types |= {"time": pa.float64()} | dict.fromkeys(variables, _kind(precision))
    with whole(path) as place:
        pq.write_table(pa.schema(list(types.items())).empty_table(), place)


def _kind(precision: str) -> Any:
    import pyarrow as pa

    return {"float64": pa.float64(), "float32": pa.float32()}[precision]


def _check_names(variables: tuple[str, ...], labels: Iterable[str]) -> None:
    if taken := {*INDEX, *labels} & set(variables):
        raise InputError(
            f"a variable named {' or '.join(sorted(taken))} would be overwritten by the column of "
            "that name; rename it"
        )


def read_trajectories(
    path: Path | Sequence[Path],
    *,
    dt: float,
    variables: tuple[str, ...],
    precision: Precision = "float64",
) -> Trajectories:
    """Read what `write_trajectories` wrote, from one file or from its parts in order.

    Raises:
        CorruptDataError: a file is missing, truncated, or has other columns or rows.

    """
    paths = [path] if isinstance(path, Path) else list(path)
    parts = [_columns_of(part, variables, precision) for part in paths]
    trajectory, step, time, values = (
        np.concatenate(columns) if len(parts) > 1 else columns[0]
        for columns in zip(*parts, strict=True)
    )
    place = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    length = int(step.max()) + 1 if step.size else 0
    if length == 0 or step.size % length:
        raise CorruptDataError(f"{place} does not hold whole trajectories: {step.size} rows")
    n = step.size // length
    in_order = (step.reshape(n, length) == np.arange(length)).all()
    if not in_order or not (trajectory.reshape(n, length) == np.arange(n)[:, None]).all():
        raise CorruptDataError(f"{place} has rows missing or out of order")
    starts = time.reshape(n, length)[:, 0]
    return Trajectories(values.reshape(n, length, len(variables)), dt, variables, starts)


def _columns_of(path: Path, variables: tuple[str, ...], precision: Precision) -> tuple[Any, ...]:
    """Read and check the columns of one file: index, time ``(r,)`` and values ``(r, d)``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()  # not read_table, which takes a folder's name for data
    except (OSError, pa.ArrowException) as error:
        raise CorruptDataError(
            f"{path} cannot be read as Parquet ({type(error).__name__}); "
            "delete its directory and generate the data again"
        ) from error
    layout = (table.schema.metadata or {}).get(b"layout", b"2")
    if not layout.isdigit() or int(layout) > LAYOUT:
        raise CorruptDataError(
            f"{path} has the layout {layout.decode(errors='replace')!r}, which a newer chaosbench "
            f"wrote; this one reads layouts up to {LAYOUT}"
        )
    if tuple(table.column_names[: len(LABELS)]) == LABELS:
        table = table.drop_columns(list(LABELS))
    if tuple(table.column_names) != (*INDEX, *variables):
        raise CorruptDataError(
            f"{path} has the columns {', '.join(table.column_names)} where "
            f"{', '.join((*INDEX, *variables))} were expected; it was not made from this system"
        )
    numbers = [_kind(precision)] * len(variables)
    expected = [pa.int32(), pa.int32(), pa.float64(), *numbers]
    if table.schema.types != expected or any(table[c].null_count for c in table.column_names):
        raise CorruptDataError(f"{path} has columns of another type, or with gaps")
    values = np.empty((table.num_rows, len(variables)))
    for j, name in enumerate(variables):
        values[:, j] = table[name].to_numpy()
    return (*(table[name].to_numpy() for name in INDEX), values)
