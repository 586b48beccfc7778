"""Lattices and networks of equal units."""

from __future__ import annotations

import math

import numpy as np

from chaosbench.expressions import cos, sin, tanh
from chaosbench.systems import flow, map  # noqa: A004 - the decorator is the field's word

__all__ = ["coupled_fitzhugh_nagumo", "coupled_map_lattice", "kuramoto", "rate_network"]


def _uneven(d: int) -> list[float]:
    """Return a lattice state in which no two neighbours are equal."""
    return [0.1 + 0.07 * (7 * i % 11) - 0.02 * (i % 3) for i in range(d)]


@map(
    dim=32,
    ic=_uneven,
    reference="kaneko1984",
    tags={"hyperchaotic", "spatiotemporal"},
    dissipative=True,
)
def coupled_map_lattice(x, *, a=1.9, eps=0.1):
    """Logistic maps on a ring; each passes a small share to its two neighbours.

    ``eps`` is the share that diffuses; at this ``a`` turbulence is fully developed.
    """
    local = 1 - a * x**2
    return (1 - eps) * local + eps / 2 * (np.roll(local, 1) + np.roll(local, -1))


_OSCILLATORS = 10
_FREQUENCIES = (2 * np.arange(_OSCILLATORS) + 1) / _OSCILLATORS - 1


@flow(
    dim={"theta": _OSCILLATORS},
    ic=[2.4, 3.8, 1.1, 2.7, 5.8, 4.3, 0.4, 2.0, 4.6, 5.4],
    reference="popovych2005",
    tags={"hyperchaotic"},
    dissipative=True,
    angles={"theta": 2 * math.pi},
)
def kuramoto(theta, *, K=1.0):
    """Kuramoto's phase oscillators, all coupled to all, below synchrony: phase chaos.

    The natural frequencies are spaced evenly over [-1, 1]. The phases grow without bound and are
    taken modulo 2π; their mean is constant, so a second exponent is zero.
    """
    s, c = sin(theta), cos(theta)
    return _FREQUENCIES + K / _OSCILLATORS * (s.sum() * c - c.sum() * s)


@flow(
    ic=(0.02102, -0.001737, 0.0352, -0.003473),
    reference="karnatak2014",
    tags={"neuron"},
    dissipative=True,
)
def coupled_fitzhugh_nagumo(x1, y1, x2, y2, *, a=-0.025794, b1=0.0065, b2=0.0135, c=0.02, k=0.128):
    """Two different excitable units that occasionally fire together: extreme events.

    Most of the time both oscillate with small, irregular amplitudes.
    """
    return (
        x1 * (a - x1) * (x1 - 1) - y1 + k * (x2 - x1),
        b1 * x1 - c * y1,
        x2 * (a - x2) * (x2 - 1) - y2 + k * (x1 - x2),
        b2 * x2 - c * y2,
    )


_NEURONS, _INPUTS = 64, 16


def _random_wiring() -> tuple[np.ndarray, np.ndarray]:
    """Return the sources ``(64, 16)`` of each neuron's inputs and their weights.

    All numbers are integers from Knuth's linear congruential generator, so the result is the same
    on every machine. A weight is the sum of twelve uniform numbers minus its mean; it has unit
    variance and is nearly normal.
    """
    state = 6

    def draw() -> int:
        nonlocal state
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        return state >> 40

    sources = np.empty((_NEURONS, _INPUTS), dtype=int)
    weights = np.empty((_NEURONS, _INPUTS))
    for i in range(_NEURONS):
        chosen: dict[int, float] = {}
        while len(chosen) < _INPUTS:
            j = draw() >> 18
            if j not in chosen:
                chosen[j] = sum(draw() for _ in range(12)) / 2**24 - 6
        sources[i], weights[i] = list(chosen), list(chosen.values())
    return sources, weights


_SOURCES, _WEIGHTS = _random_wiring()


@flow(
    dim={"x": _NEURONS},
    ic=[0.1 * (7 * i % 11 - 5) for i in range(_NEURONS)],
    reference="sompolinsky1988",
    tags={"neuron", "spatiotemporal"},
    dissipative=True,
)
def rate_network(x, *, g=2.5):
    """Sixty-four firing rates with random excitation and inhibition, chaotic at this gain.

    Sompolinsky, Crisanti and Sommers connect all to all. Here each neuron has 16 random inputs, and
    the weights have the variance ``g**2 / 16``, which gives the same mean field at a quarter of the
    work. With so few neurons not every random network is chaotic; this one is.
    """
    return g / np.sqrt(_INPUTS) * (_WEIGHTS * tanh(x)[_SOURCES]).sum(axis=1) - x
