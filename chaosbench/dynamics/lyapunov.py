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
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.dynamics.units import own_units
from chaosbench.errors import ParameterError
from chaosbench.systems import DelaySystem, FieldSystem, System, get

__all__ = ["lyapunov_spectrum", "twin_exponent"]

DELAY_EXPONENTS = 4
"""Of a delay system, unless another number is asked for."""

DELAY_EXPONENTS_AT_MOST = 6
"""Beyond which tangent histories are not told apart."""

FIELD_EXPONENTS = 8
"""Of a field, unless another number is asked for."""

BATCHES_KEPT = 16
"""Means over parts of the time that a spectrum keeps."""


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

    State and tangent vectors are integrated together; the tangent vectors are orthonormalised ten
    times a period (every iteration for a map, every longest lag for a delay system, whose tangent
    vectors are histories).

    Args:
        system: name or System.
        periods: dominant periods to average over (iterations / 50, for a map).
        count: number of exponents; all of them by default, 4 for a delay system, 8 for a field.
        rtol: tolerance of the integration.
        seed: chooses the starting point on the attractor.
        transient: time units dropped first; see `simulate`.
        scales: of the system; looked up unless they are given.

    Raises:
        TrajectoryEscapedError: the trajectory left every bound.
        ParameterError: a length or count that makes no sense.

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
    """Return how many exponents are usual, and how many there are at most."""
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
    """Compute the largest exponent from two trajectories pulled back together.

    Uses the equation only, not its Jacobian: a check on `lyapunov_spectrum`.

    Args:
        system: name or System.
        periods: as for `lyapunov_spectrum`.
        distance: to which the second trajectory is pulled back, in standard deviations of the
            attractor, or in the sizes of the initial state where none are known.
        rtol: tolerance of the integration.
        seed: chooses the starting point on the attractor.
        scales: of the system; looked up unless they are given.

    """
    system = get(system)
    scales, _ = own_units(scales or scales_of(system), rtol=rtol)
    plan = schedule_for(scales, periods)
    twins = twins_of(scales, distance=distance, segment=plan.segment, rtol=rtol, seed=seed)
    logs = twins.follow(plan.warm + plan.counted)[plan.warm :]
    rates = logs[:, np.newaxis] / plan.segment
    return TwinExponent(float(rates.mean()), float(batch_stderr(rates)[0]))
