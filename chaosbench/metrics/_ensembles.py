"""Probabilistic forecasts: samples ``(m, n, H, d)``, of which a point forecast has one.

Every function also takes a point forecast ``(n, H, d)`` and scores it as an ensemble of one
member, certain of itself: its CRPS is the mean absolute error, its energy score the distance.
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

# ln 10⁶: a spread a million times too small or too large is as useless as none.
LARGEST_LOG_RATIO = float(np.log(CEILING))


def _deviations(
    truth: ArrayLike, samples: ArrayLike, scale: ArrayLike
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return ``(samples - truth) / σ``, and the steps ``(n, H)`` where one is not finite.

    At those steps the deviations are 0, to be replaced by the worst value.
    """
    y, x = ensemble(truth, samples)
    sigma = per_variable(scale, y.shape[2], what="scale")
    still = sigma == 0
    with np.errstate(over="ignore", invalid="ignore"):
        z = (x - y) / np.where(still, 1.0, sigma)
        if still.any():
            near = np.abs(z) <= ROUNDING * (np.abs(y) + sigma.max())
            z = np.where(still, np.where(near, 0.0, np.inf), z)
    # Beyond the square root of the largest double, squares are infinite.
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

    ``mean_i|x_i - y| - c Σ_ij|x_i - x_j|`` in σ, with ``c = 1/(2M(M-1))`` if `fair`, the unbiased
    estimate of the score of the distribution that the members are drawn from, and
    ``c = 1/(2M²)`` otherwise, the score of the M members themselves. Neither is ever negative. A
    single member has no second term: the score is the absolute error.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``; 1 for units of the data. An
            error in a variable with σ = 0 counts as none up to rounding and as infinite beyond.
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
        # Sorted, each member is above as many others as its place says: Σ_ij|x_i - x_j| =
        # 2 Σ (2i - M - 1) x_(i).
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
    ever negative. A single member has no second term: the score is the distance. Time grows with
    m², memory with m.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``.
        scale: σ of each variable of the training data, ``(d,)``; 1 for units of the data. An
            error in a variable with σ = 0 counts as none up to rounding and as infinite beyond.
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
    """Return the share covered, ``(n,)``, NaN where no sample is finite, and the level."""
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
        if abs(place - round(place)) < ROUNDING:  # 0.05 · 20 is not quite 1
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
    """Share of steps and variables inside the central interval of the ensemble.

    The ends are quantiles at place ``p(M + 1)`` among the sorted members, so that a truth
    exchangeable with the members is covered with probability `level` (exactly where the places
    are whole); M members cannot cover more than ``(M - 1) / (M + 1)`` in that sense, and their
    whole range is taken where `level` asks for more.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``. A NaN or an infinity among
            the members of an entry leaves it uncovered.
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
    """Distance of `interval_coverage` from the nominal `level`, over each window.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``, which covers only where it
            is exact.
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
    """Spread of the ensemble over the error of its mean, over each window.

    ``sqrt((M + 1)/M · mean s² / mean (x̄ - y)²)`` with the unbiased variance s² of the members,
    both in σ and averaged over steps and variables: 1 for members exchangeable with the truth,
    below 1 for too little spread, 0 for a single member or any that is NaN or infinite. No spread
    about no error is 1.

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
    """Absolute natural logarithm of `spread_skill_ratio`: too wide and too narrow count alike.

    Args:
        truth: ``(n, H, d)``, finite.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``, whose spread is 0: the worst
            value, unless it is exact.
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

    The first step at which the mean's error in σ exceeds `threshold`. This choice needs no
    climatology and no second threshold, and for one member it *is* `valid_prediction_time`, so
    that point and probabilistic forecasters share a column. It sees no spread (`crps` does), and
    a mean that has relaxed to climatology errs by 1 σ, not √2 σ, as any decided member does.

    Args:
        truth: ``(n, H, d)``, finite up to the certified step.
        samples: ``(m, n, H, d)``, or a point forecast ``(n, H, d)``; one NaN or infinity among
            the members ends the valid time.
        scale: σ of each variable of the training data, ``(d,)``.
        dt: sampling step, in time units (1 for maps).
        lyapunov_exponent: largest Lyapunov exponent λ > 0, per time unit.
        threshold: largest valid error, in σ.
        certified_steps: steps for which the truth is accurate, whole or ``(n,)``; the window is
            censored there.

    Returns:
        ``(n,)`` Lyapunov times from 0 (worst) to ``H·dt·λ``, censored; higher is better.

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
