"""Compare the spiking kernel with the same model as a plain vectorised NumPy loop, in one run.

``python benchmarks/spiking.py [--steps 500] [--rounds 5]``

1,000 neurons on the grid with STDP and astrocyte, driven by a direct current as in the forecaster
``nalsm``, without the twins on which it counts input spikes. The plain loop, which updates every
synapse every ms, is the reference of the kernel's tests; the spikes of both are compared here too.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from _pairs import interleave, report, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "forecasters" / "reservoir"))

from liquids import DenseLiquid

from chaosbench.forecasters.reservoir._spiking import Activity, Plasticity, draw_liquid, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500, help="ms that both simulate")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    liquid = draw_liquid(rng, weight=1.0)
    rule = Plasticity(fading=False, reset=False)
    size = len(liquid.kind)
    samples = options.steps // 10
    drive = 1 + rng.normal(size=(1, samples, 3)) @ rng.normal(size=(3, size))

    def ours() -> tuple[np.ndarray, np.ndarray]:
        activity = Activity.rest(liquid, 1, plasticity=rule)
        _, spikes = simulate(liquid, activity, drive, steps=10, plasticity=rule, record=True)
        return spikes[0], activity.weights[0]

    def plain() -> tuple[np.ndarray, np.ndarray]:
        dense = DenseLiquid(liquid, rule)
        return dense.run(drive[0], steps=10), dense.synapses()

    (spikes, weights), (expected, dense) = ours(), plain()
    print(
        f"{size} neurons, {len(liquid.weights)} synapses, {options.steps} ms, "
        f"{spikes.sum(axis=1).mean():.0f} spikes per ms; equal spikes: "
        f"{np.array_equal(spikes, expected)}, weights differ by {np.abs(weights - dense).max():.1g}"
    )
    times = interleave({"ours": ours, "plain": plain}, rounds=options.rounds, warm_up=0)
    report(times, "ours")

    long = np.tile(drive, (1, 5000 // samples // 10 + 1, 1))[:, :500]
    seconds = []
    for _ in range(options.rounds):
        activity = Activity.rest(liquid, 1, plasticity=rule)
        start = time.process_time()
        simulate(liquid, activity, long, steps=10, plasticity=rule)
        seconds.append(time.process_time() - start)
    print(f"  5,000 ms, ours: processor s {spread(np.array(seconds))}")


if __name__ == "__main__":
    main()
