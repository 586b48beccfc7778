"""How fast are ensembles, and does the cost of a point stay flat as they grow?

Trajectories of 10,000 points = 100 periods, one thread, from states on the attractor. Ours go on
SIMD lanes (`simulate(lanes=True)`); heyoka's batch integrator takes eight at a time. Both sample
the same grid from their dense output. The tolerances are chosen for equal errors: what stands
next to each time is the largest error over two Lyapunov times, in standard deviations, of the
worst of 64 trajectories, against heyoka at machine precision. A round has 64 trajectories, so
that rounds stay short; the growth table goes from 1 to 4,096 trajectories of 1,000 points.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import heyoka as hy
import numpy as np
from _pairs import interleave, report, spread
from integrate import CASES, equations

import chaosbench as cb
from chaosbench.systems._simulate import sampling_step

POINTS = 10_000
BATCH = 8
COUNT = 64
NAMES = ("lorenz", "rossler", "lorenz96(4)")
TOLERANCES = {"ours": 1e-10, "ours, tighter": 1e-11, "heyoka batch": 1e-10}
SIZES = (1, 4, 16, 64, 256, 1024, 4096)


def field(name, system):
    names = hy.make_vars(*system.variables)
    return list(zip(names, equations(name, list(names), system.parameters), strict=True))


def heyoka_batch(name, system, starts, grid, tolerance):
    integrator = hy.taylor_adaptive_batch(
        field(name, system), np.zeros((system.dimension, BATCH)), tol=tolerance
    )
    grids = np.repeat(grid[:, None], BATCH, axis=1)

    def run():
        values = np.empty((len(starts), len(grid), system.dimension))
        for k in range(0, len(starts), BATCH):
            integrator.set_time(0.0)
            integrator.state[:] = starts[k : k + BATCH].T
            values[k : k + BATCH] = np.moveaxis(integrator.propagate_grid(grids)[1], 2, 0)
        return values

    return run


def truth(name, system, starts, grid):
    integrator = hy.taylor_adaptive(field(name, system), starts[0])
    made = []
    for start in starts:
        integrator.time = 0.0
        integrator.state[:] = start
        made.append(integrator.propagate_grid(grid)[-1])
    return np.array(made)


def compare() -> None:
    for name in NAMES:
        system, exponent, _ = CASES[name]
        dt = sampling_step(system, points_per_period=100)
        settled = cb.simulate(system, points=2, dt=dt, n=COUNT, lanes=True)
        starts = settled.values[:, -1]
        grid = dt * np.arange(POINTS)
        sigma = cb.simulate(system, points=20_000, dt=dt).values[0].std(axis=0)
        runs = {
            label: lambda t=tolerance: (
                cb.simulate(system, ic=starts, points=POINTS, dt=dt, rtol=t, lanes=True).values
            )
            for label, tolerance in TOLERANCES.items()
            if label.startswith("ours")
        }
        runs["heyoka batch"] = heyoka_batch(name, system, starts, grid, TOLERANCES["heyoka batch"])
        steps = min(POINTS, int(2 / exponent / dt) + 1)
        exact = truth(name, system, starts, grid[:steps])
        notes = {}
        for label, run in runs.items():
            errors = np.abs((run()[:, :steps] - exact) / sigma).max(axis=(1, 2))
            notes[label] = f"error {np.median(errors):.1e} median, {errors.max():.1e} worst"
        print(f"{name}: {COUNT} trajectories; the ratio is to ours at {TOLERANCES['ours']:g}")
        times = interleave(runs, rounds=7)
        report({k: v / COUNT for k, v in times.items()}, "ours", notes)
        for label in list(runs)[:-1]:
            print(f"  {label} / heyoka batch: {spread(times[label] / times['heyoka batch'])}")


def growth(name: str) -> None:
    """Print cost and peak memory of one size after another; a fresh process calls this."""
    system = CASES[name][0]
    dt = sampling_step(system, points_per_period=100)
    points = 1000
    run = {
        f"{n} trajectories": lambda n=n: cb.simulate(
            system, points=points, dt=dt, n=n, transient=0.0, lanes=True
        )
        for n in SIZES
    }
    run["256 scalar"] = lambda: cb.simulate(system, points=points, dt=dt, n=256, transient=0.0)
    times = interleave(run, rounds=5)
    for label, values in times.items():
        n = int(label.split()[0])
        print(f"  {label:18} ns a point {spread(1e9 * values / (n * points))}")


def memory(name: str, n: int) -> None:
    system = CASES[name][0]
    dt = sampling_step(system, points_per_period=100)
    cb.simulate(system, points=1000, dt=dt, n=1, transient=0.0, lanes=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = cb.simulate(system, points=1000, dt=dt, n=n, transient=0.0, lanes=True)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    own = made.values.nbytes / 2**20
    print(
        f"  {n:5} trajectories: samples {own:.1f} MiB, peak grew by {(after - before) / 1024:.1f}"
    )


def main() -> None:
    print("min / median / max of rounds; milliseconds are per trajectory")
    compare()
    print("growth, Lorenz, 1,000 points a trajectory")
    growth("lorenz")
    for n in SIZES:  # a peak belongs to a process
        subprocess.run([sys.executable, __file__, "memory", "lorenz", str(n)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(sys.argv[2], int(sys.argv[3]))
    else:
        main()
