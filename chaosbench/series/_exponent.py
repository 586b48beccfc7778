"""The largest Lyapunov exponent of a recorded series, or the reason why it cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.series._arrays import (
    constant,
    counted,
    memory,
    standardised,
    states,
    step,
)
from chaosbench.series._embedding import (
    Embedding,
    embed,
    enough_dimensions,
    mutual_information,
)
from chaosbench.series._neighbours import nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["ExponentFromData", "Method", "largest_exponent"]

Method = Literal["rosenstein", "kantz"]

LEAST = 500
"""Fewest samples of a series whose exponent is measured."""

MOST_ROWS = 3_000
"""Reference states; of longer series, so many are taken at equal steps."""

BALL = 10
"""Most neighbours of a reference state that Kantz's method takes."""

FEWEST = 2
"""Neighbours within the radius of Kantz's method that half of the reference states have."""

CONTINUOUS = 4
"""Samples of memory from which on a series counts as a sampled flow."""

RISE = 1.5
"""Least rise of the logarithm of the distance over the scaling region."""

BEYOND = 1.0
"""Rise of the curve after the end of the scaling region, for the picture."""

BELOW = 2.25
"""The scaling region ends where distances are e^2.25 times smaller than those of random pairs."""

ABOVE = np.log(2.0)
"""The scaling region begins where distances are twice those that the noise makes."""

STRAIGHT = 0.25
"""Slopes of the halves of the scaling region may differ by this share of their mean."""

CHI_SQUARE = 0.4549
"""Median of the square of a standard Gaussian number."""

BLOCKS = 8
"""Parts of the series whose slopes give the error."""

UNSURE = 0.25
"""Relative standard error from which on the exponent cannot be told."""

ENDS = 60
"""Ends of scaling regions that are tried."""

FLAT = 0.1
"""The pairs are followed no longer once the curve rises less than this while the time doubles."""


@dataclass(frozen=True)
class ExponentFromData:
    """A largest Lyapunov exponent measured from data, or the reason why it cannot be told.

    Attributes:
        value: the exponent per time unit; NaN if it cannot be told.
        error: its standard error, from eight parts of the series and from the bend of the curve;
            NaN if it cannot be told.
        reason: why it cannot be told, as a sentence; None if it can.
        embedding: the embedding and how it was chosen.
        times: time since the pairs were neighbours, in time units.
        divergence: median logarithm of the distance of the pairs at these times, in σ.
        region: first and last time of the scaling region; None if there is none.
        noise: standard deviation of the noise in the data, in σ.
        method: ``rosenstein`` or ``kantz``.

    """

    value: float
    error: float
    reason: str | None
    embedding: Embedding
    times: FloatArray
    divergence: FloatArray
    region: tuple[float, float] | None
    noise: float
    method: str


