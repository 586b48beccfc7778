"""Which flows are too stiff for DOP853: decided by counted work, so that every machine agrees."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chaosbench.dynamics.constants import known_constants
from chaosbench.expressions import reachable
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["flow_integrator", "stiffness"]

LOOK = 10_000
"""Attempted steps of DOP853 within which a stiff system shows."""

PATIENCE = 15
AHEAD = 1000.0
RACE = 3000
"""The race between the two goes over `AHEAD` times what it took to find the edge, or over as much
of it as Rodas5P covers in `RACE` attempted steps."""


def flow_integrator(system: System, rtol: float = 1e-10) -> str:
    """Return ``dop853`` or ``rodas5p``, whichever needs less arithmetic.

    A system whose constants are known keeps the integrator they were measured with. Any other is
    followed from its initial state by DOP853 until Hairer's test finds it at the edge of its
    stability. Only then do both run over the same span, and the attempted steps, weighted by the
    operations each costs, decide. Nothing is timed: the choice depends on the system and the
    tolerance alone. A system that turns stiff much later than it was looked at is not found out;
    ``integrator="rodas5p"`` is for such.
    """
    known = known_constants(system)
    if known is not None:
        return "rodas5p" if known.provenance["integrator"] == "rodas5p" else "dop853"
    return _measured(system, float(rtol))


@lru_cache(maxsize=1024)
def _measured(system: System, rtol: float) -> str:
    from chaosbench.numerics.stability import on_the_edge

    y = np.array(system.ic)
    edgy, time = on_the_edge(system.kernel.address, 0.0, y, LOOK, rtol, rtol, PATIENCE)
    return "rodas5p" if edgy and _rodas5p_wins(system, time, y, rtol) else "dop853"


def _rodas5p_wins(system: System, time: float, start: FloatArray, rtol: float) -> bool:
    """Race the two from where the edge was found."""
    from chaosbench.dynamics.orbits._orbit import BOUND
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
    # per attempt: 8 right-hand sides, a Jacobian (rarely dearer than 4 of them), its LU factors
    # and 8 solutions, whose operations wait for each other, against 12 right-hand sides
    one = (8 + min(d, 4)) * equation + 4 * (2 * d**3 / 3 + 16 * d**2 + 56 * d)
    other = 12 * equation + 70 * d
    budget = int(attempts * one / other) + 1
    y = start.copy()
    status, _, _, _ = integrate(f, time, y, elapsed, 0.0, none, 1.0, rtol, rtol, BOUND, budget, d)
    return bool(status == EXHAUSTED)


def stiff_addresses(system: System) -> tuple[int, int, int]:
    """Return the addresses of right-hand side, Jacobian and time derivative (0: autonomous)."""
    slope = system.time_derivative_kernel.address if system.driven else 0
    return system.kernel.address, system.jacobian_kernel.address, slope


def stiffness(system: System, *, periods: float = 20.0, rtol: float = 1e-8) -> float:
    """Return the largest ``|Re λ|`` of the Jacobian along an orbit, times the period.

    Around 10 to 1000 for the flows of the catalogue; an explicit method must take about a sixth
    as many steps a period, whatever the tolerance.
    """
    from chaosbench.dynamics.simulate import attractor_orbit, estimate_period

    known = known_constants(system)
    period = known.period if known else estimate_period(system)
    orbit = attractor_orbit(system, key=(0, 7), rtol=rtol)
    start, dt = orbit.time, period / 200
    states = orbit.sample(int(200 * periods), dt)
    jacobians = system.jacobian(start + dt * np.arange(len(states)), states)
    return float(np.abs(np.linalg.eigvals(jacobians).real).max() * period)
