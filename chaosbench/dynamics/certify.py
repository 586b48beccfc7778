"""Find for how long a trajectory is the true solution, by integrating again independently.

Two trajectories of a chaotic system separate as e^(λt), whatever made them differ. A stored
trajectory is therefore the solution through its first sample for a limited time only: about
ln(10⁻⁶σ/ε)/λ for errors of ε per Lyapunov time. To find this time, the solution is computed again
from the first sample as it is stored, in two ways.

The first check uses another method, which shares nothing with the one that made the samples:

- Flows use Taylor's method in double-double, from event to event where they switch. Where an
  equation has a 0/0, Taylor's method fails, and extrapolation of the midpoint rule takes its place.
- Maps are iterated in double-double.
- Delay systems use collocation at Gauss points, in double.
- Fields use an exponential Adams method where collocation made the samples, and collocation where
  ETDRK4 made them at a loose tolerance.

The second check repeats the method of the samples at a hundredth of its tolerance. No fault of the
other method can affect it. Its tolerance is `max(rtol/100, 3e-15)`: below that, the error estimate
of a step sees only rounding.

Samples in double-double have no finer witness, and an integration in double could not follow them
for as long. A flow is integrated again at a thousand times the tolerance, which changes the order
and the steps. A map is iterated again from a state displaced by ten thousand times the rounding.
Either changes the samples by more than their own errors.

A stochastic system is followed again along the same Brownian path, with a sixteenth of its step.
Its own scheme, of order 1.5, barely reaches 10⁻⁶, and no second scheme reaches it. The check finds
wrong samples and shows by how much the step is too long. An error that the scheme makes at every
step size is left to the tests of the scheme.

The dense past from which a delay system starts, and the Brownian path, are taken as given, like the
first sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.dynamics.orbits import (
    PIECES,
    CollocationOrbit,
    ExtrapolatedOrbit,
    RefinedOrbit,
    TaylorOrbit,
    integrator_for,
    orbit_of,
)
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.dynamics.units import own_units
from chaosbench.errors import InputError, IntegrationError
from chaosbench.systems import (
    DelaySystem,
    FieldSystem,
    Flow,
    Map,
    StochasticSystem,
    System,
    get,
)
from chaosbench.trajectories import FloatArray, real_array

__all__ = [
    "AGREEMENT", "Certificate", "certified_again", "certified_until", "describe",
    "shared_certificate",
]  # fmt: skip

AGREEMENT = 1e-6
"""Largest difference between samples that agree, in standard deviations of each variable."""

COLLOCATION_TOLERANCE = 1e-12
"""Bound on the last terms of a step's series; for a field, on the error at the end of a step.

The series falls off tenfold per term, so that errors are at rounding.
"""

ADAMS_TOLERANCE = 1e-15
"""Errors after one or two Lyapunov times are then below 1e-11, at 4/3 of the cost of 1e-14."""

TIGHTEST = 3e-15
"""Smallest tolerance of the second check."""

FINEST = 1e-15
"""Smallest tolerance of samples in double; those below it are in double-double."""

TAYLOR_TOLERANCE = 1e-20
"""Far below what a double can store, and cheaper than full double-double accuracy."""

NUDGE = 1e-28
"""Relative displacement in double-double arithmetic: ten thousand times its rounding."""

LOOSER = 30.0
"""How much looser the check of samples in double-double is that start between doubles.

The order of Taylor's method then differs by two.
"""

SMALL_NUDGE = 1e-30
"""Relative displacement of a map's state there: a hundred times the rounding."""

WITNESS_LOOKS = 64.0
"""Times as often as usual that a witness looks for features of the driving."""

CHUNK = 64
"""Samples between comparisons, so that integration stops soon after the first failure."""

LONG_CHUNK = 1024
"""The same where most trajectories agree to their end."""


class _Sampled(Protocol):
    def sample(self, points: int, dt: float) -> FloatArray: ...


@dataclass(frozen=True)
class Certificate:
    """The result of certifying one trajectory.

    Attributes:
        until: for how long all checks agree, in time units (iterations, for a map) since the sample
            that the certificate starts from; None where the memory of the system is not known.
        checks: the integrations that the trajectory was compared with.
        reason: why there is no certificate; empty if there is one.

    """

    until: float | None
    checks: tuple[str, ...] = ()
    reason: str = ""


