"""How do time and memory of a run grow with the number of cells, from 250 to 4,000 trivial cells?

Run with ``python benchmarks/many_cells.py``. Every cell is persistence on a small Hénon task with
another seed, so the cost is that of the harness, its process, its scoring and its files.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from chaosbench.evaluation import plan, run, spec_of
from chaosbench.tasks import registry


def main(counts: tuple[int, ...] = (250, 500, 1000, 2000, 4000)) -> None:
    task = registry["forecast/henon-v1"]
    task = replace(task, dataset=replace(task.dataset, train_points=200, windows=2, context=20))
    spec = spec_of("persistence")
    run(plan([task], [spec], baselines=False))  # import, compile, make the data
    print(f"{'cells':>8} {'ms / cell':>10} {'peak MiB':>9}")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            cells = plan([task], [spec], seeds=tuple(range(count)), baselines=False)
            start = time.perf_counter()
            records = run(cells, directory=Path(folder) / "run", workers=2)
            seconds = time.perf_counter() - start
            assert all(record.status == "ok" for record in records)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{count:8d} {1000 * seconds / count:10.2f} {peak:9.0f}")


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or (250, 500, 1000, 2000, 4000))
