"""The guard on the exam: what must not be touched while settings are chosen cannot be."""

from __future__ import annotations

from typing import Any

from chaosbench.errors import ExamSealedError
from chaosbench.evaluation.exam._exam import Exam
from chaosbench.trajectories import FloatArray

__all__ = ["SealedExam"]


class SealedExam:
    """An exam of which only the training data and the sizes can be had.

    Attributes:
        train: ``(n, T, d)``, as observed.
        dt: sampling step in time units.
        horizon: steps to forecast, `H`.
        context_length: samples seen of each window, `C`.

    Raises:
        ExamSealedError: on asking for anything else of it.

    """

    def __init__(self, exam: Exam) -> None:
        self.train: FloatArray = exam.train
        self.dt = exam.dt
        self.horizon = exam.horizon
        self.context_length = int(exam.context.shape[1])

    def __getattr__(self, name: str) -> Any:
        raise ExamSealedError(
            f"the exam's {name!r} was asked for while settings were being chosen; "
            "they are chosen on the training data alone"
        )
