"""Brownian paths that are functions of a key and of time, independent of the integration steps.

Time is divided into cells of equal length. The increment over a cell and the integral over it come
from Philox, a counter-based generator [salmon2011], with the number of the cell as the counter.
Nothing has to be drawn in order, and nothing is stored. If a step ends within a cell, the path at
that time is drawn from its exact distribution conditional on the increment and the integral of the
whole cell (a Brownian bridge).
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.jit import jit

_jit = jit(fastmath={"contract"})

# Philox4x64-10: Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3 (2011)
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_LOW, _HALF, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(11)
_ULP = 2.0**-53


@_jit
def high(a, b):
    """Return the upper 64 bits of the product of two 64-bit numbers."""
    a0, a1, b0, b1 = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    middle = a1 * b0 + ((a0 * b0) >> _HALF)
    other = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _HALF) + (other >> _HALF)


@_jit
def philox(c0, c1, c2, c3, k0, k1):
    """Return four random words for a counter of four words and a key of two (all uint64)."""
    for _ in range(10):
        h0, l0 = high(_M0, c0), _M0 * c0
        h1, l1 = high(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


@_jit
def two_normals(a, b):
    """Turn two random words into two independent standard normal numbers (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log((float(a >> _SHIFT) + 0.5) * _ULP))
    angle = 2.0 * math.pi * (float(b >> _SHIFT) * _ULP)
    return radius * math.cos(angle), radius * math.sin(angle)


@_jit
def normals(key, cell, split, out):
    """Fill `out` ``(m, 2)`` with the normal numbers of one cell and one split of it."""
    m = out.shape[0]
    for i in range(0, m, 2):
        a, b, c, d = philox(
            np.uint64(cell), np.uint64(split), np.uint64(i), np.uint64(0), key[0], key[1]
        )
        out[i, 0], out[i, 1] = two_normals(a, b)
        if i + 1 < m:
            out[i + 1, 0], out[i + 1, 1] = two_normals(c, d)


@_jit
def open_cell(key, cell, length, ahead):
    """Fill `ahead` ``(m, 2)`` with increment and integral of the path over a whole cell.

    The integral is that of the path's displacement since the beginning of the cell.
    """
    normals(key, cell, 0, ahead)
    root = math.sqrt(length)
    for i in range(ahead.shape[0]):
        first, second = ahead[i, 0], ahead[i, 1]
        ahead[i, 0] = root * first
        ahead[i, 1] = 0.5 * length * root * (first + second / math.sqrt(3.0))


@_jit
def bridge(key, cell, split, remaining, part, ahead, taken):
    """Split increment and integral `ahead` over `remaining` time at `part`.

    `taken` receives the first part; the rest stays in `ahead`. Given the increment and the integral
    over the whole, those over the part are jointly normal; their mean and covariance follow from
    Cov(W_s, W_t) = min(s, t).
    """
    normals(key, cell, split, taken)
    r, s = remaining, part / remaining
    # regression of (increment, integral / r) of the part on those of the whole
    ww, wj = s * (3.0 * s - 2.0), 6.0 * s * (1.0 - s)
    jw, jj = s * s * (s - 1.0), s * s * (3.0 - 2.0 * s)
    u = 1.0 - s
    # their remaining (conditional) covariance
    vww = r * s * u * (1.0 - 3.0 * s * u)
    vwj = 0.5 * r * s * s * u * u * (1.0 - 2.0 * s)
    vjj = r * s * s * s * u * u * u / 3.0
    root = math.sqrt(vww)
    across = vwj / root
    rest = math.sqrt(max(vjj - across * across, 0.0))
    for i in range(ahead.shape[0]):
        whole, integral = ahead[i, 0], ahead[i, 1] / r
        first, second = taken[i, 0], taken[i, 1]
        w = ww * whole + wj * integral + root * first
        j = r * (jw * whole + jj * integral + across * first + rest * second)
        taken[i, 0] = w
        taken[i, 1] = j
        ahead[i, 1] -= j + w * (remaining - part)
        ahead[i, 0] -= w
