"""Weather and climate."""

from __future__ import annotations

import math

import numpy as np

from chaosbench.systems import flow

__all__ = [
    "atmospheric_regime", "charney_devore", "lorenz84", "lorenz96", "lorenz96_two_scale",
    "vallis_el_nino",
]  # fmt: skip


def _nudged(d: int) -> list[float]:
    """Return the unstable uniform state with one site perturbed, as Lorenz did."""
    return [8.01, *([8.0] * (d - 1))]


@flow(
    dim=40,
    ic=_nudged,
    reference="lorenz1996",
    tags={"hyperchaotic", "climate", "spatiotemporal"},
    dissipative=True,
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
    tags={"climate"},
    dissipative=True,
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
    tags={"climate"},
    dissipative=True,
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
    tags={"climate"},
    dissipative=True,
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


# number of slow variables, and of fast variables for each slow one
_SLOW, _FAST = 8, 8


@flow(
    dim={"slow": _SLOW, "fast": _SLOW * _FAST},
    ic=[
        *(8.0 + 0.5 * (k % 3) for k in range(_SLOW)),
        *(0.1 * (j % 5 - 2) for j in range(_SLOW * _FAST)),
    ],
    reference="lorenz1996",
    tags={"hyperchaotic", "climate", "spatiotemporal"},
    dissipative=True,
)
def lorenz96_two_scale(slow, fast, *, F=20.0, h=1.0, b=10.0, c=10.0):
    """Weather on a circle of latitude with fast, small-scale convection in every sector.

    The fast variables are ``c`` times as fast and ``b`` times as small. They form one ring through
    all sectors, which runs in the opposite direction. Lorenz used 36 sectors of 10 fast variables
    and a forcing of 10.
    """
    sums = fast.reshape(_SLOW, _FAST).sum(axis=1)
    return (
        (np.roll(slow, -1) - np.roll(slow, 2)) * np.roll(slow, 1) - slow + F - h * c / b * sums,
        c * b * (np.roll(fast, 1) - np.roll(fast, -2)) * np.roll(fast, -1)
        - c * fast
        + h * c / b * np.repeat(slow, _FAST),
    )


@flow(
    ic=(0.9228, 0.1437, -0.01009, -0.6266, -0.1683, 0.02447),
    reference="crommelin2004",
    tags={"climate"},
    dissipative=True,
)
def charney_devore(
    x1, x2, x3, x4, x5, x6, *, x1_star=0.95, x4_star=-0.76095, c=0.1, beta=1.25, gamma=0.2, b=0.5
):
    """Wind over a mountain in a channel, in two zonal and two wave modes; at times it is blocked.

    ``b`` is the ratio of the channel's width to half its length, ``gamma`` the mountain's height,
    ``beta`` the gradient of the Coriolis parameter and ``c`` the rate of damping.
    """
    unit = math.sqrt(2) / math.pi
    wave = {m: b**2 + m**2 for m in (1, 2)}
    fall = {m: 4 * m / (4 * m**2 - 1) * b * unit * gamma for m in (1, 2)}
    lift = {m: fall[m] * m**2 / wave[m] for m in (1, 2)}
    advect = {m: 8 * unit * m**2 / (4 * m**2 - 1) * (wave[m] - 1) / wave[m] for m in (1, 2)}
    mix = {m: 64 * unit / 15 * (b**2 - m**2 + 1) / wave[m] for m in (1, 2)}
    drift1 = advect[1] * x1 - beta * b**2 / wave[1]
    drift2 = advect[2] * x1 - beta * b**2 / wave[2]
    return (
        fall[1] * x3 - c * (x1 - x1_star),
        -drift1 * x3 - c * x2 - mix[1] * x4 * x6,
        drift1 * x2 - lift[1] * x1 - c * x3 + mix[1] * x4 * x5,
        fall[2] * x6 - c * (x4 - x4_star) + 16 / 5 * unit * (x2 * x6 - x3 * x5),
        -drift2 * x6 - c * x5 - mix[2] * x3 * x4,
        drift2 * x5 - lift[2] * x4 - c * x6 + mix[2] * x2 * x4,
    )
