"""Weather and climate."""

from __future__ import annotations

import numpy as np

from chaosbench.systems._definition import flow

__all__ = ["atmospheric_regime", "lorenz84", "lorenz96", "vallis_el_nino"]


def _nudged(d: int) -> list[float]:
    """Return the unstable uniform state with one site pushed, as Lorenz did."""
    return [8.01, *([8.0] * (d - 1))]


@flow(
    dim=40,
    ic=_nudged,
    reference="lorenz1996",
    tags={"dissipative", "hyperchaotic", "climate", "spatiotemporal"},
    aliases=("Lorenz96",),
)
def lorenz96(u, *, F=8.0):
    """Weather on a circle of latitude: advection, damping and forcing at each site.

    The reference collection has 4 sites and the forcing 20; the default here is Lorenz's own.
    """
    return (np.roll(u, -1) - np.roll(u, 2)) * np.roll(u, 1) - u + F


@flow(
    ic=(1.93, -0.134, -1.72),
    reference="lorenz1984",
    tags={"dissipative", "climate"},
    aliases=("Lorenz84",),
)
def lorenz84(x, y, z, *, a=1.32, b=7.91, f=4.83, g=4.194):
    """Lorenz's three-mode atmosphere with stronger thermal contrasts and faster damping."""
    return (
        -(y**2) - z**2 - a * x + a * f,
        x * y - b * x * z - y + g,
        b * x * y + x * z - z,
    )


@flow(
    ic=(-6.99, 0.0233, -0.166),
    reference="vallis1988",
    tags={"dissipative", "climate"},
    aliases=("VallisElNino",),
)
def vallis_el_nino(u, contrast, mean, *, b=102.0, c=3.0, p=0.0):
    """El Niño in three variables: the equatorial current and the temperatures to its east and west.

    ``contrast`` is half the difference of the two temperatures, ``mean`` their mean.
    """
    return b * contrast - c * (u + p), u * mean - contrast, -u * contrast - mean + 1


@flow(
    ic=(0.0265, 0.206, 0.438),
    reference="tuwankotta2006",
    tags={"dissipative", "climate"},
    aliases=("AtmosphericRegime",),
)
def atmospheric_regime(
    x, y, z, *, alpha=-2.0, beta=-5.0, mu1=0.05, mu2=-0.01, omega=3.0, sigma=1.1
):
    """A slow mode coupled to a fast oscillation by an energy-preserving nonlinearity."""
    return (
        mu1 * x + sigma * x * y,
        mu2 * y + omega * z + alpha * y * z + beta * z**2 - sigma * x**2,
        mu2 * z - omega * y - alpha * y**2 - beta * y * z,
    )
