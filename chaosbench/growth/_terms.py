"""Candidates as lists of terms, and their equations as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaosbench.trajectories import FloatArray

__all__ = ["NAMES", "Terms", "equation_of", "monomials", "padded"]

IntArray = NDArray[np.int64]

NAMES = ("x", "y", "z", "u", "v", "w")
"""Names of the variables of what is grown."""

Term = tuple[int, tuple[int, ...], float]
"""Equation, factors and coefficient."""


@dataclass(frozen=True, eq=False)
class Terms:
    """Candidates of one dimension ``(B, T)``; see `numerics.screening`."""

    equation: IntArray
    factors: IntArray
    coefficients: FloatArray
    starts: FloatArray
    tanh: bool = False

    @property
    def dimension(self) -> int:
        """Number of variables `d`."""
        return int(self.starts.shape[1])

    def of(self, b: int) -> list[Term]:
        """Return the terms of one candidate, in the order of its equations."""
        found: list[Term] = []
        for e, factors, c in zip(
            self.equation[b].tolist(), self.factors[b].tolist(), self.coefficients[b].tolist(),
            strict=True,
        ):  # fmt: skip
            if c != 0.0:
                found.append((e, tuple(f for f in factors if f >= 0), c))
        return sorted(found, key=lambda term: (term[0], len(term[1]), term[1]))


def padded(
    candidates: Sequence[Sequence[Term]], starts: FloatArray, *, tanh: bool = False
) -> Terms:
    """Arrange candidates of different lengths in arrays."""
    size = max(map(len, candidates))
    equation = np.zeros((len(candidates), size), dtype=np.int64)
    factors = np.full((len(candidates), size, 3), -1, dtype=np.int64)
    coefficients = np.zeros((len(candidates), size))
    for b, terms in enumerate(candidates):
        for k, (e, names, c) in enumerate(terms):
            equation[b, k] = e
            factors[b, k, : len(names)] = names
            coefficients[b, k] = c
    return Terms(equation, factors, coefficients, starts, tanh)


def monomials(d: int, degree: int) -> list[tuple[int, ...]]:
    """List the monomials in `d` variables from degree 0 to `degree`, as tuples of factors."""
    found: list[tuple[int, ...]] = [()]
    layer: list[tuple[int, ...]] = [()]
    for _ in range(degree):
        layer = [(*one, i) for one in layer for i in range(one[-1] if one else 0, d)]
        found += layer
    return found


def equation_of(terms: Sequence[Term], d: int) -> dict[str, Any]:
    """Return the operations and results of a list of terms, one parameter a term."""
    nodes: list[list[Any]] = []
    known: dict[str, str] = {}

    def node(op: str, *arguments: Any) -> str:
        key = repr((op, arguments))
        if key not in known:
            nodes.append([op, *arguments])
            known[key] = f"#{len(nodes) - 1}"
        return known[key]

    parameters: dict[str, float] = {}
    sums: list[Any] = [None] * d
    for e, factors, c in terms:
        value: Any = None
        for f in factors:
            factor = NAMES[f] if f < d else node("tanh", NAMES[f - d])
            value = factor if value is None else node("mul", value, factor)
        if value is not None and abs(c) == 1.0:
            term = value if c > 0 else node("neg", value)
        else:
            name = f"a{len(parameters)}"
            parameters[name] = c
            term = name if value is None else node("mul", name, value)
        sums[e] = term if sums[e] is None else node("add", sums[e], term)
    return {
        "nodes": nodes,
        "results": [0.0 if one is None else one for one in sums],
        "parameters": parameters,
        "variables": list(NAMES[:d]),
    }
