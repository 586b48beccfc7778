"""The quick form of the gate: the checks of `dynamics.measure.gate` on shorter runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.exponents import LyapunovSpectrum, batch_stderr
from chaosbench.dynamics.lyapunov import lyapunov_spectrum, twin_exponent
from chaosbench.dynamics.measure.gate import contradiction
from chaosbench.dynamics.measure.refine import pooled
from chaosbench.dynamics.measure.statistics import Moments
from chaosbench.dynamics.orbits import orbit_of
from chaosbench.dynamics.period import dominant_period
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.stored import Constants
from chaosbench.errors import ChaosbenchError
from chaosbench.provenance import versions
from chaosbench.systems import DelaySystem, Map, System
from chaosbench.trajectories import FloatArray

__all__ = ["Refused", "measured"]

KNOWN = 0.02
"""Largest relative standard error of the largest exponent; three percent at a level of 87%."""

FIRST, MORE, MOST = 800.0, 1500.0, 14_000.0
"""Periods of the run with all exponents, of a further run with one, and of all together."""

DELAY_FIRST, DELAY_MORE, DELAY_MOST, DELAY_EXPONENTS = 250.0, 400.0, 3000.0, 2
"""The same for a delay system, whose steps cost more, and its exponents in the first run."""

MAP_FIRST = 400.0
"""The same for a map, whose spectrum costs more than its largest exponent."""

TWINS, MAP_TWINS, DELAY_TWINS = 600.0, 3000.0, 180.0
"""Periods of the two nearby orbits."""

RTOLS = (1e-8, 1e-10)
"""Tolerances at which a system must be chaotic."""

COSTLIEST = 600.0
"""Attempted steps a period of a flow that is followed at all."""

PILOT, PIECES = 30, 10
"""Periods after which the cost is known, and how often in a period it is looked at."""

WIDEST = 0.02, 1e5
"""Standard deviations between which the integrators work in the units of the definition."""

SLOWEST = 0.02
"""Least exponent times period: less than that hardly shows in what a forecaster is asked."""

NOISIEST = 3.0
"""Largest exponent times period of a flow: more is noise at any usual sampling."""

DIGITS = 6
"""Significant digits that are kept of what is measured."""


class Refused(Exception):
    """A candidate is not accepted; says why in a word or two."""


def measured(system: System, period: float) -> tuple[Constants, FloatArray]:
    """Measure a candidate and apply the quick gate.

    Args:
        system: the candidate.
        period: about its dominant period; refined here.

    Returns:
        Its constants, and the marks ``(2, d)`` by which kin are known: squared skewness and
        kurtosis of each variable.

    Raises:
        Refused: it does not pass.

    """
    try:
        return _measured(system, period)
    except ChaosbenchError as error:
        raise Refused(type(error).__name__) from error
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise Refused("not finite") from error


def _measured(system: System, period: float) -> tuple[Constants, FloatArray]:
    scales = _provisional(system, period)
    _require_pace(scales)
    moments, marks = _moments(scales, 0)
    if not system.discrete and not 0.5 < moments.period / period < 2.0:
        scales = _provisional(system, moments.period)
        moments, marks = _moments(scales, 1)
    if moments.attempts > COSTLIEST:
        raise Refused("costly")
    if not (moments.std.min() > WIDEST[0] and moments.std.max() < WIDEST[1]):
        raise Refused("out of scale")
    scales = _provisional(system, moments.period, moments)
    loose, tight = RTOLS
    first, more, most, twins, count = FIRST, MORE, MOST, TWINS, None
    if isinstance(system, Map):
        first, twins = MAP_FIRST, MAP_TWINS
    elif isinstance(system, DelaySystem):
        first, more, most = DELAY_FIRST, DELAY_MORE, DELAY_MOST
        twins, count = DELAY_TWINS, DELAY_EXPONENTS
    spectrum = lyapunov_spectrum(system, periods=first, count=count, rtol=loose, scales=scales)
    runs: list[LyapunovSpectrum] = [spectrum]
    largest, error, length = pooled(runs)
    _require_chaos(largest, error, moments.period, system)
    unit = spectrum.length / first
    for k in range(4):
        done = length / unit
        needed = done * ((error / (0.9 * KNOWN * largest)) ** 2 - 1.0)
        if k > 0 and needed <= 0.0:
            break
        if done + needed > most:
            raise Refused("uncertain")
        run = lyapunov_spectrum(
            system, periods=max(1.2 * needed, more), count=1, rtol=loose if k % 2 else tight,
            seed=1 + k, scales=scales,
        )  # fmt: skip
        if not run.values[0] > 3 * run.stderr[0]:
            raise Refused("not chaotic")
        if abs(run.values[0] - largest) > max(5 * math.hypot(error, run.stderr[0]), 0.05 * largest):
            raise Refused("drifts")
        runs.append(run)
        largest, error, length = pooled(runs)
    _require_chaos(largest, error, moments.period, system)
    if error > KNOWN * largest:
        raise Refused("uncertain")
    twin = twin_exponent(system, periods=twins, seed=1, scales=scales)
    verdict = contradiction(system, spectrum, (largest, error), twin, moments)
    if verdict:
        raise Refused(verdict.partition(":")[0].partition(";")[0])
    values, errors = spectrum.values.copy(), spectrum.stderr.copy()
    values[0], errors[0] = largest, error
    provenance = {
        "integrator": _integrator(system), "rtol": loose, "periods": first,
        "length": spectrum.length, "largest_length": length, "seed": 0, "gate": "quick",
        "versions": versions(),
    }  # fmt: skip
    assert scales.constants is not None
    found = replace(
        scales.constants,
        lyapunov_exponents=_short(values),
        lyapunov_stderr=_short(errors),
        largest_twin=_short([twin.value])[0],
        largest_twin_stderr=_short([twin.stderr])[0],
        kaplan_yorke_dimension=_brief(spectrum.kaplan_yorke_dimension),
        kaplan_yorke_stderr=_brief(spectrum.kaplan_yorke_stderr),
        ranked=True,
        provenance=provenance,
    )
    return found, marks


def _require_pace(scales: Scales) -> None:
    """Refuse a flow that takes too many steps, before it is followed for long."""
    system = scales.system
    if system.discrete:
        return
    orbit = orbit_of(system, np.array(system.ic), rtol=RTOLS[0], stiff=False)
    for k in range(1, 1 + PILOT * PIECES):
        orbit.advance(scales.period / PIECES)
        if orbit.attempts > COSTLIEST * (2 + k / PIECES):
            raise Refused("costly")


def _require_chaos(largest: float, error: float, period: float, system: System) -> None:
    if not largest > 5 * error:
        raise Refused("not chaotic")
    if largest * period < SLOWEST or (not system.discrete and largest * period > NOISIEST):
        raise Refused("too slow or too fast")


def _provisional(system: System, period: float, moments: Moments | None = None) -> Scales:
    """Return scales that say how far and how often the system swings, in its own units."""
    d = system.dimension
    period = 1.0 if system.discrete else _short([period])[0]
    mean, std = (np.zeros(d), np.ones(d)) if moments is None else (moments.mean, moments.std)
    known = moments or Moments(period, mean, std, None, None, None, 0.0)
    constants = Constants(
        system=system.name,
        fingerprint=system.fingerprint,
        period=period,
        lyapunov_exponents=(0.0,) * d,
        lyapunov_stderr=(math.inf,) * d,
        largest_twin=0.0,
        largest_twin_stderr=math.inf,
        kaplan_yorke_dimension=None,
        kaplan_yorke_stderr=None,
        correlation_dimension=None,
        correlation_dimension_stderr=None,
        mean=_short(mean),
        std=_short(std),
        mean_divergence=_brief(known.divergence),
        mean_divergence_stderr=_brief(known.divergence_stderr),
        stiffness=_brief(known.stiffness),
        ranked=False,
        provenance={"integrator": _integrator(system)},
    )
    return Scales(system, constants)


def _integrator(system: System) -> str:
    """Return the usual method; what would need another one is too costly to be accepted."""
    if isinstance(system, Map):
        return "iteration"
    return "dop853-steps" if isinstance(system, DelaySystem) else "dop853"


def _moments(scales: Scales, seed: int) -> tuple[Moments, FloatArray]:
    """Measure period, moments and divergence over a thousand periods."""
    system = scales.system
    points, fine = 2**14, 16
    step = 1.0 if system.discrete else scales.period / fine
    orbit = attractor_orbit(scales, key=(seed, 4), rtol=RTOLS[0])
    before = orbit.attempts
    samples = orbit.sample(points, step)
    attempts = (orbit.attempts - before) * (1.0 if system.discrete else scales.period / step / fine)
    attempts = attempts / (points / fine)
    mean, std = samples.mean(axis=0), samples.std(axis=0)
    if not (np.isfinite(std).all() and (std > 1e-9 * np.abs(mean)).all()):
        raise Refused("rests")
    period = 1.0 if system.discrete else dominant_period(samples, step)
    divergence = scatter = stiffness = None
    if not isinstance(system, DelaySystem):
        jacobians = system.jacobian(0.0, samples)
        if system.discrete:
            rates = np.log(np.maximum(np.abs(np.linalg.det(jacobians)), 1e-300))
        else:
            rates = np.trace(jacobians, axis1=1, axis2=2)
            stiffness = float(-np.linalg.eigvals(jacobians[::64]).real.min() * period)
        divergence, scatter = float(rates.mean()), float(batch_stderr(rates[:, np.newaxis])[0])
    standard = (samples - mean) / std
    marks = np.stack([(standard**3).mean(axis=0) ** 2, (standard**4).mean(axis=0)])
    return Moments(period, mean, std, divergence, scatter, stiffness, attempts), marks


def _short(values: object) -> tuple[float, ...]:
    """Round to the digits that are kept."""
    return tuple(float(f"{value:.{DIGITS}g}") for value in np.asarray(values).tolist())


def _brief(value: float | None) -> float | None:
    return None if value is None else _short([value])[0]
