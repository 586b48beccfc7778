"""Delay differential equations."""

from __future__ import annotations

import math

from chaosbench.expressions import exp, sin, tanh
from chaosbench.systems import delay

__all__ = [
    "ikeda_delay", "mackey_glass", "mackey_glass_30", "nicholson_blowflies", "piecewise_circuit",
    "scroll_delay", "sprott_delay", "voss_delay",
]  # fmt: skip


@delay(
    ic=(1.2,),
    reference="mackey1977",
    tags={"physiology"},
    dissipative=True,
    aliases=("MackeyGlass",),
)
def mackey_glass(x, x_tau, *, beta=0.2, gamma=0.1, n=10, tau=17.0):
    """Production of blood cells under delayed feedback."""
    return beta * x_tau / (1 + x_tau**n) - gamma * x


@delay(
    ic=(0.3,),
    reference="ikeda1987",
    tags={"hyperchaotic", "optics"},
    dissipative=True,
    aliases=("IkedaDelay",),
)
def ikeda_delay(x, x_tau, *, c=1.0, mu=-20.0, tau=2.0, x0=0.0):
    """Phase of the light in a ring cavity with a nonlinear medium."""
    return mu * sin(x_tau - x0) - c * x


@delay(
    ic=(0.5,),
    reference="sprott2007",
    tags={"conservative"},
    angles={"x": 2 * math.pi},
    aliases=("SprottDelay",),
)
def sprott_delay(x, x_tau, *, mu=1.0, tau=5.1):
    """The simplest chaotic delay equation: one sine.

    ``x`` is a phase; it performs a random walk over the cells of the sine and is taken modulo 2π.
    """
    return mu * sin(x_tau)


@delay(
    ic=(0.246,),
    reference="voss2002",
    tags={"hyperchaotic", "circuit"},
    dissipative=True,
    aliases=("VossDelay",),
)
def voss_delay(x, x_tau, *, alpha=3.24, tau=13.28):
    """A circuit with a delay line and a cubic feedback, used to anticipate its own future."""
    return -alpha * x - 10.44 * x_tau**3 - 13.95 * x_tau**2 - 3.63 * x_tau + 0.85


@delay(
    ic=(-0.7,),
    reference="gilpin2021",
    tags={"circuit"},
    dissipative=True,
    aliases=("ScrollDelay",),
)
def scroll_delay(x, x_tau, *, alpha=0.2, beta=0.2, tau=10.0):
    """Two scrolls from delayed damping and a steep delayed switch."""
    return -alpha * x_tau + beta * tanh(10 * x_tau)


@delay(
    ic=(-0.372,),
    reference="tamasevicius2006",
    tags={"circuit"},
    dissipative=True,
    aliases=("PiecewiseCircuit",),
)
def piecewise_circuit(x, x_tau, *, alpha=1.0, beta=1.0, c=2.24, tau=4.9):
    """A delayed-feedback oscillator, with a cubic in place of its piecewise-linear amplifier."""
    u = x_tau / c
    return -alpha * x_tau + beta * (3 * u - u**3)


@delay(
    ic=(1.325,),
    reference="mackey1977",
    tags={"hyperchaotic", "physiology"},
    dissipative=True,
)
def mackey_glass_30(x, x_tau, *, beta=0.2, gamma=0.1, n=10, tau=30.0):
    """Production of blood cells under feedback with a delay long enough for hyperchaos."""
    return beta * x_tau / (1 + x_tau**n) - gamma * x


@delay(ic=(6.494,), reference="gurney1980", tags={"ecology"}, dissipative=True)
def nicholson_blowflies(x, x_tau, *, p=20.0, delta=1.0, tau=8.0):
    """Nicholson's blowflies: the eggs of a crowded generation do not mature.

    Population sizes are in units of the most fecund population. The delay, from egg to adult, is
    eight adult lifetimes here.
    """
    return p * x_tau * exp(-x_tau) - delta * x
