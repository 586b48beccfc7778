"""Compare analogue rollouts by KD-tree and truncated softmax with plain NumPy, as memory grows.

``python benchmarks/analogues.py [--rounds 5] [--steps 100]``

20 windows are continued on Lorenz from memories of 1,000, 10,000 and 100,000 transitions. The peer
is a straightforward implementation, which computes all distances at every step by broadcasting; it
takes a softmax over all of them for Hopfield, and the nearest for the 1-nearest-neighbour analogue.
Rollouts are timed without fitting; building the tree is timed separately. Both give the same
forecast, which is asserted over the first steps.
"""

from __future__ import annotations

import argparse

import numpy as np
from _pairs import interleave, report, spread
from threadpoolctl import threadpool_limits

import chaosbench as cb
from chaosbench.forecasters.memory.hopfield import Hopfield

WINDOWS = 20
SIZES = (1_000, 10_000, 100_000)
# A larger memory needs a smaller bandwidth h: on an attractor of about two dimensions, 1/h² grows
# in proportion to the number of transitions.
BETA = 0.4
NEAREST = 1e12


def plain(states: np.ndarray, increments: np.ndarray, start: np.ndarray, beta: float, steps: int):
    """Continue standardised states ``(n, d)``, comparing with every transition at every step."""
    values, latest = np.empty((len(start), steps, start.shape[1])), start
    for h in range(steps):
        square = ((latest[:, np.newaxis] - states) ** 2).sum(axis=2)
        if beta == NEAREST:
            latest = latest + increments[square.argmin(axis=1)]
        else:
            logit = -0.5 * beta * square
            weight = np.exp(logit - logit.max(axis=1, keepdims=True))
            latest = latest + (weight / weight.sum(axis=1, keepdims=True)) @ increments
        values[:, h] = latest
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    series = cb.simulate("lorenz", points=SIZES[-1] + 1, points_per_period=30, seed=0)
    fresh = cb.simulate("lorenz", points=500 * WINDOWS, points_per_period=30, seed=1).values[0]
    context = fresh.reshape(WINDOWS, 500, 3)[:, :1]

    print(f"{WINDOWS} windows x {options.steps} steps; minimum / median / maximum")
    for name, of_size in (("Hopfield", lambda n: BETA * n), ("nearest", lambda _: NEAREST)):
        before = None
        for size in SIZES:
            beta = of_size(size)
            train = cb.Trajectories(series.values[:, : size + 1], dt=series.dt)
            memory = Hopfield(beta=beta, delays=1).fit(train, seed=0)
            library = memory.library
            start = library.scaler.apply(context[:, -1])
            arguments = (library.states, library.increments, start, beta)
            np.testing.assert_allclose(
                library.scaler.apply(memory.predict(context, 10).values),
                plain(*arguments, 10),
                atol=1e-6,
            )
            with threadpool_limits(limits=1):
                times = interleave(
                    {
                        "ours": lambda m=memory: m.predict(context, options.steps),
                        "plain": lambda a=arguments: plain(*a, options.steps),
                        "fit": lambda t=train, b=beta: Hopfield(beta=b, delays=1).fit(t, seed=0),
                    },
                    rounds=options.rounds,
                )
            print(f"\n{name}, {size:,} transitions")
            report(times, "ours")
            if before is not None:
                for case in ("ours", "plain"):
                    print(f"  {case}: x {spread(times[case] / before[case])} for ten times as many")
            before = times


if __name__ == "__main__":
    main()
