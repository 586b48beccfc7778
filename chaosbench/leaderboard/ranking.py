"""From Records to Standings: who predicts how far, how surely, and how often it failed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from chaosbench.errors import InputError
from chaosbench.evaluation.ranked import is_time
from chaosbench.leaderboard._admission import prepare
from chaosbench.leaderboard._order import above, order
from chaosbench.leaderboard._pool import Pool
from chaosbench.leaderboard._resample import Replicates, interval, replicate
from chaosbench.metrics import survival as _survival

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from chaosbench.evaluation import Record
    from chaosbench.trajectories import FloatArray

__all__ = ["Standing", "group_medians", "ordered", "rank", "standings"]


@dataclass(frozen=True)
class Standing:
    """One line of the leaderboard.

    Attributes:
        forecaster: label of the forecaster.
        privileged: it was given the equation: a ceiling, shown and not ranked.
        rank: place by `score`, ties broken by `restricted_mean`, equals sharing the better place;
            None where privileged.
        score: median of the score that ranks over every window of every system; of a valid
            prediction time that of Kaplan and Meier, in Lyapunov times. Of an even number of
            windows it is the mean of the two in the middle. NaN only for a ceiling without a
            window.
        score_is_lower_bound: at least half of the windows outlived the exam, so the median is at
            least `score`.
        ci_low, ci_high: 95% bootstrap interval of `score`: systems are drawn with replacement,
            then windows within each, then the seeds. NaN without replicates.
        ci_high_is_lower_bound: the upper end, too, is only a largest time observed.
        restricted_mean: mean time up to the largest observed, the area under the survival curve;
            for a score that is not a time the mean over all windows. It only breaks ties.
        censored_share: share of windows that outlived the exam.
        mean_rank: mean over tasks of the place by the task's own median, ties averaged.
        win_rate: share of comparisons with another forecaster on a task that were won, ties half.
        cells: records that this forecaster has in the exam.
        missing: ranked tasks without a record; imputed, so the line is incomplete.
        failures: records whose status is not ``ok``.
        failures_by_status: the same by status.
        scores: each scalar score (``d_stsp``, ``smape@1``) as its median over tasks of the
            cell's number (for most scores the median over its windows), failed and missing cells
            imputed. Under the name of the metric that ranks stands `score` itself, the median
            over all windows, so that one name has one number.
        fit_predict_seconds: median over the records that have it.
        peak_memory_mib: median over the records that have it.
        percent_of_ceiling: `score`, if it is a time, in percent of the best complete privileged
            score, else NaN.
        rank_low, rank_high: 95% interval of `rank`, from the same bootstrap; None where privileged,
            and without replicates.
        tie_group: rows that nobody beats, at 5% after Holm's correction for all pairs, are group 1;
            without them, those of group 2, and so on. None as `rank_low`.
        above_ceiling: it stands above the best complete ceiling by more than chance allows, at 5%
            after Holm. Nobody forecasts better than the equation: the ceiling is at fault.
        exposure: what a pretrained forecaster says that it may have met of the exam: ``none``,
            ``catalogue`` or ``unknown``; empty where nothing was pretrained.

    """

    forecaster: str
    privileged: bool
    rank: int | None
    score: float
    score_is_lower_bound: bool
    ci_low: float
    ci_high: float
    ci_high_is_lower_bound: bool
    restricted_mean: float
    censored_share: float
    mean_rank: float
    win_rate: float
    cells: int
    missing: int
    failures: int
    failures_by_status: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    fit_predict_seconds: float = math.nan
    peak_memory_mib: float = math.nan
    percent_of_ceiling: float = math.nan
    rank_low: int | None = None
    rank_high: int | None = None
    tie_group: int | None = None
    above_ceiling: bool = False
    exposure: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether cells are missing that others have."""
        return self.missing > 0


