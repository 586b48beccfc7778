"""Running forecasters on tasks, in isolation, and keeping what happened."""

from __future__ import annotations

from chaosbench.evaluation._analysis import Analysis, analyse
from chaosbench.evaluation._record import Record
from chaosbench.evaluation._records import Records, read_records
from chaosbench.evaluation._rescore import Rescored, rescore
from chaosbench.evaluation._runner import evaluate, plan, retry, run
from chaosbench.evaluation._spec import ForecasterSpec, missing_library, spec_of
from chaosbench.evaluation._status import RunStatus, data_under_way, status_of
from chaosbench.isolation.cluster import connect
from chaosbench.isolation.outcome import STATUSES, Budget, Status

__all__ = [
    "STATUSES", "Analysis", "Budget", "ForecasterSpec", "Record", "Records", "Rescored",
    "RunStatus", "Status", "analyse", "connect", "data_under_way", "evaluate", "missing_library",
    "plan", "read_records", "rescore", "retry", "run", "spec_of", "status_of",
]  # fmt: skip
