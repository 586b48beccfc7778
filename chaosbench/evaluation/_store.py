"""A run's directory: a Parquet file a Record and a forecast, each whole or not there."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, overload

import numpy as np

from chaosbench.datasets import MANIFEST, RECIPE, read_trajectories, write_trajectories
from chaosbench.errors import CorruptDataError
from chaosbench.evaluation._record import Record
from chaosbench.evaluation.ranked import USUAL, ranked_by, score_of
from chaosbench.files import claim, file_name, read_json, whole, write_json
from chaosbench.isolation.outcome import STATUSES
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "Answer", "Records", "RunDirectory", "RunStatus", "SupersededWarning", "data_under_way",
    "read_records", "status_of",
]  # fmt: skip

FORMAT = 1

PLAN = "plan.json"
"""The cells that a run is to have; only `status_of` reads it."""

SUPERSEDED = "superseded"
"""Folder of a run for the Records of code that is no longer there, as they were in the run's."""

_COSTS = ("fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib")


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
                f.name: getattr(record, f.name)
                for f in fields(record)
                if f.name not in ("scores", "window_scores", "config", "equations", "provenance")
                and f.name != "traceback"
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


@dataclass(frozen=True, eq=False)
class Answer:
    """All that a Record is scored from, besides the data.

    Attributes:
        values: the forecast, or the right-hand side at the exam's states, `w` windows.
        samples: ``(m, w, H, d)``, where the forecaster drew some.
        polynomial: exponents and coefficients ``(p, d)``, where an equation is one.

    """

    values: Trajectories
    samples: FloatArray | None = None
    polynomial: tuple[FloatArray, FloatArray] | None = None


