"""What does the harness cost compared with the forecasters that it runs, on the suite ``lite``?

Run with ``OPENBLAS_NUM_THREADS=1 python benchmarks/harness_overhead.py [FORECASTER …]``; the
default is the six forecasters of the demo. (The threads of a linear algebra library would count as
work while they wait.) The data are generated first. Then every forecaster runs on every task, one
cell at a time. Processor times are compared, so that other work on the machine does not count: the
time of fit and predict inside the forecasters' process; the time of this process, split into scores
and the rest (reading, sending, writing); and the remaining time of the forecasters' process (its
start and the import of its libraries, once per run).
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from chaosbench.commands.run import DEMO
from chaosbench.evaluation import _crew, plan, run, spec_of
from chaosbench.tasks import select


def main(names: tuple[str, ...]) -> None:
    exams = select(["lite"])
    specs = [spec_of(name) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "run"
        run(plan(exams, [spec_of("persistence")], baselines=False), directory=home)
        cells = plan(exams, specs, seeds=(0,), baselines=False)
        scoring = _watch_scores()
        before, start = _children(), time.process_time()
        records = run(cells, directory=home)
        harness, processes = time.process_time() - start, _children() - before
        records = list(records)
    assert {record.status for record in records} <= {"ok", "diverged"}
    inside: dict[str, float] = defaultdict(float)
    for record in records:
        inside[record.forecaster] += record.cpu_seconds
    total = sum(inside.values())
    for name, seconds in sorted(inside.items(), key=lambda item: -item[1]):
        print(f"{name:24s} {seconds:8.2f} s in fit and predict")
    shares = {
        "scores": sum(scoring),
        "harness without them": harness - sum(scoring),
        "starts and imports": processes - total,
    }
    for name, seconds in shares.items():
        each = 1000 * seconds / len(cells)
        print(f"{name:24s} {seconds:8.2f} s, {each:.0f} ms / cell, {100 * seconds / total:.1f}%")


def _watch_scores() -> list[float]:
    """Collect the thread time of every call of `score`."""
    taken: list[float] = []
    original = _crew.score

    def watched(*arguments: Any) -> Any:
        start = time.thread_time()
        result = original(*arguments)
        taken.append(time.thread_time() - start)
        return result

    _crew.score = watched
    return taken


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or DEMO)
