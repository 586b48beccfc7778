"""Pooled records: which cells exist, and what fills a failed one.

A failed cell is never left out, or a forecaster would gain by crashing where it is weak. Where a
valid prediction time ranks, it gets the scores of the ``climatology`` forecaster on the same task,
the least that any forecaster could have done, or zero where there is no climatology either. Where
another metric ranks, it gets that metric's worst value. So does a cell that was never run; the
forecaster is then marked incomplete. A cell that diverged late has window scores and keeps them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.errors import UnknownNameError
from chaosbench.evaluation.ranked import LYAPUNOV_TIMES, base, is_time, unit_of, windows_of
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
        values: ``(N,)`` window scores; a valid prediction time is in the pool's unit.
        censored: ``(N,)``, True where the forecast outlived the horizon (never, unless the score
            is a time).
        weights: ``(N,)``, one over the number of seeds, so that each window of the exam counts 1.
        tasks: ``(N,)`` number of the task in `Pool.tasks`.
        units: ``(N,)`` number of the exam's window, shared by all who met it.
        seeds: ``(N,)`` number of the run among those of its cell.
        runs: ``(N,)`` how many runs the cell has.

    """

    values: FloatArray
    censored: NDArray[np.bool_]
    weights: FloatArray
    tasks: NDArray[np.int64]
    units: NDArray[np.int64]
    seeds: NDArray[np.int64]
    runs: NDArray[np.int64]


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
    _windows: dict[str, Windows] = field(default_factory=dict, init=False, repr=False)

    @property
    def unit(self) -> str:
        """In what times are; see `unit_of`."""
        return unit_of(self.records[0])

    @property
    def least_time(self) -> float:
        """What counts as nearly nothing among times: a thousandth of the usual exam of ten.

        In Lyapunov times a hundredth; in the time unit of recordings, of their horizon.
        """
        if self.unit == LYAPUNOV_TIMES:
            return 0.01
        told = [record.provenance.get("horizon") for record in self.records]
        known = [float(value) for value in told if isinstance(value, int | float) and value > 0]
        return float(np.median(known)) / 1000 if known else 0.01

    @property
    def sign(self) -> int:
        """1 where a higher score is better, -1 where a lower one is."""
        return 1 if metrics[base(self.metric)].direction == "higher" else -1

    def runs(self, forecaster: str) -> list[Record]:
        """Return the records of one forecaster, in their order."""
        return self._by_forecaster.get(forecaster, [])

    @cached_property
    def _by_forecaster(self) -> Mapping[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.forecaster, []).append(record)
        return found

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

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Number of windows of each ranked task, as its records say."""
        found: dict[str, int] = {}
        for record in self.records:
            count = len(record.window_scores.get(self.metric, ()))
            if count:
                found[record.task] = max(count, found.get(record.task, 0))
        # where every forecaster failed, no record says how many windows there were
        other = max(found.values(), default=1)
        return {task: found.get(task, other) for task in self.tasks}

    @cached_property
    def unit_systems(self) -> NDArray[np.int64]:
        """Number of the system of each window of the exam, ascending, ``(U,)``."""
        places = {name: k for k, name in enumerate(sorted(set(self.systems)))}
        return np.array([
            places[system]
            for task, system in zip(self.tasks, self.systems, strict=True)
            for _ in range(self.sizes[task])
        ], dtype=np.int64)  # fmt: skip

    def windows(self, forecaster: str) -> Windows:
        """Collect the windows of `forecaster` on all ranked tasks."""
        if forecaster not in self._windows:
            self._windows[forecaster] = self._collected(forecaster)
        return self._windows[forecaster]

    def _collected(self, forecaster: str) -> Windows:
        parts: list[tuple[NDArray[Any], ...]] = []
        first = 0
        for number, task in enumerate(self.tasks):
            runs = self._runs(forecaster, task)
            for seed, (times, censored) in enumerate(runs):
                n = len(times)
                parts.append((
                    times, censored, np.full(n, 1.0 / len(runs)), np.full(n, number),
                    first + np.arange(n), np.full(n, seed), np.full(n, len(runs)),
                ))  # fmt: skip
            first += self.sizes[task]
        if not parts:
            whole = np.empty(0, dtype=np.int64)
            return Windows(
                np.empty(0), whole.astype(np.bool_), np.empty(0), whole, whole, whole, whole
            )
        return Windows(*(np.concatenate(part) for part in zip(*parts, strict=True)))

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
        n = self.sizes[task]
        worst = 0.0 if timed else metrics[base(self.metric)].worst
        return np.full(n, worst), np.zeros(n, dtype=np.bool_)

    @cached_property
    def _scored(self) -> Mapping[str, list[str]]:
        """Tasks for which any record has a scalar score, by score."""
        found: dict[str, set[str]] = {}
        for record in self.records:
            for name in record.scores:
                found.setdefault(name, set()).add(record.task)
        return {name: sorted(found[name]) for name in sorted(found)}

    @property
    def score_names(self) -> tuple[str, ...]:
        """Scalar scores that any record has, sorted."""
        return tuple(self._scored)

    def task_scores(self, forecaster: str, score: str) -> dict[str, float]:
        """Return the scalar `score` of each task for which any record has it.

        Seeds are reduced by their median. Failed and missing cells
        are filled in the same way as their windows.
        """
        values: dict[str, float] = {}
        for task in self._scored.get(score, ()):
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
