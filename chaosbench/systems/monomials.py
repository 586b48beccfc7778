"""Polynomials in the state: right-hand sides as sums of monomials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chaosbench.expressions import Expr, reachable
from chaosbench.systems._system import System
from chaosbench.trajectories import FloatArray

__all__ = ["Monomials", "arrays_of", "monomials_of", "polynomial"]

Monomials = Mapping[tuple[int, ...], FloatArray]
"""Maps the exponents of the variables to the coefficients ``(d,)`` in their equations."""

MOST_TERMS = 1000
"""Most monomials of an expanded right-hand side."""

HIGHEST_DEGREE = 12
"""Highest power that is expanded."""

_Sum = dict[tuple[int, ...], float]


def arrays_of(equation: Monomials | None) -> tuple[FloatArray, FloatArray] | None:
    """Return exponents and coefficients, each ``(p, d)``; None if there are no terms."""
    if not equation:
        return None
    terms, coefficients = zip(*equation.items(), strict=True)
    return np.array(terms, dtype=np.float64), np.array(coefficients)


def monomials_of(shown: tuple[FloatArray, FloatArray] | None, d: int) -> Monomials | None:
    """Collect exponents and coefficients, each ``(p, d)``, and add up equal terms.

    Return None if nothing was shown, or if the polynomial has another number of variables.
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
    """Expand a right-hand side into monomials.

    The result is exact up to rounding: the expression graph is walked once, from the variables up.
    It is None where the right-hand side is not a polynomial or has more than 1,000 terms.
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
            if abs(value) > 1e-13 * largest:  # smaller ones remain where terms cancel
                out.setdefault(term, np.zeros(d))[i] = value
    return out


def _expand(node: Expr, known: dict[int, _Sum], d: int) -> _Sum | None:
    """Expand one node from its expanded arguments; None where that is impossible."""
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
