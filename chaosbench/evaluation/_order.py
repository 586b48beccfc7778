"""The order of a run: the longest cells first, so that no worker is left alone with one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._record import Record
from chaosbench.systems import registry as systems
from chaosbench.tasks import Task

__all__ = ["longest_first", "numbers"]


def longest_first(cells: Sequence[Cell], done: Iterable[tuple[Cell, Record]] = ()) -> list[Cell]:
    """Sort cells by what they are expected to cost, the most expensive first.

    A cell is expected to cost its task's `numbers`, once more for every candidate that is tried,
    times the median of what its forecaster took for one number in the cells that are done. A
    forecaster without any is taken for as slow as the slowest of them. Equal cells keep their
    order.
    """
    known: dict[Task, float] = {}

    def size(cell: Cell) -> float:
        if cell.task not in known:
            known[cell.task] = numbers(cell.task)
        return (1 + cell.tune) * known[cell.task]

    rates: dict[str, list[float]] = {}
    for cell, record in done:
        seconds = record.fit_seconds + record.predict_seconds
        if math.isfinite(seconds):  # a failed cell has no times
            rates.setdefault(cell.spec.label, []).append(seconds / size(cell))
    typical = {label: median(found) for label, found in rates.items()}
    slowest = max(typical.values(), default=1.0)
    return sorted(cells, key=lambda cell: -size(cell) * typical.get(cell.spec.label, slowest))


def numbers(task: Task) -> float:
    """Count the numbers that a forecaster of a task is fitted to and forecasts."""
    data = task.dataset
    if task.recording is not None:
        variables = len(task.recording.columns)
    elif task.observed is None:
        variables = systems[task.system].dimension
    else:
        variables = len(task.observed)
    steps = data.train_trajectories * data.train_points
    return float(variables * (steps + data.windows * data.pace(task.system).horizon))
