"""Hairer's stiffness test: does stability, not accuracy, limit the step of DOP853?

See [hairer1996, section IV.2].
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import STAGES, initial_step, next_step, step

EDGE = 6.1
"""End of DOP853's stability region on the negative real axis, as a positive number."""

_jit = jit(fastmath={"contract"})


@_jit
def on_the_edge(f, x0, y, most, rtol, atol, patience):
    """Say whether DOP853 runs along the edge of its stability region from `y` at time `x0`.

    The last two stages belong to the same time and to two nearby states. The difference of their
    slopes divided by the difference of the states estimates the dominant eigenvalue without a
    Jacobian. The answer is True as soon as this estimate times the step exceeds `EDGE` in
    `patience` steps without six clear steps in a row between them, as in Hairer and Wanner's code.
    It is False if this does not happen within `most` attempts.

    Returns:
        the answer and the elapsed time; `y` holds the state at that time.

    """
    d = y.size
    k = np.empty((STAGES, d))
    w = np.empty((STAGES, d))
    new = np.empty(d)
    call_kernel(f, x0, y, 0, k, 0)
    for i in range(d):
        if not math.isfinite(k[0, i]):
            return False, 0.0
    h = initial_step(y, k, rtol, atol)
    elapsed = 0.0
    edgy = 0
    clear = 0
    for _ in range(most):
        error = step(f, x0 + elapsed, y, h, k, w, new, rtol, atol, d)
        if not error <= 1.0:
            h = next_step(h, error)
            if h < 1e-15 * max(elapsed, 1e-8):
                return False, elapsed
            continue
        slopes = 0.0
        states = 0.0
        for i in range(d):
            slopes += (k[12, i] - k[11, i]) ** 2
            states += (new[i] - w[11, i]) ** 2
        if states > 0.0 and h * math.sqrt(slopes / states) > EDGE:
            clear = 0
            edgy += 1
            if edgy >= patience:
                return True, elapsed
        else:
            clear += 1
            if clear >= 6:
                edgy = 0
        elapsed += h
        h = next_step(h, error)
        for i in range(d):
            y[i] = new[i]
            k[0, i] = k[12, i]
    return False, elapsed
