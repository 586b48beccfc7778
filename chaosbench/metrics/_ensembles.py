"""Scores of probabilistic forecasts, which are given as samples ``(m, n, H, d)``.

Every function also accepts a point forecast ``(n, H, d)`` and scores it as an ensemble of one
member: its CRPS is the mean absolute error, its energy score the distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import (
    CEILING,
    CONSTANT,
    ROUNDING,
    ensemble,
    everywhere,
    per_variable,
    positive,
)
from chaosbench.metrics._metadata import metric
from chaosbench.metrics._valid_prediction_time import valid_prediction_time

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = [
    "coverage_error",
    "crps",
    "energy_score",
    "interval_coverage",
    "probabilistic_valid_prediction_time",
    "spread_skill_error",
    "spread_skill_ratio",
]

# ln 10⁶: a spread that is a million times too small or too large is as useless as no spread.
LARGEST_LOG_RATIO = float(np.log(CEILING))


def _deviations(
    truth: ArrayLike, samples: ArrayLike, scale: ArrayLike
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return ``(samples - truth) / σ``, and a mask ``(n, H)`` of steps with a non-finite member.

    At these steps the deviations are 0; the caller must replace the score by the worst value.
    """
    y, x = ensemble(truth, samples)
    sigma = per_variable(scale, y.shape[2], what="scale")
    still = sigma == 0
    with np.errstate(over="ignore", invalid="ignore"):
        z = (x - y) / np.where(still, 1.0, sigma)
        if still.any():
            near = np.abs(z) <= ROUNDING * (np.abs(y) + sigma.max())
            z = np.where(still, np.where(near, 0.0, np.inf), z)
    # The square of a larger number may be infinite.
    bad = ~everywhere(np.abs(z) < 1e150, (0, 3))
    return np.where(bad[..., np.newaxis], 0.0, z), bad


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="CRPS",
    source="gneiting2007",
)
def crps(
    truth: ArrayLike, samples: ArrayLike, *, scale: ArrayLike, fair: bool = True
) -> FloatArray:
    """Continuous ranked probability score, by window and step, averaged over variables.

    ``mean_i|x_i - y| - c Σ_ij|x_i - x_j|`` in σ. If `fair`, ``c = 1/(2M(M-1))``, which gives the
    unbiased estimate of the score of the distribution from which the members are drawn. Otherwise
    ``c = 1/(2M²)``, which gives the score of the M members themselves. Neither is ever negative. A
    single member has no second term: the score is the absolute error.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``; 1 for units of the data. In a
            variable with σ = 0, an error within rounding counts as 0 and a larger error as
            infinite.
        fair: correct for the finite number of members.

    Returns:
        ``(n, H)`` from 0 to 10⁶ (worst: any member NaN or infinite); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        gneiting2007, ferro2014.

    """
    z, bad = _deviations(truth, samples, scale)
    m = len(z)
    value = np.abs(z).mean(axis=0)
    if m > 1:
        # For sorted members x_(i), Σ_ij|x_i - x_j| = 2 Σ (2i - M - 1) x_(i).
        weights = (2.0 * np.arange(1, m + 1) - m - 1) / (m * (m - 1) if fair else m * m)
        value -= np.tensordot(weights, np.sort(z, axis=0), axes=1)
    return _bounded(value.mean(axis=2), bad)


