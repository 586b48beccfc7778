"""Iterate maps through a kernel's address."""

from __future__ import annotations

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import ESCAPED, REACHED

_jit = jit(fastmath={"contract"})


@_jit
def iterate(f, n0, y, steps, out, bound):
    """Iterate `y` in place `steps` times from iteration `n0`.

    Row n of `out` ``(T, d)`` receives the state after n iterations; row 0 is `y` itself.

    Returns:
        status and the number of iterations done.

    """
    d = y.size
    new = np.empty(d)
    rows = out.shape[0]
    if rows > 0:
        out[0] = y
    for n in range(steps):
        call_kernel(f, n0 + n, y, 0, new, 0)
        largest = 0.0
        for i in range(d):
            y[i] = new[i]
            # NaN compares false with everything; it must count as an escape
            largest = max(largest, abs(new[i])) if new[i] == new[i] else np.inf
        if n + 1 < rows:
            out[n + 1] = y
        if not largest < bound:
            return ESCAPED, n + 1
    return REACHED, steps
