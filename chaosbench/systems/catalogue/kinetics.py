"""Chemical reactions, and simplified flows that imitate them."""

from __future__ import annotations

from chaosbench.expressions import cos, maximum, sqrt
from chaosbench.systems import flow

__all__ = [
    "belousov_zhabotinsky", "forced_brusselator", "hyper_rossler", "isothermal_chemical",
    "kawczynski_strizhak", "peroxidase_oxidase", "rossler", "rossler_prototype_4",
    "willamowski_rossler",
]  # fmt: skip


@flow(
    ic=(6.51, 0.477, 0.342),
    reference="rossler1976",
    tags={"chemistry"},
    dissipative=True,
    aliases=("Rossler",),
)
def rossler(x, y, z, *, a=0.2, b=0.2, c=5.7):
    """One spiral and one fold: the simplest reaction scheme with a strange attractor."""
    return -y - z, x + a * y, b + z * (x - c)


@flow(
    ic=(-20.0, 0.0, 0.0, 15.0),
    reference="rossler1979",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperRossler",),
)
def hyper_rossler(x, y, z, w, *, a=0.25, b=3.0, c=0.5, d=0.05):
    """The first flow with two positive exponents."""
    return -y - z, x + a * y + w, b + x * z, -c * z + d * w


@flow(
    ic=(0.0235, 0.617, 0.847),
    reference="gyorgyi1992",
    tags={"chemistry", "kinked"},
    dissipative=True,
    aliases=("BelousovZhabotinsky",),
)
def belousov_zhabotinsky(
    x, z, v, *,
    c1=-8.03474, c2=0.05408, c3=-0.0115886, c4=832.587, c5=-0.029155, c6=0.00321617, c7=-0.01352,
    c8=-0.0831709, c9=-0.0199985, c10=0.0223915, c11=7.53559e-05, c12=8.07384e-06,
    c13=-0.000499825, ci=0.000833, kf=0.00035, t0=2308.62, y0=7.72571e-06, yb1=6.92813e-07,
    yb2=2.00869, yb3=0.01352, z0=8.33e-06,
):  # fmt: skip
    """The Belousov–Zhabotinsky reaction in a stirred flow reactor, in scaled concentrations."""
    bromide = yb1 * z * v / (y0 * (yb2 * x + yb3 + kf))
    x = maximum(0.0, x)
    rate = (ci - z0 * z) * sqrt(x)
    return (
        t0 * (c1 * x * bromide + c2 * bromide + c3 * x**2 + c4 * rate + c5 * x * z - kf * x),
        t0 * (c6 / z0 * rate + c7 * x * z + c8 * z * v + c9 * z - kf * z),
        t0 * (c10 * x * bromide + c11 * bromide + c12 * x**2 + c13 * z * v - kf * v),
    )


@flow(
    ic=(0.406, 1.82),
    reference="tomita1978",
    tags={"chemistry"},
    dissipative=True,
    aliases=("ForcedBrusselator",),
)
def forced_brusselator(x, y, t, *, a=0.4, b=1.2, f=0.05, omega=0.81):
    """The Brusselator, an autocatalytic reaction, with a periodic feed."""
    return a + x**2 * y - (b + 1) * x + f * cos(omega * t), b * x - x**2 * y


@flow(
    ic=(0.514, 0.998, 1.006),
    reference="petrov1992",
    tags={"chemistry"},
    dissipative=True,
    aliases=("IsothermalChemical",),
)
def isothermal_chemical(alpha, beta, gamma, *, delta=1.0, kappa=2.5, mu=0.29786, sigma=0.013):
    """Cubic autocatalysis at constant temperature, with slow and fast mixed-mode oscillations."""
    made = alpha * (1 + beta**2)
    return mu * (kappa + gamma) - made, (made - beta) / sigma, (beta - gamma) / delta


@flow(
    ic=(-1.16, 5.86, -1.2),
    reference="strizhak1995",
    tags={"chemistry", "regular"},
    dissipative=True,
    aliases=("KawczynskiStrizhak",),
)
def kawczynski_strizhak(x, y, z, *, beta=-0.4, gamma=0.49, kappa=0.2, mu=2.1):
    """Complex oscillations of the Belousov–Zhabotinsky reaction in a closed vessel.

    At the reference collection's parameters it is periodic from every initial state tried.
    """
    return (
        gamma * (y - x**3 + 3 * mu * x),
        -2 * mu * x - y - z + beta,
        kappa * (x - z),
    )


@flow(ic=(-0.9886, 0.4436, -0.5883), reference="rosslerprototypes1979", dissipative=True)
def rossler_prototype_4(x, y, z, *, a=0.5, b=0.5):
    """The fourth and simplest of Rössler's prototypes: one product and no constant term."""
    return -y - z, x, a * (y - y**2) - b * z


@flow(ic=(9.737, 0.1074, 19.97), reference="willamowski1980", tags={"chemistry"}, dissipative=True)
def willamowski_rossler(
    x, y, z, *, k1=30.0, k2=1.0, k3=10.0, k4=1.0, k5=16.5,
    back1=0.25, back2=1e-4, back3=1e-3, back4=1e-3, back5=0.5,
):  # fmt: skip
    """Five reversible mass-action reactions, each of at most two molecules."""
    meet = k4 * x * z - back4
    turn = k2 * x * y - back2 * y**2
    return (
        k1 * x - back1 * x**2 - turn - meet,
        turn - k3 * y + back3,
        k5 * z - back5 * z**2 - meet,
    )


@flow(
    ic=(2.975, 50.63, 5.085e-05, 2.079e-07),
    reference="olsen1983",
    tags={"chemistry"},
    dissipative=True,
)
def peroxidase_oxidase(
    a, b, x, y, *, k1=0.35, k2=250.0, k3=0.035, k4=20.0, k5=5.35, k6=1e-5, k7=0.8, k8=0.825,
    back7=0.1,
):  # fmt: skip
    """An enzyme that oxidises NADH: oxygen, NADH and two intermediates that branch."""
    branch = k3 * a * b * y
    return (
        k7 - back7 * a - branch,
        k8 - k1 * b * x - branch,
        k1 * b * x - 2 * k2 * x**2 + 3 * branch - k4 * x + k6,
        2 * k2 * x**2 - branch - k5 * y,
    )
