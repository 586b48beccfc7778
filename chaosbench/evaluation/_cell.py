"""The Cell: one forecaster on one task with one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosbench.errors import check_integer
from chaosbench.evaluation._spec import ForecasterSpec
from chaosbench.evaluation.exam import LABEL
from chaosbench.files import file_name
from chaosbench.provenance import digest
from chaosbench.tasks import Task

__all__ = ["BASELINES", "CEILING", "Cell", "decided_by"]

BASELINES = ("persistence", "climatology", "parroting")
"""In every run, because they are what a number means something against."""

CEILING = ForecasterSpec(name=LABEL, config={}, label=LABEL)


def decided_by(
    task: str,
    dataset: str,
    forecaster: str,
    config: Mapping[str, Any],
    plugins: Sequence[str],
    code: str,
    *,
    seed: int,
    tune: int,
) -> str:
    """Hash all that decides a cell; a Record says it too, so that `rescore` can compare."""
    decides = {
        "task": task,
        "dataset": dataset,
        "forecaster": forecaster,
        "config": dict(config),
        "plugins": list(plugins),
        "seed": seed,
        "tune": tune,
    }
    if code and not plugins:
        decides["code"] = code
    return digest(decides, 12)


@dataclass(frozen=True)
class Cell:
    """One forecaster on one task with one seed, its settings searched among `tune` candidates."""

    task: Task
    spec: ForecasterSpec
    seed: int
    privileged: bool = False
    tune: int = 0

    def __post_init__(self) -> None:
        for name in ("seed", "tune"):
            check_integer(name, getattr(self, name), 0)

    @property
    def label(self) -> str:
        """What the leaderboard calls the forecaster: tuned and default are different entries."""
        return f"{self.spec.label} (tuned {self.tune})" if self.tune else self.spec.label

    @property
    def id(self) -> str:
        """File name of the cell: readable, and ending in a hash of all that decides it."""
        return self.stem + decided_by(
            self.task.id,
            self.task.dataset.hash,
            self.spec.name,
            self.spec.config,
            [source for _, source in self.spec.plugins],
            self.spec.code.hash,
            seed=self.seed,
            tune=self.tune,
        )

    @property
    def stem(self) -> str:
        """What the id begins with: all cells of this task and forecaster share it."""
        return f"{file_name(self.task.id)}--{file_name(self.spec.name)}--"
