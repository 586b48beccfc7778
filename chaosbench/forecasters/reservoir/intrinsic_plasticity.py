"""Echo state network whose units first adapt their responses: intrinsic plasticity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.settings import require_integer, require_real
from chaosbench.forecasters.reservoir._reservoir import SpectralForecaster, input_bound
from chaosbench.forecasters.reservoir.echo_state import LeakyReservoir, draw_leaky

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["IntrinsicPlasticity", "adapt"]


@dataclass(frozen=True)
class IntrinsicPlasticity(SpectralForecaster):
    """Echo state network with intrinsic plasticity [schrauwen2008].

    Each unit has its own gain g and shift h,

        x(t) = W r(t-1) + W_in z(t) + b,    r(t) = tanh(g x(t) + h).

    They follow the gradient of the Kullback–Leibler divergence between the distribution of r over
    time and a normal distribution of mean μ and standard deviation σ, one step per sample:

        δ = μ/σ² - r (2σ² + 1 - r² + μ r)/σ²,    Δh = η δ,    Δg = η (1/g + x δ).

    Then they are frozen and folded into W, W_in and b, and a readout of increments is trained as
    for `EchoStateNetwork`. reservoirpy's `IPReservoir` computes the same on one trajectory (a test
    compares the two). It processes several trajectories one after the other and carries the state
    from each to the next; this forecaster uses the mean gradient of all trajectories at the same
    time.

    Cost: `epochs` passes of O(nT N (degree + d)) in addition to that of an echo state network. It
    fails as an echo state network does. The rule does not know about the forecast, so that a good σ
    has to be found by tuning, and a `rate` much above σ² makes the shifts overshoot and the units
    saturate.

    Attributes:
        units: number of reservoir units N.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        noise: standard deviation of Gaussian noise on the training inputs, in training standard
            deviations.
        transient: number of training steps dropped while the reservoir forgets its initial state.
        readout: q: "linear" (r itself), "alternate" (every second unit squared) or "squares" (all
            units and their squares).
        ensemble: number of networks, from spawned seeds. With more than one, the forecast is the
            median of their paths, and the samples are the paths.
        mean: μ of the target distribution.
        deviation: σ of the target distribution.
        rate: learning rate η.
        epochs: number of passes over the training data.
        spectral_radius: spectral radius of W before the adaptation, or None to choose it.
        input_scaling: bound of the entries of W_in before the adaptation at up to three variables.
            Beyond, it falls as one over the root of their number, so that the drive of a unit keeps
            its size. None to choose it.
        bias: bound of the entries of b before the adaptation.
        degree: mean number of inputs that a unit has from other units.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "reservoirpy.nodes")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "deviation": (0.1, 0.2, 0.35, 0.5),
            "spectral_radius": (0.1, 0.4, 0.8),
            "input_scaling": (0.1, 0.3, 1.0),
            "bias": (0.3, 1.0),
        }
    )

    mean: float = 0.0
    deviation: float = 0.35
    rate: float = 5e-4
    epochs: int = 1
    bias: float = 1.0
    degree: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "mean", low=-1.0, high=1.0)
        require_real(self, "deviation", open_low=True)
        require_real(self, "rate")
        require_integer(self, "epochs", minimum=0)
        require_real(self, "bias")
        require_integer(self, "degree", minimum=1)

    def draw(self, inputs: FloatArray, *, seed: int) -> LeakyReservoir:
        """Draw the random matrices and adapt gains and shifts to the inputs."""
        reservoir = draw_leaky(
            self.units,
            inputs.shape[2],
            spectral_radius=self.radius,
            input_scaling=input_bound(self.scaling, inputs.shape[2]),
            bias=self.bias,
            degree=self.degree,
            seed=seed,
        )
        gain, shift = adapt(
            reservoir,
            inputs,
            mean=self.mean,
            deviation=self.deviation,
            rate=self.rate,
            epochs=self.epochs,
        )
        recurrent = reservoir.recurrent
        if isinstance(recurrent, np.ndarray):
            recurrent = gain[:, np.newaxis] * recurrent
        else:
            recurrent = recurrent.multiply(gain[:, np.newaxis]).tocsr()
        return replace(
            reservoir,
            recurrent=recurrent,
            weights=gain[:, np.newaxis] * reservoir.weights,
            bias=gain * reservoir.bias + shift,
        )


def adapt(
    reservoir: LeakyReservoir,
    inputs: FloatArray,
    *,
    mean: float,
    deviation: float,
    rate: float,
    epochs: int,
) -> tuple[FloatArray, FloatArray]:
    """Return gains and shifts, each ``(N,)``, after `epochs` passes over inputs ``(n, T, d)``."""
    n, length, _ = inputs.shape
    variance = deviation**2
    gain, shift = np.ones(reservoir.units), np.zeros(reservoir.units)
    state = np.zeros((n, reservoir.units))
    for _ in range(epochs):
        for t in range(length):
            x = (reservoir.recurrent @ state.T).T
            x += inputs[:, t] @ reservoir.weights.T + reservoir.bias
            state = np.tanh(gain * x + shift)
            slope = (mean - state * (2 * variance + 1 - state**2 + mean * state)) / variance
            # The gradient uses the gain before the step.
            gain = gain + rate * (1 / gain + (slope * x).mean(axis=0))
            shift = shift + rate * slope.mean(axis=0)
    return gain, shift
