"""Distances between the sets of states that truth and forecast visit, in any temporal order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics._arrays import CEILING, positive, series, standardised, thinned, whole
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["maximum_mean_discrepancy", "sliced_wasserstein"]

BLOCK = 2**21  # size of one intermediate array: 16 MB
KERNEL_POINTS = 10_000
BANDWIDTH_POINTS = 1_000


@metric(
    unit="σ",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="SW₁",
    source="bonneel2015",
    aliases=("sw1",),
)
def sliced_wasserstein(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    scale: ArrayLike | None = None,
    directions: int = 128,
    seed: int = 0,
) -> float:
    """Sliced Wasserstein-1 distance between the states of truth and forecast, in σ.

    It is the mean over directions, drawn uniformly from the unit sphere, of the earth mover's
    distance between the projections, which is computed exactly from their quantile functions. In
    one dimension there is only one direction and nothing is random.

    Args:
        truth: ``(T, d)``, finite.
        forecast: ``(T', d)``; its length may differ.
        scale: σ of each variable, ``(d,)``; the truth's own by default and where σ = 0. In a
            constant variable, a forecast that differs by more than rounding is infinitely far
            away.
        directions: number of directions.
        seed: seed of the directions.

    Returns:
        From 0 (the same points) to 10⁶ (worst: any NaN or infinity); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, no direction.

    References:
        bonneel2015.

    """
    y, yhat = standardised(*series(truth, forecast), scale)
    count = whole(directions, what="directions")
    if not np.isfinite(yhat).all():
        return CEILING
    d = y.shape[1]
    if d == 1:
        axes = np.ones((1, 1))
    else:
        axes = np.random.default_rng(seed).standard_normal((count, d))
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    total = 0.0
    step = max(1, BLOCK // (len(y) + len(yhat)))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(axes), step):
            part = axes[start : start + step]
            total += float(_earth_mover(part @ y.T, part @ yhat.T).sum())
    value = total / len(axes)
    return CEILING if np.isnan(value) else min(value, CEILING)


def _earth_mover(p: FloatArray, q: FloatArray) -> FloatArray:
    """Return the Wasserstein-1 distances ``(k,)`` between rows of ``(k, T)`` and ``(k, T')``."""
    p, q = np.sort(p, axis=1), np.sort(q, axis=1)
    n, m = p.shape[1], q.shape[1]
    if n == m:
        equal: FloatArray = np.abs(p - q).mean(axis=1)
        return equal
    # The quantile functions jump at multiples of 1/n and of 1/m; times n·m these are integers.
    levels = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    below, width = levels[:-1], np.diff(levels)
    gaps = np.abs(p[:, below // m] - q[:, below // n])
    moved: FloatArray = gaps @ (width / (n * m))
    return moved


@metric(
    unit="",
    direction="lower",
    worst=2.0,
    limits=(-2.0, 2.0),
    digits=4,
    label="MMD²",
    source="gretton2012",
    aliases=("mmd",),
)
def maximum_mean_discrepancy(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    scale: ArrayLike | None = None,
    bandwidth: float | None = None,
) -> float:
    """Unbiased squared maximum mean discrepancy with a Gaussian kernel, MMD².

    ``mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean k(x_i, y_j)`` with
    ``k(a, b) = exp(-‖a - b‖² / (2 h²))`` on states in units of σ. By the usual rule, `h` is the
    median distance between the truth's states (at most 1,000 evenly spaced ones), or 1 if that is
    0. The estimate is unbiased for independent states; neighbouring states on an orbit are not
    independent. At most 10,000 evenly spaced rows of each series are used, a few megabytes at a
    time.

    Args:
        truth: ``(T, d)``, finite.
        forecast: ``(T', d)``; its length may differ. All rows that are not finite count as the
            same point infinitely far away.
        scale: σ of each variable, ``(d,)``; the truth's own by default and where σ = 0. In a
            constant variable, a forecast that differs by more than rounding is infinitely far
            away.
        bandwidth: `h` in σ; replaces the rule.

    Returns:
        At most 2 (worst: no finite row); lower is better. For equal distributions it is close to
        0 and may have either sign, because it is an unbiased estimate.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a bandwidth that is not positive.

    References:
        gretton2012, section 2; the bandwidth is that of its section 8.

    """
    y, yhat = standardised(*series(truth, forecast), scale)
    y, yhat = thinned(y, KERNEL_POINTS), thinned(yhat, KERNEL_POINTS)
    width = _median_distance(y) if bandwidth is None else positive(bandwidth, what="bandwidth")
    near = yhat[np.isfinite(yhat).all(axis=1)]
    if not len(near):
        return 2.0
    lost, total = len(yhat) - len(near), len(yhat)
    within = _kernel_sum(y, y, width) - len(y)
    cross = _kernel_sum(y, near, width)
    made = _kernel_sum(near, near, width) - len(near) + lost * (lost - 1)
    # A single state is a point mass; the mean of its kernel with itself is 1.
    first = within / (len(y) * (len(y) - 1)) if len(y) > 1 else 1.0
    second = made / (total * (total - 1)) if total > 1 else 1.0
    return float(np.clip(first + second - 2 * cross / (len(y) * total), -2.0, 2.0))


def _median_distance(points: FloatArray) -> float:
    chosen = thinned(points, BANDWIDTH_POINTS)
    if len(chosen) < 2:
        return 1.0
    squares = _squared_distances(chosen, chosen)
    median = float(np.sqrt(np.median(squares[np.triu_indices(len(chosen), 1)])))
    return median if median > 0 else 1.0


def _squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return squared distances ``(len(a), len(b))``; differences keep small ones accurate."""
    squares = np.zeros((len(a), len(b)))
    for x, y in zip(a.T, b.T, strict=True):
        squares += (x[:, np.newaxis] - y) ** 2
    return squares


def _kernel_sum(a: FloatArray, b: FloatArray, width: float) -> float:
    total = 0.0
    step = max(1, BLOCK // len(b))
    with np.errstate(over="ignore"):
        for start in range(0, len(a), step):
            squares = _squared_distances(a[start : start + step], b)
            total += float(np.exp(squares * (-0.5 / width**2)).sum())
    return total
