"""What does the harness cost beside the forecasters it runs? Printed for the suite ``lite``.

Run with ``python benchmarks/harness_overhead.py [FORECASTER …]``; by default the six of the demo.
The data are made first. Then every forecaster runs on every task, one cell at a time, and the wall
time of the run is set against what fit and predict took inside the forecasters' processes. The
rest is the harness: starting and confining processes, importing libraries there, sending arrays,
scoring, and writing forecasts and Records.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from chaosbench.commands.run import DEMO
from chaosbench.evaluation import plan, run, spec_of
from chaosbench.tasks import select


def main(names: tuple[str, ...]) -> None:
    exams = select(["lite"])
    specs = [spec_of(name) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "run"
        run(plan(exams, [spec_of("persistence")], baselines=False), directory=home)
        cells = plan(exams, specs, seeds=(0,), baselines=False)
        start = time.perf_counter()
        records = run(cells, directory=home)
        wall = time.perf_counter() - start
    inside: dict[str, float] = defaultdict(float)
    for record in records:
        inside[record.forecaster] += record.fit_seconds + record.predict_seconds
    total = sum(inside.values())
    for name, seconds in sorted(inside.items(), key=lambda item: -item[1]):
        print(f"{name:20s} {seconds:8.2f} s in fit and predict")
    rest = wall - total
    print(
        f"{'harness':20s} {rest:8.2f} s for {len(cells)} cells, {1000 * rest / len(cells):.0f} ms"
    )
    print(f"{'share':20s} {100 * rest / total:8.2f} % of fit and predict")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or DEMO)
