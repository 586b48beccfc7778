"""Compare reservoirpy's nodes with our reservoirs, with the same matrices and inputs.

``python benchmarks/reservoirs.py [--rounds 5] [--units 500] [--points 2000]``

The reservoirs are driven by one series, as in training, and by 20 series at once, as in
forecasting, which reservoirpy processes one after the other. The adaptation of intrinsic plasticity
is timed over one series.
"""

from __future__ import annotations

import argparse

import numpy as np
from _pairs import interleave, report
from reservoirpy.nodes import ES2N as ES2NNode
from reservoirpy.nodes import IPReservoir
from reservoirpy.nodes import Reservoir as Node

from chaosbench.forecasters._shared.settings import single_threaded
from chaosbench.forecasters.reservoir._reservoir import Reservoir
from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork, draw_leaky
from chaosbench.forecasters.reservoir.edge_of_stability import ES2N
from chaosbench.forecasters.reservoir.intrinsic_plasticity import adapt

WINDOWS = 20


def drive(reservoir: Reservoir, inputs: np.ndarray) -> np.ndarray:
    state = np.zeros((len(inputs), reservoir.units))
    states = np.empty((*inputs.shape[:2], reservoir.units))
    for t in range(inputs.shape[1]):
        state = reservoir.update(state, inputs[:, t])
        states[:, t] = state
    return states


@single_threaded
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--points", type=int, default=2000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    one = rng.standard_normal((1, options.points, 3))
    many = rng.standard_normal((WINDOWS, options.points // WINDOWS, 3))
    leaky = EchoStateNetwork(units=options.units).draw(one, seed=0)
    edge = ES2N(units=options.units).draw(one, seed=0)
    matrices = {"W": leaky.recurrent, "Win": leaky.weights, "bias": leaky.bias, "input_dim": 3}
    edges = {"W": edge.recurrent, "Win": edge.weights, "bias": edge.bias, "input_dim": 3}
    pairs = (
        ("esn", leaky, lambda: Node(**matrices)),
        ("es2n", edge, lambda: ES2NNode(**edges, O=edge.rotation, proximity=0.9)),
    )
    print(f"{options.units} units, {options.points} steps in all; minimum / median / maximum")
    for name, ours, node in pairs:
        for inputs in (one, many):
            times = interleave(
                {
                    "ours": lambda ours=ours, inputs=inputs: drive(ours, inputs),
                    "reservoirpy": lambda node=node, inputs=inputs: [
                        node().run(series) for series in inputs
                    ],
                },
                rounds=options.rounds,
            )
            print(f"\n{name}, {len(inputs)} series of {inputs.shape[1]}")
            report(times, "ours")

    settings = {"spectral_radius": 0.4, "input_scaling": 0.3, "bias": 1.0, "degree": 6, "seed": 0}
    start = draw_leaky(options.units, 3, **settings)
    target = {"mean": 0.0, "deviation": 0.35, "rate": 5e-4, "epochs": 1}
    times = interleave(
        {
            "ours": lambda: adapt(start, one, **target),
            "reservoirpy": lambda: IPReservoir(
                W=start.recurrent, Win=start.weights, bias=start.bias, mu=0.0, sigma=0.35,
                learning_rate=5e-4, input_dim=3,
            ).fit(one[0]),
        },
        rounds=options.rounds,
    )  # fmt: skip
    print(f"\nintrinsic plasticity, one series of {options.points}")
    report(times, "ours")


if __name__ == "__main__":
    main()
