"""Business cycles and finance."""

from __future__ import annotations

from chaosbench.systems import flow

__all__ = ["bouali", "bouali2", "finance"]


@flow(
    ic=(-0.517, -3.96, 0.00129),
    reference="cai2007",
    tags={"economics"},
    dissipative=True,
    aliases=("Finance",),
)
def finance(x, y, z, *, a=0.001, b=0.2, c=1.1):
    """Interest rate, investment demand and prices that chase one another."""
    return (1 / b - a) * x + z + x * y, -b * y - x**2, -x - c * z


@flow(
    ic=(0.387, 3.05, -0.00678),
    reference="bouali1999",
    tags={"economics"},
    dissipative=True,
    aliases=("Bouali",),
)
def bouali(x, y, z, *, a=1.0, b=-0.3, c=0.05, g=1.0, m=1.0, n=1.0, y0=4.0):
    """Profits and savings in a predator–prey loop, with foreign capital as a slow feedback."""
    return (
        a * x * (y0 - y) - b * z,
        g * y * (x**2 - 1),
        -1.5 * m * x + m * n * x * z - c * z,
    )


@flow(
    ic=(-0.794, 1.36, -0.0306),
    reference="bouali1999",
    tags={"conservative", "economics"},
    aliases=("Bouali2",),
)
def bouali2(x, y, z, *, a=3.0, b=2.2, g=1.0, m=-0.0026667, y0=1.0):
    """Bouali's business cycle with a feedback that is weak, linear and undamped."""
    return a * x * (y0 - y) - b * z, g * y * (x**2 - 1), -1.5 * m * x
