"""Delay equations by collocation at Gauss points: an independent check of the method of steps.

On each step the solution is the polynomial of degree 12 that satisfies the equation at the twelve
Gauss–Legendre points of the step [hairer1993]. It has order 24 at the ends of the steps and order
12 in between, where delayed values are looked up. The method shares only the kernel with DOP853,
not the tableau or the dense output. The decay of the Legendre series of the slope controls the
step. The past is stored as values at the points of each step, between which the barycentric
formula interpolates.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.delay import breakpoints, look_up
from chaosbench.numerics.dop853 import ESCAPED, EXHAUSTED, REACHED, UNDERFLOW

STAGES = 12
_MOST_SWEEPS = 50

_jit = jit(fastmath={"contract"})


@functools.cache
def tableau() -> tuple[Any, ...]:
    """Return nodes, coefficients, weights, two Legendre projections and barycentric weights.

    The nodes ``(S + 1,)`` begin with 0. The coefficients `a` are ``(S, S)`` and the weights `b`
    ``(S,)``. The projections ``(2, S)`` are those on the two highest Legendre polynomials of degree
    below S. The barycentric weights are ``(S + 1,)``.
    """
    from numpy.polynomial import legendre

    x, w = legendre.leggauss(STAGES)
    b = w / 2.0
    a = np.empty((STAGES, STAGES))
    projections = np.empty((STAGES, STAGES))
    for k in range(STAGES):
        unit = np.eye(STAGES)[k]
        projections[k] = (2 * k + 1) / 2.0 * w * legendre.legval(x, unit)
    for i in range(STAGES):
        integrals = [
            legendre.legval(x[i], legendre.legint(np.eye(STAGES)[k], lbnd=-1.0)) / 2.0
            for k in range(STAGES)
        ]
        a[i] = np.array(integrals) @ projections
    nodes = np.concatenate([[0.0], (x + 1.0) / 2.0])
    apart = nodes[:, np.newaxis] - nodes
    np.fill_diagonal(apart, 1.0)
    return nodes, a, b, projections[-2:].copy(), 1.0 / apart.prod(axis=1)


@_jit
def _interpolate(values, nodes, weights, s, i):
    """Evaluate variable `i` of the polynomial through ``values[:, i]`` at `nodes`."""
    above = below = 0.0
    for p in range(nodes.size):
        off = s - nodes[p]
        if off == 0.0:
            return values[p, i]
        share = weights[p] / off
        above += share * values[p, i]
        below += share
    return above / below


@_jit
def _past(starts, widths, values, count, nodes, weights, time, i):
    """Return variable `i` of the past at `time`."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if starts[middle] <= time:
            low = middle
        else:
            high = middle - 1
    return _interpolate(values[low], nodes, weights, (time - starts[low]) / widths[low], i)


@_jit
def from_dense(past, nodes):
    """Convert a past from DOP853's dense output to values at the nodes of each piece."""
    starts, widths, pieces = past
    values = np.empty((starts.size, nodes.size, pieces.shape[2]))
    for n in range(starts.size):
        for p in range(nodes.size):
            for i in range(pieces.shape[2]):
                time = starts[n] + nodes[p] * widths[n]
                values[n, p, i] = look_up(starts, widths, pieces, n, n, time, i)
    return starts.copy(), widths.copy(), values


