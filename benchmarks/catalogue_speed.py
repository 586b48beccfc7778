"""How long does the whole catalogue take: 1,000 points at 100 per period of every system?

Peers, each on a sample of flows: scipy's DOP853 on the same functions called as plain Python, and
dysts (Radau at 1e-12), extrapolated from 20 points. Then a cold start: from a fresh process to the
machine code of right-hand side and Jacobian of every flow, which is never cached. Fields are left
out, because one of their steps costs a hundred steps of a flow.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings

import numpy as np
from _pairs import interleave, report, spread
from scipy.integrate import solve_ivp

import chaosbench as cb
from chaosbench.dynamics.simulation import sampling_step
from chaosbench.dynamics.stored import known_constants

POINTS, RTOL = 1000, 1e-10
KINDS = ("flow", "delay", "map")
DYSTS = ("Lorenz", "Rossler", "Thomas", "Chua", "HindmarshRose", "Lorenz96")
DYSTS_POINTS = 20
COLD = """
import time
begin = time.perf_counter()
import chaosbench as cb
flows = [cb.systems[name] for name in cb.systems if cb.systems[name].kind == "flow"]
for system in flows:
    system.kernel, system.jacobian_kernel
print(len(flows), time.perf_counter() - begin, time.process_time())
"""
SAMPLE = ("lorenz", "thomas", "chua", "hindmarsh_rose", "lorenz96")


def starts(names):
    """Return a point on each attractor; a delay system starts from its constant history."""
    return {
        n: np.array(cb.systems[n].ic)
        if cb.systems[n].kind == "delay"
        else cb.simulate(n, points=1).values[0, 0]
        for n in names
    }


def ours(name, ic):
    return cb.simulate(name, ic=ic, points=POINTS, points_per_period=100, rtol=RTOL)


def scipy_run(name, ic):
    system = cb.systems[name]
    parameters = dict(system.parameters)
    grid = sampling_step(system, points_per_period=100) * np.arange(POINTS)
    vector = isinstance(system.layout[0], tuple)

    def rhs(_, u):
        return system.function(*((u,) if vector else u.tolist()), **parameters)

    return solve_ivp(rhs, (0, grid[-1]), ic, method="DOP853", rtol=RTOL, atol=RTOL, t_eval=grid)


def dysts_seconds(alias):
    """Extrapolate the time of dysts from a few points, without numba's compilation."""
    import dysts.flows

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(dysts.flows, alias)()
        model.make_trajectory(2)
        start = time.perf_counter()
        model.make_trajectory(DYSTS_POINTS, pts_per_period=100)
        return (time.perf_counter() - start) * POINTS / DYSTS_POINTS


def against_dysts(begun):
    """Print the ratios to dysts on the sample and their geometric mean."""
    theirs = np.array([dysts_seconds(alias) for alias in DYSTS])
    mine = []
    for alias in DYSTS:
        name = cb.systems[alias].name
        run = interleave({"": lambda name=name: ours(name, begun[name])}, rounds=7)[""]
        mine.append(np.median(run))
    ratios = theirs / np.array(mine)
    for alias, ratio, seconds in zip(DYSTS, ratios, theirs, strict=True):
        print(f"  {alias:16} dysts {seconds:7.3g} s, x ours {ratio:.3g}")
    print(f"  geometric mean of the ratios {np.exp(np.log(ratios).mean()):.3g}, ", end="")
    print(f"of the sums {theirs.sum() / np.sum(mine):.3g}")


def cold():
    """Print the wall and processor seconds from a fresh process to all machine code."""
    runs = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", COLD], capture_output=True, text=True, check=True
        )
        count, *seconds = done.stdout.split()
        runs.append([float(s) for s in seconds])
    passed, busy = np.array(runs).T
    print(f"right-hand side and Jacobian of {count} flows, cold: {spread(passed)} s, ", end="")
    print(f"processor time with the interpreter's start {spread(busy)} s")


def main() -> None:
    systems = {name: cb.systems[name] for name in cb.systems}
    names = [n for n, s in systems.items() if s.kind in KINDS and known_constants(s) is not None]
    begin = time.perf_counter()
    for name in names:
        _ = cb.systems[name].kernel
    compiled = time.perf_counter() - begin
    begun = starts(names)
    print(f"{len(names)} systems traced and compiled in {1e3 * compiled:.0f} ms")
    cases = {"all systems": lambda: [ours(name, begun[name]) for name in names]}
    cases |= {
        kind: lambda k=kind: [ours(n, begun[n]) for n in names if cb.systems[n].kind == k]
        for kind in KINDS
    }
    cases["sample, ours"] = lambda: [ours(name, begun[name]) for name in SAMPLE]
    cases["sample, scipy"] = lambda: [scipy_run(name, begun[name]) for name in SAMPLE]
    print(f"{POINTS} points each, rtol {RTOL:g}; min / median / max of rounds")
    times = interleave(cases, rounds=7)
    report({k: times[k] for k in ("sample, ours", "sample, scipy")}, "sample, ours")
    report({k: times[k] for k in ("all systems", *KINDS)}, "all systems")
    against_dysts(begun)
    cold()


if __name__ == "__main__":
    main()
