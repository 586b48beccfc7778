"""Particles, pendulums and stars: conservative motion."""

from __future__ import annotations

from chaosbench.systems._definition import flow

__all__ = ["henon_heiles", "nose_hoover"]


@flow(
    ic=(0.0, 0.0, 0.56833, 0.1),
    reference="henon1964",
    tags={"conservative", "hamiltonian", "astronomy"},
    aliases=("HenonHeiles",),
)
def henon_heiles(x, y, px, py, *, lam=1.0):
    """A star in an axisymmetric galaxy, just below the energy 1/6 at which it can escape."""
    return px, py, -x - 2 * lam * x * y, -y - lam * (x**2 - y**2)


@flow(
    ic=(0.0, 5.0, 0.0),
    reference="hoover1985",
    tags={"conservative", "thermostat"},
    aliases=("NoseHoover",),
)
def nose_hoover(x, y, z, *, a=1.5):
    """A harmonic oscillator in contact with a heat bath that remembers."""
    return y, -x + y * z, a - y**2
