"""Conservative motion in a potential, chains, the three-body problem and thermostats."""

from __future__ import annotations

import math

import numpy as np

from chaosbench.expressions import cos, sin, sqrt
from chaosbench.systems import flow

__all__ = [
    "driven_pendulum", "elastic_pendulum", "fput_chain", "nose_hoover_chain", "pullen_edmonds",
    "thermostat_0532", "three_body",
]  # fmt: skip


@flow(
    ic=(0.2, 0.0, 0.0, 2.489),
    reference="szebehely1967",
    tags={"conservative", "hamiltonian", "astronomy"},
)
def three_body(x, y, u, v, *, mu=0.0121505856):
    """A satellite of the Earth, perturbed by the Moon: the restricted three-body problem.

    The frame rotates with the Earth and the Moon; ``mu`` is the Moon's fraction of the mass, and a
    month is 2π. The Jacobi constant is slightly above that of the first Lagrange point. Therefore
    the passage to the Moon is closed, and invariant tori separate the chaotic sea from the Earth:
    no orbit collides.
    """
    earth = ((x + mu) ** 2 + y**2) ** 1.5
    moon = ((x - 1 + mu) ** 2 + y**2) ** 1.5
    return (
        u,
        v,
        2 * v + x - (1 - mu) * (x + mu) / earth - mu * (x - 1 + mu) / moon,
        -2 * u + y - (1 - mu) * y / earth - mu * y / moon,
    )


@flow(
    ic=(0.5, 1.0, 2.0, 1.5),
    reference="pullen1981",
    tags={"conservative", "hamiltonian", "mechanics"},
)
def pullen_edmonds(x, y, px, py, *, alpha=1.0):
    """Two oscillators coupled by ``alpha x**2 y**2``, bound at every energy."""
    return px, py, -x - 2 * alpha * x * y**2, -y - 2 * alpha * x**2 * y


@flow(
    ic=(0.6, -0.5, 1.0, 0.5),
    reference="breitenberger1981",
    tags={"conservative", "hamiltonian", "mechanics"},
)
def elastic_pendulum(x, y, px, py, *, k=4.0, g=1.0):
    """A mass on a spring that may swing and stretch; ``y`` points up, away from gravity.

    The mass and the spring's natural length are 1. The bounce is twice as fast as the swing, as in
    a pendulum whose spring is stretched by a third of its hanging length.
    """
    pull = k * (1 - 1 / sqrt(x**2 + y**2))
    return px, py, -pull * x, -pull * y - g


@flow(
    dim={"q": 8, "p": 8},
    ic=[0.91, -0.84, 0.96, -0.76, 0.66, -0.54, 0.42, -0.29, *([0.5, -0.5] * 4)],
    reference="ford1992",
    tags={"conservative", "hamiltonian", "hyperchaotic", "mechanics", "spatiotemporal"},
)
def fput_chain(q, p, *, beta=1.0):
    """The chain of Fermi, Pasta, Ulam and Tsingou: eight masses, nine springs that harden.

    At this energy the modes share the energy; at a hundredth of it they would not for a long time.
    """
    stretch = np.diff(np.concatenate([[0.0], q, [0.0]]))
    force = stretch + beta * stretch**3
    return p, np.diff(force)


@flow(
    ic=(0.0, 3.0, 0.0, 0.5),
    reference="martyna1992",
    tags={"conservative", "thermostat"},
)
def nose_hoover_chain(q, p, zeta, xi):
    """A harmonic oscillator whose thermostat has a thermostat; almost all orbits are chaotic."""
    return p, -q - zeta * p, p**2 - 1 - xi * zeta, zeta**2 - 1


@flow(
    ic=(0.0, 5.0, 0.0),
    reference="hoover2016",
    tags={"conservative", "thermostat"},
)
def thermostat_0532(q, p, zeta, *, a=0.05, b=0.32):
    """A harmonic oscillator made ergodic by one thermostat that controls two moments.

    Phase-space volume varies and is conserved only on average.
    """
    return p, -q - zeta * (a * p + b * p**3), a * (p**2 - 1) + b * (p**4 - 3 * p**2)


@flow(
    ic=(-0.2, 1.307),
    reference="dhumieres1982",
    tags={"mechanics", "circuit"},
    dissipative=True,
    angles={"theta": 2 * math.pi},
)
def driven_pendulum(theta, v, t, *, q=2.0, g=1.5, omega=2 / 3):
    """A damped pendulum under a periodic torque, or a Josephson junction in a microwave.

    The angle grows without bound and is taken modulo 2π.
    """
    return v, -v / q - sin(theta) + g * cos(omega * t)
