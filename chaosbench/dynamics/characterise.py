"""Measuring what `constants/*.json` holds, and the gate of the ranked suites."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from chaosbench.dynamics.constants import Constants
from chaosbench.dynamics.lyapunov import (
    SEGMENTS_PER_PERIOD,
    LyapunovSpectrum,
    TwinExponent,
    lyapunov_spectrum,
    twin_exponent,
)
from chaosbench.dynamics.measure.long_runs import LARGE_FIELD, forgets
from chaosbench.dynamics.measure.refine import (
    FIELD_WORK,
    GATE_PERIODS,
    MOST_WORK,
    PROBE_PERIODS,
    WORST_STDERR,
    drift,
    pooled,
    refine,
    work_of,
)
from chaosbench.dynamics.measure.statistics import (
    CORRELATION_POINTS,
    TRANSIENT_ORBITS,
    TRANSIENT_PERIODS,
    Moments,
    correlation_of,
    moments_of,
    short_lived,
    surviving,
)
from chaosbench.dynamics.orbits._orbit import integrator_for
from chaosbench.dynamics.simulate import attractor_orbit
from chaosbench.errors import ChaosbenchError, InputError, IntegrationError
from chaosbench.provenance import versions
from chaosbench.systems._system import System

__all__ = ["characterise", "characterise_many", "disagreement"]

GATE_TOLERANCES = (1e-8, 1e-10, 1e-12)
COSTLY_GATE_TOLERANCES = (1e-6, 1e-8, 1e-10)  # of a dissipative flow, which forgets its errors
COSTLY_WORK = 6_000.0
"""Attempted steps times size, a period, from which the gate of such a flow is loosened."""
RECONSIDERED = 4.0
"""Of two hundred systems some disagree by chance, where orbits stick: look longer, then judge."""
STOCHASTIC_PERIODS = 1000.0
FIELD_RTOL = 1e-4
FIELD_PERIODS = 50.0
FIELD_EXPONENTS = 2
FIELD_GATE_LYAPUNOV_TIMES = 100.0
FIELD_GATE_TOLERANCES = (1e-4, 1e-5, 1e-6)
"""A step of a field costs a hundred of a flow's, and averages over space as well as over time."""
COSTLY_DIMENSION = 8
OUTSIDE = 20.0  # standard deviations from the mean at which an orbit has left the chaos
STILL = 1e-6  # standard deviations moved in a period below which it has come to rest


