"""A quick test whether a system, say one with other parameters, is bounded and chaotic."""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.lyapunov import lyapunov_spectrum
from chaosbench.dynamics.orbits import orbit_of
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import IntegrationError
from chaosbench.trajectories import FloatArray

__all__ = ["quick_gate"]

TOLERANCES = (1e-6, 1e-9)
"""Tolerances at which the largest exponent must be positive."""

PERIODS = 200.0
"""Length of each run; of a map, ten times as many iterations."""

FARTHEST = 50.0
"""Standard deviations from the mean that a bounded orbit may come to."""


def quick_gate(scales: Scales, *, mean: FloatArray, spread: FloatArray, seed: int = 0) -> str:
    """Say what speaks against a system; empty if nothing does.

    It must be chaotic at two tolerances: the largest exponent is positive by more than three
    standard errors. It must be bounded: the orbit stays near the attractor that it is compared
    with. This takes a fraction of a second for a flow, and it is no proof: it finds what is
    periodic, at rest or escapes, not what is chaotic for a while.

    Args:
        scales: of the system, with its period.
        mean: of each variable ``(d,)`` on the attractor of the system as it was measured.
        spread: standard deviation of each variable there, ``(d,)``.
        seed: of the runs.

    """
    system = scales.system
    periods = PERIODS * (10.0 if system.discrete else 1.0)
    for k, rtol in enumerate(TOLERANCES):
        try:
            run = lyapunov_spectrum(
                system, periods=periods, count=1, rtol=rtol, seed=seed + k, scales=scales
            )
        except IntegrationError as failure:
            return f"at rtol {rtol:g}: {failure}"
        if not run.values[0] > 3.0 * run.stderr[0]:
            return f"not chaotic at rtol {rtol:g}: {run.values[0]:.4g} ± {run.stderr[0]:.2g}"
    step = 1.0 if system.discrete else 0.1 * scales.period
    try:
        samples = orbit_of(system, np.array(system.ic), rtol=TOLERANCES[-1]).sample(2000, step)
    except IntegrationError as failure:
        return str(failure)
    # the first half may lie off the attractor
    off = np.abs(samples[1000:] - mean) / np.where(spread > 0, spread, 1.0)
    if not off.max() <= FARTHEST:
        return f"not bounded: the orbit comes {off.max():.3g} standard deviations from the mean"
    return ""
