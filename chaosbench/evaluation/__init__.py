"""Running forecasters on tasks, in isolation, and keeping what happened."""

from __future__ import annotations

from chaosbench.evaluation._analysis import Analysis, analyse
from chaosbench.evaluation._binding import UnboundWarning, read_bound_records
from chaosbench.evaluation._cell import BASELINES, Cell
from chaosbench.evaluation._record import Record, escaped
from chaosbench.evaluation._records import (
    Records,
    key_of,
    newest_in,
    read_file,
    read_records,
    write_file,
)
from chaosbench.evaluation._rescore import Rescored, rescore, rescore_record
from chaosbench.evaluation._runner import evaluate, plan, retry, run
from chaosbench.evaluation._seal import answer_hash
from chaosbench.evaluation._spec import ForecasterSpec, missing_library, spec_of
from chaosbench.evaluation._status import RunStatus, data_under_way, status_of
from chaosbench.evaluation._store import Answer, RunDirectory
from chaosbench.isolation.cluster import connect
from chaosbench.isolation.outcome import STATUSES, Budget, Status

__all__ = [
    "BASELINES", "STATUSES", "Analysis", "Answer", "Budget", "Cell", "ForecasterSpec", "Record",
    "Records", "Rescored", "RunDirectory", "RunStatus", "Status", "UnboundWarning", "analyse",
    "answer_hash", "connect", "data_under_way", "escaped", "evaluate", "key_of", "missing_library",
    "newest_in", "plan", "read_bound_records", "read_file", "read_records", "rescore",
    "rescore_record", "retry", "run", "spec_of", "status_of", "write_file",
]  # fmt: skip