def characterise(
    system: str | System,
    *,
    periods: float = 4000.0,
    rtol: float = 1e-9,
    seed: int = 0,
    effort: float = 1.0,
) -> Constants:
    """Measure period, moments, exponents by two methods and dimensions, and apply the gate.

    The spectrum is averaged over `periods`, fewer where so many exponents would take minutes. Where
    this leaves the largest exponent with a standard error above 0.4 percent, it alone is
    followed on another orbit for as long as that takes, at most 64,000 periods, and not at all
    where even that would leave more than ten percent. Where one percent is within reach, it is
    followed further; a field, whose steps are dear, only for that.

    A system that is tagged transient is measured over 100 periods on each of 32 orbits whose chaos
    lasts that long; it is never ranked.

    Args:
        system: name or System.
        periods: dominant periods to average over (iterations / 50, for a map).
        rtol: tolerance of the integrations.
        seed: chooses the starting points.
        effort: of what may be spent on bringing the largest exponent's error below one percent, how
            many times as much as by default.

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
    moments = moments_of(system, rtol=rtol, seed=seed)
    if short_lived(system):
        spectrum, twin, verdict = _transient(system, moments, rtol, seed)
        exponents, errors = spectrum.values.copy(), spectrum.stderr.copy()
        largest_length = spectrum.length
    else:
        if system.kind == "stochastic":  # never ranked, and each step of the noise is small
            periods = min(periods, STOCHASTIC_PERIODS)
        count = FIELD_EXPONENTS if system.dimension > LARGE_FIELD else None
        periods = _affordable(system, periods, moments, rtol, seed)
        try:
            spectrum = lyapunov_spectrum(system, periods=periods, count=count, rtol=rtol, seed=seed)
        except InputError:  # volumes vanish at once, as where a flow slides: the others are endless
            spectrum = lyapunov_spectrum(system, periods=periods, count=1, rtol=rtol, seed=seed)
        exponents, errors = spectrum.values.copy(), spectrum.stderr.copy()
        # the runs of the gate are as good a measurement of the largest exponent as any
        work = work_of(spectrum, periods)
        runs, failure = _gate_runs(system, spectrum, moments.period, work, seed)
        runs = refine(system, runs, periods, work, rtol, seed, effort)
        exponents[0], errors[0], largest_length = pooled(runs)
        loose = {"rtol": FIELD_RTOL} if system.kind == "field" else {}
        twin = twin_exponent(system, periods=periods, seed=seed, **loose)
        refined = (float(exponents[0]), float(errors[0]))
        if _apart(refined, twin) and system.kind != "field":
            more = twin_exponent(system, periods=RECONSIDERED * periods, seed=seed + 1)
            twin = _together(twin, more, RECONSIDERED)
        verdict = _contradiction(system, spectrum, refined, twin, moments)
        verdict = drift(runs) or verdict or failure or _uncertain(*refined)
        order = np.argsort(-exponents)  # of a regular system, zero may now come first
        exponents, errors = exponents[order], errors[order]
    dimension = spectrum.kaplan_yorke_dimension
    correlation: tuple[float, float] | None = None
    # beyond the Eckmann–Ruelle bound this many points cannot resolve the dimension
    resolved = dimension is None or dimension <= 2 * math.log10(CORRELATION_POINTS)
    if resolved and system.kind not in ("field", "stochastic"):  # noise fills what it moves
        correlation = correlation_of(system, period=moments.period, std=moments.std, seed=seed)
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
            **({"effort": effort} if effort != 1.0 else {}),
            **({"period_range": moments.period_range} if moments.period_range else {}),
            "versions": versions(),
        },
    )


def _affordable(system: System, periods: float, moments: Moments, rtol: float, seed: int) -> float:
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
    names: Sequence[str], periods: float, seed: int, jobs: int = 0, effort: float = 1.0
) -> Iterator[tuple[str, Constants | ChaosbenchError]]:
    """Characterise several systems in `jobs` processes (0: one per core), as they are done.

    One that cannot be measured gives its error and does not stop the others.
    """
    from chaosbench.systems import get

    workers = min(jobs or os.cpu_count() or 1, len(names))
    if workers <= 1:
        yield from ((name, _attempt(name, periods, seed, effort)) for name in names)
        return
    # linear algebra on many threads in each of several processes would only wait for itself
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=threadpool_limits, initargs=(1,)
    ) as pool:
        # those of many variables take longest and must not be left to the end
        ordered = sorted(names, key=lambda name: -get(name).dimension)
        futures = {pool.submit(_attempt, name, periods, seed, effort): name for name in ordered}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _attempt(
    name: str, periods: float, seed: int, effort: float = 1.0
) -> Constants | ChaosbenchError:
    try:
        return characterise(name, periods=periods, seed=seed, effort=effort)
    except ChaosbenchError as failure:
        return failure


def _gate_runs(
    system: System, spectrum: LyapunovSpectrum, period: float, work: float, seed: int
) -> tuple[list[LyapunovSpectrum], str]:
    """Follow one tangent vector for 3,000 periods at three tolerances.

    Returns:
        `spectrum` and those runs, and what went wrong. None are made of a map, which has no
        tolerance, nor of what no tolerance would make chaotic or forecastable.

    """
    runs = [spectrum]
    largest, error = float(spectrum.values[0]), float(spectrum.stderr[0])
    if system.kind in ("map", "stochastic") or not largest > 2 * error:
        return runs, ""
    periods, tolerances = GATE_PERIODS, GATE_TOLERANCES
    if forgets(system) and work > COSTLY_WORK:
        tolerances = COSTLY_GATE_TOLERANCES
    if system.kind == "field":
        periods = max(10.0, FIELD_GATE_LYAPUNOV_TIMES / (largest * period))
        tolerances = FIELD_GATE_TOLERANCES
    for k, rtol in enumerate(tolerances):
        try:
            run = lyapunov_spectrum(system, periods=periods, count=1, rtol=rtol, seed=seed + 1 + k)
        except IntegrationError as failure:
            return runs, f"at rtol {rtol:g}: {failure}"
        runs.append(run)
        if not run.values[0] > 3 * run.stderr[0]:
            return runs, f"not chaotic at rtol {rtol:g}: {run.values[0]:.4g}"
    return runs, ""


def _transient(
    system: System, moments: Moments, rtol: float, seed: int
) -> tuple[LyapunovSpectrum, TwinExponent, str]:
    """Average over many short orbits, and see how long the chaos lasts."""
    spectra = surviving(
        lambda k: lyapunov_spectrum(system, periods=TRANSIENT_PERIODS, rtol=rtol, seed=k), seed
    )
    spectrum = LyapunovSpectrum.from_batches(
        np.array([s.values for s in spectra]),
        length=sum(s.length for s in spectra),
        complete=spectra[0].complete,
    )
    twins = surviving(
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


def _apart(refined: tuple[float, float], twin: TwinExponent) -> bool:
    """Say whether the two estimates differ by more than chance and two percent."""
    largest, error = refined
    return abs(largest - twin.value) > max(4 * math.hypot(error, twin.stderr), 0.02 * largest)


def _together(first: TwinExponent, second: TwinExponent, ratio: float) -> TwinExponent:
    """Average two estimates, the second of which is from a run `ratio` times as long."""
    return TwinExponent(
        (first.value + ratio * second.value) / (1 + ratio),
        math.hypot(first.stderr, ratio * second.stderr) / (1 + ratio),
    )


def _uncertain(largest: float, error: float) -> str:
    if error > WORST_STDERR * largest:
        return f"the largest exponent is uncertain: {largest:.3g} ± {error:.1g}"
    return ""


def _contradiction(
    system: System,
    spectrum: LyapunovSpectrum,
    refined: tuple[float, float],
    twin: TwinExponent,
    moments: Moments,
) -> str:
    """Return what speaks against chaos or the numbers, or nothing; `refined` is the largest one."""
    if system.kind == "stochastic":
        return "stochastic: no forecast can follow the noise"
    largest, error = refined
    if not largest > 5 * error or largest * moments.period < 1e-4:
        return f"not chaotic: largest exponent {largest:.4g} ± {error:.2g}"
    if _apart(refined, twin):
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
    return ""


def disagreement(stored: Constants, measured: Constants) -> str:
    """Say in what a fresh measurement contradicts the stored one; nothing if it does not.

    The largest exponents must agree within four combined standard errors, the periods within a
    twentieth (a broad spectral peak wanders) or, of a field, in the range where the measured
    spectrum is flat at its top, and the verdict of the gate must be the same.
    """
    if stored.fingerprint != measured.fingerprint:
        return f"the fingerprint is {measured.fingerprint}, stored is {stored.fingerprint}"
    error = math.hypot(stored.lyapunov_stderr[0], measured.lyapunov_stderr[0])
    ours, theirs = measured.lyapunov_exponents[0], stored.lyapunov_exponents[0]
    if abs(ours - theirs) > 4 * error:
        return f"the largest exponent is {ours:.5g}, stored is {theirs:.5g}, error {error:.2g}"
    shortest, longest = measured.provenance.get("period_range", (math.inf, 0.0))
    near = abs(measured.period - stored.period) <= 0.05 * stored.period
    if not near and not shortest <= stored.period <= longest:
        return f"the period is {measured.period:.5g}, stored is {stored.period:.5g}"
    if stored.ranked != measured.ranked:
        return f"the gate says {measured.verdict or 'passed'}, stored is {stored.verdict!r}"
    return ""
