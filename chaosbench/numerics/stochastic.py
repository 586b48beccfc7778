"""Stochastic differential equations with diagonal noise, in Itô's sense, of strong order 1.5.

The drift is integrated with the three stages of SRA3 [roessler2010], which has order 3 without
noise. The noise enters through the terms of the Itô–Taylor expansion that remain for diagonal noise
[kloeden1992, chapter 10]. Their coefficients are kernels derived exactly from the equation: g,
L¹g = g g', L⁰g and L¹L¹g. Address zero stands for a kernel that is identically zero, so with
additive noise only g is evaluated.
"""

from __future__ import annotations

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._brownian import bridge, open_cell
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import ESCAPED, REACHED

_SNAP = 1e-9
"""Two times closer than this fraction of a cell count as the same time."""

_REFINED = 1 << 40
"""Number of the first split of a cell that is reserved for the finer solution."""

_jit = jit(fastmath={"contract"})


@_jit
def step(f, noise, x, y, h, taken, source, w):
    """Take one step of length `h` from `y` at time `x`, in place.

    Args:
        f: address of the drift's kernel.
        noise: addresses of the kernels of g, L¹g, L⁰g and L¹L¹g, ``(4,)``; 0 for a kernel that is
            identically zero.
        x, y, h: time, state ``(D,)`` (with tangent vectors behind it, if any) and step.
        taken: increment ΔW and integral ∫W of each Brownian motion over the step, ``(d, 2)``.
        source: index of the Brownian motion that moves each component, ``(D,)``.
        w: work space for the stages, ``(8, D)``.

    """
    d = y.size
    g, l1, l0, l11, k1, k2, k3, stage = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for n in range(4):
        if noise[n] != 0:
            call_kernel(noise[n], x, y, 0, w, n * d)
        else:
            for i in range(d):
                w[n, i] = 0.0
    call_kernel(f, x, y, 0, w, 4 * d)
    for i in range(d):
        stage[i] = y[i] + h * k1[i]
    call_kernel(f, x + h, stage, 0, w, 5 * d)
    for i in range(d):
        stage[i] = y[i] + 0.25 * h * (k1[i] + k2[i]) + 1.5 * g[i] * taken[source[i], 1] / h
    call_kernel(f, x + 0.5 * h, stage, 0, w, 6 * d)
    for i in range(d):
        dw, integral = taken[source[i], 0], taken[source[i], 1]
        y[i] += h * (k1[i] + k2[i] + 4.0 * k3[i]) / 6.0 + (
            g[i] * dw
            + l1[i] * 0.5 * (dw * dw - h)
            + l0[i] * (h * dw - integral)
            + l11[i] * dw * (dw * dw / 6.0 - 0.5 * h)
        )


@_jit
def finer_steps(f, noise, key, cell, number, pieces, x, y, h, taken, rest, part, source, w):
    """Take one step as several shorter ones along the same Brownian path.

    Args:
        key: key of the Brownian path.
        cell: number of the cell that contains the step.
        number: number of the step in its cell.
        pieces: number of shorter steps.
        rest, part: work space, ``(d, 2)`` each.
        f, noise, x, y, h, taken, source, w: as in `step`.

    """
    short = h / pieces
    rest[:] = taken
    for p in range(pieces - 1):
        split = _REFINED + number * pieces + p
        bridge(key, cell, split, h - p * short, short, rest, part)
        step(f, noise, x + p * short, y, short, part, source, w)
    step(f, noise, x + h - short, y, short, rest, source, w)


@_jit
def integrate_noise(
    f, noise, key, length, clock, place, ahead, y, span, out, dt, source, bound, pieces
):
    """Integrate `y` in place over `span`, sampling every `dt` into `out`.

    No step is longer than a cell of the Brownian path. Steps end at the end of a cell or on a
    sample.

    Args:
        f, noise, source: as in `step`.
        key: key of the Brownian path, two uint64.
        length: length of a cell in time units.
        clock: absolute time and time left in the present cell, ``(2,)``; changed in place.
        place: number of the cell after the present one, and number of splits of the present one so
            far, ``(2,)`` int64; changed in place.
        ahead: increment and integral over the rest of the present cell, ``(d, 2)``; changed in
            place.
        y: state ``(D,)``.
        span: length in time units; with rows in `out` it must be ``(T - 1) dt``.
        out: ``(T, D)``; row n is the state after ``n dt``.
        dt: sampling step of `out`.
        bound: a state with a component beyond it in magnitude has escaped.
        pieces: number of shorter steps into which each step is divided, along the same path.

    Returns:
        status, elapsed time, steps taken.

    """
    w = np.empty((8, y.size))
    taken, rest, part = np.empty(ahead.shape), np.empty(ahead.shape), np.empty(ahead.shape)
    rows = out.shape[0]
    begin = clock[0]
    steps = 0
    for i in range(y.size):
        if rows > 0:
            out[0, i] = y[i]
    for row in range(1, max(rows, 2)):
        left = dt if rows > 0 else span
        until = clock[0] + left
        while left > 0.0:
            if clock[1] <= _SNAP * length:
                open_cell(key, place[0], length, ahead)
                place[0] += 1
                place[1] = 0
                clock[1] += length
            x = until - left
            if clock[1] - left > _SNAP * length:
                h = left
                place[1] += 1
                bridge(key, place[0] - 1, place[1], clock[1], h, ahead, taken)
                clock[1] -= h
                left = 0.0
                number = 2 * place[1]
            else:
                number = 2 * place[1] + 1  # the rest of a cell after place[1] splits
                h = clock[1]
                for i in range(ahead.shape[0]):
                    taken[i, 0] = ahead[i, 0]
                    taken[i, 1] = ahead[i, 1]
                clock[1] = 0.0
                left -= h
                if left < _SNAP * length:  # rounding left this; the next cell makes up for it
                    clock[1] = -left
                    left = 0.0
            if pieces == 1:
                step(f, noise, x, y, h, taken, source, w)
            else:
                finer_steps(
                    f, noise, key, place[0] - 1, number, pieces, x, y, h, taken, rest, part,
                    source, w,
                )  # fmt: skip
            steps += pieces
        clock[0] = until
        largest = 0.0
        for i in range(y.size):
            largest = max(largest, abs(y[i])) if y[i] == y[i] else np.inf
            if rows > 0:
                out[row, i] = y[i]
        if not largest < bound:
            return ESCAPED, clock[0] - begin, steps
    return REACHED, clock[0] - begin, steps
