"""The Task: pure data that says what is seen, what is forecast and what is scored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from chaosbench.datasets import Dataset
from chaosbench.datasets.recordings import RecordedDataset
from chaosbench.errors import ParameterError

__all__ = ["Published", "Suite", "Task"]

_ID = re.compile(r"^[a-z][a-z0-9-]*/[a-z0-9_]+-v[1-9][0-9]*$")


@dataclass(frozen=True)
class Task:
    """One question with one answer sheet; frozen, pure data.

    Attributes:
        id: ``track/system-vN``; a changed meaning gets a new version.
        dataset: recipe of the data, for exactly one system.
        metrics: names of the metrics that are reported.
        ranked: window score that ranks: a metric, followed by ``@`` and the threshold of a valid
            prediction time. The metric's registration says which direction is better and what a
            failure gets.
        asks: ``forecast``, where the forecast is compared with what happened, instant by instant;
            ``climate``, where its statistics are compared with those of the truth; ``equation``,
            where the right-hand side is asked for at held-out states (for a map, the next state).
        thresholds: of the valid prediction time; the first is the ranked one.
        horizons: Lyapunov times at which pointwise errors are reported.
        observed: variables that are seen, forecast and scored; None for all.
        learn: ``train``, or ``context`` where nothing but the context of each window is given.
        dropped: share of a free run that is given to settle and not scored (``climate`` only).
        apart: the held-out states of an equation are the last ones of the windows, so that none
            is near in time to another or to a context; otherwise all states of a window.

    """

    id: str
    dataset: Dataset
    metrics: tuple[str, ...]
    ranked: str = "vpt@0.4"
    asks: Literal["forecast", "climate", "equation"] = "forecast"
    thresholds: tuple[float, ...] = (0.4, 0.3, 0.5)
    horizons: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0)
    observed: tuple[str, ...] | None = None
    learn: Literal["train", "context"] = "train"
    dropped: float = 0.0
    apart: bool = False

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise ParameterError(f"a task id looks like 'forecast/lorenz-v1', not {self.id!r}")
        if len(self.dataset.systems) != 1:
            raise ParameterError(f"the task {self.id!r} must have a dataset of one system")
        if self.dataset.observed:
            raise ParameterError(
                f"the task {self.id!r} must have a dataset of all variables; give what is observed "
                f"to the task, as observed={self.dataset.observed!r}"
            )
        if self.ranked.partition("@")[0] not in self.metrics:
            raise ParameterError(
                f"the task {self.id!r} ranks by {self.ranked!r}, which is not among its metrics"
            )
        if not 0 <= self.dropped < 1:
            raise ParameterError(f"dropped is a share of at least 0 below 1, not {self.dropped!r}")

    @property
    def track(self) -> str:
        """The question asked, the part of the id before the slash."""
        return self.id.split("/", 1)[0]

    @property
    def system(self) -> str:
        """Name of the system or recording behind the task; no forecaster is ever told."""
        return self.dataset.systems[0]

    @property
    def recording(self) -> RecordedDataset | None:
        """The recording that the task is about; None where there is a system."""
        return self.dataset if isinstance(self.dataset, RecordedDataset) else None

    def with_seed(self, seed: int) -> Task:
        """Return the same task as a fresh exam, from other starting points."""
        return replace(self, dataset=replace(self.dataset, seed=seed))


@dataclass(frozen=True)
class Published:
    """Numbers that others published for one track, to stand beside ours.

    Attributes:
        track: the track of the suite that comes nearest to what was measured.
        what: the number in words: which metric, over what.
        source: where it was published, and how it reached us.
        values: method, under its authors' name, to number.

    """

    track: str
    what: str
    source: str
    values: Mapping[str, float]

    def numbers(self) -> str:
        """Return the numbers in one line."""
        return ", ".join(f"{method} {value:g}" for method, value in self.values.items())


@dataclass(frozen=True)
class Suite:
    """A versioned list of tasks.

    Attributes:
        id: ``name-vN``.
        description: what it is for; for a published protocol, what is as published and what is
            not.
        tasks: ids.
        published: numbers of others, where the suite follows a published protocol.

    """

    id: str
    description: str
    tasks: tuple[str, ...]
    published: tuple[Published, ...] = field(default=())
