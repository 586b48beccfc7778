"""Pooled records: which cells exist, and what fills a failed one.

A failed cell is never left out, or a forecaster would gain by crashing where it is weak. Where a
valid prediction time ranks, it gets the scores of the ``climatology`` forecaster on the same task,
the least that any forecaster could have done, or zero where there is no climatology either. Where
another metric ranks, it gets that metric's worst value. So does a cell that was never run; the
forecaster is then marked incomplete. A cell that diverged late has window scores and keeps them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import UnknownNameError
from chaosbench.evaluation.ranked import base, is_time, windows_of
from chaosbench.metrics import registry as metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from chaosbench.evaluation import Record
    from chaosbench.trajectories import FloatArray

__all__ = ["FALLBACK", "Pool", "Windows"]

FALLBACK = "climatology"
"""The forecaster whose scores a failed cell gets."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Every window of one forecaster, imputed ones included, task by task.

    Attributes:
        values: ``(N,)`` window scores; a valid prediction time is in Lyapunov times.
        censored: ``(N,)``, True where the forecast outlived the horizon (never, unless the score
            is a time).
        weights: ``(N,)``, one over the number of seeds, so that each window of the exam counts 1.
        tasks: ``(N,)`` number of the task in `Pool.tasks`.
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
class Pool:
    """The records of one exam seed and one track, ready to rank.

    Attributes:
        metric: window score that ranks, such as ``vpt@0.4`` or ``d_stsp``.
        exam_seed: the seed that all records share.
        records: without duplicates, in an order that depends only on their content.
        cells: records by forecaster and task, one per seed.
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
        return windows_of(record, self.metric)

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
        """Return the scalar `score` of each task for which any record has it.

        Seeds are reduced by their median. Failed and missing cells
        are filled in the same way as their windows.
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


def _finite(value: float | None) -> float | None:
    return value if value is not None and not math.isnan(value) else None
