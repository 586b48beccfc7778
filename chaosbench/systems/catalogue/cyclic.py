"""Flows with a rotational symmetry among their variables, and minimal algebraic flows."""

from __future__ import annotations

from chaosbench.expressions import sin
from chaosbench.systems import flow

__all__ = [
    "chen", "halvorsen", "rabinovich_fabrikant", "sprott_b", "thomas", "thomas_labyrinth",
]  # fmt: skip


@flow(
    ic=(2.2, 2.36, 3.22),
    reference="thomas1999",
    tags={"biology"},
    dissipative=True,
    aliases=("Thomas",),
)
def thomas(x, y, z, *, a=1.85, b=10.0):
    """Feedback circuits of three genes: a labyrinth of sines with damping."""
    return -a * x + b * sin(y), -a * y + b * sin(z), -a * z + b * sin(x)


@flow(
    ic=(-4.96, 1.03, -4.69),
    reference="thomas1999",
    tags={"biology"},
    dissipative=True,
    aliases=("ThomasLabyrinth",),
)
def thomas_labyrinth(x, y, z, *, a=0.5, b=10.0):
    """Thomas's cyclic feedback with so little damping that orbits roam a labyrinth of cells."""
    return -a * x + b * sin(y), -a * y + b * sin(z), -a * z + b * sin(x)


@flow(
    ic=(-8.68, -2.47, 0.071),
    reference="sprott2003",
    dissipative=True,
    aliases=("Halvorsen",),
)
def halvorsen(x, y, z, *, a=1.4, b=4.0):
    """A quadratic flow that looks the same along each of its axes."""
    return (
        -a * x - b * y - b * z - y**2,
        -a * y - b * z - b * x - z**2,
        -a * z - b * x - b * y - x**2,
    )


@flow(
    ic=(1.69, 1.48, -0.537),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottB",),
)
def sprott_b(x, y, z):
    """Case B of the nineteen simplest quadratic flows: five terms, two of them nonlinear."""
    return y * z, x - y, 1 - x * y


@flow(
    ic=(3.27, 5.3, 19.4),
    reference="chen1999",
    dissipative=True,
    aliases=("Chen",),
)
def chen(x, y, z, *, a=35.0, b=3.0, c=28.0):
    """The Lorenz system's dual, found by controlling it into chaos."""
    return a * (y - x), (c - a) * x - x * z + c * y, x * y - b * z


@flow(
    ic=(-1.82, 0.834, 0.208),
    reference="rabinovich1979",
    tags={"plasma"},
    dissipative=True,
    aliases=("RabinovichFabrikant",),
)
def rabinovich_fabrikant(x, y, z, *, a=1.1, g=0.87):
    """Waves in a plasma that modulate one another."""
    return (
        y * (z - 1 + x**2) + g * x,
        x * (3 * z + 1 - x**2) + g * y,
        -2 * z * (a + x * y),
    )
