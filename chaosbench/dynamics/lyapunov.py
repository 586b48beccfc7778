"""Lyapunov exponents of a system, by two independent methods."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chaosbench.dynamics.constants import known_constants
from chaosbench.dynamics.orbits._orbit import (
    BOUND,
    MAX_STEPS,
    Orbit,
    bound_for,
    integrator_for,
    raise_status,
)
from chaosbench.dynamics.simulate import attractor_orbit, estimate_period
from chaosbench.errors import InputError, ParameterError, TrajectoryEscapedError
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = [
    "LyapunovSpectrum", "TwinExponent", "batch_stderr", "kaplan_yorke", "lyapunov_spectrum",
    "twin_exponent",
]  # fmt: skip

SEGMENTS_PER_PERIOD = 10
DELAY_EXPONENTS = 4
DELAY_EXPONENTS_AT_MOST = 6
FIELD_EXPONENTS = 8
BATCHES = (16, 32, 64)


@dataclass(frozen=True, eq=False)
class LyapunovSpectrum:
    """Lyapunov exponents with their errors.

    Attributes:
        values: exponents in falling order ``(k,)``, per time unit (per iteration, for a map).
        stderr: standard errors ``(k,)`` from batch means.
        length: time units that were averaged over.
        complete: whether these are all exponents of the system.
        work: attempted steps times the size of the system, for deciding what more would cost.
        batches: means over parts of that time ``(b, k)``, in the order of `values`.

    """

    values: FloatArray
    stderr: FloatArray
    length: float
    complete: bool
    work: int = 0
    batches: FloatArray = field(default_factory=lambda: np.empty((0, 0)), repr=False)

    @classmethod
    def from_batches(
        cls, batches: FloatArray, *, length: float, complete: bool
    ) -> LyapunovSpectrum:
        """Average over independent runs ``(b, k)`` of one length."""
        values = batches.mean(axis=0)
        order = np.argsort(-values)
        stderr = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
        return cls(
            values[order], stderr[order], length, complete=complete, batches=batches[:, order]
        )

    @property
    def kaplan_yorke_dimension(self) -> float | None:
        """Kaplan–Yorke dimension; None where an incomplete spectrum cannot tell."""
        return kaplan_yorke(self.values, complete=self.complete)

    @property
    def kaplan_yorke_stderr(self) -> float | None:
        """Its standard error, by leaving out one batch at a time; None where there is none."""
        n = len(self.batches)
        if n < 2 or self.kaplan_yorke_dimension is None:
            return None
        total = self.batches.sum(axis=0)
        without = [
            kaplan_yorke((total - batch) / (n - 1), complete=self.complete)
            for batch in self.batches
        ]
        found = np.array([value for value in without if value is not None])
        if len(found) < n:
            return None
        return float(np.sqrt((n - 1) / n * np.sum((found - found.mean()) ** 2)))


@dataclass(frozen=True)
class TwinExponent:
    """Largest exponent from two trajectories, per time unit, with its standard error."""

    value: float
    stderr: float


def lyapunov_spectrum(
    system: str | System,
    *,
    periods: float = 2000.0,
    count: int | None = None,
    rtol: float = 1e-9,
    seed: int = 0,
    transient: float | None = None,
) -> LyapunovSpectrum:
    """Compute the Lyapunov spectrum from the exact variational equations.

    State and tangent vectors form one system integrated together; the tangent vectors are
    reorthonormalised ten times a period (every iteration for a map, every longest lag for a delay
    system, whose tangent vectors are histories).

    Args:
        system: name or System.
        periods: dominant periods to average over (iterations / 50, for a map).
        count: number of exponents; all of them by default, 4 for a delay system, 8 for a field.
        rtol: tolerance of the integration.
        seed: chooses the starting point on the attractor.
        transient: time units dropped first; see `simulate`.

    Raises:
        TrajectoryEscapedError: the trajectory left every bound.
        ParameterError: a length or count that makes no sense.

    """
    from chaosbench.dynamics.orbits._field import field_growth
    from chaosbench.systems import get

    system = get(system)
    d = system.dimension
    most = DELAY_EXPONENTS_AT_MOST if system.kind == "delay" else d
    if count is None:
        count = {"delay": DELAY_EXPONENTS, "field": FIELD_EXPONENTS}.get(system.kind, d)
    if not 1 <= count <= most:
        raise ParameterError(f"count must lie between 1 and {most} for {system.name!r}")
    if not (np.isfinite(periods) and periods >= 10):
        raise ParameterError(f"periods must be at least 10, not {periods!r}")
    orbit = attractor_orbit(system, key=(seed, 0), rtol=rtol, transient=transient)
    generator = np.random.default_rng((seed, 1))
    if system.kind == "delay":
        logs, segment, work = _delay_growth(system, orbit, count, periods, rtol)
    elif system.kind == "field":
        segment = _period(system) / SEGMENTS_PER_PERIOD
        steps = round(periods * SEGMENTS_PER_PERIOD)
        warm = max(100, steps // 10)
        logs, work = field_growth(orbit, count, segment, warm + steps, (seed, 1))
        logs = logs[warm:]
    else:
        chosen = integrator_for(system, rtol)
        if chosen == "rodas5p":
            from chaosbench.dynamics.exponents._stiff import stiff_growth as growth
        elif chosen == "ito-1.5":
            from chaosbench.systems._stochastic import noisy_growth as growth
        else:
            growth = _growth
        basis, _ = np.linalg.qr(generator.standard_normal((d, count)))
        y = np.concatenate([orbit.state, basis.ravel()])
        # the tangent vectors settle on the covariant directions during the first tenth
        warm, logs, segment, work = growth(system, orbit, y, count, periods, rtol)
        logs = logs[warm:]
    rates = logs / segment
    values = rates.mean(axis=0)
    order = np.argsort(-values)
    return LyapunovSpectrum(
        values[order],
        batch_stderr(rates)[order],
        len(logs) * segment,
        complete=system.kind != "delay" and count == d,
        work=work,
        batches=batch_means(rates, BATCHES[0])[:, order],
    )


def _growth(
    system: System, orbit: Orbit, y: FloatArray, count: int, periods: float, rtol: float
) -> tuple[int, FloatArray, float, int]:
    from chaosbench.numerics.tangent import flow_growth, map_growth

    d = system.dimension
    kernel = 0 if system.switches else system.tangent_kernel(count).address
    if system.kind == "map":
        steps = round(50 * periods)
        warm = max(100, steps // 10)
        logs = np.empty((warm + steps, count))
        status, elapsed = map_growth(kernel, orbit.time, y, d, count, logs, BOUND)
        segment, attempts = 1.0, len(logs)
    else:
        segment = _period(system) / SEGMENTS_PER_PERIOD
        steps = round(periods * SEGMENTS_PER_PERIOD)
        warm = max(100, steps // 10)
        logs = np.empty((warm + steps, count))
        if system.switches is None:
            status, elapsed, attempts = flow_growth(
                kernel,
                orbit.time,
                y,
                d,
                count,
                segment,
                0.0,
                logs,
                rtol,
                rtol,
                bound_for(system),
                d,
            )
        else:
            status, elapsed, attempts = _switching_growth(system, orbit, y, segment, logs)
    raise_status(status, system, orbit.time + elapsed)
    if not np.isfinite(logs).all():
        raise InputError(
            f"a tangent vector of {system.name!r} vanished: its Jacobian is singular on the "
            f"attractor, or it slides along a surface; ask for fewer exponents than {count}"
        )
    orbit.state = y[:d].copy()
    orbit.time += elapsed
    return warm, logs, segment, attempts * y.size


def _switching_growth(
    system: System, orbit: Orbit, y: FloatArray, segment: float, logs: FloatArray
) -> tuple[int, float, int]:
    """Follow tangent vectors through events; those of the orbit go to its tally."""
    from chaosbench.numerics.event_growth import flow_growth_events

    switches, count = system.switches, logs.shape[1]
    assert switches is not None
    modes = switches.undecided() if orbit.modes is None else orbit.modes.copy()
    status, elapsed, attempts = flow_growth_events(
        switches.addresses(count), switches.kind_array, orbit.time, y, modes, system.dimension,
        count, segment, logs, orbit.rtol, orbit.rtol, BOUND, MAX_STEPS, orbit.tally,
    )  # fmt: skip
    orbit.modes = modes
    return status, elapsed, attempts


def _delay_growth(
    system: System, orbit: Orbit, count: int, periods: float, rtol: float
) -> tuple[FloatArray, float, int]:
    """Follow tangent histories; see `numerics._delay.orthonormalise_history`."""
    from chaosbench.numerics.delay import integrate_delay, orthonormalise_history

    d = system.dimension
    m = len(system.delays)
    lags = np.array([delay.lag for delay in system.delays])
    sources = np.array([delay.source for delay in system.delays])
    # the kernel wants [u, V, delayed u, delayed V], the tangents row by row
    tangent_sources = [d + s * count + c for s in sources for c in range(count)]
    all_sources = np.concatenate([sources, np.array(tangent_sources, dtype=sources.dtype)])
    all_lags = np.concatenate([lags, np.repeat(lags, count)])
    starts, widths, pieces = orbit.past
    longest = lags.max()
    wide = np.zeros((len(starts), 8, d * (count + 1)))
    wide[:, :, :d] = pieces
    # tangent histories that are linearly independent: Legendre-like ramps over the whole past
    for n, (start, width) in enumerate(zip(starts, widths, strict=True)):
        for c in range(count):
            left, right = (
                np.cos(c * np.pi * (x - orbit.time) / longest) for x in (start, start + width)
            )
            for i in range(d):
                wide[n, 0, d + i * count + c] = left
                wide[n, 1, d + i * count + c] = right - left
    y = np.concatenate([orbit.state, np.ones(d * count)])
    segment = float(longest)
    steps = max(round(periods * _period(system) / segment), 64)
    warm = max(20, steps // 10)
    kernel = system.delay_tangent_kernel(count).address
    logs = np.empty((warm + steps, count))
    past = (starts, widths, wide)
    step = 0.0
    work = 0
    kink = orbit.time
    for s in range(warm + steps):
        status, elapsed, step, attempts, past = integrate_delay(
            kernel, orbit.time, y, past, all_lags, all_sources, kink, segment, step,
            np.empty((0, y.size)), 1.0, rtol, rtol, BOUND, 10_000_000,
        )  # fmt: skip
        orbit.time += elapsed
        work += attempts * y.size
        raise_status(status, system, orbit.time)
        orthonormalise_history(y, past, orbit.time - segment, d, count, logs[s])
    orbit.state = y[:d].copy()
    if m and not np.isfinite(logs).all():
        raise TrajectoryEscapedError(
            f"the tangent histories of {system.name!r} became non-finite", time=orbit.time
        )
    return logs[warm:], segment, work


def twin_exponent(
    system: str | System,
    *,
    periods: float = 2000.0,
    distance: float = 1e-7,
    rtol: float = 1e-11,
    seed: int = 0,
) -> TwinExponent:
    """Compute the largest exponent from two trajectories pulled back together.

    Uses the equation only, not its Jacobian: a check on `lyapunov_spectrum`. `distance` is in
    standard deviations of the attractor, or in the sizes of the initial state where none are known.
    """
    from chaosbench.systems import get

    system = get(system)
    if system.kind == "delay":
        return _delay_twin(system, periods=periods, distance=distance, rtol=rtol, seed=seed)
    if system.kind == "stochastic":
        from chaosbench.systems._stochastic import noisy_twin

        return TwinExponent(*noisy_twin(system, periods, distance, seed))
    if integrator_for(system, rtol) == "rodas5p":
        from chaosbench.dynamics.exponents._stiff import stiff_twin

        return TwinExponent(*stiff_twin(system, periods, distance, rtol, seed))
    from chaosbench.dynamics.orbits._field import field_twin
    from chaosbench.numerics.tangent import twin_growth

    d = system.dimension
    orbit = attractor_orbit(system, key=(seed, 2), rtol=rtol)
    known = known_constants(system)
    scale = np.array(known.std) if known else np.maximum(1.0, np.abs(system.ic))
    if system.kind == "field":
        segment = _period(system) / SEGMENTS_PER_PERIOD
        steps = round(periods * SEGMENTS_PER_PERIOD)
        warm = max(100, steps // 10)
        logs = field_twin(orbit, scale, distance, segment, warm + steps, (seed, 3))
        rates = logs[warm:, np.newaxis] / segment
        return TwinExponent(float(rates.mean()), float(batch_stderr(rates)[0]))
    direction = np.random.default_rng((seed, 3)).standard_normal(d)
    direction /= np.linalg.norm(direction)
    y = np.concatenate([orbit.state, orbit.state + distance * scale * direction])
    discrete = system.kind == "map"
    switches = system.switches
    segment = 1.0 if discrete else _period(system) / SEGMENTS_PER_PERIOD
    steps = round(periods * (50 if discrete else SEGMENTS_PER_PERIOD))
    warm = max(100, steps // 10)
    logs = np.empty(warm + steps)
    if switches is None:
        status, elapsed, _ = twin_growth(
            system.pair_kernel.address, orbit.time, y, d, scale, distance, segment, 0.0, logs,
            rtol, rtol * 1e-2, bound_for(system), discrete,
        )  # fmt: skip
    else:
        from chaosbench.numerics.event_growth import twin_growth_events

        modes = np.tile(switches.undecided(), (2, 1))
        status, elapsed = twin_growth_events(
            switches.addresses(0), switches.kind_array, orbit.time, y.reshape(2, d), modes, d,
            scale, distance, segment, logs, rtol, rtol * 1e-2, BOUND, MAX_STEPS,
        )  # fmt: skip
    raise_status(status, system, orbit.time + elapsed)
    rates = logs[warm:, np.newaxis] / segment
    return TwinExponent(float(rates.mean()), float(batch_stderr(rates)[0]))


def _delay_twin(
    system: System, *, periods: float, distance: float, rtol: float, seed: int
) -> TwinExponent:
    """Twin histories, integrated as one system; the second's whole past is pulled back."""
    from chaosbench.numerics.delay import integrate_delay

    d = system.dimension
    orbit = attractor_orbit(system, key=(seed, 2), rtol=rtol)
    known = known_constants(system)
    spread = np.array(known.std) if known else np.maximum(1.0, np.abs(system.ic))
    lags = np.tile([delay.lag for delay in system.delays], 2)
    sources = np.array([delay.source for delay in system.delays])
    sources = np.concatenate([sources, sources + d])
    starts, widths, pieces = orbit.past
    twins = np.concatenate([pieces, pieces], axis=2)
    twins[:, 0, d:] += distance * spread
    past = (starts, widths, twins)
    y = np.concatenate([orbit.state, orbit.state + distance * spread])
    longest = float(lags.max())
    steps = max(round(periods * _period(system) / longest), 64)
    warm = max(20, steps // 10)
    logs = np.empty(warm + steps)
    time, step, kink = orbit.time, 0.0, orbit.time
    for s in range(warm + steps):
        status, elapsed, step, _, past = integrate_delay(
            system.pair_kernel.address, time, y, past, lags, sources, kink, longest, step,
            np.empty((0, 2 * d)), 1.0, rtol, rtol, BOUND, 10_000_000,
        )  # fmt: skip
        time += elapsed
        raise_status(status, system, time)
        pieces = past[2]
        offset = (pieces[:, 0, d:] - pieces[:, 0, :d]) / spread
        apart = float(np.sqrt(np.mean(np.sum(offset**2, axis=1))))
        logs[s] = np.log(apart / distance)
        factor = distance / apart
        pieces[:, :, d:] = pieces[:, :, :d] + factor * (pieces[:, :, d:] - pieces[:, :, :d])
        y[d:] = y[:d] + factor * (y[d:] - y[:d])
    rates = logs[warm:, np.newaxis] / longest
    return TwinExponent(float(rates.mean()), float(batch_stderr(rates)[0]))


def _period(system: System) -> float:
    known = known_constants(system)
    return known.period if known else estimate_period(system)


def batch_means(rates: FloatArray, batches: int) -> FloatArray:
    """Return the means ``(batches, k)`` over consecutive parts of ``(s, k)``."""
    size = len(rates) // batches
    means: FloatArray = rates[: size * batches].reshape(batches, size, -1).mean(axis=1)
    return means


def batch_stderr(rates: FloatArray) -> FloatArray:
    """Return the standard error of the mean of correlated rates ``(s, k)``.

    The largest of the estimates from 16, 32 and 64 batches: too short batches are correlated and
    underestimate, too few scatter.
    """
    errors = []
    for batches in BATCHES:
        if len(rates) >= batches:
            means = batch_means(rates, batches)
            errors.append(means.std(axis=0, ddof=1) / np.sqrt(batches))
    return np.max(errors, axis=0) if errors else np.full(rates.shape[1], np.inf)


def kaplan_yorke(exponents: FloatArray, *, complete: bool = True) -> float | None:
    """Kaplan–Yorke dimension of a spectrum in falling order.

    A complete spectrum whose partial sums never turn negative fills its space: the dimension is
    the number of exponents. Of an incomplete one (a delay system's) nothing can be said: None.
    """
    if exponents[0] <= 0:
        return 0.0
    sums = np.cumsum(exponents)
    # a conservative flow's last sum is zero up to round-off and sampling
    below = np.flatnonzero(sums < -1e-4 * np.abs(exponents).sum())
    if below.size == 0:
        return float(len(exponents)) if complete else None
    k = int(below[0])
    return float(k + sums[k - 1] / abs(exponents[k]))
