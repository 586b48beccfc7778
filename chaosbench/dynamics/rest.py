"""Fixed points: where an orbit comes to rest, exponents are exact and need no average."""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.orbits import Orbit
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import IntegrationError
from chaosbench.systems import Flow, Map
from chaosbench.trajectories import FloatArray

__all__ = ["rates_at_rest"]

NEWTON_STEPS = 100
"""In which a fixed point near the orbit is found, or none is; at a bifurcation they are many."""

MARGINAL = 1e-6
"""Largest exponent, relative to the fastest, from which on a fixed point attracts only slowly."""

MARGINAL_ROUNDS = 5
"""Rounds in which an orbit must come nearer to such a fixed point, which it never reaches."""

NEAR = 0.1
"""Distance, relative to the size of the state, from which on a fixed point may be the limit."""

AT_REST = 1e-9
"""Distance at which the orbit has arrived."""

MOST_ROUNDS = 50
"""Of ten periods in which the orbit must come nearer, each time."""


def rates_at_rest(orbit: Orbit, scales: Scales) -> FloatArray | None:
    """Return the exponents of the fixed point that an orbit settles on, in falling order ``(d,)``.

    They are the real parts of the eigenvalues of the Jacobian there (for a map the logarithms of
    their moduli). None where the orbit does not come to rest: no stable fixed point is near, or the
    orbit does not approach it.
    """
    system = orbit.system
    smooth = isinstance(system, Map) or (isinstance(system, Flow) and system.switches is None)
    if system.driven or not smooth:
        return None
    for rounds in range(MOST_ROUNDS):
        point = _fixed_point(orbit)
        if point is None:
            return None
        rates = _rates(orbit, point)
        size = max(1.0, float(np.abs(point).max()))
        far = float(np.abs(orbit.state - point).max())
        slow = MARGINAL * float(np.abs(rates).max())
        if rates[0] > slow or far > NEAR * size:
            return None
        if far <= AT_REST * size and rates[0] < -slow:
            return rates
        if rates[0] >= -slow and rounds >= MARGINAL_ROUNDS:
            return rates
        try:
            orbit.advance(round(10 * scales.period) if system.discrete else 10 * scales.period)
        except IntegrationError:
            return None
        if not np.abs(orbit.state - point).max() < far:
            return None
    return None


def _fixed_point(orbit: Orbit) -> FloatArray | None:
    """Return the fixed point that Newton's method finds from the orbit's state ``(d,)``."""
    system, point = orbit.system, orbit.state.copy()
    identity = np.eye(point.size) if system.discrete else np.zeros((point.size, point.size))
    for _ in range(NEWTON_STEPS):
        off = system.rhs(orbit.time, point) - (point if system.discrete else 0.0)
        try:
            step = np.linalg.solve(system.jacobian(orbit.time, point) - identity, off)
        except np.linalg.LinAlgError:
            return None
        point = point - step
        if not np.isfinite(point).all():
            return None
        if np.abs(step).max() <= 1e-12 * max(1.0, np.abs(point).max()):
            return point
    return None


def _rates(orbit: Orbit, point: FloatArray) -> FloatArray:
    eigenvalues = np.linalg.eigvals(orbit.system.jacobian(orbit.time, point))
    if orbit.system.discrete:
        with np.errstate(divide="ignore"):
            return np.sort(np.log(np.abs(eigenvalues)))[::-1]
    return np.sort(eigenvalues.real)[::-1]
