"""Quadratic and other algebraic flows that were found by search or by control."""

from __future__ import annotations

from chaosbench.expressions import cosh, exp, tanh
from chaosbench.systems import flow

__all__ = [
    "abooee", "aizawa", "burke_shaw", "dadras", "dequan_li", "guckenheimer_holmes",
    "line_equilibrium", "liu", "liu_chen", "lu_chen", "lu_chen_cheng", "pan_xu_zhou",
    "pehlivan_wei", "qi_chen", "sakarya", "san_um_srisuchinwong", "shimizu_morioka", "tsucs2",
    "wang_sun", "wei", "yu_wang", "yu_wang2", "zhou_chen",
]  # fmt: skip


@flow(
    ic=(-0.785, -0.629, -0.176),
    reference="langford1984",
    dissipative=True,
    aliases=("Aizawa",),
)
def aizawa(x, y, z, *, a=0.95, b=0.7, c=0.6, d=3.5, e=0.25, f=0.1):
    """A Hopf bifurcation meets a stationary one: a sphere pierced along its axis."""
    radius = x**2 + y**2
    return (
        (z - b) * x - d * y,
        d * x + (z - b) * y,
        c + a * z - z**3 / 3 - radius * (1 + e * z) + f * z * x**3,
    )


@flow(
    ic=(-0.556, 0.0518, 0.378),
    reference="guckenheimer1983",
    dissipative=True,
    aliases=("GuckenheimerHolmes",),
)
def guckenheimer_holmes(x, y, z, *, a=0.4, b=20.25, c=3.0, d=1.6, e=1.7, f=0.44):
    """Unfolding of an equilibrium with one zero and two imaginary eigenvalues."""
    return (
        a * x - b * y + c * x * z + d * z * (x**2 + y**2),
        a * y + b * x + c * y * z,
        e - z**2 - f * (x**2 + y**2) - a * z**3,
    )


@flow(
    ic=(0.0168, 0.0349, 0.353),
    reference="shimizu1980",
    dissipative=True,
    aliases=("ShimizuMorioka",),
)
def shimizu_morioka(x, y, z, *, a=0.85, b=0.5):
    """The Lorenz system at large Rayleigh number: a symmetric homoclinic butterfly."""
    return y, x - a * y - x * z, x**2 - b * z


@flow(
    ic=(-0.792, 0.652, 0.225),
    reference="shaw1981",
    dissipative=True,
    aliases=("BurkeShaw",),
)
def burke_shaw(x, y, z, *, e=13.0, n=10.0):
    """A relative of the Lorenz system with twisted wings, by Burke and Shaw.

    In the source y is damped; in dysts, which has y' = y - n x z, it is driven.
    """
    return -n * (x + y), -y - n * x * z, n * x * y + e


@flow(
    ic=(1.03, -3.53, -0.721),
    reference="dadras2009",
    dissipative=True,
    aliases=("Dadras",),
)
def dadras(x, y, z, *, c=2.0, e=9.0, o=2.7, p=3.0, r=1.7):
    """A flow with two, three or four scrolls, depending on one of its parameters."""
    return y - p * x + o * y * z, r * y - x * z + z, c * x * y - e * z


@flow(
    ic=(0.217, 0.867, 0.506),
    reference="pehlivan2012",
    dissipative=True,
    aliases=("PehlivanWei",),
)
def pehlivan_wei(x, y, z):
    """A quadratic flow without parameters, made for an electronic circuit."""
    return y - y * z, y + y * z - 2 * x, 2 - x * y - y**2


@flow(
    ic=(11.0, 9.88, 22.7),
    reference="lu2002",
    dissipative=True,
    aliases=("LuChen",),
)
def lu_chen(x, y, z, *, a=36.0, b=3.0, c=18.0):
    """The Lü system, half way between Lorenz's and Chen's."""
    return a * (y - x), c * y - x * z, x * y - b * z


@flow(
    ic=(-5.52, 2.5, 10.5),
    reference="lu2004",
    dissipative=True,
    aliases=("LuChenCheng",),
)
def lu_chen_cheng(x, y, z, *, a=-10.0, b=-4.0, c=18.1):
    """Three products with two wings above and two below."""
    return -a * b / (a + b) * x - y * z + c, a * y + x * z, b * z + x * y


@flow(
    ic=(17.4, 5.55, 78.9),
    reference="qichen2008",
    dissipative=True,
    aliases=("QiChen",),
)
def qi_chen(x, y, z, *, a=38.0, b=2.666, c=80.0):
    """A Lorenz-like flow with a third product, whose attractor can have four wings."""
    return a * (y - x) + y * z, c * x + y - x * z, x * y - b * z


@flow(
    ic=(-0.604, 0.0121, 0.000833),
    reference="zhou2004",
    dissipative=True,
    aliases=("ZhouChen",),
)
def zhou_chen(x, y, z, *, a=2.97, b=0.15, c=-3.0, d=1.0, e=-8.78):
    """A smooth flow whose attractor has three layers."""
    return a * x + b * y + y * z, c * y - x * z + d * y * z, e * z - x * y


@flow(
    ic=(-0.548, 0.739, -0.00493),
    reference="wang2009",
    dissipative=True,
    aliases=("WangSun",),
)
def wang_sun(x, y, z, *, a=0.2, b=-0.01, d=-0.4, e=-1.0, f=-1.0, q=1.0):
    """A quadratic flow with four wings."""
    return a * x + q * y * z, b * x + d * y - x * z, e * z + f * x * y


