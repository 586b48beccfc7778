"""Records as a database: one SELECT over them, which can read nothing else and change nothing."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING, Any

from chaosbench.errors import InputError
from chaosbench.evaluation.ranked import ranked_by, score_of
from chaosbench.leaderboard._admission import track_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from chaosbench.evaluation import Record

__all__ = ["Answer", "query"]

_CLOSED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "1",
    "memory_limit": "2GB",
    "max_temp_directory_size": "0KB",
}
"""No file, no network, no variable of this process, no more memory than this."""


@dataclass(frozen=True)
class Answer:
    """What a query returns.

    Attributes:
        names: of its columns; a name that comes twice has a number from its second place on.
        rows: values of Python; what is not finite is None.
        more: whether there were more rows than asked for.

    """

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.names))


def query(
    records: Iterable[Record], sql: str, *, limit: int = 10_000, seconds: float = 60.0
) -> Answer:
    """Answer one SELECT over records.

    ``records`` has a row for each Record: task, track, version, system, forecaster, seed,
    exam_seed, status, message, privileged, exposure, ranked (the score that ranks), score (its
    median over the windows), score_is_lower_bound, fit_seconds, predict_seconds, cpu_seconds,
    peak_memory_mib, config (JSON). ``scores`` has a row for each scalar score of a Record: task,
    track, system, forecaster, seed, exam_seed, name, value. NaN is NULL in both.

    Args:
        records: any number of any tracks and exams; they are not checked.
        sql: one SELECT in the dialect of DuckDB.
        limit: rows to return at most.
        seconds: time to answer in.

    Raises:
        InputError: DuckDB is not installed, or the query is wrong, is no SELECT, reads anything
            but these tables, or takes too long or too much memory.

    """
    try:
        import duckdb
    except ImportError:
        raise InputError(
            "queries need DuckDB; install it with pip install 'chaosbench[sql]'"
        ) from None
    with duckdb.connect(":memory:") as database:
        for name, table in _tables(records).items():
            database.register("given", table)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            database.unregister("given")
        clock = Timer(seconds, database.interrupt)
        clock.daemon = True
        try:
            for setting, value in _CLOSED.items():
                database.execute(f"SET {setting} = '{value}'")
            database.execute("SET lock_configuration = true")
            sql.encode()
            statements = database.extract_statements(sql)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise InputError(
                    "a query is one SELECT over the tables records and scores, and changes nothing"
                )
            clock.start()
            found = database.execute(statements[0])
            names = [str(column[0]) for column in found.description or ()]
            rows = found.fetchmany(limit + 1)
        except duckdb.InterruptException:
            raise InputError(f"the query took longer than {seconds:g} s; ask for less") from None
        except (duckdb.Error, RuntimeError, UnicodeError) as error:
            said = " ".join(str(error).partition("\n")[0].split())
            raise InputError(f"the query has no answer: {said}") from None
        finally:
            clock.cancel()
    return Answer(
        tuple(_distinct(names)), tuple(tuple(map(_plain, row)) for row in rows[:limit]),
        len(rows) > limit,
    )  # fmt: skip


def _tables(records: Iterable[Record]) -> dict[str, Any]:
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in _RECORDS}
    scores: dict[str, list[Any]] = {name: [] for name in _SCORES}
    for record in records:
        found = score_of(record)
        cell = {
            "task": record.task, "track": track_of(record), "version": version_of(record),
            "system": record.system, "forecaster": record.forecaster, "seed": record.seed,
            "exam_seed": record.exam_seed, "status": record.status, "message": record.message,
            "privileged": record.privileged, "exposure": record.exposure,
            "ranked": ranked_by(record),
            "score": None if found is None else _known(found.value),
            "score_is_lower_bound": None if found is None else found.is_lower_bound,
            "fit_seconds": _known(record.fit_seconds),
            "predict_seconds": _known(record.predict_seconds),
            "cpu_seconds": _known(record.cpu_seconds),
            "peak_memory_mib": _known(record.peak_memory_mib),
            "config": json.dumps(dict(record.config), sort_keys=True, default=str),
        }  # fmt: skip
        for name, value in cell.items():
            columns[name].append(value)
        for score, value in record.scores.items():
            for name in _SCORES[:-2]:
                scores[name].append(cell[name])
            scores["name"].append(score)
            scores["value"].append(_known(value))
    kinds = {
        "seed": pa.int64(), "exam_seed": pa.int64(), "privileged": pa.bool_(),
        "score_is_lower_bound": pa.bool_(),
    } | dict.fromkeys(_NUMBERS, pa.float64())  # fmt: skip
    return {
        table: pa.table({
            name: pa.array(values, type=kinds.get(name, pa.string()))
            for name, values in held.items()
        })
        for table, held in (("records", columns), ("scores", scores))
    }  # fmt: skip


_NUMBERS = (
    "score", "fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib", "value",
)  # fmt: skip
_RECORDS = (
    "task", "track", "version", "system", "forecaster", "seed", "exam_seed", "status", "message",
    "privileged", "exposure", "ranked", "score", "score_is_lower_bound", "fit_seconds",
    "predict_seconds", "cpu_seconds", "peak_memory_mib", "config",
)  # fmt: skip
_SCORES = (
    "task", "track", "system", "forecaster", "seed", "exam_seed", "name", "value",
)  # fmt: skip


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _distinct(names: list[str]) -> list[str]:
    kept: list[str] = []
    for name in names:
        other, number = name, 2
        while other in kept:
            other, number = f"{name}_{number}", number + 1
        kept.append(other)
    return kept


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return float(value) if hasattr(value, "as_tuple") else str(value)
