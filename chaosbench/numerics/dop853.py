"""DOP853 through a kernel's address: one step, dense output, integration over a time grid.

The method has order 8, a combined error estimate of orders 5 and 3, and a dense output of order 7
[hairer1993]. It is compiled once for all systems; a system enters as the address of its kernel. A
delay system's delayed values are known before the step, because no step exceeds the shortest
delay. They follow the state in the rows of `w`.
"""

from __future__ import annotations

import math  # numba compiles it faster than NumPy's ufuncs, which shortens a cold start

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics import _dop853_tableau as t
from chaosbench.numerics._kernel import call_kernel

# How an integration ended: at its end time, out of bounds, step too small, step budget spent.
REACHED, ESCAPED, UNDERFLOW, EXHAUSTED = 0, 1, 2, 3

STAGES = 16
"""Number of stages, including the three for the dense output."""

TANGENT_TOLERANCE = 1e-9
"""Tightest relative tolerance to which tangent vectors are held; see `step`."""

_SAFETY, _SHRINK, _GROW = 0.9, 0.333, 6.0

_jit = jit(fastmath={"contract"})


@_jit
def nodes():
    """Return the times of the stages as fractions of the step."""
    return np.array([
        0.0, t.C_2, t.C_3, t.C_4, t.C_5, t.C_6, t.C_7, t.C_8, t.C_9, t.C_10, t.C_11, t.C_12,
        t.C_13, t.C_14, t.C_15, t.C_16,
    ])  # fmt: skip


