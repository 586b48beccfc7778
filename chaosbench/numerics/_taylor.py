"""Taylor's method of high order, in double or double-double, by interpreting a tape.

The normalised derivatives ``x_k = x^(k)/k!`` of every node follow from those of lower order by the
classic recurrences of automatic differentiation. Order and step are those of [jorba2005]: for a
tolerance ε the order is ``p = ⌈1 - ln(ε)/2⌉`` and the step ``ρ/e²``, with the radius of convergence
ρ estimated from the last two coefficients, which is near the least work for a digit. The polynomial
is the dense output.

The coefficients at one point do not see what is too small there: of a tanh far in its saturation
they are zero to all digits, and the step would leap across the next switch. So each polynomial has
to satisfy the equation in the middle and at the far end of its step as well, else the step is
shortened. (Without that a stirrer that is switched by a steep tanh was left on for ever.)

The order grows with the digits asked for, and the step hardly shrinks: where a Runge–Kutta method
of order 8 needs a hundred times the steps for 16 more digits, this one needs twice the order, four
times the work. It sees derivatives only. At a kink or a jump it would go on along the branch it
started on and no error estimate would notice: a graph with such operations is refused for flows.
Maps need no derivatives, only the values, and may use every operation.

The interpreter is compiled once a kind of number, not once a system.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from chaosbench.numerics import _double_double as n
from chaosbench.numerics import _tape as t
from chaosbench.numerics._dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

_jit = njit(cache=True, nogil=True, error_model="numpy")  # no contract: see _double_double


SLACK = 100.0
"""Defect of a polynomial, in tolerances, beyond which its step is shortened to a third."""

INSIDE = 0.55
"""Where within the step the defect is looked at, besides its end."""


def order_for(tolerance: float) -> int:
    """Return the order of least work for a tolerance on the local error."""
    return max(4, math.ceil(1.0 - 0.5 * math.log(tolerance)))


@_jit
def values(code, c):
    """Evaluate every node of the tape from the inputs in ``c[:, 0]``: the coefficients of order 0.

    `c` is ``(slots, p + 1)`` of doubles or ``(slots, p + 1, 2)`` of double-doubles.
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
    """Evaluate an operation that has no derivatives; truth values are 1 and 0."""
    if op == t.ABS:
        return n.neg(x) if n.less(x, none) else x
    if op == t.SIGN:
        if n.less(none, x):
            return one
        return n.neg(one) if n.less(x, none) else n.mul(x, none)  # a NaN stays one
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
        else:  # w z' = u, logarithm and angles
            w = code[row, 5]
            rest = n.sub(n.load(c, u, k), n.convolve(c, z + 1, w, 1, k - 1, k))
            euler = n.div(rest, n.load(c, w, 0))
            n.store(c, z + 1, k, euler)
            value = n.over(euler, float(k))
        n.store(c, z, k, value)


@_jit
def slopes(code, outputs, c, y):
    """Put the state and the time of `y`, ``(d + 1, 1)``, into `c` and evaluate the tape there."""
    for i in range(outputs.size + 1):
        n.store(c, i, 0, n.load(y, i, 0))
    values(code, c)


@_jit
def expand(code, outputs, c, order):
    """Fill the coefficients of all orders, the values of order 0 being there (see `slopes`)."""
    d = outputs.size
    n.store(c, d, 1, n.lift(c, 1.0))
    for i in range(d):
        n.store(c, i, 1, n.load(c, outputs[i], 0))
    for k in range(1, order):
        raise_order(code, c, k)
        for i in range(d):
            n.store(c, i, k + 1, n.over(n.load(c, outputs[i], k), k + 1.0))


@_jit
def _largest(c, d, k):
    largest = 0.0
    for i in range(d):
        size = abs(n.leading(n.load(c, i, k)))
        if not size <= largest:  # a NaN must not pass
            largest = size
            if not math.isfinite(size):
                return math.nan
    return largest


@_jit
def step_size(c, d, order):
    """Return the step of [jorba2005] from the last two coefficients; NaN where there is none."""
    scale = max(1.0, _largest(c, d, 0))
    last = (scale / _largest(c, d, order)) ** (1.0 / order)
    before = (scale / _largest(c, d, order - 1)) ** (1.0 / (order - 1))
    return min(last, before) * math.exp(-2.0 - 0.7 / (order - 1))


@_jit
def evaluate(c, i, order, s):
    """Return what variable `i` has changed by after `s` time units (Horner)."""
    total = n.load(c, i, order)
    for k in range(order - 1, 0, -1):
        total = n.horner(total, s, n.load(c, i, k))
    return n.times(total, s)