@_jit
def integrate(
    f, x0, y, past, nodes, a, b, tops, weights, lags, sources, kink, span, h, out, dt, tolerance,
    bound, max_steps,
):  # fmt: skip
    """Integrate `y` in place from time `x0` over `span`, sampling every `dt` into `out`.

    Args:
        f, x0, y, lags, sources, kink, span, out, dt, bound, max_steps: as in `integrate_delay`.
        past: (starts, widths, values ``(count, S + 1, d)``).
        nodes, a, b, tops, weights: as returned by `tableau`.
        h: first step to try; 0 asks for an eighth of the shortest lag.
        tolerance: on the contribution of the slope's two highest Legendre terms to a step.

    Returns:
        status, elapsed time, step size, attempts, and the past at the end.

    """
    d, m, stages = y.size, lags.size, b.size
    longest, shortest = lags.max(), lags.min()
    starts, widths, values = past
    count = starts.size
    u = np.empty((stages + 1, d + m))
    k = np.empty((stages, d))
    echoes = breakpoints(lags) + kink
    rows = out.shape[0]
    row = 0
    if rows > 0:
        for i in range(d):
            out[0, i] = y[i]
        row = 1
    if h <= 0.0:
        h = 0.125 * shortest
    elapsed = 0.0
    attempts = 0
    while elapsed < span:
        if attempts >= max_steps:
            return EXHAUSTED, elapsed, h, attempts, (starts, widths, values)
        attempts += 1
        x = x0 + elapsed
        trial = min(h, shortest)
        for echo in echoes:
            if x + 1e-12 * shortest < echo < x + trial * (1.0 + 1e-9):
                trial = echo - x
                break
        last = trial >= (span - elapsed) * (1.0 - 1e-12)
        if last:
            trial = span - elapsed
        for s in range(stages + 1):
            for i in range(d):
                u[s, i] = y[i]
            for j in range(m):
                u[s, d + j] = _past(
                    starts, widths, values, count, nodes, weights,
                    x + nodes[s] * trial - lags[j], sources[j],
                )  # fmt: skip
        settled = False
        before = np.inf
        for _ in range(_MOST_SWEEPS):  # solve the equations of a step by Picard iteration
            for s in range(stages):
                call_kernel(f, x + nodes[s + 1] * trial, u, (s + 1) * (d + m), k, s * d)
            change = 0.0
            for s in range(stages):
                for i in range(d):
                    value = y[i]
                    for r in range(stages):
                        value += trial * a[s, r] * k[r, i]
                    change = max(change, abs(value - u[s + 1, i]) / (1.0 + abs(value)))
                    u[s + 1, i] = value
            if not change < np.inf:
                break
            if change <= 1e-15 or (change <= 1e-13 and change >= before):
                settled = True
                break
            before = change
        error = np.inf
        if settled:
            error = 0.0
            for i in range(d):
                for top in range(2):
                    part = 0.0
                    for s in range(stages):
                        part += tops[top, s] * k[s, i]
                    error = max(error, trial * abs(part) / (tolerance * (1.0 + abs(y[i]))))
        factor = 0.9 / max(error, 1e-12) ** (1.0 / stages) if error < np.inf else 0.3
        if not error <= 1.0:
            h = trial * min(max(factor, 0.2), 0.9)
            if h < 1e-14 * max(abs(x), 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, h, attempts, (starts, widths, values)
            continue
        if count == starts.size:  # drop the pieces that no lag reaches any more, then make room
            keep = 0
            while keep < count - 1 and starts[keep] + widths[keep] < x - longest:
                keep += 1
            live = count - keep
            size = max(64, 2 * live)
            more_starts, more_widths = np.empty(size), np.empty(size)
            more_values = np.empty((size, stages + 1, d))
            more_starts[:live] = starts[keep:count]
            more_widths[:live] = widths[keep:count]
            more_values[:live] = values[keep:count]
            starts, widths, values, count = more_starts, more_widths, more_values, live
        starts[count], widths[count] = x, trial
        for s in range(stages + 1):
            for i in range(d):
                values[count, s, i] = u[s, i]
        count += 1
        after = span if last else elapsed + trial
        while row < rows and row * dt <= after * (1.0 + 1e-15):
            s_row = min((row * dt - elapsed) / trial, 1.0)
            for i in range(d):
                out[row, i] = _interpolate(values[count - 1], nodes, weights, s_row, i)
            row += 1
        largest = 0.0
        for i in range(d):
            for s in range(stages):
                y[i] += trial * b[s] * k[s, i]
            largest = max(largest, abs(y[i]))
        h = max(h, trial) if trial < h else trial * min(factor, 2.0)
        elapsed = after
        if not largest < bound:
            return ESCAPED, elapsed, h, attempts, (starts[:count], widths[:count], values[:count])
    return REACHED, elapsed, h, attempts, (
        starts[:count].copy(), widths[:count].copy(), values[:count].copy(),
    )  # fmt: skip
