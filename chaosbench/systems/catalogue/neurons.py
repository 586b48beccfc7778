"""Neurons and neural networks."""

from __future__ import annotations

import numpy as np

from chaosbench.expressions import absolute, cos, exp, sin, tanh
from chaosbench.systems import flow, map  # noqa: A004 - the decorator is the field's word

__all__ = [
    "beer_rnn", "bonhoeffer_van_der_pol", "cellular_neural_network", "chialvo", "excitable_cell",
    "forced_fitzhugh_nagumo", "hindmarsh_rose", "hindmarsh_rose_marhl", "hopfield", "izhikevich",
    "rulkov",
]  # fmt: skip

_BEER_TIMES = np.array([1.0, 2.5, 1.0])
_BEER_BIASES = np.array([-4.108, -2.787, -1.114])
_BEER_WEIGHTS = np.array([[5.422, -0.018, 2.75], [-0.24, 4.59, 1.21], [0.535, -2.25, 3.885]])

_HOPFIELD_WEIGHTS = np.array([
    [0, -1, 0, 0, -1, -1],
    [0, 0, 0, -1, -1, -1],
    [-1, -1, 0, 0, -1, 0],
    [-1, -1, -1, 0, 0, 0],
    [-1, -1, 0, -1, 0, 0],
    [0, -1, -1, -1, 0, 0],
])  # fmt: skip


