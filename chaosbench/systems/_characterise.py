"""Measuring what `constants/*.json` holds, and the gate of the ranked suites."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from chaosbench.errors import InputError, IntegrationError
from chaosbench.provenance import versions
from chaosbench.systems._constants import Constants
from chaosbench.systems._integration import integrator_for
from chaosbench.systems._lyapunov import (
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

__all__ = ["characterise", "correlation_dimension", "disagreement"]

GATE_PERIODS = 3000.0
GATE_TOLERANCES = (1e-8, 1e-10, 1e-12)
RELATIVE_STDERR = 0.005
MOST_WORK = 400_000_000
MOST_PERIODS = 64_000.0
FIELD_RTOL = 1e-4
FIELD_PERIODS = 50.0
FIELD_STDERR = 0.05
FIELD_WORK = 150_000_000
FIELD_GATE_LYAPUNOV_TIMES = 100.0
FIELD_GATE_TOLERANCES = (1e-4, 1e-5, 1e-6)
"""A step of a field costs a hundred of a flow's, and averages over space as well as over time."""
CORRELATION_POINTS = 5000
CORRELATION_ORBITS = 8


def characterise(
    system: str | System, *, periods: float = 4000.0, rtol: float = 1e-9, seed: int = 0
) -> Constants:
    """Measure period, moments, exponents by two methods and dimensions, and apply the gate.

    Args:
        system: name or System.
        periods: dominant periods to average over at first; quadrupled up to 64,000 until the
            standard error of the largest exponent is half a percent or it would take minutes.
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
    most_work, target = MOST_WORK, RELATIVE_STDERR
    if system.kind == "field":
        rtol, periods = max(rtol, FIELD_RTOL), min(periods, FIELD_PERIODS)
        most_work, target = FIELD_WORK, FIELD_STDERR
    period, mean, std, divergence, scatter = _moments(system, rtol=rtol, seed=seed)
    while True:
        spectrum = lyapunov_spectrum(system, periods=periods, rtol=rtol, seed=seed)
        if (
            spectrum.stderr[0] <= target * abs(spectrum.values[0])
            or 4 * periods > MOST_PERIODS
            or 4 * spectrum.work > most_work
            or system.kind == "delay"
        ):
            break
        periods *= 4
    tolerance = {"rtol": FIELD_RTOL} if system.kind == "field" else {}
    twin = twin_exponent(system, periods=periods, seed=seed, **tolerance)
    dimension = spectrum.kaplan_yorke_dimension
    beyond = dimension is not None and dimension > 2 * math.log10(CORRELATION_POINTS)
    if beyond or system.kind == "field":
        # beyond the Eckmann–Ruelle bound this many points cannot resolve the dimension
        correlation = correlation_error = float("nan")
    else:
        correlation, correlation_error = correlation_dimension(
            system, period=period, std=std, seed=seed
        )
    verdict = _gate(system, spectrum, twin, divergence, scatter, period, seed)
    return Constants(
        system=named.name,
        fingerprint=named.fingerprint,
        period=period,
        lyapunov_exponents=tuple(spectrum.values.tolist()),
        lyapunov_stderr=tuple(spectrum.stderr.tolist()),
        largest_twin=twin.value,
        largest_twin_stderr=twin.stderr,
        kaplan_yorke_dimension=dimension,
        correlation_dimension=None if math.isnan(correlation) else correlation,
        correlation_dimension_stderr=None if math.isnan(correlation) else correlation_error,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        mean_divergence=divergence,
        ranked=not verdict,
        verdict=verdict,
        provenance={
            "integrator": integrator_for(system),
            "rtol": rtol,
            "periods": periods,
            "length": spectrum.length,
            "seed": seed,
            "versions": versions(),
        },
    )


def _moments(
    system: System, *, rtol: float, seed: int
) -> tuple[float, FloatArray, FloatArray, float | None, float]:
    """Return period, mean, standard deviation, mean divergence and its error from one orbit."""
    orbit = attractor_orbit(system, key=(seed, 4), rtol=rtol)
    fine, count = (8, 2**10) if system.kind == "field" else (32, 2**17)
    step = 1.0 if system.kind == "map" else estimate_period(system) / fine
    start = orbit.time
    samples = orbit.sample(count, step)
    period = 1.0 if system.kind == "map" else dominant_period(stationary(system, samples), step)
    if not (samples.std(axis=0) > 0).all():
        raise InputError(
            f"{system.name!r} settles on a fixed point from its initial state; "
            "there is nothing to measure"
        )
    divergence, scatter = None, 0.0
    if system.kind in ("flow", "map"):
        jacobians = system.jacobian(start + step * np.arange(len(samples)), samples)
        if system.kind == "flow":
            rates = np.trace(jacobians, axis1=1, axis2=2)
        else:
            rates = np.log(np.maximum(np.abs(np.linalg.det(jacobians)), 1e-300))
        divergence = float(rates.mean())
        scatter = float(batch_stderr(rates[:, np.newaxis])[0])
    return period, samples.mean(axis=0), samples.std(axis=0), divergence, scatter


def _gate(
    system: System,
    spectrum: LyapunovSpectrum,
    twin: TwinExponent,
    divergence: float | None,
    scatter: float,
    period: float,
    seed: int,
) -> str:
    """Return why the system may not be ranked, or nothing."""
    largest, error = float(spectrum.values[0]), float(spectrum.stderr[0])
    if not largest > 5 * error or largest * period < 1e-4:
        return f"not chaotic: largest exponent {largest:.4g} ± {error:.2g}"
    if error > 0.1 * largest:
        return f"the largest exponent is uncertain: {largest:.3g} ± {error:.1g}"
    if abs(largest - twin.value) > max(4 * math.hypot(error, twin.stderr), 0.02 * largest):
        return f"the two estimates disagree: {largest:.5g} and {twin.value:.5g}"
    if divergence is not None and spectrum.complete:
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
            periods = max(10.0, FIELD_GATE_LYAPUNOV_TIMES / (largest * period))
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


def correlation_dimension(
    system: System, *, period: float, std: FloatArray, seed: int = 0
) -> tuple[float, float]:
    """Return Takens' estimate of the correlation dimension and its standard error.

    Maximum likelihood over the pairs closer than the radius that holds a five-hundredth of all
    pairs, neighbours in time excluded, on the standardised variables; a delay system is embedded
    over its longest lag. The error is that of eight orbits of 5,000 points each.
    """
    from scipy.spatial import cKDTree

    estimates = []
    step = 1.0 if system.kind == "map" else period / 5
    exclude = 10
    for k in range(CORRELATION_ORBITS):
        orbit = attractor_orbit(system, key=(seed, 5, k), rtol=1e-9)
        points = _embedded(system, orbit.sample, step) / std[0 if system.kind == "delay" else ...]
        generator = np.random.default_rng((seed, 6, k))
        a, b = generator.integers(0, len(points), size=(2, 200_000))
        apart = np.abs(a - b) > exclude
        distances = np.linalg.norm(points[a[apart]] - points[b[apart]], axis=1)
        radius = float(np.quantile(distances, 1 / 500))
        pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
        pairs = pairs[np.abs(pairs[:, 0] - pairs[:, 1]) > exclude]
        near = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
        near = near[near > 0]
        estimates.append(-1.0 / float(np.mean(np.log(near / radius))))
    return float(np.mean(estimates)), float(np.std(estimates, ddof=1) / np.sqrt(len(estimates)))


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
