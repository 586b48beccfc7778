"""Compare the interpreter of Taylor's method with DOP853 and heyoka's compiled Taylor method.

``python benchmarks/taylor.py [--rounds 7] [--certify]``

Lorenz, Rössler and Lorenz-96 with four sites, over 100 periods without output, one thread, at
tolerances of 1e-12 and 1e-15 (heyoka, DOP853: relative and absolute; DOP853 at 3e-15 for the
second, below which its errors are rounding). *Error* is the largest over two Lyapunov times, in
standard deviations, relative to double-double at 1e-30, so that speeds can be compared at the
accuracy that was reached. Then double-double itself, over 50 Lyapunov times.

``--certify`` also times the generation of the lite suite's data with and without certificates.
"""

from __future__ import annotations

import argparse
import time

import heyoka as hy
import numpy as np
from _pairs import interleave, report, spread
from integrate import CASES, equations

from chaosbench.dynamics.orbits import TaylorOrbit, orbit_of
from chaosbench.dynamics.simulation import sampling_step

NAMES = ("lorenz", "rossler", "lorenz96(4)")


def heyoka(name, system, ic, tolerance):
    names = hy.make_vars(*system.variables)
    field = list(zip(names, equations(name, list(names), system.parameters), strict=True))
    integrator = hy.taylor_adaptive(field, list(ic), tol=tolerance)

    def start():
        integrator.time = 0.0
        integrator.state[:] = ic
        return integrator

    return start


def main(rounds: int) -> None:
    for name in NAMES:
        system, exponent, _ = CASES[name]
        period = 100 * sampling_step(system, points_per_period=100)
        settled = orbit_of(system, np.array(system.ic))
        settled.advance(100 * period)
        ic, span = settled.state.copy(), 100 * period
        sigma = settled.sample(4000, period / 100).std(axis=0)
        grid = np.linspace(0.0, 2 / exponent, 101)
        truth = TaylorOrbit(system, ic).sample(101, grid[1])
        for tolerance, tightest in ((1e-12, 1e-12), (1e-15, 3e-15)):
            start = heyoka(name, system, ic, tolerance)

            def ours(system=system, ic=ic, tolerance=tolerance):
                return TaylorOrbit(system, ic, tolerance=tolerance, double_double=False)

            def runge_kutta(system=system, ic=ic, tolerance=tightest):
                return orbit_of(system, ic, rtol=tolerance)

            samples = {
                "taylor": ours().sample(101, grid[1]),
                "dop853": runge_kutta().sample(101, grid[1]),
                "heyoka": start().propagate_grid(grid)[-1],
            }
            notes = {
                peer: f"error {np.abs((found - truth) / sigma).max():.1e} sd"
                for peer, found in samples.items()
            }
            cases = {
                "taylor": lambda make=ours, span=span: make().sample_exactly(2, span),
                "dop853": lambda make=runge_kutta, span=span: make().advance(span),
                "heyoka": lambda start=start, span=span: start().propagate_until(span),
            }
            print(f"{name} at {tolerance:g}")
            report(interleave(cases, rounds=rounds), "taylor", notes)
        fifty = 50 / exponent
        pair = {
            "double-double at 1e-30": lambda s=system, i=ic, t=fifty: TaylorOrbit(s, i).sample(
                2, t
            ),
            "double at 1e-16": lambda s=system, i=ic, t=fifty: TaylorOrbit(
                s, i, tolerance=1e-16, double_double=False
            ).sample(2, t),
        }
        print(f"{name}, 50 Lyapunov times")
        report(interleave(pair, rounds=rounds), "double at 1e-16")


def certify(rounds: int) -> None:
    """Time the generation of each lite dataset with and without certificates."""
    from chaosbench.datasets import _truth
    from chaosbench.dynamics.certify import Certificate
    from chaosbench.tasks import registry, suites

    def unchecked(*_, **__):
        return Certificate(None)

    checked = _truth.certified_until
    total = np.zeros((2, rounds))
    for task in suites["lite-v1"].tasks:
        data = registry[task].dataset
        system, pace = data.systems[0], data.pace(data.systems[0])
        _truth.make_split(data, system, "train", pace)
        seconds = np.empty((2, rounds))
        for k in range(rounds):
            for which, function in enumerate((unchecked, checked)):
                _truth.certified_until = function
                start = time.perf_counter()
                for split in ("train", "test"):
                    made = _truth.make_split(data, system, split, pace)
                seconds[which, k] = time.perf_counter() - start
        total += seconds
        until = made.certified_until * pace.lyapunov_exponent
        print(
            f"  {system:14} s {spread(seconds[0])}  certified x {spread(seconds[1] / seconds[0])}"
            f"  windows certified for {until.min():.2f} Lyapunov times at least, "
            f"{(until < until.max() - 1e-9).sum()} of {len(until)} not to the end"
        )
    print(f"  all            s {spread(total[0])}  certified x {spread(total[1] / total[0])}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--certify", action="store_true")
    settings = parser.parse_args()
    main(settings.rounds)
    if settings.certify:
        certify(min(3, settings.rounds))
