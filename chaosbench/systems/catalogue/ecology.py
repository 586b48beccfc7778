"""Populations: predators, prey, plankton and disease."""

from __future__ import annotations

import math

import numpy as np

from chaosbench.expressions import cos, exp, minimum, sin
from chaosbench.systems import flow

__all__ = [
    "blasius", "coevolving_predator_prey", "competitive_lotka_volterra", "forced_chemostat",
    "hastings_powell", "macarthur", "salton_sea", "seasonal_seir",
    "turchin_hanski",
]  # fmt: skip

# Huisman and Weissing: five species (columns) on five resources (rows)
_HALF_SATURATION = np.array([
    [0.39, 0.34, 0.30, 0.24, 0.23],
    [0.22, 0.39, 0.34, 0.30, 0.27],
    [0.27, 0.22, 0.39, 0.34, 0.30],
    [0.30, 0.24, 0.22, 0.39, 0.34],
    [0.34, 0.30, 0.22, 0.20, 0.39],
])  # fmt: skip
_CONTENT = np.array([
    [0.04, 0.04, 0.07, 0.04, 0.04],
    [0.08, 0.08, 0.08, 0.10, 0.08],
    [0.10, 0.10, 0.10, 0.10, 0.14],
    [0.05, 0.03, 0.03, 0.03, 0.03],
    [0.07, 0.09, 0.07, 0.07, 0.07],
])  # fmt: skip
_SUPPLY = np.array([6.0, 10.0, 14.0, 4.0, 9.0])


@flow(
    ic=(4.03, 5.11, 0.0165),
    reference="blasius1999",
    tags={"ecology"},
    dissipative=True,
    aliases=("Blasius",),
)
def blasius(
    u, v, w, *, a=1.0, alpha1=0.2, alpha2=1.0, b=1.0, c=10.0, k1=0.05, k2=0.0, w_star=0.006
):
    """Vegetation, herbivores and predators: cycles with steady phase and chaotic amplitude."""
    grazing = alpha1 * u * v / (1 + k1 * u)
    predation = alpha2 * v * w / (1 + k2 * v)
    return a * u - grazing, grazing - predation - b * v, predation - c * (w - w_star)


@flow(
    ic=(0.732, 0.175, 9.9),
    reference="hastings1991",
    tags={"ecology"},
    dissipative=True,
    aliases=("HastingsPowell",),
)
def hastings_powell(x, y, z, *, a1=5.0, a2=0.1, b1=3.0, b2=2.0, d1=0.4, d2=0.01):
    """A food chain of three species: the teacup attractor."""
    eaten_x = a1 * x * y / (1 + b1 * x)
    eaten_y = a2 * y * z / (1 + b2 * y)
    return x * (1 - x) - eaten_x, eaten_x - eaten_y - d1 * y, eaten_y - d2 * z


@flow(
    ic=(232.0, 89.5, 56.8),
    reference="upadhyay2008",
    tags={"ecology"},
    dissipative=True,
    aliases=("SaltonSea",),
)
def salton_sea(s, i, p, *, a=15.0, d=8.3, k=400.0, lam=0.06, m=15.5, mu=3.4, r=22.0, theta=10.0):
    """Healthy and infected fish of the Salton Sea, and the pelicans that eat the infected ones."""
    infection = lam * s * i
    caught = i * p / (i + a)
    return (
        r * s * (1 - (s + i) / k) - infection,
        infection - m * caught - mu * i,
        theta * caught - d * p,
    )


@flow(
    ic=(0.109, 0.467, 0.666),
    reference="gilpin2017",
    tags={"ecology"},
    dissipative=True,
    aliases=("CoevolvingPredatorPrey",),
)
def coevolving_predator_prey(
    x, y, alpha, *, a1=2.5, a2=0.05, a3=0.4, b1=6.0, b2=1.333, d1=0.16, d2=0.004, delta=1.0,
    k1=6.0, k2=9.0, k4=9.0, v=0.33333,
):  # fmt: skip
    """Predator, prey and a trait of the prey that evolves on a landscape of two fitness peaks."""
    birth = a1 * alpha / (1 + b1 * alpha)
    spread = alpha * delta
    death = d1 * (1 - k2 * (spread**2 - alpha**2) + k4 * (spread**4 - alpha**4))
    return (
        x * (birth * (1 + k1 * x * alpha * (1 - delta)) - death - a3 * y / (1 + b2 * x)),
        y * (a2 * x / (1 + b2 * x) - d2),
        v * delta * (
            d1 * (2 * k2 * spread - 4 * k4 * spread**3)
            - birth * k1 * x
        ),
    )  # fmt: skip


