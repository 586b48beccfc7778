"""Chaotic advection: a particle carried by a flow that is itself orderly."""

from __future__ import annotations

import math

from chaosbench.expressions import cos, cosh, sin, sinh, tanh
from chaosbench.systems import flow

__all__ = [
    "abc_flow", "bickley_jet", "blinking_rotlet", "blinking_vortex", "double_gyre",
    "interior_squirmer", "lid_driven_cavity", "oscillating_flow",
]  # fmt: skip

_SWITCH_STIFFNESS = 20.0
"""Steepness of the smooth switch between two stirrers, per period of the protocol."""

_BICKLEY_AMPLITUDES = (0.0075, 0.15, 0.3)
_BICKLEY_WAVENUMBERS = (0.313922, 0.627845, 0.941767)
_BICKLEY_DRIFTS = (9.05854e-06, 1.28453e-05, 2.88863e-05)

_SQUIRMER_MODES = range(1, 6)


def _switch(t, tau):
    """Return the share of the first of two stirrers that take turns with period `tau`."""
    return 0.5 + 0.5 * tanh(tau * _SWITCH_STIFFNESS * sin(2 * math.pi * t / tau))


@flow(
    ic=(0.0, 2.0, 6.2),
    reference="dombre1986",
    tags={"conservative", "fluid"},
    angles={"x": 2 * math.pi, "y": 2 * math.pi, "z": 2 * math.pi},
    aliases=("ArnoldBeltramiChildress",),
)
def abc_flow(x, y, z, *, a=1.73205, b=1.41421, c=1.0):
    """Streamlines of the Arnold–Beltrami–Childress flow, a steady solution of Euler's equations.

    The three coordinates wander without bound; the flow repeats every 2π along each.
    """
    return (
        a * sin(z) + c * cos(y),
        b * sin(x) + a * cos(z),
        c * sin(y) + b * cos(x),
    )


@flow(
    ic=(1.53, 0.998),
    reference="shadden2005",
    tags={"conservative", "hamiltonian", "fluid"},
    aliases=("DoubleGyre",),
)
def double_gyre(x, y, t, *, alpha=0.1, eps=0.1, omega=0.62832):
    """Two counter-rotating gyres in a basin, whose dividing line oscillates."""
    sway = eps * sin(omega * t)
    phase = math.pi * (sway * x**2 + (1 - 2 * sway) * x)
    slope = 2 * sway * x + 1 - 2 * sway
    return (
        -alpha * math.pi * sin(phase) * cos(math.pi * y),
        alpha * math.pi * slope * cos(phase) * sin(math.pi * y),
    )


def _rotlet(x, y, a, b, wall):
    """Return the velocity due to a clockwise rotlet at ``(b, 0)`` in a cylinder of radius `a`.

    `wall` is 1 for a rotlet in a viscous fluid, which sticks to the wall, and 0 for a vortex in an
    ideal fluid, which needs only its image.
    """
    r2 = x**2 + y**2
    near = b**2 - 2 * b * x + r2
    image = a**2 - 2 * b * x + (b / a) ** 2 * r2
    shear = wall * (1 - r2 / a**2) * (a**2 - (b / a) ** 2 * r2) / image**2
    spin = wall * (a**2 + b**2 - 2 * (b / a) ** 2 * r2) / (a**2 * image)
    return (
        y / near - (b / a) ** 2 * y * (1 / image + shear) - spin * y,
        (b - x) / near + ((b / a) ** 2 * x - b) * (1 / image + shear) + spin * x,
    )


def _blinking(x, y, t, a, b, wall, sigma, tau):
    """Return the velocity due to two rotlets at opposite places that are switched on in turn."""
    share = _switch(t, tau)
    u1, v1 = _rotlet(x, y, a, b, wall)
    u2, v2 = _rotlet(x, y, a, -b, wall)
    return sigma * (share * u1 + (1 - share) * u2), sigma * (share * v1 + (1 - share) * v2)


@flow(
    ic=(0.26, 0.14),
    reference="meleshko1996",
    tags={"conservative", "hamiltonian", "fluid", "singular"},
    aliases=("BlinkingRotlet",),
)
def blinking_rotlet(x, y, t, *, a=1.0, b=0.5298833894399929, sigma=-1.0, tau=3.0):
    """Viscous fluid in a cylinder, stirred in turn by two thin rotating rods.

    The velocity is infinite at the rods, and orbits come arbitrarily close to them. At a tolerance
    of 1e-10, an orbit within 0.001 of a rod drifts inward by one per cent per period, and needs
    millions of steps for it. The coordinates are Cartesian, which are canonical and bounded; the
    reference collection uses polar ones.
    """
    return _blinking(x, y, t, a, b, 1.0, sigma, tau)