def rank(
    records: Iterable[Record],
    *,
    metric: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
    track: str | None = None,
) -> tuple[Standing, ...]:
    """Rank the forecasters of one exam.

    The result depends on what the records say, not on their order, and the numbers of one
    forecaster do not depend on which others are present, except `rank` with its interval and tie
    group, `mean_rank`, `win_rate`, `percent_of_ceiling` and `above_ceiling`, which compare, and
    imputed cells, which need the climatology.

    A cell that failed without a forecast is imputed with the window scores that ``climatology``
    has on the same task, else zero, where a valid prediction time ranks, and with the worst value
    of any other metric; so is one that was never run, and the line is incomplete. A cell that
    diverged late keeps its own scores. Both count as failures.

    Args:
        records: of any number of forecasters, tasks and seeds; seeds of a cell are pooled, each
            window of the exam counting once.
        metric: window score to rank by; by default the one that the records' task names.
        bootstrap: replicates behind the interval; 0 for none.
        seed: seed of the bootstrap, the same draws of systems and windows for every forecaster.
        exam_seed: which exam to rank, needed where the records hold several.
        track: which track, likewise.

    Returns:
        Standings in order of rank, ceilings last.

    Raises:
        InputError: records that may not be pooled (see `chaosbench.leaderboard`) or no records.

    References:
        kaplan1958; efron1981 for the bootstrap of censored data.

    """
    return standings(prepare(records, metric, exam_seed, track), bootstrap=bootstrap, seed=seed)


def standings(pool: Pool, *, bootstrap: int = 1000, seed: int = 0) -> tuple[Standing, ...]:
    """Rank a prepared exam; see `rank`."""
    return ordered(pool, bootstrap=bootstrap, seed=seed)[0]


def ordered(
    pool: Pool, *, bootstrap: int = 1000, seed: int = 0
) -> tuple[tuple[Standing, ...], float]:
    """Rank a prepared exam, and say which ratio of two times it can tell apart; see `Order`."""
    if isinstance(bootstrap, bool) or not isinstance(bootstrap, int) or bootstrap < 0:
        raise InputError(f"bootstrap must be a number of replicates, not {bootstrap!r}")
    windows = {name: pool.windows(name) for name in pool.forecasters}
    drawn = replicate(pool, windows, bootstrap, seed) if bootstrap else {}
    lines = [_standing(pool, name, drawn.get(name)) for name in pool.forecasters]
    ranked = _compare(pool, [line for line in lines if not line.privileged])
    ceilings = [line for line in lines if line.privileged]
    ranked = sorted(ranked, key=lambda line: (*_merit(line, pool.sign), line.forecaster))
    ceilings = sorted(ceilings, key=lambda line: (*_merit(line, pool.sign), line.forecaster))
    merits = [_merit(line, pool.sign) for line in ranked]
    ranked = [replace(line, rank=1 + merits.index(merits[i])) for i, line in enumerate(ranked)]
    top = next((line for line in ceilings if not line.incomplete), None)
    if top is not None and top.score > 0 and is_time(pool.metric):
        ranked = [replace(line, percent_of_ceiling=100 * line.score / top.score) for line in ranked]
    resolution = math.nan
    if drawn and ranked:
        ranked, resolution = _judged(pool, ranked, top, drawn)
    return (*ranked, *ceilings), resolution


def _judged(
    pool: Pool, ranked: list[Standing], top: Standing | None, drawn: Mapping[str, Replicates]
) -> tuple[list[Standing], float]:
    """Fill in how sure the order is."""
    scores = [line.score for line in ranked]
    medians = np.array([drawn[line.forecaster].medians for line in ranked])
    systems, timed = len(set(pool.systems)), is_time(pool.metric)
    found = order(
        scores,
        medians,
        [line.rank or 1 for line in ranked],
        sign=pool.sign,
        systems=systems,
        timed=timed,
        offset=pool.least_time,
    )
    over = np.zeros(len(ranked), dtype=np.bool_)
    if top is not None:
        over = above(
            scores,
            medians,
            top.score,
            drawn[top.forecaster].medians,
            sign=pool.sign,
            systems=systems,
            timed=timed,
        )
    judged = [
        replace(
            line,
            rank_low=int(found.low[k]),
            rank_high=int(found.high[k]),
            tie_group=int(found.group[k]),
            above_ceiling=bool(over[k]),
        )
        for k, line in enumerate(ranked)
    ]
    return judged, found.resolution


