"""Measuring what `constants/*.json` holds, and the gate of the ranked suites."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from chaosbench.errors import ChaosbenchError, InputError, IntegrationError
from chaosbench.numerics._correlation import correlation_slope
from chaosbench.provenance import versions
from chaosbench.systems._constants import Constants
from chaosbench.systems._integration import integrator_for
from chaosbench.systems._lyapunov import (
    SEGMENTS_PER_PERIOD,
    LyapunovSpectrum,
    TwinExponent,
    batch_stderr,
    lyapunov_spectrum,
    twin_exponent,
)
from chaosbench.systems._simulate import (
    attractor_orbit,
    dominant_period,
    estimate_period,
    stationary,
)
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["characterise", "characterise_many", "disagreement"]

GATE_PERIODS = 3000.0
GATE_TOLERANCES = (1e-8, 1e-10, 1e-12)
RELATIVE_STDERR = 0.004
MOST_WORK = 150_000_000
MOST_PERIODS = 64_000.0
FIELD_RTOL = 1e-4
FIELD_PERIODS = 50.0
FIELD_STDERR = 0.02
LARGE_FIELD = 1000
FIELD_EXPONENTS = 2
FIELD_WORK = 100_000_000
FIELD_GATE_LYAPUNOV_TIMES = 100.0
FIELD_GATE_TOLERANCES = (1e-4, 1e-5, 1e-6)
"""A step of a field costs a hundred of a flow's, and averages over space as well as over time."""
WORST_STDERR = 0.1
CORRELATION_POINTS = 20_000
CORRELATION_ORBITS = 4
CORRELATION_SHARE = 1 / 500
CORRELATION_RTOL = 1e-7
JACOBIAN_NUMBERS = 20_000_000
STIFFNESS_SAMPLES = 1000
COSTLY_DIMENSION = 8
PROBE_PERIODS = 10.0
TRANSIENT_ORBITS = 32
TRANSIENT_PERIODS = 100.0
OUTSIDE = 20.0  # standard deviations from the mean at which an orbit has left the chaos
STILL = 1e-6  # standard deviations moved in a period below which it has come to rest

T = TypeVar("T")


@dataclass(frozen=True)
class _Moments:
    """What one look at the samples of a system tells."""

    period: float
    mean: FloatArray
    std: FloatArray
    divergence: float | None
    divergence_stderr: float | None
    stiffness: float | None
    attempts: float
    """Attempted steps a period."""


