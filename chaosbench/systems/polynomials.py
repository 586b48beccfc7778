"""The nonlinear terms of a field: polynomials, evaluated on the grid in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chaosbench.errors import DefinitionError
from chaosbench.expressions import Expr, differentiate, evaluate, reachable
from chaosbench.trajectories import FloatArray

__all__ = ["Polynomials", "coordinates"]


class Polynomials:
    """Polynomials of fields on a grid, with their exact partial derivatives.

    Attributes:
        outputs: number of polynomials.
        degree: highest degree among them.

    """

    def __init__(
        self, polynomials: Sequence[Expr], symbols: Sequence[Expr], axes: dict[int, Expr],
        points: tuple[int, ...], lengths: Sequence[float],
    ) -> None:  # fmt: skip
        self._points = points
        self.outputs = len(polynomials)
        self.degree = max((_degree(p) for p in polynomials), default=0)
        rows = differentiate(polynomials, symbols)
        self._places = [(i, j) for i, row in enumerate(rows) for j in sorted(row)]
        grid = dict(enumerate(coordinates(points, lengths)))
        given = {node.id: grid[axis] for axis, node in axes.items()}
        ids = [node.id for node in symbols]
        partials = [rows[i][j] for i, j in self._places]
        self._value = _program(polynomials, ids, given)
        self._partial = _program(partials, ids, given)

    def values(self, fields: FloatArray) -> FloatArray:
        """Return the values ``(n, outputs, *points)`` for inputs ``(n, inputs, *points)``."""
        found = self._value(fields)
        if self.outputs == 1 and np.shape(found[0]) == (len(fields), *self._points):
            return np.asarray(found[0])[:, np.newaxis]
        out = np.empty((len(fields), self.outputs, *self._points))
        for i, value in enumerate(found):
            out[:, i] = value
        return out

    def tangents(self, fields: FloatArray, leaders: int = 1) -> FloatArray:
        """Return the values of the leading rows and the linearisation on the other rows.

        With one leader, all other rows are its tangent vectors. With several leaders, each has one
        tangent vector, in the same order.
        """
        out = np.zeros((len(fields), self.outputs, *self._points))
        base = fields[:leaders]
        for i, value in enumerate(self._value(base)):
            out[:leaders, i] = value
        for (i, j), partial in zip(self._places, self._partial(base), strict=True):
            out[leaders:, i] += partial * fields[leaders:, j]
        return out


def _program(
    outputs: Sequence[Expr], ids: Sequence[int], given: dict[int, Any]
) -> Callable[[FloatArray], list[Any]]:
    """Return a function of the inputs ``(n, inputs, *points)`` that evaluates `outputs`."""
    constant: dict[int, Any] = dict(given)
    order: list[tuple[Callable[..., Any], tuple[int, ...], int]] = []
    for node in reachable(outputs):
        if node.op == "const":
            constant[node.id] = node.value
        elif node.args and all(a.id in constant for a in node.args):
            constant[node.id] = evaluate([node], constant)[0]
        elif node.op == "powi":
            order.append((_power(int(node.args[1].value)), (node.args[0].id,), node.id))
        elif node.args:
            order.append((_NUMPY[node.op], tuple(a.id for a in node.args), node.id))
    wanted = [node.id for node in outputs]

    def run(fields: FloatArray) -> list[Any]:
        done = constant.copy()
        for j, key in enumerate(ids):
            done[key] = fields[:, j]
        for function, args, key in order:
            done[key] = function(*[done[a] for a in args])
        return [done[key] for key in wanted]

    return run


_NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
}  # fmt: skip


def _power(n: int) -> Callable[[Any], Any]:
    """Return a function that raises to a small positive power by multiplication.

    `np.power` takes a logarithm, which costs more.
    """

    def raised(x: Any) -> Any:
        result = x
        for _ in range(n - 1):
            result = result * x
        return result

    return raised


def coordinates(points: Sequence[int], lengths: Sequence[float]) -> list[FloatArray]:
    """Return the coordinates of the grid, each broadcast along the other axes."""
    axes = [length * np.arange(n) / n for n, length in zip(points, lengths, strict=True)]
    return list(np.meshgrid(*axes, indexing="ij"))


def _degree(node: Expr) -> int:
    """Return the degree of a polynomial in the fields."""
    if node.op == "symbol":
        return int(node.value[0] == "state")
    degrees = [_degree(a) for a in node.args]
    match node.op:
        case "const":
            return 0
        case "add" | "sub":
            return max(degrees)
        case "mul":
            return sum(degrees)
        case "neg":
            return degrees[0]
        case "div" if degrees[1] == 0:
            return degrees[0]
        case "powi" if node.args[1].value > 0:
            return degrees[0] * int(node.args[1].value)
        case _ if max(degrees) == 0:
            return 0
        case _:
            raise DefinitionError(
                f"the nonlinear terms must be polynomials of the fields, so that aliasing can be "
                f"removed; remove {node.op}"
            )