def _merit(line: Standing, sign: int) -> tuple[float, float]:
    """Sort key, best first. Twelve digits: sums in another order must not make a winner."""
    if math.isnan(line.score):
        return math.inf, math.inf
    return -sign * round(line.score, 12), -sign * round(line.restricted_mean, 12)


def _standing(pool: Pool, forecaster: str, drawn: Replicates | None) -> Standing:
    """Compute what depends on one forecaster alone."""
    runs = pool.runs(forecaster)
    windows = pool.windows(forecaster)
    score, bounded, mean, share = math.nan, False, math.nan, math.nan
    low, high, high_bounded = math.nan, math.nan, False
    if len(windows.values):
        curve = _survival.survival(windows.values, windows.censored, windows.weights)
        middle, undefined = _survival.median(*curve)
        score, bounded = float(middle), bool(undefined)
        mean = _survival.restricted_mean(curve[0], curve[1])
        share = float(np.average(windows.censored, weights=windows.weights))
        if drawn is not None:
            low, high, high_bounded = interval(drawn, len(set(pool.systems)))
    scores = {
        name: _median(list(pool.task_scores(forecaster, name).values()))
        for name in pool.score_names
    }
    if pool.metric in scores:
        scores[pool.metric] = score
    failures = Counter(record.status for record in runs if record.status != "ok")
    return Standing(
        forecaster=forecaster,
        privileged=forecaster in pool.privileged,
        rank=None,
        score=score,
        score_is_lower_bound=bounded,
        ci_low=low,
        ci_high=high,
        ci_high_is_lower_bound=high_bounded,
        restricted_mean=mean,
        censored_share=share,
        mean_rank=math.nan,
        win_rate=math.nan,
        cells=len(runs),
        missing=len(pool.missing(forecaster)),
        failures=sum(failures.values()),
        failures_by_status=dict(sorted(failures.items())),
        scores=scores,
        fit_predict_seconds=_median([run.fit_seconds + run.predict_seconds for run in runs]),
        peak_memory_mib=_median([run.peak_memory_mib for run in runs]),
        exposure=runs[0].exposure if runs else "",
    )


def _median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def group_medians(
    pool: Pool, forecaster: str, *, by: Literal["task", "system"] = "task"
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the median of each ranked task or system, and whether it is a lower bound.

    A time has the median of Kaplan and Meier. The order is that of `Pool.tasks`, or of the sorted
    names of its systems. NaN where a privileged forecaster was not run.
    """
    windows = pool.windows(forecaster)
    if by == "task":
        groups, total = windows.tasks, len(pool.tasks)
    else:
        groups, total = pool.unit_systems[windows.units], len(set(pool.systems))
    medians = np.full(total, np.nan)
    bounded = np.zeros(total, dtype=np.bool_)
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(total + 1))
    for number in range(total):
        here = order[ends[number] : ends[number + 1]]
        if len(here):
            medians[number], bounded[number] = _survival.median(
                *_survival.survival(
                    windows.values[here], windows.censored[here], windows.weights[here]
                )
            )
    return medians, bounded


def _compare(pool: Pool, lines: list[Standing]) -> list[Standing]:
    """Fill in what compares the ranked forecasters with one another, task by task."""
    if not lines:
        return []
    table = np.round([group_medians(pool, line.forecaster)[0] for line in lines], 12) * pool.sign
    wins = (table[:, np.newaxis] > table[np.newaxis]).sum(axis=1)
    ties = (table[:, np.newaxis] == table[np.newaxis]).sum(axis=1) - 1  # not with itself
    others = len(lines) - 1
    mean_rank = 1 + (others - wins - 0.5 * ties).mean(axis=1)
    won = (wins + 0.5 * ties).mean(axis=1)
    return [
        replace(
            line,
            mean_rank=float(mean_rank[i]),
            win_rate=float(won[i]) / others if others else math.nan,
        )
        for i, line in enumerate(lines)
    ]
