"""Tables of numbers in Parquet, read as if a stranger had written them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import CorruptDataError
from chaosbench.files import whole
from chaosbench.pages import TooMuchError, check_pages
from chaosbench.trajectories import FloatArray

__all__ = ["names_in", "read_numbers", "write_numbers"]

PAGE_AT_MOST = 16 * 2**20
"""Bytes of one unfolded page; a writer begins a new one after about one."""

COLUMNS_AT_MOST = 2000

_WHAT = "a table of a bundle"
_LIMITS = {"thrift_string_size_limit": 2**20, "thrift_container_size_limit": 100_000}


def write_numbers(path: Path, names: Sequence[str], rows: FloatArray, *, single: bool) -> None:
    """Write ``(n, k)`` numbers under `k` names; equal numbers give equal bytes.

    Args:
        path: the file.
        names: of the columns.
        rows: the numbers.
        single: in single precision, which must lose nothing.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = np.float32 if single else np.float64
    table = pa.table({
        name: pa.array(np.ascontiguousarray(rows[:, k]).astype(kind))
        for k, name in enumerate(names)
    })  # fmt: skip
    with whole(path) as place:
        # the bytes of one place in all numbers together: exponents repeat, mantissas do not
        pq.write_table(
            table, place, compression="zstd", compression_level=9, use_dictionary=False,
            use_byte_stream_split=True, write_statistics=False,
        )  # fmt: skip


def names_in(data: bytes, place: str) -> list[str]:
    """Return the names of the columns of a table.

    Raises:
        CorruptDataError: it is none.

    """
    return list(_opened(data, place).schema_arrow.names)


def read_numbers(
    data: bytes, place: str, names: Sequence[str], *, rows: int | None, at_most: int
) -> FloatArray:
    """Read a table of numbers with these columns.

    Args:
        data: the bytes of the file.
        place: its name, for messages.
        names: of the columns.
        rows: how many there must be; any number if None.
        at_most: how many there may be.

    Raises:
        CorruptDataError: something else is there; the message says what.

    """
    import pyarrow as pa

    try:
        file = _opened(data, place)
        schema = file.schema_arrow
        if list(schema.names) != list(names):
            raise TooMuchError(
                f"has the columns {_few(schema.names)} where {_few(names)} were expected"
            )
        if any(kind not in (pa.float32(), pa.float64()) for kind in schema.types):
            raise TooMuchError("has columns that are no numbers")
        count = file.metadata.num_rows
        if rows is not None and count != rows:
            raise TooMuchError(f"has {count:,} rows where {rows:,} were asked for")
        if count > at_most:
            raise TooMuchError(f"has {count:,} rows; it may have {at_most:,}")
        check_pages(
            data, _WHAT, page_at_most=PAGE_AT_MOST, values_at_most=2 * count + 1,
            unfolded_at_most=(17 * count + 2**16) * max(1, len(names)),
            total_at_most=count * len(names),
        )  # fmt: skip
        table = file.read(use_threads=False)
        if any(column.null_count for column in table.columns):
            raise TooMuchError("has gaps; what is not finite is written as NaN")
        columns = [column.to_numpy().astype(np.float64) for column in table.columns]
    except TooMuchError as error:
        raise CorruptDataError(f"{place} {error}") from error
    except (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError) as error:
        raise _unreadable(place, error) from error
    return np.stack(columns, axis=-1) if columns else np.empty((0, 0))


def _opened(data: bytes, place: str) -> Any:
    """Open a file; nothing but its footer is read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False, **_LIMITS)
    except (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError) as error:
        raise _unreadable(place, error) from error
    if len(file.schema_arrow.names) > COLUMNS_AT_MOST:
        raise CorruptDataError(f"{place} has more than {COLUMNS_AT_MOST:,} columns")
    return file


def _unreadable(place: str, error: Exception) -> CorruptDataError:
    return CorruptDataError(f"{place} cannot be read as Parquet ({type(error).__name__})")


def _few(names: Sequence[str], at_most: int = 8) -> str:
    words = ", ".join(repr(name[:40]) for name in names[:at_most])
    return words + (f" and {len(names) - at_most} more" if len(names) > at_most else "")
