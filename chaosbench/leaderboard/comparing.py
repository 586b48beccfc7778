"""Forecasters head to head, by the paired test behind the tie groups of the board."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.errors import InputError, UnknownNameError
from chaosbench.evaluation.ranked import is_time
from chaosbench.leaderboard._admission import prepare, track_of, version_of
from chaosbench.leaderboard._board import plain
from chaosbench.leaderboard._order import holm, paired
from chaosbench.leaderboard._pool import FALLBACK
from chaosbench.leaderboard._resample import LEVEL, expanded, replicate
from chaosbench.leaderboard.ranking import group_medians
from chaosbench.metrics import survival as _survival

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from chaosbench.evaluation import Record
    from chaosbench.leaderboard._pool import Pool
    from chaosbench.trajectories import FloatArray

__all__ = ["Comparison", "OnSystem", "Pair", "compare"]


@dataclass(frozen=True)
class Pair:
    """Two forecasters on the tasks that both were run on.

    Attributes:
        first, second: their labels.
        first_score, second_score: median of the score that ranks over all windows of these tasks,
            of times that of Kaplan and Meier; failed runs count as on the board.
        first_is_lower_bound, second_is_lower_bound: half or more of the windows outlived the exam.
        difference: first less second.
        difference_low, difference_high: its 95% interval from the bootstrap of the board, whose
            draws of systems and windows are the same for both.
        ratio: first over second, with 0.01 Lyapunov times added to both because a median may be 0;
            NaN where no time ranks.
        ratio_low, ratio_high: its 95% interval. It leaves out 1 exactly where `p` is below 0.05.
        p: two-sided p value of the paired test, of the ratio of times or the difference of other
            scores; 1 with a single system.
        p_holm: the same after Holm for all pairs that are compared.
        better: label of the one that is better at 5% after Holm; empty where that is not known.
        won, lost, tied: systems on which the median of the first is better, worse, or equal.

    """

    first: str
    second: str
    first_score: float
    first_is_lower_bound: bool
    second_score: float
    second_is_lower_bound: bool
    difference: float
    difference_low: float
    difference_high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    p: float
    p_holm: float
    better: str
    won: int
    lost: int
    tied: int


@dataclass(frozen=True)
class OnSystem:
    """One system.

    Attributes:
        system: its name.
        windows: number of the exam's windows.
        scores: median of each forecaster over them, in the order of `Comparison.forecasters`.
        lower_bounds: whether each is a lower bound.
        failures: failed runs of each.

    """

    system: str
    windows: int
    scores: tuple[float, ...]
    lower_bounds: tuple[bool, ...]
    failures: tuple[int, ...]


@dataclass(frozen=True)
class Comparison:
    """What the records say about some forecasters, pair by pair and system by system.

    Attributes:
        forecasters: their labels, in the order that was asked for.
        metric: window score that is compared.
        track, version, exam_seed: of the exam.
        tasks: those that every one of them was run on.
        windows: number of the exam's windows in these tasks.
        pairs: all pairs.
        systems: system by system, sorted by name.

    """

    forecasters: tuple[str, ...]
    metric: str
    track: str
    version: str
    exam_seed: int
    tasks: tuple[str, ...]
    windows: int
    pairs: tuple[Pair, ...]
    systems: tuple[OnSystem, ...]

    @property
    def summary(self) -> str:
        """One sentence on what was compared."""
        count = len(self.systems)
        return (
            f"{count} system{'' if count == 1 else 's'}, {self.windows:,} "
            f"window{'' if self.windows == 1 else 's'}, exam seed {self.exam_seed}, track "
            f"{self.track}{f' {self.version}' if self.version else ''}, compared by {self.metric}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN and infinity, which JSON lacks, are None."""
        held: dict[str, Any] = plain(asdict(self))
        for row, system in zip(held["systems"], self.systems, strict=True):
            for key in ("scores", "lower_bounds", "failures"):
                values = plain(list(getattr(system, key)))
                row[key] = dict(zip(self.forecasters, values, strict=True))
        return held

    def to_json(self) -> str:
        """Return one object with all fields."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame of the pairs, with the names and values of `Pair`."""
        import pandas as pd

        return pd.DataFrame([asdict(pair) for pair in self.pairs])


