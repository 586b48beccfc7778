"""Electronic circuits and driven oscillators."""

from __future__ import annotations

import math

from chaosbench.expressions import cos, maximum, sin, sinh
from chaosbench.systems import flow

__all__ = [
    "anishchenko_astakhov", "chua", "chua_cubic", "colpitts", "duffing", "forced_van_der_pol",
    "matsumoto_chua_kobayashi", "multi_chua", "murali_lakshmanan_chua", "shinriki",
    "smale_williams", "ueda",
]  # fmt: skip

_MULTI_CHUA_SLOPES = (-0.14285714, 0.28571429, -0.57142857, 0.28571429, -0.57142857, 0.28571429)
_MULTI_CHUA_BREAKPOINTS = (1.0, 2.15, 3.6, 8.2, 13.0)


@flow(
    ic=(1.126, -0.114, -0.783),
    reference="chua1986",
    tags={"circuit"},
    dissipative=True,
    aliases=("Chua",),
)
def chua(x, y, z, *, alpha=15.6, beta=28.0, m0=-1.142857, m1=-0.71429):
    """Chua's circuit: a double scroll from one piecewise-linear resistor."""
    current = m1 * x + 0.5 * (m0 - m1) * (abs(x + 1) - abs(x - 1))
    return alpha * (y - x - current), x - y + z, -beta * y


@flow(
    ic=(-1.16, -0.51),
    reference="duffing1918",
    tags={"mechanics"},
    dissipative=True,
    aliases=("Duffing",),
)
def duffing(x, v, t, *, alpha=1.0, beta=-1.0, delta=0.1, gamma=0.35, omega=1.4):
    """A damped beam between two magnets, shaken sinusoidally."""
    return v, -delta * v - beta * x - alpha * x**3 + gamma * cos(omega * t)


@flow(
    ic=(-21.2, 1.03, 27.4),
    reference="yalcin2005",
    tags={"circuit"},
    dissipative=True,
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
    tags={"circuit"},
    dissipative=True,
    aliases=("Colpitts",),
)
def colpitts(x, y, z, *, a=30.0, b=0.8, c=20.0, d=0.08, e=10.0):
    """The Colpitts oscillator: one transistor, which conducts while its emitter is low enough."""
    return y - a * maximum(0.0, e - 1 - z), c - x - b * y - z, y - d * z


@flow(
    ic=(3.62, 3.32, 2.0),
    reference="anishchenko2007",
    tags={"circuit"},
    dissipative=True,
    aliases=("AnishchenkoAstakhov",),
)
def anishchenko_astakhov(x, y, z, *, mu=1.2, eta=0.5):
    """A generator whose gain is reduced by a rectified and smoothed copy of its own signal."""
    return mu * x + y - x * z, -x, eta * (maximum(0.0, x) ** 2 - z)


@flow(
    ic=(-1.52, 0.196),
    reference="vanderpol1927",
    tags={"circuit"},
    dissipative=True,
    aliases=("ForcedVanDerPol",),
)
def forced_van_der_pol(x, v, t, *, a=1.2, mu=8.53, omega=2 * math.pi / 10):
    """A relaxation oscillator of one valve under a periodic voltage.

    The voltage has the period 10. The reference collection rounds its frequency to 0.63, at which
    the oscillator locks to the voltage and is periodic.
    """
    return v, mu * (1 - x**2) * v - x + a * sin(omega * t)


@flow(
    ic=(-0.3726, -0.03407, 0.2487),
    reference="huang1996",
    tags={"circuit"},
    dissipative=True,
)
def chua_cubic(x, y, z, *, alpha=10.0, beta=16.0, a=1.0, c=-0.143):
    """Chua's circuit with a smooth resistor: a cubic instead of the piecewise-linear one."""
    return alpha * (y - a * x**3 - c * x), x - y + z, -beta * y


@flow(ic=(3.091, 2.348), reference="ueda1979", tags={"circuit"}, dissipative=True)
def ueda(x, v, t, *, k=0.05, b=7.5):
    """Duffing's equation without a linear force: a saturated inductor under a strong voltage."""
    return v, -k * v - x**3 + b * cos(t)


@flow(ic=(0.701, -0.985), reference="murali1994", tags={"circuit"}, dissipative=True)
def murali_lakshmanan_chua(
    x, y, t, *, beta=1.0, nu=0.015, m0=-1.02, m1=-0.55, force=0.15, omega=0.75
):
    """The simplest driven circuit with Chua's diode: voltage and current."""
    current = m1 * x + 0.5 * (m0 - m1) * (abs(x + 1) - abs(x - 1))
    return y - current, -beta * (1 + nu) * y - beta * x + force * sin(omega * t)


@flow(
    ic=(1.194, -0.422, 0.3922, 1.84),
    reference="matsumoto1986",
    tags={"hyperchaotic", "circuit"},
    dissipative=True,
)
def matsumoto_chua_kobayashi(v1, v2, i1, i2, *, alpha=2.0, beta=20.0, gamma=1.5, m0=-0.2, m1=3.0):
    """The first circuit in which hyperchaos was seen: two capacitors, two coils and one diode."""
    u = v2 - v1
    current = m1 * u + 0.5 * (m0 - m1) * (abs(u + 1) - abs(u - 1))
    return alpha * (current - i1), -beta * (current + i2), v1 + i1, gamma * v2


@flow(ic=(-1.078, 0.9815, -0.104), reference="shinriki1981", tags={"circuit"}, dissipative=True)
def shinriki(v1, v2, i, *, r1=22.0, r2=14.5, r3=6.9, c1=0.01, c2=0.1, ell=0.32, r_l=0.1):
    """Shinriki's oscillator: a tank circuit and a negative resistor, joined by two diodes."""
    across = v1 - v2
    through = across / r2 + 4.59e-5 * sinh(3.0038 * across)
    return (v1 * (1 / r3 - 1 / r1) - through) / c1, (through - i) / c2, (v2 - r_l * i) / ell


@flow(
    ic=(0.1492, 2.683, 0.01652, 0.01172),
    reference="kuznetsov2005",
    dissipative=True,
)
def smale_williams(x, u, y, v, t, *, a=5.0, eps=0.5, omega=2 * math.pi, period=6.0):
    """Two van der Pol oscillators that excite each other in turn, at one and at two frequencies.

    Each exchange doubles the phase. Sampled once per period, the attractor is the Smale–Williams
    solenoid, which is uniformly hyperbolic. ``omega u`` and ``2 omega v`` are the rates of ``x``
    and ``y``.
    """
    gain = a * cos(2 * math.pi * t / period)
    return (
        omega * u,
        (gain - x**2) * u - omega * x + eps / omega * y * cos(omega * t),
        2 * omega * v,
        (-gain - y**2) * v - 2 * omega * y + eps / (2 * omega) * x**2,
    )
