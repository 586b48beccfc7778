"""Records put in order: which may be pooled, which cells exist, and what fills a failed one.

A failed cell is never left out, or a forecaster would gain by crashing where it is weak. Where a
valid prediction time ranks, it gets the scores of the ``climatology`` forecaster on the same task,
the least that any forecaster could have done, or zero where there is no climatology either. Where
another metric ranks, it gets that metric's worst value. So does a cell that was never run; the
forecaster is then marked incomplete. A cell that diverged late has window scores and keeps them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError, UnknownNameError
from chaosbench.leaderboard._wording import is_time
from chaosbench.metrics import registry as metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from chaosbench.evaluation import Record
    from chaosbench.trajectories import FloatArray

__all__ = ["FALLBACK", "Exam", "Windows", "base", "prepare", "track_of"]

FALLBACK = "climatology"
USUAL = "vpt@0.4"
"""Ranks where neither the caller nor the records name another score."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Every window of one forecaster, imputed ones included, task by task.

    Attributes:
        values: ``(N,)`` window scores; a valid prediction time is in Lyapunov times.
        censored: ``(N,)``, True where the forecast outlived the horizon (never, unless the score
            is a time).
        weights: ``(N,)``, one over the number of seeds, so that each window of the exam counts 1.
        tasks: ``(N,)`` number of the task in `Exam.tasks`.
        units: ``(N,)`` number of the exam's window, shared by the seeds that met it.
        unit_systems: ``(U,)`` number of the system of each unit, ascending.

    """

    values: FloatArray
    censored: NDArray[np.bool_]
    weights: FloatArray
    tasks: NDArray[np.int64]
    units: NDArray[np.int64]
    unit_systems: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Exam:
    """The records of one exam, ready to rank.

    Attributes:
        metric: window score that ranks, such as ``vpt@0.4`` or ``d_stsp``.
        exam_seed: the seed that all records share.
        records: without duplicates, in an order that depends only on their content.
        cells: records by forecaster and task, one a seed.
        forecasters: every label, sorted.
        privileged: labels that were given the equation.
        tasks: tasks that have a window score to rank by, sorted by system and name.
        systems: the system of each of `tasks`.

    """

    metric: str
    exam_seed: int
    records: tuple[Record, ...]
    cells: Mapping[tuple[str, str], tuple[Record, ...]]
    forecasters: tuple[str, ...]
    privileged: frozenset[str]
    tasks: tuple[str, ...]
    systems: tuple[str, ...]

    @property
    def sign(self) -> int:
        """1 where a higher score is better, -1 where a lower one is."""
        return 1 if metrics[base(self.metric)].direction == "higher" else -1

    def missing(self, forecaster: str) -> tuple[str, ...]:
        """Tasks that rank and that this forecaster has no usable record of."""
        return tuple(
            task
            for task in self.tasks
            if not any(
                record.status != "ok" or self.metric in record.window_scores
                for record in self.cells.get((forecaster, task), ())
            )
        )

    def windows(self, forecaster: str) -> Windows:
        """Collect the windows of `forecaster` on all ranked tasks."""
        times: list[FloatArray] = []
        censored: list[NDArray[np.bool_]] = []
        weights: list[FloatArray] = []
        tasks: list[NDArray[np.int64]] = []
        units: list[NDArray[np.int64]] = []
        unit_systems: list[int] = []
        names = sorted(set(self.systems))
        for number, (task, system) in enumerate(zip(self.tasks, self.systems, strict=True)):
            runs = self._runs(forecaster, task)
            first = len(unit_systems)
            for run_times, run_censored in runs:
                n = len(run_times)
                times.append(run_times)
                censored.append(run_censored)
                weights.append(np.full(n, 1.0 / len(runs)))
                tasks.append(np.full(n, number))
                units.append(first + np.arange(n))
            longest = max((len(run_times) for run_times, _ in runs), default=0)
            unit_systems.extend([names.index(system)] * longest)
        none = np.empty(0)
        return Windows(
            np.concatenate([none, *times]),
            np.concatenate([none.astype(np.bool_), *censored]),
            np.concatenate([none, *weights]),
            np.concatenate([none.astype(np.int64), *tasks]),
            np.concatenate([none.astype(np.int64), *units]),
            np.array(unit_systems, dtype=np.int64),
        )

    def _runs(self, forecaster: str, task: str) -> list[tuple[FloatArray, NDArray[np.bool_]]]:
        """Times and censoring of each seed on `task`; one imputed run where there is none."""
        found = [self._observed(record) for record in self.cells.get((forecaster, task), ())]
        if not found and forecaster in self.privileged:
            return []  # an imputed ceiling would be no ceiling
        return [run if run is not None else self._imputed(task) for run in found or [None]]

    def _observed(self, record: Record) -> tuple[FloatArray, NDArray[np.bool_]] | None:
        values = record.window_scores.get(self.metric)
        if not values:
            return None
        times = np.asarray(values, dtype=np.float64)
        if not is_time(self.metric):
            # any NaN is nothing that a metric returns; infinity may be its worst value
            worst = metrics[base(self.metric)].worst
            return np.where(np.isnan(times), worst, times), np.zeros(len(times), dtype=np.bool_)
        known = np.isfinite(times) & (times > 0)
        key = self.metric.replace(base(self.metric), "censored", 1)
        marks = np.asarray(record.window_scores.get(key, np.zeros(len(times))), dtype=np.float64)
        if marks.shape != times.shape:
            raise InputError(
                f"the record of {record.forecaster!r} on {record.task} has {len(times)} windows "
                f"in {self.metric} and {len(marks)} in {key}; they must agree"
            )
        return np.where(known, times, 0.0), (marks > 0.5) & known

    def _imputed(self, task: str) -> tuple[FloatArray, NDArray[np.bool_]]:
        timed = is_time(self.metric)
        for record in self.cells.get((FALLBACK, task), ()):
            observed = self._observed(record)
            if timed and observed is not None:
                return observed
        sizes = {
            record.task: len(record.window_scores[self.metric])
            for record in self.records
            if self.metric in record.window_scores
        }
        # Where every forecaster failed, no record says how many windows there were.
        n = sizes.get(task, max(sizes.values(), default=1))
        worst = 0.0 if timed else metrics[base(self.metric)].worst
        return np.full(n, worst), np.zeros(n, dtype=np.bool_)

    def task_scores(self, forecaster: str, score: str) -> dict[str, float]:
        """Return the scalar `score` of each task that any record has it for, imputed likewise.

        Seeds are reduced by their median. What fills is what fills a failed cell's windows.
        """
        tasks = {record.task for record in self.records if score in record.scores}
        values: dict[str, float] = {}
        for task in sorted(tasks):
            runs = self.cells.get((forecaster, task), ())
            if not runs and forecaster in self.privileged:
                continue
            found = [_finite(run.scores.get(score)) for run in runs] or [None]
            fill = self._imputed_score(task, score) if None in found else math.nan
            values[task] = float(np.median([fill if value is None else value for value in found]))
        return values

    def _imputed_score(self, task: str, score: str) -> float:
        if is_time(self.metric):
            for record in self.cells.get((FALLBACK, task), ()):
                value = _finite(record.scores.get(score))
                if value is not None:
                    return value
        try:
            return metrics[base(score)].worst
        except UnknownNameError:
            return math.nan


def base(score: str) -> str:
    """Return the metric behind a score's name: ``smape`` of ``smape@1``."""
    return score.partition("@")[0]


