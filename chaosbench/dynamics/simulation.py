"""Trajectories of a system, from its attractor or from given initial states."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.dynamics.attractor import place, settle
from chaosbench.dynamics.certify import certified_until, describe, shared_certificate
from chaosbench.dynamics.history import histories, in_units, peak, present
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
from chaosbench.errors import InputError, ParameterError, shown
from chaosbench.provenance import versions
from chaosbench.systems import Flow, StochasticSystem, System, get
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["sampling_step", "simulate"]

Precision = Literal["double", "double-double"]

LONGEST_TRANSIENT = 1e8
"""Iterations of a map, or periods; hours to days."""

NUMBERS_AT_MOST = 2**33
"""Of all trajectories together; 64 GiB."""


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
    history: Callable[[float], ArrayLike] | Trajectories | None = None,
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
        dt: sampling step in time units. Give at most one of the three. Maps are sampled at every
            iteration whatever the other two are, and refuse another step than 1.
        rtol: relative tolerance of the local error; a stochastic system has a fixed step of its own
            instead.
        atol: absolute tolerance of each variable, a number or ``(d,)``. By default it is `rtol`
            times the variable's magnitude on its first steps, or `rtol` itself for a system of the
            catalogue with its own parameters, whose constants were measured so.
        max_step: longest step in time units.
        bound: magnitude of the largest variable at which a trajectory has escaped; by default 1e9,
            or 1e9 times the magnitude of a variable that is larger than 1.
        ic: initial state ``(d,)`` or states ``(n, d)`` of the trajectories. Without it every
            trajectory starts at its own point of the attractor: the initial state of the system is
            perturbed by a millionth of its spread and followed for a random time.
        history: what a delay system did before the start, in place of `ic`: a smooth function of
            time from minus the longest delay to 0, or Trajectories whose last sample is the
            present. With `ic`, the history is constant.
        n: number of trajectories, unless `ic` or `history` gives them.
        seed: each trajectory, with its noise, depends only on the seed and on its own index.
        transient: time units (iterations) dropped before the first sample. The default is 0 with
            `ic` or `history`. Without, it is between 100 and 200 periods and at least 20 Lyapunov
            times (10 to 20 periods for a field and for a system whose chaos is transient).
        integrator: ``auto`` or the name of a method. For a flow: ``dop853``, ``rodas5p`` (for stiff
            flows) or ``taylor-lanes``, which integrates several trajectories side by side on SIMD
            lanes; it is several times as fast for eight or more and gives the same trajectories
            within `rtol`. For a field: ``collocation`` or ``etdrk4``, which ``auto`` chooses at
            tolerances of 1e-6 and above.
        precision: ``double`` or ``double-double``. The latter integrates the samples of a flow by
            Taylor's method at a local error of 1e-30 (and iterates a map) in 106 bits, from the
            double state on which the orbit settled, and rounds them to double at the end. They are
            the solution through the first sample for some 50 Lyapunov times instead of some 20.
            `rtol` then applies to the settling only.
        certify: whether to find out for how long each trajectory is the solution through its first
            sample; the result has it in `certified_until`. See `chaosbench.dynamics.certify`. It
            costs about twice as much as the certified part of the trajectory.
        scales: scales of the system; looked up if not given.

    Returns:
        Trajectories with values ``(n, T, d)``.

    Raises:
        TrajectoryEscapedError: the state left every bound; the error holds the time.
        ParameterError, InputError: a setting is invalid, or double-double is asked for a system
            that is neither a flow nor a map.

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
    if points * n * system.dimension > NUMBERS_AT_MOST:
        raise ParameterError(
            f"{n} x {points} points of {system.dimension} variables do not fit into memory; ask "
            f"for at most {NUMBERS_AT_MOST} numbers"
        )
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        raise ParameterError(f"seed must be a non-negative integer, not {seed!r}")
    if transient is not None and not (isinstance(transient, Real) and 0 <= transient < np.inf):
        raise ParameterError(f"transient must be a finite time of at least 0, not {transient!r}")
    if transient is not None and transient > LONGEST_TRANSIENT:
        longest = LONGEST_TRANSIENT * (1.0 if system.discrete else max(1.0, scales.period))
        if transient > longest:
            raise ParameterError(f"transient must be at most {longest:g}, not {transient!r}")
    check_length("max_step", max_step)
    check_length("bound", bound)
    if precision not in ("double", "double-double"):
        raise ParameterError(f"precision must be 'double' or 'double-double', not {precision!r}")
    if precision == "double-double":
        require_tape(system)
        if integrator == LANES:
            raise ParameterError(f"{LANES} integrates in double; choose another integrator")
    step = sampling_step(
        system,
        points_per_period=points_per_period,
        points_per_lyapunov=points_per_lyapunov,
        dt=dt,
        scales=scales,
    )
    if ic is not None and history is not None:
        raise ParameterError("give ic or history, not both; a history ends in the initial state")
    pasts = None if history is None else histories(system, history)
    starts = None if ic is None else _starts(system, ic)
    if pasts is not None:
        starts = [present(past) for past in pasts]
    named = system
    if starts is not None and scales.constants is None:
        usual = starts[0] if pasts is None else peak(pasts[0])
        scales = replace(scales, system=system.with_ic(usual))
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
                scales,
                start,
                length,
                rtol=rtol,
                integrator=chosen,
                key=(int(seed), k),
                memory=None if pasts is None else in_units(pasts[k], units),
                **limits,
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
    values *= units  # in place: they are most of the memory
    return Trajectories(
        values,
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
    ic = _in_order_of(system, ic)
    several = np.ndim(ic[0]) > 0 if isinstance(ic, (list, tuple)) and ic else np.ndim(ic) > 1
    starts = [system.state(start) for start in (ic if several else [ic])]  # type: ignore[union-attr]
    if not starts:
        raise InputError(f"ic holds no initial state; give (d,) or (n, d), not {shown(ic)}")
    return starts


def _in_order_of(system: System, ic: Any) -> Any:
    """Return initial states from pandas in the order of the system's variables."""
    labels = getattr(ic, "columns", getattr(ic, "index", None))
    if labels is None or callable(labels):  # a list has a method of that name
        return ic
    if all(isinstance(label, int) for label in labels):
        return ic.to_numpy()
    if sorted(map(str, labels)) != sorted(system.variables):
        raise InputError(
            f"ic names the variables {', '.join(map(str, labels[:6]))}; those of {system.name!r} "
            f"are {', '.join(system.variables[:6])}"
        )
    return ic[list(system.variables)].to_numpy()


def sampling_step(
    system: System,
    *,
    points_per_period: float | None = None,
    points_per_lyapunov: float | None = None,
    dt: float | None = None,
    scales: Scales | None = None,
) -> float:
    """Return the sampling step in time units from the one setting that is given.

    The default is 100 points per period; `scales` are looked up if not given.
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
        check_length(name, value)
    if len(given) > 1:
        raise ParameterError(f"give only one of {' and '.join(given)}")
    if system.discrete:
        if dt not in (None, 1):
            raise ParameterError(
                f"{system.name!r} is a map and sampled at every iteration: dt is 1, not {dt!r}"
            )
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
