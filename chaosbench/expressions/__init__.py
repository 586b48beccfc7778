"""Trace a plain Python function of the state into an expression graph.

A system's function is called once with symbols instead of numbers. The result is a graph in which
equal subexpressions are one node (hash-consing). The machine code, the exact partial derivatives,
the LaTeX of the equation and its fingerprint all follow from this graph.

The functions of this module (`sin`, `where`, …) work on symbols, on floats and on arrays of
either, so the same definition can be traced and called with numbers.
"""

from __future__ import annotations

from chaosbench.expressions._derivatives import differentiate, evaluate, partials
from chaosbench.expressions._functions import (
    absolute,
    arccos,
    arcsin,
    arctan,
    arctan2,
    cos,
    cosh,
    exp,
    floor,
    heaviside,
    log,
    maximum,
    minimum,
    mod,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    where,
)
from chaosbench.expressions._graph import (
    BOOLEAN,
    OPERATIONS,
    Expr,
    Graph,
    Vector,
    apply,
    reachable,
)

__all__ = [
    "BOOLEAN", "OPERATIONS", "Expr", "Graph", "Vector", "absolute", "apply", "arccos", "arcsin",
    "arctan", "arctan2", "cos", "cosh", "differentiate", "evaluate", "exp", "floor", "heaviside",
    "log", "maximum", "minimum", "mod", "partials", "reachable", "sign", "sin", "sinh", "sqrt",
    "tan", "tanh", "where",
]  # fmt: skip