def _finite(value: float | None) -> float | None:
    return value if value is not None and not math.isnan(value) else None


def prepare(
    records: Iterable[Record],
    metric: str | None = None,
    exam_seed: int | None = None,
    track: str | None = None,
) -> Exam:
    """Check that the records belong together and put them in order.

    Raises:
        InputError: no records, several exam seeds, tracks or task versions, two unlike records of
            one cell, or none that has the metric.

    """
    chosen = list(records)
    if not chosen:
        raise InputError("there are no records to rank")
    seeds = sorted({record.exam_seed for record in chosen})
    if exam_seed is None and len(seeds) > 1:
        raise InputError(
            f"the records hold several exam seeds, {', '.join(map(str, seeds))}, which are "
            f"different exams; choose one with exam_seed="
        )
    seed = seeds[0] if exam_seed is None else exam_seed
    chosen = [record for record in chosen if record.exam_seed == seed]
    if not chosen:
        raise InputError(f"no record has exam seed {seed}; there are {', '.join(map(str, seeds))}")
    chosen = _one_track(chosen, track)
    _check_versions({record.task for record in chosen})
    _check_data(chosen)
    chosen = _distinct(chosen)
    metric = metric or _named(chosen)
    if base(metric) not in metrics:
        raise InputError(f"a leaderboard ranks by a window score such as vpt@0.4, not {metric!r}")
    ranked = _ranked(chosen, metric)
    cells: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in chosen:
        cells[record.forecaster, record.task].append(record)
    tasks = sorted(ranked, key=lambda task: (ranked[task], task))
    return Exam(
        metric=metric,
        exam_seed=seed,
        records=tuple(chosen),
        cells={key: tuple(runs) for key, runs in cells.items()},
        forecasters=tuple(sorted({record.forecaster for record in chosen})),
        privileged=frozenset(record.forecaster for record in chosen if record.privileged),
        tasks=tuple(tasks),
        systems=tuple(ranked[task] for task in tasks),
    )