@_jit
def step(f, x, y, h, k, w, new, rtol, atol, controlled):
    """Try one step from `y` at time `x`; `k[0]` holds the slope there.

    Row s of `w` ``(stages, d + m)`` is the kernel's input at stage s: the state, filled in here,
    and `m` delayed values, filled in by the caller.

    Fills `new` and the stages ``k[1..12]``. Returns the scaled error; a step with an error of at
    most 1 is acceptable. A non-finite stage makes the error non-finite; the caller must reject it.
    Components beyond the first `controlled` are tangent vectors. They are held to no tolerance
    tighter than `TANGENT_TOLERANCE`, because no step size would satisfy a tighter one where a kink
    makes the Jacobian jump.
    """
    d = y.size
    width = w.shape[1]
    for i in range(d):
        w[1, i] = y[i] + h * (t.A_2_1 * k[0, i])
    call_kernel(f, x + t.C_2 * h, w, 1 * width, k, 1 * d)
    for i in range(d):
        w[2, i] = y[i] + h * (t.A_3_1 * k[0, i] + t.A_3_2 * k[1, i])
    call_kernel(f, x + t.C_3 * h, w, 2 * width, k, 2 * d)
    for i in range(d):
        w[3, i] = y[i] + h * (t.A_4_1 * k[0, i] + t.A_4_3 * k[2, i])
    call_kernel(f, x + t.C_4 * h, w, 3 * width, k, 3 * d)
    for i in range(d):
        w[4, i] = y[i] + h * (t.A_5_1 * k[0, i] + t.A_5_3 * k[2, i] + t.A_5_4 * k[3, i])
    call_kernel(f, x + t.C_5 * h, w, 4 * width, k, 4 * d)
    for i in range(d):
        w[5, i] = y[i] + h * (t.A_6_1 * k[0, i] + t.A_6_4 * k[3, i] + t.A_6_5 * k[4, i])
    call_kernel(f, x + t.C_6 * h, w, 5 * width, k, 5 * d)
    for i in range(d):
        w[6, i] = y[i] + h * (
            t.A_7_1 * k[0, i] + t.A_7_4 * k[3, i] + t.A_7_5 * k[4, i] + t.A_7_6 * k[5, i]
        )
    call_kernel(f, x + t.C_7 * h, w, 6 * width, k, 6 * d)
    for i in range(d):
        w[7, i] = y[i] + h * (
            t.A_8_1 * k[0, i]
            + t.A_8_4 * k[3, i]
            + t.A_8_5 * k[4, i]
            + t.A_8_6 * k[5, i]
            + t.A_8_7 * k[6, i]
        )
    call_kernel(f, x + t.C_8 * h, w, 7 * width, k, 7 * d)
    for i in range(d):
        w[8, i] = y[i] + h * (
            t.A_9_1 * k[0, i]
            + t.A_9_4 * k[3, i]
            + t.A_9_5 * k[4, i]
            + t.A_9_6 * k[5, i]
            + t.A_9_7 * k[6, i]
            + t.A_9_8 * k[7, i]
        )
    call_kernel(f, x + t.C_9 * h, w, 8 * width, k, 8 * d)
    for i in range(d):
        w[9, i] = y[i] + h * (
            t.A_10_1 * k[0, i]
            + t.A_10_4 * k[3, i]
            + t.A_10_5 * k[4, i]
            + t.A_10_6 * k[5, i]
            + t.A_10_7 * k[6, i]
            + t.A_10_8 * k[7, i]
            + t.A_10_9 * k[8, i]
        )
    call_kernel(f, x + t.C_10 * h, w, 9 * width, k, 9 * d)
    for i in range(d):
        w[10, i] = y[i] + h * (
            t.A_11_1 * k[0, i]
            + t.A_11_4 * k[3, i]
            + t.A_11_5 * k[4, i]
            + t.A_11_6 * k[5, i]
            + t.A_11_7 * k[6, i]
            + t.A_11_8 * k[7, i]
            + t.A_11_9 * k[8, i]
            + t.A_11_10 * k[9, i]
        )
    call_kernel(f, x + t.C_11 * h, w, 10 * width, k, 10 * d)
    for i in range(d):
        w[11, i] = y[i] + h * (
            t.A_12_1 * k[0, i]
            + t.A_12_4 * k[3, i]
            + t.A_12_5 * k[4, i]
            + t.A_12_6 * k[5, i]
            + t.A_12_7 * k[6, i]
            + t.A_12_8 * k[7, i]
            + t.A_12_9 * k[8, i]
            + t.A_12_10 * k[9, i]
            + t.A_12_11 * k[10, i]
        )
    call_kernel(f, x + t.C_12 * h, w, 11 * width, k, 11 * d)
    for i in range(d):
        new[i] = y[i] + h * (
            t.B_1 * k[0, i]
            + t.B_6 * k[5, i]
            + t.B_7 * k[6, i]
            + t.B_8 * k[7, i]
            + t.B_9 * k[8, i]
            + t.B_10 * k[9, i]
            + t.B_11 * k[10, i]
            + t.B_12 * k[11, i]
        )
        w[12, i] = new[i]
    call_kernel(f, x + h, w, 12 * width, k, 12 * d)
    fifth = 0.0
    third = 0.0
    for i in range(d):
        tolerance = 1.0 if i < controlled else max(1.0, TANGENT_TOLERANCE / rtol)
        scale = 1.0 / (tolerance * (atol + rtol * max(abs(y[i]), abs(new[i]))))
        e5 = scale * (
            t.E5_1 * k[0, i]
            + t.E5_6 * k[5, i]
            + t.E5_7 * k[6, i]
            + t.E5_8 * k[7, i]
            + t.E5_9 * k[8, i]
            + t.E5_10 * k[9, i]
            + t.E5_11 * k[10, i]
            + t.E5_12 * k[11, i]
        )
        e3 = scale * (
            t.E3_1 * k[0, i]
            + t.E3_6 * k[5, i]
            + t.E3_7 * k[6, i]
            + t.E3_8 * k[7, i]
            + t.E3_9 * k[8, i]
            + t.E3_10 * k[9, i]
            + t.E3_11 * k[10, i]
            + t.E3_12 * k[11, i]
        )
        fifth += e5 * e5
        third += e3 * e3
        third += 0.0 * k[12, i]  # the slope at the new point must be finite too
    if fifth == 0.0 and third == 0.0:
        return 0.0
    return abs(h) * fifth / math.sqrt((fifth + 0.01 * third) * d)


