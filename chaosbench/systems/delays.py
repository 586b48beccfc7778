"""Delay differential equations."""

from __future__ import annotations

from chaosbench.expressions import sin
from chaosbench.systems._definition import delay

__all__ = ["ikeda_delay", "mackey_glass"]


@delay(
    ic=(1.2,),
    reference="mackey1977",
    tags={"dissipative", "physiology"},
    aliases=("MackeyGlass",),
)
def mackey_glass(x, x_tau, *, beta=0.2, gamma=0.1, n=10, tau=17.0):
    """Production of blood cells under delayed feedback."""
    return beta * x_tau / (1 + x_tau**n) - gamma * x


@delay(
    ic=(0.3,),
    reference="ikeda1987",
    tags={"dissipative", "optics"},
    aliases=("IkedaDelay",),
)
def ikeda_delay(x, x_tau, *, c=1.0, mu=-20.0, tau=2.0, x0=0.0):
    """Phase of the light in a ring cavity with a nonlinear medium."""
    return mu * sin(x_tau - x0) - c * x