def _one_track(records: list[Record], track: str | None) -> list[Record]:
    """Keep the records of one track: different questions have no common answer."""
    tracks = sorted({track_of(record) for record in records})
    if track is None and len(tracks) > 1:
        raise InputError(
            f"the records belong to several tracks, {', '.join(tracks)}, which ask different "
            f"questions; choose one with track="
        )
    if track is not None and track not in tracks:
        raise InputError(f"no record is of the track {track!r}; there are {', '.join(tracks)}")
    return [record for record in records if track in (None, track_of(record))]


def track_of(record: Record) -> str:
    """Return the question behind a record: ``forecast`` of ``forecast/lorenz-v1``."""
    return record.task.partition("/")[0]


def _named(records: list[Record]) -> str:
    """Return the score by which the records' tasks say that they rank."""
    named = sorted({str(record.provenance.get("ranked", USUAL)) for record in records})
    if len(named) > 1:
        raise InputError(f"the records rank by {' and '.join(named)}; choose one with metric=")
    return named[0]


def _ranked(records: list[Record], metric: str) -> dict[str, str]:
    """Map each task that ranks to its system.

    A task whose every cell failed has no window scores to be known by; it ranks if its track
    does, so that no failure can take a task off the exam.
    """
    scored = {record.task for record in records if record.window_scores.get(metric)}
    tracks = {task.partition("/")[0] for task in scored}
    if not scored and any(record.status == "ok" for record in records):
        known = sorted({name for record in records for name in record.window_scores})
        raise InputError(
            f"no record has the window score {metric!r}; there are {', '.join(known) or 'none'}"
        )
    return {
        record.task: record.system
        for record in records
        if not scored or record.task in scored or record.task.partition("/")[0] in tracks
    }


def _check_versions(tasks: set[str]) -> None:
    versions: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        match = re.fullmatch(r"(.+)-(v\d+)", task)
        if match:
            versions[match[1]].add(match[2])
    for name, found in sorted(versions.items()):
        if len(found) > 1:
            raise InputError(
                f"the records hold several versions of the task {name}, "
                f"{', '.join(sorted(found))}, which cannot be compared; keep one"
            )


def _check_data(records: list[Record]) -> None:
    """One task and exam seed must mean one dataset and one equation, as far as records say."""
    for key in ("dataset", "fingerprint"):
        seen: dict[str, str] = {}
        for record in records:
            value = record.provenance.get(key)
            if value is not None and seen.setdefault(record.task, str(value)) != str(value):
                raise InputError(
                    f"the records of {record.task} come from different data (their {key} "
                    f"differs); rank those of one version of chaosbench"
                )


def _distinct(records: list[Record]) -> list[Record]:
    """Keep one record a cell and seed; two that disagree on the outcome are an error."""
    kept: dict[tuple[str, str, int], Record] = {}
    for record in sorted(records, key=_order):
        key = (record.forecaster, record.task, record.seed)
        if key in kept and _outcome(kept[key]) != _outcome(record):
            raise InputError(
                f"two records of {record.forecaster!r} on {record.task} with seed {record.seed} "
                f"disagree; keep one of them"
            )
        kept.setdefault(key, record)
    return list(kept.values())


def _order(record: Record) -> tuple[str, str, int, str]:
    return record.task, record.forecaster, record.seed, repr(record)


def _outcome(record: Record) -> str:
    """Everything that running the cell again must reproduce; times and memory vary."""
    return repr(
        (
            record.system,
            record.status,
            record.privileged,
            sorted((name, float(value)) for name, value in record.scores.items()),
            sorted((k, tuple(map(float, values))) for k, values in record.window_scores.items()),
        )
    )
