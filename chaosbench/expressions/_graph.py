"""The expression graph and its nodes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from chaosbench.errors import DefinitionError

__all__ = ["BOOLEAN", "OPERATIONS", "Expr", "Graph", "Vector", "apply", "reachable"]

_COMMUTATIVE = frozenset({"add", "mul", "min", "max", "and", "or"})

_FOLD: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "powi": lambda a, b: a**b,
    "abs": abs,
    "sign": lambda a: float((a > 0) - (a < 0)),
    "min": min,
    "max": max,
    "floor": lambda a: float(math.floor(a)),
    "mod": lambda a, b: a - b * math.floor(a / b),
    "lt": lambda a, b: float(a < b),
    "le": lambda a, b: float(a <= b),
    "and": lambda a, b: float(bool(a) and bool(b)),
    "or": lambda a, b: float(bool(a) or bool(b)),
    "not": lambda a: float(not a),
    "where": lambda c, a, b: a if c else b,
    "atan2": math.atan2,
} | {
    name: getattr(math, name)
    for name in (
        "sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan",
    )
}  # fmt: skip

OPERATIONS = frozenset(_FOLD)
"""Names of all operations."""

BOOLEAN = frozenset({"lt", "le", "and", "or", "not"})
"""Operations whose value is a truth value."""


class Graph:
    """The nodes of one trace; equal nodes are the same object.

    Nodes are numbered in the order of their creation, so ascending ids are a topological order.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Expr] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def _intern(self, op: str, args: tuple[Expr, ...], value: Any = None) -> Expr:
        # 0.0 and -0.0 are different constants, so the key holds the bits
        tag = value.hex() if isinstance(value, float) else value
        key = (op, tuple(a.id for a in args), tag)
        node = self._nodes.get(key)
        if node is None:
            node = Expr(self, len(self._nodes), op, args, value)
            self._nodes[key] = node
        return node

    def constant(self, value: float) -> Expr:
        """Return the node of a constant."""
        return self._intern("const", (), float(value))

    def symbol(self, role: str, index: int, name: str) -> Expr:
        """Return an input's node; `role` is ``state``, ``delayed``, ``time`` or ``parameter``."""
        return self._intern("symbol", (), (role, index, name))

    def lift(self, value: Any) -> Expr:
        """Turn a number into a node; return a node unchanged."""
        if isinstance(value, Expr):
            if value.graph is not self:
                raise DefinitionError(
                    "the equation uses an expression of another trace; build every expression from "
                    "the arguments of the function that is traced"
                )
            return value
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return self.lift(value.item())
        if isinstance(value, (bool, int, float, np.number, np.bool_)):
            return self.constant(float(value))
        raise DefinitionError(
            f"a {type(value).__name__} cannot be part of an equation; "
            "use numbers, the state and the functions of chaosbench.expressions"
        )

    def apply(self, op: str, *values: Any) -> Expr:
        """Build a node; fold constants and identities that are exact in floating point."""
        args = tuple(self.lift(v) for v in values)
        if all(a.op == "const" for a in args):
            try:
                return self.constant(_FOLD[op](*(a.value for a in args)))
            except (ArithmeticError, ValueError, TypeError) as error:  # TypeError: complex
                raise DefinitionError(
                    f"the constant expression {op}{tuple(a.value for a in args)} "
                    f"has no value: {error}"
                ) from error
        if op in _COMMUTATIVE:
            args = tuple(sorted(args, key=lambda a: a.id))
        simple = self._simplify(op, args)
        return simple if simple is not None else self._intern(op, args)

    def _simplify(self, op: str, args: tuple[Expr, ...]) -> Expr | None:
        """Return a simpler node by an exact identity, or None; x·0 → 0 makes derivatives sparse."""
        number = [a.value if a.op == "const" else None for a in args]
        match op:
            case "add" if 0.0 in number:
                return args[1 - number.index(0.0)]
            case "sub" if number[1] == 0.0:
                return args[0]
            case "sub" if number[0] == 0.0:
                return self.apply("neg", args[1])
            case "sub" if args[0] is args[1]:
                return self.constant(0.0)
            case "mul" if 0.0 in number:
                return self.constant(0.0)
            case "mul" if 1.0 in number:
                return args[1 - number.index(1.0)]
            case "mul" if -1.0 in number:
                return self.apply("neg", args[1 - number.index(-1.0)])
            case "div" if number[0] == 0.0:
                return self.constant(0.0)
            case "div" if number[1] == 1.0:
                return args[0]
            case "neg" if args[0].op == "neg":
                return args[0].args[0]
            case "pow" if number[1] is not None:
                return self._power(args[0], float(number[1]))
            case "where" if number[0] is not None:
                return args[1] if number[0] else args[2]
            case "where" if args[1] is args[2]:
                return args[1]
            case _:
                return None

    def _power(self, base: Expr, exponent: float) -> Expr | None:
        if exponent == 0.0:
            return self.constant(1.0)
        if exponent == 1.0:
            return base
        if exponent == 0.5:
            return self.apply("sqrt", base)
        if exponent == int(exponent) and abs(exponent) <= 64:
            return self._intern("powi", (base, self.constant(exponent)))
        return None


