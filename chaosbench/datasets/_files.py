"""Trajectories in Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import whole
from chaosbench.trajectories import Trajectories

__all__ = ["read_trajectories", "write_trajectories"]

INDEX = ("trajectory", "step", "time")


def write_trajectories(path: Path, trajectories: Trajectories) -> None:
    """Write one row a sample: `trajectory`, `step`, `time` and the system's own variables.

    The file appears whole or not at all, and equal trajectories give equal bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n, steps, d = trajectories.values.shape
    starts = trajectories.start_times
    assert starts is not None
    if taken := set(INDEX) & set(trajectories.variables):
        raise InputError(
            f"a variable named {' or '.join(sorted(taken))} would be overwritten by the column of "
            "that name; rename it"
        )
    columns: dict[str, Any] = {
        "trajectory": pa.array(np.repeat(np.arange(n, dtype=np.int32), steps)),
        "step": pa.array(np.tile(np.arange(steps, dtype=np.int32), n)),
        "time": pa.array((starts[:, None] + trajectories.time[None, :]).ravel()),
    }
    flat = trajectories.values.reshape(n * steps, d)
    for j, name in enumerate(trajectories.variables):
        columns[name] = pa.array(flat[:, j])
    with whole(path) as place:
        pq.write_table(pa.table(columns), place, compression="zstd", use_dictionary=False)


def read_trajectories(path: Path, *, dt: float, variables: tuple[str, ...]) -> Trajectories:
    """Read what `write_trajectories` wrote.

    Raises:
        CorruptDataError: the file is missing, truncated, or has other columns or rows.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptDataError(
            f"{path} cannot be read as Parquet ({type(error).__name__}); "
            "delete its directory and generate the data again"
        ) from error
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
