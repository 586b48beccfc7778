"""Fields: partial differential equations on periodic domains."""

from __future__ import annotations

import numpy as np

from chaosbench.expressions import cos
from chaosbench.systems import dx, dy, field, inverse_laplacian, laplacian

__all__ = [
    "burgers", "complex_ginzburg_landau", "gray_scott", "kolmogorov_flow", "kuramoto_sivashinsky",
    "kuramoto_sivashinsky_200", "nikolaevskiy",
]  # fmt: skip


def _waves(x):
    """Return sixteen waves of decreasing amplitude, with no symmetry and zero mean."""
    return sum(np.cos(n * x + n * n) / n for n in range(1, 17)) / 3


@field(
    points=64,
    length="L",
    ic=_waves,
    reference="cvitanovic2010",
    tags={"fluid", "spatiotemporal"},
    dissipative=True,
)
def kuramoto_sivashinsky(u, *, L=22.0):
    """A flame front of a length at which it is weakly turbulent.

    The mean of u is conserved. The symmetries under shifts in space and in time and under a uniform
    velocity give three zero exponents.
    """
    return -dx(u**2 / 2) - dx(u, 2) - dx(u, 4)


@field(
    points=512,
    length="L",
    ic=lambda x: sum(_waves(k * x + k) for k in (1, 3, 8)),
    reference="pathak2018",
    tags={"fluid", "hyperchaotic", "spatiotemporal"},
    dissipative=True,
)
def kuramoto_sivashinsky_200(u, *, L=200.0):
    """A flame front nine times as long, with extensive chaos."""
    return -dx(u**2 / 2) - dx(u, 2) - dx(u, 4)


@field(
    points=192,
    length="L",
    ic=lambda x: (_waves(x) / 2, _waves(x + 2) / 2),
    reference="shraiman1992",
    tags={"hyperchaotic", "spatiotemporal"},
    dissipative=True,
)
def complex_ginzburg_landau(u, v, *, c1=3.5, c3=1.0, L=50.0):
    """Amplitude of an oscillating medium, A = u + iv, in the regime of defect turbulence.

    It is the equation A_t = A + (1 + i c1) A_xx − (1 − i c3) |A|² A.
    """
    square = u**2 + v**2
    return (
        u + dx(u, 2) - c1 * dx(v, 2) - square * (u + c3 * v),
        v + dx(v, 2) + c1 * dx(u, 2) - square * (v - c3 * u),
    )


@field(
    points=(48, 48),
    length=2 * np.pi,
    ic=lambda x, y: np.cos(x + 2 * y + 1) + np.sin(2 * x - y) + np.cos(3 * x + 2 * y) + np.sin(x),
    reference="chandler2013",
    tags={"fluid", "hyperchaotic", "spatiotemporal"},
    dissipative=True,
)
def kolmogorov_flow(w, y, *, Re=20.0, n=2.0):
    """Vorticity of a plane flow driven by a force along x that is a sine of y.

    The units are those of the source, which has n = 4 and Re up to 100. At Re = 17 the chaos is a
    transient: within some thousand time units the flow settles on a state with no positive
    exponent.
    """
    stream = inverse_laplacian(w)
    return dy(stream) * dx(w) - dx(stream) * dy(w) + laplacian(w) / Re - n * cos(n * y)


@field(
    points=128,
    length="L",
    ic=np.sin,
    reference="burgers1948",
    tags={"fluid", "regular", "spatiotemporal"},
    dissipative=True,
    transient=True,
)
def burgers(u, *, nu=0.1, L=2 * np.pi):
    """A wave that steepens and decays: the control without chaos, solved by Cole and Hopf.

    Nothing is left of the wave after a transient; simulate it with ``transient=0``.
    """
    return -dx(u**2 / 2) + nu * dx(u, 2)


@field(
    points=96,
    length="L",
    ic=_waves,
    reference="tribelsky1996",
    tags={"hyperchaotic", "spatiotemporal"},
    dissipative=True,
)
def nikolaevskiy(u, *, r=0.2, L=50.0):
    """Seismic waves whose short-wave instability meets a soft mode: chaos at onset."""
    return -dx(u**2 / 2) - dx(r * u - (u + 2 * dx(u, 2) + dx(u, 4)), 2)


def _pulses(x):
    """Return three pulses of the autocatalyst, at which the reactant is used up."""
    pulse = sum(
        height * np.exp(-steep * (1 + np.cos(x - at)))
        for height, steep, at in ((1.0, 6, 1.0), (1.6, 20, -0.7), (1.2, 20, 2.9))
    )
    return 1 - pulse / 2, 0.4 * pulse


@field(
    points=288,
    length="L",
    ic=_pulses,
    reference="wackerbauer2003",
    tags={"chemistry", "spatiotemporal"},
    dissipative=True,
)
def gray_scott(u, v, *, mu=33.7, phi=2.8, L=100.0):
    """Pulses of cubic autocatalysis that split, collide and vanish in a fed medium."""
    reaction = mu * u * v**2
    return dx(u, 2) + 1 - u - reaction, dx(v, 2) - phi * v + reaction