def _bounded(value: FloatArray, bad: NDArray[np.bool_]) -> FloatArray:
    # Rounding may leave a perfect score just below 0.
    return np.where(bad, CEILING, np.clip(value, 0.0, CEILING))


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="ES",
    source="gneiting2007",
)
def energy_score(
    truth: ArrayLike, samples: ArrayLike, *, scale: ArrayLike, fair: bool = True
) -> FloatArray:
    """Energy score, the CRPS of whole states, by window and step.

    ``mean_i‖x_i - y‖ - c Σ_ij‖x_i - x_j‖`` with Euclidean norms over the variables in σ, and
    ``c = 1/(2M(M-1))`` if `fair`, ``1/(2M²)`` otherwise. By the triangle inequality neither is
    ever negative. A single member has no second term: the score is the distance. The run time is
    proportional to m², the memory to m.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``; 1 for units of the data. In a
            variable with σ = 0, an error within rounding counts as 0 and a larger error as
            infinite.
        fair: correct for the finite number of members.

    Returns:
        ``(n, H)`` from 0 to 10⁶ (worst: any member NaN or infinite); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        gneiting2007, ferro2014.

    """
    z, bad = _deviations(truth, samples, scale)
    m = len(z)
    value = np.sqrt(np.sum(z * z, axis=3)).mean(axis=0)
    if m > 1:
        pairs = np.zeros_like(value)
        for i in range(m - 1):
            squares = np.zeros((m - 1 - i, *value.shape))
            for j in range(z.shape[3]):
                squares += (z[i + 1 :, :, :, j] - z[i, :, :, j]) ** 2
            pairs += np.sqrt(squares, out=squares).sum(axis=0)
        value -= pairs / (m * (m - 1) if fair else m * m)
    return _bounded(value, bad)


def _covered(truth: ArrayLike, samples: ArrayLike, level: float) -> tuple[FloatArray, float]:
    """Return the covered fraction ``(n,)`` and the level; NaN if no entry is finite."""
    y, x = ensemble(truth, samples)
    share = positive(level, what="level")
    if share >= 1:
        raise InputError(f"level must lie between 0 and 1, not {level!r}")
    m = len(x)
    finite = everywhere(np.isfinite(x), 0)
    ordered = np.sort(np.where(finite, x, 0.0), axis=0)
    ends = []
    for probability in ((1 - share) / 2, (1 + share) / 2):
        place = float(np.clip(probability * (m + 1) - 1, 0, m - 1))
        if abs(place - round(place)) < ROUNDING:  # in floating point 0.05 · 20 is not exactly 1
            place = float(round(place))
        below = int(place)
        above = min(below + 1, m - 1)
        part = place - below
        ends.append(ordered[below] * (1 - part) + ordered[above] * part)
    rounding = CONSTANT * np.abs(y)
    inside = finite & (ends[0] - rounding <= y) & (y <= ends[1] + rounding)
    value = inside.mean(axis=(1, 2))
    return np.where(everywhere(~finite, (1, 2)), np.nan, value), share


def interval_coverage(truth: ArrayLike, samples: ArrayLike, *, level: float = 0.9) -> FloatArray:
    """Fraction of steps and variables inside the central interval of the ensemble.

    The ends of the interval are the quantiles at position ``p(M + 1)`` among the sorted members. A
    truth that is exchangeable with the members is then covered with probability `level` (exactly
    if the positions are integers). M members cannot cover more than ``(M - 1) / (M + 1)`` in this
    sense; if `level` is larger, their whole range is used.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``. An entry with a member that
            is NaN or infinite counts as not covered.
        level: nominal coverage between 0 and 1.

    Returns:
        ``(n,)`` from 0 to 1; it should equal `level`.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a level out of its range.

    References:
        gneiting2007.

    """
    value, _ = _covered(truth, samples, level)
    return np.nan_to_num(value)


@metric(
    unit="",
    direction="lower",
    worst=1.0,
    limits=(0.0, 1.0),
    digits=3,
    label="coverage error",
    source="gneiting2007",
)
def coverage_error(truth: ArrayLike, samples: ArrayLike, *, level: float = 0.9) -> FloatArray:
    """Absolute difference between `interval_coverage` and the nominal `level`, by window.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``, which covers the truth only
            if it is exact.
        level: nominal coverage between 0 and 1.

    Returns:
        ``(n,)`` from 0 (calibrated) to 1 (worst: no finite entry); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a level out of its range.

    References:
        gneiting2007.

    """
    value, share = _covered(truth, samples, level)
    return np.where(np.isnan(value), 1.0, np.abs(value - share))


