"""Maps: discrete time."""

from __future__ import annotations

from chaosbench.expressions import cos, exp, sin
from chaosbench.systems._definition import map  # noqa: A004 - the decorator is the field's word

__all__ = ["gauss", "henon", "ikeda", "logistic", "tinkerbell"]


@map(ic=(0.1, 0.1), reference="henon1976", tags={"dissipative"}, aliases=("Henon",))
def henon(x, y, *, a=1.4, b=0.3):
    """Stretch and fold of the plane: a Poincaré section in miniature."""
    return 1 - a * x**2 + y, b * x


@map(ic=(0.51,), reference="may1976", tags={"dissipative", "ecology"}, aliases=("Logistic",))
def logistic(x, *, r=4.0):
    """Population with limited resources, generation by generation."""
    return r * x * (1 - x)


@map(ic=(0.9, 0.555), reference="ikeda1979", tags={"dissipative", "optics"}, aliases=("Ikeda",))
def ikeda(x, y, *, u=0.9):
    """Light on its rounds through a ring cavity with an absorber."""
    phase = 0.4 - 6 / (1 + x**2 + y**2)
    return 1 + u * (x * cos(phase) - y * sin(phase)), u * (x * sin(phase) + y * cos(phase))


@map(
    ic=(0.137, -0.031),
    reference="nusse1998",
    tags={"dissipative"},
    aliases=("Tinkerbell",),
)
def tinkerbell(x, y, *, a=0.9, b=-0.6013, c=2.0, d=0.5):
    """A quadratic map whose attractor flies like its namesake."""
    return x**2 - y**2 + a * x + b * y, 2 * x * y + c * x + d * y


@map(ic=(0.5,), reference="hilborn2000", tags={"dissipative"}, aliases=("Gauss",))
def gauss(x, *, a=4.9, b=-0.5):
    """The mouse map: one bump of a Gaussian, iterated."""
    return exp(-a * x**2) + b
