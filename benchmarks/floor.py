"""How far do forecasters get that know nothing of the system?

Run with ``python benchmarks/floor.py [SYSTEM ...]``. Persistence, drift, climatology and parroting
forecast every ranked system on every forecast track of version 2. The windows, their noise and
their gaps are those of the tasks, over at most six Lyapunov times and without certificates: what
they differ by is rounding. The forecasters run in this process. Their median valid prediction
times go into ``benchmarks/records/floor.csv``, row by row, so that an interrupted run goes on where
it stopped.

``python benchmarks/floor.py --show`` prints what stands above the limits: 1 Lyapunov time, and 3
for parroting, which may know a pattern again.
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

RECORDS = Path(__file__).parent / "records" / "floor.csv"
COLUMNS = ("system", "kind", "track", "forecaster", "median_vpt", "horizon")
FORECASTERS = ("persistence", "drift", "climatology", "parroting")
HORIZON = 6.0


def main(chosen: list[str]) -> None:
    """Measure what is not in the records yet."""
    from chaosbench.systems import registry as systems
    from chaosbench.tasks import registry as tasks
    from chaosbench.tasks import suites
    from chaosbench.tasks._versions import RENEWED

    done = {(row["system"], row["track"]) for row in rows()}
    todo = [tasks[name] for track in RENEWED for name in suites[f"{track}-v2"].tasks]
    todo.sort(key=lambda task: systems[task.system].kind == "field")  # these take longest
    for task in todo:
        if (task.system, task.track) not in done and (not chosen or task.system in chosen):
            note(measured(task))


def measured(task: Any) -> list[dict[str, object]]:
    """Run the forecasters on one task."""
    from chaosbench import metrics
    from chaosbench.datasets._truth import integrate, make_split
    from chaosbench.forecasters import registry as forecasters
    from chaosbench.systems import registry as systems
    from chaosbench.trajectories import Trajectories, fill_gaps

    length = min(HORIZON, task.dataset.horizon_lyapunov)
    data = replace(task.dataset, horizon_lyapunov=length)
    pace, names = data.pace(task.system), data.variables(task.system)
    clean = {s: integrate(data, task.system, s, pace, certify=False) for s in ("train", "test")}
    split = {
        s: make_split(data, task.system, s, pace, clean["train" if s == "train" else "test"]).values
        for s in ("train", "test", "context")
    }
    columns = [names.index(name) for name in task.observed or names]
    train, test, context = (split[s][..., columns] for s in ("train", "test", "context"))
    truth, context = test[:, data.context :], context[:, : data.context]
    spread = data.spread(task.system)[columns]
    scale = np.nanstd(train, axis=(0, 1)) if task.learn == "train" else spread
    clock = pace.dt * (pace.lyapunov_exponent or 1.0)
    found: list[dict[str, object]] = []
    for name in FORECASTERS:
        forecaster = forecasters[name]()
        gaps = getattr(forecaster, "handles_gaps", False)
        seen, past = (v.copy() if gaps else fill_gaps(v.copy()) for v in (train, context))
        if task.learn == "train":
            made = forecaster.fit(Trajectories(seen, pace.dt), seed=0).predict(past, len(truth[0]))
            values = made.values
        else:
            values = np.concatenate([
                forecaster.fit(Trajectories(window[None], pace.dt), seed=0)
                .predict(window[None], len(truth[0])).values
                for window in past
            ])  # fmt: skip
        steps = metrics.valid_prediction_steps(truth, values, scale=scale, threshold=0.4)
        found.append({
            "system": task.system, "kind": systems[task.system].kind, "track": task.track,
            "forecaster": name, "median_vpt": f"{np.median(steps) * clock:.3f}",
            "horizon": f"{len(truth[0]) * clock:.2f}",
        })  # fmt: skip
    return found


def rows() -> list[dict[str, str]]:
    """Return the records so far."""
    if not RECORDS.is_file():
        return []
    with RECORDS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def note(found: list[dict[str, object]]) -> None:
    """Append records."""
    new = not RECORDS.is_file()
    RECORDS.parent.mkdir(exist_ok=True)
    with RECORDS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(found)


def show() -> None:
    """Print what stands above the limits."""
    kept = rows()
    print(f"{len(kept)} cells of {len({row['system'] for row in kept})} systems")
    for row in kept:
        if float(row["median_vpt"]) > (3.0 if row["forecaster"] == "parroting" else 1.0):
            print(*row.values(), sep="  ")


if __name__ == "__main__":
    os.nice(19)
    show() if sys.argv[1:] == ["--show"] else main(sys.argv[1:])