def describe(certificates: Sequence[Certificate]) -> str:
    """Describe the checks behind the certificates of one set of trajectories."""
    reasons = {c.reason or f"{AGREEMENT:g} σ: {', '.join(c.checks)}" for c in certificates}
    return "; or ".join(sorted(reasons))


def shared_certificate(certificates: Sequence[Certificate]) -> list[float] | None:
    """Return the certified times of a set of trajectories; None unless each of them has one."""
    times = [certificate.until for certificate in certificates]
    known = [time for time in times if time is not None]
    return known if known and len(known) == len(times) else None


def certified_until(
    system: str | System,
    values: ArrayLike,
    dt: float,
    *,
    start: int = 0,
    start_time: float = 0.0,
    rtol: float = 1e-12,
    sigma: ArrayLike | None = None,
    memory: Any = None,
    scales: Scales | None = None,
) -> Certificate:
    """Return for how long one trajectory is the solution through one of its samples.

    Args:
        system: name or System.
        values: samples ``(T, d)``.
        dt: sampling step in time units (1 for a map).
        start: index of the sample that the certificate starts from and takes as exact: the first
            of a training trajectory, the last of the context of a test window. Any point of the
            attractor is a fair start, so what came before a forecast needs no certificate.
        start_time: absolute time of the *first* sample.
        rtol: tolerance of the samples; below 1e-15 they are in double-double.
        sigma: units of the differences, ``(d,)``; by default the standard deviations that are
            stored for the system, or else those of the samples. A variable that never moves is
            compared in its own units.
        memory: what an orbit remembered at the sample `start`; see `Orbit.memory`. Without it there
            is no certificate for a delay system, which needs its past, or for a stochastic system,
            which needs its Brownian path: samples do not hold what happened between them.
        scales: scales of the system; looked up if not given.

    Returns:
        Certificate; `until` ends on a sample.

    Raises:
        InputError: a shape is wrong, or `start` is not the index of a sample.

    """
    system = get(system)
    scales = scales or scales_of(system)
    given = real_array(values, what=f"samples of {system.name!r}")
    if given.ndim != 2 or given.shape[1] != system.dimension or not len(given):
        raise InputError(
            f"a trajectory of {system.name!r} must have shape (T, {system.dimension}), "
            f"not {given.shape}"
        )
    if not 0 <= start < len(given):
        raise InputError(f"start must index one of the {len(given)} samples, not {start!r}")
    if sigma is None:
        sigma = given.std(axis=0) if scales.constants is None else scales.spread
    spread = real_array(sigma, what="sigma")
    spread = np.where(spread > 0, spread, 1.0)
    scales, units = own_units(_at(scales, given[start]), rtol=max(rtol, FINEST))
    system, given, spread = scales.system, given / units, spread / units
    given = given[start:]
    begin = start_time + start * dt
    if isinstance(system, DelaySystem) and memory is None:
        return Certificate(None, reason="the past of a delay system is not in its samples")
    if isinstance(system, StochasticSystem) and memory is None:
        return Certificate(None, reason="the path of the noise is not in a system's samples")
    makers = _witnesses(scales, given[0], begin, rtol, memory)
    agreed, checks = len(given), []
    for choices in makers:
        # a check need not look beyond where an earlier one failed
        agreed, check = _first_that_lasts(choices, given[:agreed], dt, spread)
        checks.append(check)
    return Certificate((agreed - 1) * dt, tuple(checks))


def certified_again(
    orbit: TaylorOrbit, values: FloatArray, dt: float, *, scales: Scales
) -> Certificate:
    """Return for how long samples in double-double are the solution through the first of them.

    Unlike `certified_until`, the check starts from the state before it was rounded to a double.

    Args:
        orbit: at the first sample; it stays there.
        values: samples ``(T, d)`` rounded to double, in the units of the definition.
        dt: sampling step in time units (1 for a map).
        scales: give the units of the differences.

    Returns:
        Certificate; `until` ends on a sample.

    """
    given = values
    loose, looks = LOOSER * orbit.tolerance, WITNESS_LOOKS * scales.looks
    spread = np.where(scales.spread > 0, scales.spread, 1.0)
    if isinstance(orbit.system, Map):
        check = f"iteration in double-double from {SMALL_NUDGE:g} away"
        other = orbit.again(tolerance=orbit.tolerance, nudge=SMALL_NUDGE)
    else:
        check, other = f"taylor-dd at {loose:g}", orbit.again(tolerance=loose, looks=looks)
    agreed, _ = _agreement(other, given, dt, spread, chunk=LONG_CHUNK)
    return Certificate((agreed - 1) * dt, (check,))