def characterise(
    system: str | System, *, periods: float = 4000.0, rtol: float = 1e-9, seed: int = 0
) -> Constants:
    """Measure period, moments, exponents by two methods and dimensions, and apply the gate.

    The spectrum is averaged over `periods`, fewer where so many exponents would take minutes. Where
    this leaves the largest exponent with a standard error above 0.4 percent, it alone is
    followed on another orbit for as long as that takes, at most 64,000 periods, and not at all
    where even that would leave more than ten percent.

    A system that is tagged transient is measured over 100 periods on each of 32 orbits whose chaos
    lasts that long; it is never ranked.

    Args:
        system: name or System.
        periods: dominant periods to average over (iterations / 50, for a map).
        rtol: tolerance of the integrations.
        seed: chooses the starting points.

    Raises:
        IntegrationError: the trajectory escapes or cannot be integrated.
        InputError: it settles on a fixed point.

    """
    from chaosbench.systems import get

    named = get(system)
    # measured as a system nothing is known of, so that what is stored has no influence
    system = replace(named, name=f"{named.name}, unmeasured")
    if system.kind == "field":
        rtol, periods = max(rtol, FIELD_RTOL), min(periods, FIELD_PERIODS)
    moments = _moments(system, rtol=rtol, seed=seed)
    if _short_lived(system):
        spectrum, twin, verdict = _transient(system, moments, rtol, seed)
        exponents, errors = spectrum.values.copy(), spectrum.stderr.copy()
        largest_length = spectrum.length
    else:
        count = FIELD_EXPONENTS if system.dimension > LARGE_FIELD else None
        periods = _affordable(system, periods, moments, rtol, seed)
        try:
            spectrum = lyapunov_spectrum(system, periods=periods, count=count, rtol=rtol, seed=seed)
        except InputError:  # volumes vanish at once, as where a flow slides: the others are endless
            spectrum = lyapunov_spectrum(system, periods=periods, count=1, rtol=rtol, seed=seed)
        exponents, errors = spectrum.values.copy(), spectrum.stderr.copy()
        exponents[0], errors[0], largest_length = _refine(system, spectrum, periods, rtol, seed)
        loose = {"rtol": FIELD_RTOL} if system.kind == "field" else {}
        twin = twin_exponent(system, periods=periods, seed=seed, **loose)
        refined = (float(exponents[0]), float(errors[0]))
        verdict = _gate(system, spectrum, refined, twin, moments, seed)
        verdict = verdict or _uncertain(*refined)
        order = np.argsort(-exponents)  # of a regular system, zero may now come first
        exponents, errors = exponents[order], errors[order]
    dimension = spectrum.kaplan_yorke_dimension
    correlation: tuple[float, float] | None = None
    # beyond the Eckmann–Ruelle bound this many points cannot resolve the dimension
    resolved = dimension is None or dimension <= 2 * math.log10(CORRELATION_POINTS)
    if resolved and system.kind != "field":
        correlation = _correlation(system, period=moments.period, std=moments.std, seed=seed)
    return Constants(
        system=named.name,
        fingerprint=named.fingerprint,
        period=moments.period,
        lyapunov_exponents=tuple(exponents.tolist()),
        lyapunov_stderr=tuple(errors.tolist()),
        largest_twin=twin.value,
        largest_twin_stderr=twin.stderr,
        kaplan_yorke_dimension=dimension,
        kaplan_yorke_stderr=spectrum.kaplan_yorke_stderr,
        correlation_dimension=correlation and correlation[0],
        correlation_dimension_stderr=correlation and correlation[1],
        mean=tuple(moments.mean.tolist()),
        std=tuple(moments.std.tolist()),
        mean_divergence=moments.divergence,
        mean_divergence_stderr=moments.divergence_stderr,
        stiffness=moments.stiffness,
        ranked=not verdict,
        verdict=verdict,
        provenance={
            "integrator": integrator_for(system, rtol),
            "rtol": rtol,
            "periods": periods,
            "length": spectrum.length,
            "largest_length": largest_length,
            "seed": seed,
            "versions": versions(),
        },
    )


def _affordable(system: System, periods: float, moments: _Moments, rtol: float, seed: int) -> float:
    """Return for how many periods to follow all exponents: an eighth of `periods` or more."""
    if system.kind == "field":
        work = moments.attempts * system.dimension * (1 + FIELD_EXPONENTS)
        return float(np.clip(FIELD_WORK / work, 10.0, periods))
    if system.dimension < COSTLY_DIMENSION:
        return periods
    probe = lyapunov_spectrum(system, periods=PROBE_PERIODS, rtol=rtol, seed=seed)
    warm = 100 / SEGMENTS_PER_PERIOD  # periods before the count of the exponents begins
    rate = probe.work / (PROBE_PERIODS + warm)
    return float(min(periods, max(periods / 8, MOST_WORK / rate)))


def characterise_many(
    names: Sequence[str], periods: float, seed: int, jobs: int = 0
) -> Iterator[tuple[str, Constants | ChaosbenchError]]:
    """Characterise several systems in `jobs` processes (0: one per core), as they are done.

    One that cannot be measured gives its error and does not stop the others.
    """
    from chaosbench.systems import get

    workers = min(jobs or os.cpu_count() or 1, len(names))
    if workers <= 1:
        yield from ((name, _attempt(name, periods, seed)) for name in names)
        return
    # linear algebra on many threads in each of several processes would only wait for itself
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=threadpool_limits, initargs=(1,)
    ) as pool:
        # those of many variables take longest and must not be left to the end
        ordered = sorted(names, key=lambda name: -get(name).dimension)
        futures = {pool.submit(_attempt, name, periods, seed): name for name in ordered}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _attempt(name: str, periods: float, seed: int) -> Constants | ChaosbenchError:
    try:
        return characterise(name, periods=periods, seed=seed)
    except ChaosbenchError as failure:
        return failure


