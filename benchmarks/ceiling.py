"""How long does the perfect model last, and what do its exams cost?

Run with ``python benchmarks/ceiling.py [TASK or SUITE ...]``; without names: `lite`, and 30 flows
and maps that are drawn among the ranked ones. A line of ``benchmarks/records/ceiling.csv`` holds
the processor time to make a task's data from nothing, the time of the ceiling, its valid prediction
times, and the shares of its windows that are censored: at the horizon, and at an earlier end of the
truth's certificate. ``--show`` sums up.
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RECORDS = Path(__file__).parent / "records" / "ceiling.csv"
COLUMNS = (
    "task", "kind", "steps", "lyapunov_times", "data_seconds", "ceiling_seconds", "median_vpt",
    "least", "most", "at_horizon", "at_certificate", "windows",
)  # fmt: skip
SEED, COUNT = 1, 30


def main(names: list[str]) -> None:
    """Measure what is not in the records yet."""
    from chaosbench.tasks import registry as tasks
    from chaosbench.tasks import select

    done = {row["task"] for row in rows()}
    for task in select(names) if names else [*select("lite"), *sample()]:
        if task.id not in done:
            note(measured(tasks[task.id]))


def sample() -> list[Any]:
    """Draw flows and maps among the ranked systems."""
    from chaosbench.systems import registry as systems
    from chaosbench.tasks import select

    found = [t for t in select("forecast-v2") if systems[t.system].kind in ("flow", "map")]
    return sorted(random.Random(SEED).sample(found, COUNT), key=lambda task: task.id)


def measured(task: Any) -> dict[str, object]:
    """Make the data of one task and let the perfect model forecast."""
    from chaosbench import metrics
    from chaosbench.datasets import generate
    from chaosbench.evaluation._crew import ceiling
    from chaosbench.evaluation.exam import load_exam
    from chaosbench.systems import registry as systems

    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        exam = load_exam(generate(task.dataset, folder), task)
        made = time.process_time()
        values = ceiling(task, exam).values
        end = time.process_time()
    seen = list(exam.observed)
    scale = np.nanstd(exam.train, axis=(0, 1)) if task.learn == "train" else exam.spread[seen]
    steps = metrics.valid_prediction_steps(
        exam.truth, values, scale=scale, threshold=0.4, certified_steps=exam.scorable
    )
    censored = steps == exam.scorable
    times = steps * exam.clock
    return {
        "task": task.id, "kind": systems[task.system].kind, "steps": exam.horizon,
        "lyapunov_times": f"{exam.horizon * exam.clock:.1f}",
        "data_seconds": f"{made - start:.2f}", "ceiling_seconds": f"{end - made:.2f}",
        "median_vpt": f"{np.median(times):.2f}", "least": f"{times.min():.2f}",
        "most": f"{times.max():.2f}",
        "at_horizon": f"{np.mean(censored & (exam.scorable == exam.horizon)):.2f}",
        "at_certificate": f"{np.mean(censored & (exam.scorable < exam.horizon)):.2f}",
        "windows": len(times),
    }  # fmt: skip


def rows() -> list[dict[str, str]]:
    """Return the records so far."""
    if not RECORDS.is_file():
        return []
    with RECORDS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def note(found: dict[str, object]) -> None:
    """Append a record."""
    new = not RECORDS.is_file()
    with RECORDS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(found)


def show() -> None:
    """Sum up, flows and maps apart from the rest."""
    for kinds in (("flow", "map"), ("delay", "field")):
        kept = [row for row in rows() if row["kind"] in kinds]
        if not kept:
            continue
        total = {
            name: np.array([float(row[name]) for row in kept])
            for name in ("data_seconds", "ceiling_seconds", "at_horizon", "at_certificate")
        }
        print(
            f"{' and '.join(kinds)}: {len(kept)} tasks; windows of the ceiling censored at the "
            f"horizon {total['at_horizon'].mean():.1%}, at the certificate "
            f"{total['at_certificate'].mean():.1%}; processor seconds for data "
            f"{total['data_seconds'].sum():.0f}, for the ceiling "
            f"{total['ceiling_seconds'].sum():.0f}"
        )
        for row in kept:
            if float(row["at_horizon"]) + float(row["at_certificate"]) > 0.05:
                print(" ", *row.values())


if __name__ == "__main__":
    if sys.argv[1:] == ["--show"]:
        show()
    else:
        main(sys.argv[1:])
