"""Compare the power spectrum of a free-running forecast with that of the truth."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import CONSTANT, by_variable, everywhere, positive, runs
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["spectral_hellinger"]

# Up to this many frequencies, one matrix (8 MB) smooths all spectra at once.
MATRIX = 1024


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
def spectral_hellinger(
    truth: ArrayLike, forecast: ArrayLike, *, smoothing: float = 20.0
) -> FloatArray:
    """Hellinger distance between the smoothed power spectra of truth and forecast, D_H.

    Each variable is z-scored, ``|rFFT|²`` is smoothed over frequency by a Gaussian of `smoothing`
    bins (mirrored ends, cut at four widths) and normalised to sum 1; the distance is
    ``‖√p - √q‖ / √2``, averaged over variables. Only the shape of the spectrum counts, because the
    mean and the size of the series are removed.

    ``smoothing=0`` corresponds to the intention of dysts' ``hellinger``. dysts itself keeps the
    mean of the series in its spectrum, where it dominates, and uses only the first 100 of `T`
    frequencies, which include negative ones if T < 199.

    Args:
        truth: ``(T, d)``, finite, or windows ``(n, T, d)``, which are compared separately.
        forecast: array of the same shape.
        smoothing: width of the Gaussian in frequency bins, which may exceed the number of bins; 0
            does not smooth the spectra.

    Returns:
        From 0 (same spectrum) to 1 (worst: any NaN or infinity, or only one of the two is
        constant); lower is better. Two constant variables have distance 0. Windows give ``(n,)``.

    Raises:
        InputError: wrong shapes, a truth that is not finite, a negative `smoothing`.

    References:
        hess2023, mikhaeil2022.

    """
    y, yhat, single = runs(truth, forecast)
    width = positive(smoothing, what="smoothing", zero=True)
    if y.shape[1] != yhat.shape[1]:
        raise InputError(
            "the spectra of truth and forecast can be compared only for series of equal length, "
            f"not {y.shape[1]} and {yhat.shape[1]} rows"
        )
    usable = everywhere(np.isfinite(yhat), (1, 2))
    value = np.ones(len(y))
    if usable.any():
        both, flat = _spectra(np.concatenate([y[usable], yhat[usable]]), width)
        p, q = np.split(np.sqrt(both), 2)
        flat_p, flat_q = np.split(flat, 2)
        distance = np.sqrt(np.sum((p - q) ** 2, axis=2) / 2)
        distance = np.where(flat_p | flat_q, np.where(flat_p & flat_q, 0.0, 1.0), distance)
        value[usable] = np.minimum(distance, 1.0).mean(axis=1)
    result: FloatArray = value[0] if single else value
    return result


def _spectra(windows: FloatArray, smoothing: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return smoothed, normalised power spectra ``(n, d, T // 2 + 1)`` and the constant series."""
    rows = by_variable(windows)
    largest = np.abs(rows).max(axis=2, keepdims=True)
    # scaled, because the square of a huge number is infinite and only the shape matters
    shape = rows / np.where(largest > 0, largest, 1.0)
    flat = np.ptp(shape, axis=2) <= CONSTANT
    shape -= shape.mean(axis=2, keepdims=True)  # dividing by σ would cancel below
    transform = np.fft.rfft(shape, axis=2)
    power = transform.real**2 + transform.imag**2
    if smoothing > 0:
        power = _smooth(power, smoothing)
    total = power.sum(axis=2, keepdims=True)
    spectra: FloatArray = power / np.where(flat[..., np.newaxis], 1.0, total)
    return spectra, flat


def _smooth(power: FloatArray, width: float) -> FloatArray:
    """Apply a Gaussian filter with mirrored ends, equal to `scipy.ndimage.gaussian_filter1d`."""
    length = power.shape[2]
    if length <= MATRIX:
        # one product of two matrices is faster than a stack of small ones
        return (power.reshape(-1, length) @ _smoothing_matrix(length, width)).reshape(power.shape)
    kernel = _kernel(width)
    smooth = np.empty_like(power)
    for index in np.ndindex(power.shape[:2]):
        padded = np.pad(power[index], len(kernel) // 2, mode="symmetric")
        smooth[index] = np.convolve(padded, kernel, mode="valid")
    return smooth


def _kernel(width: float) -> FloatArray:
    radius = int(4.0 * width + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    normalised: FloatArray = kernel / kernel.sum()
    return normalised


@lru_cache(maxsize=8)
def _smoothing_matrix(length: int, width: float) -> FloatArray:
    """Return the filter as a matrix ``(length, length)`` that multiplies rows from the right."""
    kernel = _kernel(width)
    source = np.pad(np.arange(length), len(kernel) // 2, mode="symmetric")
    matrix = np.zeros((length, length))
    for offset, weight in enumerate(kernel):
        np.add.at(matrix, (source[offset : offset + length], np.arange(length)), weight)
    return matrix
