"""Taylor's method of high order, in double or double-double, by interpreting a tape.

The normalised derivatives ``x_k = x^(k)/k!`` of every node follow from those of lower order by the
classic recurrences of automatic differentiation. Order and step are those of [jorba2005]: for a
tolerance ε the order is ``p = ⌈1 - ln(ε)/2⌉`` and the step is ``ρ/e²``, where the radius of
convergence ρ is estimated from the last two coefficients. This is close to the least work per
digit. The polynomial is the dense output.

The coefficients at one point do not show terms that are too small there. For a tanh far in its
saturation they are zero to all digits, and the step would leap across the next switch. Therefore
each polynomial must also satisfy the equation in the middle and at the end of its step; otherwise
the step is shortened. (Without this check a stirrer that is switched by a steep tanh stayed on for
ever.)

The order grows with the number of digits, and the step hardly shrinks: for 16 more digits a
Runge–Kutta method of order 8 needs a hundred times as many steps, and this method needs twice the
order, which is four times the work. The method uses derivatives only. At a kink or a jump it would
continue along its current branch, and no error estimate would notice. Therefore a flow with such
operations is followed one smooth branch at a time, on a tape of that branch. The *gaps*, which
vanish where the branch ends, are outputs of that tape and have Taylor series like all other nodes.
The integration stops where the first gap vanishes, at a time that is found to the last bit of the
arithmetic. Maps need only values, no derivatives, and may use every operation.
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics import _double_double as n
from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW
from chaosbench.numerics.interpreter import expand, slopes

_jit = jit()  # no "contract": see _double_double


SLACK = 100.0
"""Defect of a polynomial, in tolerances, above which its step is multiplied by 0.3."""

CLOSED = 6
"""Status of an integration that stopped because a gap closed; another equation holds from there."""

LOOKS = 8
"""Points of a step at which the gaps are checked."""

INSIDE = 0.55
"""Fraction of the step at which the defect is checked, in addition to its end."""


def order_for(tolerance: float) -> int:
    """Return the order of least work for a tolerance on the local error."""
    return max(4, math.ceil(1.0 - 0.5 * math.log(tolerance)))


@_jit
def _largest(c, d, k):
    largest = 0.0
    for i in range(d):
        size = abs(n.leading(n.load(c, i, k)))
        if not size <= largest:  # written this way so that NaN does not pass
            largest = size
            if not math.isfinite(size):
                return math.nan
    return largest


@_jit
def step_size(c, d, order):
    """Return the step of [jorba2005] from the last two coefficients; NaN if there is none."""
    scale = max(1.0, _largest(c, d, 0))
    last = (scale / _largest(c, d, order)) ** (1.0 / order)
    before = (scale / _largest(c, d, order - 1)) ** (1.0 / (order - 1))
    return min(last, before) * math.exp(-2.0 - 0.7 / (order - 1))


@_jit
def evaluate(c, i, order, s):
    """Return the change of variable `i` after `s` time units (Horner's scheme)."""
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
def _steepness(c, i, order, s):
    """Return the derivative of the polynomial of variable `i` after `s` time units, as a double."""
    total = order * n.leading(n.load(c, i, order))
    for k in range(order - 1, 0, -1):
        total = total * s + k * n.leading(n.load(c, i, k))
    return total


@_jit
def _advanced(c, i, order, s, rest):
    """Return the change of variable `i` after ``s + rest``, where `rest` is below an ulp of `s`."""
    change = evaluate(c, i, order, s)
    if rest != 0.0:
        change = n.add(change, n.times(slope(c, i, order, s), rest))
    return change


@_jit
def integrate(
    code, outputs, gaps, skips, depths, c, order, tolerance, y, carry, clock, span, out, row, dt,
    bound, max_steps, even,
):  # fmt: skip
    """Integrate `y` in place up to the time `span`, or until a gap closes, sampling into `out`.

    Args:
        code, outputs: the tape's code and output slots.
        gaps: slots ``(m,)`` of the functions that are positive while the equation holds; empty if
            it always holds.
        skips: ``(m,)``, order of the zero of each gap at the present state, where the gap has just
            opened; zeros after the first step.
        depths: work space for the gaps at the beginning of a step, ``(m, 1)``.
        c: coefficients ``(slots, order + 1)``, with a last axis of 2 for double-doubles. The
            constants must be in place and the rest of their rows zero.
        order: order of the polynomials; see `order_for`.
        tolerance: tolerance on the local error; within its step the polynomial must satisfy the
            equation to `SLACK` times this tolerance.
        y: state and time, ``(d + 1, 1)``; changed in place.
        carry: rounding errors of the last additions to `y`, ``(d, 1)``; changed in place.
        clock: time since the first sample and its rounding error, ``(2,)``; changed in place.
        span: length in time units, from the first sample; positive.
        out: ``(T, d)``; row n is the state at time n·dt (rounded to double) after the first sample.
        row: the first row to fill.
        dt: sampling step of `out`.
        bound: a state with a component beyond it in magnitude has escaped.
        max_steps: budget of step attempts.
        even: whether row n is the state at n·dt exactly, and `y` ends there too, instead of at the
            double closest to it.

    Returns:
        status (`CLOSED` at a gap), attempted steps, the next row, and the closed gap (−1: none).

    """
    d, m = outputs.size, gaps.size
    new = np.empty_like(y)
    changes = np.empty_like(y)
    s = 0.0
    rows = out.shape[0]
    elapsed, lag = clock[0], clock[1]
    if row == 0 and rows > 0:
        for i in range(d):
            n.store(out, 0, i, n.load(y, i, 0))
        row = 1
    tail = n.two_prod(rows - 1.0, dt)[1] if even else 0.0
    attempts = 0
    start = n.sub(n.sub(n.load(y, d, 0), n.lift(c, elapsed)), n.lift(c, lag))
    slopes(code, outputs, c, y)
    while elapsed < span:
        expand(code, outputs, c, order)
        for e in range(m):
            n.store(depths, e, 0, n.load(c, gaps[e], 0))  # order 0 is overwritten within the step
        h = step_size(c, d, order)
        if not h > 0.0:
            return ESCAPED, attempts, row, -1
        while True:
            if attempts >= max_steps:
                return EXHAUSTED, attempts, row, -1
            attempts += 1
            if h < 1e-15 * max(elapsed, 1e-3 * span, 1e-8):
                return UNDERFLOW, attempts, row, -1
            last = h >= (span - elapsed) * (1.0 - 1e-12)
            after = span if last else elapsed + h
            h, rest = n.two_sum(after, -elapsed)
            h, more = n.two_sum(h, -lag)
            rest += more
            defect = 0.0
            for part in (INSIDE, 1.0):
                at = h if part == 1.0 else part * h
                largest = 0.0
                for i in range(d):
                    change = _advanced(c, i, order, at, rest if part == 1.0 else 0.0)
                    change = n.add(change, n.load(carry, i, 0))
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
                return ESCAPED, attempts, row, -1
            h *= 0.3
        event = -1
        if m > 0:
            event, s = _first_closing(c, gaps, depths, skips, order, h)
        if event >= 0:
            h, rest = s, _polish(c, gaps[event], n.load(depths, event, 0), order, s)
            for i in range(d):
                change = n.add(_advanced(c, i, order, h, rest), n.load(carry, i, 0))
                n.store(changes, i, 0, change)
                n.store(new, i, 0, n.add(n.load(y, i, 0), change))
            after, low = n.two_sum(elapsed, h)
            after, low = n.quick_two_sum(after, low + (lag + rest))
            n.store(new, d, 0, n.add(n.add(start, n.lift(c, after)), n.lift(c, low)))
        else:
            low = 0.0
            if last and even:  # only after the check, which knows nothing of the last digits
                low = tail
                for i in range(d):
                    change = n.add(_advanced(c, i, order, h, rest + tail), n.load(carry, i, 0))
                    n.store(changes, i, 0, change)
                    n.store(new, i, 0, n.add(n.load(y, i, 0), change))
                n.store(new, d, 0, n.add(n.add(start, n.lift(c, after)), n.lift(c, low)))
        while row < rows and row * dt <= after:
            beyond = 0.0
            if even:
                s, beyond = n.two_sum(row * dt, -elapsed)
                beyond += n.two_prod(row * 1.0, dt)[1] - lag
            else:
                s = (row * dt - elapsed) - lag
            for i in range(d):
                change = n.add(evaluate(c, i, order, s), n.load(carry, i, 0))
                if even:  # the first digits of the slope are enough for what is below an ulp of s
                    change = n.add(change, n.lift(c, beyond * _steepness(c, i, order, s)))
                n.store(out, row, i, n.add(n.load(y, i, 0), change))
            row += 1
        for i in range(d):
            rounded = n.sub(n.load(new, i, 0), n.load(y, i, 0))
            n.store(carry, i, 0, n.sub(n.load(changes, i, 0), rounded))
            n.store(y, i, 0, n.load(new, i, 0))
        n.store(y, d, 0, n.load(new, d, 0))
        clock[0], clock[1] = after, low
        elapsed, lag = after, low
        if event >= 0:
            return CLOSED, attempts, row, event
        for e in range(m):
            skips[e] = 0
        if not largest < bound:
            return ESCAPED, attempts, row, -1
    return REACHED, attempts, row, -1


@_jit
def _gap(c, g, depth, skip, order, s):
    """Return a gap divided by the power `skip` of the time within the step, and its derivative."""
    total = slope = 0.0
    for k in range(order - 1, skip - 1, -1):
        slope = slope * s + total
        total = total * s + (n.leading(n.load(c, g, k)) if k > 0 else depth)
    return total, slope


@_jit
def _first_closing(c, gaps, depths, skips, order, h):
    """Return the first gap that closes within a step (−1: none) and the time at which it closes."""
    event, first = -1, h
    for e in range(gaps.size):
        depth = n.leading(n.load(depths, e, 0))
        s = _root(c, gaps[e], depth, skips[e], order, first)
        if s >= 0.0 and (event < 0 or s < first):
            event, first = e, s
    return event, first


@_jit
def _root(c, g, depth, skip, order, h):
    """Return the first time up to `h` at which a gap is not positive; −1 if there is none."""
    left = 0.0
    value, slope = _gap(c, g, depth, skip, order, left)
    if not value > 0.0:
        return 0.0
    for part in range(1, LOOKS + 1):
        right = h * part / LOOKS
        then, later = _gap(c, g, depth, skip, order, right)
        inside, outside = left, -1.0
        if not then > 0.0:
            outside = right
        elif slope < 0.0 < later:
            third = (right - left) / 3.0  # the cubic stays above its smallest control point
            if min(value + third * slope, then - third * later) <= 0.0:
                low, high = left, right
                for _ in range(60):
                    middle = 0.5 * (low + high)
                    deepest, incline = _gap(c, g, depth, skip, order, middle)
                    if not deepest > 0.0:
                        outside = middle
                        break
                    if incline < 0.0:
                        low = middle
                    else:
                        high = middle
        if outside >= 0.0:
            for _ in range(60):
                middle = 0.5 * (inside + outside)
                if _gap(c, g, depth, skip, order, middle)[0] > 0.0:
                    inside = middle
                else:
                    outside = middle
            return outside
        left, value, slope = right, then, later
    return -1.0


@_jit
def _polish(c, g, depth, order, s):
    """Return Newton's correction to the double `s` at which a gap closes."""
    value = n.add(depth, evaluate(c, g, order - 1, s))
    steepness = slope(c, g, order - 1, s)
    correction = n.leading(n.div(value, steepness))
    # no correction if the gap was rounding error throughout, or if it only grazes zero
    return -correction if abs(correction) <= 1e-12 * s else 0.0


@_jit
def iterate(code, outputs, c, y, out, bound):
    """Iterate a map in place; row n of `out` ``(T, d)`` receives the state after n iterations.

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