@dataclass(frozen=True)
class _Space:
    """States of a series, and where its neighbours lead."""

    states: FloatArray
    newest: int
    theiler: int
    memory: int
    directions: FloatArray

    @property
    def stride(self) -> int:
        """Samples between two points of the divergence curve."""
        return max(1, self.memory // 10)

    def distances(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> FloatArray:
        """Return the distances of pairs, for a flow across the direction of motion."""
        apart = self.states[rows] - self.states[others]
        if self.memory >= CONTINUOUS:
            along = self.directions[rows]
            apart = apart - (apart * along).sum(axis=-1, keepdims=True) * along
        return np.asarray(np.sqrt((apart**2).sum(axis=-1)))


def largest_exponent(
    series: ArrayLike,
    dt: float,
    *,
    method: str = "rosenstein",
    dimension: int | None = None,
    delay: int | None = None,
    theiler: int | None = None,
    seed: int = 0,
) -> ExponentFromData:
    """Measure the largest Lyapunov exponent from the divergence of neighbours, or refuse.

    A scalar series is embedded: the delay is that of `mutual_information`, the dimension the first
    one with fewer than 1 % false neighbours. Several variables are taken as the state. Up to 3,000
    reference states are followed with their nearest neighbour (``rosenstein``), or up to 1,000 with
    up to 10 neighbours within the radius within which half of the states have two (``kantz``). The
    curve is the median logarithm of their distance in σ; a mean would follow the few pairs that are
    torn apart. In a sampled flow, two neighbours also differ by a shift in time, which does not
    grow; so distances are taken across the direction of motion.

    The scaling region is the longest stretch of the curve, by its rise, that lies above twice the
    distance that the noise makes and a factor of 10 below that of random pairs, that rises by at
    least 1.5, and whose two halves have slopes that differ by at most 25 %. The exponent is its
    least-squares slope. Its error has two parts: the scatter of the slopes of eight parts of the
    series, and half the difference of the slopes of the halves of the region, since distances are
    not infinitesimal.

    It cannot be told where a rule finds no embedding, no such region exists or the relative error
    is above 25 %.

    Args:
        series: ``(T,)``, or several variables ``(T, d)``; at least 500 samples without gaps.
        dt: sampling step in time units.
        method: ``rosenstein`` or ``kantz``.
        dimension: embedding dimension; chosen by the rule if not given.
        delay: delay in samples; chosen by the rule if not given.
        theiler: neighbours at most this many samples apart in time are left out; by default three
            times the lag at which the autocorrelation falls below 1/e.
        seed: seed of the surrogates and of the random pairs.

    Raises:
        InputError: wrong shape, too few samples, gaps.
        ParameterError: a setting that does not exist.

    References:
        rosenstein1993, kantz1994, stefansson1997, theiler1986.

    """
    if method not in get_args(Method):
        raise ParameterError(f"method must be one of {', '.join(get_args(Method))}, not {method!r}")
    dt = step(dt)
    x = states(series, least=LEAST)
    x = x[:, [not constant(column) for column in x.T]]
    generator = np.random.default_rng(counted("seed", seed, 0))
    if x.shape[1] == 0:
        return _refused("the series is constant", Embedding(0, 0, 0), method)
    x = standardised(x)
    chosen = _embedding(x, dimension, delay, theiler)
    if isinstance(chosen, str):
        return _refused(chosen, Embedding(dimension or 0, delay or 0, theiler or 0), method)
    space = _space(x, chosen)
    noise = _noise(x, space)
    rows, others = _pairs(space, method)
    if len(rows) < LEAST // 5:
        return _refused("too few states have neighbours", chosen, method, noise)
    random = _random_level(space, generator)
    curve = _divergence(space, rows, others, stop=random - BELOW + BEYOND)
    level = curve.middle
    floor = np.log(max(noise * np.sqrt(2 * space.states.shape[1]), 1e-15)) + ABOVE
    region = _scaling_region(level, floor, random - BELOW)
    tick = dt * space.stride
    times = np.asarray(np.arange(len(level)) * tick, dtype=np.float64)
    if isinstance(region, str):
        return _refused(region, chosen, method, noise, times, level)
    first, last = region
    value = _slope(level, first, last) / tick
    parts = np.array([_slope(part, first, last) / tick for part in curve.parts])
    middle = (first + last) // 2
    bend = (_slope(level, middle, last) - _slope(level, first, middle)) / tick / 2
    error = float(np.hypot(np.std(parts, ddof=1) / np.sqrt(BLOCKS), bend))
    if not error < UNSURE * value:
        words = f"the exponent {value:.3g} ± {error:.2g} is too uncertain; a longer series may help"
        return _refused(words, chosen, method, noise, times, level)
    span = float(times[first]), float(times[last])
    return ExponentFromData(value, error, None, chosen, times, level, span, noise, method)


def _refused(
    reason: str,
    embedding: Embedding,
    method: str,
    noise: float = np.nan,
    times: FloatArray | None = None,
    divergence: FloatArray | None = None,
) -> ExponentFromData:
    none = np.zeros(0)
    return ExponentFromData(
        np.nan, np.nan, reason, embedding, none if times is None else times,
        none if divergence is None else divergence, None, noise, method,
    )  # fmt: skip


def _embedding(
    x: FloatArray, dimension: int | None, delay: int | None, theiler: int | None
) -> Embedding | str:
    """Choose what is not given; a sentence if no dimension is enough."""
    rules = []
    remembered = max(memory(column) for column in x.T)
    if theiler is None:
        theiler = 3 * remembered
        rules.append("Theiler window: three times the lag where the autocorrelation is below 1/e")
    else:
        theiler = counted("theiler", theiler, 0)
        rules.append("Theiler window: given")
    if theiler > len(x) // 4:
        return (
            f"the series of {len(x)} samples is too short: values {remembered} samples apart are "
            "still correlated"
        )
    if x.shape[1] > 1:
        if dimension is not None or delay is not None:
            raise ParameterError("several variables are taken as the state; choose one to embed it")
        return Embedding(0, 0, theiler, (*rules, f"state: the {x.shape[1]} variables given"))
    if delay is None:
        found = mutual_information(x)
        delay = found.delay
        rules.append(f"delay: {found.rule}")
    else:
        delay = counted("delay", delay, 1)
        rules.append("delay: given")
    if dimension is None:
        most = min(10, (len(x) - LEAST // 2) // delay)
        if most < 1:
            return f"the series of {len(x)} samples is too short for a delay of {delay} samples"
        dimension = enough_dimensions(x[:, 0], delay, most, theiler)
        if dimension is None:
            return (
                f"no embedding in up to {most} dimensions has fewer than 1 % false neighbours: the "
                "series is noise, or has too many degrees of freedom for its length"
            )
        rules.append("dimension: first with fewer than 1 % false nearest neighbours")
    else:
        dimension = counted("dimension", dimension, 1)
        rules.append("dimension: given")
    if len(x) - (dimension - 1) * delay < LEAST // 2:
        return f"the series of {len(x)} samples is too short for this embedding"
    return Embedding(dimension, delay, theiler, tuple(rules))


def _space(x: FloatArray, chosen: Embedding) -> _Space:
    if chosen.dimension:
        cloud = embed(x, dimension=chosen.dimension, delay=chosen.delay)
        newest = 1
    else:
        cloud, newest = x, x.shape[1]
    remembered = min(memory(column) for column in x.T)
    ahead = max(1, min(remembered // 4, len(cloud) // 10))
    speed = np.empty_like(cloud)
    speed[ahead:-ahead] = cloud[2 * ahead :] - cloud[: -2 * ahead]
    speed[:ahead], speed[-ahead:] = speed[ahead], speed[-ahead - 1]
    size = np.sqrt((speed**2).sum(axis=1, keepdims=True))
    return _Space(cloud, newest, chosen.theiler, remembered, speed / np.maximum(size, 1e-300))


def _noise(x: FloatArray, space: _Space) -> float:
    """Estimate the standard deviation of the noise in σ, from above.

    Half the mean square difference of the next values of near states, extrapolated to distance 0
    over the ten nearest neighbours, is the variance of what a smooth map cannot predict
    [stefansson1997]. Medians stand for means here, scaled as for Gaussian noise, since few states
    in regions of fast motion would dominate these. For smooth series, third differences give a
    second bound.
    """
    cloud = space.states
    rows = np.unique(np.linspace(0, len(cloud) - 2, MOST_ROWS // 2).astype(np.int64))
    near, index = nearest(cloud, rows, theiler=space.theiler, count=10, last=len(cloud) - 1)
    whole = index[:, -1] >= 0
    rows, near, index = rows[whole], near[whole], index[whole]
    bound = np.sqrt(np.var(np.diff(x, 3, axis=0), axis=0).mean() / 20)
    if len(rows) == 0:
        return float(bound)
    ahead = cloud[rows + 1, -space.newest :][:, np.newaxis] - cloud[index + 1, -space.newest :]
    wrong = np.median((ahead**2).mean(axis=2), axis=0) / 2 / CHI_SQUARE
    square = np.median(near**2, axis=0)
    spread = square - square.mean()
    slope = (spread * wrong).sum() / max((spread**2).sum(), 1e-300)
    rest = wrong.mean() - max(slope, 0.0) * square.mean()
    return float(min(np.sqrt(max(rest, 0.0)), bound))


def _pairs(space: _Space, method: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return reference states and their neighbours, one row for each pair."""
    cloud = space.states
    most = MOST_ROWS // 3 if method == "kantz" else MOST_ROWS
    rows = np.unique(np.linspace(0, len(cloud) - 2, most).astype(np.int64))
    count = BALL if method == "kantz" else 1
    near, index = nearest(cloud, rows, theiler=space.theiler, count=count, last=len(cloud) - 1)
    radius = np.median(near[:, FEWEST - 1]) if method == "kantz" else np.inf
    good = (index >= 0) & (near <= radius) & (near > 0)
    return np.repeat(rows, good.sum(axis=1)), index[good]


def _random_level(space: _Space, generator: np.random.Generator) -> float:
    """Return the mean logarithm of the distance of random pairs."""
    first, second = generator.integers(0, len(space.states), size=(2, 10_000))
    far = np.abs(first - second) > space.theiler
    return float(np.log(np.maximum(space.distances(first[far], second[far]), 1e-300)).mean())


@dataclass(frozen=True)
class _Curve:
    """The divergence curve of all pairs, and those of the parts of the series."""

    middle: FloatArray
    parts: list[FloatArray]


def _divergence(
    space: _Space, rows: NDArray[np.int64], others: NDArray[np.int64], *, stop: float
) -> _Curve:
    """Follow the pairs until their median log distance exceeds `stop` or rises no more.

    They are followed for a fifth of the series at most. A pair that reaches its end drops out.
    """
    length = len(space.states)
    part = rows * BLOCKS // length
    pairs = [np.flatnonzero(part == b) for b in range(BLOCKS)]
    stride = space.stride
    least = max(50, 10 * space.memory // stride)
    middle: list[float] = []
    parts: list[list[float]] = []
    for k in range(length // 5 // stride):
        ahead = k * stride
        inside = np.maximum(rows, others) + ahead < length
        logs = np.full(len(rows), np.nan)
        apart = space.distances(rows[inside] + ahead, others[inside] + ahead)
        logs[inside] = np.log(np.maximum(apart, 1e-15))
        here = [logs[p][inside[p]] for p in pairs]
        if any(len(one) == 0 for one in here):
            break
        middle.append(float(np.median(logs[inside])))
        parts.append([float(np.median(one)) for one in here])
        if middle[-1] > stop or (k > least and middle[-1] - middle[k // 2] < FLAT):
            break
    return _Curve(np.array(middle), list(np.array(parts).T))


def _scaling_region(level: FloatArray, floor: float, ceiling: float) -> tuple[int, int] | str:
    """Return the first and last index of the scaling region; a sentence if there is none."""
    if ceiling - floor < RISE:
        return "the noise is too strong: it hides the distances over which neighbours would diverge"
    inside = (level >= floor) & (level <= ceiling)
    inside[0] = False  # neighbours were chosen by this distance
    ends = np.flatnonzero(inside)
    if len(ends):
        ends = np.unique(ends[np.linspace(0, len(ends) - 1, ENDS).astype(int)])
    best, found = RISE, None
    for a in ends.tolist():
        for b in ends[::-1].tolist():
            rise = level[b] - level[a]
            if b - a < 3 or rise < best:
                continue
            middle = (a + b) // 2
            one, two = _slope(level, a, middle), _slope(level, middle, b)
            if min(one, two) > 0 and abs(one - two) <= STRAIGHT * (one + two) / 2:
                best, found = rise, (a, b)
    if found is None:
        return "there is no scaling region: the distance of neighbours does not grow exponentially"
    return found


def _slope(level: FloatArray, first: int, last: int) -> float:
    """Return the least-squares slope per sample."""
    k = np.arange(first, last + 1)
    k = k - k.mean()
    return float((k * level[first : last + 1]).sum() / (k**2).sum())
