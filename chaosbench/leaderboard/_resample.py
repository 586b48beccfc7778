"""The bootstrap behind every interval: systems are drawn, then their windows, then their seeds.

All forecasters get the same draws of systems and windows, because they met the same ones: what is
hard for all moves all medians together, and a difference of two forecasters is known better than
either. A seed belongs to a run, which forecast every window of its system, so seeds are drawn once
for each system that was drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.metrics.survival import HALF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chaosbench.leaderboard._pool import Pool, Windows
    from chaosbench.trajectories import FloatArray

__all__ = ["Replicates", "expanded", "interval", "replicate"]

# Replicates times windows at once: small enough for the cache, which is what makes it fast.
CHUNK = 400_000

LEVEL = 0.05
"""Share of intervals that may miss, and of boards on which a test may err."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Bootstrap replicates of one forecaster's median.

    Attributes:
        medians: ``(B,)``; NaN where none of its windows was drawn.
        bounded: ``(B,)``, whether the median is a lower bound.

    """

    medians: FloatArray
    bounded: NDArray[np.bool_]


def replicate(
    pool: Pool, windows: Mapping[str, Windows], replicates: int, seed: int
) -> dict[str, Replicates]:
    """Draw the exam anew, so many times, and return the medians of each forecaster."""
    runs = sorted({int(r) for held in windows.values() for r in np.unique(held.runs)} | {1})
    held = {name: _by_time(found) for name, found in windows.items() if len(found.values)}
    drawn = {
        name: Replicates(np.full(replicates, np.nan), np.zeros(replicates, dtype=np.bool_))
        for name in windows
    }
    for rows, tables in _tables(pool.unit_systems, runs, replicates, seed):
        for name, found in held.items():
            middle, bounded = _medians(found, _weights(tables, found))
            drawn[name].medians[rows], drawn[name].bounded[rows] = middle, bounded
    return drawn


def _by_time(held: Windows) -> Windows:
    """Sort windows by time; of equal times those that are censored come last."""
    order = np.lexsort((held.censored, held.values))
    return replace(held, **{f.name: getattr(held, f.name)[order] for f in fields(held)})


def _medians(held: Windows, weights: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the median for each row of `weights` and whether it is a lower bound, ``(count,)``.

    As `chaosbench.metrics.survival.median` of `survival`, for times that are sorted already: the
    steps of equal times multiply to one. Rows without a weight have NaN.
    """
    gone = np.cumsum(weights, axis=1)
    total = gone[:, -1:]
    if held.censored.any():
        at_risk = total - gone + weights
        hazard = np.divide(
            weights * ~held.censored, at_risk, out=np.zeros_like(weights), where=weights > 0
        )
        surviving = np.cumprod(1.0 - np.minimum(hazard, 1.0), axis=1)
        reached, passed = surviving <= HALF, surviving < 1.0 - HALF
    else:
        reached, passed = gone >= (1.0 - HALF) * total, gone > HALF * total
    undefined = np.logical_not(passed.any(axis=1))
    first = held.values[np.argmax(reached, axis=1)]
    second = held.values[np.argmax(passed, axis=1)]
    if undefined.any():
        last = held.values[weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1)]
        first = np.where(reached.any(axis=1), first, last)
        second = np.where(undefined, last, second)
    with np.errstate(invalid="ignore"):  # scores may be infinite, and equal then
        middle = np.where(first == second, first, (first + second) / 2)
    return np.where(total[:, 0] > 0, middle, np.nan), np.asarray(undefined)


def _weights(tables: Mapping[int, FloatArray], held: Windows) -> FloatArray:
    """Return how often each observation counts in each replicate, ``(count, N)``."""
    runs = np.unique(held.runs)
    if len(runs) == 1:
        table = tables[int(runs[0])]
        place = held.units * table.shape[2] + held.seeds
        return np.asarray(np.take(table.reshape(len(table), -1), place, axis=1))
    weights = np.empty((len(tables[1]), len(held.values)))
    for number in runs:
        here = held.runs == number
        weights[:, here] = tables[int(number)][:, held.units[here], held.seeds[here]]
    return weights


