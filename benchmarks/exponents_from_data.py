"""How well does a recording tell the largest Lyapunov exponent?

Run it with ``python benchmarks/exponents_from_data.py``. It prints a table of ratios to the
catalogue's exponent: one line for each system and noise level, one column for each method, three
recordings each. The same with the linear surrogates of the clean recordings, which have none.
"""

from __future__ import annotations

import sys

import numpy as np

import chaosbench as cb
from chaosbench.series import largest_exponent, surrogates

SYSTEMS = ("lorenz", "rossler", "henon", "mackey_glass", "lorenz96")
LEVELS = (0.0, 0.005, 0.02)
METHODS = ("rosenstein", "kantz")
SEEDS = (0, 1, 2)
POINTS = 10_000


def told(found, true):
    """Return the ratio to the truth, or why there is none, in a few words."""
    if found.reason is None:
        return f"{found.value / true:.2f} ± {found.error / true:.2f}"
    words = {"noise is too strong": "noise", "no scaling region": "no region",
             "no embedding": "no embedding", "uncertain": "uncertain",
             "too short": "too short"}  # fmt: skip
    return next((short for long, short in words.items() if long in found.reason), found.reason)


def main():
    """Print the table."""
    print(
        f"{POINTS:,} samples of the first variable, 25 per period. λ₁ from data / from equation.\n"
    )
    print("| | noise, σ |", " | ".join(METHODS), "|")
    print("|---|---|" + "---|" * len(METHODS))
    for name in SYSTEMS:
        true = cb.constants(name).lyapunov_exponents[0]
        rate = {} if name == "henon" else {"points_per_period": 25}
        made = [cb.simulate(name, points=POINTS, seed=seed, **rate) for seed in SEEDS]
        for level in LEVELS:
            cells = []
            for method in METHODS:
                found = []
                for seed, one in zip(SEEDS, made, strict=True):
                    x = one.values[0, :, 0]
                    noise = np.random.default_rng(seed).standard_normal(len(x))
                    found.append(
                        told(
                            largest_exponent(x + level * x.std() * noise, one.dt, method=method),
                            true,
                        )
                    )
                cells.append(", ".join(found))
            print(f"| {name} | {level:g} |", " | ".join(cells), "|", flush=True)
        false = [
            told(largest_exponent(surrogates(one.values[0, :, 0], count=1)[0], one.dt), true)
            for one in made
        ]
        print(f"| {name} | surrogates |", ", ".join(false), "| |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
