"""Is DOP853 held back by its stability rather than by its accuracy? Hairer's test.

See [hairer1996, section IV.2].
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import STAGES, initial_step, next_step, step

EDGE = 6.1
"""Where DOP853's stability region ends on the negative real axis."""

_jit = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


@_jit
def on_the_edge(f, x0, y, most, rtol, atol, patience):
    """Say whether DOP853 runs along the edge of its stability from `y` at time `x0`.

    The last two stages stand at the same time at two nearby states; the ratio of the difference
    of their slopes to that of the states estimates the dominant eigenvalue without a Jacobian.
    True as soon as that times the step exceeds `EDGE` in `patience` steps that are not interrupted
    by six clear ones, as in Hairer and Wanner's code; False after `most` attempts without.

    Returns:
        the answer and the time that was covered; `y` has moved on by as much.

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
