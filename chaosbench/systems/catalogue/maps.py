"""Maps: discrete time."""

from __future__ import annotations

import math

from chaosbench.expressions import (
    absolute,
    arccos,
    arctan2,
    cos,
    exp,
    floor,
    maximum,
    minimum,
    mod,
    sign,
    sin,
    sqrt,
)  # fmt: skip
from chaosbench.systems import map  # noqa: A004 - the decorator is the field's word

__all__ = [
    "baker", "beddington", "bedhead", "blinking_vortex_map", "bogdanov", "burgers_map",
    "chebyshev", "chirikov", "circle", "continued_fraction", "de_jong", "delayed_logistic",
    "duffing_map", "folded_towel", "gauss", "generalized_henon", "gingerbreadman", "gumowski_mira",
    "henon", "hopalong", "ikeda", "kaplan_yorke", "logistic", "lozi", "maynard_smith", "pickover",
    "ricker", "svensson", "tent", "tinkerbell", "zeraoulia_sprott",
]  # fmt: skip


def _henon_before(x, y, *, a=1.4, b=0.3):
    return y / b, x - 1 + a * (y / b) ** 2


@map(
    ic=(0.1, 0.1),
    reference="henon1976",
    dissipative=True,
    aliases=("Henon",),
    inverse=_henon_before,
)
def henon(x, y, *, a=1.4, b=0.3):
    """Stretch and fold of the plane: a Poincaré section in miniature."""
    return 1 - a * x**2 + y, b * x


@map(ic=(0.51,), reference="may1976", tags={"ecology"}, dissipative=True, aliases=("Logistic",))
def logistic(x, *, r=4.0):
    """Population with limited resources, generation by generation."""
    return r * x * (1 - x)


def _ikeda_before(x, y, *, u=0.9):
    p, q = (x - 1) / u, y / u
    phase = 0.4 - 6 / (1 + p**2 + q**2)
    return p * cos(phase) + q * sin(phase), q * cos(phase) - p * sin(phase)


@map(
    ic=(0.9, 0.555),
    reference="ikeda1979",
    tags={"optics"},
    dissipative=True,
    aliases=("Ikeda",),
    inverse=_ikeda_before,
)
def ikeda(x, y, *, u=0.9):
    """Light that circulates in a ring cavity with an absorber."""
    phase = 0.4 - 6 / (1 + x**2 + y**2)
    return 1 + u * (x * cos(phase) - y * sin(phase)), u * (x * sin(phase) + y * cos(phase))


@map(
    ic=(0.137, -0.031),
    reference="nusse1998",
    dissipative=True,
    aliases=("Tinkerbell",),
)
def tinkerbell(x, y, *, a=0.9, b=-0.6013, c=2.0, d=0.5):
    """A quadratic map whose attractor resembles the flight of the fairy of that name."""
    return x**2 - y**2 + a * x + b * y, 2 * x * y + c * x + d * y


@map(ic=(0.5,), reference="hilborn2000", dissipative=True, aliases=("Gauss",))
def gauss(x, *, a=4.9, b=-0.5):
    """The mouse map: one bump of a Gaussian, iterated."""
    return exp(-a * x**2) + b


@map(ic=(0.51,), reference="ricker1954", tags={"ecology"}, dissipative=True, aliases=("Ricker",))
def ricker(x, *, a=3.3):
    """Stock and recruitment of fish: a large stock eats many of its young."""
    return x * exp(a - x)


@map(ic=(0.51,), reference="sprott2003", dissipative=True, aliases=("Tent",))
def tent(x, *, mu=0.95):
    """A straight stretch and a sharp fold; the exponent is the logarithm of the slope ``2 mu``."""
    return mu * (1 - 2 * absolute(x - 0.5))


@map(ic=(0.51,), reference="geisel1984", dissipative=True, aliases=("Chebyshev",))
def chebyshev(x, *, a=6.0):
    """A Chebyshev polynomial, iterated; its exponent is the logarithm of its degree.

    Only rounding leads outside [-1, 1]; there the polynomial keeps its boundary values.
    """
    return cos(a * arccos(maximum(-1.0, minimum(1.0, x))))


