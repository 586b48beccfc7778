"""Divergence between the state distributions of the truth and of a free-running forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import (
    ROUNDING,
    by_variable,
    cells,
    everywhere,
    own_scale,
    per_variable,
    runs,
    thinned,
    whole,
    windows,
)
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["mixture_divergence", "state_space_divergence"]

LAPLACE = 1e-5
MARGIN = 0.1  # in σ, on both sides of the truth's range
LARGEST_BINNED_DIMENSION = 5
MIXTURE_POINTS = 10_000
MIXTURE_SAMPLES = 1_000
# Far above the value of either estimator for a bad but finite forecast (30 nats with histograms).
WORST_DIVERGENCE = 1_000.0


@metric(
    unit="nats",
    direction="lower",
    worst=WORST_DIVERGENCE,
    limits=(0.0, WORST_DIVERGENCE),
    digits=2,
    label="D_stsp",
    source="hess2023",
    aliases=("d_stsp",),
)
def state_space_divergence(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    bins: int = 30,
    scale: ArrayLike | None = None,
    seed: int = 0,
) -> FloatArray:
    """Kullback–Leibler divergence between where truth and forecast spend their time, D_stsp.

    Up to five variables, histograms are compared: `bins` cells for each variable over the truth's
    range widened by 0.1 σ, with 1e-5 counts added to each cell, including empty ones. From six
    variables on, both series become mixtures of unit Gaussians centred on their points in units of
    σ (at most 10,000 evenly spaced rows). They are compared on 1,000 samples from the truth's
    mixture, and a negative Monte Carlo estimate becomes 0.

    Rows of the forecast that lie outside the bins or are not finite are never dropped. They stay in
    the total count by which the forecast's probabilities are divided, so lost rows increase the
    divergence. If no row is lost, the value equals the definition of hess2023, whose code drops
    lost rows. A forecast without a finite row gets the worst value.

    Args:
        truth: ``(T, d)``, finite, or windows ``(n, T, d)``, which are compared separately.
        forecast: ``(T', d)``, the free run, or ``(n, T', d)``; its length may differ.
        bins: number of cells for each variable.
        scale: σ of each variable, ``(d,)``; the truth's own by default and where σ = 0. In a
            constant variable, a forecast that differs by more than rounding lies outside.
        seed: seed of the Monte Carlo samples; used only for six or more variables.

    Returns:
        Nats from 0 (identical) to 1,000 (worst); lower is better. Windows give ``(n,)``.

    Raises:
        InputError: wrong shapes, a truth that is not finite, `bins` that is not a positive integer
            or gives more cells than 64-bit integers can count.

    References:
        hess2023, brenner2022; the mixture is that of hershey2007.

    """
    y, yhat, single = runs(truth, forecast)
    n, _, d = y.shape
    count = whole(bins, what="bins")
    if d > LARGEST_BINNED_DIMENSION:
        value = _mixtures(y, yhat, scale, seed)
    elif count**d > 2**61:
        raise InputError(f"{count} bins for each of {d} variables are too many cells to count")
    else:
        value = np.empty(n)
        # As many windows as fit into one 64-bit numbering of cells and into the cache.
        together = max(1, min(32, 2**61 // count**d))
        for start in range(0, n, together):
            part = slice(start, start + together)
            value[part] = _binned(y[part], yhat[part], scale, count)
    result: FloatArray = value[0] if single else value
    return result


@metric(
    unit="nats",
    direction="lower",
    worst=WORST_DIVERGENCE,
    limits=(0.0, WORST_DIVERGENCE),
    digits=2,
    label="KL (mixture)",
    source="hershey2007",
    aliases=("kl_divergence",),
)
def mixture_divergence(
    truth: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike | None = None, seed: int = 0
) -> FloatArray:
    """Kullback–Leibler divergence of truth and forecast as mixtures of Gaussians on their states.

    This is the estimator that `state_space_divergence` uses from six variables on, applied to
    windows with any number of variables, which are too short for histograms. It compares mixtures
    of unit Gaussians centred on the points in units of σ, on 1,000 samples from the truth's
    mixture with the same random numbers for every window. (dysts uses σ = 1 in the units of the
    data, so that its value depends on them, and draws from numpy's global state.)

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; rows that are not finite stay in the total count, as in
            `state_space_divergence`.
        scale: σ of each variable, ``(d,)``; the truth's own in each window by default and where
            σ = 0. In a constant variable, a forecast that differs by more than rounding lies
            outside.
        seed: seed of the Monte Carlo samples.

    Returns:
        ``(n,)`` nats from 0 (identical) to 1,000 (worst: no finite row); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        hershey2007; gilpin2023 for windows.

    """
    y, yhat = windows(truth, forecast)
    return _mixtures(y, yhat, scale, seed)


def _sigma(rows: FloatArray, scale: ArrayLike | None) -> FloatArray:
    """Return σ of each window and variable of ``(n, d, T)``; 0 only for constant variables."""
    sigma = own_scale(rows)
    if scale is not None:
        given = per_variable(scale, rows.shape[1], what="scale")
        sigma = np.where(given > 0, given, sigma)
    return sigma


def _inside(truth: FloatArray, forecast: FloatArray, still: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask ``(n, T')`` of finite rows that agree with the truth's constant variables."""
    level = truth[:, :1]
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(forecast - level) > ROUNDING * np.abs(level)
    matched = everywhere(~off | ~still[:, np.newaxis], 2)
    return matched & everywhere(np.isfinite(forecast), 2)


def _clipped(value: FloatArray) -> FloatArray:
    # NaN occurs only by overflow for an extremely large truth.
    return np.where(np.isnan(value), WORST_DIVERGENCE, np.clip(value, 0.0, WORST_DIVERGENCE))


def _binned(
    truth: FloatArray, forecast: FloatArray, scale: ArrayLike | None, bins: int
) -> FloatArray:
    """Return the divergence ``(n,)`` of smoothed histograms without storing ``bins**d`` cells."""
    n, length, d = truth.shape
    y, yhat = by_variable(truth), by_variable(forecast)
    sigma = _sigma(y, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = y.min(axis=2) - MARGIN * sigma, y.max(axis=2) + MARGIN * sigma
    still = sigma == 0
    p_keys = _visited(y, low, high, still, bins)
    q_keys = _visited(yhat, low, high, still, bins)
    if still.any():
        q_keys = np.where(_inside(truth, forecast, still), q_keys, -1)
    # One sort of all visits gives the cells and both counts; the last bit marks the forecast.
    window, total = bins**d, forecast.shape[1]
    offset = window * np.arange(n)[:, np.newaxis]
    visits = np.concatenate(
        [(2 * (p_keys + offset)).ravel(), (2 * (q_keys + offset) + 1)[q_keys >= 0]]
    )
    visits.sort()
    keys = visits >> 1
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    made = np.cumsum(visits & 1)
    ends = np.append(starts[1:], len(visits)) - 1
    q_counts = np.diff(made[ends], prepend=0)
    p_counts = ends - starts + 1 - q_counts
    owner = keys[starts] // window
    volume = float(bins) ** (~still).sum(axis=1)  # cells of each window
    p_total, q_total = length + LAPLACE * volume, total + LAPLACE * volume
    p = (p_counts + LAPLACE) / p_total[owner]
    q = (q_counts + LAPLACE) / q_total[owner]
    value = np.bincount(owner, p * np.log(p / q), minlength=n)
    # All cells that neither series visits hold the same two probabilities.
    empty = volume - np.bincount(owner, minlength=n)
    value += empty * LAPLACE / p_total * np.log(q_total / p_total)
    lost = everywhere(~everywhere(np.isfinite(yhat), 1), 1)
    return _clipped(np.where(lost, WORST_DIVERGENCE, value))


def _visited(
    rows: FloatArray, low: FloatArray, high: FloatArray, still: NDArray[np.bool_], bins: int
) -> NDArray[np.int64]:
    """Return the cell of each step, ``(n, T)``; -1 outside. Constant variables have one cell."""
    position = cells(rows, low, high, bins)
    if still.any():
        position[still] = 0
    key: NDArray[np.int64] = position[:, 0]
    outside = key < 0
    for j in range(1, rows.shape[1]):
        key = key * bins + position[:, j]
        outside |= position[:, j] < 0
    return np.where(outside, -1, key)


def _mixtures(
    truth: FloatArray, forecast: FloatArray, scale: ArrayLike | None, seed: int
) -> FloatArray:
    sigma = _sigma(by_variable(truth), scale)
    still = sigma == 0
    inside = _inside(truth, forecast, still)
    value = np.full(len(truth), WORST_DIVERGENCE)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in np.flatnonzero(inside.any(axis=1)):
            moving = ~still[i]
            value[i] = _mixture(
                truth[i][:, moving],
                forecast[i][inside[i]][:, moving],
                forecast.shape[1],
                sigma[i, moving],
                np.random.default_rng(seed),
            )
    return _clipped(value)


def _mixture(
    truth: FloatArray,
    inner: FloatArray,
    total: int,
    sigma: FloatArray,
    generator: np.random.Generator,
) -> float:
    """Estimate the divergence of two mixtures of unit Gaussians on standardised points."""
    centre = truth.mean(axis=0)
    p_points = thinned((truth - centre) / sigma, MIXTURE_POINTS)
    q_points = (inner - centre) / sigma
    # A Gaussian a million σ away adds exp(-5e11) and would only cost digits in `_log_density`.
    q_points = q_points[(np.abs(q_points) < 1e6).all(axis=1)]
    lost = np.log(total) - np.log(max(len(q_points), 1))
    if not len(q_points):
        return WORST_DIVERGENCE
    q_points = thinned(q_points, MIXTURE_POINTS)
    chosen = p_points[generator.integers(len(p_points), size=MIXTURE_SAMPLES)]
    samples = chosen + generator.standard_normal(chosen.shape)
    log_ratio = _log_density(samples, p_points) - _log_density(samples, q_points)
    return float(log_ratio.mean() + lost)


def _log_density(samples: FloatArray, points: FloatArray) -> FloatArray:
    """Return the log mean of unit Gaussians at `points`, up to the densities' common constant."""
    norms = np.sum(points**2, axis=1)
    logs = np.empty(len(samples))
    for start in range(0, len(samples), 100):  # 100 x 10,000 distances are 8 MB
        part = samples[start : start + 100]
        squares = np.sum(part**2, axis=1)[:, np.newaxis] + norms - 2 * part @ points.T
        exponent = -0.5 * np.maximum(squares, 0.0)
        top = exponent.max(axis=1, keepdims=True)
        logs[start : start + 100] = top[:, 0] + np.log(np.exp(exponent - top).mean(axis=1))
    return logs
