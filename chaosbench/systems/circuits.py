"""Electronic circuits and driven oscillators."""

from __future__ import annotations

import math

from chaosbench.expressions import cos, maximum, sin
from chaosbench.systems._definition import flow

__all__ = [
    "anishchenko_astakhov", "chua", "colpitts", "duffing", "forced_van_der_pol", "multi_chua",
]  # fmt: skip

_MULTI_CHUA_SLOPES = (-0.14285714, 0.28571429, -0.57142857, 0.28571429, -0.57142857, 0.28571429)
_MULTI_CHUA_BREAKPOINTS = (1.0, 2.15, 3.6, 8.2, 13.0)


@flow(
    ic=(1.126, -0.114, -0.783),
    reference="chua1986",
    tags={"dissipative", "circuit"},
    aliases=("Chua",),
)
def chua(x, y, z, *, alpha=15.6, beta=28.0, m0=-1.142857, m1=-0.71429):
    """Chua's circuit: a double scroll from one piecewise-linear resistor."""
    current = m1 * x + 0.5 * (m0 - m1) * (abs(x + 1) - abs(x - 1))
    return alpha * (y - x - current), x - y + z, -beta * y


@flow(
    ic=(-1.16, -0.51),
    reference="duffing1918",
    tags={"dissipative", "mechanics"},
    aliases=("Duffing",),
)
def duffing(x, v, t, *, alpha=1.0, beta=-1.0, delta=0.1, gamma=0.35, omega=1.4):
    """A damped beam between two magnets, shaken sinusoidally."""
    return v, -delta * v - beta * x - alpha * x**3 + gamma * cos(omega * t)


@flow(
    ic=(-21.2, 1.03, 27.4),
    reference="yalcin2005",
    tags={"dissipative", "circuit"},
    aliases=("MultiChua",),
)
def multi_chua(x, y, z, *, a=9.0, b=14.286):
    """Chua's circuit with a resistor of many segments, which gives six scrolls side by side."""
    current = _MULTI_CHUA_SLOPES[-1] * x
    for k, edge in enumerate(_MULTI_CHUA_BREAKPOINTS):
        bend = 0.5 * (_MULTI_CHUA_SLOPES[k] - _MULTI_CHUA_SLOPES[k + 1])
        current = current + bend * (abs(x + edge) - abs(x - edge))
    return a * (y - current), x - y + z, -b * y


@flow(
    ic=(8.94, 0.646, 8.79),
    reference="kennedy1994",
    tags={"dissipative", "circuit"},
    aliases=("Colpitts",),
)
def colpitts(x, y, z, *, a=30.0, b=0.8, c=20.0, d=0.08, e=10.0):
    """The Colpitts oscillator: one transistor, which conducts while its emitter is low enough."""
    return y - a * maximum(0.0, e - 1 - z), c - x - b * y - z, y - d * z


@flow(
    ic=(3.62, 3.32, 2.0),
    reference="anishchenko2007",
    tags={"dissipative", "circuit"},
    aliases=("AnishchenkoAstakhov",),
)
def anishchenko_astakhov(x, y, z, *, mu=1.2, eta=0.5):
    """A generator whose gain is held back by a rectified and smoothed copy of its own signal."""
    return mu * x + y - x * z, -x, eta * (maximum(0.0, x) ** 2 - z)


@flow(
    ic=(-1.52, 0.196),
    reference="vanderpol1927",
    tags={"dissipative", "circuit"},
    aliases=("ForcedVanDerPol",),
)
def forced_van_der_pol(x, v, t, *, a=1.2, mu=8.53, omega=2 * math.pi / 10):
    """A relaxation oscillator of one valve under a periodic voltage.

    The voltage has the period 10; the reference collection rounds its frequency to 0.63, where the
    oscillator locks to it and is periodic.
    """
    return v, mu * (1 - x**2) * v - x + a * sin(omega * t)