@map(ic=(0.1,), reference="arnold1965", tags={"smooth"}, dissipative=True, aliases=("Circle",))
def circle(theta, *, k=5.7, omega=0.333):
    """A kicked rotator with strong damping; ``theta`` counts turns and is taken modulo 1."""
    return mod(theta + omega + k / (2 * math.pi) * sin(2 * math.pi * theta), 1.0)


def _baker_before(x, y, *, a=1.0, stretch=2 - 1e-10):
    piece = floor(2 * y)
    return (x + piece) / stretch, (2 * y - piece) / a


@map(
    ic=(0.0499, 0.363),
    reference="sprott2003",
    tags={"conservative"},
    aliases=("Baker",),
    inverse=_baker_before,
)
def baker(x, y, *, a=1.0, stretch=2 - 1e-10):
    """The baker's transformation: stretch the dough, cut it and stack the halves.

    The stretch is slightly below two, because exact doubling would use up the binary digits.
    """
    piece = floor(stretch * x)
    return stretch * x - piece, (a * y + piece) / 2


def _bogdanov_before(x, y, *, eps=0.0, k=1.2, mu=0.0):
    x = x - y
    return x, (y - k * x * (x - 1)) / (1 + eps + mu * x)


@map(
    ic=(0.51, 0.2),
    reference="arrowsmith1993",
    tags={"conservative", "quasiperiodic"},
    aliases=("Bogdanov",),
    inverse=_bogdanov_before,
)
def bogdanov(x, y, *, eps=0.0, k=1.2, mu=0.0):
    """A Bogdanov–Takens bifurcation in discrete time; area-preserving at these parameters.

    Of 400 initial states tried, every bounded orbit lies on an invariant curve.
    """
    y = (1 + eps) * y + k * x * (x - 1) + mu * x * y
    return x + y, y


@map(ic=(1.78, -1.16), reference="dewdney1987", dissipative=True, aliases=("DeJong",))
def de_jong(x, y, *, a=1.641, b=1.902, c=0.316, d=1.525):
    """Peter de Jong's map of four sines, made for its pictures."""
    return sin(a * y) - cos(b * x), sin(c * x) - cos(d * y)


@map(ic=(0.5, 0.5), reference="gilpin2021", dissipative=True, aliases=("Svensson",))
def svensson(x, y, *, a=1.5, b=-1.8, c=1.6, d=0.9):
    """Johnny Svensson's variation on de Jong's map."""
    return d * sin(a * x) - sin(b * y), c * cos(a * x) + cos(b * y)


@map(ic=(0.5, 0.5), reference="gilpin2021", dissipative=True, aliases=("Bedhead",))
def bedhead(x, y, *, a=-0.67, b=0.83):
    """A trigonometric map that looks like hair after a night's sleep."""
    return y * sin(x * y / b) + cos(a * x - y), x + sin(y) / b


@map(ic=(-0.976, -1.2), reference="pickover1990", dissipative=True, aliases=("Pickover",))
def pickover(x, y, *, a=-1.4, b=1.6, c=1.0, d=0.7):
    """Clifford Pickover's map of four sines and cosines."""
    return sin(a * y) + c * cos(a * x), sin(b * x) + d * cos(b * y)


def _mira_bend(u, a):
    return a * u + 2 * (1 - a) * u**2 / (1 + u**2)


def _gumowski_mira_before(x, y, *, a=-0.9, b=1.0):
    before = _mira_bend(x, a) - y
    return before, (x - _mira_bend(before, a)) / b


@map(
    ic=(0.1, 0.1),
    reference="gumowski1980",
    tags={"conservative"},
    aliases=("GumowskiMira",),
    inverse=_gumowski_mira_before,
)
def gumowski_mira(x, y, *, a=-0.9, b=1.0):
    """A map of Gumowski and Mira, made at CERN in a study of particles in a storage ring.

    At a = −1.1 and b = −0.2, the reference collection's values, every orbit tried ends on a fixed
    point or a cycle. Here b = 1: the map preserves areas and has a chaotic sea.
    """
    ahead = b * y + _mira_bend(x, a)
    return ahead, _mira_bend(ahead, a) - x


