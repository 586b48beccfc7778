"""How far must a horizon reach so that the perfect model does not outlive it?

Run with ``python benchmarks/horizon.py``. Thirty flows and maps that are drawn among the ranked
ones are asked for 60 Lyapunov times, at 30 samples a period or Lyapunov time, in ten windows. What
the perfect model reaches in each window, and where the truth's certificate ends, goes into
``benchmarks/records/horizon.json``. ``--show`` prints the share of windows that the perfect model
outlives at shorter horizons, over the systems that reach this horizon within 6,000 steps.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

RECORDS = Path(__file__).parent / "records" / "horizon.json"
SEED, COUNT = 1, 30


def main() -> None:
    """Measure all and write them."""
    from chaosbench.systems import registry as systems
    from chaosbench.tasks import registry as tasks
    from chaosbench.tasks import suites

    names = [tasks[task].system for task in suites["forecast-v1"].tasks]
    names = [name for name in names if systems[name].kind in ("flow", "map")]
    chosen = sorted(random.Random(SEED).sample(names, COUNT))
    made = [measured(tasks[f"forecast/{name}-v2"]) for name in chosen]
    RECORDS.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def measured(task: Any) -> dict[str, Any]:
    """Return what the perfect model reaches in each window of one system."""
    from chaosbench import metrics
    from chaosbench.datasets import generate
    from chaosbench.evaluation._crew import ceiling
    from chaosbench.evaluation.exam import load_exam

    data = replace(
        task.dataset, horizon_lyapunov=60.0, most_per_lyapunov=0.0, windows=10, train_points=2000
    )
    task = replace(task, dataset=data)
    with tempfile.TemporaryDirectory() as folder:
        exam = load_exam(generate(data, folder), task)
        values = ceiling(task, exam).values
    scale = np.nanstd(exam.train, axis=(0, 1))
    steps = metrics.valid_prediction_steps(
        exam.truth, values, scale=scale, threshold=0.4, certified_steps=exam.scorable
    )
    return {
        "system": task.system,
        "asked": exam.horizon * exam.clock,
        "vpt": (steps * exam.clock).tolist(),
        "certified": (exam.scorable * exam.clock).tolist(),
    }


def show() -> None:
    """Print shares of censored windows by horizon."""
    made = json.loads(RECORDS.read_text("utf-8"))
    for horizon in (40, 45, 50, 55):
        long = [row for row in made if row["asked"] >= horizon]
        exact = [row for row in long if min(row["certified"]) > 20.0]
        shares = [
            np.mean([
                np.mean(np.array(row["vpt"]) >= np.minimum(row["certified"], horizon) - 1e-9)
                for row in rows
            ])
            for rows in (long, exact)
        ]  # fmt: skip
        print(
            f"{horizon} Lyapunov times: {shares[0]:.1%} of the windows of {len(long)} systems, "
            f"{shares[1]:.1%} of {len(exact)} whose truth is exact"
        )


if __name__ == "__main__":
    show() if sys.argv[1:] == ["--show"] else main()
