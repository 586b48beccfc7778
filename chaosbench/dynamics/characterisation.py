"""Measure what `constants/*.json` holds, and apply the gate of the ranked suites."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.exponents import SEGMENTS_PER_PERIOD, LyapunovSpectrum, TwinExponent
from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.measure.gate import (
    apart,
    contradiction,
    disagreement,
    gate_runs,
    uncertain,
)
from chaosbench.dynamics.measure.long_runs import LARGE_FIELD
from chaosbench.dynamics.measure.refine import (
    FIELD_WORK,
    GATE_PERIODS,
    MOST_WORK,
    PROBE_PERIODS,
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
from chaosbench.dynamics.orbits import integrator_for
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.stored import Constants
from chaosbench.errors import ChaosbenchError, InputError, IntegrationError
from chaosbench.provenance import versions
from chaosbench.systems import FieldSystem, StochasticSystem, System, get, load_systems
from chaosbench.systems.own import loaded_files

__all__ = ["characterise", "characterise_many", "disagreement"]

RECONSIDERED = 4.0
"""Length of a second run, relative to the first, where two estimates disagree.

Among two hundred systems some disagree by chance, because orbits stick. A longer run decides.
"""

STOCHASTIC_PERIODS = 1000.0
"""Most periods for a stochastic system, which is never ranked and whose steps are small."""

FIELD_RTOL = 1e-4
"""Smallest tolerance for a field."""

FIELD_PERIODS = 50.0
"""Most periods for a field."""

FIELD_EXPONENTS = 2
"""Number of exponents that are measured for a large field."""

COSTLY_DIMENSION = 8
"""Dimension from which the cost of all exponents is measured first."""

OUTSIDE = 20.0
"""Distance from the mean, in standard deviations, beyond which an orbit has left the chaos."""

STILL = 1e-6
"""Motion in a period, in standard deviations, below which an orbit has come to rest."""


def characterise(
    system: str | System,
    *,
    periods: float = 4000.0,
    rtol: float = 1e-9,
    seed: int = 0,
    effort: float = 1.0,
) -> Constants:
    """Measure period, moments, exponents by two methods and dimensions, and apply the gate.

    The spectrum is averaged over `periods`, or over fewer where that many exponents would take
    minutes. If the standard error of the largest exponent is then above 0.4 percent, this exponent
    alone is followed on another orbit for as long as needed, at most for 64,000 periods. It is not
    followed where even that would leave an error of more than ten percent. Where an error of one
    percent is within reach, it is followed further. The steps of a field are expensive, so a field
    is followed for this purpose only.

    A system whose chaos is transient is measured over 100 periods on each of 32 orbits whose chaos
    lasts that long; it is never ranked.

    Args:
        system: name or System.
        periods: dominant periods to average over (iterations / 50, for a map).
        rtol: tolerance of the integrations.
        seed: chooses the starting points.
        effort: factor on the work that may be spent on bringing the error of the largest exponent
            below one percent.

    Raises:
        IntegrationError: a trajectory escapes or cannot be integrated.
        InputError: the system settles on a fixed point.

    """
    system = get(system)
    scales = Scales(system)  # without constants, so that what is stored has no influence
    if isinstance(system, FieldSystem):
        rtol, periods = max(rtol, FIELD_RTOL), min(periods, FIELD_PERIODS)
    moments = moments_of(scales, rtol=rtol, seed=seed)
    if short_lived(system):
        spectrum, twin, verdict = _transient(scales, moments, rtol, seed)
        exponents, errors = spectrum.values.copy(), spectrum.stderr.copy()
        largest_length = spectrum.length
    else:
        if isinstance(system, StochasticSystem):
            periods = min(periods, STOCHASTIC_PERIODS)
        count = FIELD_EXPONENTS if system.dimension > LARGE_FIELD else None
        periods = _affordable(scales, periods, moments, rtol, seed)
        measure = partial(
            lyapunov_spectrum, system, periods=periods, rtol=rtol, seed=seed, scales=scales
        )
        try:
            spectrum = measure(count=count)
        except InputError:  # where a flow slides, volumes vanish and the others are infinite
            spectrum = measure(count=1)
        exponents, errors = spectrum.values.copy(), spectrum.stderr.copy()
        # the runs of the gate measure the largest exponent too
        work = work_of(spectrum, periods)
        runs, failure = gate_runs(scales, spectrum, moments.period, work, seed)
        runs = refine(scales, runs, periods, work, rtol, seed, effort)
        exponents[0], errors[0], largest_length = pooled(runs)
        loose = {"rtol": FIELD_RTOL} if isinstance(system, FieldSystem) else {}
        twin = twin_exponent(system, periods=periods, seed=seed, scales=scales, **loose)
        refined = (float(exponents[0]), float(errors[0]))
        if apart(refined, twin) and not isinstance(system, FieldSystem):
            more = twin_exponent(
                system, periods=RECONSIDERED * periods, seed=seed + 1, scales=scales
            )
            twin = _together(twin, more, RECONSIDERED)
        verdict = contradiction(system, spectrum, refined, twin, moments)
        verdict = drift(runs) or verdict or failure or uncertain(*refined)
        order = np.argsort(-exponents)  # in a regular system, zero may now come first
        exponents, errors = exponents[order], errors[order]
    dimension = spectrum.kaplan_yorke_dimension
    correlation: tuple[float, float] | None = None
    # beyond the Eckmann–Ruelle bound this many points cannot resolve the dimension
    resolved = dimension is None or dimension <= 2 * math.log10(CORRELATION_POINTS)
    if resolved and not isinstance(
        system, (FieldSystem, StochasticSystem)
    ):  # noise fills the space
        correlation = correlation_of(scales, period=moments.period, std=moments.std, seed=seed)
    return Constants(
        system=system.name,
        fingerprint=system.fingerprint,
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


def _affordable(scales: Scales, periods: float, moments: Moments, rtol: float, seed: int) -> float:
    """Return for how many periods to follow all exponents: at most `periods`."""
    system = scales.system
    if isinstance(system, FieldSystem):
        work = moments.attempts * system.dimension * (1 + FIELD_EXPONENTS)
        return float(np.clip(FIELD_WORK / work, 10.0, periods))
    if system.dimension < COSTLY_DIMENSION:
        return periods
    probe = lyapunov_spectrum(system, periods=PROBE_PERIODS, rtol=rtol, seed=seed, scales=scales)
    warm = 100 / SEGMENTS_PER_PERIOD  # periods before the average begins
    rate = probe.work / (PROBE_PERIODS + warm)
    return float(min(periods, max(periods / 8, MOST_WORK / rate)))


def characterise_many(
    names: Sequence[str], periods: float, seed: int, jobs: int = 0, effort: float = 1.0
) -> Iterator[tuple[str, Constants | ChaosbenchError]]:
    """Characterise several systems in `jobs` processes (0: one per core), each yielded when done.

    A system that cannot be measured yields its error and does not stop the others.
    """
    workers = min(jobs or os.cpu_count() or 1, len(names))
    if workers <= 1:
        yield from ((name, _attempt(name, periods, seed, effort)) for name in names)
        return
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(loaded_files(),)
    ) as pool:
        # systems of many variables take longest, so they come first
        ordered = sorted(names, key=lambda name: -get(name).dimension)
        futures = {pool.submit(_attempt, name, periods, seed, effort): name for name in ordered}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(files: Sequence[Path]) -> None:
    """Prepare a process: it knows the systems that this one knows."""
    # several processes with many threads of linear algebra each would slow each other down
    threadpool_limits(1)
    for file in files:
        load_systems(file)


def _attempt(
    name: str, periods: float, seed: int, effort: float = 1.0
) -> Constants | ChaosbenchError:
    try:
        return characterise(name, periods=periods, seed=seed, effort=effort)
    except ChaosbenchError as failure:
        return failure


def _transient(
    scales: Scales, moments: Moments, rtol: float, seed: int
) -> tuple[LyapunovSpectrum, TwinExponent, str]:
    """Average over many short orbits, and measure how long the chaos lasts."""
    spectra = surviving(
        lambda k: lyapunov_spectrum(
            scales.system, periods=TRANSIENT_PERIODS, rtol=rtol, seed=k, scales=scales
        ),
        seed,
    )
    spectrum = LyapunovSpectrum.from_batches(
        np.array([s.values for s in spectra]),
        length=sum(s.length for s in spectra),
        complete=spectra[0].complete,
    )
    twins = surviving(
        lambda k: (
            twin_exponent(scales.system, periods=TRANSIENT_PERIODS, seed=k, scales=scales).value
        ),
        seed,
    )
    scatter = float(np.std(twins, ddof=1)) / math.sqrt(len(twins))
    ends = []
    for k in range(TRANSIENT_ORBITS):
        orbit = attractor_orbit(scales, key=(seed, 7, k), rtol=1e-6, transient=0.0)
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


def _together(first: TwinExponent, second: TwinExponent, ratio: float) -> TwinExponent:
    """Average two estimates, where the second run is `ratio` times as long as the first."""
    return TwinExponent(
        (first.value + ratio * second.value) / (1 + ratio),
        math.hypot(first.stderr, ratio * second.stderr) / (1 + ratio),
    )
