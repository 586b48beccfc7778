"""How long does the whole catalogue take: 1,000 points at 100 a period of every system?

The peer is scipy's DOP853 on the same functions called as plain Python, on a sample of flows.
"""

from __future__ import annotations

import time

import numpy as np
from _pairs import interleave, report
from scipy.integrate import solve_ivp

import chaosbench as cb
from chaosbench.systems._constants import known_constants
from chaosbench.systems._simulate import sampling_step

POINTS, RTOL = 1000, 1e-10
SAMPLE = ("lorenz", "thomas", "chua", "hindmarsh_rose", "lorenz96")


def starts(names):
    """A point on each attractor; a delay system starts from its constant history."""
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


def main() -> None:
    # what has constants: the others escape, or slide along a discontinuity step by tiny step
    names = [n for n in cb.systems if known_constants(cb.systems[n]) is not None]
    begin = time.perf_counter()
    for name in names:
        _ = cb.systems[name].kernel
    compiled = time.perf_counter() - begin
    begun = starts(names)
    print(f"{len(names)} systems traced and compiled in {1e3 * compiled:.0f} ms")
    cases = {"all systems": lambda: [ours(name, begun[name]) for name in names]}
    cases |= {
        kind: lambda k=kind: [ours(n, begun[n]) for n in names if cb.systems[n].kind == k]
        for kind in ("flow", "delay", "map")
    }
    cases["sample, ours"] = lambda: [ours(name, begun[name]) for name in SAMPLE]
    cases["sample, scipy"] = lambda: [scipy_run(name, begun[name]) for name in SAMPLE]
    print(f"{POINTS} points each, rtol {RTOL:g}; min / median / max of rounds")
    times = interleave(cases, rounds=7)
    report({k: times[k] for k in ("sample, ours", "sample, scipy")}, "sample, ours")
    report({k: times[k] for k in ("all systems", "flow", "delay", "map")}, "all systems")


if __name__ == "__main__":
    main()
