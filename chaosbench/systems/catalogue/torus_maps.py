"""Maps of the torus and the cylinder: rotations and kicked rotators.

A wrapped angle jumps, but the motion itself does not, so these maps are tagged smooth.
"""

from __future__ import annotations

import math

from chaosbench.expressions import cos, mod, sin
from chaosbench.systems import map  # noqa: A004 - the decorator is the field's word

__all__ = ["arnold_cat", "dissipative_standard", "froeschle", "sinai", "zaslavskii"]

_TURN = 2 * math.pi


def _arnold_cat_before(x, y):
    return mod(2 * x - y, 1.0), mod(y - x, 1.0)


@map(
    ic=(0.3141592653589793, 0.2718281828459045),
    reference="arnold1968",
    tags={"conservative", "hamiltonian", "smooth"},
    inverse=_arnold_cat_before,
)
def arnold_cat(x, y):
    """Arnold's cat, sheared along both sides of its torus; both exponents are known exactly.

    Sums and remainders of binary numbers are exact here, so every orbit is exact.
    """
    return mod(x + y, 1.0), mod(x + 2 * y, 1.0)


@map(ic=(0.141, 0.9162), reference="sinai1972", tags={"smooth"}, dissipative=True)
def sinai(x, y, *, delta=0.1):
    """The cat map with a ripple that keeps it hyperbolic but no longer preserves area."""
    return mod(x + y + delta * cos(2 * math.pi * y), 1.0), mod(x + 2 * y, 1.0)


def _froeschle_before(p1, x1, p2, x2, *, k1=3.0, k2=2.0, eps=1.0):
    x1, x2 = mod(x1 - p1, _TURN), mod(x2 - p2, _TURN)
    kick = eps * sin(x1 + x2)
    return mod(p1 - k1 * sin(x1) - kick, _TURN), x1, mod(p2 - k2 * sin(x2) - kick, _TURN), x2


@map(
    ic=(0.1, 0.1, 0.2, 0.3),
    reference="froeschle1972",
    tags={"conservative", "hamiltonian", "hyperchaotic", "smooth"},
    inverse=_froeschle_before,
)
def froeschle(p1, x1, p2, x2, *, k1=3.0, k2=2.0, eps=1.0):
    """Two coupled standard maps, kicked so strongly that no islands remain.

    The momenta are wrapped like the angles. This changes nothing, because a whole turn between two
    kicks has no effect.
    """
    kick = eps * sin(x1 + x2)
    p1, p2 = mod(p1 + k1 * sin(x1) + kick, _TURN), mod(p2 + k2 * sin(x2) + kick, _TURN)
    return p1, mod(x1 + p1, _TURN), p2, mod(x2 + p2, _TURN)


def _dissipative_standard_before(p, x, *, b=0.1, k=8.8):
    x = mod(x - p, _TURN)
    return (p - k * sin(x)) / b, x


@map(
    ic=(-7.61, 3.141),
    reference="schmidt1985",
    tags={"smooth"},
    dissipative=True,
    inverse=_dissipative_standard_before,
)
def dissipative_standard(p, x, *, b=0.1, k=8.8):
    """The kicked rotator with friction, which leaves a tenth of the momentum between kicks."""
    p = b * p + k * sin(x)
    return p, mod(x + p, _TURN)


def _zaslavskii_before(x, y, *, eps=0.3, nu=400 / 3, r=3.0):
    turn = nu * (1 - math.exp(-r)) / r
    kicked = math.exp(r) * y
    x = mod(x - nu - turn * kicked, 1.0)
    return x, kicked - eps * cos(2 * math.pi * x)


@map(
    ic=(0.3755, -0.01127),
    reference="zaslavsky1978",
    tags={"smooth"},
    dissipative=True,
    inverse=_zaslavskii_before,
)
def zaslavskii(x, y, *, eps=0.3, nu=400 / 3, r=3.0):
    """A limit cycle that is kicked periodically and relaxes between the kicks.

    ``x`` counts turns. The parameters are those at which Russell, Hanson and Ott measured its
    dimension [russell1980]; at those of the reference collection the map is not chaotic.
    """
    turn = nu * (1 - math.exp(-r)) / r
    kicked = y + eps * cos(2 * math.pi * x)
    return mod(x + nu + turn * kicked, 1.0), math.exp(-r) * kicked