@flow(
    ic=(-0.214, -0.179, 14.1),
    reference="yu2012",
    dissipative=True,
    aliases=("YuWang",),
)
def yu_wang(x, y, z, *, a=10.0, b=40.0, c=2.0, d=2.5):
    """A Lorenz-like flow lifted by the exponential of a product."""
    return a * (y - x), b * x - c * x * z, exp(x * y) - d * z


@flow(
    ic=(0.126, 1.25, 18.4),
    reference="yu2012",
    dissipative=True,
    aliases=("YuWang2",),
)
def yu_wang2(x, y, z, *, a=10.0, b=30.0, c=2.0, d=2.5):
    """A Lorenz-like flow lifted by the hyperbolic cosine of a product."""
    return a * (y - x), b * x - c * x * z, cosh(x * y) - d * z


@flow(
    ic=(0.639, 1.09, 2.45),
    reference="sanum2012",
    dissipative=True,
    aliases=("SanUmSrisuchinwong",),
)
def san_um_srisuchinwong(x, y, z, *, a=2.0):
    """A flow with a saturating switch and an absolute value, made for a circuit."""
    return y - x, -z * tanh(x), -a + x * y + abs(y)


@flow(
    ic=(-11.4, -104.0, 202.0),
    reference="li2008",
    tags={"regular"},
    dissipative=True,
    aliases=("DequanLi",),
)
def dequan_li(x, y, z, *, a=40.0, c=1.833, d=0.16, eps=0.65, f=20.0, k=55.0):
    """Li's flow, whose three scrolls are a transient.

    At the published parameters every orbit tried ends on a limit cycle.
    """
    return (
        a * (y - x) + d * x * z,
        k * x + f * y - x * z,
        c * z + x * y - eps * x**2,
    )


@flow(
    ic=(1.3, 1.12, 50.0),
    reference="pan2010",
    tags={"quasiperiodic"},
    dissipative=True,
    aliases=("Tsucs2",),
)
def tsucs2(x, y, z, *, a=40.0, c=0.833, d=0.5, eps=0.65, f=20.0):
    """The three-scroll unified chaotic system, second member.

    At the published parameters every orbit tried ends on a torus.
    """
    return a * (y - x) + d * x * z, f * y - x * z, c * z + x * y - eps * x**2


@flow(
    ic=(-3.04, -1.98, 14.7),
    reference="zhou2008",
    dissipative=True,
    transient=True,
    aliases=("PanXuZhou",),
)
def pan_xu_zhou(x, y, z, *, a=10.0, b=8 / 3, c=16.0):
    """A flow of the Lorenz family without the damping of its second variable.

    Its chaos is transient: every orbit ends on one of two stable equilibria.
    """
    return a * (y - x), c * x - x * z, x * y - b * z


@flow(
    ic=(-4.975, -8.496, 9.257),
    reference="li2015",
    dissipative=True,
    transient=True,
    aliases=("Sakarya",),
)
def sakarya(x, y, z, *, a=-1.0, b=1.0, c=1.0, h=1.0, p=1.0, q=0.4, r=0.3, s=1.0):
    """Two attractors merge into four wings.

    Its chaos is transient: after some ten thousand periods most orbits escape to infinity.
    """
    return a * x + h * y + s * y * z, -b * y - p * x + q * x * z, c * z - r * x * y


@flow(
    ic=(7.346, 2.643, 6.205),
    reference="liu2004",
    dissipative=True,
    transient=True,
    aliases=("LiuChen",),
)
def liu_chen(x, y, z, *, a=0.4, b=12.0, c=-5.0, q=-1.0, r=1.0, s=1.0):
    """Three products and two pairs of wings, studied in search of a single four-scroll attractor.

    Its chaos is transient: after some thousands of periods orbits end on a limit cycle.
    """
    return a * x + s * y * z, -b * y + q * x * z, c * z - r * x * y


@flow(
    ic=(-2.54, -1.94, -2.97),
    reference="abooee2013",
    dissipative=True,
    aliases=("Laser",),
)
def abooee(x, y, z, *, a=10.0, b=1.0, c=5.0, d=-1.0, h=-5.0, k=-6.0):
    """A cubic flow realised as a circuit; the reference collection calls it a laser."""
    return a * (y - x) + b * y * z**2, c * x + d * x * z**2, h * z + k * x**2


@flow(ic=(-1.398, -0.6027, 36.41), reference="liuliu2004", dissipative=True)
def liu(x, y, z, *, a=10.0, b=40.0, c=2.5, k=1.0, h=4.0):
    """A relative of the Lorenz system with a square in its third equation."""
    return a * (y - x), b * x - k * x * z, -c * z + h * x**2


@flow(ic=(-1.998, 1.397, 1.893), reference="wei2011", dissipative=True)
def wei(x, y, z, *, a=0.35):
    """A quadratic flow that has no equilibrium, so that its attractor is hidden."""
    return -y, x + z, 2 * y**2 + x * z - a


@flow(ic=(0.4094, 0.475, -0.7224), reference="jafari2013", dissipative=True)
def line_equilibrium(x, y, z, *, a=15.0, b=1.0):
    """Jafari and Sprott's flow with a line of equilibria and an attractor away from that line."""
    return y, -x + y * z, -x - a * x * y - b * x * z
