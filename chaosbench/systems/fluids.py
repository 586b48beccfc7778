"""Convection, flow and their low-order truncations."""

from __future__ import annotations

from chaosbench.systems._definition import flow

__all__ = ["lorenz"]


@flow(
    ic=(-9.79, -15.04, 20.53),
    reference="lorenz1963",
    tags={"dissipative", "fluid"},
    aliases=("Lorenz",),
)
def lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
    """Convection in a fluid layer heated from below, truncated to three modes."""
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z