@_jit
def slope(c, i, order, s):
    """Return the derivative of the polynomial of variable `i` after `s` time units."""
    total = n.times(n.load(c, i, order), float(order))
    for k in range(order - 1, 0, -1):
        total = n.horner(total, s, n.times(n.load(c, i, k), float(k)))
    return total


@_jit
def integrate(code, outputs, c, order, tolerance, y, carry, span, out, dt, bound, max_steps):
    """Integrate `y` in place over `span`, sampling every `dt` into `out`.

    Args:
        code, outputs: of the tape.
        c: coefficients ``(slots, order + 1)``, or with a last axis of 2 for double-doubles; the
            constants are in place and the rest of their rows zero.
        order: of the polynomials; see `order_for`.
        tolerance: of the local error; the polynomial must satisfy the equation within its step
            to `SLACK` of it.
        y: state and time, ``(d + 1, 1)``; changed in place.
        carry: what the last additions to `y` rounded away, ``(d, 1)``; changed in place.
        span: length in time units; positive.
        out: ``(T, d)``; row n is the state after the time n·dt (rounded to double).
        dt: sampling step of `out`.
        bound: a state beyond it in magnitude has escaped.
        max_steps: budget of step attempts.

    Returns:
        status, elapsed time, attempted steps.

    """
    d = outputs.size
    new = np.empty_like(y)
    changes = np.empty_like(y)
    rows = out.shape[0]
    row = 0
    if rows > 0:
        for i in range(d):
            n.store(out, 0, i, n.load(y, i, 0))
        row = 1
    elapsed = 0.0
    attempts = 0
    start = n.load(y, d, 0)
    slopes(code, outputs, c, y)
    while elapsed < span:
        expand(code, outputs, c, order)
        h = step_size(c, d, order)
        if not h > 0.0:
            return ESCAPED, elapsed, attempts
        while True:
            if attempts >= max_steps:
                return EXHAUSTED, elapsed, attempts
            attempts += 1
            if h < 1e-15 * max(elapsed, 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, attempts
            last = h >= (span - elapsed) * (1.0 - 1e-12)
            after = span if last else elapsed + h
            h = after - elapsed
            defect = 0.0
            for part in (INSIDE, 1.0):
                at = h if part == 1.0 else part * h
                largest = 0.0
                for i in range(d):
                    change = n.add(evaluate(c, i, order, at), n.load(carry, i, 0))
                    n.store(changes, i, 0, change)
                    n.store(new, i, 0, n.add(n.load(y, i, 0), change))
                    size = abs(n.leading(n.load(new, i, 0)))
                    largest = max(largest, size) if size == size else np.inf
                if part == 1.0:
                    n.store(new, d, 0, n.add(start, n.lift(c, after)))
                else:  # the sum of two doubles may need both halves
                    n.store(new, d, 0, n.add(n.load(y, d, 0), n.lift(c, at)))
                slopes(code, outputs, c, new)
                for i in range(d):
                    off = n.sub(n.load(c, outputs[i], 0), slope(c, i, order, at))
                    defect += abs(n.leading(off))
            if h * defect <= SLACK * tolerance * max(1.0, largest) * d:
                break
            if not largest < bound:
                return ESCAPED, elapsed, attempts
            h *= 0.3
        while row < rows and row * dt <= after:
            s = row * dt - elapsed
            for i in range(d):
                change = n.add(evaluate(c, i, order, s), n.load(carry, i, 0))
                n.store(out, row, i, n.add(n.load(y, i, 0), change))
            row += 1
        for i in range(d):
            rounded = n.sub(n.load(new, i, 0), n.load(y, i, 0))
            n.store(carry, i, 0, n.sub(n.load(changes, i, 0), rounded))
            n.store(y, i, 0, n.load(new, i, 0))
        n.store(y, d, 0, n.load(new, d, 0))
        elapsed = after
        if not largest < bound:
            return ESCAPED, elapsed, attempts
    return REACHED, elapsed, attempts


@_jit
def iterate(code, outputs, c, y, out, bound):
    """Iterate a map in place; row n of `out` ``(T, d)`` is the state after n iterations.

    Returns:
        status and the number of iterations done.

    """
    d = outputs.size
    for i in range(d):
        n.store(out, 0, i, n.load(y, i, 0))
    for row in range(1, out.shape[0]):
        slopes(code, outputs, c, y)
        largest = 0.0
        for i in range(d):
            new = n.load(c, outputs[i], 0)
            n.store(y, i, 0, new)
            n.store(out, row, i, new)
            size = abs(n.leading(new))
            largest = max(largest, size) if size == size else np.inf
        n.store(y, d, 0, n.add(n.load(y, d, 0), n.lift(c, 1.0)))
        if not largest < bound:
            return ESCAPED, row
    return REACHED, out.shape[0] - 1