def _at(scales: Scales, state: FloatArray) -> Scales:
    """Return scales whose magnitudes are those of the orbit from a state."""
    return scales if scales.constants else replace(scales, system=scales.system.with_ic(state))


Maker = tuple[str, Callable[[], _Sampled]]


def _witnesses(
    scales: Scales, state: FloatArray, time: float, rtol: float, memory: Any
) -> list[Sequence[Maker]]:
    """List the checks; each is a list of integrations of which the first that works counts."""
    system, looks = scales.system, WITNESS_LOOKS * scales.looks
    if rtol < FINEST:
        return [[_finer(scales, state, time, 1000.0 * rtol)]]
    tight = min(rtol, max(rtol / 100.0, TIGHTEST))

    def own(integrator: str, tolerance: float) -> Maker:
        return (
            f"{integrator} at {tolerance:g}",
            lambda: orbit_of(
                system, state, time, rtol=tolerance, integrator=integrator, memory=memory,
                looks=looks,
            ),
        )  # fmt: skip

    def taylor(name: str) -> Maker:
        return name, lambda: TaylorOrbit(
            system, state, time, tolerance=TAYLOR_TOLERANCE, looks=looks
        )

    same = integrator_for(system, tight, stiff=scales.stiff)
    match system:
        case Map():
            return [[taylor("iteration in double-double")]]
        case DelaySystem():
            collocation: Maker = (
                f"collocation at {COLLOCATION_TOLERANCE:g}",
                lambda: CollocationOrbit(
                    system,
                    state,
                    time,
                    rtol=COLLOCATION_TOLERANCE,
                    memory_at_start=memory,
                    looks=looks,
                ),
            )
            return [[collocation], [own(same, tight)]]
        case FieldSystem():
            method = integrator_for(system, rtol)
            other, finer = (
                ("exponential-adams", ADAMS_TOLERANCE)
                if method == "collocation"
                else ("collocation", COLLOCATION_TOLERANCE)
            )
            return [[own(other, finer)], [own(method, tight)]]
        case StochasticSystem():
            return [[(
                f"ito-1.5 in 1/{PIECES} of the step",
                lambda: RefinedOrbit(system, state, time, memory_at_start=memory),
            )]]  # fmt: skip
        case Flow() if system.switches is None:
            extrapolation: Maker = (
                f"extrapolation at {tight:g}",
                lambda: ExtrapolatedOrbit(system, state, time, rtol=tight, looks=looks),
            )
            return [[taylor("taylor-dd"), extrapolation], [own(same, tight)]]
    return [[taylor("taylor-dd")], [own(same, tight)]]


def _finer(scales: Scales, state: FloatArray, time: float, loose: float) -> Maker:
    """Return the check of samples in double-double, which nothing finer can follow."""
    system, looks = scales.system, WITNESS_LOOKS * scales.looks
    if isinstance(system, Map):
        return (
            f"iteration in double-double from {NUDGE:g} away",
            lambda: TaylorOrbit(system, state, time, nudge=NUDGE),
        )
    return f"taylor-dd at {loose:g}", lambda: TaylorOrbit(
        system, state, time, tolerance=loose, looks=looks
    )


def _first_that_lasts(
    choices: Sequence[Maker], given: FloatArray, dt: float, spread: FloatArray
) -> tuple[int, str]:
    """Compare with the first integration that does not give up, or else with the last."""
    agreed, check = 1, ""
    for name, make in choices:
        check = name
        agreed, lasted = _agreement(make(), given, dt, spread)
        if lasted:
            break
    return agreed, check


def _agreement(
    orbit: _Sampled, given: FloatArray, dt: float, spread: FloatArray, chunk: int = CHUNK
) -> tuple[int, bool]:
    """Count the leading samples that agree, and say whether the integration got that far."""
    done = 1
    while done < len(given):
        points = min(chunk, len(given) - done)
        try:
            again = orbit.sample(points + 1, dt)[1:]
        except IntegrationError:
            return done, False
        off = np.abs(again - given[done : done + points]) / spread
        wrong = ~(off.max(axis=1) <= AGREEMENT)
        if wrong.any():
            return done + int(np.argmax(wrong)), True
        done += points
    return done, True