class Expr:
    """One node of a `Graph`; arithmetic on it builds further nodes."""

    __slots__ = ("args", "graph", "id", "op", "value")

    def __init__(
        self,
        graph: Graph,
        id: int,  # noqa: A002
        op: str,
        args: tuple[Expr, ...],
        value: Any,
    ) -> None:
        self.graph = graph
        self.id = id
        self.op = op
        self.args = args
        self.value = value

    def __add__(self, other: Any) -> Any:
        return self._binary("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._binary("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._binary("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._binary("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary("div", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._binary("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary("pow", other, self)

    def __mod__(self, other: Any) -> Any:
        return self._binary("mod", self, other)

    def __neg__(self) -> Expr:
        return self.graph.apply("neg", self)

    def __pos__(self) -> Expr:
        return self

    def __abs__(self) -> Expr:
        return self.graph.apply("abs", self)

    def __floor__(self) -> Expr:  # called by NumPy's floor of an object
        return self.graph.apply("floor", self)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        raise DefinitionError(
            "the equation compares a traced value with == or !=, which cannot be traced; "
            "use where with <, <=, > or >="
        )

    def __lt__(self, other: Any) -> Any:
        return self._binary("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return self._binary("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._binary("lt", other, self)

    def __ge__(self, other: Any) -> Any:
        return self._binary("le", other, self)

    def __and__(self, other: Any) -> Any:
        return self._binary("and", self, other)

    def __or__(self, other: Any) -> Any:
        return self._binary("or", self, other)

    def __invert__(self) -> Expr:
        return self.graph.apply("not", self)

    def __bool__(self) -> bool:
        raise DefinitionError(
            "the equation branches on a traced value (if, and, or, min, max, while); "
            "use where(condition, a, b), minimum or maximum from chaosbench.expressions"
        )

    def __float__(self) -> float:
        raise DefinitionError(
            "the equation turns a traced value into a float; use the functions of "
            "chaosbench.expressions instead of those of math"
        )

    def __int__(self) -> int:
        raise DefinitionError(
            "the equation turns a traced value into an integer; use floor from "
            "chaosbench.expressions"
        )

    def _binary(self, op: str, a: Any, b: Any) -> Any:
        for other in (a, b):
            if isinstance(other, np.ndarray) and other.ndim:
                return NotImplemented  # the array broadcasts, element by element
        return self.graph.apply(op, a, b)

    def __repr__(self) -> str:
        if self.op == "const":
            return repr(self.value)
        if self.op == "symbol":
            return str(self.value[2])
        return f"{self.op}({', '.join(map(repr, self.args))})"


class Vector(np.ndarray[Any, Any]):
    """An array of nodes whose comparisons stay nodes; NumPy alone would convert them to bool."""

    _COMPARISONS = frozenset({np.less, np.less_equal, np.greater, np.greater_equal})

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        plain = [v.view(np.ndarray) if isinstance(v, Vector) else v for v in inputs]
        if ufunc in self._COMPARISONS:
            settings["dtype"] = object
        result = getattr(ufunc, method)(*plain, **settings)
        return result.view(Vector) if isinstance(result, np.ndarray) else result


def apply(op: str, *values: Any) -> Any:
    """Apply an operation to nodes or numbers; of numbers alone the result is a number.

    Raises:
        DefinitionError: the operation has no value for these numbers.

    """
    for value in values:
        if isinstance(value, Expr):
            return value.graph.apply(op, *values)
    return Graph().apply(op, *values).value


def reachable(outputs: Iterable[Expr]) -> list[Expr]:
    """List the nodes that `outputs` need, in topological order."""
    seen: dict[int, Expr] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.id not in seen:
            seen[node.id] = node
            stack.extend(node.args)
    return [seen[i] for i in sorted(seen)]
