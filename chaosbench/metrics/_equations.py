"""Errors of a recovered equation: in its coefficients, its structure and its derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import CEILING, capped_ratio, positive, real, series
from chaosbench.metrics._metadata import metric
from chaosbench.metrics._pointwise import smape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["coefficient_error", "derivative_smape", "structure_f1", "structure_precision_recall"]


def _coefficients(truth: ArrayLike, found: ArrayLike) -> tuple[FloatArray, FloatArray]:
    a = real(truth, axes="terms, d", what="truth")
    b = real(found, axes="terms, d", what="found")
    if a.shape != b.shape:
        raise InputError(
            "both equations must be written in the same terms (terms, d), "
            f"not {a.shape} and {b.shape}"
        )
    if not np.isfinite(a).all():
        raise InputError("the true coefficients must be finite")
    return a, b


@metric(
    unit="",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=4,
    label="coefficient error",
    source="kaptanoglu2023",
)
def coefficient_error(truth: ArrayLike, found: ArrayLike) -> float:
    """Relative error of all coefficients together, ``‖Ξ - Ξ̂‖₂ / ‖Ξ‖₂`` (Frobenius).

    Args:
        truth: true coefficients ``(terms, d)`` in a common library of terms, one column for each
            variable's equation.
        found: recovered coefficients ``(terms, d)``.

    Returns:
        From 0 to 10⁶ (worst: any NaN or infinity, or any term found if all true coefficients are
        0); lower is better. An equation without terms scores 1.

    Raises:
        InputError: wrong shapes or true coefficients that are not finite.

    References:
        kaptanoglu2023.

    """
    a, b = _coefficients(truth, found)
    with np.errstate(over="ignore", invalid="ignore"):
        largest = max(np.abs(a).max(), 1e-300)
        error, size = np.linalg.norm(b / largest - a / largest), np.linalg.norm(a / largest)
    return float(capped_ratio(np.asarray(error), np.asarray(size)))


def structure_precision_recall(
    truth: ArrayLike, found: ArrayLike, *, tolerance: float = 0.0
) -> tuple[float, float]:
    """Fraction of the found terms that are true, and fraction of the true terms that were found.

    Args:
        truth: true coefficients ``(terms, d)``.
        found: recovered coefficients ``(terms, d)``; any NaN or infinity makes both fractions 0.
        tolerance: coefficients up to this magnitude count as absent, in `found` only.

    Returns:
        Precision and recall, from 0 to 1. The precision is 1 if no term is found, and the recall
        is 1 if there is no true term.

    Raises:
        InputError: wrong shapes, true coefficients that are not finite, a negative tolerance.

    References:
        vanrijsbergen1979.

    """
    a, b = _coefficients(truth, found)
    limit = positive(tolerance, what="tolerance", zero=True)
    if not np.isfinite(b).all():
        return 0.0, 0.0
    real_terms, found_terms = a != 0, np.abs(b) > limit
    both = np.count_nonzero(real_terms & found_terms)
    shares = (np.count_nonzero(found_terms), np.count_nonzero(real_terms))
    precision, recall = (both / count if count else 1.0 for count in shares)
    return precision, recall


@metric(
    unit="",
    direction="higher",
    worst=0.0,
    limits=(0.0, 1.0),
    digits=3,
    label="structure F₁",
    source="vanrijsbergen1979",
)
def structure_f1(truth: ArrayLike, found: ArrayLike, *, tolerance: float = 0.0) -> float:
    """Harmonic mean of precision and recall of the non-zero terms.

    ``2 |true ∩ found| / (|true| + |found|)``, or 1 if there is no true term and no term is found.

    Args:
        truth: true coefficients ``(terms, d)`` in a common library of terms.
        found: recovered coefficients ``(terms, d)``.
        tolerance: coefficients up to this magnitude count as absent, in `found` only.

    Returns:
        From 0 (worst: no true term found, or any NaN or infinity) to 1; higher is better.

    Raises:
        InputError: wrong shapes, true coefficients that are not finite, a negative tolerance.

    References:
        vanrijsbergen1979; see `structure_precision_recall` for the two parts.

    """
    precision, recall = structure_precision_recall(truth, found, tolerance=tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@metric(
    unit="",
    direction="lower",
    worst=2.0,
    limits=(0.0, 2.0),
    digits=3,
    label="sMAPE of rhs",
    source="gilpin2023",
)
def derivative_smape(truth: ArrayLike, forecast: ArrayLike) -> float:
    """Symmetric error of the right-hand side, ``mean 2|f - f̂| / (|f| + |f̂|)``, from 0 to 2.

    Both right-hand sides are evaluated on the same held-out states. The mean is over steps and
    variables, and 0/0 is 0.

    Args:
        truth: true derivatives ``(T, d)``, finite.
        forecast: derivatives of the recovered equation at the same states, ``(T, d)``; an entry
            that is NaN or infinite counts 2.

    Returns:
        From 0 to 2 (worst); lower is better.

    Raises:
        InputError: wrong shapes or a truth that is not finite.

    References:
        gilpin2023.

    """
    y, yhat = series(truth, forecast)
    return min(2.0, float(smape(y[np.newaxis], yhat[np.newaxis]).mean()) / 100.0)