def _hopalong_before(x, y, *, a=3.1, b=2.5, c=4.2):
    before = a - y - 1
    return before, x + 1 + sqrt(absolute(b * before - 1 - c)) * sign(before - 1)


@map(
    ic=(0.1, 0.1),
    reference="dewdney1986",
    tags={"conservative"},
    unbounded=True,
    aliases=("Hopalong",),
    inverse=_hopalong_before,
)
def hopalong(x, y, *, a=3.1, b=2.5, c=4.2):
    """Barry Martin's map with a signed square root, the wallpaper of early home computers.

    The orbit spreads over ever larger parts of the plane; nothing is wrapped. Farther out the map
    stretches less: the largest exponent is 0.028 averaged over 10⁵ iterations, 0.005 over 10⁷ and
    0.002 over 3·10⁸. It can only tend to zero, so the map is not ranked.
    """
    return y - 1 - sqrt(absolute(b * x - 1 - c)) * sign(x - 1), a - x - 1


@map(
    ic=(0.0, 0.1),
    reference="gilpin2021",
    tags={"ecology"},
    dissipative=True,
    aliases=("MaynardSmith",),
)
def maynard_smith(x, y, *, a=0.87, b=0.75):
    """A population limited by the crowding of two generations ago, in quadratic form."""
    return y, a * y + b - x**2


@map(ic=(0.2, 0.2), reference="kaplan1979", dissipative=True, aliases=("KaplanYorke",))
def kaplan_yorke(x, y, *, alpha=0.2, modulus=0.99999995):
    """Doubling drives a contraction: the map for which the Kaplan–Yorke dimension was conceived.

    The modulus is slightly below one, because exact doubling would use up the binary digits.
    """
    return mod(2 * x, modulus), alpha * y + cos(4 * math.pi * x)


def _gingerbreadman_before(x, y):
    return y, 1 - x + absolute(y)


@map(
    ic=(-0.1, 0.0),
    reference="devaney1984",
    tags={"conservative"},
    aliases=("Gingerbreadman",),
    inverse=_gingerbreadman_before,
)
def gingerbreadman(x, y):
    """A piecewise linear, area-preserving map; its chaotic sea surrounds hexagons of order."""
    return 1 - y + absolute(x), x


def _duffing_before(x, y, *, a=2.75, b=0.2):
    return (a * x - x**3 - y) / b, x


@map(
    ic=(0.51, 0.1),
    reference="holmes1979",
    dissipative=True,
    aliases=("DuffingMap",),
    inverse=_duffing_before,
)
def duffing_map(x, y, *, a=2.75, b=0.2):
    """Holmes's cubic map, a discrete analogue of the Duffing oscillator."""
    return y, -b * x + a * y - y**3


def _chirikov_before(p, x, *, k=0.971635):
    x = x - p
    return p - k * sin(x), x


@map(
    ic=(0.1, 0.1),
    reference="chirikov1979",
    tags={"conservative", "hamiltonian"},
    angles={"x": 2 * math.pi},
    aliases=("Chirikov",),
    inverse=_chirikov_before,
)
def chirikov(p, x, *, k=0.971635):
    """The standard map, a kicked rotator, at the kick that breaks its last torus.

    The angle ``x`` grows without bound and is taken modulo 2π.
    """
    p = p + k * sin(x)
    return p, x + p


def _blinking_vortex_before(x, y, t, *, a=1.0, b=0.5, gamma=1.0, duration=1.5):
    return _half_cycle(x, y, t, a, b, gamma, -duration)


def _half_cycle(x, y, t, a, b, gamma, duration):
    turn = cos(math.pi * t)  # +1 in even iterations, -1 in odd ones
    place, mirror = turn * b, turn * a**2 / b
    ratio = ((x - place) ** 2 + y**2) / ((x - mirror) ** 2 + y**2)
    centre = (place - ratio * mirror) / (1 - ratio)
    radius = sqrt(ratio) / (1 - ratio) * (a**2 / b - b)
    period = (2 * math.pi * radius) ** 2 / gamma * (1 + ratio) / (1 - ratio)
    eccentricity = turn * 2 * sqrt(ratio) / (1 + ratio)
    start = arctan2(y, x - centre)
    mean = start - eccentricity * sin(start) + 2 * math.pi * duration / period
    angle = mean + 0.85 * eccentricity * sign(sin(mean))
    for _ in range(8):
        excess = angle - eccentricity * sin(angle) - mean
        angle = angle - excess / (1 - eccentricity * cos(angle))
    return centre + radius * cos(angle), radius * sin(angle)


