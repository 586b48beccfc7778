"""Columns of numbers from the files that people keep recordings in."""

from __future__ import annotations

import csv
import math
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from chaosbench.errors import InputError, shown, suggestion
from chaosbench.trajectories import FloatArray

__all__ = ["FORMATS", "NUMBERS_AT_MOST", "Table", "of_array", "of_frame", "read_tables"]

FORMATS = (".csv", ".tsv", ".npy", ".npz", ".parquet", ".mat")

NUMBERS_AT_MOST = 2**27
"""Numbers of one file: 1 GiB."""

BYTES_AT_MOST = 2**31
"""Of one file of text."""

LINE_AT_MOST = 2**20
"""Characters of the line that names the columns."""

NAME_AT_MOST = 80
"""Characters of a column's name."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one file, or one of its trajectories.

    Attributes:
        source: the file, for messages.
        columns: name to ``(T,)``; numbers, or what the file holds where `text` may be wanted.

    """

    source: str
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def names(self, wanted: Sequence[str], besides: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the columns wanted, in that order; all but `besides` where none are named.

        Raises:
            InputError: a name that is no column, or given twice.

        """
        for name in (*wanted, *besides):
            if name not in self.columns:
                raise InputError(
                    f"{self.source} has no column {name!r}; {suggestion(name, self.columns)}"
                )
        if len(set(wanted)) < len(wanted):
            raise InputError(f"a column is named twice: {', '.join(wanted)}")
        left_out = set(besides)
        if left_out & set(wanted):
            raise InputError(
                f"the column {sorted(left_out & set(wanted))[0]!r} cannot be a variable and name "
                "the time or the trajectory; leave it out of the columns"
            )
        return tuple(wanted) or tuple(name for name in self.columns if name not in left_out)

    def numbers(self, name: str) -> FloatArray:
        """Return one column as doubles, NaN where a cell is empty.

        Raises:
            InputError: it holds text, complex numbers or other things.

        """
        column = self.columns[name]
        if column.dtype.kind in "fiu":
            return np.asarray(column, dtype=np.float64)
        if column.dtype.kind == "M":
            raise InputError(
                f"the column {name!r} of {self.source} holds dates; give it as --time {name}, or "
                "choose other columns with --column"
            )
        if column.dtype.kind == "b":
            raise InputError(
                f"the column {name!r} of {self.source} holds true and false; choose others with "
                "--column"
            )
        if column.dtype.kind == "c":
            raise InputError(
                f"{self.source} holds complex numbers where real ones are expected; import the "
                "real and the imaginary part as two columns"
            )
        for row, cell in enumerate(column):
            if not _is_number(cell):
                raise InputError(
                    f"the column {name!r} of {self.source} holds {shown(cell, 40)} in row "
                    f"{row + 1} where a number is expected; choose other columns with --column"
                )
        return np.array([math.nan if cell is None else cell for cell in column], dtype=np.float64)


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):  # where one cell of a column is text, all cells come as text
        return _readable(cell) and "_" not in cell
    return cell is None or (
        isinstance(cell, int | float | np.integer | np.floating) and not isinstance(cell, bool)
    )


def read_tables(path: Path, key: str | None = None) -> list[Table]:
    """Read a file: one table, or one for each trajectory of an array ``(n, T, d)``.

    Args:
        path: its ending says how it is read.
        key: which array of a file that holds several.

    Raises:
        InputError: no such file, another format, or not what its ending says.

    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InputError(
            f"{path} ends in {kind or 'nothing'}; a recording is read from {', '.join(FORMATS)}"
        )
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    if key is not None and kind not in (".npz", ".mat"):
        raise InputError(f"--key names an array of a .npz or .mat file, and {path} is neither")
    if kind in (".csv", ".tsv"):
        return [_text(path, "\t" if kind == ".tsv" else ",")]
    if kind == ".parquet":
        return [_parquet(path)]
    read = {".npy": _npy, ".npz": _npz, ".mat": _mat}[kind]
    return _of_array(read(path, key), str(path))


def _text(path: Path, separator: str) -> Table:
    """Read comma-separated values; a first row of numbers is no header."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    size = path.stat().st_size
    if size >= BYTES_AT_MOST:
        raise InputError(
            f"{path} has {size / 2**30:.1f} GiB, more than the {BYTES_AT_MOST >> 30} GiB of text "
            "that are read; save it as .parquet or .npy"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            skipped, first = 0, file.readline(LINE_AT_MOST)
            while first and not first.strip():
                skipped, first = skipped + 1, file.readline(LINE_AT_MOST)
        if separator == "," and "," not in first and ";" in first:
            separator = ";"
        cells = [cell.strip() for cell in next(csv.reader([first], delimiter=separator), [])]
        headed = not all(map(_readable, cells))
        names = _checked(cells, str(path)) if headed else [f"x{k}" for k in range(len(cells))]
        table = arrow.read_csv(
            path,
            # the type of a column is found from its first block
            read_options=arrow.ReadOptions(
                column_names=names, skip_rows=skipped + headed, block_size=max(size + 1, 2**16)
            ),
            parse_options=arrow.ParseOptions(delimiter=separator),
            convert_options=arrow.ConvertOptions(strings_can_be_null=True),
        )
    except (UnicodeError, csv.Error, pa.ArrowException, OverflowError) as error:
        raise InputError(
            f"{path} cannot be read as text between {_SEPARATORS[separator]}: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    if not table.num_rows:
        raise InputError(f"{path} has no rows of numbers")
    _check_size(table.num_rows * table.num_columns, path)
    return Table(str(path), {name: _column(table[name], name, path) for name in names})


_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabulators"}


def _readable(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _column(column: Any, name: str, path: Path | str) -> NDArray[Any]:
    """Return a column of Arrow: doubles, times, or objects with None where nothing is."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_nested(kind):
        raise InputError(
            f"the column {name!r} of {path} holds {kind}; one number a row is expected"
        )
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        try:
            return np.asarray(column.cast(pa.timestamp("ns")).to_numpy())
        except pa.ArrowException as error:
            raise InputError(
                f"the column {name!r} of {path} has a time that does not lie in the years 1678 to "
                "2261"
            ) from error
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())
    cells = np.empty(len(column), dtype=object)
    cells[:] = column.to_pylist()
    return cells


