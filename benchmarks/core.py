"""Measure the invariants behind the suite `core`, and compare its order with that of all systems.

    python benchmarks/core.py
    python benchmarks/core.py --order RUN [RUN ...]

The first writes chaosbench/tasks/core.json and prints the systems that the rule chooses. The list
in chaosbench/tasks/_core.py belongs to a version of the suite: if the rule chooses others, that is
a new version.

The second takes runs of `forecast-v2` over all ranked systems, orders the forecasters by their
median valid prediction time over the systems of `core` and over all systems, and prints Kendall's τ
between the two orders, with an interval from systems drawn again (those of `core` among themselves,
and the others among themselves). Forecasters that miss a system are left out.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from pathlib import Path

import numpy as np

from chaosbench.evaluation import read_records
from chaosbench.evaluation.ranked import score_of
from chaosbench.systems import registry as systems
from chaosbench.tasks import registry as tasks
from chaosbench.tasks import suites
from chaosbench.tasks._core import CORE, choose, invariants

REPLICATES, SEED = 1000, 0


def measure() -> None:
    """Measure, write and print."""
    names = sorted(tasks[task].system for task in suites["forecast-v2"].tasks)
    table = {name: invariants(systems[name]) for name in names}
    place = Path(str(resources.files("chaosbench.tasks"))) / "core.json"
    lines = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items()]
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(*choose(table), sep="\n")


def compare(folders: list[str]) -> None:
    """Print Kendall's τ between the orders on `core` and on all systems."""
    from scipy.stats import kendalltau

    scores: dict[str, dict[str, float]] = {}
    for folder in folders:
        for record in read_records(folder):
            if record.task.startswith("forecast/") and record.task.endswith("-v2"):
                found = score_of(record)
                value = 0.0 if found is None else found.value
                scores.setdefault(record.forecaster, {})[record.system] = value
    everywhere = sorted(set.union(*(set(row) for row in scores.values())))
    whole = {name: row for name, row in scores.items() if set(row) == set(everywhere)}
    table = np.array([[row[system] for system in everywhere] for row in whole.values()])
    core = np.array([system in CORE for system in everywhere])

    def tau(columns: np.ndarray, others: np.ndarray) -> float:
        among = np.median(table[:, columns], axis=1)
        all_ = np.median(table[:, np.concatenate([columns, others])], axis=1)
        return float(kendalltau(among, all_).statistic)

    inside, outside = np.flatnonzero(core), np.flatnonzero(~core)
    generator = np.random.default_rng(SEED)
    drawn = [
        tau(generator.choice(inside, len(inside)), generator.choice(outside, len(outside)))
        for _ in range(REPLICATES)
    ]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    print(
        f"{len(whole)} forecasters, {len(inside)} systems of core among {len(everywhere)}: "
        f"Kendall's tau {tau(inside, outside):.3f} [{low:.3f}, {high:.3f}]"
    )


if __name__ == "__main__":
    compare(sys.argv[2:]) if sys.argv[1:2] == ["--order"] else measure()
