"""The magnetosphere and the dynamo."""

from __future__ import annotations

from chaosbench.expressions import sqrt, tanh
from chaosbench.systems import flow

__all__ = [
    "gissinger", "rabinovich", "rikitake_dynamo", "windmi_reduced",
]  # fmt: skip


@flow(
    ic=(-0.779, -0.63, 2.67),
    reference="rikitake1958",
    tags={"plasma"},
    dissipative=True,
    aliases=("RikitakeDynamo",),
)
def rikitake_dynamo(x, y, z, *, a=1.0, mu=1.0):
    """Two coupled disk dynamos whose field reverses as the Earth's does."""
    return -mu * x + y * z, -mu * y + (z - a) * x, 1 - x * y


@flow(
    ic=(0.933, 6.27, 42.0),
    reference="horton2001",
    tags={"plasma"},
    dissipative=True,
    aliases=("WindmiReduced",),
)
def windmi_reduced(i, v, p, *, a1=0.247, b1=10.8, b2=0.0752, b3=1.06, d1=2200.0, v_sw=5.5):
    """The magnetosphere under a steady solar wind: current, voltage and plasma pressure.

    The pressure enters the second equation through its square root, as in the source; the reference
    collection halves it instead. At the solar wind of the reference collection, 5, the source's
    equation is in a periodic window of the chaotic range, so ``v_sw`` is 5.5 here.
    """
    gate = (1 + tanh(d1 * (i - 1))) / 2
    return (
        a1 * (v_sw - v),
        b1 * i - b2 * sqrt(p) - b3 * v,
        v_sw**2 - p**1.25 * sqrt(v_sw) * gate,
    )


@flow(ic=(-0.644, 0.01717, 5.134), reference="pikovskii1978", tags={"plasma"}, dissipative=True)
def rabinovich(x, y, z, *, h=6.75, nu1=4.0, nu2=1.0, nu3=1.0):
    """A whistler wave pumps two others in a plasma, which saturate by decay into a third."""
    return h * y - nu1 * x + y * z, h * x - nu2 * y - x * z, -nu3 * z + x * y


@flow(ic=(0.8945, -1.111, 0.01401), reference="gissinger2012", tags={"plasma"}, dissipative=True)
def gissinger(q, d, v, *, mu=0.119, nu=0.1, gamma=0.9):
    """Reversals of the Earth's magnetic field: a dipole, a quadrupole and the flow between them."""
    return mu * q - v * d, -nu * d + v * q, gamma - v + q * d