def _checked(names: Sequence[str], source: str) -> list[str]:
    for k, name in enumerate(names):
        if not name or re.fullmatch(r"Unnamed: \d+", name):
            raise InputError(
                f"column {k + 1} of {source} has no name; give it one in the first row, or remove "
                "it if it only counts the rows"
            )
        if len(name) > NAME_AT_MOST or not name.isprintable():
            raise InputError(
                f"column {k + 1} of {source} has the name {shown(name, 40)}; a name has at most "
                f"{NAME_AT_MOST} printable characters"
            )
        if name in names[:k]:
            raise InputError(f"{source} has two columns named {name!r}; rename one")
    return list(names)


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_size(file.metadata.num_rows * file.metadata.num_columns, path)
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as Parquet ({type(error).__name__})") from error
    if not table.num_rows or not table.num_columns:
        raise InputError(f"{path} has no rows")
    names = _checked(table.column_names, str(path))
    return Table(str(path), {name: _column(table[name], name, path) for name in names})


def _npy(path: Path, _: str | None) -> NDArray[Any]:
    with path.open("rb") as file:
        if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
            raise InputError(f"{path} is no .npy file; pickles are never opened")
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise InputError(_why_not(path, error)) from error
    if not isinstance(mapped, np.ndarray):
        raise InputError(f"{path} is not one array of NumPy")
    _check_size(mapped.size, path)
    return np.array(mapped)