@_jit
def dense(f, x, y, h, k, w, new, r):
    """Fill `r` ``(8, d)`` with the dense output of an accepted step, using three more stages."""
    d = y.size
    width = w.shape[1]
    for i in range(d):
        w[13, i] = y[i] + h * (
            t.A_14_1 * k[0, i]
            + t.A_14_7 * k[6, i]
            + t.A_14_8 * k[7, i]
            + t.A_14_9 * k[8, i]
            + t.A_14_10 * k[9, i]
            + t.A_14_11 * k[10, i]
            + t.A_14_12 * k[11, i]
            + t.A_14_13 * k[12, i]
        )
    call_kernel(f, x + t.C_14 * h, w, 13 * width, k, 13 * d)
    for i in range(d):
        w[14, i] = y[i] + h * (
            t.A_15_1 * k[0, i]
            + t.A_15_6 * k[5, i]
            + t.A_15_7 * k[6, i]
            + t.A_15_8 * k[7, i]
            + t.A_15_11 * k[10, i]
            + t.A_15_12 * k[11, i]
            + t.A_15_13 * k[12, i]
            + t.A_15_14 * k[13, i]
        )
    call_kernel(f, x + t.C_15 * h, w, 14 * width, k, 14 * d)
    for i in range(d):
        w[15, i] = y[i] + h * (
            t.A_16_1 * k[0, i]
            + t.A_16_6 * k[5, i]
            + t.A_16_7 * k[6, i]
            + t.A_16_8 * k[7, i]
            + t.A_16_9 * k[8, i]
            + t.A_16_13 * k[12, i]
            + t.A_16_14 * k[13, i]
            + t.A_16_15 * k[14, i]
        )
    call_kernel(f, x + t.C_16 * h, w, 15 * width, k, 15 * d)
    for i in range(d):
        change = new[i] - y[i]
        r[0, i] = y[i]
        r[1, i] = change
        r[2, i] = h * k[0, i] - change
        r[3, i] = 2.0 * change - h * (k[0, i] + k[12, i])
        r[4, i] = h * (
            t.D_1_1 * k[0, i]
            + t.D_1_6 * k[5, i]
            + t.D_1_7 * k[6, i]
            + t.D_1_8 * k[7, i]
            + t.D_1_9 * k[8, i]
            + t.D_1_10 * k[9, i]
            + t.D_1_11 * k[10, i]
            + t.D_1_12 * k[11, i]
            + t.D_1_13 * k[12, i]
            + t.D_1_14 * k[13, i]
            + t.D_1_15 * k[14, i]
            + t.D_1_16 * k[15, i]
        )
        r[5, i] = h * (
            t.D_2_1 * k[0, i]
            + t.D_2_6 * k[5, i]
            + t.D_2_7 * k[6, i]
            + t.D_2_8 * k[7, i]
            + t.D_2_9 * k[8, i]
            + t.D_2_10 * k[9, i]
            + t.D_2_11 * k[10, i]
            + t.D_2_12 * k[11, i]
            + t.D_2_13 * k[12, i]
            + t.D_2_14 * k[13, i]
            + t.D_2_15 * k[14, i]
            + t.D_2_16 * k[15, i]
        )
        r[6, i] = h * (
            t.D_3_1 * k[0, i]
            + t.D_3_6 * k[5, i]
            + t.D_3_7 * k[6, i]
            + t.D_3_8 * k[7, i]
            + t.D_3_9 * k[8, i]
            + t.D_3_10 * k[9, i]
            + t.D_3_11 * k[10, i]
            + t.D_3_12 * k[11, i]
            + t.D_3_13 * k[12, i]
            + t.D_3_14 * k[13, i]
            + t.D_3_15 * k[14, i]
            + t.D_3_16 * k[15, i]
        )
        r[7, i] = h * (
            t.D_4_1 * k[0, i]
            + t.D_4_6 * k[5, i]
            + t.D_4_7 * k[6, i]
            + t.D_4_8 * k[7, i]
            + t.D_4_9 * k[8, i]
            + t.D_4_10 * k[9, i]
            + t.D_4_11 * k[10, i]
            + t.D_4_12 * k[11, i]
            + t.D_4_13 * k[12, i]
            + t.D_4_14 * k[13, i]
            + t.D_4_15 * k[14, i]
            + t.D_4_16 * k[15, i]
        )


@_jit
def interpolate(r, s, i):
    """Evaluate variable `i` of a dense output at the fraction `s` of its step."""
    u = 1.0 - s
    inner = r[5, i] + u * (r[6, i] + s * r[7, i])
    return r[0, i] + s * (r[1, i] + u * (r[2, i] + s * (r[3, i] + u * (r[4, i] + s * inner))))


