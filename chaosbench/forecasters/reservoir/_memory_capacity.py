"""Memory capacity: how far back a reservoir remembers its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from chaosbench.forecasters._shared.settings import single_threaded

if TYPE_CHECKING:
    from chaosbench.forecasters.reservoir._reservoir import Reservoir
    from chaosbench.trajectories import FloatArray

__all__ = ["memory_capacity"]


class _Drawn(Protocol):
    def draw(self, inputs: FloatArray, *, seed: int) -> Reservoir: ...


@single_threaded
def memory_capacity(
    forecaster: _Drawn,
    *,
    seed: int,
    delays: int = 100,
    points: int = 4000,
    transient: int = 500,
    ridge: float = 1e-9,
) -> FloatArray:
    """Return how much of each past input a linear readout recovers, ``(delays,)`` [jaeger2002].

    The input is white and uniform with mean 0 and standard deviation 1. Entry k - 1 is the squared
    correlation between the input k steps ago and its linear estimate from the state, measured on
    another `points` inputs after those of the fit. The sum of the entries is the memory capacity,
    at most the number of units.

    Args:
        forecaster: draws the reservoir; a reservoir that adapts does so on the fitted part.
        seed: seed of the reservoir and of the input.
        delays: longest delay, in steps.
        points: number of inputs to fit to.
        transient: number of inputs that are dropped before the fit.
        ridge: penalty per sample of the linear estimate.

    """
    from scipy import linalg

    length = transient + 2 * points
    bound = np.sqrt(3.0)
    inputs = np.random.default_rng([seed, 2]).uniform(-bound, bound, (1, length, 1))
    reservoir = forecaster.draw(inputs[:, : transient + points], seed=seed)
    states = np.empty((length, reservoir.units))
    state = np.zeros((1, reservoir.units))
    for t in range(length):
        state = reservoir.update(state, inputs[:, t])
        states[t] = state[0]
    past = np.stack([np.roll(inputs[0, :, 0], k) for k in range(1, delays + 1)], axis=1)
    fitted = slice(max(transient, delays), transient + points)
    phi, target = states[fitted], past[fitted]
    center, mean = phi.mean(axis=0), target.mean(axis=0)
    phi, target = phi - center, target - mean
    gram = phi.T @ phi / len(phi) + ridge * np.eye(reservoir.units)
    readout = linalg.solve(gram, phi.T @ target / len(phi), assume_a="pos")
    tested = slice(transient + points, length)
    estimate, truth = (states[tested] - center) @ readout, past[tested]
    estimate -= estimate.mean(axis=0)
    truth = truth - truth.mean(axis=0)
    power = (estimate**2).sum(axis=0) * (truth**2).sum(axis=0)
    overlap = (estimate * truth).sum(axis=0) ** 2
    return np.asarray(np.divide(overlap, power, out=np.zeros(delays), where=power > 0))