def _refine(
    system: System, spectrum: LyapunovSpectrum, periods: float, rtol: float, seed: int
) -> tuple[float, float, float]:
    """Return the largest exponent, its error and the time averaged over, after looking longer."""
    value, error = float(spectrum.values[0]), float(spectrum.stderr[0])
    if value == 0.0:  # exactly, as of what has come to rest
        return value, error, spectrum.length
    count = len(spectrum.values)
    # what following one tangent vector instead of all costs, per period
    work = spectrum.work * 2.0 / (1 + count) / periods if spectrum.work else math.inf
    within = min(MOST_PERIODS, MOST_WORK / work)
    target = FIELD_STDERR if system.kind == "field" else RELATIVE_STDERR
    needed = periods * ((error / (target * abs(value))) ** 2 - 1.0)
    hopeless = error > WORST_STDERR * abs(value) * math.sqrt((within + periods) / periods)
    if needed <= 0.0 or hopeless:
        return value, error, spectrum.length
    longer = max(min(periods, GATE_PERIODS), min(1.2 * needed, within))
    more = lyapunov_spectrum(system, periods=longer, count=1, rtol=rtol, seed=seed + 2)
    total = spectrum.length + more.length
    return (
        (spectrum.length * value + more.length * float(more.values[0])) / total,
        math.hypot(spectrum.length * error, more.length * float(more.stderr[0])) / total,
        total,
    )


def _transient(
    system: System, moments: _Moments, rtol: float, seed: int
) -> tuple[LyapunovSpectrum, TwinExponent, str]:
    """Average over many short orbits, and see how long the chaos lasts."""
    spectra = _surviving(
        lambda k: lyapunov_spectrum(system, periods=TRANSIENT_PERIODS, rtol=rtol, seed=k), seed
    )
    spectrum = LyapunovSpectrum.from_batches(
        np.array([s.values for s in spectra]),
        length=sum(s.length for s in spectra),
        complete=spectra[0].complete,
    )
    twins = _surviving(
        lambda k: twin_exponent(system, periods=TRANSIENT_PERIODS, seed=k).value, seed
    )
    scatter = float(np.std(twins, ddof=1)) / math.sqrt(len(twins))
    ends = []
    for k in range(TRANSIENT_ORBITS):
        orbit = attractor_orbit(system, key=(seed, 7, k), rtol=1e-6, transient=0.0)
        try:
            for n in range(round(GATE_PERIODS)):
                before = orbit.state.copy()
                orbit.advance(moments.period)
                away = np.abs(orbit.state - moments.mean) / moments.std
                moved = np.abs(orbit.state - before) / moments.std
                if away.max() > OUTSIDE or moved.max() < STILL:
                    ends.append(n)
                    break
        except IntegrationError:
            ends.append(n)
    verdict = (
        f"transient: of {TRANSIENT_ORBITS} orbits {len(ends)} escaped or came to rest within "
        f"{GATE_PERIODS:,.0f} periods"
    )
    if ends:
        verdict += f", half of these within {np.median(ends):,.0f}"
    return spectrum, TwinExponent(float(np.mean(twins)), scatter), verdict


def _short_lived(system: System) -> bool:
    """Say whether chaos does not last; what a field loses is its motion, which takes its time."""
    return "transient" in system.declared_tags and system.kind != "field"


def _surviving(measure: Callable[[int], T], seed: int) -> list[T]:
    """Measure on 32 orbits that live long enough for it; those that do not are passed over."""
    found: list[T] = []
    for k in range(seed, seed + 8 * TRANSIENT_ORBITS):
        try:
            found.append(measure(k))
        except IntegrationError as failure:
            last = failure
        if len(found) == TRANSIENT_ORBITS:
            return found
    raise last


def _uncertain(largest: float, error: float) -> str:
    if error > WORST_STDERR * largest:
        return f"the largest exponent is uncertain: {largest:.3g} ± {error:.1g}"
    return ""


