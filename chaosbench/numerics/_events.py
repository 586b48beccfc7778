"""DOP853 that stops at every kink, jump and reset, goes through it and on; saltation matrices.

Within a mode the field is smooth, so a step may reach beyond the surface where the mode ends. If it
does, the crossing is located on the dense output, the step is done again up to there, and Newton's
method removes what is left: the order of the method is kept across the surface. Where the fields of
both sides point at a surface the state slides along it [filippov1988].

A tangent vector v becomes S v at an event, with the saltation matrix [muller1995]

    S = DR + (f₊ − DR f₋ − ∂R/∂t) ∇gᵀ / (∇g·f₋ + ∂g/∂t),

g being the switching function, R the reset (the identity where there is none), and f₋ and f₊ the
field before and after: a neighbour arrives δt = −∇g·v / (∇g·f₋ + ∂g/∂t) later.

The machine code is reached through one array of addresses: the field, the surfaces with their
derivatives, then for each surface its sliding field, then for each its reset.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from chaosbench.numerics._dop853 import (
    ESCAPED,
    EXHAUSTED,
    REACHED,
    STAGES,
    UNDERFLOW,
    dense,
    initial_step,
    interpolate,
    next_step,
    step,
)
from chaosbench.numerics._event_kinds import BINARY, CHATTERING, RESET, WHOLE
from chaosbench.numerics._kernel import call_kernel

CHECKS = 8
"""Points of a step at which a surface that may have been crossed twice is looked at."""

BRACKET = 1e-9
"""Fraction of a step to which a crossing is bracketed on the dense output."""

LOCATED = 1e-8
"""Fraction of a step that one step of Newton's method turns into rounding."""

OUTSIDE = 1e-10
"""Share of its terms by which a switching function may contradict a mode that is carried on."""

_MOST_EVENTS_AT_ONCE = 50

_jit = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
_inlined = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract"}, inline="always"
)


@_jit
def _active(fields, modes, kinds):
    """Return the address of the field in these modes; 0 where two surfaces would be slid along."""
    address = fields[0]
    for j in range(modes.size):
        if kinds[j] == BINARY and modes[j] == 0.0:
            address = fields[2 + j] if address == fields[0] else 0
    return address


@_inlined
def _rate(values, at, d, slope, row):
    """Return the time derivative of a switching function where the state has that slope."""
    total = values[at + 1 + d]
    for i in range(d):
        total += values[at + 1 + i] * slope[row, i]
    return total


@_jit
def _gaps(fields, time, point, modes, kinds, d, values, side, gap):
    """Fill `gap` ``(2 m,)`` with how far the state is inside each end of each mode.

    `point` holds state, tangent vectors and modes. A sliding mode ends where one of the two fields
    no longer points at the surface.
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
            gap[2 * j] = _rate(values, at, d, side, 0)
            point[behind + j] = 1.0
            call_kernel(fields[0], time, point, 0, side, 0)
            gap[2 * j + 1] = -_rate(values, at, d, side, 0)
            point[behind + j] = 0.0
        else:
            gap[2 * j] = values[at] if mode > 0.0 else np.inf
            gap[2 * j + 1] = -values[at] if mode < 0.0 else np.inf


@_jit
def _closing(values, modes, kinds, d, k, row, closing):
    """Fill `closing` with the time derivatives of what `_gaps` filled; 0 while sliding."""
    for j in range(modes.size):
        rate = _rate(values, j * (d + 2), d, k, row)
        if kinds[j] == BINARY and modes[j] == 0.0:
            rate = 0.0
        closing[2 * j] = rate
        closing[2 * j + 1] = -rate


@_jit
def settle(fields, time, y, modes, kinds, d, skip):
    """Decide the modes that are NaN or that the state contradicts, in their order.

    What `skip` is the index of, has just been decided. A surface depends on modes before it only.
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
        elif (
            unknown
            or modes[j] * g < -allowed
            or (modes[j] == 0.0 and abs(g) > allowed)
        ):
            modes[j] = 1.0 if g >= 0.0 else -1.0


