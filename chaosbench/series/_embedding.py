"""Delay embedding: the delay by mutual information, the dimension by false neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.series._arrays import constant, counted, memory, scalar, standardised
from chaosbench.series._neighbours import nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = [
    "Embedding",
    "FalseNeighbours",
    "MutualInformation",
    "embed",
    "enough_dimensions",
    "false_nearest_neighbours",
    "mutual_information",
]

LEAST = 50
"""Fewest samples of a series that is embedded."""

MOST_ROWS = 3_000
"""States whose neighbours are checked; of longer series, so many are taken at equal steps."""

MOST_LAGS = 1_000
"""Largest lag that is tried for the delay."""

TOLERANCE = 15.0
"""A neighbour is false if its distance grows by this factor with one more coordinate."""

SHARE = 0.01
"""Share of false neighbours below which a dimension is enough."""

SAME = 1e-12
"""Distance in σ up to which two states count as equal."""

TESTABLE = 0.2
"""Share of states that must have a neighbour near enough to be tested."""


@dataclass(frozen=True)
class MutualInformation:
    """Average mutual information of a series with itself at each lag.

    Attributes:
        lags: 0, 1, … in samples.
        values: in nats, one for each lag.
        delay: the chosen delay in samples.
        rule: which rule chose it.

    """

    lags: FloatArray
    values: FloatArray
    delay: int
    rule: str


@dataclass(frozen=True)
class FalseNeighbours:
    """Shares of false nearest neighbours, and Cao's number, of each embedding dimension.

    Attributes:
        dimensions: 1, 2, ….
        shares: share of the testable neighbours that are false; NaN where too few are near enough
            to be tested.
        e1: Cao's E1, which stops changing at the embedding dimension; NaN for the largest ones.
        dimension: first dimension whose share is below 1 %; None if there is none.

    """

    dimensions: FloatArray
    shares: FloatArray
    e1: FloatArray
    dimension: int | None


@dataclass(frozen=True)
class Embedding:
    """A delay embedding and how it was chosen.

    Attributes:
        dimension: number of coordinates; 0 where the given variables are the state.
        delay: samples between coordinates.
        theiler: neighbours at most so many samples apart in time are left out.
        rules: how each of them was chosen, in words.

    """

    dimension: int
    delay: int
    theiler: int
    rules: tuple[str, ...] = ()


def embed(series: ArrayLike, *, dimension: int, delay: int) -> FloatArray:
    """Return the delay vectors of a series, oldest coordinate first.

    Row `i` is ``x[i], x[i + delay], …, x[i + (dimension - 1) delay]``.

    Args:
        series: ``(T,)``.
        dimension: number of coordinates.
        delay: samples between coordinates.

    Returns:
        ``(T - (dimension - 1) delay, dimension)``.

    Raises:
        InputError: the series is too short, not finite or not scalar.

    References:
        takens1981.

    """
    x = scalar(series, least=1)
    dimension, delay = counted("dimension", dimension, 1), counted("delay", delay, 1)
    length = len(x) - (dimension - 1) * delay
    if length < 1:
        raise InputError(
            f"{len(x)} samples are too few for {dimension} coordinates {delay} samples apart"
        )
    return np.ascontiguousarray(
        np.lib.stride_tricks.sliding_window_view(x, len(x) - length + 1)[:, ::delay]
    )


def mutual_information(series: ArrayLike, *, lags: int | None = None) -> MutualInformation:
    """Measure the mutual information of a series with itself at each lag, and choose a delay.

    The values are sorted into ``T^(1/3)`` bins of equal counts; Miller's correction for the number
    of cells that are occupied is subtracted. Let M be the first lag at which the autocorrelation is
    below 1/e. The delay is the first lag up to M whose mutual information is the smallest of all
    lags within M/5 of it (at least of its two neighbours); if there is none it is M, which for maps
    usually is 1.

    Args:
        series: ``(T,)``.
        lags: largest lag; by default four times the lag at which the autocorrelation falls below
            1/e, at least 10 and at most 1,000 or a fifth of the series.

    Raises:
        InputError: wrong shape, too few samples, gaps.

    References:
        fraser1986.

    """
    x = scalar(series, least=LEAST)
    most = min(MOST_LAGS, len(x) // 5)
    first = memory(x)
    reach = min(max(4 * first, 10), most) if lags is None else counted("lags", lags, 1)
    if reach >= len(x) - 1:
        raise InputError(f"a lag must be shorter than the series of {len(x)} samples, not {reach}")
    count = max(2, int(len(x) ** (1 / 3)))
    bins = _bins(x, count)
    values = np.array([_information(bins, lag, count) for lag in range(reach + 1)])
    side = max(1, first // 5)
    low = [
        lag
        for lag in range(1, min(first, reach - 1) + 1)
        if values[lag] == values[max(0, lag - side) : lag + side + 1].min()
    ]
    if low:
        delay, rule = low[0], "first minimum of the mutual information"
    elif first <= reach:
        delay, rule = max(1, first), "autocorrelation below 1/e"
    else:
        delay, rule = reach, "largest lag that was tried"
    return MutualInformation(np.arange(reach + 1.0), values, delay, rule)


def _bins(x: FloatArray, count: int) -> NDArray[np.int64]:
    """Return the bins of equal counts; equal values share the bin of the first of them."""
    order = np.sort(x)
    rank = np.searchsorted(order, x, side="left")
    return np.asarray(rank * count // len(x))


def _information(bins: NDArray[np.int64], lag: int, count: int) -> float:
    before, after = bins[: len(bins) - lag], bins[lag:]
    joint = np.bincount(before * count + after, minlength=count * count).reshape(count, count)
    total = joint.sum()

    def entropy(counts: NDArray[np.int64]) -> float:
        p = counts[counts > 0] / total
        return float(-(p * np.log(p)).sum() + (len(p) - 1) / (2 * total))

    return (
        entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1)) - entropy(joint.ravel())
    )  # fmt: skip


def false_nearest_neighbours(
    series: ArrayLike, *, delay: int, dimensions: int = 10, theiler: int | None = None
) -> FalseNeighbours:
    """Count false nearest neighbours in growing embedding dimensions, after Kennel.

    The nearest neighbour in dimension m is false if the next coordinate is more than 15 times as
    far apart as the m others. Only neighbours nearer than σ/15 are tested, since the next
    coordinates of others cannot be so far apart, and a dimension where fewer than a fifth of the
    states have one is not judged: in noise, neighbours become too far instead of true.
    With the same neighbours, in the maximum norm, Cao's ``a(i, m)`` is the ratio of the distances
    in dimensions m + 1 and m, ``E(m)`` its mean and ``E1(m) = E(m + 1) / E(m)``.

    Args:
        series: ``(T,)``.
        delay: samples between coordinates.
        dimensions: largest dimension.
        theiler: neighbours at most this many samples apart in time are left out; by default
            `delay`.

    Raises:
        InputError: wrong shape, too few samples, gaps.

    References:
        kennel1992, cao1997, hegger1999.

    """
    x = scalar(series, least=LEAST)
    delay, dimensions = counted("delay", delay, 1), counted("dimensions", dimensions, 1)
    apart = delay if theiler is None else counted("theiler", theiler, 0)
    if len(x) - dimensions * delay < LEAST:
        raise InputError(
            f"{len(x)} samples are too few for {dimensions + 1} coordinates {delay} samples apart"
        )
    if constant(x):
        raise InputError("a constant series has no neighbours to compare")
    x = standardised(x)
    judged = [_judge(x, m, delay, apart) for m in range(1, dimensions + 1)]
    shares, ratios = np.array(judged).T
    enough = np.flatnonzero(shares < SHARE)
    e1 = np.append(ratios[1:] / ratios[:-1], np.nan)
    return FalseNeighbours(
        np.arange(1.0, dimensions + 1), shares, e1, int(enough[0]) + 1 if len(enough) else None
    )


def enough_dimensions(x: FloatArray, delay: int, most: int, theiler: int) -> int | None:
    """Return the first dimension with few false neighbours of a series of standard deviation 1."""
    for m in range(1, most + 1):
        if _judge(x, m, delay, theiler)[0] < SHARE:
            return m
    return None


def _judge(x: FloatArray, m: int, delay: int, theiler: int) -> tuple[float, float]:
    """Return the share of false neighbours in dimension `m`, and the mean of Cao's ratio."""
    space = embed(x, dimension=m + 1, delay=delay)
    rows = np.unique(np.linspace(0, len(space) - 1, MOST_ROWS).astype(np.int64))
    near, index = nearest(space[:, :m], rows, theiler=theiler)
    near, index = near[:, 0], index[:, 0]
    rows, near, index = rows[index >= 0], near[index >= 0], index[index >= 0]
    further = np.abs(space[rows, m] - space[index, m])
    share = ratio = np.nan
    tested = near < 1 / TOLERANCE
    if tested.sum() >= max(1, TESTABLE * len(rows)):
        share = float((further[tested] > TOLERANCE * np.maximum(near[tested], SAME)).mean())
    largest = np.abs(space[rows, :m] - space[index, :m]).max(axis=1)
    apart = largest > 0
    if apart.any():
        ratio = float((np.maximum(largest, further)[apart] / largest[apart]).mean())
    return share, ratio
