"""Cells, clocks and tumours."""

from __future__ import annotations

import math

from chaosbench.expressions import cos
from chaosbench.systems import flow

__all__ = [
    "calcium_oscillation", "calcium_quasiperiodic", "cell_cycle", "circadian_rhythm",
    "glycolytic_oscillation", "itik_banks_tumor",
]  # fmt: skip


def _hill(x, k, n):
    """Return the saturation of a cooperative reaction (Hill function)."""
    return x**n / (k**n + x**n)


def _calcium(
    z, y, a, *, beta, eps, k, kf, k2, k5, ka, kd, ky, kz, m, n, p, v0, v1, v4, vm2, vm3, vm5
):
    """Return the rates of calcium in cytosol and store, and of the store's messenger."""
    pump = vm2 * _hill(z, k2, 2)
    release = vm3 * _hill(z, kz, m) * _hill(y, ky, 2) * _hill(a, ka, 4) + kf * y
    breakdown = vm5 * _hill(a, k5, p) * _hill(z, kd, n)
    return (
        v0 + v1 * beta - pump + release - k * z,
        pump - release,
        beta * v4 - breakdown - eps * a,
    )


@flow(
    ic=(0.262, 1.006, 0.144),
    reference="houart1999",
    tags={"biology"},
    dissipative=True,
    aliases=("CaTwoPlus",),
)
def calcium_oscillation(
    z, y, a, *, beta=0.65, eps=13.0, k=10.0, kf=1.0, k2=0.1, k5=0.3194, ka=0.1, kd=1.0, ky=0.3,
    kz=0.6, m=2.0, n=4.0, p=1.0, v0=2.0, v1=2.0, v4=3.0, vm2=6.0, vm3=30.0, vm5=50.0,
):  # fmt: skip
    """Chaotic bursts of calcium in a cell under a hormone."""
    return _calcium(
        z, y, a, beta=beta, eps=eps, k=k, kf=kf, k2=k2, k5=k5, ka=ka, kd=kd, ky=ky, kz=kz,
        m=m, n=n, p=p, v0=v0, v1=v1, v4=v4, vm2=vm2, vm3=vm3, vm5=vm5,
    )  # fmt: skip


@flow(
    ic=(0.263, 0.879, 0.315),
    reference="houart1999",
    tags={"biology", "quasiperiodic"},
    dissipative=True,
    aliases=("CaTwoPlusQuasiperiodic",),
)
def calcium_quasiperiodic(
    z, y, a, *, beta=0.51, eps=0.1, k=10.0, kf=1.0, k2=0.1, k5=0.3, ka=0.2, kd=0.5, ky=0.2,
    kz=0.5, m=2.0, n=4.0, p=2.0, v0=2.0, v1=2.0, v4=5.0, vm2=6.0, vm3=20.0, vm5=30.0,
):  # fmt: skip
    """Calcium in a cell under a hormone, oscillating with two incommensurate periods."""
    return _calcium(
        z, y, a, beta=beta, eps=eps, k=k, kf=kf, k2=k2, k5=k5, ka=ka, kd=kd, ky=ky, kz=kz,
        m=m, n=n, p=p, v0=v0, v1=v1, v4=v4, vm2=vm2, vm3=vm3, vm5=vm5,
    )  # fmt: skip


@flow(
    ic=(0.716, 0.949, 0.989, 0.721, 0.95, 0.989),
    reference="romond1999",
    tags={"biology"},
    dissipative=True,
    aliases=("CellCycle",),
)
def cell_cycle(
    c1, m1, x1, c2, m2, x2, *, K=0.01, Kc=0.5, Kd=0.02, Kim=0.65, V2=0.15, V4=0.05, Vm1=0.3,
    Vm3=0.1, kd=0.001, vd=0.025, vi=0.05,
):  # fmt: skip
    """Two coupled oscillators of cyclin, kinase and protease: replication and division of a cell.

    Each kinase inhibits the synthesis of the other oscillator's cyclin.
    """

    def oscillator(c, m, x, other):
        return (
            vi * Kim / (Kim + other) - vd * x * c / (Kd + c) - kd * c,
            Vm1 * c / (Kc + c) * (1 - m) / (K + 1 - m) - V2 * m / (K + m),
            Vm3 * m * (1 - x) / (K + 1 - x) - V4 * x / (K + x),
        )

    return oscillator(c1, m1, x1, m2), oscillator(c2, m2, x2, m1)


@flow(
    ic=(1.54, 5.37, 41.05, 11.62),
    reference="gonze2000",
    tags={"biology", "quasiperiodic"},
    dissipative=True,
    aliases=("CircadianRhythm",),
)
def circadian_rhythm(
    m, fc, fs, fn, t, *, k=0.5, k1=0.3, k2=0.15, kd=1.4, kdn=0.4, ki=1.0, km=0.4, ks=1.0, n=4.0,
    period=24.0, vc=2.5, vd=6.0, vdn=1.5, vm=0.7, vmax=4.7, vmin=1.0,
):  # fmt: skip
    """A clock protein's messenger and its forms, under the light of day and night; time in hours.

    ``fs`` follows the others and does not act back on them. At the reference collection's
    parameters the clock is quasi-periodic from every initial state tried.
    """
    light = vc * (0.5 + 0.5 * cos(2 * math.pi * t / period) + vmin) * (vmax - vmin)
    return (
        light * ki**n / (ki**n + fn**n) - vm * m / (km + m),
        ks * m - k1 * fc + k2 * fn - k * fc,
        k * fc - vd * fs / (kd + fs),
        k1 * fc - k2 * fn - vdn * fn / (kdn + fn),
    )


@flow(
    ic=(29.5, 130.0, 0.184),
    reference="decroly1982",
    tags={"biology", "chemistry"},
    dissipative=True,
    aliases=("GlycolyticOscillation",),
)
def glycolytic_oscillation(
    alpha, beta, gamma, *, d=0.0, ks=4.422, l1=5e8, l2=100.0, nu=1.0, q1=50.0, q2=0.02,
    sigma1=22.2222, sigma2=22.2222,
):  # fmt: skip
    """Two allosteric enzymes in series, each activated by its own product."""
    first = (1 + alpha) * (1 + beta) ** 2
    second = (1 + d * beta) * (1 + gamma) ** 2
    phi = sigma1 * alpha * first / (l1 + (1 + alpha) * first)
    eta = sigma2 * beta * second / (l2 + (1 + d * beta) * second)
    return nu - phi, q1 * phi - eta, q2 * eta - ks * gamma


@flow(
    ic=(0.0517, 0.871, 0.0159),
    reference="itik2010",
    tags={"biology"},
    dissipative=True,
    aliases=("ItikBanksTumor",),
)
def itik_banks_tumor(
    tumour, host, effector, *, a12=1.0, a13=2.5, a21=1.5, a31=0.2, d3=0.5, k3=1.0, r2=0.6, r3=4.5
):
    """Tumour cells, healthy host cells and the effector cells of the immune system."""
    return (
        tumour * (1 - tumour - a12 * host - a13 * effector),
        host * (r2 * (1 - host) - a21 * tumour),
        effector * (r3 * tumour / (tumour + k3) - a31 * tumour - d3),
    )
