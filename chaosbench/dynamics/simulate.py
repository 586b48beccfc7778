"""Trajectories of a system, from its attractor or from given initial states."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.dynamics.certify import certified_until, describe, shared_certificate
from chaosbench.dynamics.constants import known_constants
from chaosbench.dynamics.orbits._lanes import sample_lanes
from chaosbench.dynamics.orbits._orbit import LANES, Orbit, check_integrator
from chaosbench.dynamics.orbits._taylor import TOLERANCE, TaylorOrbit, require_tape
from chaosbench.errors import InputError, IntegrationError, ParameterError
from chaosbench.provenance import versions
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["attractor_orbit", "sampling_step", "settling_time", "simulate", "stationary"]

Precision = Literal["double", "double-double"]

JITTER = 1e-6
"""Perturbation of the initial state in standard deviations; chaos makes it a different orbit."""

FIELD_SETTLING_RTOL = 1e-4
"""Tolerance with which a field settles on its attractor."""

FIELD_SMOOTHING = 0.01
"""Share of that time, at its end, that is integrated as tightly as what follows."""


def simulate(
    system: str | System,
    *,
    points: int = 1000,
    points_per_period: float | None = None,
    points_per_lyapunov: float | None = None,
    dt: float | None = None,
    rtol: float = 1e-10,
    ic: ArrayLike | None = None,
    n: int = 1,
    seed: int = 0,
    transient: float | None = None,
    integrator: str = "auto",
    precision: Precision = "double",
    certify: bool = False,
) -> Trajectories:
    """Integrate a system and sample it on a uniform grid.

    Args:
        system: name or System.
        points: samples of each trajectory, `T`.
        points_per_period: samples per dominant period (100, unless another step is given).
        points_per_lyapunov: samples per Lyapunov time.
        dt: sampling step in time units. At most one of the three; maps are sampled at every
            iteration whatever is asked.
        rtol: relative and absolute tolerance of the local error; a stochastic system has a fixed
            step of its own instead.
        ic: initial state ``(d,)`` or states ``(n, d)``, sampled from there on. Without it every
            trajectory starts at a point of the attractor of its own: the system's initial state is
            perturbed by a millionth of its spread and followed for a random time.
        n: number of trajectories, unless `ic` gives them.
        seed: a trajectory, with the noise that moves it, depends on the seed and on its own index
            only.
        transient: time units (iterations) dropped before the first sample; 0 with `ic`, else by
            default between 100 and 200 periods and at least 20 Lyapunov times (10 to 20 periods
            for a field and for a system that is tagged transient).
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
    from chaosbench.systems import get

    system = get(system)
    if not (isinstance(points, (int, np.integer)) and points >= 1):
        raise ParameterError(f"points must be a positive integer, not {points!r}")
    if not (isinstance(n, (int, np.integer)) and n >= 1):
        raise ParameterError(f"n must be a positive integer, not {n!r}")
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        raise ParameterError(f"seed must be a non-negative integer, not {seed!r}")
    if transient is not None and not (isinstance(transient, Real) and 0 <= transient < np.inf):
        raise ParameterError(f"transient must be a finite time of at least 0, not {transient!r}")
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
    )
    chosen = check_integrator(integrator, system, rtol)
    if ic is None:
        count = int(n)
        placed = (_placed(system, (int(seed), k), transient) for k in range(count))
    else:
        several = np.ndim(ic[0]) > 0 if isinstance(ic, (list, tuple)) and ic else np.ndim(ic) > 1
        starts = [system.state(start) for start in (ic if several else [ic])]  # type: ignore[union-attr]
        if not starts:
            raise InputError(f"ic holds no initial state; give (d,) or (n, d), not {ic!r}")
        count = len(starts)
        placed = ((start, float(transient or 0.0)) for start in starts)
    orbits: list[Orbit] = []
    if chosen == LANES:
        values, start_times = sample_lanes(system, placed, count, points, step, rtol)
    else:
        orbits = [
            _settled(system, start, length, rtol, chosen, (int(seed), k))
            for k, (start, length) in enumerate(placed)
        ]
        start_times = np.array([orbit.time for orbit in orbits])
    memories = [orbit.memory() for orbit in orbits] or [{}] * count
    if precision == "double-double":
        chosen, rtol = "taylor-dd", TOLERANCE
        exact = [TaylorOrbit(system, orbit.state, orbit.time) for orbit in orbits]
        values = np.stack([orbit.sample(points, step) for orbit in exact])
    elif chosen != LANES:
        values = np.stack([orbit.sample(points, step) for orbit in orbits])
    certificates = [
        certified_until(system, values[k], step, start_time=start_times[k], rtol=rtol, **memory)
        for k, memory in enumerate(memories if certify else [])
    ]
    return Trajectories(
        values,
        step,
        variables=system.variables,
        start_times=start_times,
        provenance={
            "system": system.name,
            "fingerprint": system.fingerprint,
            "integrator": chosen,
            "rtol": rtol,
            **({"step": system.step} if system.kind == "stochastic" else {}),
            "seed": int(seed),
            "versions": versions(),
        }
        | ({"certificate": describe(certificates)} if certify else {}),
        certified_until=shared_certificate(certificates),
    )


