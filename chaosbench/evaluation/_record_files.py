"""Records as Parquet files, each whole or not there, and read as if a stranger had written them.

A file states how many Records it holds and the hash of their checksums, and each Record has a
checksum of its own, so that a changed bit is noticed. Files of version 1 have neither.

What is read is bounded before it takes memory: the file, its rows, the pages that its columns
unfold to, the values in each column, and then each row. Text stays in dictionaries until a row is
looked at, because a million equal texts take a file no room and memory a lot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import CorruptDataError
from chaosbench.evaluation._record import SEALED, UNSEALED, Record, escaped
from chaosbench.files import whole
from chaosbench.isolation.outcome import STATUSES
from chaosbench.pages import TooMuchError, check_pages, content_of

__all__ = ["read_file", "write_file"]

WHAT = "a file of records"
FILE_AT_MOST = 256 * 2**20
"""Bytes of a file."""

ROWS_AT_MOST = 100_000

PAGE_AT_MOST = 16 * 2**20
"""Bytes of one unfolded page; a writer begins a new one after about one."""

UNFOLDED_AT_MOST = 2**30
"""Bytes of all unfolded pages; they are in memory one after another."""

VALUES_AT_MOST = 8 * 2**20
"""Values of one column in one group of rows."""

ROWS_OF_A_GROUP = 1000
BATCH = 64

TEXT_AT_MOST = 2**20
"""Bytes of one text; the settings and the provenance of a Record take a few thousand."""

LINE_AT_MOST = 2**16
"""Bytes of one line of a list, or of the name of a score."""

ITEMS_AT_MOST = 100_000
"""Entries of one row's lists."""

DEPTH_AT_MOST = 16
"""Lists and objects inside one another in settings and provenance."""

_COSTS = ("fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib")
_SEAL = b"chaosbench.records"
"""Key in the footer: the number of Records and the hash of their checksums."""


class _ForeignError(Exception):
    """Says in a few words what is wrong with a file."""


def _schema() -> Any:
    import pyarrow as pa

    text, real = pa.string(), pa.float64()
    return pa.schema([
        ("task", text), ("system", text), ("forecaster", text), ("config", text),
        ("seed", pa.int64()), ("exam_seed", pa.int64()), ("status", text), ("message", text),
        ("privileged", pa.bool_()), ("scores", pa.map_(text, real)),
        ("window_scores", pa.map_(text, pa.list_(real))), *((name, real) for name in _COSTS),
        ("equations", pa.list_(text)), ("traceback", pa.list_(text)), ("provenance", text),
        ("question", text), ("forecast", text), ("version", pa.int64()), ("checksum", text),
    ])  # fmt: skip


_YOUNGER = (("question", "forecast", "version", "checksum"), ("traceback",), ("equations",))
"""Columns that older versions lack, the youngest first."""


def _version_of(schema: Any) -> int:
    """Return the version of the Records that have these columns; 0 for others."""
    known = _schema()
    if schema == known:
        return SEALED
    for names in _YOUNGER:
        for name in names:
            known = known.remove(known.get_field_index(name))
        if schema == known:
            return UNSEALED
    return 0


