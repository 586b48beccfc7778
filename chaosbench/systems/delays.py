"""Delay differential equations."""

from __future__ import annotations

from chaosbench.systems._definition import delay

__all__ = ["mackey_glass"]


@delay(ic=(1.2,), reference="mackey1977", tags={"dissipative", "physiology"})
def mackey_glass(x, x_tau, *, beta=0.2, gamma=0.1, n=10, tau=17.0):
    """Production of blood cells under delayed feedback."""
    return beta * x_tau / (1 + x_tau**n) - gamma * x
