"""Sprott's minimal flows: as few terms as chaos needs."""

from __future__ import annotations

from chaosbench.expressions import exp, sign
from chaosbench.systems import flow

__all__ = [
    "sprott_a", "sprott_c", "sprott_d", "sprott_e", "sprott_f", "sprott_g", "sprott_h", "sprott_i",
    "sprott_j", "sprott_k", "sprott_l", "sprott_m", "sprott_more", "sprott_n", "sprott_o",
    "sprott_p", "sprott_q", "sprott_r", "sprott_s", "sprott_torus",
]  # fmt: skip


@flow(
    ic=(0.0, 5.0, 0.0),
    reference="sprott1994",
    tags={"conservative", "thermostat"},
    aliases=("SprottA",),
)
def sprott_a(x, y, z):
    """Case A of the simplest quadratic flows: a thermostatted oscillator, the conservative case.

    The initial state is Sprott's and lies in the chaotic sea; the reference collection's lies on a
    torus.
    """
    return y, -x + y * z, 1 - y**2


@flow(
    ic=(-0.472, -0.272, 1.94),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottC",),
)
def sprott_c(x, y, z):
    """Case C of the simplest quadratic flows: five terms, two of them nonlinear."""
    return y * z, x - y, 1 - x**2


@flow(
    ic=(-1.34, -0.212, 0.33),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottD",),
)
def sprott_d(x, y, z):
    """Case D of the simplest quadratic flows: a rotation driven through two nonlinear terms."""
    return -y, x + z, x * z + 3 * y**2


@flow(
    ic=(0.617, 0.666, -1.66),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottE",),
)
def sprott_e(x, y, z):
    """Case E of the simplest quadratic flows: two nonlinear terms and a constant."""
    return y * z, x**2 - y, 1 - 4 * x


@flow(
    ic=(-0.989, -1.42, 0.858),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottF",),
)
def sprott_f(x, y, z, *, a=0.5):
    """Case F of the simplest quadratic flows: six terms, one square."""
    return y + z, -x + a * y, x**2 - z


@flow(
    ic=(-0.772, -0.748, 1.31),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottG",),
)
def sprott_g(x, y, z, *, a=0.4):
    """Case G of the simplest quadratic flows: six terms, one product."""
    return a * x + z, x * z - y, -x + y


@flow(
    ic=(-1.36, 0.626, -1.28),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottH",),
)
def sprott_h(x, y, z, *, a=0.5):
    """Case H of the simplest quadratic flows: an unstable focus folded back by a square."""
    return -y + z**2, x + a * y, x - z


@flow(
    ic=(-0.0601, -0.496, 0.0232),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottI",),
)
def sprott_i(x, y, z, *, a=0.2):
    """Case I of the simplest quadratic flows: weakly chaotic, one square."""
    return -a * y, x + z, x + y**2 - z


@flow(
    ic=(4.48, 2.3, 6.58),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottJ",),
)
def sprott_j(x, y, z):
    """Case J of the simplest quadratic flows: six terms, one square."""
    return 2 * z, -2 * y + z, -x + y + y**2


@flow(
    ic=(-1.32, -1.54, 0.664),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottK",),
)
def sprott_k(x, y, z, *, a=0.3):
    """Case K of the simplest quadratic flows: six terms, one product."""
    return x * y - z, x - y, x + a * z


@flow(
    ic=(4.36, 13.7, -2.68),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottL",),
)
def sprott_l(x, y, z, *, a=0.9, b=3.9):
    """Case L of the simplest quadratic flows: six terms, one square."""
    return y + b * z, a * x**2 - y, 1 - x


@flow(
    ic=(1.6, -1.6, -2.62),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottM",),
)
def sprott_m(x, y, z, *, a=1.7):
    """Case M of the simplest quadratic flows: six terms, one square."""
    return -z, -(x**2) - y, a * (1 + x) + y


@flow(
    ic=(-8.33, 7.3, 3.28),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottN",),
)
def sprott_n(x, y, z):
    """Case N of the simplest quadratic flows: six terms, one square."""
    return -2 * y, x + z**2, 1 + y - 2 * z


@flow(
    ic=(0.205, 0.0228, 0.936),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottO",),
)
def sprott_o(x, y, z, *, a=2.7):
    """Case O of the simplest quadratic flows: six terms, one product."""
    return y, x - z, x + x * z + a * y


@flow(
    ic=(0.834, 0.149, 0.44),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottP",),
)
def sprott_p(x, y, z, *, a=2.7):
    """Case P of the simplest quadratic flows: six terms, one square."""
    return a * y + z, -x + y**2, x + y


@flow(
    ic=(2.98, -0.0653, -2.8),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottQ",),
)
def sprott_q(x, y, z, *, a=3.1, b=0.5):
    """Case Q of the simplest quadratic flows: six terms, one square."""
    return -z, x - y, a * x + y**2 + b * z


@flow(
    ic=(-1.69, -1.98, 1.98),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottR",),
)
def sprott_r(x, y, z, *, a=0.9, b=0.4):
    """Case R of the simplest quadratic flows: one product, two constants."""
    return a - y, b + z, x * y - z


@flow(
    ic=(0.126, 0.123, 1.22),
    reference="sprott1994",
    dissipative=True,
    aliases=("SprottS",),
)
def sprott_s(x, y, z):
    """Case S of the simplest quadratic flows: six terms, one square."""
    return -x - 4 * y, x + z**2, 1 + x


@flow(
    ic=(-1.34, -0.212, 0.33),
    reference="sprott2020",
    dissipative=True,
    aliases=("SprottMore",),
)
def sprott_more(x, y, z):
    """An oscillator whose damping switches sign with a slow variable; it has no equilibrium."""
    return y, -x - sign(z) * y, y**2 - exp(-(x**2))


@flow(
    ic=(0.688, -0.18, 0.585),
    reference="sprott2014",
    dissipative=True,
    aliases=("SprottTorus",),
)
def sprott_torus(x, y, z):
    """A strange attractor, on which the initial state lies, that coexists with invariant tori."""
    return y + 2 * x * y + x * z, 1 - 2 * x**2 + y * z, x - x**2 - y**2
