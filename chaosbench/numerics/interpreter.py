"""The interpreter of tapes: Taylor coefficients of every node, by the classic recurrences.

It is compiled once for each kind of number, not for each system.
"""

from __future__ import annotations

from chaosbench.jit import jit
from chaosbench.numerics import _double_double as n
from chaosbench.numerics import tape as t

__all__ = ["expand", "raise_order", "slopes", "values"]

_jit = jit()  # no "contract": see _double_double


@_jit
def values(code, c):
    """Evaluate every node of the tape from the inputs in ``c[:, 0]``: the coefficients of order 0.

    `c` holds doubles ``(slots, p + 1)`` or double-doubles ``(slots, p + 1, 2)``.
    """
    one = n.lift(c, 1.0)
    none = n.lift(c, 0.0)
    for row in range(code.shape[0]):
        op, z = code[row, 0], code[row, 1]
        x = n.load(c, code[row, 2], 0)
        y = n.load(c, code[row, 3], 0)
        value = none
        if op == t.ADD:
            value = n.add(x, y)
        elif op == t.SUB:
            value = n.sub(x, y)
        elif op == t.MUL or op == t.SCALE:
            value = n.mul(x, y)
        elif op == t.SQUARE:
            value = n.mul(x, x)
        elif op == t.DIV or op == t.SHARE:
            value = n.div(x, y)
        elif op == t.NEG:
            value = n.neg(x)
        elif op == t.EULER:
            value = none
        elif op == t.SQRT:
            value = n.sqrt(x)
        elif op == t.EXP:
            value = n.exp(x)
        elif op == t.SINCOS or op == t.TAN:
            value, partner = n.sin_cos(x)
            if op == t.TAN:
                value = n.div(value, partner)
                partner = n.add(one, n.mul(value, value))
            n.store(c, z + 1, 0, partner)
        elif op == t.SINHCOSH:
            value, partner = n.sinh_cosh(x)
            n.store(c, z + 1, 0, partner)
        elif op == t.TANH:
            value = n.tanh(x)
            n.store(c, z + 1, 0, n.sub(one, n.mul(value, value)))
        elif op == t.POWER:
            value = n.power(x, y)
            n.store(c, z + 1, 0, none)
        elif op <= t.ATAN2:
            if op == t.LOG:
                value = n.log(x)
            elif op == t.ATAN:
                value = n.atan2(x, one)
            elif op == t.ATAN2:
                value = n.atan2(x, y)
            else:
                other = n.sqrt(n.mul(n.sub(one, x), n.add(one, x)))
                value = n.atan2(x, other) if op == t.ASIN else n.atan2(other, x)
            n.store(c, z + 1, 0, none)
        else:
            value = _rough(op, x, y, n.load(c, code[row, 4], 0), one, none)
        n.store(c, z, 0, value)


@_jit
def _rough(op, x, y, other, one, none):
    """Evaluate an operation without Taylor coefficients; truth values are 1 and 0."""
    if op == t.ABS:
        return n.neg(x) if n.less(x, none) else x
    if op == t.SIGN:
        if n.less(none, x):
            return one
        return n.neg(one) if n.less(x, none) else n.mul(x, none)  # a NaN stays a NaN
    if op == t.MIN:
        return x if n.less_equal(x, y) else y
    if op == t.MAX:
        return x if n.less_equal(y, x) else y
    if op == t.FLOOR:
        return n.floor(x)
    if op == t.MOD:
        return n.sub(x, n.mul(y, n.floor(n.div(x, y))))
    holds = False
    if op == t.LT:
        holds = n.less(x, y)
    elif op == t.LE:
        holds = n.less_equal(x, y)
    elif op == t.AND:
        holds = n.leading(x) != 0.0 and n.leading(y) != 0.0
    elif op == t.OR:
        holds = n.leading(x) != 0.0 or n.leading(y) != 0.0
    elif op == t.NOT:
        holds = n.leading(x) == 0.0
    else:  # WHERE
        return y if n.leading(x) != 0.0 else other
    return one if holds else none


