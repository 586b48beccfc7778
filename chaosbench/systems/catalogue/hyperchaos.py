"""Four-dimensional extensions of quadratic flows, most of them with two positive exponents."""

from __future__ import annotations

from chaosbench.systems import flow

__all__ = [
    "hyper_bao", "hyper_cai", "hyper_jia", "hyper_lorenz", "hyper_lu", "hyper_pang", "hyper_qi",
    "hyper_wang", "hyper_xu", "hyper_yan", "hyper_yang_chen", "qi",
]  # fmt: skip


@flow(
    ic=(-9.19, -0.674, 16.4, -145.0),
    reference="jia2007",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperLorenz",),
)
def hyper_lorenz(x, y, z, w, *, a=10.0, b=8 / 3, c=28.0, d=1.1):
    """The Lorenz system with a fourth variable that feeds back into the first.

    ``b`` is 8/3 as in Lorenz's system, not the reference collection's 2.667.
    """
    return a * (y - x) + w, c * x - y - x * z, x * y - b * z, d * w - x * z


@flow(
    ic=(13.8, 20.2, 32.1, -51.2),
    reference="jia2007",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperJha",),
)
def hyper_jia(x, y, z, w, *, a=10.0, b=28.0, c=8 / 3, d=1.3):
    """Jia's hyperchaotic Lorenz system, at the feedback of his paper.

    ``c`` is 8/3 as in Lorenz's system, not the reference collection's 2.667.
    """
    return a * (y - x) + w, b * x - y - x * z, x * y - c * z, d * w - x * z


@flow(
    ic=(-10.7, -15.5, 18.4, -14.9),
    reference="gilpin2021",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperCai",),
)
def hyper_cai(x, y, z, w, *, a=27.5, b=3.0, c=19.3, d=2.9, e=3.3):
    """A quadratic flow of the Lorenz family, slowly shifted by a fourth variable."""
    return a * (y - x), b * x + c * y - x * z + w, y**2 - d * z, -e * x


@flow(
    ic=(9.27, 9.75, 23.9, -16.7),
    reference="bao2008",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperBao",),
)
def hyper_bao(x, y, z, w, *, a=36.0, b=3.0, c=20.0, d=0.1, e=21.0):
    """The Lü system with a fourth variable driven by a product."""
    return a * (y - x) + w, c * y - x * z, x * y - b * z, e * x + d * y * z


@flow(
    ic=(11.3, -3.65, 50.2, -168.0),
    reference="qi2008",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperQi",),
)
def hyper_qi(x, y, z, w, *, a=50.0, b=24.0, c=13.0, d=8.0, e=33.0, f=30.0):
    """Two coupled pairs of variables with an exceptionally large exponent and a broad spectrum."""
    return (
        a * (y - x) + y * z,
        b * (x + y) - x * z,
        x * y - c * z - e * w,
        x * y + f * z - d * w,
    )


@flow(
    ic=(0.256, 0.196, 7.26, 1.32),
    reference="qi2005",
    dissipative=True,
    aliases=("Qi",),
)
def qi(x, y, z, w, *, a=45.0, b=10.0, c=1.0, d=10.0):
    """Four variables, each driven by the product of the three others."""
    return (
        a * (y - x) + y * z * w,
        b * (x + y) - x * z * w,
        x * y * w - c * z,
        x * y * z - d * w,
    )


@flow(
    ic=(3.53, 4.83, 25.0, 17.1),
    reference="gilpin2021",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperYangChen",),
)
def hyper_yang_chen(x, y, z, w, *, a=30.0, b=3.0, c=35.0, d=8.0):
    """A Lorenz-like flow under a linear integral controller."""
    return a * (y - x), c * x - x * z + w, x * y - b * z, -d * x


@flow(
    ic=(-6.58, -4.62, 17.8, 0.807),
    reference="gilpin2021",
    dissipative=True,
    aliases=("HyperYan",),
)
def hyper_yan(x, y, z, w, *, a=37.0, b=3.0, c=26.0, d=38.0):
    """The Chen system with a fast fourth variable in its third equation.

    In spite of its usual name, only one of its exponents is positive.
    """
    return (
        a * (y - x),
        (c - a) * x - x * z + c * y,
        x * y + x * z - y * z - b * z - w,
        y * z - x * z - d * w,
    )


@flow(
    ic=(0.689, -0.603, -0.581, 0.266),
    reference="letellier2007",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperXu",),
)
def hyper_xu(x, y, z, w, *, a=10.0, b=40.0, c=2.5, d=2.0, e=16.0):
    """A Lorenz-like flow with a strong product term and an integrating fourth variable."""
    return a * (y - x) + w, b * x + e * x * z, -x * y - c * z, x * z - d * y


@flow(
    ic=(0.168, 0.169, 37.0, -15.3),
    reference="wang2006",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperWang",),
)
def hyper_wang(x, y, z, w, *, a=10.0, b=40.0, c=2.5, d=10.6, e=4.0):
    """The Liu system with a linear integral controller."""
    return a * (y - x), b * x - x * z + w, e * x**2 - c * z, -d * x


@flow(
    ic=(8.41, 4.67, 27.9, -1.26),
    reference="pang2011",
    tags={"hyperchaotic"},
    dissipative=True,
    aliases=("HyperPang",),
)
def hyper_pang(x, y, z, w, *, a=36.0, b=3.0, c=20.0, d=2.0):
    """The Lü system under a linear integral controller of two variables."""
    return a * (y - x), c * y - x * z + w, x * y - b * z, -d * (x + y)


@flow(
    ic=(-4.74, 0.152, 0.669, -0.771),
    reference="chen2006",
    tags={"hyperchaotic"},
    dissipative=True,
    transient=True,
    aliases=("HyperLu",),
)
def hyper_lu(x, y, z, w, *, a=36.0, b=3.0, c=20.0, d=1.3):
    """The Lü system made hyperchaotic by state feedback.

    Its chaos is transient: after hundreds or thousands of periods every orbit escapes to infinity.
    """
    return a * (y - x) + w, c * y - x * z, x * y - b * z, x * z + d * w