def attractor_orbit(
    system: System,
    *,
    key: tuple[int, ...],
    rtol: float,
    transient: float | None = None,
    integrator: str = "",
) -> Orbit:
    """Return an orbit that has settled on the attractor at a place of its own.

    `key` seeds the perturbation, the random time and the noise of a stochastic system, so equal
    keys give equal orbits whoever asks and in whatever order.
    """
    start, length = _placed(system, key, transient)
    return _settled(system, start, length, rtol, integrator, key)


def _settled(
    system: System,
    start: FloatArray,
    length: float,
    rtol: float,
    integrator: str,
    key: tuple[int, ...],
) -> Orbit:
    if system.kind != "field":
        orbit = Orbit(system, start, rtol=rtol, integrator=integrator, key=key)
        orbit.advance(round(length) if system.kind == "map" else length)
        return orbit
    # a thousand times the work of a flow, and nobody sees it
    loose = max(rtol, FIELD_SETTLING_RTOL)
    rough = Orbit(system, start, rtol=loose)
    if loose == rtol:
        rough.advance(length)
    else:  # so that nothing is left of what loose steps do to the fast waves
        rough.advance((1.0 - FIELD_SMOOTHING) * length)
    orbit = Orbit(system, rough.state, rough.time, rtol=rtol, integrator=integrator)
    orbit.advance(length - rough.time)
    return orbit


def _placed(
    system: System, key: tuple[int, ...], transient: float | None
) -> tuple[FloatArray, float]:
    """Return where the orbit of a key starts, and for how long it settles."""
    generator = np.random.default_rng(key)
    known = known_constants(system)
    ic = np.array(system.ic)
    spread = np.array(known.std) if known else np.maximum(1.0, np.abs(ic))
    start = ic + JITTER * spread * generator.standard_normal(ic.size)
    if transient is None:
        transient = settling_time(system) * (1.0 + generator.random())
    return start, transient


def settling_time(system: System) -> float:
    """Return the least time units (iterations) from the initial state to the attractor."""
    if system.kind == "map":
        return 1000.0
    known = known_constants(system)
    period = known.period if known else estimate_period(system)
    if "transient" in system.declared_tags:
        return 10.0 * period  # what it is worth looking at does not last
    lyapunov_time = (known.lyapunov_time if known else None) or 0.0
    # an exponent of nearly nothing, of a system that is hardly chaotic, must not take forever
    # a period of a field is that of its slowest waves, and a step of it costs a hundred times more
    least = 10.0 if system.kind == "field" else 100.0
    return max(least * period, min(20.0 * lyapunov_time, 2000.0 * period))


def sampling_step(
    system: System,
    *,
    points_per_period: float | None = None,
    points_per_lyapunov: float | None = None,
    dt: float | None = None,
) -> float:
    """Return the sampling step in time units that one of the three settings asks for."""
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
    if system.kind == "map":
        return 1.0
    if dt is not None:
        return float(dt)
    if points_per_lyapunov is not None:
        from chaosbench.dynamics.constants import constants

        time = constants(system).lyapunov_time
        if time is None:
            raise InputError(
                f"{system.name!r} is not chaotic and has no Lyapunov time; give points_per_period"
            )
        return float(time / points_per_lyapunov)
    known = known_constants(system)
    period = known.period if known else estimate_period(system)
    return float(period / (points_per_period or 100.0))


