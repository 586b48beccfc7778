"""Decide which flows are too stiff for DOP853, by counted work so that all machines agree."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chaosbench.dynamics.orbits._orbit import BOUND
from chaosbench.dynamics.orbits._stiff import stiff_addresses
from chaosbench.expressions import reachable
from chaosbench.systems import Flow
from chaosbench.trajectories import FloatArray

__all__ = ["is_stiff"]

LOOK = 10_000
"""Attempted steps of DOP853 within which stiffness shows."""

PATIENCE = 15
"""Steps at the edge of stability that count as stiff; see `on_the_edge`."""

AHEAD = 1000.0
"""Length of the race, in units of the time at which the edge was found."""

RACE = 3000
"""Attempted steps of Rodas5P after which the race ends early."""


@lru_cache(maxsize=1024)
def is_stiff(system: Flow, rtol: float) -> bool:
    """Say whether Rodas5P needs less arithmetic than DOP853 for a flow at a tolerance.

    DOP853 follows the flow from its initial state until Hairer's test finds the method at the edge
    of its stability. Only then do both methods run over the same span. Their attempted steps,
    weighted by the operations that each step costs, decide. Nothing is timed: the answer depends
    on the system and the tolerance alone. A system that turns stiff much later is not noticed; ask
    for ``integrator="rodas5p"`` there.
    """
    from chaosbench.numerics.stability import on_the_edge

    y = np.array(system.ic)
    edgy, time = on_the_edge(system.kernel.address, 0.0, y, LOOK, rtol, rtol, PATIENCE)
    return bool(edgy) and _rodas5p_wins(system, time, y, rtol)


def _rodas5p_wins(system: Flow, time: float, start: FloatArray, rtol: float) -> bool:
    """Run both methods from where the edge was found, and compare their work."""
    from chaosbench.numerics.dop853 import EXHAUSTED, REACHED, integrate
    from chaosbench.numerics.rosenbrock import integrate_stiff

    d = system.dimension
    none = np.empty((0, d))
    f, jacobian, slope = stiff_addresses(system)
    y = start.copy()
    status, elapsed, _, attempts = integrate_stiff(
        f, jacobian, slope, time, y, AHEAD * time, 0.0, none, 1.0, rtol, rtol, BOUND, RACE, d
    )
    if status not in (REACHED, EXHAUSTED) or not elapsed > 0:
        return False
    equation = len(reachable(system.trace.outputs))
    # an attempt of Rodas5P costs 8 right-hand sides, a Jacobian (rarely more than 4 of them), its
    # LU factors and 8 solutions, whose operations wait for each other; one of DOP853 costs 12
    # right-hand sides
    one = (8 + min(d, 4)) * equation + 4 * (2 * d**3 / 3 + 16 * d**2 + 56 * d)
    other = 12 * equation + 70 * d
    budget = int(attempts * one / other) + 1
    y = start.copy()
    status, _, _, _ = integrate(f, time, y, elapsed, 0.0, none, 1.0, rtol, rtol, BOUND, budget, d)
    return bool(status == EXHAUSTED)