@_jit
def _suspect(gap, closing, later, later_closing, h):
    """Say whether a gap may have closed within a step, judging by its values at the two ends."""
    for e in range(gap.size):
        a, b = gap[e], later[e]
        if b < 0.0:
            return True
        if not (a < np.inf and b < np.inf):
            continue
        # the cubic through both ends lies between the least and the largest of its control points
        p, q = h * closing[e] / 3.0, h * later_closing[e] / 3.0
        if a + p < 0.0 or b - q < 0.0 or (p < 0.0 < q and min(a + p, b - q) < 0.5 * min(a, b)):
            return True
    return False


@_jit
def _gap_at(fields, time, h, s, r, e, point, modes, kinds, d, values, side, gap):
    """Return gap `e` at the fraction `s` of a step; fills `gap` with all of them."""
    for i in range(point.size - modes.size):
        point[i] = interpolate(r, s, i)
    _gaps(fields, time + s * h, point, modes, kinds, d, values, side, gap)
    return gap[e]


@_jit
def _root(fields, time, h, left, right, grows, r, e, point, modes, kinds, d, values, side, gap):
    """Return the fraction of a step at which gap `e`, negative at `right`, closes.

    Illinois method, but never nearer than half of `BRACKET` to an end. Where the step began on the
    surface and the gap `grows` from there, that beginning is not the crossing.
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
    kept = 0  # which end stayed where it was; twice in a row, and its weight is halved
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
    """Return where gap `e` is least between two fractions of a step (golden section)."""
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
def _first_event(fields, time, h, closing, r, point, modes, kinds, d, values, side):
    """Return the first gap to close within a step and the fraction at which it does; −1 if none."""
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
                fields, time, h, left, right, closing[e] > 0.0, r, e, point, modes, kinds, d, values, side, gap
            )
            if root < first:
                event, first = e, root
    return event, first


@_jit
def _log_determinant(matrix):
    """Return log|det| of a square matrix, which is overwritten (Gaussian elimination)."""
    n = matrix.shape[0]
    total = 0.0
    for c in range(n):
        best = c
        for i in range(c + 1, n):
            if abs(matrix[i, c]) > abs(matrix[best, c]):
                best = i
        for l in range(n):
            matrix[c, l], matrix[best, l] = matrix[best, l], matrix[c, l]
        if matrix[c, c] == 0.0:
            return -np.inf
        total += math.log(abs(matrix[c, c]))
        for i in range(c + 1, n):
            factor = matrix[i, c] / matrix[c, c]
            for l in range(c, n):
                matrix[i, l] -= factor * matrix[c, l]
    return total


@_jit
def _cross(fields, time, y, k, modes, kinds, d, event, tally):
    """Go through an event at the state `y` with the slope ``k[0]``; fill in what comes after it.

    Changes modes, state, tangent vectors and ``k[0]``; adds log|det S| and one event to `tally`.
    Returns whether a field could be found.
    """
    m, size = modes.size, y.size
    j = event // 2
    at = j * (d + 2)
    values = np.empty(m * (d + 2))
    point = np.empty(size + m)
    side = np.empty((1, size))
    for i in range(size):
        point[i] = y[i]
    for i in range(m):
        point[size + i] = modes[i]
    call_kernel(fields[1], time, point, 0, values, 0)
    normal = _rate(values, at, d, k, 0)
    image = np.zeros(d * (d + 2))  # of the reset: the state, DR row by row, ∂R/∂t
    for i in range(d):
        image[d + i * d + i] = 1.0
    released = kinds[j] == BINARY and modes[j] == 0.0
    if released:
        modes[j] = -1.0 if event % 2 == 0 else 1.0
        square = 0.0
        for i in range(d):
            square += values[at + 1 + i] ** 2
        for i in range(d):  # rounding has led it off the surface
            y[i] -= values[at] * values[at + 1 + i] / square
    elif kinds[j] == RESET:
        call_kernel(fields[2 + m + j], time, point, 0, image, 0)
        for i in range(d):
            y[i] = image[i]
    elif kinds[j] == WHOLE:
        modes[j] += -1.0 if event % 2 == 0 else 1.0
    else:
        modes[j] = -modes[j]
        if fields[2 + j] != 0:
            point[size + j] = modes[j]
            address = _active(fields, modes, kinds)
            call_kernel(address, time, point, 0, side, 0)
            if not _rate(values, at, d, side, 0) * normal > 0.0:
                modes[j] = 0.0
                tally[2] += 1.0
    settle(fields, time, y, modes, kinds, d, j)
    address = _active(fields, modes, kinds)
    if address == 0:
        return False
    for i in range(size):
        point[i] = y[i]
    for i in range(m):
        point[size + i] = modes[i]
    call_kernel(address, time, point, 0, side, 0)
    tally[1] += 1.0
    if not released and normal != 0.0:
        matrix = np.empty((d, d))
        after = values[at + 1 + d]
        for i in range(d):
            after += values[at + 1 + i] * side[0, i]
            jump = side[0, i] - image[d + d * d + i]
            for l in range(d):
                jump -= image[d + i * d + l] * k[0, l]
            for l in range(d):
                matrix[i, l] = image[d + i * d + l] + jump * values[at + 1 + l] / normal
        count = size // d - 1
        column = np.empty(d)
        for c in range(count):
            for i in range(d):
                column[i] = 0.0
                for l in range(d):
                    column[i] += matrix[i, l] * y[d + l * count + c]
            for i in range(d):
                y[d + i * count + c] = column[i]
                point[d + i * count + c] = column[i]
        if kinds[j] == RESET:
            tally[0] += _log_determinant(matrix)
        else:  # of a matrix that differs from the identity by one product of two vectors
            tally[0] += math.log(abs(after / normal)) if modes[j] != 0.0 else -np.inf
    call_kernel(address, time, point, 0, k, 0)
    return True


@_jit
def integrate_events(
    fields, kinds, x0, y, modes, d, span, h, out, dt, rtol, atol, bound, max_steps, tally
):
    """Integrate `y` in place over `span` like `integrate`, from event to event.

    Args:
        fields: addresses of the machine code; see the module.
        kinds: how each of the `m` surfaces chooses.
        x0, span, h, out, dt, rtol, atol, bound, max_steps: as for `integrate`.
        y: state ``(d,)`` and tangent vectors ``(d, count)``; changed in place.
        modes: ``(m,)``, changed in place; NaN where they are to be found from the state.
        d: number of state variables.
        tally: ``(3,)``; to it are added log|det S|, the number of events and of slides.

    Returns:
        status, elapsed time, the step size to continue with, attempted steps.

    """
    size, m = y.size, modes.size
    k = np.empty((STAGES, size))
    w = np.empty((STAGES, size + m))
    new = np.empty(size)
    r = np.empty((8, size))
    point = np.empty(size + m)
    side = np.empty((1, size))
    values = np.empty(m * (d + 2))
    gap, later = np.empty(2 * m), np.empty(2 * m)
    closing, later_closing = np.empty(2 * m), np.empty(2 * m)
    rows = out.shape[0]
    row = 0
    if rows > 0:
        for i in range(size):
            out[0, i] = y[i]
        row = 1
    settle(fields, x0, y, modes, kinds, d, -1)
    f = _active(fields, modes, kinds)
    if f == 0:
        return CHATTERING, 0.0, h, 0
    for i in range(size):
        point[i] = y[i]
    for i in range(m):
        point[size + i] = modes[i]
    call_kernel(f, x0, point, 0, k, 0)
    for i in range(size):
        if not math.isfinite(k[0, i]):
            return ESCAPED, 0.0, h, 0
    if h <= 0.0:
        h = initial_step(y, k, rtol, atol)
    elapsed = 0.0
    last_event = 0.0
    at_once = 0
    attempts = 0
    rejected = False
    entered = True  # a mode: the gaps at its start are to be looked at
    while elapsed < span:
        if attempts >= max_steps:
            return EXHAUSTED, elapsed, h, attempts
        attempts += 1
        if entered:
            for i in range(m):
                point[size + i] = modes[i]
                for s in range(STAGES):
                    w[s, size + i] = modes[i]
            for i in range(size):
                point[i] = y[i]
            _gaps(fields, x0 + elapsed, point, modes, kinds, d, values, side, gap)
            _closing(values, modes, kinds, d, k, 0, closing)
            entered = False
        remaining = span - elapsed
        last = h >= remaining * (1.0 - 1e-12)
        trial = remaining if last else h
        start = x0 + elapsed
        error = step(f, start, y, trial, k, w, new, rtol, atol, d)
        if not error <= 1.0:
            h = next_step(trial, error)
            rejected = True
            if h < 1e-15 * max(elapsed, 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, h, attempts
            continue
        proposal = next_step(trial, error)
        for i in range(size):
            point[i] = new[i]
        _gaps(fields, start + trial, point, modes, kinds, d, values, side, later)
        _closing(values, modes, kinds, d, k, 12, later_closing)
        event = -1
        if _suspect(gap, closing, later, later_closing, trial):
            dense(f, start, y, trial, k, w, new, r)
            event, fraction = _first_event(
                fields, start, trial, closing, r, point, modes, kinds, d, values, side
            )
            if event >= 0:
                trial *= fraction
                last = False
                for attempt in range(8):
                    if not trial > 0.0:
                        trial = 0.0
                        for i in range(size):
                            new[i] = y[i]
                            k[12, i] = k[0, i]
                        break
                    step(f, start, y, trial, k, w, new, rtol, atol, d)
                    for i in range(size):
                        point[i] = new[i]
                    _gaps(fields, start + trial, point, modes, kinds, d, values, side, later)
                    _closing(values, modes, kinds, d, k, 12, later_closing)
                    change = -later[event] / later_closing[event]
                    # no such step where the orbit grazes the surface, nor at the end of a slide
                    if not abs(change) < 0.1 * trial:
                        break
                    if abs(change) <= LOCATED * trial or attempt == 7:
                        for i in range(size):
                            new[i] += change * k[12, i]
                        trial += change
                        break
                    trial += change
        end = span if last else elapsed + trial
        if row < rows and row * dt <= end and trial > 0.0:
            dense(f, start, y, trial, k, w, new, r)
            while row < rows and row * dt <= end:
                s = min((row * dt - elapsed) / trial, 1.0)
                for i in range(size):
                    out[row, i] = interpolate(r, s, i)
                row += 1
        if rejected:
            proposal = min(proposal, h)
        h = max(h, proposal) if last and not rejected else proposal
        rejected = False
        elapsed = end
        largest = 0.0
        for i in range(size):
            y[i] = new[i]
            k[0, i] = k[12, i]
            largest = max(largest, abs(y[i]))
        if not largest < bound:
            return ESCAPED, elapsed, h, attempts
        if event >= 0:
            at_once = at_once + 1 if elapsed - last_event <= 1e-13 * (x0 + elapsed) else 0
            last_event = elapsed
            if at_once > _MOST_EVENTS_AT_ONCE:
                return CHATTERING, elapsed, h, attempts
            if not _cross(fields, x0 + elapsed, y, k, modes, kinds, d, event, tally):
                return CHATTERING, elapsed, h, attempts
            f = _active(fields, modes, kinds)
            entered = True
        else:
            for e in range(2 * m):
                gap[e] = later[e]
                closing[e] = later_closing[e]
    return REACHED, elapsed, h, attempts