@lru_cache(maxsize=256)
def estimate_period(system: System) -> float:
    """Estimate the dominant period in time units; see `dominant_period`."""
    if system.kind == "map":
        return 1.0
    if system.kind == "field":  # every grid point is a sample too
        count, longest, fine, rtol = 512, 10, 8, FIELD_SETTLING_RTOL
    else:
        count, longest, fine, rtol = 4096, 16, 32, 1e-9
    orbit = Orbit(system, np.array(system.ic), rtol=rtol)
    rate = np.abs(_slopes(system, orbit)).max()
    span = 100.0 * max(1e-6, float(np.abs(orbit.state).max()) / max(float(rate), 1e-12))
    step = 8 * system.step if system.kind == "stochastic" else span / count
    for _ in range(6):
        samples = stationary(system, orbit.sample(count, step))
        slopes = np.gradient(samples, step, axis=0)
        spread = samples.std(axis=0)
        moving = spread > 1e-9 * max(float(np.abs(samples).max()), 1e-300)
        if not moving.any():
            raise InputError(
                f"{system.name!r} settles on a fixed point from its initial state; it has no period"
            )
        # Rice's mean period of a stationary signal, of the slowest variable
        rice = float((2 * np.pi * spread[moving] / slopes.std(axis=0)[moving]).max())
        # a signal that still drifts or wanders seems to have no period, or an endless one: look
        # longer, but no more than eight times a round
        rice = min(rice, count // 8 * step)
        if count // 256 <= rice / step < count // 8:
            break
        step = rice / (count // 64)
    # a transient system may escape before the long look ends
    for exponent in (longest, longest - 3, longest - 6):
        try:
            samples = orbit.sample(2**exponent, rice / fine)
        except IntegrationError:
            orbit = Orbit(system, np.array(system.ic), rtol=rtol)
            continue
        return dominant_period(stationary(system, samples), rice / fine)
    raise InputError(f"{system.name!r} does not last for thirty periods; give dt")


def stationary(system: System, samples: FloatArray) -> FloatArray:
    """Return what has a spectrum: the samples, or their increments where a variable is unbounded.

    The spread of a phase that turns or wanders grows with the time it is watched, and its spectrum
    peaks at the lowest frequency there is: neither tells a period, however long the span.
    """
    return np.diff(samples, axis=0) if "unbounded" in system.declared_tags else samples


def _slopes(system: System, orbit: Orbit) -> FloatArray:
    delayed: Any = [orbit.state[delay.source] for delay in system.delays] or None
    return system.rhs(orbit.time, orbit.state, delayed)


def dominant_period(samples: FloatArray, dt: float) -> float:
    """Return the period at which the spectrum per logarithm of frequency is largest.

    Args:
        samples: one long trajectory ``(T, d)``, a thousand periods or more.
        dt: sampling step in time units.

    The power spectra of the standardised variables are added (Welch, 32 segments, Hann window)
    and multiplied by the frequency, which makes slow wandering count by its power and not by its
    slowness. The sum is smoothed over three bins and its peak refined by a parabola.

    """
    frequency, weighted = _spectrum(samples, dt)
    peak = int(np.argmax(weighted[1:-1])) + 1
    left, top, right = np.log(np.maximum(weighted[peak - 1 : peak + 2], 1e-300))
    curvature = left - 2 * top + right
    shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(1.0 / (frequency[peak] + np.clip(shift, -0.5, 0.5) * frequency[1]))


def period_range(samples: FloatArray, dt: float) -> tuple[float, float]:
    """Return the periods around the dominant one at which the spectrum is within a tenth of it.

    Where the top of a broad spectrum is flat, chance says which of them is dominant. Arguments as
    of `dominant_period`.
    """
    frequency, weighted = _spectrum(samples, dt)
    peak = int(np.argmax(weighted[1:-1])) + 1
    lower = np.flatnonzero(weighted < 0.9 * weighted[peak])
    first = int(lower[lower < peak].max(initial=0)) + 1
    last = int(lower[lower > peak].min(initial=len(frequency))) - 1
    return float(1.0 / frequency[last]), float(1.0 / frequency[first])


def _spectrum(samples: FloatArray, dt: float) -> tuple[FloatArray, FloatArray]:
    """Return frequencies and the smoothed spectrum per logarithm of frequency."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import welch

    spread = samples.std(axis=0)
    keep = spread > 0
    if not keep.any():
        raise InputError("what settles on a fixed point has no period")
    standard = (samples[:, keep] - samples[:, keep].mean(axis=0)) / spread[keep]
    frequency, power = welch(standard, fs=1.0 / dt, nperseg=len(samples) // 16, axis=0)
    return frequency, gaussian_filter1d(frequency * power.sum(axis=1), 1.5)
