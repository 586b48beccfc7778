"""The exam of a task: the sheet with the truth, and what a perfect model makes of it."""

from __future__ import annotations

from chaosbench.evaluation.exam._ceiling import LABEL, perfect_forecast
from chaosbench.evaluation.exam._exam import Exam
from chaosbench.evaluation.exam._read import cache_directory, load_exam
from chaosbench.evaluation.exam._seal import SealedExam

__all__ = ["LABEL", "Exam", "SealedExam", "cache_directory", "load_exam", "perfect_forecast"]
