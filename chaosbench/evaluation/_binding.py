"""Records beside the forecasts that their run keeps: does each belong to the other?

This needs no truth and scores nothing; `rescore` does both.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from chaosbench.errors import InputError
from chaosbench.evaluation._record import Record, escaped
from chaosbench.evaluation._records import Records, newest_in, read_records
from chaosbench.evaluation._seal import answer_hash
from chaosbench.evaluation._store import RunDirectory

__all__ = ["UnboundWarning", "read_bound_records"]


class UnboundWarning(UserWarning):
    """Records come without the forecasts that they were scored from."""


def read_bound_records(path: Path | str) -> Records:
    """Read Records, and compare each with the forecast that its run keeps.

    A warning counts those that come without a forecast, so that nothing ties their scores to one.

    Raises:
        CorruptDataError: as `read_records`.
        InputError: a forecast is not the one that its Record was made from.

    """
    path = Path(path)
    if not (path / "run.json").is_file():
        records = read_records(path)
        loose = sum(_scored(record) for record in records)
    else:
        found = newest_in(path)
        records = Records(record for _, record in found)
        loose = sum(not _is_bound(path, file.stem, record) for file, record in found)
    if loose:
        warnings.warn(
            f"{escaped(str(path))}: {loose:,} of {len(records):,} records come without the "
            "forecasts that they were scored from, so nothing here ties their scores to any",
            UnboundWarning,
            stacklevel=2,
        )
    return records


def _scored(record: Record) -> bool:
    return bool(record.scores or record.window_scores)


def _is_bound(path: Path, cell: str, record: Record) -> bool:
    home = RunDirectory(path, exam_seed=record.exam_seed)
    if not home.answered(cell) or not record.forecast:
        return not _scored(record)
    answer = home.answer(cell, dt=1.0, variables=home.variables(cell))  # no hash knows the step
    if answer_hash(answer) != record.forecast:
        raise InputError(
            f"the forecast that {escaped(str(path))} keeps of {record.forecaster!r} on "
            f"{record.task} with seed {record.seed} is not the one that its record was made from; "
            "see chaosbench run rescore, or delete the record and run it again"
        )
    return True
