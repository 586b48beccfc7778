"""From recorded series to training trajectories and test windows that share no sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chaosbench.datasets._grids import Series, pieces, runs
from chaosbench.errors import InputError
from chaosbench.trajectories import FloatArray

__all__ = [
    "LEAST_WINDOWS", "Parts", "Windows", "dominant_period", "longest_whole", "parted", "steps_of",
    "trained", "windowed",
]  # fmt: skip

SHORTEST = 20
"""Samples of the shortest training trajectory."""

KEPT = 0.9
"""Share of the training samples that the common length of the trajectories should keep."""

CONTEXT = 512
HORIZON_AT_MOST = 3000

SHORT_CONTEXT = 128
"""Samples to which the context is cut before the horizon is."""

GOOD_WINDOWS, LEAST_WINDOWS = 10, 5
"""For so many windows the context is cut, and for so many the horizon."""

LOOKED_FOR = 50
"""Samples of the stretches that must not be in both parts."""

GAP_AT_MOST = 0.05
"""Of a series, between training and test, where no gap is given."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Series split in time: what may be trained on, and what may be tested on.

    Attributes:
        train, test: series.
        gap: samples left out between them, in each series.
        period: dominant period of the training part, in samples.

    """

    train: tuple[Series, ...]
    test: tuple[Series, ...]
    gap: int
    period: int


@dataclass(frozen=True, eq=False)
class Windows:
    """Test windows, ``(w, C + H, d)`` and the times of their first samples ``(w,)``."""

    values: FloatArray
    starts: FloatArray
    context: int
    horizon: int


def parted(series: Sequence[Series], dt: float, share: float, gap: int | None) -> Parts:
    """Split each series in time; those that are held out are for testing as a whole.

    Where series are held out, the others are for training as a whole. Otherwise the last `share`
    of each is for testing, and the `gap` before it for nothing. By default that is the dominant
    period, and at most 5% of the series.

    Raises:
        InputError: nothing is left for training.

    """
    if any(one.held_out for one in series):
        check_apart(series)
        kept = tuple(one for one in series if not one.held_out)
        period = dominant_period(kept)
        return Parts(kept, tuple(one for one in series if one.held_out), 0, period)
    tested = [round(share * len(one.values)) for one in series]
    head = [
        Series(one.values[: len(one.values) - count], one.start)
        for one, count in zip(series, tested, strict=True)
    ]
    period = dominant_period(head)
    if gap is None:
        gap = max(1, min(period, int(GAP_AT_MOST * max(len(one.values) for one in series))))
    train, test = [], []
    for one, count in zip(series, tested, strict=True):
        first = len(one.values) - count
        if first - gap >= SHORTEST:
            train.append(Series(one.values[: first - gap], one.start))
        test.append(Series(one.values[first:], one.start + first * dt))
    if not train:
        longest = max(len(one.values) for one in series)
        raise InputError(
            f"the series is too short: of {longest:,} samples fewer than {SHORTEST} are left to "
            f"train on, with {max(tested):,} for testing and {gap:,} between"
        )
    return Parts(tuple(train), tuple(test), gap, period)


def check_apart(series: Sequence[Series]) -> None:
    """Refuse held-out series of which a stretch is also in the others.

    Stretches of 50 samples at the beginning, in the middle and at the end are looked for.

    Raises:
        InputError: one is found; whoever trains would have seen the answers.

    """
    for other in (one for one in series if one.held_out):
        last = len(other.values) - LOOKED_FOR
        for first in sorted({0, last // 2, last}) if last > 0 else ():
            wanted = other.values[first : first + LOOKED_FOR]
            if not np.isfinite(wanted).all() or (wanted == wanted[0]).all():
                continue
            for one in series:
                if not one.held_out and _holds(one.values, wanted):
                    raise InputError(
                        f"samples {first + 1:,} to {first + LOOKED_FOR:,} of the data to test on "
                        "are also in the data to train on, so that the answers are known; leave "
                        "--test out to split one recording in time"
                    )


def _holds(values: FloatArray, wanted: FloatArray) -> bool:
    """Say whether rows ``(k, d)`` follow each other somewhere in ``(T, d)``."""
    count = len(values) - len(wanted) + 1
    if count < 1:
        return False
    alike = np.flatnonzero((values[:count] == wanted[0]).all(axis=1))
    for row in range(1, len(wanted)):
        if not len(alike):
            return False
        alike = alike[(values[alike + row] == wanted[row]).all(axis=1)]
    return bool(len(alike))


def dominant_period(series: Sequence[Series]) -> int:
    """Return the period of the strongest oscillation in samples, of the longest whole stretch.

    It is the inverse of the frequency where the periodogram of the variables, each in its standard
    deviations, is highest; between 2 samples and a quarter of the stretch.
    """
    values = longest_whole(series)
    count = len(values)
    if count < 8:
        return 1
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if not scaled.shape[1]:
        return 1
    power = (np.abs(np.fft.rfft(scaled * np.hanning(count)[:, np.newaxis], axis=0)) ** 2).sum(1)
    power[:4] = 0.0
    return max(2, round(count / int(power.argmax())))


def longest_whole(series: Sequence[Series], column: int | None = None) -> FloatArray:
    """Return the longest stretch without a gap, ``(T, d)``, or ``(T,)`` of one variable."""
    best = np.empty((0, series[0].values.shape[1]))
    for one in series:
        known = np.isfinite(one.values)
        marks = np.asarray(known.all(axis=1) if column is None else known[:, column])
        for start, stop in runs(marks):
            if stop - start > len(best):
                best = one.values[start:stop]
    return best if column is None else best[:, column]


def trained(series: Sequence[Series], dt: float, longest_gap: int) -> tuple[FloatArray, FloatArray]:
    """Return training trajectories of one length ``(n, T, d)`` and their start times ``(n,)``.

    Gaps of more than `longest_gap` samples cut a series; shorter ones stay, as NaN. All pieces are
    cut to one length, the longest with which at least 90% of the samples are kept, or else the one
    that keeps most. A longer piece gives as many trajectories as it holds, counted from its end.

    Raises:
        InputError: no piece is long enough.

    """
    held = [
        (one.values[start:stop], one.start + start * dt)
        for one in series
        for start, stop in pieces(one.values, longest_gap)
        if stop - start >= SHORTEST
    ]
    if not held:
        raise InputError(
            f"the training part has no stretch of {SHORTEST} samples without a gap of more than "
            f"{longest_gap} samples"
        )
    lengths = [len(values) for values, _ in held]
    kept = {length: sum(n // length for n in lengths) * length for length in lengths}
    enough = [length for length, count in kept.items() if count >= KEPT * sum(lengths)]
    length = max(enough) if enough else max(kept, key=lambda n: (kept[n], n))
    values, starts = [], []
    for piece, start in held:
        first = len(piece) % length
        for begin in range(first, len(piece), length):
            part = piece[begin : begin + length]
            if (np.isfinite(part).sum(axis=0) > 1).all():
                values.append(part)
                starts.append(start + begin * dt)
    return np.stack(values), np.array(starts)


def windowed(
    parts: Parts,
    dt: float,
    *,
    windows: int,
    context: int | None,
    horizon: int | None,
    wanted: int,
    longest_gap: int,
) -> Windows:
    """Roll windows over the test parts.

    A window is a context and the future after it, and begins where the one before has ended or
    later, so that no context shows the future of another window. Of more than `windows`, evenly
    spread ones are taken.
    A context has no gap of more than `longest_gap` samples; its last sample and the one after it
    were recorded in all variables.

    Args:
        parts: the series.
        dt: sampling step.
        windows: how many at most.
        context, horizon: samples of each; None for the usual ones: 512, cut to no less than 128 so
            that ten windows fit, and `wanted`; both are cut further so that five fit.
        wanted: the usual horizon.
        longest_gap: as said.

    Raises:
        InputError: not one window fits.

    """
    lengths = [len(one.values) for one in parts.test]
    most, good = _room(lengths, LEAST_WINDOWS), _room(lengths, GOOD_WINDOWS)
    left = max(lengths)
    if horizon is None:
        left = most
        horizon = min(wanted, HORIZON_AT_MOST, most // 2 if context is None else most - context)
        horizon = max(1, horizon)
    if context is None:
        context = max(good - horizon, min(SHORT_CONTEXT, left - horizon))
        context = max(2, min(CONTEXT, context))
    length = context + horizon
    values: list[FloatArray] = []
    starts: list[float] = []
    for one in parts.test:
        for first in _firsts(one.values, context, length, longest_gap):
            values.append(one.values[first : first + length])
            starts.append(one.start + first * dt)
    if not values:
        longest = max(lengths)
        raise InputError(
            f"no test window fits: a context of {context:,} and a horizon of {horizon:,} samples "
            f"without a gap at the start of the forecast, in test parts of at most {longest:,} "
            "samples; ask for shorter ones (--context, --horizon), or give more data to the test "
            "(--test-share)"
        )
    chosen = np.linspace(0, len(values) - 1, min(windows, len(values))).round().astype(np.int64)
    return Windows(np.stack(values)[chosen], np.array(starts)[chosen], context, horizon)


def _room(lengths: Sequence[int], windows: int) -> int:
    """Return the longest window of which so many fit into parts of these lengths; at least 4."""
    tried = {length // many for length in lengths for many in range(1, windows + 1)}
    fits = [n for n in tried if n and sum(length // n for length in lengths) >= windows]
    return max(4, *fits) if fits else 4


def _firsts(values: FloatArray, context: int, length: int, longest_gap: int) -> list[int]:
    """Return where windows can begin in ``(T, d)``, one after another."""
    whole = np.asarray(np.isfinite(values).all(axis=1))
    # a context lies in one stretch, and where it ends everything was recorded, and next to it
    possible = np.zeros(len(values), dtype=np.bool_)
    for start, stop in pieces(values, longest_gap):
        possible[start : max(start, stop - context + 1)] = True
    last = np.arange(len(values)) + context - 1
    inside = last + 1 < len(values)
    possible &= inside
    possible[inside] &= whole[last[inside]] & whole[last[inside] + 1]
    possible[max(0, len(values) - length + 1) :] = False
    found, due = [], 0
    for first in np.flatnonzero(possible).tolist():
        if first >= due:
            found.append(int(first))
            due = first + length
    return found


def steps_of(span: float, dt: float) -> int:
    """Return how many steps a time takes, at least one."""
    return max(1, math.ceil(span / dt - 1e-9))
