"""How does the cost of EDMD grow with the data, compared with a forecaster that keeps all data?

``python benchmarks/edmd_growth.py [--rounds 7] [--short 1000]``

Fits are on the first T and on the first 10 T points of one Lorenz run; forecasts are 300 steps from
20 contexts. The methods are EDMD (degree 5, with a search for the penalty and with a given penalty)
and the local-linear analogue, whose "fit" builds a search tree. Ratios are those of CPU time for
ten times the data, within one round. EDMD forecasts from a matrix whose size does not depend on T;
the analogue searches all of the data at every step.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable

import numpy as np
from _pairs import spread

from chaosbench.forecasters.koopman.edmd import EDMD
from chaosbench.forecasters.memory.local_linear import LocalLinear
from chaosbench.trajectories import Trajectories

DT, CONTEXT, HORIZON, WINDOWS = 0.03, 32, 300, 20


def lorenz(steps: int) -> np.ndarray:
    """Integrate by RK4 with five substeps per sample; return ``(steps, 3)``."""

    def rhs(u: np.ndarray) -> np.ndarray:
        x, y, z = u
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    u, h = np.array([1.0, 2.0, 20.0]), DT / 5
    states = np.empty((steps, 3))
    for step in range(-500, steps):
        if step >= 0:
            states[step] = u
        for _ in range(5):
            a = rhs(u)
            b = rhs(u + h / 2 * a)
            c = rhs(u + h / 2 * b)
            u = u + h / 6 * (a + 2 * b + 2 * c + rhs(u + h * c))
    return states


def seconds(function: Callable[[], object]) -> float:
    """Return CPU seconds of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--short", type=int, default=1000, help="T; the long run has ten times it")
    options = parser.parse_args()
    lengths = (options.short, 10 * options.short)
    tail = WINDOWS * CONTEXT
    states = lorenz(lengths[1] + tail)
    context = states[-tail:].reshape(WINDOWS, CONTEXT, 3)
    trains = {length: Trajectories(states[:length].copy(), dt=DT) for length in lengths}
    forecasters = {
        "EDMD": EDMD(degree=5),
        "EDMD, penalty given": EDMD(degree=5, ridge=1e-12),
        "local-linear": LocalLinear(),
    }

    def times(forecaster: EDMD | LocalLinear, length: int) -> tuple[float, float]:
        made = []
        fit = seconds(lambda: made.append(forecaster.fit(trains[length], seed=0)))
        return fit, seconds(lambda: made[0].predict(context, HORIZON))

    found: dict[str, list[tuple[tuple[float, float], tuple[float, float]]]] = {
        name: [] for name in forecasters
    }
    gc.disable()
    for k in range(options.rounds + 1):
        for name, forecaster in forecasters.items():
            short, long = (times(forecaster, length) for length in lengths)
            if k:  # the first round imports and warms up
                found[name].append((short, long))
    gc.enable()

    print(
        f"T = {lengths[0]} and {lengths[1]}, {WINDOWS} windows x {HORIZON} steps, CPU time; "
        "minimum / median / maximum"
    )
    for name, rounds in found.items():
        table = np.array(rounds)  # round, length, (fit, predict)
        for j, what in enumerate(("fit", "predict")):
            growth = table[:, 1, j] / table[:, 0, j]
            print(
                f"  {name:20} {what:8} ms {spread(1e3 * table[:, 0, j]):>24} -> "
                f"{spread(1e3 * table[:, 1, j]):>24}  x {spread(growth)}"
            )
    ratio = np.array(found["local-linear"])[:, 1].sum(axis=1) / np.array(found["EDMD"])[:, 1].sum(
        axis=1
    )
    print(f"  local-linear / EDMD, fit and predict at {lengths[1]}: x {spread(ratio)}")


if __name__ == "__main__":
    main()