def write_file(path: Path, records: Iterable[Record]) -> None:
    """Write Records as one Parquet file, whole or not at all.

    A Record that came from a file without checksums stays one of version 1, and is sealed as it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_row(record) for record in records]
    schema = _schema().with_metadata({_SEAL: _seal(row["checksum"] for row in rows)})
    table = pa.Table.from_pylist(rows, schema=schema)
    with whole(path) as place:
        pq.write_table(table, place, compression="zstd", row_group_size=ROWS_OF_A_GROUP)


def _row(record: Record) -> dict[str, Any]:
    row = {f.name: getattr(record, f.name) for f in fields(record)}
    for name in ("config", "provenance"):
        row[name] = json.dumps(dict(row[name]), sort_keys=True)
    for name in ("scores", "window_scores"):
        row[name] = sorted(row[name].items())
    return row | {"checksum": _checksum(row)}


def _checksum(row: Mapping[str, Any]) -> str:
    """Hash a row as it lies in its file, but for the checksum itself."""

    def plain(value: Any) -> Any:
        if isinstance(value, float | np.floating):
            return float(value)
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    held = {f.name: plain(row[f.name]) for f in fields(Record)}
    for name in _COSTS:
        held[name] = float(held[name])
    held["scores"] = [[name, float(value)] for name, value in row["scores"]]
    held["window_scores"] = [
        [name, [float(value) for value in values]] for name, values in row["window_scores"]
    ]
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def _seal(checksums: Iterable[str]) -> bytes:
    held = list(checksums)
    return f"{len(held)} {hashlib.sha256(' '.join(held).encode()).hexdigest()}".encode()


def read_file(path: Path) -> Iterator[Record]:
    """Read the Records of one Parquet file, one after another.

    Raises:
        CorruptDataError: no such file, one that is no file of Records, or one that was edited.

    """
    import pyarrow as pa

    try:
        yield from _records(path)
    except (OSError, pa.ArrowException, ValueError, OverflowError, MemoryError) as error:
        # what is neither ours nor Parquet fails somewhere in the reader
        raise CorruptDataError(
            f"{escaped(str(path))} cannot be read as Parquet ({type(error).__name__}); "
            "delete it and run again, only its cell is lost"
        ) from error
    except (_ForeignError, TooMuchError) as error:
        raise CorruptDataError(f"{escaped(str(path))} {error}") from error


def _records(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = content_of(path, FILE_AT_MOST, WHAT)
    limits = {
        "thrift_string_size_limit": PAGE_AT_MOST, "thrift_container_size_limit": ROWS_AT_MOST,
        "schema_depth_limit": 16, "pre_buffer": False,
    }  # fmt: skip
    plain = pq.ParquetFile(pa.BufferReader(data), **limits)
    version = _version_of(plain.schema_arrow)
    if not version:
        raise _ForeignError("holds no chaosbench records")
    footer = plain.metadata
    if not 0 < footer.num_rows <= ROWS_AT_MOST:
        raise _ForeignError(
            f"holds {footer.num_rows:,} rows; a file of records has 1 to {ROWS_AT_MOST:,}"
        )
    check_pages(
        data, WHAT, page_at_most=PAGE_AT_MOST, unfolded_at_most=UNFOLDED_AT_MOST,
        values_at_most=VALUES_AT_MOST,
    )  # fmt: skip
    leaves = [plain.schema.column(k) for k in range(len(plain.schema.names))]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    file = pq.ParquetFile(pa.BufferReader(data), metadata=footer, read_dictionary=texts, **limits)
    checksums = []
    for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
        for row in _rows(batch):
            if version == SEALED:
                checksums.append(_checksum(row))
                if row.pop("checksum") != checksums[-1]:
                    raise _ForeignError(
                        "holds a record that does not have the checksum it states: it was edited "
                        "or damaged; delete it and run again, only its cell is lost"
                    )
            else:
                row["version"] = UNSEALED
            yield _record(row)
    if version == SEALED and (footer.metadata or {}).get(_SEAL) != _seal(checksums):
        raise _ForeignError(
            "does not hold the records that it states: some were taken out or added; delete it "
            "and run again"
        )


def _rows(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as plain values, each checked for its size before it is made."""
    import pyarrow as pa

    def check(array: Any, at_most: int) -> None:
        if array.null_count:
            raise _ForeignError("has a record with an empty field")
        if pa.types.is_dictionary(array.type):
            check(array.dictionary, at_most)
        elif pa.types.is_string(array.type) and len(array):
            offsets = np.frombuffer(array.buffers()[1], np.int32)[
                array.offset : array.offset + len(array) + 1
            ]
            if np.diff(offsets).max() > at_most:
                raise _ForeignError(f"has a record with a text of more than {at_most:,} bytes")

    lists = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        check(column, TEXT_AT_MOST)
        if not pa.types.is_nested(column.type):
            continue
        ends = np.asarray(column.offsets)
        lists.append(np.diff(ends))
        if name in ("scores", "window_scores"):
            check(column.keys, LINE_AT_MOST)
            check(column.items, 0)
            if name == "window_scores":
                inner = np.asarray(column.items.offsets)
                check(column.items.values, 0)
                lists.append(np.diff(inner[ends]))
        else:
            check(column.values, LINE_AT_MOST)
    if any(len(lengths) and lengths.max() > ITEMS_AT_MOST for lengths in lists):
        raise _ForeignError(f"has a record with a list of more than {ITEMS_AT_MOST:,} entries")
    for k in range(batch.num_rows):
        yield batch.slice(k, 1).to_pylist()[0]


def _record(row: dict[str, Any]) -> Record:
    if row["status"] not in STATUSES:
        raise _ForeignError(
            f"holds a record of unknown status {escaped(row['status'][:60])!r}; "
            f"there are {', '.join(STATUSES)}"
        )
    if row["version"] not in (UNSEALED, SEALED):
        raise _ForeignError(f"holds a record of version {row['version']}, of a newer chaosbench")
    for name in ("config", "provenance"):
        row[name] = _object(row[name], name)
    row["scores"] = dict(row["scores"])
    for name in ("equations", "traceback"):
        row[name] = tuple(row.get(name, ()))
    row["window_scores"] = {k: tuple(v) for k, v in row["window_scores"]}
    return Record(**row)


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _ForeignError(f"holds a record whose {name} is no JSON") from error
    if not isinstance(held, dict) or _depth(held) > DEPTH_AT_MOST:
        raise _ForeignError(f"holds a record whose {name} is no flat JSON object")
    return held


def _depth(value: Any) -> int:
    """Count how deep a value is nested, without nesting calls as deep."""
    level, depth = [value], 0
    while level and depth <= DEPTH_AT_MOST:
        depth += 1
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [x for items in inner for x in items if isinstance(x, dict | list)]
    return depth
