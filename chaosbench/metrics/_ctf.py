"""The scores of the Common Task Framework for Science: 100 is perfect, 0 is a forecast of zeros.

ctf4science itself neither bounds its scores nor accepts NaN; its leaderboard sets scores below -100
to -100. Here every score has this floor, and a forecast with NaN or infinity in the scored part
gets it. If the truth is zero throughout the scored part, a forecast of zeros scores 100 and every
other forecast -100.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics._arrays import (
    CONSTANT,
    by_variable,
    cells,
    everywhere,
    odd_unit,
    whole,
    windows,
)
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["ctf_long_time_histogram", "ctf_long_time_spectrum", "ctf_short_time"]

FLOOR = -100.0


def _score(error: FloatArray, size: FloatArray, finite: NDArray[np.bool_]) -> FloatArray:
    """Return ``100 (1 - error / size)``, at least `FLOOR`."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value = np.where(error == 0, 100.0, 100.0 * (1.0 - error / size))
    return np.where(finite & ~np.isnan(value), np.maximum(value, FLOOR), FLOOR)


@metric(
    unit="",
    direction="higher",
    worst=FLOOR,
    limits=(FLOOR, 100.0),
    digits=1,
    label="CTF short",
    source="wyder2025",
)
def ctf_short_time(truth: ArrayLike, forecast: ArrayLike, *, k: int | None = 20) -> FloatArray:
    """Short-time score: ``100 (1 - ‖Y - Ŷ‖₂ / ‖Y‖₂)`` over the first `k` steps.

    ``‖·‖₂`` is the spectral norm of the matrix of steps by variables (its largest singular value),
    as in ctf4science; it is not the root of the sum of squares.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.
        k: number of first steps to score, all if there are fewer; None scores all, which
            ctf4science calls *reconstruction*.

    Returns:
        ``(n,)`` from -100 (worst) to 100; higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, `k` below 1.

    References:
        wyder2025.

    """
    y, yhat = windows(truth, forecast)
    steps = y.shape[1] if k is None else whole(k, what="k")
    unit = odd_unit(y)
    y, yhat = y[:, :steps] / unit, yhat[:, :steps] / unit
    with np.errstate(over="ignore", invalid="ignore"):
        error = yhat - y
        # Beyond this, squares in the computation of the singular values overflow.
        finite = everywhere(np.abs(error) < 1e150, (1, 2))
    error = np.where(finite[:, np.newaxis, np.newaxis], error, 0.0)
    norms = [np.linalg.norm(a, ord=2, axis=(1, 2)) for a in (error, y)]
    return _score(norms[0], norms[1], finite)


@metric(
    unit="",
    direction="higher",
    worst=FLOOR,
    limits=(FLOOR, 100.0),
    digits=1,
    label="CTF long (ODE)",
    source="wyder2025",
)
def ctf_long_time_histogram(
    truth: ArrayLike, forecast: ArrayLike, *, modes: int = 500, bins: int = 41
) -> FloatArray:
    """Long-time score of an ODE: ``100 (1 - mean_d Σ|h - ĥ| / Σh)`` of histograms.

    Each variable's histograms of the last `modes` steps have `bins` bins over the common range of
    truth and forecast. The worst forecast, which shares no bin with the truth, scores -100.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``.
        modes: number of last steps to score, all if there are fewer.
        bins: number of bins of each histogram.

    Returns:
        ``(n,)`` from -100 (worst) to 100; higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, `modes` or `bins` below 1.

    References:
        wyder2025.

    """
    y, yhat = windows(truth, forecast)
    last, count = whole(modes, what="modes"), whole(bins, what="bins")
    y, yhat = (by_variable(a[:, -last:]) for a in (y, yhat))
    n, d, steps = y.shape
    finite = everywhere(np.isfinite(yhat), (1, 2))
    yhat = np.where(finite[:, np.newaxis, np.newaxis], yhat, y)
    low = np.minimum(y.min(axis=2), yhat.min(axis=2))
    high = np.maximum(y.max(axis=2), yhat.max(axis=2))
    with np.errstate(over="ignore"):
        finite &= np.isfinite(high - low).all(axis=1)  # a range that overflows has no bins
    low, high = (np.where(finite[:, np.newaxis], a, b) for a, b in ((low, -1.0), (high, 1.0)))
    still = high - low <= CONSTANT * np.maximum(np.abs(low), np.abs(high))
    low, high = np.where(still, low - 0.5, low), np.where(still, high + 0.5, high)
    start = count * np.arange(n * d).reshape(n, d, 1)
    histograms = []
    for values in (y, yhat):
        number = cells(values, low, high, count)
        number = np.where(number < 0, 0, number) + start
        counted = np.bincount(number.ravel(), minlength=n * d * count)
        histograms.append(counted.reshape(n, d, count))
    error = np.abs(histograms[0] - histograms[1]).sum(axis=2) / steps
    return _score(error.mean(axis=1), np.ones(n), finite)


@metric(
    unit="",
    direction="higher",
    worst=FLOOR,
    limits=(FLOOR, 100.0),
    digits=1,
    label="CTF long (PDE)",
    source="wyder2025",
)
def ctf_long_time_spectrum(
    truth: ArrayLike, forecast: ArrayLike, *, k: int = 20, modes: int = 100
) -> FloatArray:
    """Long-time score of a field: ``100 (1 - ‖P - P̂‖₂ / ‖P‖₂)`` of spatial power spectra.

    The variables are points in space. `P` is ``|FFT|²`` over the variables, averaged over the last
    `k` steps, at the `modes` lowest wavenumbers starting from 0.

    Args:
        truth: ``(n, H, d)``, finite; `d` points in space.
        forecast: ``(n, H, d)``.
        k: number of last steps to average over, all if there are fewer.
        modes: number of wavenumbers to compare; if there are fewer, all ``(d + 1) // 2`` that are
            not negative (without the Nyquist wavenumber, as in ctf4science).

    Returns:
        ``(n,)`` from -100 (worst) to 100; higher is better.

    Raises:
        InputError: wrong shapes, a truth that is not finite, `k` or `modes` below 1.

    References:
        wyder2025.

    """
    y, yhat = windows(truth, forecast)
    unit = odd_unit(y)
    y, yhat = y / unit, yhat / unit
    last, count = whole(k, what="k"), whole(modes, what="modes")
    count = min(count, (y.shape[2] + 1) // 2)
    with np.errstate(over="ignore", invalid="ignore"):
        finite = everywhere(np.isfinite(yhat[:, -last:]), (1, 2))
        spectra = []
        for values in (y[:, -last:], np.where(finite[:, None, None], yhat[:, -last:], 0.0)):
            power = np.abs(np.fft.rfft(values, axis=2)[:, :, :count]) ** 2
            spectra.append(power.mean(axis=1))
        error = np.linalg.norm(spectra[0] - spectra[1], axis=1)
        return _score(error, np.linalg.norm(spectra[0], axis=1), finite)
