"""Hashes that tie a Record to what was asked and answered, and show that its file was edited.

They are no signatures: whoever edits a Record can also compute its hashes anew. What they rule out
is a change that nobody meant, and a change in one place only: `rescore` compares each hash with
what the run keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chaosbench.evaluation._store import Answer
from chaosbench.evaluation.exam import Exam
from chaosbench.provenance import digest
from chaosbench.systems.monomials import arrays_of
from chaosbench.tasks import Task

__all__ = ["answer_hash", "question_hash"]

_known: WeakKeyDictionary[Exam, str] = WeakKeyDictionary()
"""Hashes of the arrays of exams, which many cells share."""


def question_hash(task: Task, dataset: str, exam: Exam) -> str:
    """Hash what a forecaster is given on a task, and what it is scored against.

    Args:
        task: what is asked.
        dataset: hash of the recipe of its data.
        exam: the data.

    """
    asked = {
        "task": task.id, "dataset": dataset, "learn": task.learn, "asks": task.asks,
        "dropped": task.dropped, "exam": _exam_hash(exam),
    }  # fmt: skip
    return digest(asked, 64)


def _exam_hash(exam: Exam) -> str:
    if exam not in _known:
        equation = None if exam.equation is None else arrays_of(exam.equation)
        powers, coefficients = equation if equation is not None else (None, None)
        arrays = {
            "train": exam.train, "context": exam.context, "truth": exam.truth,
            "spread": exam.spread, "noise": exam.noise, "ends": exam.context_end,
            "observations": exam.observations, "states": exam.states,
            "certified": exam.certified_steps, "recorded": exam.recorded, "powers": powers,
            "coefficients": coefficients,
        }  # fmt: skip
        numbers = {
            "observed": list(exam.observed), "dt": exam.dt, "period": exam.period,
            "lyapunov_exponent": exam.lyapunov_exponent,
        }  # fmt: skip
        _known[exam] = _hash(numbers, arrays)
    return _known[exam]


def answer_hash(answer: Answer | None) -> str:
    """Hash what a forecaster answered; empty where it did not."""
    if answer is None:
        return ""
    powers, coefficients = answer.polynomial or (None, None)
    return _hash({}, {
        "values": answer.values.values, "samples": answer.samples,
        "powers": powers, "coefficients": coefficients,
    })  # fmt: skip


def _hash(numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """Hash numbers and arrays; what is not finite counts as NaN, and one NaN is like another."""
    made = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode())
    for name, array in arrays.items():
        if array is None:
            continue
        values = np.ascontiguousarray(array, dtype="<f8")
        made.update(f"{name} {values.shape}".encode())
        finite = np.isfinite(values)
        made.update((values if finite.all() else np.where(finite, values, np.nan)).data)
    return made.hexdigest()
