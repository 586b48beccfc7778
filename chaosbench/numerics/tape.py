"""An expression graph as a tape: arrays that one compiled interpreter reads for every system.

A row of the tape says which operation computes which slot from which slots. A slot holds the Taylor
coefficients of one node. The tape also contains the auxiliary slots of the recurrences. Most
recurrences need the Euler derivative ``t d/dt`` of an argument, whose coefficients are ``k a_k``;
with it every recurrence is a Cauchy product of two slots.

Constants are exactly the doubles of the equation's definition. In double-double arithmetic too,
8/3 is the double nearest to 8/3, because all other integrators integrate that system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaosbench.expressions import Expr, reachable
from chaosbench.trajectories import FloatArray

__all__ = ["Tape", "lower"]

# smooth operations; those from LOG on share their recurrence
(
    ADD, SUB, MUL, SQUARE, SCALE, DIV, SHARE, NEG, EULER, SQRT, EXP, SINCOS, SINHCOSH, TAN, TANH,
    POWER, LOG, ASIN, ACOS, ATAN, ATAN2,
) = range(21)  # fmt: skip

# operations without Taylor coefficients
(ABS, SIGN, MIN, MAX, FLOOR, MOD, LT, LE, AND, OR, NOT, WHERE) = range(50, 62)

_PLAIN = {"add": ADD, "sub": SUB, "neg": NEG}
_PAIRS = {"sin": (SINCOS, 0), "cos": (SINCOS, 1), "sinh": (SINHCOSH, 0), "cosh": (SINHCOSH, 1),
          "tan": (TAN, 0), "tanh": (TANH, 0)}  # fmt: skip
_ARCS = {"log": LOG, "asin": ASIN, "acos": ACOS, "atan": ATAN}
_ROUGH = {
    "abs": ABS, "sign": SIGN, "min": MIN, "max": MAX, "floor": FLOOR, "mod": MOD, "lt": LT,
    "le": LE, "and": AND, "or": OR, "not": NOT, "where": WHERE,
}  # fmt: skip

_WIDE = frozenset({SINCOS, SINHCOSH, TAN, TANH, POWER, LOG, ASIN, ACOS, ATAN, ATAN2})
"""Operations with a second slot: for the partner, ``1 ± value²``, or the Euler derivative."""


@dataclass(frozen=True, eq=False)
class Tape:
    """A graph lowered to a tape.

    Attributes:
        code: ``(n, 6)``: operation, its result's slot, two arguments, two auxiliary slots.
        outputs: slots of the graph's outputs, ``(d,)``.
        constants: slot and value of each constant, ``(m,)`` each.
        slots: number of slots; the slots of the inputs come first, then the slot of the time.
        rough: names of the operations without Taylor coefficients in the graph.

    """

    code: NDArray[np.int64]
    outputs: NDArray[np.int64]
    constants: tuple[NDArray[np.int64], FloatArray]
    slots: int
    rough: tuple[str, ...]


class _Writer:
    def __init__(self, inputs: int) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.constants: dict[str, tuple[int, float]] = {}
        self.slots = inputs + 1
        self._made: dict[tuple[int, ...], int] = {}

    def constant(self, value: float) -> int:
        key = value.hex()
        if key not in self.constants:
            self.constants[key] = (self.slots, value)
            self.slots += 1
        return self.constants[key][0]

    def fixed(self, slot: int) -> bool:
        return any(slot == known for known, _ in self.constants.values())

    def emit(self, op: int, a: int, b: int = 0, u: int = 0, v: int = 0) -> int:
        """Append one operation, unless it is already on the tape; return its slot."""
        key = (op, a, b, u, v)
        if key not in self._made:
            self._made[key] = self.slots
            self.rows.append((op, self.slots, a, b, u, v))
            self.slots += 2 if op in _WIDE else 1
        return self._made[key]

    def multiply(self, a: int, b: int) -> int:
        if a == b:
            return self.emit(SQUARE, a)
        if self.fixed(a):
            a, b = b, a
        return self.emit(SCALE if self.fixed(b) else MUL, a, b)

    def divide(self, a: int, b: int) -> int:
        return self.emit(SHARE if self.fixed(b) else DIV, a, b)

    def integer_power(self, base: int, exponent: int) -> int:
        """Write a power by repeated squaring, which also works for a base of zero."""
        result, square, n = -1, base, abs(exponent)
        while n:
            if n & 1:
                result = self.multiply(result, square) if result >= 0 else square
            n >>= 1
            if n:
                square = self.multiply(square, square)
        return result if exponent > 0 else self.divide(self.constant(1.0), result)

    def power(self, base: int, exponent: int, value: float | None) -> int:
        if value is not None and value == int(value):
            return self.integer_power(base, int(value))
        if value is not None:
            return self.emit(POWER, base, exponent, self.emit(EULER, base))
        product = self.multiply(exponent, self.arc(LOG, base))
        return self.emit(EXP, product, 0, self.emit(EULER, product))

    def arc(self, op: int, a: int) -> int:
        """Write a function z with ``w z' = a'``, where w is a, ±sqrt(1 - a²) or 1 + a²."""
        if op == LOG:
            w = a
        elif op == ATAN:
            w = self.emit(ADD, self.constant(1.0), self.emit(SQUARE, a))
        else:
            w = self.emit(SQRT, self.emit(SUB, self.constant(1.0), self.emit(SQUARE, a)))
            w = self.emit(NEG, w) if op == ACOS else w
        return self.emit(op, a, 0, self.emit(EULER, a), w)

    def angle(self, y: int, x: int) -> int:
        """Write atan2: ``(x² + y²) z' = x y' - y x'``."""
        forward = self.emit(MUL, x, self.emit(EULER, y))
        turned = self.emit(SUB, forward, self.emit(MUL, y, self.emit(EULER, x)))
        radius = self.emit(ADD, self.emit(SQUARE, x), self.emit(SQUARE, y))
        return self.emit(ATAN2, y, x, turned, radius)