def spread_skill_ratio(truth: ArrayLike, samples: ArrayLike, *, scale: ArrayLike) -> FloatArray:
    """Ratio of the ensemble's spread to the error of its mean, by window.

    ``sqrt((M + 1)/M · mean s² / mean (x̄ - y)²)`` with the unbiased variance s² of the members.
    Spread and error are in σ and averaged over steps and variables. The ratio is 1 for members
    that are exchangeable with the truth, below 1 for too little spread, and 0 for a single member
    or if any member is NaN or infinite. If spread and error are both 0, it is 1.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``.

    Returns:
        ``(n,)`` from 0 to infinity; it should be 1.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        fortin2014.

    """
    z, bad = _deviations(truth, samples, scale)
    m = len(z)
    skill = np.mean(z.mean(axis=0) ** 2, axis=(1, 2))
    spread = np.zeros_like(skill)
    if m > 1:
        spread = (m + 1) / m * z.var(axis=0, ddof=1).mean(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.sqrt(spread / skill)
    ratio = np.where(np.isnan(ratio), 1.0, ratio)
    return np.where(everywhere(~bad, 1), ratio, 0.0)


@metric(
    unit="",
    direction="lower",
    worst=LARGEST_LOG_RATIO,
    limits=(0.0, LARGEST_LOG_RATIO),
    digits=2,
    label="spread–skill",
    source="fortin2014",
)
def spread_skill_error(truth: ArrayLike, samples: ArrayLike, *, scale: ArrayLike) -> FloatArray:
    """Absolute natural logarithm of `spread_skill_ratio`; too wide and too narrow count equally.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``. A point forecast has no
            spread and gets the worst value, unless it is exact.
        scale: σ of each variable of the training data, ``(d,)``.

    Returns:
        ``(n,)`` from 0 (spread equals error) to ln 10⁶ ≈ 13.8 (worst: no spread, NaN or
        infinity); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative σ.

    References:
        fortin2014.

    """
    with np.errstate(divide="ignore"):
        logarithm = np.abs(np.log(spread_skill_ratio(truth, samples, scale=scale)))
    return np.minimum(logarithm, LARGEST_LOG_RATIO)


@metric(
    unit="Lyapunov times",
    direction="higher",
    worst=0.0,
    limits=(0.0, np.inf),
    digits=2,
    label="VPT (ensemble)",
    source="vlachas2020",
    aliases=("probabilistic_vpt",),
)
def probabilistic_valid_prediction_time(
    truth: ArrayLike,
    samples: ArrayLike,
    *,
    scale: ArrayLike,
    dt: float,
    lyapunov_exponent: float,
    threshold: float = 0.4,
    certified_steps: ArrayLike | None = None,
) -> FloatArray:
    """Return the valid prediction time of the ensemble's mean in Lyapunov times.

    It ends at the first step at which the error of the mean in σ exceeds `threshold`. This
    definition needs no climatology and no second threshold. For one member it *is*
    `valid_prediction_time`, so point and probabilistic forecasters share a column. It does not
    depend on the spread (`crps` does). A mean that has relaxed to climatology has an error of 1 σ,
    whereas a single member far from the truth has √2 σ.

    Args:
        truth: ``(n, H, d)``, finite up to the certified step.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``; one NaN or infinity among
            the members ends the valid time.
        scale: σ of each variable of the training data, ``(d,)``.
        dt: sampling step, in time units (1 for maps).
        lyapunov_exponent: largest Lyapunov exponent λ > 0, per time unit.
        threshold: largest valid error, in σ.
        certified_steps: number of steps for which the truth is accurate, one integer or ``(n,)``;
            the window is censored there.

    Returns:
        ``(n,)`` Lyapunov times from 0 (worst) to ``H·dt·λ`` (censored); higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, or a setting out of its range.

    References:
        vlachas2020, for the threshold; the mean is our extension.

    """
    y, x = ensemble(truth, samples, certified_steps=certified_steps)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = x.mean(axis=0)
    return valid_prediction_time(
        y,
        mean,
        scale=scale,
        dt=dt,
        lyapunov_exponent=lyapunov_exponent,
        threshold=threshold,
        certified_steps=certified_steps,
    )