def _tables(
    unit_systems: NDArray[np.int64], runs: list[int], replicates: int, seed: int
) -> Iterator[tuple[slice, dict[int, FloatArray]]]:
    """Yield rows of replicates, with how often each unit and seed counts where there are so many.

    A table is ``(count, U, R)``. What `R` seeds draw depends on `R` alone, so that a forecaster
    with one seed is not moved by one with three.
    """
    rng = np.random.default_rng(seed)
    rng_seeds = {number: np.random.default_rng([seed, number]) for number in runs}
    _, starts, sizes = np.unique(unit_systems, return_index=True, return_counts=True)
    systems, longest, units = len(starts), sizes.max(), len(unit_systems)
    within_system = np.arange(units) - np.repeat(starts, sizes)
    system_of = np.repeat(np.arange(systems), sizes)
    step = max(1, CHUNK // (units * max(runs)))
    for first in range(0, replicates, step):
        count = min(step, replicates - first)
        # Chunks must not change the draws: one row of random numbers a replicate.
        drawn = rng.random((count, systems * (1 + longest)))
        chosen = (drawn[:, :systems] * systems).astype(np.int64)
        within = drawn[:, systems:].reshape(count, systems, longest)
        size = sizes[chosen][..., np.newaxis]
        picks = (within * size).astype(np.int64)
        wanted = np.arange(longest) < size
        copies = np.arange(count * systems).reshape(count, systems, 1)
        tally = np.bincount(
            (copies * longest + picks)[wanted], minlength=count * systems * longest
        ).reshape(count * systems, longest)
        # copies of one system lie side by side in this order, so that they can be added up
        place = (np.arange(count)[:, np.newaxis] * systems + chosen).ravel()
        order = np.argsort(place, kind="stable")
        held, begins = np.unique(place[order], return_index=True)
        tables = {}
        for number in runs:
            per_seed = _seed_tally(rng_seeds[number], count * systems, number)
            both = tally[order, :, np.newaxis] * per_seed[order, np.newaxis, :]
            sums = np.zeros((count * systems, longest, number))
            sums[held] = np.add.reduceat(both, begins, axis=0) / number
            table = sums.reshape(count, systems, longest, number)
            tables[number] = table[:, system_of, within_system]
        yield slice(first, first + count), tables


def _seed_tally(rng: np.random.Generator, copies: int, number: int) -> NDArray[np.int64]:
    """Draw so many seeds for each copy of a system and count each of them, ``(copies, R)``."""
    if number == 1:
        return np.ones((copies, 1), dtype=np.int64)
    picks = (rng.random((copies, number)) * number).astype(np.int64)
    place = np.arange(copies)[:, np.newaxis] * number + picks
    return np.bincount(place.ravel(), minlength=copies * number).reshape(copies, number)


def expanded(tail: float, systems: int) -> float:
    """Return the quantile of replicates that leaves out `tail`, with so few systems.

    The bootstrap draws from the systems that there are, so its spread is too small by a factor
    √((n-1)/n), and it does not know that the spread itself is estimated: quantiles of Student's t
    instead of the normal distribution's make up for both.

    References:
        T. Hesterberg, What teachers should know about the bootstrap, The American Statistician
        69 (2015) 371: the expanded percentile interval.

    """
    from scipy.special import ndtr, stdtrit

    if systems < 2:
        return tail
    factor = np.sqrt(systems / (systems - 1))
    return float(ndtr(factor * stdtrit(systems - 1, tail)))


def interval(held: Replicates, systems: int) -> tuple[float, float, bool]:
    """Return the 95% interval of a median, and whether its upper end is only a lower bound."""
    known = ~np.isnan(held.medians)
    if not known.any():
        return np.nan, np.nan, False
    medians, bounded = held.medians[known], held.bounded[known]
    tail = expanded(LEVEL / 2, systems)
    # a median may be infinite, which cannot be averaged with its neighbour
    low = np.quantile(medians, tail, method="inverted_cdf")
    high = np.quantile(medians, 1 - tail, method="inverted_cdf")
    return float(low), float(high), bool(bounded[medians >= high].any())
