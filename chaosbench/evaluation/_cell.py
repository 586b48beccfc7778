"""The Cell: one forecaster on one task with one seed."""

from __future__ import annotations

from dataclasses import dataclass

from chaosbench.errors import check_integer
from chaosbench.evaluation._spec import ForecasterSpec
from chaosbench.evaluation.exam import LABEL
from chaosbench.files import file_name
from chaosbench.provenance import digest
from chaosbench.tasks import Task

__all__ = ["BASELINES", "CEILING", "Cell"]

BASELINES = ("persistence", "climatology", "parroting")
"""In every run, because they are what a number means something against."""

CEILING = ForecasterSpec(name=LABEL, config={}, label=LABEL)


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
        decides = {
            "task": self.task.id,
            "dataset": self.task.dataset.hash,
            "forecaster": self.spec.name,
            "config": dict(self.spec.config),
            "plugins": [source for _, source in self.spec.plugins],
            "seed": self.seed,
            "tune": self.tune,
        }
        if self.spec.code.hash and not self.spec.plugins:
            decides["code"] = self.spec.code.hash
        return f"{self.stem}{digest(decides, 12)}"

    @property
    def stem(self) -> str:
        """What the id begins with: all cells of this task and forecaster share it."""
        return f"{file_name(self.task.id)}--{file_name(self.spec.name)}--"
