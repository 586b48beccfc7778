"""Lyapunov exponents from tangent vectors and from twin trajectories, through kernel addresses."""

from __future__ import annotations

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import ESCAPED, REACHED, integrate

LOST = 1e-13
"""If the projections leave less than this fraction of a tangent vector, the rest is rounding."""

SPREAD = 9.0
"""Log ratio of tangent vector lengths above which the shortest are no longer accurate."""

MOST_STEPS = 10_000_000
"""Attempted steps of one segment."""

_jit = jit(fastmath={"contract"})


@_jit
def orthonormalise(y, d, count, logs):
    """Replace the tangent vectors in `y` by an orthonormal basis; write their log growths.

    The tangent vectors are the columns of the ``(d, count)`` array that follows the state. Modified
    Gram–Schmidt makes a second pass, which restores orthogonality if vectors were nearly parallel.
    A vector that depends linearly on the earlier ones, up to rounding, gets the log growth −∞.
    """
    basis = np.ascontiguousarray(y[d:].reshape(d, count).T)
    for c in range(count):
        logs[c] = 0.0
        length = 0.0
        for i in range(d):
            length += basis[c, i] ** 2
        length = np.sqrt(length)
        for _ in range(2):
            for b in range(c):
                dot = 0.0
                for i in range(d):
                    dot += basis[b, i] * basis[c, i]
                for i in range(d):
                    basis[c, i] -= dot * basis[b, i]
            norm = 0.0
            for i in range(d):
                norm += basis[c, i] ** 2
            norm = np.sqrt(norm)
            logs[c] += np.log(norm) if norm > LOST * length else -np.inf
            length = 1.0
            for i in range(d):
                basis[c, i] /= norm
    for c in range(count):
        for i in range(d):
            y[d + i * count + c] = basis[c, i]


@_jit
def flow_growth(f, x0, y, d, count, segment, h, logs, rtol, atol, bound, controlled):
    """Integrate state and tangent vectors over ``len(logs)`` segments, reorthonormalising.

    Row s of `logs` ``(segments, count)`` receives the log growths of segment s. A segment is
    integrated in pieces. If the log growths within a piece differ by more than `SPREAD`, the errors
    of the growing tangent vectors would hide the contracting ones. The piece is then repeated at
    half its length, and later pieces start with that length.

    Returns:
        status, elapsed time, attempted steps.

    """
    empty = np.empty((0, y.size))
    attempts = 0
    saved = np.empty(y.size)
    piece_logs = np.empty(count)
    piece = segment
    time = 0.0
    for s in range(logs.shape[0]):
        logs[s] = 0.0
        start = s * segment
        within = 0.0
        while within < segment:
            span = segment - within
            if piece < span * (1.0 - 1e-9):
                span = piece
            saved[:] = y
            step_before = h
            status, elapsed, h, tried = integrate(
                f, x0 + start + within, y, span, h, empty, segment, rtol, atol, bound,
                MOST_STEPS, controlled,
            )  # fmt: skip
            attempts += tried
            time = start + within + elapsed
            if status != REACHED:
                return status, time, attempts
            orthonormalise(y, d, count, piece_logs)
            spread = piece_logs.max() - piece_logs.min()
            if not spread < SPREAD and piece > segment * 1e-6:
                y[:] = saved
                h = min(step_before, 0.5 * span) if step_before > 0.0 else step_before
                piece = 0.5 * span
                continue
            logs[s] += piece_logs
            within = segment if span == segment - within else within + span
            if spread < 0.25 * SPREAD and piece < segment:
                piece = min(2.0 * piece, segment)
    return REACHED, time, attempts


@_jit
def map_growth(f, n0, y, d, count, logs, bound):
    """Iterate state and tangent vectors, reorthonormalising at every iteration."""
    new = np.empty(y.size)
    for s in range(logs.shape[0]):
        call_kernel(f, n0 + s, y, 0, new, 0)
        y[:] = new
        largest = 0.0
        for i in range(d):
            largest = max(largest, abs(y[i])) if y[i] == y[i] else np.inf
        if not largest < bound:
            return ESCAPED, s
        orthonormalise(y, d, count, logs[s])
    return REACHED, logs.shape[0]


@_jit
def map_stretch(f, n0, y, d, logs, block, bound):
    """Iterate state and one tangent vector; write its log growth over every `block` iterations.

    The tangent vector is normalised every eighth iteration only; a double can hold the growth of
    eight iterations.

    Returns:
        status and the number of iterations done.

    """
    new = np.empty(y.size)
    for s in range(logs.size):
        logs[s] = 0.0
        for n in range(block):
            call_kernel(f, n0 + s * block + n, y, 0, new, 0)
            y, new = new, y
            if n % 8 == 7 or n == block - 1:
                length = 0.0
                largest = 0.0
                for i in range(d):
                    largest = max(largest, abs(y[i])) if y[i] == y[i] else np.inf
                    length += y[d + i] ** 2
                if not largest < bound:
                    return ESCAPED, s * block + n + 1
                length = np.sqrt(length)
                logs[s] += np.log(length)
                for i in range(d):
                    y[d + i] /= length
    return REACHED, logs.size * block


@_jit
def twin_growth(f, x0, y, d, scale, distance, segment, h, logs, rtol, atol, bound, discrete):
    """Follow two trajectories `distance` apart, measured in units of `scale` ``(d,)``.

    After every segment the log growth of their separation goes to `logs` ``(segments,)``, and the
    second trajectory is moved back to `distance` along the separation.
    """
    empty = np.empty((0, y.size))
    new = np.empty(y.size)
    for s in range(logs.size):
        if discrete:
            call_kernel(f, x0 + s, y, 0, new, 0)
            y[:] = new
            status = REACHED
        else:
            status, _, h, _ = integrate(
                f, x0 + s * segment, y, segment, h, empty, segment, rtol, atol, bound, MOST_STEPS,
                2 * d,
            )  # fmt: skip
        apart = 0.0
        for i in range(d):
            apart += ((y[d + i] - y[i]) / scale[i]) ** 2
        apart = np.sqrt(apart)
        if status != REACHED or not (apart > 0.0 and np.isfinite(apart)):
            return ESCAPED, s * segment, h
        logs[s] = np.log(apart / distance)
        for i in range(d):
            y[d + i] = y[i] + (y[d + i] - y[i]) * (distance / apart)
    return REACHED, logs.size * segment, h