def _npz(path: Path, key: str | None) -> NDArray[Any]:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no .npz file; pickles are never opened")
    try:
        with closing(np.load(path, allow_pickle=False)) as arrays:
            name = _one_of(list(arrays.files), key, path)
            with zipfile.ZipFile(path) as held, held.open(f"{name}.npy") as member:
                _check_size(_claimed(member), path)  # before memory is taken for it
            return np.asarray(arrays[name])
    except (ValueError, OSError, EOFError, SyntaxError, KeyError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(_why_not(path, error)) from error


def _claimed(file: IO[bytes]) -> int:
    """Return how many numbers the header of an array says that follow."""
    read = {
        (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(file))  # fmt: skip
    if read is None:  # version 3, whose fields have names beyond Latin
        raise ValueError("fields")
    shape, _, _ = read(file)
    return math.prod(shape)


def _why_not(path: Path, error: Exception) -> str:
    if any(word in str(error) for word in ("allow_pickle", "Object arrays", "Python objects")):
        return f"{path} holds Python objects, which are never unpickled; save an array of numbers"
    return f"{path} cannot be read as an array of NumPy ({type(error).__name__})"


def _mat(path: Path, key: str | None) -> NDArray[Any]:
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    try:
        held = {name: shape for name, shape, _ in whosmat(path)}
        name = _one_of(list(held), key, path)
        _check_size(math.prod(held[name]), path)
        found = np.asarray(loadmat(path, variable_names=[name])[name])
    except NotImplementedError as error:
        raise InputError(
            f"{path} is a MATLAB file of version 7.3, which is not read; save it with -v7"
        ) from error
    except (MatReadError, ValueError, TypeError, OSError, KeyError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as a MATLAB file of version 7") from error
    return found.ravel() if found.ndim == 2 and 1 in found.shape else found


def _one_of(names: list[str], key: str | None, path: Path) -> str:
    if not names:
        raise InputError(f"{path} holds no array")
    if key is not None:
        if key not in names:
            raise InputError(f"{path} has no array {key!r}; {suggestion(key, names)}")
        return key
    if len(names) > 1:
        raise InputError(
            f"{path} holds several arrays, {', '.join(sorted(names)[:8])}; name one with --key"
        )
    return names[0]


def _of_array(array: NDArray[Any], source: str) -> list[Table]:
    """Return an array ``(T,)``, ``(T, d)`` or ``(n, T, d)`` as tables with columns x0, x1, …"""
    if array.dtype.kind == "O":
        raise InputError(f"{source} holds objects where an array of numbers is expected")
    if array.dtype.kind == "c":
        raise InputError(
            f"{source} holds complex numbers where real ones are expected; import the real and "
            "the imaginary part as two columns"
        )
    if array.dtype.kind not in "fiu":
        raise InputError(f"{source} holds values of type {array.dtype} where numbers are expected")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(
            f"{source} has the shape {array.shape}; an array of (T,), (T, d) or (n, T, d) without "
            "empty axes is expected"
        )
    steps, d = array.shape[-2:]
    if d > steps:
        raise InputError(
            f"{source} has the shape {array.shape}, {d} variables of {steps} samples; time is the "
            f"{'first' if array.ndim == 2 else 'second'} axis, so transpose it"
        )
    parts = array if array.ndim == 3 else array[np.newaxis]
    return [Table(source, {f"x{k}": part[:, k] for k in range(d)}) for part in parts]


def of_array(array: NDArray[Any], names: Sequence[str], source: str) -> list[Table]:
    """Return an array of the caller's as tables, with names where there are some."""
    tables = _of_array(array, source)
    if not names:
        return tables
    return [
        Table(source, dict(zip(names, table.columns.values(), strict=True))) for table in tables
    ]


def of_frame(frame: Any) -> list[Table]:
    """Return a DataFrame of the caller's as a table.

    Raises:
        InputError: a column has no name or another type than numbers, times and text.

    """
    import pyarrow as pa

    source = "the DataFrame"
    names = _checked([str(name) for name in frame.columns], source)
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"{source} holds columns that are no numbers: {error}") from error
    if not table.num_rows or not names:
        raise InputError(f"{source} is empty")
    columns = zip(names, table.columns, strict=True)
    return [Table(source, {name: _column(column, name, source) for name, column in columns})]


def _check_size(numbers: int, path: Path) -> None:
    if numbers > NUMBERS_AT_MOST:
        raise InputError(
            f"{path} holds {numbers:,} numbers, more than the {NUMBERS_AT_MOST:,} that a recording "
            "may have; import a part of it, or every tenth sample"
        )
