"""The scores of an equation: its values at held-out states, and its terms if it has any."""

from __future__ import annotations

import numpy as np

from chaosbench import metrics
from chaosbench.evaluation.exam import Exam
from chaosbench.systems.monomials import Monomials
from chaosbench.trajectories import FloatArray

__all__ = ["score_equation"]


def score_equation(
    exam: Exam, answer: FloatArray, found: Monomials | None
) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Score a right-hand side ``(w, H, d)`` at the exam's states.

    Coefficients and structure are scored where the truth and what was found are both polynomials.
    """
    errors = tuple(
        metrics.derivative_smape(truth, made)
        for truth, made in zip(exam.truth, answer, strict=True)
    )
    scores = {"derivative_smape": float(np.median(errors))}
    if found is not None and exam.equation is not None:
        d = exam.truth.shape[2]
        terms = sorted({*exam.equation, *found})
        none = np.zeros(d)
        true = np.array([exam.equation.get(term, none) for term in terms])
        made = np.array([found.get(term, none) for term in terms])
        scores["structure_f1"] = metrics.structure_f1(true, made)
        scores["coefficient_error"] = metrics.coefficient_error(true, made)
    return scores, {"derivative_smape": errors}
