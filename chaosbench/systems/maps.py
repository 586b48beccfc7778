"""Maps: discrete time."""

from __future__ import annotations

from chaosbench.systems._definition import map  # noqa: A004 - the decorator is the field's word

__all__ = ["henon", "logistic"]


@map(ic=(0.1, 0.1), reference="henon1976", tags={"dissipative"})
def henon(x, y, *, a=1.4, b=0.3):
    """Fold-and-stretch of the plane, the Poincaré section of a Lorenz-like flow in miniature."""
    return 1 - a * x**2 + y, b * x


@map(ic=(0.1,), reference="may1976", tags={"dissipative", "ecology"})
def logistic(x, *, r=4.0):
    """Population with limited resources, generation by generation."""
    return r * x * (1 - x)
