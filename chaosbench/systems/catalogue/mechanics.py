"""Particles, pendulums and stars: conservative motion."""

from __future__ import annotations

import math

from chaosbench.expressions import cos, sign, sin, where
from chaosbench.systems import flow

__all__ = [
    "arnold_web", "chen_lee", "double_pendulum", "fluid_trampoline", "henon_heiles",
    "newton_leipnik", "nose_hoover", "nuclear_quadrupole", "stick_slip_oscillator",
    "swinging_atwood", "torus",
]  # fmt: skip


@flow(
    ic=(0.0, 0.0, 0.56833, 0.1),
    reference="henon1964",
    tags={"conservative", "hamiltonian", "astronomy"},
    aliases=("HenonHeiles",),
)
def henon_heiles(x, y, px, py, *, lam=1.0):
    """A star in an axisymmetric galaxy, just below the energy 1/6 at which it can escape."""
    return px, py, -x - 2 * lam * x * y, -y - lam * (x**2 - y**2)


@flow(
    ic=(0.0, 5.0, 0.0),
    reference="hoover1985",
    tags={"conservative", "thermostat"},
    aliases=("NoseHoover",),
)
def nose_hoover(x, y, z, *, a=1.5):
    """A harmonic oscillator in contact with a heat bath that has a memory."""
    return y, -x + y * z, a - y**2


@flow(
    ic=(-0.352, -2.66, -1.22, 2.54),
    reference="marion2013",
    tags={"conservative", "hamiltonian", "mechanics"},
    angles={"theta1": 2 * math.pi, "theta2": 2 * math.pi},
    aliases=("DoublePendulum",),
)
def double_pendulum(theta1, theta2, p1, p2, *, g=9.81, l1=1.0, l2=1.0, m1=1.0, m2=1.0):
    """Two pendulums, one hanging from the other, with canonical momenta.

    The coupling torque is that of the Hamiltonian; in the reference collection half of one term is
    missing and the energy drifts. The angles grow without bound and are taken modulo 2π.
    """
    c, s = cos(theta1 - theta2), sin(theta1 - theta2)
    inertia = m1 + m2 * s**2
    rate1 = (l2 * p1 - l1 * p2 * c) / (l1**2 * l2 * inertia)
    rate2 = ((m1 + m2) * l1 * p2 - m2 * l2 * p1 * c) / (m2 * l1 * l2**2 * inertia)
    twice_kinetic = p1 * rate1 + p2 * rate2
    torque = s * (p1 * p2 / (l1 * l2) - m2 * c * twice_kinetic) / inertia
    return (
        rate1,
        rate2,
        -(m1 + m2) * g * l1 * sin(theta1) - torque,
        -m2 * g * l2 * sin(theta2) + torque,
    )


@flow(
    ic=(0.113, 1.571, 0.11, 0.177),
    reference="tufillaro1984",
    tags={"conservative", "hamiltonian", "mechanics"},
    angles={"theta": 2 * math.pi},
    aliases=("SwingingAtwood",),
)
def swinging_atwood(r, theta, p_r, p_theta, *, g=9.82, m1=1.0, m2=4.5):
    """Atwood's machine whose lighter weight may swing: ``r`` is the length of its string.

    The weight whirls around the pulley; ``theta`` is unbounded and is taken modulo 2π.
    """
    return (
        p_r / (m1 + m2),
        p_theta / (m1 * r**2),
        p_theta**2 / (m1 * r**3) - m2 * g + m1 * g * cos(theta),
        -m1 * g * r * sin(theta),
    )


@flow(
    ic=(0.105, 0.0893, 4.56, 4.48),
    reference="froeschle2000",
    tags={"conservative", "hamiltonian", "mechanics"},
    angles={"phi1": 2 * math.pi, "phi2": 2 * math.pi},
    aliases=("ArnoldWeb",),
)
def arnold_web(i1, i2, phi1, phi2, t, *, eps=0.01, omega=1.0):
    """Two rotators and a clock, coupled weakly: actions diffuse along a web of resonances.

    The angles grow without bound and are taken modulo 2π.
    """
    force = eps / (4 + cos(phi1) + cos(phi2) + cos(omega * t)) ** 2
    return -force * sin(phi1), -force * sin(phi2), i1, i2