def _moments(system: System, *, rtol: float, seed: int) -> _Moments:
    """Measure period, mean, standard deviation, divergence and stiffness from samples."""
    discrete = system.kind == "map"
    fine, points = (8, 2**10) if system.kind == "field" else (32, 2**17)
    step = 1.0 if discrete else estimate_period(system) / fine
    short = _short_lived(system)
    points = round(fine * TRANSIENT_PERIODS) if short else points

    def look(*key: int) -> tuple[FloatArray, FloatArray, tuple[float, float, int]]:
        orbit = attractor_orbit(system, key=(seed, 4, *key), rtol=rtol)
        start, before = orbit.time, orbit.attempts
        orbit.tally[:] = 0.0
        piece = orbit.sample(points, step)
        crossed = (float(orbit.tally[0]), orbit.time - start, orbit.attempts - before)
        return np.asarray(start + step * np.arange(points)), piece, crossed

    looks = _surviving(look, 0) if short else [look()]
    pieces = [piece for _, piece, _ in looks]
    tallies = [crossed for _, _, crossed in looks]
    times = np.concatenate([when for when, _, _ in looks])
    span = sum(gone for _, gone, _ in tallies)
    samples = np.concatenate(pieces)
    spread = samples.std(axis=0)
    if not (spread > 0).all():
        raise InputError(
            f"{system.name!r} settles on a fixed point from its initial state; "
            "there is nothing to measure"
        )
    period = 1.0
    if not discrete:
        period = float(np.median([dominant_period(stationary(system, p), step) for p in pieces]))
    divergence = scatter = stiffness = None
    if system.kind in ("flow", "map"):
        # as many of the samples as their Jacobians fit in a moderate memory
        stride = max(1, round(len(samples) * system.dimension**2 / JACOBIAN_NUMBERS))
        jacobians = system.jacobian(times[::stride], samples[::stride])
        if discrete:
            rates = np.log(np.maximum(np.abs(np.linalg.det(jacobians)), 1e-300))
        else:
            rates = np.trace(jacobians, axis1=1, axis2=2)
        divergence = float(rates.mean())
        scatter = float(batch_stderr(rates[:, np.newaxis])[0])
        # what volumes change by at the events; nothing without switches
        divergence += sum(crossed for crossed, _, _ in tallies) / span
        if not discrete:
            some = jacobians[:: len(jacobians) // STIFFNESS_SAMPLES]
            stiffness = float(-np.linalg.eigvals(some).real.min() * period)
    attempts = sum(tried for _, _, tried in tallies) * period / span
    mean = samples.mean(axis=0)
    return _Moments(period, mean, spread, divergence, scatter, stiffness, attempts)


def _gate(
    system: System,
    spectrum: LyapunovSpectrum,
    refined: tuple[float, float],
    twin: TwinExponent,
    moments: _Moments,
    seed: int,
) -> str:
    """Return why the system may not be ranked, or nothing; `refined` is the largest exponent."""
    if system.kind == "stochastic":
        return "stochastic: no forecast can follow the noise"
    largest, error = refined
    if not largest > 5 * error or largest * moments.period < 1e-4:
        return f"not chaotic: largest exponent {largest:.4g} ± {error:.2g}"
    if abs(largest - twin.value) > max(4 * math.hypot(error, twin.stderr), 0.02 * largest):
        return f"the two estimates disagree: {largest:.5g} and {twin.value:.5g}"
    divergence, scatter = moments.divergence, moments.divergence_stderr
    if divergence is not None and scatter is not None and spectrum.complete:
        total = float(spectrum.values.sum())
        scale = float(np.abs(spectrum.values).sum())
        allowed = max(1e-3 * scale, 4 * math.hypot(scatter, *spectrum.stderr))
        if abs(total - divergence) > allowed:
            return f"the exponents sum to {total:.5g}, the mean divergence is {divergence:.5g}"
    above_zero = system.kind == "field" and spectrum.values[-1] > -5 * spectrum.stderr[-1]
    if system.kind in ("flow", "field") and not system.driven and not above_zero:
        nearest = int(np.argmin(np.abs(spectrum.values)))
        value = abs(float(spectrum.values[nearest]))
        if value > max(4 * float(spectrum.stderr[nearest]), 0.02 * largest):
            return f"no exponent is zero; the nearest is {value:.3g}"
    if system.kind != "map":
        periods, tolerances = GATE_PERIODS, GATE_TOLERANCES
        if system.kind == "field":
            periods = max(10.0, FIELD_GATE_LYAPUNOV_TIMES / (largest * moments.period))
            tolerances = FIELD_GATE_TOLERANCES
        for rtol in tolerances:
            try:
                check = lyapunov_spectrum(
                    system, periods=periods, count=1, rtol=rtol, seed=seed + 1
                )
            except IntegrationError as failure:
                return f"at rtol {rtol:g}: {failure}"
            if not check.values[0] > 3 * check.stderr[0]:
                return f"not chaotic at rtol {rtol:g}: {check.values[0]:.4g}"
    return ""


def _correlation(
    system: System, *, period: float, std: FloatArray, seed: int
) -> tuple[float, float] | None:
    """Return the correlation dimension and its standard error, from orbits of 20,000 points each.

    A delay system is embedded over its longest lag. None where the points do not tell: they return
    to finitely many states.
    """
    step = 1.0 if system.kind == "map" else period / 5
    scale = std[0 if system.kind == "delay" else ...]
    estimates = []
    for k in range(CORRELATION_ORBITS):
        points = _cloud(system, step, (seed, 5, k)) / scale
        found = correlation_slope(
            points, share=CORRELATION_SHARE, apart=15, generator=np.random.default_rng((seed, 6, k))
        )
        if found is None:
            return None
        estimates.append(found.value)
    return float(np.mean(estimates)), float(np.std(estimates, ddof=1) / np.sqrt(len(estimates)))


def _cloud(system: System, step: float, key: tuple[int, ...]) -> FloatArray:
    if not _short_lived(system):
        orbit = attractor_orbit(system, key=key, rtol=CORRELATION_RTOL)
        return _embedded(system, orbit.sample, step)
    size = CORRELATION_POINTS // TRANSIENT_ORBITS
    return np.concatenate(
        _surviving(
            lambda k: attractor_orbit(system, key=(*key, k), rtol=CORRELATION_RTOL).sample(
                size, step
            ),
            0,
        )
    )


def _embedded(system: System, sample: object, step: float) -> FloatArray:
    assert callable(sample)
    if system.kind != "delay":
        return np.asarray(sample(CORRELATION_POINTS, step))
    lag = max(delay.lag for delay in system.delays)
    per_step = max(1, round(8 * step / lag))
    fine = np.asarray(sample(CORRELATION_POINTS * per_step + 8, step / per_step))
    stride = max(1, round(lag / 4 / (step / per_step)))
    width = 6 * stride
    starts = np.arange(0, len(fine) - width, per_step)
    return np.concatenate([fine[starts + j * stride] for j in range(7)], axis=1)


def disagreement(stored: Constants, measured: Constants) -> str:
    """Say in what a fresh measurement contradicts the stored one; nothing if it does not.

    The largest exponents must agree within four combined standard errors, the periods within a
    twentieth (a broad spectral peak wanders), and the verdict of the gate must be the same.
    """
    if stored.fingerprint != measured.fingerprint:
        return f"the fingerprint is {measured.fingerprint}, stored is {stored.fingerprint}"
    error = math.hypot(stored.lyapunov_stderr[0], measured.lyapunov_stderr[0])
    ours, theirs = measured.lyapunov_exponents[0], stored.lyapunov_exponents[0]
    if abs(ours - theirs) > 4 * error:
        return f"the largest exponent is {ours:.5g}, stored is {theirs:.5g}, error {error:.2g}"
    if abs(measured.period - stored.period) > 0.05 * stored.period:
        return f"the period is {measured.period:.5g}, stored is {stored.period:.5g}"
    if stored.ranked != measured.ranked:
        return f"the gate says {measured.verdict or 'passed'}, stored is {stored.verdict!r}"
    return ""
