"""Rodas5P through kernel addresses: integrates stiff systems with the exact Jacobian.

The method has order 5, an embedded error estimate of order 4 and a dense output of order 4. The
coefficients and their source are in `_rosenbrock_tableau`. Each step attempt needs one LU
factorisation and no iteration, so the cost of a step does not depend on the stiffness.
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit
from chaosbench.numerics import _rosenbrock_tableau as t
from chaosbench.numerics._kernel import call_kernel
from chaosbench.numerics.dop853 import (
    ESCAPED,
    EXHAUSTED,
    REACHED,
    TANGENT_TOLERANCE,
    UNDERFLOW,
    initial_step,
)

_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 6.0
_A, _C, _NODES, _SLOPES, _H = t.A, t.C, t.NODES, t.SLOPES, t.H  # arrays become constants

_jit = jit(fastmath={"contract"})


@_jit
def factorise(a, pivots):
    """Replace `a` ``(d, d)`` by its LU factors with partial pivoting; return False if singular.

    The diagonal holds the inverse pivots, because a division costs as much as ten products.
    """
    d = a.shape[0]
    for k in range(d):
        p = k
        for i in range(k + 1, d):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        pivots[k] = p
        if not (abs(a[p, k]) > 0.0 and math.isfinite(a[p, k])):
            return False
        if p != k:
            for j in range(d):
                a[k, j], a[p, j] = a[p, j], a[k, j]
        a[k, k] = 1.0 / a[k, k]
        for i in range(k + 1, d):
            factor = a[i, k] * a[k, k]
            a[i, k] = factor
            if factor != 0.0:
                for j in range(k + 1, d):
                    a[i, j] -= factor * a[k, j]
    return True


@_jit
def solve(a, pivots, b):
    """Solve for `b` in place with the factors that `factorise` left in `a`."""
    d = a.shape[0]
    for k in range(d):
        p = pivots[k]
        if p != k:
            b[k], b[p] = b[p], b[k]
    for i in range(d):
        for j in range(i):
            b[i] -= a[i, j] * b[j]
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            b[i] -= a[i, j] * b[j]
        b[i] *= a[i, i]


@_jit
def step(f, x, y, h, jacobian, slope, k, new, rtol, atol, controlled):
    """Try one step from `y` at time `x`.

    Args:
        f: address of the right-hand side's kernel.
        x, y, h: time, state ``(d,)`` and step.
        jacobian: ``(d, d)`` at `x` and `y`.
        slope: the partial derivative of the right-hand side in time, ``(d,)``.
        k: filled with the stages ``(8, d)``.
        new: filled with the state at ``x + h``.
        rtol, atol: tolerances on the local error.
        controlled: number of components before the tangent vectors. Tangent vectors are held to
            no tolerance tighter than `TANGENT_TOLERANCE`.

    Returns:
        the scaled error; a step with an error of at most 1 is acceptable. A matrix that cannot be
        factorised or a non-finite stage makes the error infinite or NaN; the caller must reject it.

    """
    d = y.size
    matrix = np.empty((d, d))
    pivots = np.empty(d, np.int64)
    stage = np.empty(d)
    right = np.empty(d)
    for i in range(d):
        for j in range(d):
            matrix[i, j] = -jacobian[i, j]
        matrix[i, i] += 1.0 / (t.GAMMA * h)
    if not factorise(matrix, pivots):
        return np.inf
    for s in range(t.STAGES):
        for i in range(d):
            value = y[i]
            for j in range(s):
                value += _A[s, j] * k[j, i]
            stage[i] = value
        call_kernel(f, x + _NODES[s] * h, stage, 0, right, 0)
        for i in range(d):
            value = 0.0
            for j in range(s):
                value += _C[s, j] * k[j, i]
            right[i] += value / h + h * _SLOPES[s] * slope[i]
        solve(matrix, pivots, right)
        for i in range(d):
            k[s, i] = right[i]
    total = 0.0
    lost = 0.0
    for i in range(d):
        new[i] = stage[i] + k[7, i]
        lost += 0.0 * new[i]
        scale = atol + rtol * max(abs(y[i]), abs(new[i]))
        if i >= controlled:
            scale *= max(1.0, TANGENT_TOLERANCE / rtol)
        total += (k[7, i] / scale) ** 2
    return math.sqrt(total / d) + lost


@_jit
def dense(k, r):
    """Fill `r` ``(3, d)`` with the dense-output coefficients of an accepted step."""
    for i in range(r.shape[1]):
        for row in range(3):
            value = 0.0
            for j in range(t.STAGES):
                value += _H[row, j] * k[j, i]
            r[row, i] = value


@_jit
def interpolate(y, new, r, s, i):
    """Evaluate variable `i` at the fraction `s` of the step from `y` to `new`."""
    u = 1.0 - s
    return u * y[i] + s * (new[i] + u * (r[0, i] + s * (r[1, i] + s * r[2, i])))


@_jit
def next_step(h, error):
    """Return the standard step-size update for a scaled error of order 5."""
    if not math.isfinite(error):
        return 0.1 * h
    return h * min(_GROW, max(_SHRINK, _SAFETY / max(error, 1e-10) ** 0.2))


@_jit
def integrate_stiff(
    f, jacobian_of, slope_of, x0, y, span, h, out, dt, rtol, atol, bound, max_steps, controlled
):
    """Integrate `y` in place from time `x0` over `span`, sampling every `dt` into `out`.

    `jacobian_of` is the address of the Jacobian's kernel. `slope_of` is the address of the kernel
    of the partial derivative in time, or 0 for an autonomous system. All other arguments are those
    of `dop853.integrate`.

    Returns:
        status, elapsed time, the step size to continue with, attempted steps.

    """
    d = y.size
    k = np.zeros((t.STAGES, d))
    jacobian = np.empty((d, d))
    slope = np.zeros(d)
    new = np.empty(d)
    r = np.empty((3, d))
    rows = out.shape[0]
    row = 0
    if rows > 0:
        for i in range(d):
            out[0, i] = y[i]
        row = 1
    call_kernel(f, x0, y, 0, k, 0)
    for i in range(d):
        if not math.isfinite(k[0, i]):
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
        if not rejected:
            call_kernel(jacobian_of, x0 + elapsed, y, 0, jacobian, 0)
            if slope_of != 0:
                call_kernel(slope_of, x0 + elapsed, y, 0, slope, 0)
        remaining = span - elapsed
        last = h >= remaining * (1.0 - 1e-12)
        trial = remaining if last else h
        error = step(f, x0 + elapsed, y, trial, jacobian, slope, k, new, rtol, atol, controlled)
        if not error <= 1.0:
            h = next_step(trial, error)
            rejected = True
            if h < 1e-15 * max(elapsed, 1e-3 * span, 1e-8):
                return UNDERFLOW, elapsed, h, attempts
            continue
        if row < rows and row * dt <= (span if last else elapsed + trial):
            dense(k, r)
            while row < rows and row * dt <= (span if last else elapsed + trial):
                s = min((row * dt - elapsed) / trial, 1.0)
                for i in range(d):
                    out[row, i] = interpolate(y, new, r, s, i)
                row += 1
        proposal = next_step(trial, error)
        if rejected:
            proposal = min(proposal, trial)
        h = max(h, proposal) if last and not rejected else proposal
        rejected = False
        elapsed = span if last else elapsed + trial
        largest = 0.0
        for i in range(d):
            y[i] = new[i]
            largest = max(largest, abs(y[i]))
        if not largest < bound:
            return ESCAPED, elapsed, h, attempts
    return REACHED, elapsed, h, attempts
