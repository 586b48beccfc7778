"""Association of a forecast with the truth: correlations and mutual information."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics._arrays import CONSTANT, by_variable, everywhere, whole, windows
from chaosbench.metrics._metadata import metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["kendall", "mutual_information", "pearson", "spearman"]


def _rows(truth: ArrayLike, forecast: ArrayLike) -> tuple[FloatArray, FloatArray, tuple[int, int]]:
    """Return truth and forecast as one row ``(H,)`` for each window and variable."""
    y, yhat = windows(truth, forecast)
    n, horizon, d = y.shape
    flat = [by_variable(a).reshape(n * d, horizon) for a in (y, yhat)]
    return flat[0], flat[1], (n, d)


def _constant(rows: FloatArray) -> NDArray[np.bool_]:
    with np.errstate(over="ignore"):
        flat: NDArray[np.bool_] = np.ptp(rows, axis=1) <= CONSTANT * np.abs(rows).max(axis=1)
    return flat


def _correlation(
    truth: ArrayLike,
    forecast: ArrayLike,
    coefficient: Callable[[FloatArray, FloatArray], FloatArray],
) -> FloatArray:
    """Average a coefficient of rows over variables, and handle constant and non-finite rows."""
    x, y, shape = _rows(truth, forecast)
    value = np.full(len(x), -1.0)
    finite = everywhere(np.isfinite(y), 1)
    still = np.zeros((2, len(x)), dtype=np.bool_)
    still[0], still[1, finite] = _constant(x), _constant(y[finite])
    defined = finite & ~still.any(axis=0)
    value[finite & still.any(axis=0)] = 0.0
    value[finite & still.all(axis=0)] = 1.0
    if defined.any():
        value[defined] = np.clip(coefficient(x[defined], y[defined]), -1.0, 1.0)
    average: FloatArray = value.reshape(shape).mean(axis=1)
    return average


def _product_moment(x: FloatArray, y: FloatArray) -> FloatArray:
    # Dividing by the largest value keeps squares finite and does not change the correlation.
    x, y = (a / np.abs(a).max(axis=1, keepdims=True) for a in (x, y))
    x, y = (a - a.mean(axis=1, keepdims=True) for a in (x, y))
    x, y = (a / np.abs(a).max(axis=1, keepdims=True) for a in (x, y))
    squares = np.sum(x * x, axis=1) * np.sum(y * y, axis=1)
    correlation: FloatArray = np.sum(x * y, axis=1) / np.sqrt(squares)
    return correlation


def _ranks(rows: FloatArray) -> FloatArray:
    """Rank each row from 0; ties get the mean of their ranks."""
    order = np.argsort(rows, axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    place = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    new = np.ones(rows.shape, dtype=np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    end = np.ones(rows.shape, dtype=np.bool_)
    end[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(end, place, rows.shape[1])[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, axis=1)
    return ranks


@metric(
    unit="",
    direction="higher",
    worst=-1.0,
    limits=(-1.0, 1.0),
    digits=3,
    label="Pearson r",
    source="gilpin2023",
)
def pearson(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Pearson's correlation of forecast and truth over the window, averaged over variables.

    The coefficient is undefined for a constant series; it counts as 0 if one of the two series is
    constant and as 1 if both are. (dysts returns Spearman's coefficient under this name if d = 1.)

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; a variable with NaN or infinity counts -1.

    Returns:
        ``(n,)`` from -1 (worst) to 1; higher is better. It does not depend on level and size.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    return _correlation(truth, forecast, _product_moment)


@metric(
    unit="",
    direction="higher",
    worst=-1.0,
    limits=(-1.0, 1.0),
    digits=3,
    label="Spearman ρ",
    source="gilpin2023",
)
def spearman(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Spearman's rank correlation over the window, averaged over variables.

    Ties get the mean of their ranks. The coefficient is undefined for a constant series; it counts
    as 0 if one of the two series is constant and as 1 if both are.

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; a variable with NaN or infinity counts -1.

    Returns:
        ``(n,)`` from -1 (worst) to 1; higher is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    return _correlation(truth, forecast, lambda x, y: _product_moment(_ranks(x), _ranks(y)))


@metric(
    unit="",
    direction="higher",
    worst=-1.0,
    limits=(-1.0, 1.0),
    digits=3,
    label="Kendall τ",
    source="gilpin2023",
)
def kendall(truth: ArrayLike, forecast: ArrayLike) -> FloatArray:
    """Kendall's τ_b over the window, averaged over variables.

    It is the number of concordant minus the number of discordant pairs of steps, divided by the
    geometric mean of the numbers of pairs that are not tied in the truth and in the forecast. It is
    undefined for a constant series; it counts as 0 if one of the two series is constant and as 1 if
    both are. The run time is proportional to H².

    Args:
        truth: ``(n, H, d)``, finite.
        forecast: ``(n, H, d)``; a variable with NaN or infinity counts -1.

    Returns:
        ``(n,)`` from -1 (worst) to 1; higher is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    return _correlation(truth, forecast, _tau)


def _tau(x: FloatArray, y: FloatArray) -> FloatArray:
    from chaosbench.metrics._compiled import concordance

    # Twice a mean rank is an integer, and integers compare faster than doubles.
    found = concordance(*((2 * _ranks(a)).astype(np.int32) for a in (x, y))).astype(np.float64)
    return np.asarray(found[:, 0] / np.sqrt(found[:, 1] * found[:, 2]))


@metric(
    unit="nats",
    direction="higher",
    worst=0.0,
    limits=(0.0, np.inf),
    digits=2,
    label="MI",
    source="kraskov2004",
)
def mutual_information(truth: ArrayLike, forecast: ArrayLike, *, neighbours: int = 3) -> FloatArray:
    """Mutual information of forecast and truth over the window, averaged over variables.

    The first estimator of kraskov2004 with `neighbours` nearest neighbours in the larger of the two
    distances. Each variable is in units of its standard deviation, and negative estimates are set
    to 0. The estimate is at most ``ψ(H) - ψ(k)``. If more than k pairs coincide, the ties are
    counted as in mesner2021; scikit-learn and dysts break them by noise instead. The run time is
    proportional to H².

    Args:
        truth: ``(n, H, d)``, finite; a constant variable counts 0.
        forecast: ``(n, H, d)``; a variable with NaN or infinity counts 0.
        neighbours: k; at most ``H - 1`` neighbours are used.

    Returns:
        ``(n,)`` nats from 0 (worst); higher is better. It does not depend on level, size and sign.

    Raises:
        InputError: wrong shapes, a truth that is not finite, `neighbours` below 1.

    References:
        kraskov2004, mesner2021.

    """
    x, y, shape = _rows(truth, forecast)
    k = min(whole(neighbours, what="neighbours"), x.shape[1] - 1)
    value = np.zeros(len(x))
    finite = everywhere(np.isfinite(y), 1)
    varies = finite.copy()
    varies[finite] = ~_constant(x[finite]) & ~_constant(y[finite])
    for i in np.flatnonzero(varies):
        value[i] = _shared(x[i], y[i], k)
    average: FloatArray = np.maximum(value, 0.0).reshape(shape).mean(axis=1)
    return average


def _shared(x: FloatArray, y: FloatArray, k: int) -> float:
    from chaosbench.metrics._compiled import shared_information

    # ψ(n) + γ is a harmonic number; the constant γ cancels.
    psi = np.concatenate([[np.nan, 0.0], np.cumsum(1.0 / np.arange(1, len(x)))])
    x, y = (a / np.abs(a).max() for a in (x, y))
    return float(psi[len(x)]) + shared_information(x / x.std(), y / y.std(), k, psi)
