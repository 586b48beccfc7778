"""The scores of an equation: its derivative at held-out states, and its terms where it has some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from chaosbench import metrics
from chaosbench.expressions import Expr, reachable
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from chaosbench.evaluation.scoring._score import Exam

__all__ = [
    "Monomials", "arrays_of", "held_out", "monomials_of", "polynomial", "score_equation",
]  # fmt: skip

Monomials = Mapping[tuple[int, ...], FloatArray]
"""Exponents of each variable to the coefficients ``(d,)`` in the variables' equations."""

MOST_TERMS = 1000
HIGHEST_DEGREE = 12

_Sum = dict[tuple[int, ...], float]


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


def held_out(exam: Exam, system: System) -> Exam:
    """Ask for the right-hand side at the states of the horizon instead of a forecast."""
    d = exam.truth.shape[2]
    slopes = system.rhs(0.0, exam.truth.reshape(-1, d)).reshape(exam.truth.shape)
    return replace(exam, states=exam.truth, truth=slopes, equation=polynomial(system))


def arrays_of(equation: Monomials | None) -> tuple[FloatArray, FloatArray] | None:
    """Return exponents and coefficients, each ``(p, d)``, as a forecaster shows them."""
    if not equation:
        return None
    terms, coefficients = zip(*equation.items(), strict=True)
    return np.array(terms, dtype=np.float64), np.array(coefficients)


def monomials_of(shown: tuple[FloatArray, FloatArray] | None, d: int) -> Monomials | None:
    """Collect exponents and coefficients, each ``(p, d)``, equal terms added up.

    None where nothing was shown, or a polynomial of another number of variables.
    """
    if shown is None or shown[0].shape[1] != d:
        return None
    powers, coefficients = shown
    found: dict[tuple[int, ...], FloatArray] = {}
    for exponents, row in zip(powers, coefficients, strict=True):
        key = tuple(int(k) for k in exponents)
        found[key] = found[key] + row if key in found else np.array(row)
    return found


def polynomial(system: System) -> Monomials | None:
    """Expand a right-hand side into monomials; None where it is no polynomial, or too long a one.

    Exact up to rounding: the expression graph is gone through once, from the variables up.
    """
    trace = system.trace
    d = system.dimension
    known: dict[int, _Sum] = {}
    for node in reachable(trace.outputs):
        terms = _expand(node, known, d)
        if terms is None or len(terms) > MOST_TERMS:
            return None
        known[node.id] = terms
    out: dict[tuple[int, ...], FloatArray] = {}
    for i, output in enumerate(trace.outputs):
        largest = max((abs(value) for value in known[output.id].values()), default=0.0)
        for term, value in known[output.id].items():
            if abs(value) > 1e-13 * largest:  # what is less is the rounding of terms that cancel
                out.setdefault(term, np.zeros(d))[i] = value
    return out


def _expand(node: Expr, known: dict[int, _Sum], d: int) -> _Sum | None:
    """Expand one node whose arguments are expanded; None where that is impossible."""
    constant = (0,) * d
    if node.op == "const":
        return {constant: node.value}
    if node.op == "symbol":
        role, index, _ = node.value
        if role != "state" or index >= d:
            return None
        return {tuple(int(i == index) for i in range(d)): 1.0}
    args = [known[a.id] for a in node.args]
    match node.op:
        case "add":
            return _added(args[0], args[1], 1.0)
        case "sub":
            return _added(args[0], args[1], -1.0)
        case "neg":
            return {term: -value for term, value in args[0].items()}
        case "mul":
            return _multiplied(args[0], args[1])
        case "div" if args[1].keys() == {constant}:
            return {term: value / args[1][constant] for term, value in args[0].items()}
        case "pow" | "powi" if args[1].keys() == {constant}:
            exponent = args[1][constant]
            if exponent != int(exponent) or not 0 <= exponent <= HIGHEST_DEGREE:
                return None
            power: _Sum = {constant: 1.0}
            for _ in range(int(exponent)):
                power = _multiplied(power, args[0])
            return power
        case _:
            return None


def _added(a: _Sum, b: _Sum, sign: float) -> _Sum:
    total = dict(a)
    for term, value in b.items():
        total[term] = total.get(term, 0.0) + sign * value
    return total


def _multiplied(a: _Sum, b: _Sum) -> _Sum:
    total: _Sum = {}
    for s, x in a.items():
        for t, y in b.items():
            term = tuple(i + j for i, j in zip(s, t, strict=True))
            total[term] = total.get(term, 0.0) + x * y
    return total