@flow(
    ic=(0.018, 0.01365),
    reference="turchin1997",
    tags={"ecology"},
    dissipative=True,
    aliases=("TurchinHanski",),
)
def turchin_hanski(n, p, t, *, a=8.0, d=0.04, e=0.5, g=0.1, h=0.8, r=8.12, s=1.25, seasons=1.0):
    """Voles and weasels in the north, with growth that follows the seasons; time in years."""
    season = 1 - e * sin(2 * math.pi * seasons * t)
    return (
        r * n * (season - n) - g * n**2 / (n**2 + h**2) - a * n * p / (n + d),
        s * p * (season - p / n),
    )


@flow(
    dim={"n": 5, "s": 5},
    ic=(9.43, 18.84, 34.38, 15.09, 42.23, 0.17, 0.101, 0.315, 0.213, 0.226),
    reference="huisman1999",
    tags={"ecology"},
    dissipative=True,
    aliases=("MacArthur",),
)
def macarthur(n, s, *, d=0.25, m=0.25, r=1.0):
    """Five species of plankton that compete for five nutrients; the scarcest one limits each.

    The growth rates have a kink where another nutrient becomes the scarcest.
    """
    limited = []
    for species in range(5):
        uptake = r * s / (_HALF_SATURATION[:, species] + s)
        scarcest = uptake[0]
        for rate in uptake[1:]:
            scarcest = minimum(scarcest, rate)
        limited.append(scarcest)
    growth = np.array(limited)
    return n * (growth - m), d * (_SUPPLY - s) - _CONTENT @ (growth * n)


_RATES = np.array([1.0, 0.72, 1.53, 1.27])
_COMPETITION = np.array([
    [1.0, 1.09, 1.52, 0.0],
    [0.0, 1.0, 0.44, 1.36],
    [2.33, 0.0, 1.0, 0.47],
    [1.21, 0.51, 0.35, 1.0],
])  # fmt: skip


@flow(
    dim={"x": 4},
    ic=(0.5781, 0.427, 0.006721, 0.2139),
    reference="vano2006",
    tags={"ecology"},
    dissipative=True,
)
def competitive_lotka_volterra(x):
    """Four species that compete for a common resource; fewer could not be chaotic."""
    return _RATES * x * (1 - _COMPETITION @ x)


@flow(ic=(0.3429, 0.02668, 0.4813), reference="kot1992", tags={"ecology"}, dissipative=True)
def forced_chemostat(
    x, y, z, t, *, a=8 / 115, b=9 / 46, grow1=5.0, grow2=2.0, eps=0.6, omega=5 * math.pi / 6
):
    """Nutrient, bacteria and their predators in a chemostat whose inflow is modulated.

    The time unit is one exchange of the vessel's content; masses are in units of the inflow.
    """
    eaten, preyed = grow1 * x * y / (a + x), grow2 * y * z / (b + y)
    return 1 + eps * sin(omega * t) - x - eaten, eaten - y - preyed, preyed - z


@flow(
    ic=(0.06594, -7.739, -8.738),
    reference="olsen1990",
    tags={"ecology"},
    dissipative=True,
)
def seasonal_seir(
    s, log_e, log_i, t, *, mu=0.02, alpha=35.84, gamma=100.0, beta=1800.0, amplitude=0.28
):
    """Measles in a city: susceptible, exposed and infective people, with seasonal contact rates.

    Time is in years. The variables are the logarithms of the exposed and the infective, because
    there are so few between epidemics.
    """
    infections = beta * (1 + amplitude * cos(2 * math.pi * t)) * s * exp(log_i)
    return (
        mu * (1 - s) - infections,
        infections * exp(-log_e) - mu - alpha,
        alpha * exp(log_e - log_i) - mu - gamma,
    )