def compare(
    records: Iterable[Record],
    *forecasters: str,
    metric: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
    track: str | None = None,
) -> Comparison:
    """Compare forecasters on the tasks that all of them were run on.

    The test is that of the board. Where the forecasters were run on all its tasks, `p` is what the
    tie groups are made from, before Holm.

    Args:
        records: as `rank` takes them; those of other forecasters may be among them. What
            ``climatology`` has on the same tasks fills failed runs.
        *forecasters: two labels or more.
        metric: window score to compare; by default the one that the records' task names.
        bootstrap: replicates behind the intervals and the test.
        seed: seed of the bootstrap.
        exam_seed: which exam, needed where the records hold several.
        track: which track, likewise.

    Raises:
        InputError: fewer than two labels, one that no record has, no task that all were run on, or
            records that may not be pooled.

    """
    if len(forecasters) < 2 or len(set(forecasters)) < len(forecasters):
        raise InputError("a comparison takes two forecasters or more, each named once")
    if isinstance(bootstrap, bool) or not isinstance(bootstrap, int) or bootstrap < 2:
        raise InputError(f"a comparison takes two replicates or more, not {bootstrap!r}")
    pool = prepare(records, metric, exam_seed, track)
    for name in forecasters:
        if name not in pool.forecasters:
            raise UnknownNameError("forecaster in these records", name, pool.forecasters)
    common = {
        task
        for task in pool.tasks
        if all((name, task) in pool.cells for name in forecasters)
    }  # fmt: skip
    if not common:
        raise InputError(
            f"no task of the track {track_of(pool.records[0])} has records of all of "
            f"{', '.join(forecasters)}; run them on the same tasks"
        )
    held = {*forecasters, FALLBACK}
    pool = prepare(
        [r for r in pool.records if r.task in common and r.forecaster in held],
        pool.metric,
        pool.exam_seed,
    )
    return _compared(pool, forecasters, bootstrap, seed)


def _compared(pool: Pool, names: Sequence[str], bootstrap: int, seed: int) -> Comparison:
    windows = {name: pool.windows(name) for name in names}
    drawn = replicate(pool, windows, bootstrap, seed)
    medians = np.array([drawn[name].medians for name in names])
    middles = [
        _survival.median(*_survival.survival(w.values, w.censored, w.weights))
        for w in windows.values()
    ]
    scores = [float(middle) for middle, _ in middles]
    systems, timed = len(set(pool.systems)), is_time(pool.metric)
    scaled, reach, p = paired(scores, medians, systems=systems, timed=timed, offset=pool.least_time)
    least = pool.least_time
    pairs = list(combinations(range(len(names)), 2))
    held = holm(np.array([p[i, j] for i, j in pairs]))
    by_system = [group_medians(pool, name, by="system") for name in names]
    table = np.round([found for found, _ in by_system], 12) * pool.sign
    rows = []
    for (i, j), p_holm in zip(pairs, held, strict=True):
        low, high = _percentiles(medians[i] - medians[j], systems)
        if not timed:
            low, high = scaled[i, j] - reach[i, j], scaled[i, j] + reach[i, j]
        ahead = i if pool.sign * (scores[i] - scores[j]) > 0 else j
        rows.append(
            Pair(
                first=names[i],
                second=names[j],
                first_score=scores[i],
                first_is_lower_bound=bool(middles[i][1]),
                second_score=scores[j],
                second_is_lower_bound=bool(middles[j][1]),
                difference=0.0 if scores[i] == scores[j] else scores[i] - scores[j],
                difference_low=float(low),
                difference_high=float(high),
                ratio=(scores[i] + least) / (scores[j] + least) if timed else math.nan,
                ratio_low=_exp(scaled[i, j] - reach[i, j]) if timed else math.nan,
                ratio_high=_exp(scaled[i, j] + reach[i, j]) if timed else math.nan,
                p=float(p[i, j]),
                p_holm=float(p_holm),
                better=names[ahead] if p_holm <= LEVEL else "",
                won=int((table[i] > table[j]).sum()),
                lost=int((table[i] < table[j]).sum()),
                tied=int((table[i] == table[j]).sum()),
            )
        )
    return Comparison(
        forecasters=tuple(names),
        metric=pool.metric,
        track=track_of(pool.records[0]),
        version=version_of(pool.records[0]),
        exam_seed=pool.exam_seed,
        tasks=pool.tasks,
        windows=len(pool.unit_systems),
        pairs=tuple(rows),
        systems=_systems(pool, names, by_system),
    )


def _systems(
    pool: Pool, names: Sequence[str], medians: Sequence[tuple[FloatArray, Any]]
) -> tuple[OnSystem, ...]:
    return tuple(
        OnSystem(
            system=system,
            windows=int((pool.unit_systems == number).sum()),
            scores=tuple(float(found[number]) for found, _ in medians),
            lower_bounds=tuple(bool(bounded[number]) for _, bounded in medians),
            failures=tuple(
                sum(r.status != "ok" and r.system == system for r in pool.runs(name))
                for name in names
            ),
        )
        for number, system in enumerate(sorted(set(pool.systems)))
    )


def _percentiles(drawn: FloatArray, systems: int) -> tuple[float, float]:
    """Return the expanded percentile interval, as that of the scores."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return math.nan, math.nan
    tail = expanded(LEVEL / 2, systems)
    low, high = np.quantile(known, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)
