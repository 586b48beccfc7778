"""How long ranking takes: `leaderboard(records)` and one SELECT for simulated records.

    python benchmarks/leaderboard.py [--records 1000 100000] [--profile]

Each record has 20 windows. Forecasters and systems grow together, one to four. Seconds are of the
processor. `--profile` also prints where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable

import numpy as np

import chaosbench.leaderboard as leaderboard
from chaosbench.evaluation import Record

WINDOWS = 20


def simulated(count: int) -> list[Record]:
    """Make about so many records: four systems for every forecaster, one seed."""
    rng = np.random.default_rng(0)
    forecasters = max(2, round((count / 4) ** 0.5))
    systems = max(2, count // forecasters)
    records = []
    for f in range(forecasters):
        level = rng.uniform(0.5, 8.0)
        for s in range(systems):
            times = rng.gamma(4.0, level / 4.0, size=WINDOWS).round(3)
            records.append(
                Record(
                    task=f"forecast/s{s}-v1", system=f"s{s}", forecaster=f"f{f}", config={"a": f},
                    seed=0, exam_seed=0, status="ok",
                    scores={"d_stsp": rng.uniform(0, 5), "smape@1": rng.uniform(1, 90)},
                    window_scores={
                        "vpt@0.4": tuple(np.minimum(times, 10.0).tolist()),
                        "censored@0.4": tuple((times >= 10.0).astype(float).tolist()),
                    },
                    fit_seconds=1.0, predict_seconds=0.1, cpu_seconds=1.0, peak_memory_mib=50.0,
                )
            )  # fmt: skip
    return records


QUERY = "SELECT forecaster, median(score) FROM records GROUP BY forecaster"
WORK = (
    leaderboard._admission.prepare,
    lambda records: leaderboard.build(records, bootstrap=0),
    leaderboard.build,
    lambda records: leaderboard.query(records, QUERY),
)


def timed(work: Callable[[list[Record]], object], records: list[Record]) -> float:
    started = time.process_time()
    work(records)
    return time.process_time() - started


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, nargs="+", default=[1000, 100_000])
    options.add_argument("--profile", action="store_true")
    asked = options.parse_args()
    print("| records | forecasters | prepare s | rank without intervals s | with s | SELECT s |")
    print("|--:|--:|--:|--:|--:|--:|")
    for work in WORK:
        work(simulated(8))  # what is loaded and compiled first is not counted
    for count in asked.records:
        records = simulated(count)
        seconds = [timed(work, records) for work in WORK]
        names = len({record.forecaster for record in records})
        cells = " | ".join(f"{s:.2f}" for s in seconds)
        print(f"| {len(records):,} | {names} | {cells} |", flush=True)
        if asked.profile:
            profile = cProfile.Profile()
            profile.runcall(leaderboard.build, records, bootstrap=0)
            pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(14)


if __name__ == "__main__":
    main()
