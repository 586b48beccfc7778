"""Numbers that tell chaos from order: the 0–1 test and the permutation entropy."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, log
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError, ParameterError
from chaosbench.series._arrays import constant, counted, scalar
from chaosbench.series._embedding import embed, mutual_information

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["ZeroOneTest", "permutation_entropy", "zero_one_test"]

LEAST = 200
"""Fewest samples of the 0–1 test, after thinning."""

LONGEST_PATTERN = 8
"""Most values of an ordinal pattern."""


@dataclass(frozen=True)
class ZeroOneTest:
    """The result of the 0–1 test.

    Attributes:
        value: median over the frequencies; near 1 for chaos, near 0 for regular motion.
        frequencies: the frequencies c, ``(count,)``.
        values: K of each frequency.
        stride: every so many samples were used.

    """

    value: float
    frequencies: FloatArray
    values: FloatArray
    stride: int


def zero_one_test(
    series: ArrayLike, *, count: int = 100, stride: int | None = None, seed: int = 0
) -> ZeroOneTest:
    """Test for chaos without an embedding, after Gottwald and Melbourne.

    The series φ drives ``p(n) = Σ φ(j) cos(jc)`` and ``q(n) = Σ φ(j) sin(jc)``. K is the
    correlation of n and of the mean square displacement of (p, q) over n up to a tenth of the
    series, its oscillating part ``⟨φ⟩² (1 - cos nc) / (1 - cos c)`` removed. The result is the
    median over random frequencies c between π/5 and 4π/5.

    Noise also gives 1. A flow that is sampled often gives 0 even if it is chaotic, so it is
    thinned to the delay that `mutual_information` chooses.

    Args:
        series: ``(T,)``.
        count: number of frequencies.
        stride: use every so many samples; by default the delay that `mutual_information` chooses.
        seed: seed of the frequencies.

    Raises:
        InputError: wrong shape, too few samples, gaps, a constant series.

    References:
        gottwald2009.

    """
    x = scalar(series, least=LEAST)
    if constant(x):
        raise InputError("a constant series has no 0–1 test")
    stride = mutual_information(x).delay if stride is None else counted("stride", stride, 1)
    x = x[::stride]
    if len(x) < LEAST:
        raise InputError(
            f"{len(x)} samples remain, one in {stride}; the 0–1 test needs at least {LEAST}"
        )
    generator = np.random.default_rng(counted("seed", seed, 0))
    low, high = np.pi / 5, 4 * np.pi / 5
    frequencies = low + (high - low) * generator.random(counted("count", count, 1))
    size = float(np.abs(x).max())
    values = np.array([_growth(x / size, float(c)) for c in frequencies])
    return ZeroOneTest(float(np.median(values)), frequencies, values, stride)


def _growth(x: FloatArray, c: float) -> float:
    """Return the correlation of time and the mean square displacement without oscillation."""
    most = len(x) // 10
    lags = np.arange(1, most + 1)
    phase = c * np.arange(1, len(x) + 1)
    path = np.cumsum(x * np.exp(1j * phase))
    path -= path.mean()
    start = path[: len(path) - most]
    size = 2 ** int(np.ceil(np.log2(len(path) + most)))
    product = np.fft.ifft(np.fft.fft(path, size) * np.conj(np.fft.fft(start, size)))
    square = np.concatenate([[0.0], np.cumsum(np.abs(path) ** 2)])
    ahead = square[lags + len(start)] - square[lags]
    moved = (ahead + square[len(start)] - 2 * product[lags].real) / len(start)
    moved -= x.mean() ** 2 * (1 - np.cos(lags * c)) / (1 - np.cos(c))
    spread = moved - moved.mean()
    if np.abs(spread).max() <= 1e-12 * max(np.abs(moved).max(), 1e-300):
        return 0.0
    return float(np.corrcoef(lags, moved)[0, 1])


def permutation_entropy(
    series: ArrayLike,
    *,
    order: int = 3,
    delay: int = 1,
    weighted: bool = False,
    normalised: bool = True,
) -> float:
    """Return the Shannon entropy of the ordinal patterns of a series, after Bandt and Pompe.

    A pattern is the order of `order` values, `delay` samples apart. Of equal values, the earlier
    one counts as smaller.

    Args:
        series: ``(T,)``.
        order: values of a pattern, 2 to 8.
        delay: samples between them.
        weighted: whether each pattern counts by the variance of its values.
        normalised: whether to divide by ``ln order!``, so that noise has 1; nats otherwise.

    Raises:
        InputError: wrong shape, too few samples, gaps.
        ParameterError: the order is out of range.

    References:
        bandt2002, fadlallah2013.

    """
    order = counted("order", order, 2)
    if order > LONGEST_PATTERN:
        raise ParameterError(f"order must be at most {LONGEST_PATTERN}, not {order}")
    x = scalar(series, least=order)
    windows = embed(x, dimension=order, delay=delay)
    ranks = np.argsort(np.argsort(windows, axis=1, kind="stable"), axis=1)
    codes = ranks @ (order ** np.arange(order))
    weights = None
    if weighted:
        weights = windows.var(axis=1) / max(float(windows.var(axis=1).max()), 1e-300)
    _, index = np.unique(codes, return_inverse=True)
    share = np.bincount(index, weights)
    if share.sum() == 0:  # all windows are constant
        return 0.0
    share = share[share > 0] / share.sum()
    entropy = float(-(share * np.log(share)).sum()) + 0.0
    return entropy / log(factorial(order)) if normalised else entropy
