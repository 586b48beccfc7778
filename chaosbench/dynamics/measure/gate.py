"""The gate of the ranked suites, and whether a fresh measurement contradicts the stored one."""

from __future__ import annotations

import math

import numpy as np

from chaosbench.dynamics.exponents import LyapunovSpectrum, TwinExponent
from chaosbench.dynamics.lyapunov import lyapunov_spectrum
from chaosbench.dynamics.measure.long_runs import forgets
from chaosbench.dynamics.measure.refine import GATE_PERIODS, WORST_STDERR
from chaosbench.dynamics.measure.statistics import Moments
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.stored import Constants
from chaosbench.errors import IntegrationError
from chaosbench.systems import FieldSystem, Flow, Map, StochasticSystem, System

__all__ = ["apart", "contradiction", "disagreement", "gate_runs", "uncertain"]

GATE_TOLERANCES = (1e-8, 1e-10, 1e-12)
"""Tolerances at which a system must be chaotic."""

COSTLY_GATE_TOLERANCES = (1e-6, 1e-8, 1e-10)
"""The same for a costly dissipative flow, which forgets its errors."""

COSTLY_WORK = 6_000.0
"""Attempted steps times size per period, above which a dissipative flow counts as costly."""

FIELD_GATE_TOLERANCES = (1e-4, 1e-5, 1e-6)
"""The same for a field, whose steps cost a hundred of a flow's and average over space as well."""

FIELD_GATE_LYAPUNOV_TIMES = 100.0
"""Lyapunov times over which a field must be chaotic."""


def gate_runs(
    scales: Scales, spectrum: LyapunovSpectrum, period: float, work: float, seed: int
) -> tuple[list[LyapunovSpectrum], str]:
    """Follow one tangent vector for 3,000 periods at three tolerances.

    Returns:
        `spectrum` and those runs, and what went wrong (empty if nothing did). There are no runs for
        a map, which has no tolerance, for a stochastic system, which is never ranked, or where the
        largest exponent is not above two standard errors.

    """
    system, runs = scales.system, [spectrum]
    largest, error = float(spectrum.values[0]), float(spectrum.stderr[0])
    if isinstance(system, (Map, StochasticSystem)) or not largest > 2 * error:
        return runs, ""
    periods, tolerances = GATE_PERIODS, GATE_TOLERANCES
    if forgets(system) and work > COSTLY_WORK:
        tolerances = COSTLY_GATE_TOLERANCES
    if isinstance(system, FieldSystem):
        periods = max(10.0, FIELD_GATE_LYAPUNOV_TIMES / (largest * period))
        tolerances = FIELD_GATE_TOLERANCES
    for k, rtol in enumerate(tolerances):
        try:
            run = lyapunov_spectrum(
                system, periods=periods, count=1, rtol=rtol, seed=seed + 1 + k, scales=scales
            )
        except IntegrationError as failure:
            return runs, f"at rtol {rtol:g}: {failure}"
        runs.append(run)
        if not run.values[0] > 3 * run.stderr[0]:
            return runs, f"not chaotic at rtol {rtol:g}: {run.values[0]:.4g}"
    return runs, ""


def apart(refined: tuple[float, float], twin: TwinExponent) -> bool:
    """Say whether the two estimates differ by more than chance and two percent."""
    largest, error = refined
    return abs(largest - twin.value) > max(4 * math.hypot(error, twin.stderr), 0.02 * largest)


def uncertain(largest: float, error: float) -> str:
    """Say whether the error of the largest exponent is too large for ranking; empty if not."""
    if error > WORST_STDERR * largest:
        return f"the largest exponent is uncertain: {largest:.3g} ± {error:.1g}"
    return ""


def contradiction(
    system: System,
    spectrum: LyapunovSpectrum,
    refined: tuple[float, float],
    twin: TwinExponent,
    moments: Moments,
) -> str:
    """Return what speaks against chaos or against the numbers; empty if nothing does.

    `refined` is the largest exponent with its standard error, over all runs.
    """
    if isinstance(system, StochasticSystem):
        return "stochastic: no forecast can follow the noise"
    largest, error = refined
    if not largest > 5 * error or largest * moments.period < 1e-4:
        return f"not chaotic: largest exponent {largest:.4g} ± {error:.2g}"
    if apart(refined, twin):
        return f"the two estimates disagree: {largest:.5g} and {twin.value:.5g}"
    divergence, scatter = moments.divergence, moments.divergence_stderr
    if divergence is not None and scatter is not None and spectrum.complete:
        total = float(spectrum.values.sum())
        scale = float(np.abs(spectrum.values).sum())
        allowed = max(1e-3 * scale, 4 * math.hypot(scatter, *spectrum.stderr))
        if abs(total - divergence) > allowed:
            return f"the exponents sum to {total:.5g}, the mean divergence is {divergence:.5g}"
    above_zero = isinstance(system, FieldSystem) and spectrum.values[-1] > -5 * spectrum.stderr[-1]
    if isinstance(system, (Flow, FieldSystem)) and not system.driven and not above_zero:
        nearest = int(np.argmin(np.abs(spectrum.values)))
        value = abs(float(spectrum.values[nearest]))
        if value > max(4 * float(spectrum.stderr[nearest]), 0.02 * largest):
            return f"no exponent is zero; the nearest is {value:.3g}"
    return ""


def disagreement(stored: Constants, measured: Constants) -> str:
    """Say where a fresh measurement contradicts the stored one; empty if it does not.

    The largest exponents must agree within four combined standard errors. The periods must agree
    within a twentieth, because a broad spectral peak wanders; for a field it is enough that the
    stored period lies where the measured spectrum is flat at its top. Both measurements must pass
    the gate, or neither.
    """
    if stored.fingerprint != measured.fingerprint:
        return f"the fingerprint is {measured.fingerprint}, the stored one {stored.fingerprint}"
    error = math.hypot(stored.lyapunov_stderr[0], measured.lyapunov_stderr[0])
    ours, theirs = measured.lyapunov_exponents[0], stored.lyapunov_exponents[0]
    if abs(ours - theirs) > 4 * error:
        return f"the largest exponent is {ours:.5g}, the stored one {theirs:.5g}, error {error:.2g}"
    shortest, longest = measured.provenance.get("period_range", (math.inf, 0.0))
    near = abs(measured.period - stored.period) <= 0.05 * stored.period
    if not near and not shortest <= stored.period <= longest:
        return f"the period is {measured.period:.5g}, the stored one {stored.period:.5g}"
    if stored.ranked != measured.ranked:
        return (
            f"the gate says {measured.verdict or 'passed'}, the stored verdict {stored.verdict!r}"
        )
    return ""
