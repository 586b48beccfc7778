"""Mathematical functions that accept symbols, floats and arrays of either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.expressions._graph import Expr

__all__ = [
    "absolute", "arccos", "arcsin", "arctan", "arctan2", "cos", "cosh", "exp", "floor",
    "heaviside", "log", "maximum", "minimum", "mod", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
    "where",
]  # fmt: skip


def _elementary(op: str, ufunc: np.ufunc, doc: str) -> Callable[[Any], Any]:
    """Make a function of a node, a number or an array; NumPy's ufunc calls the node's method."""

    def method(self: Expr) -> Expr:
        return self.graph.apply(op, self)

    setattr(Expr, ufunc.__name__, method)

    def function(x: Any) -> Any:
        return ufunc(x)

    function.__name__ = function.__qualname__ = ufunc.__name__
    function.__doc__ = doc
    return function


sin = _elementary("sin", np.sin, "Sine.")
cos = _elementary("cos", np.cos, "Cosine.")
tan = _elementary("tan", np.tan, "Tangent.")
sinh = _elementary("sinh", np.sinh, "Hyperbolic sine.")
cosh = _elementary("cosh", np.cosh, "Hyperbolic cosine.")
tanh = _elementary("tanh", np.tanh, "Hyperbolic tangent.")
arcsin = _elementary("asin", np.arcsin, "Inverse sine.")
arccos = _elementary("acos", np.arccos, "Inverse cosine.")
arctan = _elementary("atan", np.arctan, "Inverse tangent.")
exp = _elementary("exp", np.exp, "Exponential.")
log = _elementary("log", np.log, "Natural logarithm.")
sqrt = _elementary("sqrt", np.sqrt, "Square root.")
floor = _elementary("floor", np.floor, "Largest integer not above x; a discontinuity.")
absolute = _elementary("abs", np.absolute, "Absolute value; a kink at zero.")


def _lifted(op: str, numeric: Callable[..., Any], doc: str) -> Callable[..., Any]:
    """Make an elementwise function that NumPy's ufuncs cannot dispatch to a node."""

    def scalar(*values: Any) -> Any:
        for value in values:
            if isinstance(value, Expr):
                return value.graph.apply(op, *values)
        return numeric(*values)

    def function(*values: Any) -> Any:
        arrays = [v for v in values if isinstance(v, np.ndarray) and v.ndim]
        if not arrays:
            return scalar(*values)
        if all(a.dtype != object for a in arrays) and not any(isinstance(v, Expr) for v in values):
            return numeric(*values)
        return np.frompyfunc(scalar, len(values), 1)(*values)

    function.__name__ = function.__qualname__ = op
    function.__doc__ = doc
    return function


sign = _lifted("sign", np.sign, "Sign of x, 0 at 0; a discontinuity.")
minimum = _lifted("min", np.minimum, "Smaller of two values; a kink where they meet.")
maximum = _lifted("max", np.maximum, "Larger of two values; a kink where they meet.")
mod = _lifted("mod", np.mod, "x modulo a positive m, in [0, m); a discontinuity.")
arctan2 = _lifted("atan2", np.arctan2, "Angle of the point (x, y), given as (y, x).")
where = _lifted("where", np.where, "Value a where the condition holds, else b.")


def heaviside(x: Any) -> Any:
    """Return 1 for x > 0, else 0; a discontinuity."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.frompyfunc(heaviside, 1, 1)(x)
    return where(x > 0, 1.0, 0.0)
