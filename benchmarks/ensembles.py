"""How fast are ensembles, and does the cost per point stay constant as they grow?

Trajectories of 10,000 points = 100 periods, one thread, from states on the attractor. Ours run on
SIMD lanes (`simulate(integrator="taylor-lanes")`); heyoka's batch integrator runs eight at a time.
Both sample the same grid from their dense output. The tolerances are chosen for equal errors:
beside each time is the largest error over two Lyapunov times, in standard deviations, relative to
heyoka at machine precision, for the median and the worst trajectory. A round has 64 trajectories,
which is enough to keep all lanes busy; `ensembles.py 1024` runs 1,024. The growth is measured from
1 to 4,096 trajectories of 1,000 points.
"""

from __future__ import annotations

import sys
import tracemalloc
from functools import partial

import heyoka as hy
import numpy as np
from _pairs import interleave, report, spread
from integrate import CASES, equations

import chaosbench as cb
from chaosbench.dynamics.simulation import sampling_step

POINTS = 10_000
BATCH = 8
NAMES = ("lorenz", "rossler", "lorenz96(4)")
OURS = {"ours": 1e-10, "ours at 1e-11": 1e-11}
PEER = 1e-10
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


def samples(system, **settings):
    return cb.simulate(system, **settings).values


def compare(count: int) -> None:
    for name in NAMES:
        system, exponent, _ = CASES[name]
        dt = sampling_step(system, points_per_period=100)
        settled = cb.simulate(system, points=2, dt=dt, n=count, integrator="taylor-lanes")
        starts = settled.values[:, -1]
        grid = dt * np.arange(POINTS)
        sigma = cb.simulate(system, points=20_000, dt=dt).values[0].std(axis=0)
        settings = {"ic": starts, "points": POINTS, "dt": dt, "integrator": "taylor-lanes"}
        runs = {
            label: partial(samples, system, rtol=tolerance, **settings)
            for label, tolerance in OURS.items()
        }
        runs["heyoka batch"] = heyoka_batch(name, system, starts, grid, PEER)
        steps = min(POINTS, int(2 / exponent / dt) + 1)
        exact = truth(name, system, starts, grid[:steps])
        notes = {}
        for label, run in runs.items():
            errors = np.abs((run()[:, :steps] - exact) / sigma).max(axis=(1, 2))
            notes[label] = f"error {np.median(errors):.1e} median, {errors.max():.1e} worst"
        print(f"{name}: {count} trajectories; the ratio is to ours at {OURS['ours']:g}")
        times = interleave(runs, rounds=7)
        report({k: v / count for k, v in times.items()}, "ours", notes)
        for label in OURS:
            print(f"  {label} / heyoka batch: {spread(times[label] / times['heyoka batch'])}")


def growth(name: str) -> None:
    """Print the cost per point and the peak of allocated memory for each ensemble size."""
    system = CASES[name][0]
    dt = sampling_step(system, points_per_period=100)
    points = 1000
    settings = {"points": points, "dt": dt, "transient": 0.0}
    runs = {
        f"{n} on lanes": partial(samples, system, n=n, integrator="taylor-lanes", **settings)
        for n in SIZES
    }
    for n in (1, 256):
        runs[f"{n} one by one"] = partial(samples, system, n=n, **settings)
    times = interleave(runs, rounds=7, inner={"1 on lanes": 50, "1 one by one": 50})
    for label, values in times.items():
        n = int(label.split()[0])
        print(f"  {label:18} ns per point {spread(1e9 * values / (n * points))}")
    for n in SIZES:
        tracemalloc.start()
        made = samples(system, n=n, integrator="taylor-lanes", **settings)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        beyond = (peak - made.nbytes) / 2**10
        print(
            f"  {n:5} trajectories: samples {made.nbytes / 2**20:.2f} MiB, beyond {beyond:.0f} KiB"
        )


def main() -> None:
    print("min / median / max of rounds; milliseconds are per trajectory")
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
    print("growth, Lorenz, 1,000 points per trajectory")
    growth("lorenz")


if __name__ == "__main__":
    main()
