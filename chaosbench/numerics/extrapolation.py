"""Extrapolation of the modified midpoint rule [gragg1965, bulirsch1966]: an independent check.

One long step is crossed six times, with 2, 4, …, 12 midpoint steps. The errors have an expansion
in even powers of the step, and the extrapolated limit has order 12. The method shares only the
kernel with DOP853, not the tableau, the error estimate or the dense output (steps end on the
samples). It is therefore an independent witness where Taylor's method gives up, at a 0/0 that an
integration in double precision steps over. It is for smooth equations only: across a kink the error
estimate may be small by chance.
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

_jit = jit(fastmath={"contract"})

COLUMNS = 6
_ORDER = 2 * COLUMNS - 1  # order of the error estimate, as a power of the step
_SAFETY, _SHRINK, _GROW = 0.9, 0.1, 4.0


@_jit
def step(f, x, y, h, slope, table, a, b, k, rtol, atol):
    """Take one step of length `h` from `y` ``(d,)`` at time `x`; ``slope[0]`` is the slope there.

    The last row of `table` ``(COLUMNS, d)`` receives the solution. `a`, `b` and `k`, ``(1, d)``
    each, are work space. Returns the scaled error; a step with an error of at most 1 is acceptable.
    """
    d = y.size
    error = 0.0
    for row in range(COLUMNS):
        count = 2 * (row + 1)
        part = h / count
        for i in range(d):
            a[0, i] = y[i]
            b[0, i] = y[i] + part * slope[0, i]
        for s in range(1, count):
            call_kernel(f, x + s * part, b, 0, k, 0)
            for i in range(d):
                ahead = a[0, i] + 2.0 * part * k[0, i]
                a[0, i] = b[0, i]
                b[0, i] = ahead
        call_kernel(f, x + h, b, 0, k, 0)
        for i in range(d):  # Gragg's smoothing, then one row of the Aitken–Neville scheme
            value = 0.5 * (a[0, i] + b[0, i] + part * k[0, i])
            for column in range(row):
                ratio = (row + 1.0) / (row - column)
                finer = value + (value - table[column, i]) / (ratio * ratio - 1.0)
                table[column, i] = value
                value = finer
            table[row, i] = value
    for i in range(d):
        value = table[COLUMNS - 1, i]
        scale = atol + rtol * max(abs(y[i]), abs(value))
        error += ((value - table[COLUMNS - 2, i]) / scale) ** 2
    return math.sqrt(error / d)


@_jit
def integrate(f, x0, y, span, h, out, dt, rtol, atol, bound, max_steps):
    """Integrate `y` in place from time `x0` over `span`; arguments as in `dop853.integrate`.

    Returns:
        status, elapsed time, the step size to continue with, attempted steps.

    """
    d = y.size
    slope, a, b, k = np.empty((1, d)), np.empty((1, d)), np.empty((1, d)), np.empty((1, d))
    table = np.empty((COLUMNS, d))
    rows = out.shape[0]
    row = 0
    if rows > 0:
        for i in range(d):
            out[0, i] = y[i]
        row = 1
    if h <= 0.0:
        h = 1e-3 * min(span, dt)
    elapsed = 0.0
    attempts = 0
    call_kernel(f, x0, y, 0, slope, 0)
    while elapsed < span:
        if attempts >= max_steps:
            return EXHAUSTED, elapsed, h, attempts
        attempts += 1
        target = min(row * dt, span) if row < rows else span
        last = h >= (target - elapsed) * (1.0 - 1e-12)
        trial = target - elapsed if last else h
        error = step(f, x0 + elapsed, y, trial, slope, table, a, b, k, rtol, atol)
        factor = _SHRINK
        if math.isfinite(error):
            factor = _SAFETY / max(error, 1e-12) ** (1.0 / _ORDER)
            factor = min(_GROW, max(_SHRINK, factor))
        if not error <= 1.0:
            h = trial * min(factor, 0.9)
            if h < 1e-15 * max(elapsed, 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, h, attempts
            continue
        h = max(h, trial * factor) if last else trial * factor
        elapsed = target if last else elapsed + trial
        largest = 0.0
        for i in range(d):
            y[i] = table[COLUMNS - 1, i]
            largest = max(largest, abs(y[i]))
        if not largest < bound:
            return ESCAPED, elapsed, h, attempts
        call_kernel(f, x0 + elapsed, y, 0, slope, 0)
        if last and row < rows:
            for i in range(d):
                out[row, i] = y[i]
            row += 1
    return REACHED, elapsed, h, attempts
