"""Find where a step leaves its mode.

Each of the `m` modes has two gaps: gap 2 j is the distance to the lower end of mode j, gap 2 j + 1
the distance to its upper end. Both are positive inside the mode. A mode given by a sign ends at one
of them only, except while sliding; a mode given by an integer part may end at either.
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import interpolate
from chaosbench.numerics.event_kinds import BINARY, RESET, WHOLE

CHECKS = 8
"""Points of a step at which a surface that may have been crossed twice is checked."""

BRACKET = 1e-9
"""Width, as a fraction of the step, to which a crossing is bracketed on the dense output."""

OUTSIDE = 1e-10
"""Fraction of the size of its terms by which a switching function may contradict a kept mode."""

_jit = jit(fastmath={"contract"})
# inlined, because numba counts references around every call, which would take half of a search
_inlined = jit(fastmath={"contract"}, inline="always")


@_jit
def active(fields, modes, kinds):
    """Return the address of the field in these modes; 0 if it would slide along two surfaces."""
    address = fields[0]
    for j in range(modes.size):
        if kinds[j] == BINARY and modes[j] == 0.0:
            address = fields[2 + j] if address == fields[0] else 0
    return address


@_inlined
def rate_of(values, at, d, slope, row):
    """Return the time derivative of a switching function along the slope in `row` of `slope`."""
    total = values[at + 1 + d]
    for i in range(d):
        total += values[at + 1 + i] * slope[row, i]
    return total


@_jit
def gaps(fields, time, point, modes, kinds, d, values, side, gap):
    """Fill `gap` ``(2 m,)`` with the distance of the state from both ends of each mode.

    `point` holds state, tangent vectors and modes. A sliding mode ends where one of the two fields
    no longer points towards the surface.
    """
    m = modes.size
    behind = point.size - m
    call_kernel(fields[1], time, point, 0, values, 0)
    for j in range(m):
        at = j * (d + 2)
        mode = modes[j]
        if kinds[j] == WHOLE:
            gap[2 * j] = values[at] - mode
            gap[2 * j + 1] = mode + 1.0 - values[at]
        elif kinds[j] == BINARY and mode == 0.0:
            point[behind + j] = -1.0
            call_kernel(fields[0], time, point, 0, side, 0)
            gap[2 * j] = rate_of(values, at, d, side, 0)
            point[behind + j] = 1.0
            call_kernel(fields[0], time, point, 0, side, 0)
            gap[2 * j + 1] = -rate_of(values, at, d, side, 0)
            point[behind + j] = 0.0
        else:
            gap[2 * j] = values[at] if mode > 0.0 else np.inf
            gap[2 * j + 1] = -values[at] if mode < 0.0 else np.inf


@_jit
def closing_rates(values, modes, kinds, d, k, row, closing):
    """Fill `closing` with the time derivatives of the gaps of `gaps`; 0 while sliding."""
    for j in range(modes.size):
        rate = rate_of(values, j * (d + 2), d, k, row)
        if kinds[j] == BINARY and modes[j] == 0.0:
            rate = 0.0
        closing[2 * j] = rate
        closing[2 * j + 1] = -rate


@_jit
def settle(fields, time, y, modes, kinds, d, skip):
    """Decide the modes that are NaN or that the state contradicts, in their order.

    The mode with index `skip` has just been decided and stays (`m`: no mode is skipped). A surface
    depends only on the modes before it.
    """
    m = modes.size
    values = np.empty(m * (d + 2))
    point = np.empty(y.size + m)
    for i in range(y.size):
        point[i] = y[i]
    for j in range(m):
        if j == skip or kinds[j] == RESET:
            continue
        for i in range(m):
            point[y.size + i] = modes[i]
        call_kernel(fields[1], time, point, 0, values, 0)
        at = j * (d + 2)
        g = values[at]
        allowed = abs(values[at + 1 + d] * time)
        for i in range(d):
            allowed += abs(values[at + 1 + i] * y[i])
        allowed *= OUTSIDE
        unknown = math.isnan(modes[j])
        if kinds[j] == WHOLE:
            if unknown or g < modes[j] - allowed or g > modes[j] + 1.0 + allowed:
                modes[j] = math.floor(g)
        elif unknown or modes[j] * g < -allowed or (modes[j] == 0.0 and abs(g) > allowed):
            modes[j] = 1.0 if g >= 0.0 else -1.0


@_jit
def suspect(gap, closing, later, later_closing, h):
    """Say whether a gap may have closed within a step, judging by both ends of the step."""
    for e in range(gap.size):
        a, b = gap[e], later[e]
        if b < 0.0:
            return True
        if not (a < np.inf and b < np.inf):
            continue
        # the cubic through both ends lies between its smallest and largest control points
        p, q = h * closing[e] / 3.0, h * later_closing[e] / 3.0
        if a + p < 0.0 or b - q < 0.0 or (p < 0.0 < q and min(a + p, b - q) < 0.5 * min(a, b)):
            return True
    return False


@_jit
def _gap_at(fields, time, h, s, r, e, point, modes, kinds, d, values, side, gap):
    """Return gap `e` at the fraction `s` of a step; fill `gap` with all gaps."""
    for i in range(point.size - modes.size):
        point[i] = interpolate(r, s, i)
    gaps(fields, time + s * h, point, modes, kinds, d, values, side, gap)
    return gap[e]


@_jit
def _root(fields, time, h, left, right, grows, r, e, point, modes, kinds, d, values, side, gap):
    """Return the fraction of a step at which gap `e`, negative at `right`, closes.

    Uses the Illinois method, but stays at least half of `BRACKET` away from both ends. If the step
    begins on the surface and the gap `grows` from there, its beginning is not the crossing.
    """
    high = _gap_at(fields, time, h, left, r, e, point, modes, kinds, d, values, side, gap)
    low = _gap_at(fields, time, h, right, r, e, point, modes, kinds, d, values, side, gap)
    if left == 0.0 and grows:
        inside = right
        for _ in range(40):
            inside *= 0.5
            value = _gap_at(
                fields, time, h, inside, r, e, point, modes, kinds, d, values, side, gap
            )
            if value > max(high, 0.0):
                left, high = inside, value
                break
            if value < 0.0:
                right, low = inside, value
    if not high > 0.0:
        return left
    kept = 0  # which end stayed last time; if it stays twice in a row, its value is halved
    while right - left > BRACKET:
        middle = (left * low - right * high) / (low - high)
        middle = min(max(middle, left + 0.5 * BRACKET), right - 0.5 * BRACKET)
        value = _gap_at(fields, time, h, middle, r, e, point, modes, kinds, d, values, side, gap)
        if value > 0.0:
            left, high = middle, value
            low *= 0.5 if kept > 0 else 1.0
            kept = 1
        elif value < 0.0:
            right, low = middle, value
            high *= 0.5 if kept < 0 else 1.0
            kept = -1
        else:
            return middle
    return (left * low - right * high) / (low - high)


@_jit
def _dip(fields, time, h, left, right, r, e, point, modes, kinds, d, values, side, gap):
    """Return where gap `e` is smallest between two fractions of a step (golden section)."""
    ratio = 0.6180339887498949
    a, b = right - ratio * (right - left), left + ratio * (right - left)
    at_a = _gap_at(fields, time, h, a, r, e, point, modes, kinds, d, values, side, gap)
    at_b = _gap_at(fields, time, h, b, r, e, point, modes, kinds, d, values, side, gap)
    for _ in range(40):
        if at_a < 0.0 or at_b < 0.0:
            break
        if at_a < at_b:
            right, b, at_b = b, a, at_a
            a = right - ratio * (right - left)
            at_a = _gap_at(fields, time, h, a, r, e, point, modes, kinds, d, values, side, gap)
        else:
            left, a, at_a = a, b, at_b
            b = left + ratio * (right - left)
            at_b = _gap_at(fields, time, h, b, r, e, point, modes, kinds, d, values, side, gap)
    return a if at_a < at_b else b


@_jit
def first_event(fields, time, h, closing, r, point, modes, kinds, d, values, side):
    """Return the first gap that closes within a step (−1: none) and the fraction of the step."""
    size = 2 * modes.size
    gap = np.empty(size)
    table = np.empty((CHECKS + 1, size))
    for n in range(CHECKS + 1):
        _gap_at(fields, time, h, n / CHECKS, r, 0, point, modes, kinds, d, values, side, gap)
        for e in range(size):
            table[n, e] = gap[e]
    event = -1
    first = 2.0
    for e in range(size):
        left, right = -1.0, -1.0
        for n in range(1, CHECKS + 1):
            before = (n - 1) / CHECKS
            if before >= first:
                break
            if table[n, e] < 0.0:
                left, right = before, n / CHECKS
                break
            if n == CHECKS:
                break
            around = max(table[n - 1, e], table[n + 1, e])
            if table[n, e] <= min(table[n - 1, e], table[n + 1, e]) and table[n, e] < 0.5 * around:
                lowest = _dip(
                    fields, time, h, before, (n + 1) / CHECKS, r, e, point, modes, kinds, d, values,
                    side, gap,
                )  # fmt: skip
                depth = _gap_at(
                    fields, time, h, lowest, r, e, point, modes, kinds, d, values, side, gap
                )
                if depth < 0.0:
                    left, right = before, lowest
                    break
        if right > 0.0:
            root = _root(
                fields,
                time,
                h,
                left,
                right,
                closing[e] > 0.0,
                r,
                e,
                point,
                modes,
                kinds,
                d,
                values,
                side,
                gap,
            )
            if root < first:
                event, first = e, root
    return event, first
