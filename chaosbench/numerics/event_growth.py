"""Lyapunov exponents of switching flows: `flow_growth` and `twin_growth` across events."""

from __future__ import annotations

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics.dop853 import ESCAPED, REACHED
from chaosbench.numerics.events import integrate_events
from chaosbench.numerics.tangent import SPREAD, orthonormalise

_jit = jit(fastmath={"contract"})


@_jit
def _copy(source, target):
    """Copy element by element, which numba compiles much faster than an array assignment."""
    for i in range(source.size):
        target[i] = source[i]


@_jit
def flow_growth_events(
    fields,
    kinds,
    x0,
    y,
    modes,
    d,
    count,
    segment,
    logs,
    rtol,
    atol,
    bound,
    max_steps,
    tally,
):
    """Do what `flow_growth` does, and carry the tangent vectors through every event.

    Returns:
        status, elapsed time, attempted steps.

    """
    empty = np.empty((0, y.size))
    attempts = 0
    saved, saved_modes, saved_tally = np.empty(y.size), np.empty(modes.size), np.empty(tally.size)
    piece_logs = np.empty(count)
    piece = segment
    time = 0.0
    h = 0.0
    for s in range(logs.shape[0]):
        for c in range(count):
            logs[s, c] = 0.0
        start = s * segment
        within = 0.0
        while within < segment:
            span = segment - within
            if piece < span * (1.0 - 1e-9):
                span = piece
            _copy(y, saved)
            _copy(modes, saved_modes)
            _copy(tally, saved_tally)
            step_before = h
            status, elapsed, h, tried = integrate_events(
                fields, kinds, x0 + start + within, y, modes, d, span, h, empty, segment, rtol,
                atol, bound, max_steps, tally,
            )  # fmt: skip
            attempts += tried
            time = start + within + elapsed
            if status != REACHED:
                return status, time, attempts
            orthonormalise(y, d, count, piece_logs)
            low, high = piece_logs[0], piece_logs[0]
            for c in range(1, count):
                low, high = min(low, piece_logs[c]), max(high, piece_logs[c])
            spread = high - low
            if not spread < SPREAD and piece > segment * 1e-6:
                _copy(saved, y)
                _copy(saved_modes, modes)
                _copy(saved_tally, tally)
                h = min(step_before, 0.5 * span) if step_before > 0.0 else step_before
                piece = 0.5 * span
                continue
            for c in range(count):
                logs[s, c] += piece_logs[c]
            if spread == np.inf:  # a slide removes one direction of tangent space for good
                for later in range(s, logs.shape[0]):
                    for c in range(count):
                        logs[later, c] = -np.inf
                return REACHED, time, attempts
            within = segment if span == segment - within else within + span
            if spread < 0.25 * SPREAD and piece < segment:
                piece = min(2.0 * piece, segment)
    return REACHED, time, attempts


@_jit
def twin_growth_events(
    fields, kinds, x0, y, modes, d, scale, distance, segment, logs, rtol, atol, bound, max_steps
):
    """Do what `twin_growth` does for the rows of `y` and `modes`, each with its own events."""
    empty = np.empty((0, d))
    tally = np.zeros(3)
    steps = np.zeros(2)
    for s in range(logs.size):
        for n in range(2):
            status, elapsed, steps[n], _ = integrate_events(
                fields, kinds, x0 + s * segment, y[n], modes[n], d, segment, steps[n], empty,
                segment, rtol, atol, bound, max_steps, tally,
            )  # fmt: skip
            if status != REACHED:
                return status, s * segment + elapsed
        apart = 0.0
        for i in range(d):
            apart += ((y[1, i] - y[0, i]) / scale[i]) ** 2
        apart = np.sqrt(apart)
        if not (apart > 0.0 and np.isfinite(apart)):
            return ESCAPED, s * segment
        logs[s] = np.log(apart / distance)
        for i in range(d):
            y[1, i] = y[0, i] + (y[1, i] - y[0, i]) * (distance / apart)
    return REACHED, logs.size * segment