@flow(
    ic=(-1.0, -5.0, 3.0),
    reference="hindmarsh1984",
    tags={"neuron"},
    dissipative=True,
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


@flow(
    ic=(0.0311, -0.0216, 0.0415),
    reference="marhl2006",
    tags={"neuron"},
    dissipative=True,
    aliases=("HindmarshRose",),
)
def hindmarsh_rose_marhl(x, y, z, *, a=0.49, b=1.0, c=0.0322, d=1.0, s=1.0, tau_x=0.03, tau_z=0.8):
    """The Hindmarsh–Rose neuron in the variables and at the fast bursting of Marhl and Perc."""
    return (
        -x + (y - a * x**3 + b * x**2 + z) / tau_x,
        -a * x**3 - (d - b) * x**2 + z,
        (c - s * x - z) / tau_z,
    )


@flow(
    ic=(-1.22, -0.0465),
    reference="fitzhugh1961",
    tags={"neuron", "regular"},
    dissipative=True,
    aliases=("ForcedFitzHughNagumo",),
)
def forced_fitzhugh_nagumo(
    v, w, t, *, a=0.7, b=0.8, current=0.965, f=0.4008225, gamma=0.08, omega=0.043650793650793655
):
    """An excitable membrane, voltage and recovery, under a periodic current.

    At the reference collection's parameters it is periodic from every initial state tried.
    """
    return v - v**3 / 3 - w + current + f * sin(omega * t), gamma * (v + a - b * w)


@flow(
    ic=(-44.6, 0.131, 0.466),
    reference="chay1985",
    tags={"neuron"},
    dissipative=True,
    aliases=("ExcitableCell",),
)
def excitable_cell(
    v, n, c, *, g_i=1800.0, g_kv=1700.0, g_kc=11.0, g_l=7.0, v_i=100.0, v_k=-75.0, v_l=-40.0,
    v_c=100.0, k_c=0.183333, rho=0.27, pace=230.0,
):  # fmt: skip
    """Chay's pancreatic cell: voltage in mV, potassium channels and calcium; time in seconds."""
    alpha_m = 0.1 * (25 + v) / (1 - exp(-0.1 * v - 2.5))
    beta_m = 4 * exp(-(v + 50) / 18)
    alpha_h = 0.07 * exp(-0.05 * v - 2.5)
    beta_h = 1 / (1 + exp(-0.1 * v - 2))
    alpha_n = 0.01 * (20 + v) / (1 - exp(-0.1 * v - 2))
    beta_n = 0.125 * exp(-(v + 30) / 80)
    gate = (alpha_m / (alpha_m + beta_m)) ** 3 * alpha_h / (alpha_h + beta_h)
    return (
        g_i * gate * (v_i - v) + (g_kv * n**4 + g_kc * c / (1 + c)) * (v_k - v) + g_l * (v_l - v),
        pace * (alpha_n - (alpha_n + beta_n) * n),
        rho * (gate * (v_c - v) - k_c * c),
    )


@flow(
    ic=(-0.266, -0.368, -0.0731),
    reference="arena1998",
    tags={"neuron", "circuit"},
    dissipative=True,
    aliases=("CellularNeuralNetwork",),
)
def cellular_neural_network(x, y, z, *, a=4.4, b=3.21, c=1.1, d=1.24):
    """Three cells with piecewise-linear saturation, coupled without symmetry."""

    def saturated(v):
        return 0.5 * (absolute(v + 1) - absolute(v - 1))

    fx, fy, fz = saturated(x), saturated(y), saturated(z)
    return (
        -x + d * fx - b * fy - b * fz,
        -y - b * fx + c * fy - a * fz,
        -z - b * fx + a * fy + fz,
    )


@flow(
    dim={"y": 3},
    ic=(1.5, 2.37, 0.658),
    reference="beer1995",
    tags={"neuron"},
    dissipative=True,
    aliases=("BeerRNN",),
)
def beer_rnn(y):
    """Three neurons in continuous time, each connected to all three."""
    firing = 1 / (1 + exp(-(y + _BEER_BIASES)))
    return (_BEER_WEIGHTS @ firing - y) / _BEER_TIMES


@flow(
    dim={"x": 6},
    ic=(-0.671, -0.242, -0.0557, 0.347, 0.453, 0.784),
    reference="lewis1992",
    tags={"neuron"},
    dissipative=True,
    aliases=("Hopfield",),
)
def hopfield(x, *, beta=0.5, eps=10.0, tau=2.5):
    """Six neurons whose asymmetric inhibition gives chaos, unlike a symmetric Hopfield network."""
    return (1 + tanh(eps * (_HOPFIELD_WEIGHTS @ x))) / 2 - x / tau - beta


@flow(
    ic=(-0.9057, -0.5073),
    reference="rajasekar1988",
    tags={"neuron"},
    dissipative=True,
)
def bonhoeffer_van_der_pol(x, y, t, *, a=0.7, b=0.8, c=0.1, force=0.74, omega=1.0):
    """FitzHugh's model of a nerve under a periodic current, past its period doublings."""
    return x - x**3 / 3 - y + force * cos(omega * t), c * (x + a - b * y)


@map(ic=(1.263, -2.801), reference="rulkov2001", tags={"neuron"})
def rulkov(x, y, *, alpha=4.1, mu=0.001, sigma=-1.0):
    """A neuron in two variables: a fast voltage that bursts chaotically and a slow adaptation.

    Volumes grow on average, because the fast variable folds over itself while it bursts.
    """
    return alpha / (1 + x**2) + y, y - mu * (x - sigma)


@map(ic=(0.04256, 2.086), reference="chialvo1995", tags={"neuron"}, dissipative=True)
def chialvo(x, y, *, a=0.89, b=0.18, c=0.28, k=0.03):
    """An excitable membrane in discrete time: activation and recovery."""
    return x**2 * exp(y - x) + k, a * y - b * x + c


def _above_peak(v, *, peak):
    return v - peak


def _after_spike(u, *, c, d):
    return c, u + d


@flow(
    ic=(-50.0, -105.0),
    reference="izhikevich2003",
    tags={"neuron"},
    dissipative=True,
    resets=[(_above_peak, _after_spike)],
)
def izhikevich(v, u, *, a=0.2, b=2.0, c=-56.0, d=-16.0, current=-99.0, peak=30.0):
    """A spiking neuron: at its peak the voltage is reset and the recovery variable shifted.

    Voltage in mV, time in ms. At these parameters Nobukawa and others studied the chaos with
    saltation matrices [nobukawa2015]. Without resets, no autonomous flow of two variables is
    chaotic.
    """
    return 0.04 * v**2 + 5 * v + 140 - u + current, a * (b * v - u)
