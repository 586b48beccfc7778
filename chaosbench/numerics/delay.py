"""Delay differential equations by the method of steps, on the stages of DOP853.

The past is stored as the dense output of every step, which has order 7, so a delayed value is as
accurate as the integration itself. Before the start, the past consists of polynomials that the
caller provides. No step exceeds the shortest delay, so every delayed value is known before the
step. Steps end on the breakpoints: the times at which the kink at the start returns, one derivative
weaker after each delay.
"""

from __future__ import annotations

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
    nodes,
    step,
)

_jit = jit(fastmath={"contract"})

SMOOTH_AFTER = 9
"""Number of delays after which the kink at the start no longer affects the method's order."""


@_jit
def constant_history(y, span):
    """Return a past of one polynomial piece with the constant value `y` over ``[-span, 0]``."""
    starts = np.full(1, -span)
    widths = np.full(1, span)
    pieces = np.zeros((1, 8, y.size))
    pieces[0, 0] = y
    return starts, widths, pieces


@_jit
def hermite_history(times, values, slopes):
    """Return cubic pieces through `values` and `slopes` ``(T, d)`` at `times` ``(T,)``."""
    count = times.size - 1
    starts = times[:-1].copy()
    widths = np.diff(times)
    pieces = np.zeros((count, 8, values.shape[1]))
    for n in range(count):
        for i in range(values.shape[1]):
            change = values[n + 1, i] - values[n, i]
            pieces[n, 0, i] = values[n, i]
            pieces[n, 1, i] = change
            pieces[n, 2, i] = widths[n] * slopes[n, i] - change
            pieces[n, 3, i] = 2.0 * change - widths[n] * (slopes[n, i] + slopes[n + 1, i])
    return starts, widths, pieces


@_jit
def look_up(starts, widths, pieces, first, last, time, i):
    """Return variable `i` of the past at `time`, searching the pieces ``first..last``."""
    low, high = first, last
    while low < high:
        middle = (low + high + 1) // 2
        if starts[middle] <= time:
            low = middle
        else:
            high = middle - 1
    return interpolate(pieces[low], (time - starts[low]) / widths[low], i)


@_jit
def breakpoints(lags):
    """List the times at which a kink at time 0 returns, up to the order of the method."""
    times = np.zeros(1)
    found = np.zeros(0)
    for _ in range(SMOOTH_AFTER):
        fresh = np.empty(times.size * lags.size)
        for a in range(times.size):
            for b in range(lags.size):
                fresh[a * lags.size + b] = times[a] + lags[b]
        times = np.unique(fresh)
        found = np.concatenate((found, times))
        if found.size > 512:
            break
    return np.unique(found)


