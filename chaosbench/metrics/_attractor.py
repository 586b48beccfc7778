"""Whether a free-running forecast has the right attractor: where it goes and how it oscillates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import ROUNDING, per_variable, positive, real
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["spectral_hellinger", "state_space_divergence"]

LAPLACE = 1e-5
MARGIN = 0.1  # of σ, on both sides of the truth's range
LARGEST_BINNED_DIMENSION = 5
MIXTURE_POINTS = 10_000
MIXTURE_SAMPLES = 1_000
# Far beyond what either estimator gives to a finite forecast that is merely bad (30 nats binned).
WORST_DIVERGENCE = 1_000.0
# A series whose range is below this fraction of its magnitude holds only rounding, no signal.
CONSTANT = 1e-12


def _series(truth: ArrayLike, forecast: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y = real(truth, axes="T, d", what="truth")
    yhat = real(forecast, axes="T, d", what="forecast")
    if y.shape[1] != yhat.shape[1]:
        raise InputError(
            f"truth has {y.shape[1]} variables and forecast {yhat.shape[1]}; they must agree"
        )
    if not np.isfinite(y).all():
        raise InputError("the truth must be finite; mend the dataset")
    return y, yhat


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
) -> float:
    """Kullback–Leibler divergence between where truth and forecast spend their time, D_stsp.

    Up to five variables: histograms of `bins` cells a variable over the truth's range widened by
    0.1 σ, each cell smoothed by 1e-5 counts, empty cells included. From six: both series become
    mixtures of unit Gaussians on their points in units of σ (at most 10,000 evenly spaced rows),
    compared on 1,000 samples from the truth's mixture; Monte Carlo noise below zero becomes 0.

    A row of the forecast outside the bins, or not finite, is never dropped: it stays in the count
    that the forecast's probabilities are divided by, so mass lost costs what it should. Where
    nothing is lost this equals the definition of hess2023, whose code drops such rows. A forecast
    without one finite row gets the worst value.

    Args:
        truth: ``(T, d)``, finite.
        forecast: ``(T', d)``, the free run; its length may differ.
        bins: cells for each variable.
        scale: σ of each variable, ``(d,)``; the truth's own by default and where σ = 0. In a
            variable that never varies, a forecast that differs beyond rounding lies outside.
        seed: seed of the Monte Carlo samples; only for six variables or more.

    Returns:
        Nats from 0 (identical) to 1,000 (worst); lower is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, `bins` that is no positive number or
            makes more cells than 64-bit integers can count.

    References:
        hess2023, brenner2022; the mixture is that of hershey2007.

    """
    y, yhat = _series(truth, forecast)
    d = y.shape[1]
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise InputError(f"bins must be a whole number of at least 1, not {bins!r}")
    with np.errstate(over="ignore", invalid="ignore"):
        sigma = np.where(np.ptp(y, axis=0) > 0, y.std(axis=0), 0.0)
        if scale is not None:
            given = per_variable(scale, d, what="scale")
            sigma = np.where(given > 0, given, sigma)
        inside = np.isfinite(yhat).all(axis=1)
        if not inside.any():
            return WORST_DIVERGENCE
        still = sigma == 0
        off = np.abs(yhat[:, still] - y[0, still]) > ROUNDING * np.abs(y[0, still])
        inside &= ~off.any(axis=1)
        y, inner, sigma = y[:, ~still], yhat[inside][:, ~still], sigma[~still]
        if d <= LARGEST_BINNED_DIMENSION:
            value = _binned(y, inner, len(yhat), sigma, int(bins))
        else:
            value = _mixture(y, inner, len(yhat), sigma, np.random.default_rng(seed))
    # Only overflow in absurdly large truths leaves a NaN.
    return WORST_DIVERGENCE if np.isnan(value) else float(np.clip(value, 0.0, WORST_DIVERGENCE))


def _binned(
    truth: FloatArray, inner: FloatArray, total: int, sigma: FloatArray, bins: int
) -> float:
    """Divergence of two smoothed histograms without allocating their ``bins**d`` cells.

    `inner` holds those of the forecast's `total` rows that can be inside the bins at all.
    """
    d = truth.shape[1]
    cells = bins**d
    if cells > 2**62:
        raise InputError(f"{bins} bins for each of {d} variables are too many cells to count")
    low, high = truth.min(axis=0) - MARGIN * sigma, truth.max(axis=0) + MARGIN * sigma
    p_cells, p_counts = np.unique(_cells(truth, low, high, bins), return_counts=True)
    found = _cells(inner, low, high, bins)
    q_cells, q_counts = np.unique(found[found >= 0], return_counts=True)
    occupied = np.union1d(p_cells, q_cells)
    p, q = np.full(len(occupied), LAPLACE), np.full(len(occupied), LAPLACE)
    p[np.searchsorted(occupied, p_cells)] += p_counts
    q[np.searchsorted(occupied, q_cells)] += q_counts
    p_total, q_total = len(truth) + LAPLACE * cells, total + LAPLACE * cells
    # Every cell that neither visits holds the same two numbers.
    empty = (cells - len(occupied)) * LAPLACE / p_total * np.log(q_total / p_total)
    return float(np.sum(p / p_total * np.log((p / p_total) / (q / q_total))) + empty)


def _cells(points: FloatArray, low: FloatArray, high: FloatArray, bins: int) -> NDArray[np.int64]:
    """Number the cell of each point, ``(T,)``; -1 outside. The last edge belongs to its cell."""
    index = np.zeros(len(points), dtype=np.int64)
    outside = np.zeros(len(points), dtype=np.bool_)
    for column, start, stop in zip(points.T, low, high, strict=True):
        edges = np.linspace(start, stop, bins + 1)
        position = np.searchsorted(edges, column, side="right") - 1
        position[column == edges[-1]] = bins - 1
        outside |= (position < 0) | (position >= bins)
        index = index * bins + position
    return np.where(outside, -1, index)


def _mixture(
    truth: FloatArray,
    inner: FloatArray,
    total: int,
    sigma: FloatArray,
    generator: np.random.Generator,
) -> float:
    """Monte Carlo divergence of two mixtures of unit Gaussians centred on standardised points."""
    centre = truth.mean(axis=0)
    p_points = _thin((truth - centre) / sigma)
    q_points = (inner - centre) / sigma
    # A Gaussian a million σ away adds exp(-5e11) and would only cost digits below.
    q_points = q_points[(np.abs(q_points) < 1e6).all(axis=1)]
    lost = np.log(total) - np.log(max(len(q_points), 1))
    if not len(q_points):
        return WORST_DIVERGENCE
    chosen = p_points[generator.integers(len(p_points), size=MIXTURE_SAMPLES)]
    samples = chosen + generator.standard_normal(chosen.shape)
    log_ratio = _log_density(samples, p_points) - _log_density(samples, _thin(q_points))
    return float(log_ratio.mean() + lost)


def _thin(points: FloatArray) -> FloatArray:
    """Keep at most 10,000 evenly spaced rows, so that the whole run is seen."""
    if len(points) <= MIXTURE_POINTS:
        return points
    rows: FloatArray = points[np.linspace(0, len(points) - 1, MIXTURE_POINTS).astype(np.int64)]
    return rows


def _log_density(samples: FloatArray, points: FloatArray) -> FloatArray:
    """Log of the mean of unit Gaussians at `points`, up to the constant both densities share."""
    norms = np.sum(points**2, axis=1)
    logs = np.empty(len(samples))
    for start in range(0, len(samples), 100):  # 100 x 10,000 distances are 8 MB
        part = samples[start : start + 100]
        squares = np.sum(part**2, axis=1)[:, np.newaxis] + norms - 2 * part @ points.T
        exponent = -0.5 * np.maximum(squares, 0.0)
        top = exponent.max(axis=1, keepdims=True)
        logs[start : start + 100] = top[:, 0] + np.log(np.exp(exponent - top).mean(axis=1))
    return logs


@metric(
    unit="",
    direction="lower",
    worst=1.0,
    limits=(0.0, 1.0),
    digits=3,
    label="D_H",
    source="hess2023",
    aliases=("d_h",),
)
def spectral_hellinger(truth: ArrayLike, forecast: ArrayLike, *, smoothing: float = 20.0) -> float:
    """Hellinger distance between the smoothed power spectra of truth and forecast, D_H.

    Each variable is z-scored, ``|rFFT|²`` is smoothed over frequency by a Gaussian of `smoothing`
    bins (mirrored ends, cut at four widths) and normalised to sum 1; the distance is
    ``‖√p - √q‖ / √2``, averaged over variables. Mean and size are scaled away: only the shape of
    the spectrum counts.

    Args:
        truth: ``(T, d)``, finite.
        forecast: ``(T, d)``, of the same length.
        smoothing: width of the Gaussian in frequency bins; 0 leaves the spectra as they are. It
            may exceed the number of bins.

    Returns:
        From 0 (same spectrum) to 1 (worst: any NaN or infinity, or one of the two constant);
        lower is better. Two constant variables agree: 0.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative `smoothing`.

    References:
        hess2023, mikhaeil2022.

    """
    y, yhat = _series(truth, forecast)
    width = positive(smoothing, what="smoothing", zero=True)
    if len(y) != len(yhat):
        raise InputError(
            f"spectra can be compared only over one length, not {len(y)} and {len(yhat)} rows"
        )
    if not np.isfinite(yhat).all():
        return 1.0
    distances = [
        _hellinger(_spectrum(y[:, i], width), _spectrum(yhat[:, i], width))
        for i in range(y.shape[1])
    ]
    return float(np.mean(distances))


def _spectrum(series: FloatArray, smoothing: float) -> FloatArray | None:
    """Normalised, smoothed power spectrum ``(T // 2 + 1,)``; None of a constant series."""
    largest = np.abs(series).max()
    if largest == 0:
        return None
    shape = series / largest  # the square of a huge number is infinite, and only shape matters
    if np.ptp(shape) <= CONSTANT:
        return None
    shape = shape - shape.mean()
    power = np.abs(np.fft.rfft(shape / shape.std())) ** 2
    if smoothing > 0:
        power = _smooth(power, smoothing)
    spectrum: FloatArray = power / power.sum()
    return spectrum


def _smooth(values: FloatArray, width: float) -> FloatArray:
    """Gaussian filter with mirrored ends, the same as `scipy.ndimage.gaussian_filter1d`."""
    radius = int(4.0 * width + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    padded = np.pad(values, radius, mode="symmetric")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _hellinger(p: FloatArray | None, q: FloatArray | None) -> float:
    if p is None or q is None:
        return 0.0 if p is q else 1.0
    return min(1.0, float(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2.0)))