@_jit
def initial_step(y, k, rtol, atol):
    """Guess a first step: a hundredth of the time in which the slope ``k[0]`` doubles the state.

    The step control corrects a bad guess within a few steps. A guess that also used the curvature
    would save one of them but add its compilation to every cold start.
    """
    size = 0.0
    slope = 0.0
    for i in range(y.size):
        scale = atol + rtol * abs(y[i])
        size += (y[i] / scale) ** 2
        slope += (k[0, i] / scale) ** 2
    if not (size > 1e-10 and slope > 1e-10):
        return 1e-6
    return 0.01 * np.sqrt(size / slope)


@_jit
def next_step(h, error):
    """Return the standard step-size update for a scaled error of order 8."""
    if not math.isfinite(error):
        return 0.1 * h
    factor = _SAFETY / max(error, 1e-12) ** 0.125
    return h * min(_GROW, max(_SHRINK, factor))


@_jit
def integrate(f, x0, y, span, h, out, dt, rtol, atol, bound, max_steps, controlled):
    """Integrate `y` in place from time `x0` over `span`, sampling every `dt` into `out`.

    Args:
        f: address of the kernel.
        x0: absolute start time; the kernel uses it, the step control does not.
        y: state ``(d,)``; on return the state at the end (or where the integration stopped).
        span: length in time units; positive.
        h: first step to try; 0 asks for a guess.
        out: ``(T, d)``; row n is the state at ``x0 + n dt``. May have no rows.
        dt: sampling step of `out`.
        rtol, atol: tolerances on the local error.
        bound: a state with a component beyond it in magnitude has escaped.
        max_steps: budget of step attempts.
        controlled: number of components before the tangent vectors; see `step`.

    Returns:
        status, elapsed time, the step size to continue with, attempted steps.

    """
    d = y.size
    k = np.empty((STAGES, d))
    w = np.empty((STAGES, d))
    new = np.empty(d)
    r = np.empty((8, d))
    rows = out.shape[0]
    row = 0
    # element by element: numba needs two seconds to compile one array assignment, because its
    # error message formats the shapes
    if rows > 0:
        for i in range(d):
            out[0, i] = y[i]
        row = 1
    call_kernel(f, x0, y, 0, k, 0)
    for i in range(d):
        if not math.isfinite(k[0, i]):  # no step size helps, and none can be guessed
            return ESCAPED, 0.0, h, 0
    if h <= 0.0:
        h = initial_step(y, k, rtol, atol)
    elapsed = 0.0
    attempts = 0
    rejected = False
    while elapsed < span:
        if attempts >= max_steps:
            return EXHAUSTED, elapsed, h, attempts
        attempts += 1
        remaining = span - elapsed
        last = h >= remaining * (1.0 - 1e-12)
        trial = remaining if last else h
        error = step(f, x0 + elapsed, y, trial, k, w, new, rtol, atol, controlled)
        if not error <= 1.0:
            h = next_step(trial, error)
            rejected = True
            # relative to the time of this call, not to absolute time: a step across a kink or a
            # jump may be as short as the tolerance, however long the orbit has already run
            if h < 1e-15 * max(elapsed, 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, h, attempts
            continue
        if row < rows and row * dt <= (span if last else elapsed + trial):
            dense(f, x0 + elapsed, y, trial, k, w, new, r)
            while row < rows and row * dt <= (span if last else elapsed + trial):
                s = min((row * dt - elapsed) / trial, 1.0)
                for i in range(d):
                    out[row, i] = interpolate(r, s, i)
                row += 1
        proposal = next_step(trial, error)
        if rejected:
            proposal = min(proposal, trial)
        # a shortened last step says little about the next step, unless it was rejected
        h = max(h, proposal) if last and not rejected else proposal
        rejected = False
        elapsed = span if last else elapsed + trial
        largest = 0.0
        for i in range(d):
            y[i] = new[i]
            k[0, i] = k[12, i]
            largest = max(largest, abs(y[i]))
        if not largest < bound:
            return ESCAPED, elapsed, h, attempts
    return REACHED, elapsed, h, attempts
