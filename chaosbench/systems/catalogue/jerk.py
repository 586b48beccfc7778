"""Jerk systems: one equation of the third order."""

from __future__ import annotations

from chaosbench.expressions import exp
from chaosbench.systems import flow

__all__ = [
    "arneodo", "coullet", "genesio_tesi", "hyperchaotic_snap", "jerk_circuit", "linz_sprott",
    "moore_spiegel", "sprott_jerk",
]  # fmt: skip


@flow(
    ic=(-2.75, 0.191, 3.47),
    reference="arneodo1981",
    tags={"jerk"},
    dissipative=True,
    aliases=("Arneodo",),
)
def arneodo(x, y, z, *, a=-5.5, b=4.5, c=1.0, d=-1.0):
    """Spiral chaos near a homoclinic orbit, with a cubic restoring force."""
    return y, z, -a * x - b * y - c * z + d * x**3


@flow(
    ic=(-0.4583, -0.4063, -0.0108),
    reference="arneodo1981",
    tags={"jerk"},
    dissipative=True,
    aliases=("Coullet",),
)
def coullet(x, y, z, *, a=-0.8, b=1.1, c=0.45, d=-1.0):
    """The cubic jerk system of Arnéodo, Coullet and Tresser in its weakly chaotic regime.

    Orbits from other initial states may be much more strongly chaotic for thousands of periods
    before they settle here.
    """
    return y, z, -a * x - b * y - c * z + d * x**3


@flow(
    ic=(-0.0538, -0.262, 0.335),
    reference="genesio1992",
    tags={"jerk"},
    dissipative=True,
    aliases=("GenesioTesi",),
)
def genesio_tesi(x, y, z, *, a=0.44, b=1.1, c=1.0):
    """A feedback loop with one square, whose chaos is predicted by harmonic balance."""
    return y, z, -c * x - b * y - a * z + x**2


@flow(
    ic=(-1.3, 0.0654, 0.918),
    reference="sprott2011",
    tags={"jerk", "circuit"},
    dissipative=True,
    aliases=("JerkCircuit",),
)
def jerk_circuit(x, y, z, *, eps=1e-9, y0=0.026):
    """A circuit of three integrators and one diode with its exponential current."""
    return y, z, -z - x - eps * (exp(y / y0) - 1)


@flow(
    ic=(-3.47, 19.7, -3.83),
    reference="moore1966",
    tags={"jerk", "astronomy"},
    dissipative=True,
    aliases=("MooreSpiegel",),
)
def moore_spiegel(x, y, z, *, a=10.0, b=4.0, eps=9.0):
    """A parcel of a star's atmosphere that bobs while it exchanges heat with its surroundings."""
    return y, a * z, -z + eps * y - y * x**2 - b * x


@flow(
    ic=(-0.541, 0.594, 0.451),
    reference="sprott1997",
    tags={"jerk"},
    dissipative=True,
    aliases=("SprottJerk",),
)
def sprott_jerk(x, y, z, *, mu=2.017):
    """The simplest dissipative chaotic flow: five terms, one of them a square."""
    return y, z, -x + y**2 - mu * z


@flow(
    ic=(-0.2238, 1.236, -0.45, -2.445),
    reference="chlouverakis2006",
    tags={"hyperchaotic", "jerk"},
    dissipative=True,
)
def hyperchaotic_snap(x, y, z, w, *, a=3.6):
    """The simplest hyperchaotic equation of the fourth order: one nonlinear term."""
    return y, z, w, -(x**4) * w - a * z - y - x


@flow(ic=(-0.512, -1.313, -0.39), reference="linz1999", tags={"jerk", "circuit"}, dissipative=True)
def linz_sprott(x, y, z, *, a=0.6):
    """The simplest piecewise linear jerk equation: an absolute value, realised by one diode."""
    return y, z, -a * z - y + abs(x) - 1
