"""A stiff semilinear equation u' = Lu + N(u) with its solution, for the integrators of fields."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.integrate import solve_ivp

LINEAR = np.array([-4.0, -0.5])
START = np.array([1.5, 3.0])


def brusselator(u):
    """Return a nonlinear part that is not small."""
    return np.stack(
        [1 + u[..., 0] ** 2 * u[..., 1], 3 * u[..., 0] - u[..., 0] ** 2 * u[..., 1]], -1
    )


@cache
def at_one():
    """Return u(1)."""
    solution = solve_ivp(
        lambda _, u: LINEAR * u + brusselator(u), (0, 1), START, rtol=1e-13, atol=1e-13,
        method="DOP853",
    )  # fmt: skip
    return solution.y[:, -1]


def started(integrator, linear, nonlinear, u, **settings):
    """Return an integrator at a single state."""
    given = {"step": 0.0, "rtol": 1e-10, "atol": 1e-10, "bound": 1e9, "max_steps": 10**6}
    modes = np.array(u, dtype=complex).reshape(1, 1, -1)
    weights = np.full((1, modes.size), 1 / modes.size)
    return integrator(np.reshape(linear, (1, -1)), nonlinear, modes, weights, **given | settings)
