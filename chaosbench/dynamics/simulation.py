"""Trajectories of a system, from its attractor or from given initial states."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.dynamics.attractor import place, settle
from chaosbench.dynamics.certify import certified_until, describe, shared_certificate
from chaosbench.dynamics.orbits import (
    LANES,
    TOLERANCE,
    Orbit,
    TaylorOrbit,
    check_integrator,
    require_tape,
    sample_lanes,
)
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.dynamics.stored import constants
from chaosbench.dynamics.units import check_length, own_units
from chaosbench.errors import InputError, ParameterError
from chaosbench.provenance import versions
from chaosbench.systems import Flow, StochasticSystem, System, get
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["sampling_step", "simulate"]

Precision = Literal["double", "double-double"]


def simulate(
    system: str | System,
    *,
    points: int = 1000,
    points_per_period: float | None = None,
    points_per_lyapunov: float | None = None,
    dt: float | None = None,
    rtol: float = 1e-10,
    atol: ArrayLike | None = None,
    max_step: float | None = None,
    bound: float | None = None,
    ic: ArrayLike | None = None,
    n: int = 1,
    seed: int = 0,
    transient: float | None = None,
    integrator: str = "auto",
    precision: Precision = "double",
    certify: bool = False,
    scales: Scales | None = None,
) -> Trajectories:
    """Integrate a system and sample it on a uniform grid.

    Args:
        system: name or System.
        points: samples of each trajectory, `T`.
        points_per_period: samples per dominant period (100, unless another step is given).
        points_per_lyapunov: samples per Lyapunov time.
        dt: sampling step in time units. At most one of the three; maps are sampled at every
            iteration whatever is asked.
        rtol: relative tolerance of the local error; a stochastic system has a fixed step of its own
            instead.
        atol: absolute tolerance of each variable, a number or ``(d,)``. By default it is `rtol`
            times the variable's magnitude on its first steps, or `rtol` itself for a system of the
            catalogue with its own parameters, whose constants were measured so.
        max_step: longest step in time units.
        bound: magnitude of a variable at which a trajectory has escaped; by default 1e9 times its
            own magnitude (1e9, of a system that was measured).
        ic: initial state ``(d,)`` or states ``(n, d)``, sampled from there on. Without it every
            trajectory starts at a point of the attractor of its own: the system's initial state is
            perturbed by a millionth of its spread and followed for a random time.
        n: number of trajectories, unless `ic` gives them.
        seed: a trajectory, with the noise that moves it, depends on the seed and on its own index
            only.
        transient: time units (iterations) dropped before the first sample; 0 with `ic`, else by
            default between 100 and 200 periods and at least 20 Lyapunov times (10 to 20 periods
            for a field and for a system whose chaos is transient).
        integrator: ``auto``, or for a flow ``dop853``, ``rodas5p``, which is for stiff ones, or
            ``taylor-lanes``, which integrates several trajectories side by side on SIMD lanes:
            several times as fast for eight or more, the same trajectories within `rtol`; for a
            field ``collocation``, or ``etdrk4``, which is chosen from a tolerance of 1e-6 on.
        precision: ``double-double`` integrates the samples of a flow by Taylor's method at a
            local error of 1e-30 (and iterates a map) in 106 bits, from the double state that it
            settled on, and rounds them to double at the end: the solution through the first sample
            for some 50 Lyapunov times instead of some 20. `rtol` then holds for the settling only.
        certify: find out for how long each trajectory is the solution through its first sample, as
            `certified_until` of the result; see `chaosbench.dynamics.certify`. It costs about as
            much as the certified part of the trajectory, twice.
        scales: of the system; looked up unless they are given.

    Returns:
        Trajectories with values ``(n, T, d)``.

    Raises:
        TrajectoryEscapedError: with the time of the escape.
        ParameterError, InputError: settings that make no sense; double-double for a delay system or
            for a flow with a kink.

    Example:
        >>> simulate("lorenz", points=1000, points_per_period=100).values.shape
        (1, 1000, 3)

    """
    system = get(system)
    scales = scales or scales_of(system)
    if not (isinstance(points, (int, np.integer)) and points >= 1):
        raise ParameterError(f"points must be a positive integer, not {points!r}")
    if not (isinstance(n, (int, np.integer)) and n >= 1):
        raise ParameterError(f"n must be a positive integer, not {n!r}")
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        raise ParameterError(f"seed must be a non-negative integer, not {seed!r}")
    if transient is not None and not (isinstance(transient, Real) and 0 <= transient < np.inf):
        raise ParameterError(f"transient must be a finite time of at least 0, not {transient!r}")
    check_length("max_step", max_step)
    check_length("bound", bound)
    if precision not in ("double", "double-double"):
        raise ParameterError(f"precision is 'double' or 'double-double', not {precision!r}")
    if precision == "double-double":
        require_tape(system)
        if integrator == LANES:
            raise ParameterError(f"{LANES} integrates in double; leave out one of the two")
    step = sampling_step(
        system,
        points_per_period=points_per_period,
        points_per_lyapunov=points_per_lyapunov,
        dt=dt,
        scales=scales,
    )
    starts = None if ic is None else _starts(system, ic)
    named = system
    if starts is not None and scales.constants is None:
        scales = replace(scales, system=system.with_ic(starts[0]))
    scales, units = own_units(scales, rtol=rtol, atol=atol)
    system = scales.system
    chosen = check_integrator(integrator, system, rtol, stiff=scales.stiff)
    if starts is None:
        count = int(n)
        placed = (place(scales, (int(seed), k), transient) for k in range(count))
    else:
        count = len(starts)
        placed = ((start / units, float(transient or 0.0)) for start in starts)
    limits: dict[str, Any] = {
        "max_step": math.inf if max_step is None else float(max_step),
        "bound": None if bound is None else float(bound / units.max()),
    }
    orbits: list[Orbit] = []
    if chosen == LANES and isinstance(system, Flow):
        values, start_times = sample_lanes(system, placed, count, points, step, rtol)
    else:
        orbits = [
            settle(
                scales, start, length, rtol=rtol, integrator=chosen, key=(int(seed), k), **limits
            )
            for k, (start, length) in enumerate(placed)
        ]
        start_times = np.array([orbit.time for orbit in orbits])
    memories = [orbit.memory() for orbit in orbits] or [None] * count
    if precision == "double-double":
        chosen, rtol = "taylor-dd", TOLERANCE
        exact = [
            TaylorOrbit(system, orbit.state, orbit.time, looks=scales.looks) for orbit in orbits
        ]
        values = np.stack([orbit.sample(points, step) for orbit in exact])
    elif chosen != LANES:
        values = np.stack([orbit.sample(points, step) for orbit in orbits])
    certificates = [
        certified_until(
            system, values[k], step, start_time=start_times[k], rtol=rtol, memory=memory,
            scales=scales,
        )
        for k, memory in enumerate(memories if certify else [])
    ]  # fmt: skip
    return Trajectories(
        values * units,
        step,
        variables=named.variables,
        start_times=start_times,
        provenance={
            "system": named.name,
            "fingerprint": named.fingerprint,
            "integrator": chosen,
            "rtol": rtol,
            **({"step": system.step} if isinstance(system, StochasticSystem) else {}),
            "seed": int(seed),
            "versions": versions(),
        }
        | ({"certificate": describe(certificates)} if certify else {}),
        certified_until=shared_certificate(certificates),
    )


def _starts(system: System, ic: ArrayLike) -> list[FloatArray]:
    """Return the initial states ``(d,)`` that a user gave."""
    several = np.ndim(ic[0]) > 0 if isinstance(ic, (list, tuple)) and ic else np.ndim(ic) > 1
    starts = [system.state(start) for start in (ic if several else [ic])]  # type: ignore[union-attr]
    if not starts:
        raise InputError(f"ic holds no initial state; give (d,) or (n, d), not {ic!r}")
    return starts


def sampling_step(
    system: System,
    *,
    points_per_period: float | None = None,
    points_per_lyapunov: float | None = None,
    dt: float | None = None,
    scales: Scales | None = None,
) -> float:
    """Return the sampling step in time units that one of the three settings asks for.

    `scales` are looked up unless they are given.
    """
    given = {
        name: value
        for name, value in {
            "points_per_period": points_per_period,
            "points_per_lyapunov": points_per_lyapunov,
            "dt": dt,
        }.items()
        if value is not None
    }
    for name, value in given.items():
        if not (isinstance(value, Real) and np.isfinite(value) and value > 0):
            raise ParameterError(f"{name} must be positive and finite, not {value!r}")
    if len(given) > 1:
        raise ParameterError(f"give one of {' and '.join(given)}, not both")
    if system.discrete:
        return 1.0
    if dt is not None:
        return float(dt)
    if points_per_lyapunov is not None:
        time = constants(system).lyapunov_time
        if time is None:
            raise InputError(
                f"{system.name!r} is not chaotic and has no Lyapunov time; give points_per_period"
            )
        return float(time / points_per_lyapunov)
    period = (scales or scales_of(system)).period
    return float(period / (points_per_period or 100.0))
