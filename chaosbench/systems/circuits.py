"""Electronic circuits and driven oscillators."""

from __future__ import annotations

from chaosbench.expressions import cos
from chaosbench.systems._definition import flow

__all__ = ["chua", "duffing"]


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
