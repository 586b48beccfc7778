"""Convection, flow and their low-order truncations."""

from __future__ import annotations

from chaosbench.systems import flow

__all__ = [
    "complex_lorenz", "hadley", "lorenz", "lorenz_bounded", "lorenz_coupled", "lorenz_stenflo",
    "rayleigh_benard", "rayleigh_benard_9d", "rucklidge",
]  # fmt: skip


@flow(
    ic=(-9.79, -15.04, 20.53),
    reference="lorenz1963",
    tags={"fluid"},
    dissipative=True,
    aliases=("Lorenz",),
)
def lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
    """Convection in a fluid layer heated from below, truncated to three modes."""
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@flow(
    ic=(1.93, 3.19, 5.78),
    reference="rucklidge1992",
    tags={"fluid"},
    dissipative=True,
    aliases=("Rucklidge",),
)
def rucklidge(x, y, z, *, a=2.0, b=6.7):
    """Double convection in a magnetic field, near the onset of overturning.

    Its largest exponent is 0.190. Sprott's table has 0.0643 at these parameters, which fourteen
    starting points and an integration by SciPy do not confirm; that is the exponent near b = 4.6.
    """
    return -a * x + b * y - y * z, x, -z + y**2


@flow(
    ic=(1.37, 0.93, 0.64),
    reference="lorenz1984",
    tags={"fluid", "climate"},
    dissipative=True,
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


@flow(
    ic=(-13.3, -12.4, 34.2),
    reference="sprott2015",
    tags={"fluid"},
    dissipative=True,
    aliases=("LorenzBounded",),
)
def lorenz_bounded(x, y, z, *, beta=8 / 3, r=64.0, rho=28.0, sigma=10.0):
    """The Lorenz system slowed near a sphere of radius ``r``, which no orbit inside can leave.

    ``beta`` is 8/3 as in Lorenz's system, not the reference collection's 2.667.
    """
    slowing = 1 - (x**2 + y**2 + z**2) / r**2
    return (
        sigma * (y - x) * slowing,
        (x * (rho - z) - y) * slowing,
        (x * y - beta * z) * slowing,
    )


@flow(
    ic=(7.09, 10.1, 25.7, 2.17, 0.961, 0.896),
    reference="gilpin2021",
    tags={"fluid"},
    dissipative=True,
    aliases=("LorenzCoupled",),
)
def lorenz_coupled(
    x1, y1, z1, x2, y2, z2, *, beta=8 / 3, eps=2.85, rho1=35.0, rho2=1.15, sigma=10.0
):
    """A chaotic Lorenz system that drives a second one, which alone would come to rest.

    ``beta`` is 8/3 as in Lorenz's system, not the reference collection's 2.667.
    """
    return (
        sigma * (y1 - x1),
        x1 * (rho1 - z1) - y1,
        x1 * y1 - beta * z1,
        sigma * (y2 - x2) + eps * (x1 - x2),
        x2 * (rho2 - z2) - y2,
        x2 * y2 - beta * z2,
    )


@flow(
    ic=(4.23, 9.09, 21.9, -1.41),
    reference="stenflo1996",
    tags={"fluid", "climate"},
    dissipative=True,
    aliases=("LorenzStenflo",),
)
def lorenz_stenflo(x, y, z, w, *, a=2.0, b=0.7, c=26.0, d=1.5):
    """Acoustic-gravity waves in a rotating atmosphere: Lorenz's modes and one of rotation."""
    return a * (y - x) + d * w, x * (c - z) - y, x * y - b * z, -x - a * w


@flow(
    ic=(-15.7, -13.3, 26.9),
    reference="yanagita1995",
    tags={"fluid"},
    dissipative=True,
    aliases=("RayleighBenard",),
)
def rayleigh_benard(x, y, z, *, a=30.0, b=5.0, r=18.0):
    """A three-mode caricature of convection, with the form of the Lü system."""
    return a * (y - x), r * y - x * z, x * y - b * z


@flow(
    ic=(1.59, 0.03783, -0.5488, 1.029, -0.522, -1.576, -6.695, -4.841, 4.191),
    reference="reiterer1998",
    tags={"fluid"},
    dissipative=True,
)
def rayleigh_benard_9d(c1, c2, c3, c4, c5, c6, c7, c8, c9, *, a=0.5, sigma=0.5, r=14.22):
    """Convection in square cells, in nine modes: five of the flow and four of the temperature.

    ``a`` is the wavenumber of the cells and ``r`` the reduced Rayleigh number, here a little above
    the onset of chaos.
    """
    b1 = 4 * (1 + a**2) / (1 + 2 * a**2)
    b2 = (1 + 2 * a**2) / (2 * (1 + a**2))
    b3 = 2 * (1 - a**2) / (1 + a**2)
    b4 = a**2 / (1 + a**2)
    b5 = 8 * a**2 / (1 + 2 * a**2)
    b6 = 4 / (1 + 2 * a**2)
    return (
        -sigma * (b1 * c1 + b2 * c7) - c2 * c4 + b4 * c4**2 + b3 * c3 * c5,
        -sigma * (c2 + c9 / 2) + c1 * c4 - c2 * c5 + c4 * c5,
        -sigma * (b1 * c3 - b2 * c8) + c2 * c4 - b4 * c2**2 - b3 * c1 * c5,
        -sigma * (c4 - c9 / 2) - c2 * c3 - c2 * c5 + c4 * c5,
        -sigma * b5 * c5 + (c2**2 - c4**2) / 2,
        -b6 * c6 + (c2 - c4) * c9,
        -b1 * c7 - r * c1 + 2 * c5 * c8 - c4 * c9,
        -b1 * c8 + r * c3 - 2 * c5 * c7 + c2 * c9,
        -c9 - (c2 - c4) * (r + 2 * c6) + c4 * c7 - c2 * c8,
    )


@flow(
    ic=(5.473, -7.808, -6.517, 9.713, 72.23),
    reference="fowler1982",
    tags={"fluid", "optics"},
    dissipative=True,
)
def complex_lorenz(x1, x2, y1, y2, z, *, sigma=2.0, b=0.8, r1=60.0, r2=0.02, e=0.06):
    """The Lorenz system with complex amplitudes: baroclinic waves, or a detuned laser.

    ``x1 + i x2`` and ``y1 + i y2`` are the amplitudes. Rotating both by the same angle changes
    nothing, so a second exponent is zero.
    """
    return (
        sigma * (y1 - x1),
        sigma * (y2 - x2),
        (r1 - z) * x1 - r2 * x2 - y1 - e * y2,
        (r1 - z) * x2 + r2 * x1 - y2 + e * y1,
        -b * z + x1 * y1 + x2 * y2,
    )