def lower(outputs: Sequence[Expr], inputs: Sequence[Expr]) -> Tape:
    """Write the graph of `outputs` as a tape; slot i holds input i, and the next slot the time."""
    tape = _Writer(len(inputs))
    where: dict[int, int] = {node.id: i for i, node in enumerate(inputs)}
    rough = set()
    for node in reachable(outputs):
        if node.id in where:
            continue
        if node.op == "symbol":  # the inputs already have slots
            if node.value[0] != "time":
                raise AssertionError(f"{node.value[0]} {node.value[2]} cannot be lowered")
            where[node.id] = len(inputs)
            continue
        if node.op == "const":
            where[node.id] = tape.constant(node.value)
            continue
        if node.op in _ROUGH:
            rough.add(node.op)
        where[node.id] = _write(tape, node, [where[a.id] for a in node.args])
    slots, values = zip(*tape.constants.values(), strict=True) if tape.constants else ((), ())
    return Tape(
        np.array(tape.rows, dtype=np.int64).reshape(-1, 6),
        np.array([where[node.id] for node in outputs], dtype=np.int64),
        (np.array(slots, dtype=np.int64), np.array(values, dtype=np.float64)),
        tape.slots,
        tuple(sorted(rough)),
    )


def _write(tape: _Writer, node: Expr, args: list[int]) -> int:
    op = node.op
    if op == "mul":
        return tape.multiply(*args)
    if op == "div":
        return tape.divide(*args)
    if op in _PLAIN:
        return tape.emit(_PLAIN[op], *args)
    if op == "powi":
        return tape.integer_power(args[0], int(node.args[1].value))
    if op == "pow":
        exponent = node.args[1]
        return tape.power(*args, exponent.value if exponent.op == "const" else None)
    if op == "sqrt":
        return tape.emit(SQRT, *args)
    if op == "exp":
        return tape.emit(EXP, args[0], 0, tape.emit(EULER, args[0]))
    if op in _PAIRS:
        code, offset = _PAIRS[op]
        return tape.emit(code, args[0], 0, tape.emit(EULER, args[0])) + offset
    if op in _ARCS:
        return tape.arc(_ARCS[op], args[0])
    if op == "atan2":
        return tape.angle(*args)
    return tape.emit(_ROUGH[op], *args)
