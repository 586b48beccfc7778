"""Recurrence quantification with memory proportional to the length of the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError, ParameterError
from chaosbench.series._arrays import counted, states

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["Recurrence", "recurrence", "recurrence_radius"]

LEAST = 20
"""Fewest states of a recurrence plot."""

MOST = 50_000
"""Most states: the work grows with the square of their number."""

PAIRS = 200_000
"""Random pairs that set the radius for a given recurrence rate."""


@dataclass(frozen=True)
class Recurrence:
    """Measures of a recurrence plot.

    Attributes:
        radius: distance within which states recur.
        rate: share of pairs of states, the Theiler window left out, that recur.
        determinism: share of recurrences on diagonal lines of at least the least length.
        mean_line: mean length of these lines, in samples.
        longest_line: length of the longest one.
        entropy: Shannon entropy of their lengths, in nats.
        laminarity: share of recurrences on vertical lines of at least the least length.
        trapping_time: mean length of these lines.

    """

    radius: float
    rate: float
    determinism: float
    mean_line: float
    longest_line: int
    entropy: float
    laminarity: float
    trapping_time: float


def recurrence(
    series: ArrayLike,
    *,
    radius: float | None = None,
    rate: float = 0.05,
    line: int = 2,
    theiler: int = 1,
    seed: int = 0,
) -> Recurrence:
    """Quantify the recurrence plot of states: who comes back near where it was, and for how long.

    States i and j recur if their Euclidean distance is at most `radius` and ``|i - j| >= theiler``.
    The plot is never stored: lines are counted diagonal by diagonal and column by column.

    Args:
        series: states ``(T, d)``, such as `embed` makes them; at most 50,000.
        radius: distance within which states recur; by default such that about `rate` of all pairs
            do, estimated from 200,000 random pairs.
        rate: see `radius`.
        line: least length of a line.
        theiler: pairs closer in time do not count; 1 leaves out only a state and itself.
        seed: seed of the random pairs.

    Raises:
        InputError: wrong shape, too few or too many states, gaps.
        ParameterError: a setting out of range.

    References:
        marwan2007.

    """
    x = states(series, least=LEAST)
    if len(x) > MOST:
        raise InputError(f"a recurrence plot takes at most {MOST} states, not {len(x)}; thin them")
    line, theiler = counted("line", line, 2), counted("theiler", theiler, 1)
    if theiler > len(x) // 2:
        raise ParameterError(f"theiler must be at most half of the {len(x)} states, not {theiler}")
    if radius is None:
        radius = recurrence_radius(x, rate=rate, seed=seed)
    elif not (np.isfinite(radius) and radius >= 0):
        raise ParameterError(f"radius must be a distance of at least 0, not {radius!r}")
    from chaosbench.series._compiled import count_lines

    diagonal, vertical = count_lines(x, float(radius) ** 2, theiler)
    length = np.arange(len(x) + 1)
    points = int((length * diagonal).sum())  # of one half of the plot
    possible = (len(x) - theiler) * (len(x) - theiler + 1) / 2
    long, tall = diagonal * (length >= line), vertical * (length >= line)
    share = long[long > 0] / max(long.sum(), 1)
    return Recurrence(
        float(radius),
        points / possible,
        _ratio((length * long).sum(), points),
        _ratio((length * long).sum(), long.sum()),
        int(length[diagonal > 0].max(initial=0)),
        float(-(share * np.log(share)).sum()) + 0.0,
        _ratio((length * tall).sum(), (length * vertical).sum()),
        _ratio((length * tall).sum(), tall.sum()),
    )


def recurrence_radius(x: FloatArray, *, rate: float, seed: int) -> float:
    """Return the distance within which a share of random pairs of states ``(T, d)`` lie."""
    if not 0 < rate < 1:
        raise ParameterError(f"rate must lie between 0 and 1, not {rate!r}")
    i, j = np.random.default_rng(counted("seed", seed, 0)).integers(0, len(x), size=(2, PAIRS))
    apart = np.linalg.norm(x[i[i != j]] - x[j[i != j]], axis=1)
    return float(np.quantile(apart, rate))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64] | int) -> float:
    return float(part / whole) if whole else 0.0