class RunDirectory:
    """Where a run keeps what it made; opening one that holds another exam is refused.

    Raises:
        RecipeMismatchError: the directory holds another exam or something else altogether.

    """

    def __init__(self, path: Path | str, *, exam_seed: int) -> None:
        self.path = Path(path)
        owner = {"format": FORMAT, "exam_seed": exam_seed}
        claim(self.path, "run.json", owner, what="run", by=["exam_seed", "format"])

    def data(self, task: str) -> Path:
        """Return where the dataset of a task lies."""
        return self.path / "data" / file_name(task)

    def expect(self, cells: Mapping[str, tuple[str, str]]) -> None:
        """Note the cells that are to be run, name to forecaster and task, for `status_of`."""
        place = self.path / PLAN
        known = _planned(self.path)
        if any(name not in known for name in cells):
            write_json(place, {"cells": known | {k: list(v) for k, v in cells.items()}})

    def has(self, cell: str) -> bool:
        """Say whether a cell is finished."""
        return self.place(cell).is_file()

    def get(self, cell: str) -> Record:
        """Read a finished cell."""
        (record,) = read_file(self.place(cell))
        return record

    def others(self, cell: str, stem: str, record: Record) -> list[str]:
        """List what else is kept of a cell: of other code, or from before a setting was added.

        Args:
            cell: id of the cell.
            stem: what the ids of the same task and forecaster begin with.
            record: its Record.

        """
        files = sorted((self.path / "records").glob(f"{stem}*.parquet"))
        stems = [file.stem for file in files if file.stem != cell]
        return [other for other in stems if _key(self.get(other)) == _key(record)]

    def set_aside(self, cell: str) -> Path:
        """Move a cell out of the way, with what it answered; return the place of its Record."""
        for path in (*self._answers(cell), self.place(cell)):  # the Record last: then it is done
            self._move(path, self._aside(path))
        return self._aside(self.place(cell))

    def restore(self, cell: str) -> bool:
        """Put a cell back that was set aside; say whether there was one."""
        found = self._aside(self.place(cell)).is_file()
        for path in (*self._answers(cell), self.place(cell)) if found else ():
            self._move(self._aside(path), path)
        return found

    def _aside(self, path: Path) -> Path:
        return self.path / SUPERSEDED / path.relative_to(self.path)

    def _move(self, path: Path, place: Path) -> None:
        if path.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)

    def put(self, cell: str, record: Record, answer: Answer | None) -> None:
        """Keep a finished cell: first what it answered, then its Record, which makes it count.

        A Record that was there is replaced only then; what it answered and this one did not is
        removed after it.
        """
        kept = set()
        if answer is not None:
            values, samples, polynomial = self._answers(cell)
            made = answer.values
            write_trajectories(values, made)
            kept.add(values)
            if answer.samples is not None:
                assert made.start_times is not None
                drawn = answer.samples.reshape(-1, *answer.samples.shape[2:])
                starts = np.tile(made.start_times, len(answer.samples))
                write_trajectories(samples, Trajectories(drawn, made.dt, made.variables, starts))
                kept.add(samples)
            if answer.polynomial is not None:
                powers, coefficients = answer.polynomial
                numbers = [
                    [c if math.isfinite(c) else None for c in row] for row in coefficients.tolist()
                ]
                write_json(polynomial, {"powers": powers.tolist(), "coefficients": numbers})
                kept.add(polynomial)
        write_file(self.place(cell), [record])
        for path in self._answers(cell):
            if path not in kept:
                path.unlink(missing_ok=True)

    def answer(self, cell: str, *, dt: float, variables: tuple[str, ...], windows: int) -> Answer:
        """Read what a cell answered, `windows` of the given step and variables.

        Raises:
            CorruptDataError: it is not there, or something else is.

        """
        first, second, third = self._answers(cell)
        values = read_trajectories(first, dt=dt, variables=variables)
        if len(values) != windows:
            raise CorruptDataError(f"{first} holds {len(values)} windows where there are {windows}")
        samples = polynomial = None
        if second.is_file():
            drawn = read_trajectories(second, dt=dt, variables=variables).values
            if len(drawn) % windows or drawn.shape[1:] != values.values.shape[1:]:
                raise CorruptDataError(f"{second} does not hold samples of {first.name}")
            samples = drawn.reshape(-1, *values.values.shape)
        if third.is_file():
            held = read_json(third)
            try:
                powers = np.array(held["powers"], dtype=np.float64)
                coefficients = np.array(held["coefficients"], dtype=np.float64)
            except (KeyError, TypeError, ValueError) as error:
                raise CorruptDataError(f"{third} holds no polynomial") from error
            d = len(variables)
            polynomial = powers.reshape(-1, d), coefficients.reshape(-1, d)
        return Answer(values, samples, polynomial)

    def _answers(self, cell: str) -> tuple[Path, Path, Path]:
        """Return where the forecast of a cell lies, its samples and its polynomial."""
        return (
            self.path / "forecasts" / f"{cell}.parquet",
            self.path / "samples" / f"{cell}.parquet",
            self.path / "polynomials" / f"{cell}.json",
        )

    def place(self, cell: str) -> Path:
        """Return the file that holds a cell's Record, or will."""
        return self.path / "records" / f"{cell}.parquet"


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
    planned = _planned(directory)
    folder = directory / "records"
    files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    if files or not planned:
        counts: dict[str, Counter[str]] = {}
        for record in read_records(directory):
            counts.setdefault(record.forecaster, Counter())[record.status] += 1
    else:
        counts = {}
    aside = (directory / SUPERSEDED / "records").glob("*.parquet")
    done = {file.stem for file in (*files, *aside)}
    to_do = Counter(forecaster for cell, (forecaster, _) in planned.items() if cell not in done)
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
    tasks = {file_name(task): task for _, task in _planned(directory).values()}
    return tuple(tasks.get(name, name) for _, name in sorted(begun))


def _planned(directory: Path | str) -> dict[str, tuple[str, str]]:
    place = Path(directory) / PLAN
    if not place.is_file():
        return {}
    held = read_json(place).get("cells")
    if not isinstance(held, dict):
        raise CorruptDataError(f"{place} lists no cells; delete it, only `run status` needs it")
    return {str(name): (str(cell[0]), str(cell[1])) for name, cell in held.items()}