@flow(
    ic=(-0.856, 1.48, -0.851, 1.64),
    reference="baran1998",
    tags={"conservative", "hamiltonian", "mechanics"},
    aliases=("NuclearQuadrupole",),
)
def nuclear_quadrupole(q1, q2, p1, p2, *, a=1.0, b=0.55, d=0.4):
    """Quadrupole vibrations of an atomic nucleus, as a classical oscillator of the fourth order."""
    r2 = q1**2 + q2**2
    c = 3 / 2**0.5 * b
    return (
        a * p1,
        a * p2,
        -a * q1 + c * (q1**2 - q2**2) - d * q1 * r2,
        -a * q2 - 2 * c * q1 * q2 - d * q2 * r2,
    )


@flow(
    ic=(0.172, 0.104, 6.26),
    reference="chen2004",
    tags={"mechanics"},
    dissipative=True,
    aliases=("ChenLee",),
)
def chen_lee(x, y, z, *, a=5.0, b=-10.0, c=-0.38):
    """A rigid body whose angular velocities are fed back linearly to make it chaotic."""
    return a * x - y * z, b * y + x * z, c * z + x * y / 3


@flow(
    ic=(0.294, 0.106, 0.291),
    reference="leipnik1981",
    tags={"mechanics"},
    dissipative=True,
    aliases=("NewtonLiepnik",),
)
def newton_leipnik(x, y, z, *, a=0.4, b=0.175):
    """A rigid body under linear feedback, with two strange attractors side by side."""
    return -a * x + y + 10 * y * z, -x - 0.4 * y + 5 * x * z, b * z - 5 * x * y


@flow(
    ic=(-0.9, -3.35),
    reference="gilet2009",
    tags={"mechanics", "fluid"},
    dissipative=True,
    transient=True,
    aliases=("FluidTrampoline",),
)
def fluid_trampoline(x, v, t, *, gamma=1.82, psi=0.01019, omega=1.21):
    """A drop that bounces on a vibrated soap film, which acts as a spring that only pushes.

    The damping jumps when the drop touches the film. The chaos is transient: after some thousands
    of periods the drop bounces periodically.
    """
    film = where(x < 0, x + psi * v * abs(v), 0.0)
    return v, -1 - film + gamma * cos(omega * t)


@flow(
    ic=(0.855, -0.391),
    reference="awrejcewicz1999",
    tags={"mechanics", "regular"},
    dissipative=True,
    aliases=("StickSlipOscillator",),
)
def stick_slip_oscillator(
    x, v, t, *, a=1.0, alpha=0.3, b=1.0, beta=0.3, eps=0.05, gamma=1.0, t0=0.3, vs=0.4, omega=2.0
):
    """A mass on a moving belt: dry friction holds it until it slips.

    The friction jumps when the mass moves as fast as the belt, and holds it there for a while: the
    state slides along the surface v = vs. At these parameters the motion is periodic. Each phase of
    sticking removes one direction of tangent space, so there is no second exponent and no constants
    are stored.
    """
    friction = t0 * sign(v - vs) - alpha * v + beta * (v - vs) ** 3
    return v, eps * (gamma * cos(omega * t) - friction) + a * x - b * x**3


@flow(
    ic=(1.5, 0.0, 0.0),
    reference="strogatz1994",
    tags={"conservative", "mechanics", "quasiperiodic"},
    aliases=("Torus",),
)
def torus(x, y, z, t, *, a=0.5, n=15.3, r=1.0):
    """A point that winds around a torus at two incommensurate rates; not chaotic, by design.

    The velocity depends on the time alone; the initial state puts the orbit on the torus.
    """
    tube, swell = r + a * cos(n * t), -a * n * sin(n * t)
    return (
        swell * cos(t) - tube * sin(t),
        swell * sin(t) + tube * cos(t),
        a * n * cos(n * t),
    )
