"""Neurons."""

from __future__ import annotations

from chaosbench.systems._definition import flow

__all__ = ["hindmarsh_rose"]


@flow(
    ic=(-1.0, -5.0, 3.0),
    reference="hindmarsh1984",
    tags={"dissipative", "neuron"},
)
def hindmarsh_rose(
    x, y, z, *, a=1.0, b=3.0, c=1.0, d=5.0, r=0.006, s=4.0, x_rest=-1.6, current=3.2
):
    """A bursting neuron: fast spikes, modulated by a slow adaptation current."""
    return (
        y - a * x**3 + b * x**2 - z + current,
        c - d * x**2 - y,
        r * (s * (x - x_rest) - z),
    )