@flow(
    ic=(0.26, 0.14),
    reference="aref1984",
    tags={"conservative", "hamiltonian", "fluid", "singular"},
    aliases=("BlinkingVortex",),
)
def blinking_vortex(x, y, t, *, a=1.0, b=0.5, sigma=-1.0, tau=3.0):
    """Ideal fluid in a cylinder, stirred in turn by two point vortices.

    The velocity is infinite at the vortices, and orbits come arbitrarily close to them. The
    coordinates are Cartesian, which are canonical and bounded; the reference collection uses polar
    ones.
    """
    return _blinking(x, y, t, a, b, 0.0, sigma, tau)


def _lid_mode(x, y, a, b, k):
    """Return the velocity due to the k-th sine mode of the lids' motion in a slender cavity."""
    q = k * math.pi / a
    scale = 2 / (2 * k * math.pi * b + a * math.sinh(2 * q * b))
    u = (
        scale
        * sin(q * x)
        * (
            math.cosh(q * b) * (k * math.pi * y * cosh(q * y) + a * sinh(q * y))
            - k * math.pi * b * math.sinh(q * b) * sinh(q * y)
        )
    )
    v = (
        scale
        * k
        * math.pi
        * cos(q * x)
        * (b * math.sinh(q * b) * cosh(q * y) - math.cosh(q * b) * y * sinh(q * y))
    )
    return u, v


@flow(
    ic=(3.97, 0.184),
    reference="grover2012",
    tags={"conservative", "fluid"},
    aliases=("LidDrivenCavityFlow",),
)
def lid_driven_cavity(x, y, t, *, u1=9.92786, u2=8.34932, tau=1.1):
    """Slow viscous flow in a cavity of aspect ratio 3 whose lids alternate between two motions.

    The cavity spans ``0 < x < 6`` and ``-1 < y < 1``.
    """
    a, b = 6.0, 1.0
    odd_u, odd_v = _lid_mode(x, y, a, b, 1)
    even_u, even_v = _lid_mode(x, y, a, b, 2)
    turn = 2 * _switch(t, tau) - 1
    return u1 * turn * odd_u + u2 * even_u, u1 * turn * odd_v + u2 * even_v


@flow(
    ic=(0.0995, 0.00998),
    reference="blake1971",
    tags={"conservative", "hamiltonian", "fluid"},
    aliases=("InteriorSquirmer",),
)
def interior_squirmer(x, y, t, *, a=0.5, g=0.5, tau=3.0):
    """Fluid inside a cylinder whose wall strokes alternate between two patterns of five waves.

    The coordinates are Cartesian, which are canonical and bounded; the reference collection uses
    polar ones. The stream function is ``(r² - 1) Σ (even Im zⁿ - odd Re zⁿ)`` with ``z = x + iy``.
    """
    share = _switch(t, tau)
    odd, even = a * share, g * (1 - share)
    inside = x**2 + y**2 - 1
    real, imaginary = 1.0, 0.0
    total = slope_x = slope_y = 0.0
    for n in _SQUIRMER_MODES:
        slope_x = slope_x + n * (even * imaginary - odd * real)
        slope_y = slope_y + n * (even * real + odd * imaginary)
        real, imaginary = x * real - y * imaginary, x * imaginary + y * real
        total = total + even * imaginary - odd * real
    return 2 * y * total + inside * slope_y, -2 * x * total - inside * slope_x


@flow(
    ic=(3.14159, 1.0472),
    reference="solomon1988",
    tags={"conservative", "hamiltonian", "fluid"},
    angles={"x": lambda k: 2 * math.pi / k},
    aliases=("OscillatingFlow",),
)
def oscillating_flow(x, y, t, *, b=0.48, k=1.0, omega=0.49, u=0.72):
    """A tracer in a row of convection rolls that sway from side to side.

    ``x`` wanders along the row without bound; the rolls repeat every 2π/k.
    """
    phase = k * (x + b * sin(omega * t))
    return u * cos(k * y) * sin(phase), -u * sin(k * y) * cos(phase)


@flow(
    ic=(14.69, 2.07),
    reference="hadjighasem2016",
    tags={"conservative", "hamiltonian", "fluid", "climate"},
    angles={"x": 2 * math.pi / _BICKLEY_WAVENUMBERS[0]},
    aliases=("BickleyJet",),
)
def bickley_jet(x, y, t, *, ell=1.77, u=6.266e-05):
    """A tracer in a zonal jet of the stratosphere that meanders under three Rossby waves.

    Lengths are in thousands of kilometres, time is in seconds. ``x`` runs around the Earth without
    bound. Jet and waves move eastward, as in the source; in the reference collection the jet blows
    against the waves, and nothing mixes.
    """
    envelope = u / cosh(y / ell) ** 2
    shift = sway = 0.0
    waves = zip(_BICKLEY_AMPLITUDES, _BICKLEY_WAVENUMBERS, _BICKLEY_DRIFTS, strict=True)
    for amplitude, wavenumber, drift in waves:
        phase = wavenumber * (x - drift * t)
        shift = shift + amplitude * cos(phase)
        sway = sway + amplitude * wavenumber * sin(phase)
    return envelope * (1 + 2 * shift * tanh(y / ell)), -ell * envelope * sway
