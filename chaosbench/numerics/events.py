"""DOP853 from event to event: it stops at every kink, jump and reset, crosses it and continues.

Within a mode the field is smooth, so a step may reach beyond the surface where the mode ends. If it
does, the crossing is located on the dense output, the step is repeated up to the crossing, and
Newton's method removes the remaining error. The method thus keeps its order across the surface. If
the fields on both sides point towards the surface, the state slides along it [filippov1988].

At an event a tangent vector v becomes S v, with the saltation matrix [mueller1995, leine2004]

    S = DR + (f₊ − DR f₋ − ∂R/∂t) ∇gᵀ / (∇g·f₋ + ∂g/∂t),

where g is the switching function, R the reset (the identity if there is none), and f₋ and f₊ are
the field before and after the event. A neighbour arrives at the surface later by
δt = −∇g·v / (∇g·f₋ + ∂g/∂t).

`fields` is an array of addresses of machine code: the field, the surfaces with their derivatives,
then the sliding field of each surface, then the reset of each surface.
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import (
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
from chaosbench.numerics.event_kinds import BINARY, CHATTERING, RESET, WHOLE
from chaosbench.numerics.event_search import (
    active,
    closing_rates,
    first_event,
    gaps,
    rate_of,
    settle,
    suspect,
)

LOCATED = 1e-8
"""An error of at most this fraction of a step becomes rounding by one more Newton step."""

_MOST_EVENTS_AT_ONCE = 50

_jit = jit(fastmath={"contract"})


@_jit
def _log_determinant(matrix):
    """Return log|det| of a square matrix by Gaussian elimination, which overwrites the matrix."""
    size = matrix.shape[0]
    total = 0.0
    for c in range(size):
        best = c
        for i in range(c + 1, size):
            if abs(matrix[i, c]) > abs(matrix[best, c]):
                best = i
        for n in range(size):
            matrix[c, n], matrix[best, n] = matrix[best, n], matrix[c, n]
        if matrix[c, c] == 0.0:
            return -np.inf
        total += math.log(abs(matrix[c, c]))
        for i in range(c + 1, size):
            factor = matrix[i, c] / matrix[c, c]
            for n in range(c, size):
                matrix[i, n] -= factor * matrix[c, n]
    return total


@_jit
def _cross(fields, time, y, k, modes, kinds, d, event, tally):
    """Cross an event at the state `y` with the slope ``k[0]``.

    Changes modes, state, tangent vectors and ``k[0]`` to their values after the event. Adds
    log|det S| and one event to `tally`. Returns whether there is a field to continue with.
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
    normal = rate_of(values, at, d, k, 0)
    image = np.zeros(d * (d + 2))  # of the reset: the state, DR row by row, ∂R/∂t
    for i in range(d):
        image[d + i * d + i] = 1.0
    released = kinds[j] == BINARY and modes[j] == 0.0
    if released:
        modes[j] = -1.0 if event % 2 == 0 else 1.0
        square = 0.0
        for i in range(d):
            square += values[at + 1 + i] ** 2
        for i in range(d):  # undo the drift off the surface by rounding
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
            address = active(fields, modes, kinds)
            call_kernel(address, time, point, 0, side, 0)
            if not rate_of(values, at, d, side, 0) * normal > 0.0:
                modes[j] = 0.0
                tally[2] += 1.0
    settle(fields, time, y, modes, kinds, d, j)
    address = active(fields, modes, kinds)
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
            for n in range(d):
                jump -= image[d + i * d + n] * k[0, n]
            for n in range(d):
                matrix[i, n] = image[d + i * d + n] + jump * values[at + 1 + n] / normal
        count = size // d - 1
        column = np.empty(d)
        for c in range(count):
            for i in range(d):
                column[i] = 0.0
                for n in range(d):
                    column[i] += matrix[i, n] * y[d + n * count + c]
            for i in range(d):
                y[d + i * count + c] = column[i]
                point[d + i * count + c] = column[i]
        if kinds[j] == RESET:
            tally[0] += _log_determinant(matrix)
        else:  # the matrix is the identity plus a product of two vectors
            tally[0] += math.log(abs(after / normal)) if modes[j] != 0.0 else -np.inf
    call_kernel(address, time, point, 0, k, 0)
    return True


@_jit
def integrate_events(
    fields, kinds, x0, y, modes, d, span, h, out, dt, rtol, atol, bound, max_steps, tally
):
    """Integrate `y` in place over `span` as `dop853.integrate` does, from event to event.

    Args:
        fields: addresses of the machine code; see the module's docstring.
        kinds: kind of each of the `m` surfaces; see `event_kinds`.
        x0, span, h, out, dt, rtol, atol, bound, max_steps: as for `dop853.integrate`.
        y: state ``(d,)`` and tangent vectors ``(d, count)``; changed in place.
        modes: ``(m,)``, changed in place; a mode that is NaN is found from the state.
        d: number of state variables.
        tally: ``(3,)``; log|det S| and the numbers of events and of slides are added to it.

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
    settle(fields, x0, y, modes, kinds, d, m)
    f = active(fields, modes, kinds)
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
    entered = True  # a mode has just been entered, so the gaps at its start are needed
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
            gaps(fields, x0 + elapsed, point, modes, kinds, d, values, side, gap)
            closing_rates(values, modes, kinds, d, k, 0, closing)
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
        gaps(fields, start + trial, point, modes, kinds, d, values, side, later)
        closing_rates(values, modes, kinds, d, k, 12, later_closing)
        event = -1
        if suspect(gap, closing, later, later_closing, trial):
            dense(f, start, y, trial, k, w, new, r)
            event, fraction = first_event(
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
                    gaps(fields, start + trial, point, modes, kinds, d, values, side, later)
                    closing_rates(values, modes, kinds, d, k, 12, later_closing)
                    change = -later[event] / later_closing[event]
                    # no Newton step where the orbit grazes the surface or where a slide ends
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
            at_once = at_once + 1 if elapsed - last_event <= 1e-13 * abs(x0 + elapsed) else 0
            last_event = elapsed
            if at_once > _MOST_EVENTS_AT_ONCE:
                return CHATTERING, elapsed, h, attempts
            if not _cross(fields, x0 + elapsed, y, k, modes, kinds, d, event, tally):
                return CHATTERING, elapsed, h, attempts
            f = active(fields, modes, kinds)
            entered = True
        else:
            for e in range(2 * m):
                gap[e] = later[e]
                closing[e] = later_closing[e]
    return REACHED, elapsed, h, attempts