@map(
    ic=(0.161, 0.0551),
    reference="aref1984",
    tags={"conservative", "hamiltonian", "fluid", "smooth"},
    aliases=("BlinkingVortexMap",),
    inverse=_blinking_vortex_before,
)
def blinking_vortex_map(x, y, t, *, a=1.0, b=0.5, gamma=1.0, duration=1.5):
    """Half a cycle of Aref's blinking vortex, which alternates between two places in time.

    A point moves on a circle around the vortex according to Kepler's equation, which eight Newton
    steps solve to the last digit. The coordinates are Cartesian; the reference collection uses
    polar ones. It also has the wrong phase around the left place and does not preserve area there.
    """
    return _half_cycle(x, y, t, a, b, gamma, duration)


def _lozi_before(x, y, *, a=1.7, b=0.5):
    return y / b, x - 1 + a * absolute(y / b)


@map(ic=(0.8892, 0.07665), reference="lozi1978", dissipative=True, inverse=_lozi_before)
def lozi(x, y, *, a=1.7, b=0.5):
    """Hénon's map with its parabola straightened: a piecewise linear strange attractor."""
    return 1 - a * absolute(x) + y, b * x


@map(ic=(-0.1232, -0.4934), reference="whitehead1984", tags={"fluid"}, dissipative=True)
def burgers_map(x, y, *, a=0.75, b=1.75):
    """A discrete form of Burgers's two equations for a mean flow and a turbulent one."""
    return a * x - y**2, b * y + x * y


@map(ic=(0.1099, 0.04953), reference="aronson1982", tags={"ecology"}, dissipative=True)
def delayed_logistic(x, y, *, a=2.27):
    """A population limited by the crowding of the previous generation, after torus breakdown."""
    return a * x * (1 - y), x


@map(ic=(1.057, 0.02157), reference="beddington1975", tags={"hyperchaotic", "ecology"})
def beddington(x, y, *, r=3.0, K=1.0, a=5.0):
    """Hosts and parasitoids, generation by generation; the hosts alone follow Ricker's map.

    Volumes grow on average: the map folds the plane onto itself many times over.
    """
    return x * exp(r * (1 - x / K) - a * y), x * (1 - exp(-a * y))


def _generalized_henon_before(x, y, z, *, a=1.76, b=0.1):
    return y, z, (a - z**2 - x) / b


@map(
    ic=(1.574, -1.14, 0.1384),
    reference="baier1990",
    tags={"hyperchaotic"},
    dissipative=True,
    inverse=_generalized_henon_before,
)
def generalized_henon(x, y, z, *, a=1.76, b=0.1):
    """Hénon's map with one more step of memory, stretched along two directions at once."""
    return a - y**2 - b * z, x, y


@map(ic=(0.8077, 0.03773, 0.8059), reference="rossler1979", tags={"hyperchaotic"}, dissipative=True)
def folded_towel(x, y, z, *, a=3.8, b=0.05, c=0.35, d=3.78, e=0.2):
    """Rössler's first hyperchaotic map: a towel, stretched along both sides and folded twice."""
    weave = (y + c) * (1 - 2 * z)
    return a * x * (1 - x) - b * weave, 0.1 * (weave - 1) * (1 - 1.9 * x), d * z * (1 - z) + e * y


@map(ic=(0.3183098861837907,), reference="corless1992", tags={"smooth"})
def continued_fraction(x):
    """Gauss's map: it removes the first digit of a number's continued fraction.

    Lévy's theorem gives the exponent, ``pi**2 / (6 ln 2)``.
    """
    return mod(1 / x, 1.0)


@map(ic=(0.4595, -0.3489), reference="zeraoulia2011", dissipative=True)
def zeraoulia_sprott(x, y, *, a=4.0, b=0.9):
    """A rational map of the plane without a vanishing denominator."""
    return -a * x / (1 + y**2), x + b * y
