"""Flows driven by noise, in Itô's sense, with an independent Brownian motion for each variable."""

from __future__ import annotations

from chaosbench.systems import stochastic

__all__ = ["double_well", "stochastic_lorenz", "stochastic_lorenz_multiplicative"]


def _push(*, epsilon=1.0):
    return epsilon, epsilon, epsilon


def _scale(x, y, z, *, epsilon=0.3):
    return epsilon * x, epsilon * y, epsilon * z


def _kick(*, epsilon=0.5):
    return epsilon


@stochastic(
    noise=_push,
    step=1e-3,
    ic=(-9.79, -15.04, 20.53),
    reference="agarwal2016",
    tags={"fluid"},
    dissipative=True,
)
def stochastic_lorenz(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
    """Lorenz's convection rolls with noise of constant amplitude in each variable."""
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@stochastic(
    noise=_scale,
    step=1e-3,
    ic=(-9.79, -15.04, 20.53),
    reference="chekroun2011",
    tags={"fluid"},
    dissipative=True,
)
def stochastic_lorenz_multiplicative(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
    """Lorenz's convection rolls with noise proportional to each variable.

    The source drives all three variables with one Brownian motion; here each has its own.
    """
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


@stochastic(
    noise=_kick,
    step=0.01,
    ic=(1.0,),
    reference="kramers1940",
    tags={"regular"},
    dissipative=True,
)
def double_well(x):
    """Kramers' particle that noise carries over the barrier between two wells; not chaotic."""
    return x - x**3
