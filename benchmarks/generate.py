"""How many points a second reach the disk, and does that, or the memory, depend on how many?

Lorenz, Rössler and Halvorsen, eight or more trajectories on lanes at a tolerance of 1e-9, 30
samples per period or Lyapunov time, whichever is shorter, written as training data without a
certificate. Each case runs in a process of its own, after a small dataset that compiles what there
is to compile. Points are counted per second of processor time of all threads (one worker), which
other work on the machine disturbs less than the clock. The peer in the same rounds is dysts with
its defaults and `DataFrame.to_parquet` of pandas.

    python benchmarks/generate.py [LARGEST] [ROUNDS]

writes results/generate.md.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SYSTEMS = ("lorenz", "rossler", "halvorsen")
LONGEST = 100_000
SIZES = (10**5, 10**6, 10**7, 10**8)
PEER_POINTS = 100


def ours(system: str, points: int, place: Path, **settings: object) -> dict[str, float]:
    """Generate a dataset in this process; return times, bytes and the largest memory."""
    from chaosbench.datasets import Dataset, generate

    def recipe(count: int, length: int) -> Dataset:
        return Dataset(**({
            "systems": (system,), "train_points": length, "train_trajectories": count, "windows": 0,
            "certify": False, "integrator": "taylor-lanes", "rtol": 1e-9,
        } | settings))  # fmt: skip

    length = min(LONGEST, points // 8)
    generate(recipe(8, 500), place / "warm")
    wall, cpu = time.perf_counter(), time.process_time()
    stored = generate(recipe(points // length, length), place / "data")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    made = stored.manifest["files"].values()
    return {
        "points": sum(entry["rows"] for entry in made),
        "bytes": sum(entry["bytes"] for entry in made),
        "wall": wall,
        "cpu": cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def theirs(system: str, place: Path) -> dict[str, float]:
    """Do the same with dysts and pandas, for few points."""
    import dysts.flows
    import pandas as pd

    model = getattr(dysts.flows, system.capitalize())()
    model.make_trajectory(20, pts_per_period=30)
    wall, cpu = time.perf_counter(), time.process_time()
    values = model.make_trajectory(PEER_POINTS, pts_per_period=30)
    frame = pd.DataFrame(values, columns=list("xyz"))
    frame.to_parquet(place / "peer.parquet")
    return {
        "points": len(frame), "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
    }  # fmt: skip


def child(kind: str, system: str, points: int, settings: dict[str, object]) -> None:
    """Measure one case and print it as JSON."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as place:
        made = (
            ours(system, points, Path(place), **settings)
            if kind == "ours"
            else theirs(system, Path(place))
        )
    print(json.dumps(made))


def measured(kind: str, system: str, points: int = 0, **settings: object) -> dict[str, float]:
    """Measure one case in a process of its own, with one thread each for the libraries."""
    import os

    one = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, __file__, "--child", kind, system, str(points), json.dumps(settings)],
        env=os.environ | one, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def words(values: list[float]) -> str:
    """Return minimum, median and maximum."""
    return " / ".join(f"{v:.3g}" for v in np.quantile(values, [0.0, 0.5, 1.0]))


class Page:
    """The tables; they are written after each line, so a run that is stopped leaves some."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.lines: list[str] = []

    def add(self, *lines: str) -> None:
        """Add lines."""
        self.lines += lines
        self.place.write_text("\n".join(self.lines) + "\n", "utf-8")
        print(*lines, sep="\n", flush=True)


def speeds(runs: list[dict[str, float]], time_of: str = "cpu") -> list[float]:
    """Return points per second of each run."""
    return [run["points"] / run[time_of] for run in runs]


def main(largest: int, rounds: int, page: Page) -> None:
    """Measure everything."""
    page.add(
        "# Points to disk per second and core", "",
        f"Written by `python benchmarks/generate.py {largest:.0e} {rounds}`; minimum / median / "
        f"maximum over {rounds} rounds (one where there are more than 10⁷ points). The load of the "
        f"machine at the start was {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.", "",
        "## Size (Lorenz)", "",
        "| points | millions per core-second | millions per second | peak memory, MiB |",
        "|---|---|---|---|",
    )  # fmt: skip
    for points in SIZES:
        if points > largest:
            continue
        runs = [measured("ours", "lorenz", points) for _ in range(1 if points > 10**7 else rounds)]
        page.add(
            f"| {points:.0e} | {words([s / 1e6 for s in speeds(runs)])} | "
            f"{words([s / 1e6 for s in speeds(runs, 'wall')])} | "
            f"{max(r['memory'] for r in runs):.0f} |"
        )
    page.add(
        "", "## Systems, against dysts and pandas", "",
        "A million points of ours, a hundred of theirs, in each round.", "",
        "| system | millions of points per core-second | dysts + pandas, points per core-second | "
        "ratio | bytes per point |", "|---|---|---|---|---|",
    )  # fmt: skip
    for system in SYSTEMS:
        pairs = [
            (measured("ours", system, 10**6), measured("theirs", system)) for _ in range(rounds)
        ]
        made, peer = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
        ratio = [a / b for a, b in zip(speeds(made), speeds(peer), strict=True)]
        page.add(
            f"| {system} | {words([s / 1e6 for s in speeds(made)])} | {words(speeds(peer))} | "
            f"{words(ratio)} | {made[0]['bytes'] / made[0]['points']:.3g} |"
        )
    page.add("", "## Variants (Lorenz, a million points)", "")
    page.add("| recipe | millions per core-second | bytes per point |", "|---|---|---|")
    for name, settings in {
        "float32": {"precision": "float32"},
        "rtol 1e-12": {"rtol": 1e-12},
        "100 samples per period": {"rate": 100.0, "clock": "period"},
        "trajectory by trajectory (dop853, rtol 1e-9)": {"integrator": "auto"},
    }.items():
        runs = [measured("ours", "lorenz", 10**6, **settings) for _ in range(rounds)]
        page.add(
            f"| {name} | {words([s / 1e6 for s in speeds(runs)])} | "
            f"{runs[0]['bytes'] / runs[0]['points']:.3g} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], int(sys.argv[4]), json.loads(sys.argv[5]))
    else:
        main(
            int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**7,
            int(sys.argv[2]) if len(sys.argv) > 2 else 3,
            Page(Path(__file__).parent / "results" / "generate.md"),
        )
