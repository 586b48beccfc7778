"""Convection, flow and their low-order truncations."""

from __future__ import annotations

from chaosbench.systems._definition import flow

__all__ = ["hadley", "lorenz", "rucklidge"]


@flow(
    ic=(-9.79, -15.04, 20.53),
    reference="lorenz1963",
    tags={"dissipative", "fluid"},
    aliases=("Lorenz",),
)
def lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
    """Convection in a fluid layer heated from below, truncated to three modes."""
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@flow(
    ic=(1.93, 3.19, 5.78),
    reference="rucklidge1992",
    tags={"dissipative", "fluid"},
    aliases=("Rucklidge",),
)
def rucklidge(x, y, z, *, a=2.0, b=6.7):
    """Double convection in a magnetic field, near the onset of overturning."""
    return -a * x + b * y - y * z, x, -z + y**2


@flow(
    ic=(1.37, 0.93, 0.64),
    reference="lorenz1984",
    tags={"dissipative", "fluid", "climate"},
    aliases=("Hadley",),
)
def hadley(x, y, z, *, a=0.2, b=4.0, f=9.0, g=1.0):
    """Westerly wind and two travelling waves: the atmosphere's general circulation in three modes.

    The forcing ``f = 9`` is that of the reference collection; Lorenz's own is 8.
    """
    return (
        -(y**2) - z**2 - a * x + a * f,
        x * y - b * x * z - y + g,
        b * x * y + x * z - z,
    )
