"""Exact partial derivatives of a graph, and its evaluation without a compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chaosbench.errors import DefinitionError
from chaosbench.expressions._functions import cos, cosh, floor, log, sign, sin, sinh, sqrt, where
from chaosbench.expressions._graph import BOOLEAN, Expr, reachable

__all__ = ["differentiate", "evaluate", "partials"]


def differentiate(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> list[dict[int, Expr]]:
    """Return the exact partial derivatives: a sparse row ``{input index: derivative}`` per output.

    Uses forward accumulation over the graph; each node carries its non-zero derivatives. At a kink
    or a jump the result is the one-sided derivative of the branch that is taken.
    """
    position = {node.id: k for k, node in enumerate(inputs)}
    rows: dict[int, dict[int, Expr]] = {}
    for node in reachable(outputs):
        if node.id in position:
            rows[node.id] = {position[node.id]: node.graph.constant(1.0)}
            continue
        row: dict[int, Expr] = {}
        if any(rows[a.id] for a in node.args):
            for factor, arg in zip(partials(node), node.args, strict=True):
                for k, inner in rows[arg.id].items():
                    term = _chain(factor, inner)
                    row[k] = node.graph.apply("add", row[k], term) if k in row else term
        if node.op == "where":
            row = _where_row(node, rows)
        rows[node.id] = {k: v for k, v in row.items() if not (v.op == "const" and v.value == 0.0)}
    return [rows[node.id] for node in outputs]


def _chain(factor: Any, inner: Expr) -> Expr:
    """Multiply by an argument's derivative, and avoid ∞·0 in a branch where it is zero."""
    if inner.op == "where" and any(b.op == "const" and b.value == 0.0 for b in inner.args[1:]):
        condition, yes, no = inner.args
        return inner.graph.apply("where", condition, _chain(factor, yes), _chain(factor, no))
    return inner.graph.apply("mul", factor, inner)


def _where_row(node: Expr, rows: dict[int, dict[int, Expr]]) -> dict[int, Expr]:
    condition, yes, no = node.args
    a, b = rows[yes.id], rows[no.id]
    return {
        k: node.graph.apply("where", condition, a.get(k, 0.0), b.get(k, 0.0)) for k in {**a, **b}
    }


def partials(node: Expr) -> tuple[Any, ...]:
    """Return the derivative of one operation with respect to each of its arguments."""
    a, *rest = node.args
    b = rest[0] if rest else a
    match node.op:
        case "add":
            return 1.0, 1.0
        case "sub":
            return 1.0, -1.0
        case "mul":
            return b, a
        case "div":
            return 1.0 / b, -(node / b)
        case "neg":
            return (-1.0,)
        case "powi":
            return b.value * a ** (b.value - 1.0), 0.0
        case "pow":
            # log only if the exponent varies: d/da must not evaluate the log of a negative base
            varying = 0.0 if b.op == "const" else node * log(a)
            return b * a ** (b - 1.0), varying
        case "sqrt":
            return (0.5 / node,)
        case "exp":
            return (node,)
        case "log":
            return (1.0 / a,)
        case "sin":
            return (cos(a),)
        case "cos":
            return (-sin(a),)
        case "tan":
            return (1.0 + node * node,)
        case "sinh":
            return (cosh(a),)
        case "cosh":
            return (sinh(a),)
        case "tanh":
            return (1.0 - node * node,)
        case "asin":
            return (1.0 / sqrt(1.0 - a * a),)
        case "acos":
            return (-1.0 / sqrt(1.0 - a * a),)
        case "atan":
            return (1.0 / (1.0 + a * a),)
        case "atan2":
            return b / (a * a + b * b), -a / (a * a + b * b)
        case "abs":
            return (sign(a),)
        case "min":
            return where(a <= b, 1.0, 0.0), where(a <= b, 0.0, 1.0)
        case "max":
            return where(b <= a, 1.0, 0.0), where(b <= a, 0.0, 1.0)
        case "mod":
            return 1.0, -floor(a / b)
        case _:  # sign, floor, comparisons, where (handled by its caller)
            return (0.0,) * len(node.args)


def evaluate(outputs: Sequence[Expr], values: dict[int, Any]) -> list[Any]:
    """Evaluate in NumPy; `values` maps the ids of symbols to numbers or arrays.

    This is a slow second implementation of the compiled kernels, for tests and for complex steps.
    """
    numpy_names: dict[str, Callable[..., Any]] = {
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
        "neg": np.negative, "pow": np.power, "powi": np.power, "abs": np.abs, "sign": np.sign,
        "min": np.minimum, "max": np.maximum, "lt": np.less, "le": np.less_equal,
        "and": np.logical_and, "or": np.logical_or, "not": np.logical_not, "where": np.where,
    }  # fmt: skip
    done: dict[int, Any] = dict(values)
    for node in reachable(outputs):
        if node.id in done:
            continue
        if node.op == "const":
            done[node.id] = node.value
        elif node.op == "symbol":
            raise DefinitionError(f"no value was given for the symbol {node!r}")
        else:
            function = numpy_names.get(node.op) or getattr(np, node.op)
            value = function(*(done[a.id] for a in node.args))
            # the sum of two truth values is a truth value in NumPy; here truth values are numbers
            done[node.id] = np.multiply(value, 1.0) if node.op in BOOLEAN else value
    return [done[node.id] for node in outputs]