@_jit
def raise_order(code, c, k):
    """Fill the coefficients of order `k` of every node from those of lower order."""
    for row in range(code.shape[0]):
        op, z, x, y = code[row, 0], code[row, 1], code[row, 2], code[row, 3]
        u = code[row, 4]
        if op == t.ADD:
            value = n.add(n.load(c, x, k), n.load(c, y, k))
        elif op == t.SUB:
            value = n.sub(n.load(c, x, k), n.load(c, y, k))
        elif op == t.MUL:
            value = n.convolve(c, x, y, 0, k, k)
        elif op == t.SCALE:
            value = n.mul(n.load(c, x, k), n.load(c, y, 0))
        elif op == t.SQUARE:
            value = n.times(n.convolve(c, x, x, 0, (k - 1) // 2, k), 2.0)
            if k % 2 == 0:
                middle = n.load(c, x, k // 2)
                value = n.add(value, n.mul(middle, middle))
        elif op == t.NEG:
            value = n.neg(n.load(c, x, k))
        elif op == t.DIV:  # z y = x
            rest = n.sub(n.load(c, x, k), n.convolve(c, y, z, 1, k, k))
            value = n.div(rest, n.load(c, y, 0))
        elif op == t.SHARE:
            value = n.div(n.load(c, x, k), n.load(c, y, 0))
        elif op == t.EULER:
            value = n.times(n.load(c, x, k), float(k))
        elif op == t.SQRT:  # z² = x
            rest = n.sub(n.load(c, x, k), n.convolve(c, z, z, 1, k - 1, k))
            value = n.div(rest, n.times(n.load(c, z, 0), 2.0))
        elif op == t.EXP:  # z' = x' z
            value = n.over(n.convolve(c, u, z, 1, k, k), float(k))
        elif op == t.SINCOS or op == t.SINHCOSH:
            value = n.over(n.convolve(c, u, z + 1, 1, k, k), float(k))
            sign = -1.0 if op == t.SINCOS else 1.0
            n.store(c, z + 1, k, n.over(n.convolve(c, u, z, 1, k, k), sign * k))
        elif op == t.TAN or op == t.TANH:  # z' = x' w with w = 1 ± z²
            value = n.over(n.convolve(c, u, z + 1, 1, k, k), float(k))
            n.store(c, z, k, value)
            sign = -1.0 if op == t.TANH else 1.0
            n.store(c, z + 1, k, n.times(n.convolve(c, z, z, 0, k, k), sign))
        elif op == t.POWER:  # x z' = y x' z, y constant
            rest = n.mul(n.load(c, y, 0), n.convolve(c, u, z, 1, k, k))
            rest = n.sub(rest, n.convolve(c, z + 1, x, 1, k - 1, k))
            euler = n.div(rest, n.load(c, x, 0))
            n.store(c, z + 1, k, euler)
            value = n.over(euler, float(k))
        else:  # w z' = u: logarithm and inverse trigonometric functions
            w = code[row, 5]
            rest = n.sub(n.load(c, u, k), n.convolve(c, z + 1, w, 1, k - 1, k))
            euler = n.div(rest, n.load(c, w, 0))
            n.store(c, z + 1, k, euler)
            value = n.over(euler, float(k))
        n.store(c, z, k, value)


@_jit
def slopes(code, outputs, c, y):
    """Copy the state and the time in `y` ``(d + 1, 1)`` into `c` and evaluate the tape there."""
    for i in range(outputs.size + 1):
        n.store(c, i, 0, n.load(y, i, 0))
    values(code, c)


@_jit
def expand(code, outputs, c, order):
    """Fill the coefficients of orders 1 to `order`, given those of order 0 (see `slopes`)."""
    d = outputs.size
    n.store(c, d, 1, n.lift(c, 1.0))
    for i in range(d):
        n.store(c, i, 1, n.load(c, outputs[i], 0))
    for k in range(1, order):
        raise_order(code, c, k)
        for i in range(d):
            n.store(c, i, k + 1, n.over(n.load(c, outputs[i], k), k + 1.0))
