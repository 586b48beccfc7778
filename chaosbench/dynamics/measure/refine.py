"""For how long the largest exponent is followed, and how several runs are combined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from chaosbench.dynamics.exponents import ITERATIONS_PER_PERIOD, LyapunovSpectrum
from chaosbench.dynamics.lyapunov import lyapunov_spectrum
from chaosbench.dynamics.measure.long_runs import forgets, long_exponent
from chaosbench.dynamics.scales import Scales
from chaosbench.errors import StepSizeError
from chaosbench.systems import FieldSystem, Map, StochasticSystem, System

__all__ = [
    "FIELD_WORK", "GATE_PERIODS", "MOST_WORK", "PROBE_PERIODS", "WORST_STDERR", "drift", "pooled",
    "refine", "work_of",
]  # fmt: skip

# Work is counted in attempted steps times the size of the system.

GATE_PERIODS = 3000.0
"""Periods of one run of the gate."""

PROBE_PERIODS = 10.0
"""Periods of a run that only measures the cost; also the shortest deep run."""

RELATIVE_STDERR = 0.004
"""Relative standard error at which the first longer run aims."""

WORST_STDERR = 0.1
"""Largest relative standard error of a ranked system."""

MOST_WORK = 150_000_000
"""Most work of the first longer run."""

MOST_PERIODS = 64_000.0
"""Most periods of the first longer run."""

COSTLY_RUN = 60_000_000
"""Work beyond which a run must lead to one percent; from half of it tolerances are loosened."""

SUFFICIENT_STDERR = 0.01
"""Relative standard error at which deep runs aim."""

DEEP_WORK = 300_000_000
"""Half of the most work of a deep run of a flow that forgets its errors."""

STICKY_WORK = 20_000_000
"""Most work of a deep run of a flow that does not forget its errors and may stick."""

DEEP_ITERATIONS = 500_000_000
"""Most iterations of a deep run of a map."""

DEEP_RUNS = 3
"""Most deep runs of one system."""

FIELD_WORK = 100_000_000
"""Work that a field may take even where one percent is out of reach."""

FIELD_DEEP_WORK = 250_000_000
"""Most work of a deep run of a field that leads to one percent."""

MUCH_LONGER = 10.0
"""How many times longer the last run must be to show that the average does not converge."""

DRIFT = 0.2
"""Relative change, besides five standard errors, that shows that the average does not converge."""


def work_of(spectrum: LyapunovSpectrum, periods: float) -> float:
    """Return the cost per period of following one tangent vector: attempted steps times size."""
    return spectrum.work * 2.0 / (1 + len(spectrum.values)) / periods if spectrum.work else math.inf


def pooled(runs: Sequence[LyapunovSpectrum]) -> tuple[float, float, float]:
    """Return the largest exponent over several runs, its error and the total averaging time."""
    lengths = np.array([run.length for run in runs])
    values = np.array([run.values[0] for run in runs])
    errors = np.array([run.stderr[0] for run in runs])
    total = float(lengths.sum())
    return (
        float(lengths @ values) / total,
        float(np.linalg.norm(lengths * errors)) / total,
        total,
    )


def refine(
    scales: Scales,
    runs: Sequence[LyapunovSpectrum],
    periods: float,
    work: float,
    rtol: float,
    seed: int,
    effort: float = 1.0,
) -> list[LyapunovSpectrum]:
    """Follow the largest exponent for longer where `runs` leave it uncertain; return all runs.

    `effort` multiplies the work that may be spent on an error below one percent.
    """
    system = scales.system
    found, per_period = list(runs), runs[0].length / periods
    for k in range(1 + DEEP_RUNS):
        value, error, length = pooled(found)
        if value == 0.0:  # exactly zero: the orbit has come to rest
            break
        done = length / per_period
        if k > 0 or isinstance(system, FieldSystem):
            longer = _deeper(system, value, error, done, work / effort)
            measure = partial(long_exponent, scales, largest=value)
        else:
            longer = _longer(value, error, done, work, periods)
            costly = longer * work > 0.5 * COSTLY_RUN and forgets(system)
            loose = partial(long_exponent, scales, largest=value)
            measure = (
                loose if costly else partial(lyapunov_spectrum, system, count=1, scales=scales)
            )
        if longer == 0.0:
            continue
        try:
            found.append(measure(periods=longer, rtol=rtol, seed=seed + 4 + k))
        except StepSizeError:  # in the long run an orbit comes too close to a singularity
            break
    return found


def drift(runs: Sequence[LyapunovSpectrum]) -> str:
    """Say whether a much longer last run contradicts those before; empty if it does not."""
    if len(runs) < 2:
        return ""
    (before, error, short), last = pooled(runs[:-1]), runs[-1]
    apart = abs(before - last.values[0])
    if last.length < MUCH_LONGER * short or apart < max(5 * error, DRIFT * abs(before)):
        return ""
    return (
        f"the largest exponent depends on the time it is averaged over: {before:.3g} over "
        f"{short:.3g}, {last.values[0]:.3g} over {last.length:.3g}"
    )


def _longer(value: float, error: float, done: float, work: float, periods: float) -> float:
    """Return for how many more periods to follow the largest exponent, towards 0.4 percent."""
    needed = done * ((error / (RELATIVE_STDERR * abs(value))) ** 2 - 1.0)

    def left(periods: float) -> float:
        """Return the relative error that this many more periods would leave."""
        return error / abs(value) * math.sqrt(done / (done + periods))

    within, most = (min(MOST_PERIODS, limit / work) for limit in (COSTLY_RUN, MOST_WORK))
    hopeless = left(most) > WORST_STDERR
    if left(within) > SUFFICIENT_STDERR >= left(most):
        within = most
    if needed <= 0.0 or hopeless:
        return 0.0
    return max(min(periods, GATE_PERIODS), min(1.2 * needed, within))


def _deeper(system: System, value: float, error: float, done: float, work: float) -> float:
    """Return how many more periods bring the error below one percent; 0 if that costs too much."""
    if (
        isinstance(system, StochasticSystem)
        or not value > 2 * error
        or error <= SUFFICIENT_STDERR * value
    ):
        return 0.0
    # aim a tenth lower, because the scatter itself is not known exactly
    needed = done * ((error / (0.9 * SUFFICIENT_STDERR * value)) ** 2 - 1.0)
    if isinstance(system, Map):
        within = DEEP_ITERATIONS / ITERATIONS_PER_PERIOD
    elif isinstance(system, FieldSystem):
        within = FIELD_DEEP_WORK / work
        if needed > within and done < FIELD_WORK / work:  # improves the error even so
            return FIELD_WORK / work
    else:  # dissipative flows take longer steps; where orbits stick, the estimate is poor
        within = (2 * DEEP_WORK if forgets(system) else STICKY_WORK) / work
    return max(needed, PROBE_PERIODS) if needed <= within else 0.0