@_jit
def integrate_delay(
    f, x0, y, past, lags, sources, kink, span, h, out, dt, rtol, atol, bound, max_steps,
):  # fmt: skip
    """Integrate `y` in place from time `x0` over `span`, sampling every `dt` into `out`.

    Args:
        f: kernel whose `y` holds the state ``(d,)`` and then the delayed values ``(m,)``.
        x0: start time; `past` is in the same time.
        y: state ``(d,)``.
        past: (starts, widths, pieces), which cover the longest lag before `x0`.
        lags, sources: lag and state variable of each delayed value, ``(m,)`` each.
        kink: time of the kink on whose echoes steps must end (``-inf`` for none).
        span, h, out, dt, rtol, atol, bound, max_steps: as in `dop853.integrate`.

    Returns:
        status, elapsed time, step size, attempts, and the past at the end.

    """
    d = y.size
    m = lags.size
    longest = lags.max()
    shortest = lags.min()
    starts, widths, pieces = past
    count = starts.size
    k = np.empty((STAGES, d))
    w = np.empty((STAGES, d + m))
    new = np.empty(d)
    fractions = nodes()
    echoes = breakpoints(lags) + kink
    rows = out.shape[0]
    row = 0
    if rows > 0:
        out[0] = y
        row = 1
    w[0, :d] = y
    for j in range(m):
        w[0, d + j] = look_up(starts, widths, pieces, 0, count - 1, x0 - lags[j], sources[j])
    call_kernel(f, x0, w, 0, k, 0)
    if not np.isfinite(k[0]).all():  # no step size helps, and none can be guessed
        return ESCAPED, 0.0, h, 0, (starts, widths, pieces)
    if h <= 0.0:
        h = min(initial_step(y, k, rtol, atol), shortest)
    elapsed = 0.0
    attempts = 0
    rejected = False
    while elapsed < span:
        if attempts >= max_steps:
            return EXHAUSTED, elapsed, h, attempts, (starts, widths, pieces)
        attempts += 1
        x = x0 + elapsed
        remaining = span - elapsed
        trial = min(h, shortest)
        cut = False
        for echo in echoes:
            if x + 1e-12 * shortest < echo < x + trial * (1.0 + 1e-9):
                trial = echo - x
                cut = True
                break
        last = trial >= remaining * (1.0 - 1e-12)
        if last:
            trial = remaining
        for j in range(m):
            for s in range(STAGES):
                w[s, d + j] = look_up(
                    starts, widths, pieces, 0, count - 1,
                    x + fractions[s] * trial - lags[j], sources[j],
                )  # fmt: skip
        error = step(f, x, y, trial, k, w, new, rtol, atol, d)
        if not error <= 1.0:
            h = next_step(trial, error)
            rejected = True
            if h < 1e-14 * max(abs(x), 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, h, attempts, (starts, widths, pieces)
            continue
        if count == starts.size:  # drop the pieces that no lag reaches any more, then make room
            keep = 0
            while keep < count - 1 and starts[keep] + widths[keep] < x - longest:
                keep += 1
            live = count - keep
            size = max(64, 2 * live)
            more_starts = np.empty(size)
            more_widths = np.empty(size)
            more_pieces = np.empty((size, 8, d))
            more_starts[:live] = starts[keep:count]
            more_widths[:live] = widths[keep:count]
            more_pieces[:live] = pieces[keep:count]
            starts, widths, pieces, count = more_starts, more_widths, more_pieces, live
        dense(f, x, y, trial, k, w, new, pieces[count])
        starts[count] = x
        widths[count] = trial
        count += 1
        after = span if last else elapsed + trial
        while row < rows and row * dt <= after * (1.0 + 1e-15):
            s = min((row * dt - elapsed) / trial, 1.0)
            for i in range(d):
                out[row, i] = interpolate(pieces[count - 1], s, i)
            row += 1
        proposal = next_step(trial, error)
        if rejected:
            proposal = min(proposal, trial)
        h = max(h, proposal) if (last or cut) and not rejected else proposal
        rejected = False
        elapsed = after
        largest = 0.0
        for i in range(d):
            y[i] = new[i]
            k[0, i] = k[12, i]
            largest = max(largest, abs(y[i]))
        if not largest < bound:
            return ESCAPED, elapsed, h, attempts, (starts[:count], widths[:count], pieces[:count])
    return REACHED, elapsed, h, attempts, (
        starts[:count].copy(), widths[:count].copy(), pieces[:count].copy(),
    )  # fmt: skip


@_jit
def orthonormalise_history(y, past, since, d, count, logs):
    """Orthonormalise tangent histories in place; the norm covers the time after `since`.

    The inner product of two tangent solutions is the product of their present values plus the mean
    of their product over the past, by three-point Gauss quadrature on every piece. The polynomials
    of the past are transformed in the same way, which is valid because the equation is linear.
    """
    starts, widths, pieces = past
    nodes3 = np.array([0.5 - np.sqrt(0.15), 0.5, 0.5 + np.sqrt(0.15)])
    weights3 = np.array([5.0, 8.0, 5.0]) / 18.0
    first = 0
    while first < starts.size - 1 and starts[first] + widths[first] <= since:
        first += 1
    pieces_used = starts.size - first
    samples = np.empty((pieces_used * 3 + 1, d, count))
    mass = np.empty(pieces_used * 3 + 1)
    total = widths[first:].sum()
    for n in range(pieces_used):
        for q in range(3):
            mass[3 * n + q] = weights3[q] * widths[first + n] / total
            for i in range(d):
                for c in range(count):
                    samples[3 * n + q, i, c] = interpolate(
                        pieces[first + n], nodes3[q], d + i * count + c
                    )
    mass[-1] = 1.0
    for i in range(d):
        for c in range(count):
            samples[-1, i, c] = y[d + i * count + c]
    for c in range(count):
        logs[c] = 0.0
        for _ in range(2):
            for b in range(c):
                dot = 0.0
                for n in range(mass.size):
                    for i in range(d):
                        dot += mass[n] * samples[n, i, b] * samples[n, i, c]
                samples[:, :, c] -= dot * samples[:, :, b]
                for i in range(d):
                    pieces[:, :, d + i * count + c] -= dot * pieces[:, :, d + i * count + b]
                    y[d + i * count + c] -= dot * y[d + i * count + b]
            norm = 0.0
            for n in range(mass.size):
                for i in range(d):
                    norm += mass[n] * samples[n, i, c] ** 2
            norm = np.sqrt(norm)
            logs[c] += np.log(norm)
            samples[:, :, c] /= norm
            for i in range(d):
                pieces[:, :, d + i * count + c] /= norm
                y[d + i * count + c] /= norm
