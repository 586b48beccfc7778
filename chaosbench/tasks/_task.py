"""The Task: pure data that says what is seen, what is forecast and what is scored."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from chaosbench.datasets import Dataset
from chaosbench.errors import ParameterError

__all__ = ["Suite", "Task"]

_ID = re.compile(r"^[a-z][a-z0-9-]*/[a-z0-9_]+-v[1-9][0-9]*$")


@dataclass(frozen=True)
class Task:
    """One question with one answer sheet; frozen, pure data.

    Attributes:
        id: ``track/system-vN``; a changed meaning gets a new version.
        dataset: recipe of the data, for exactly one system.
        metrics: names of the metrics that are reported.
        thresholds: of the valid prediction time; the first is the ranked one.
        horizons: Lyapunov times at which pointwise errors are reported.
        observed: variables that are seen, forecast and scored; None for all.
        learn: ``train``, or ``context`` where nothing but the context of each window is given.

    """

    id: str
    dataset: Dataset
    metrics: tuple[str, ...]
    thresholds: tuple[float, ...] = (0.4, 0.3, 0.5)
    horizons: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0)
    observed: tuple[str, ...] | None = None
    learn: Literal["train", "context"] = "train"

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise ParameterError(f"a task id looks like 'forecast/lorenz-v1', not {self.id!r}")
        if len(self.dataset.systems) != 1:
            raise ParameterError(f"the task {self.id!r} must have a dataset of one system")

    @property
    def track(self) -> str:
        """The question asked, the part of the id before the slash."""
        return self.id.split("/", 1)[0]

    @property
    def system(self) -> str:
        """Name of the system behind the task; no forecaster is ever told."""
        return self.dataset.systems[0]

    def with_seed(self, seed: int) -> Task:
        """Return the same task as a fresh exam, from other starting points."""
        return replace(self, dataset=replace(self.dataset, seed=seed))

    def describe(self) -> str:
        """Say in words what is trained on, seen, forecast and scored."""
        data = self.dataset
        pace = data.pace(self.system)
        span = ""
        if pace.lyapunov_exponent is not None:
            span = f" ({pace.horizon * pace.dt * pace.lyapunov_exponent:.3g} Lyapunov times)"
        what = "all variables" if self.observed is None else ", ".join(self.observed)
        learned = (
            f"Trained on {data.train_trajectories} trajectory of {data.train_points:,} samples, "
            f"{pace.dt:.4g} time units apart."
            if self.learn == "train"
            else f"Not trained: learns from each context alone, sampled every {pace.dt:.4g} units."
        )
        seen = ""
        if data.noise:
            seen = f" What is seen has noise of {100 * data.noise:g}% of σ; the truth is clean."
        if data.missing:
            seen += f" {100 * data.missing:g}% of what is seen is lost at random."
        return (
            f"{learned} Sees the last {data.context} samples before each of "
            f"{data.windows} forecasts, each from a starting point of its own on the attractor."
            f"{seen} Forecasts the next {pace.horizon:,} samples{span} of {what}. Scored by valid "
            f"prediction time at ε = {', '.join(f'{t:g}' for t in self.thresholds)} "
            f"(the first is ranked), in Lyapunov times, and by {', '.join(self.metrics[1:])}."
        )


@dataclass(frozen=True)
class Suite:
    """A versioned list of tasks.

    Attributes:
        id: ``name-vN``.
        description: one sentence.
        tasks: ids.

    """

    id: str
    description: str
    tasks: tuple[str, ...]