def _key(record: Record) -> tuple[object, ...]:
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
    folder = path / "records" if (path / "records").is_dir() else path
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise CorruptDataError(f"{path} holds no records; give a run's directory or a Parquet file")
    found = [(file, record) for file in files for record in read_file(file)]
    return Records(record for _, record in _newest(found))


def _newest(found: list[tuple[Path, Record]]) -> list[tuple[Path, Record]]:
    """Leave out the Records of older code."""
    newest: dict[tuple[object, ...], tuple[Path, Record]] = {}
    dropped = set()
    for file, record in found:
        other = newest.setdefault(_key(record), (file, record))
        if other[0] == file or _hash(other[1]) == _hash(record):
            continue
        old, new = sorted((other, (file, record)), key=lambda pair: pair[0].stat().st_mtime_ns)
        newest[_key(record)] = new
        dropped.add(old[0])
        warnings.warn(
            f"{old[0]} is left out: {new[0].name} is of newer code of {record.forecaster} on "
            f"{record.task}; run the same command again, or delete the older file",
            SupersededWarning,
            stacklevel=3,
        )
    return [(file, record) for file, record in found if file not in dropped]


def _hash(record: Record) -> str:
    """Return the hash of the code that made a Record; also one from before there was `code`."""
    code = record.provenance.get("code") or {}
    plugins = record.provenance.get("plugins") or {}
    return str(code.get("hash") or "".join(map(str, plugins.values())))


def _schema() -> Any:
    import pyarrow as pa

    text, real = pa.string(), pa.float64()
    return pa.schema([
        ("task", text), ("system", text), ("forecaster", text), ("config", text),
        ("seed", pa.int64()), ("exam_seed", pa.int64()), ("status", text), ("message", text),
        ("privileged", pa.bool_()), ("scores", pa.map_(text, real)),
        ("window_scores", pa.map_(text, pa.list_(real))), *((name, real) for name in _COSTS),
        ("equations", pa.list_(text)), ("traceback", pa.list_(text)), ("provenance", text),
    ])  # fmt: skip


def _is_schema(schema: Any) -> bool:
    """Say whether these are the columns of records, of this version or of an older one."""
    known = _schema()
    for name in (None, "traceback", "equations"):  # an older version lacks them
        known = known if name is None else known.remove(known.get_field_index(name))
        if schema == known:
            return True
    return False


def write_file(path: Path, records: Iterable[Record]) -> None:
    """Write Records as one Parquet file, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    for record in records:
        row = {f.name: getattr(record, f.name) for f in fields(record)}
        for name in ("config", "provenance"):
            row[name] = json.dumps(dict(row[name]), sort_keys=True)
        for name in ("scores", "window_scores"):
            row[name] = sorted(row[name].items())
        rows.append(row)
    table = pa.Table.from_pylist(rows, schema=_schema())
    with whole(path) as place:
        pq.write_table(table, place, compression="zstd")


def read_file(path: Path) -> Iterator[Record]:
    """Read the Records of one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptDataError(
            f"{path} cannot be read as Parquet ({type(error).__name__}); "
            "delete it and run again, only its cell is lost"
        ) from error
    if not _is_schema(table.schema):
        raise CorruptDataError(f"{path} holds no chaosbench records")
    for row in table.to_pylist():
        if row["status"] not in STATUSES:
            raise CorruptDataError(f"{path} holds a record of unknown status {row['status']!r}")
        for name in ("config", "provenance"):
            row[name] = json.loads(row[name])
        row["scores"] = dict(row["scores"])
        for name in ("equations", "traceback"):
            row[name] = tuple(row.get(name, ()))
        row["window_scores"] = {k: tuple(v) for k, v in row["window_scores"]}
        yield Record(**row)
