"""How long does it take from a fresh process to the first Lorenz trajectory?

Every run is a fresh process, with interpreter start and imports: with an empty numba cache, with a
warm one, and two peers with the same task (scipy's DOP853 and dysts). Then ``-X importtime`` shows
the imports of the warm start.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from _pairs import interleave, report

OURS = """
import chaosbench as cb
found = cb.simulate("lorenz", points=1000, points_per_period=100, seed=0)
assert found.values.shape == (1, 1000, 3)
"""
SCIPY = """
import numpy as np
from scipy.integrate import solve_ivp
rhs = lambda t, u: [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]
grid = 0.0075 * np.arange(1000)
found = solve_ivp(rhs, (0, grid[-1]), [-9.79, -15.04, 20.53], method="DOP853", rtol=1e-10,
                  atol=1e-10, t_eval=grid)
assert found.y.shape == (3, 1000)
"""
DYSTS = """
import warnings
warnings.simplefilter("ignore")
from dysts.flows import Lorenz
assert Lorenz().make_trajectory(20).shape == (20, 3)
"""
ROUNDS = 5


def fresh(code: str, extra: Mapping[str, str], *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, **extra},
        check=True,
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
    )
    return done.stderr


def main() -> None:
    with tempfile.TemporaryDirectory() as warm:

        def cold_run() -> None:
            with tempfile.TemporaryDirectory() as empty:
                fresh(OURS, {"NUMBA_CACHE_DIR": empty})

        cases = {
            "chaosbench, warm cache": lambda: fresh(OURS, {"NUMBA_CACHE_DIR": warm}),
            "chaosbench, empty cache": cold_run,
            "scipy DOP853": lambda: fresh(SCIPY, {}),
            "dysts, 20 points": lambda: fresh(DYSTS, {}),
        }
        print("fresh process to the first Lorenz trajectory; min / median / max of rounds")
        report(interleave(cases, rounds=ROUNDS), "chaosbench, warm cache")
        print("processor seconds, which a busy machine stretches less:")
        for name, run in cases.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"  {name:24} {used:.2f}")
        print("targets: warm < 1,200 ms, empty < 4,000 ms")

        log = fresh(OURS, {"NUMBA_CACHE_DIR": warm}, "-X", "importtime")
    lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)", log)
    print("imports of the warm start, cumulative ms of the outermost thirty that take over 8 ms:")
    outer = [(int(total), name, len(depth) // 2) for _, total, depth, name in lines]
    for total, name, depth in [o for o in outer if o[0] > 8000][::-1][:30]:
        print(f"  {total / 1e3:7.0f}  {'  ' * depth}{name}")


if __name__ == "__main__":
    main()
