"""Records as a sequence and as a table."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, overload

from chaosbench.errors import CorruptDataError
from chaosbench.evaluation._record import Record, escaped
from chaosbench.evaluation._record_files import read_file, write_file
from chaosbench.evaluation.ranked import USUAL, ranked_by, score_of
from chaosbench.text import html_table

__all__ = [
    "Records", "SupersededWarning", "key_of", "newest_in", "read_file", "read_records",
    "write_file",
]  # fmt: skip

_UNLISTED = (
    "scores", "window_scores", "config", "equations", "provenance", "traceback", "question",
    "forecast", "version",
)  # fmt: skip
"""Fields of a Record that are no column of their own in a table."""


class SupersededWarning(UserWarning):
    """A Record does not count any more, because the code that made it has changed."""


class Records(Sequence[Record]):
    """Records in the order of their cells; a sequence that can become a table.

    Those that lie in a run's directory are read when they are looked at and not kept, so that a
    run of ten thousand cells needs no more memory than one of ten.

    Args:
        items: Records, or the Parquet files that hold one each.

    """

    def __init__(self, items: Iterable[Record | Path] = ()) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Record]:
        return (_opened(item) for item in self._items)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Records: ...

    def __getitem__(self, index: int | slice) -> Record | Records:
        found = self._items[index]
        return Records(found) if isinstance(found, tuple) else _opened(found)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Records):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # like a list's: what it holds has none

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row a Record.

        Its columns are

        - what the Record says of itself: task, system, forecaster, seed, status, costs and so on;
        - `ranked`, the name of the score that ranks, and `score`, its median over the windows, of
          a valid prediction time that of Kaplan and Meier (``score_is_lower_bound``: more than
          half of the windows outlived the exam). A run without a forecast has none; the
          leaderboard fills it in;
        - one column a score. One without an ``@``, such as ``smape``, is the median over the
          windows of the mean over the forecast; one with it, such as ``smape@1``, is the median
          over the windows at so many Lyapunov times. `scores` of `Record` has the exceptions;
        - one column a setting, such as ``config.units``; NaN where a forecaster has none of that
          name. ``config_json`` has all settings of a row in one text, to group by.
        """
        import pandas as pd

        rows = []
        for record in self:
            row = {
                f.name: getattr(record, f.name) for f in fields(record) if f.name not in _UNLISTED
            }
            score = score_of(record)
            row["ranked"] = ranked_by(record)
            row["score"] = math.nan if score is None else score.value
            row["score_is_lower_bound"] = score is not None and score.is_lower_bound
            row["config_json"] = json.dumps(dict(record.config), sort_keys=True)
            settings = {f"config.{name}": value for name, value in record.config.items()}
            rows.append(row | dict(record.scores) | settings)
        frame = pd.DataFrame(rows)
        last = [name for name in frame.columns if name.startswith("config.")]
        return frame[[name for name in frame.columns if name not in last] + last]

    def to_arrow(self) -> Any:
        """Return an Arrow table with the columns of `to_frame`.

        A setting whose values are not all of one kind is text, as JSON.
        """
        import pyarrow as pa

        frame = self.to_frame()
        held = {}
        for name in frame.columns:
            values = [
                None if value is None or value != value else value for value in frame[name].tolist()
            ]
            kinds = {type(value) for value in values if value is not None}
            if name.startswith("config.") and (len(kinds) > 1 or kinds & {list, tuple, dict}):
                values = [None if value is None else json.dumps(value) for value in values]
            held[name] = pa.array(values)
        return pa.table(held)

    def _repr_html_(self) -> str:
        rows = []
        for record in self[:20]:
            score = score_of(record)
            bound = "≥" if score is not None and score.is_lower_bound else ""
            rows.append((
                record.task, record.forecaster, record.seed, record.status,
                record.message if score is None else f"{score.metric} {bound}{score.value:.3g}",
            ))  # fmt: skip
        failed = sum(record.status != "ok" for record in self)
        more = ", the first 20 of them" if len(self) > 20 else ""
        head = ("task", "forecaster", "seed", "status", "median")
        return html_table(f"{len(self):,} records{more}, {failed:,} failed", head, rows)

    def __repr__(self) -> str:
        failed = sum(record.status != "ok" for record in self)
        lines = [f"{len(self)} records, {failed} failed"]
        for record in self[:20]:
            score = score_of(record)
            if score is None:
                middle = record.message
            else:
                name = "VPT" if score.metric == USUAL else score.metric
                bound = "≥" if score.is_lower_bound else ""
                middle = f"median {name} {bound}{score.value:.2f}"
            lines.append(f"  {record.task}  {record.forecaster}  {record.status}  {middle}")
            lines += [f"    {_cut(line)}" for line in record.equations[:6]]
            lines += ["    …"] if len(record.equations) > 6 else []
        return "\n".join(lines + (["  …"] if len(self) > 20 else []))


def _cut(line: str, width: int = 120) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _opened(item: Record | Path) -> Record:
    if isinstance(item, Record):
        return item
    (record,) = read_file(item)
    return record


def key_of(record: Record) -> tuple[object, ...]:
    """Return what two Records share where only one can count."""
    return record.task, record.forecaster, record.seed, record.exam_seed


def read_records(path: Path | str) -> Records:
    """Read the Records of a run's directory or of one Parquet file.

    Of two Records in a directory that are of one cell but of other code the newer file counts, and
    a warning names the older.

    Raises:
        CorruptDataError: nothing there, or a file that holds no Records; it is named.

    """
    path = Path(path)
    if path.is_file():
        return Records(read_file(path))
    return Records(record for _, record in newest_in(path))


def newest_in(path: Path) -> list[tuple[Path, Record]]:
    """Read the Records of a directory with the files that hold them; see `read_records`."""
    folder = path / "records" if (path / "records").is_dir() else path
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise CorruptDataError(
            f"{escaped(str(path))} holds no records; give a run's directory or a Parquet file"
        )
    return _newest([(file, record) for file in files for record in read_file(file)])


def _newest(found: list[tuple[Path, Record]]) -> list[tuple[Path, Record]]:
    """Leave out the Records of older code."""
    newest: dict[tuple[object, ...], tuple[Path, Record]] = {}
    dropped = set()
    for file, record in found:
        other = newest.setdefault(key_of(record), (file, record))
        if other[0] == file or _hash(other[1]) == _hash(record):
            continue
        old, new = sorted((other, (file, record)), key=lambda pair: pair[0].stat().st_mtime_ns)
        newest[key_of(record)] = new
        dropped.add(old[0])
        warnings.warn(
            f"{escaped(str(old[0]))} is left out: {escaped(new[0].name)} is of newer code of "
            f"{record.forecaster} on "
            f"{record.task}; run the same command again, or delete the older file",
            SupersededWarning,
            stacklevel=4,
        )
    return [(file, record) for file, record in found if file not in dropped]


def _hash(record: Record) -> str:
    """Return the hash of the code that made a Record; also one from before there was `code`."""
    code = record.provenance.get("code") or {}
    plugins = record.provenance.get("plugins") or {}
    return str(code.get("hash") or "".join(map(str, plugins.values())))
