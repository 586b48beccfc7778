"""Lyapunov exponents of a system, by two independent methods."""

from __future__ import annotations

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.exponents import (
    LyapunovSpectrum,
    TwinExponent,
    batch_means,
    batch_stderr,
    schedule_for,
    tangents_of,
    twins_of,
)
from chaosbench.dynamics.rest import rates_at_rest
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.dynamics.units import own_units
from chaosbench.errors import ParameterError
from chaosbench.systems import DelaySystem, FieldSystem, System, get

__all__ = ["lyapunov_spectrum", "twin_exponent"]

DELAY_EXPONENTS = 4
"""Default number of exponents of a delay system."""

DELAY_EXPONENTS_AT_MOST = 20
"""Most exponents of a delay system, which has infinitely many; so many are shown to be right."""

FIELD_EXPONENTS = 8
"""Default number of exponents of a field."""

BATCHES_KEPT = 16
"""Number of batch means that a spectrum keeps."""


def lyapunov_spectrum(
    system: str | System,
    *,
    periods: float = 2000.0,
    count: int | None = None,
    rtol: float = 1e-9,
    seed: int = 0,
    transient: float | None = None,
    scales: Scales | None = None,
) -> LyapunovSpectrum:
    """Compute the Lyapunov spectrum from the exact variational equations.

    State and tangent vectors are integrated together. The tangent vectors are orthonormalised ten
    times per period (for a map, at every iteration; for a delay system, whose tangent vectors are
    histories, once per longest lag).

    Args:
        system: name or System.
        periods: dominant periods to average over (iterations / 50, for a map).
        count: number of exponents; all of them by default; 4, and up to 20, for a delay
            system; 8 for a field.
        rtol: tolerance of the integration.
        seed: chooses the starting point on the attractor.
        transient: time units dropped first; see `simulate`.
        scales: scales of the system; looked up if not given.

    Raises:
        TrajectoryEscapedError: the trajectory left every bound.
        ParameterError: `periods` or `count` is out of range.

    """
    system = get(system)
    scales = scales or scales_of(system)
    usual, most = _counts(system)
    count = usual if count is None else count
    if not 1 <= count <= most:
        raise ParameterError(f"count must lie between 1 and {most} for {system.name!r}")
    if not (np.isfinite(periods) and periods >= 10):
        raise ParameterError(f"periods must be at least 10, not {periods!r}")
    scales, _ = own_units(scales, rtol=rtol)
    orbit = attractor_orbit(scales, key=(seed, 0), rtol=rtol, transient=transient)
    plan = schedule_for(scales, periods)
    at_rest = rates_at_rest(orbit, scales)
    if at_rest is not None:
        length = plan.counted * plan.segment
        none = np.zeros(count)
        return LyapunovSpectrum(at_rest[:count], none, length, complete=count == system.dimension)
    tangents = tangents_of(orbit, count, plan.segment, seed)
    rates = tangents.follow(plan.warm + plan.counted)[plan.warm :] / plan.segment
    values = rates.mean(axis=0)
    order = np.argsort(-values)
    return LyapunovSpectrum(
        values[order],
        batch_stderr(rates)[order],
        plan.counted * plan.segment,
        complete=not isinstance(system, DelaySystem) and count == system.dimension,
        work=tangents.work,
        batches=batch_means(rates, BATCHES_KEPT)[:, order],
    )


def _counts(system: System) -> tuple[int, int]:
    """Return the default and the largest number of exponents."""
    if isinstance(system, DelaySystem):
        return DELAY_EXPONENTS, DELAY_EXPONENTS_AT_MOST
    if isinstance(system, FieldSystem):
        return FIELD_EXPONENTS, system.dimension
    return system.dimension, system.dimension


def twin_exponent(
    system: str | System,
    *,
    periods: float = 2000.0,
    distance: float = 1e-7,
    rtol: float = 1e-11,
    seed: int = 0,
    scales: Scales | None = None,
) -> TwinExponent:
    """Compute the largest exponent from two nearby trajectories that are pulled together again.

    It uses the equation but not its Jacobian, and so checks `lyapunov_spectrum`.

    Args:
        system: name or System.
        periods: as for `lyapunov_spectrum`.
        distance: distance to which the second trajectory is pulled back, in standard deviations of
            the attractor, or in sizes of the initial state where they are not known.
        rtol: tolerance of the integration.
        seed: chooses the starting point on the attractor.
        scales: scales of the system; looked up if not given.

    """
    system = get(system)
    scales, _ = own_units(scales or scales_of(system), rtol=rtol)
    plan = schedule_for(scales, periods)
    twins = twins_of(scales, distance=distance, segment=plan.segment, rtol=rtol, seed=seed)
    logs = twins.follow(plan.warm + plan.counted)[plan.warm :]
    rates = logs[:, np.newaxis] / plan.segment
    return TwinExponent(float(rates.mean()), float(batch_stderr(rates)[0]))
