"""Delay reservoir: one nonlinear node with delayed feedback, multiplexed in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.settings import require_choice, require_real
from chaosbench.forecasters.reservoir._reservoir import ReservoirForecaster, input_bound

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["DelayNode", "DelayReservoir"]

_NONLINEARITIES = ("mackey_glass", "sine")


@dataclass(frozen=True)
class DelayReservoir(ReservoirForecaster):
    """One nonlinear node with delayed feedback, read at many moments of a delay [appeltant2011].

    In units of its own time constant, the node obeys

        dx/ds = -x(s) + η F(x(s - τ) + J(s)),

    with the Mackey–Glass nonlinearity F(y) = y/(1 + |y|^p), or with F(y) = sin²(y + φ), that of an
    optoelectronic node [larger2012]. One sample of the data is held for one delay τ = Nθ. During
    this time a random mask makes the input J = M_i z(t) + b_i in the i-th of N intervals of length
    θ. The values x_i at the ends of the intervals are the virtual nodes. With F held constant over
    an interval, as is usual in this literature for simulating the delayed system, the next values
    are

        x_i(t) = e^-θ x_(i-1)(t) + (1 - e^-θ) η F(x_i(t-1) + M_i z(t) + b_i),  x_0(t) = x_N(t-1),

    a linear recursion over i, computed here as one product with a triangular matrix. The readout of
    increments is that of `EchoStateNetwork`.

    Cost: O(nT N²) time and O(N²) memory to fit, O(N²) per step and window, each times `ensemble`.
    The virtual nodes form a chain and a ring, which is poorer than a random network, so that it
    needs more units than an echo state network for the same horizon. It fails where the feedback is
    so strong that the node oscillates by itself and forgets its input.

    Attributes:
        units: number of virtual nodes N.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        noise: standard deviation of Gaussian noise on the training inputs, in training standard
            deviations.
        transient: number of training steps dropped while the node forgets its initial state.
        readout: q: "linear" (r itself), "alternate" (every second unit squared) or "squares" (all
            units and their squares).
        ensemble: number of masks, from spawned seeds. With more than one, the forecast is the
            median of their paths, and the samples are the paths.
        nonlinearity: "mackey_glass" or "sine".
        feedback: η.
        exponent: p of the Mackey–Glass nonlinearity.
        phase: φ of the sine, in radians.
        separation: θ, in time constants of the node.
        input_scaling: bound of the entries of the mask M at up to three variables. Beyond, it falls
            as one over the root of their number, so that the drive of a unit keeps its size. None
            to choose it.
        bias: bound of the entries of b.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "nonlinearity": _NONLINEARITIES,
            "feedback": (0.3, 0.6, 0.9, 1.2),
            "separation": (0.2, 0.5, 1.0, 3.0),
            "input_scaling": (0.1, 0.3, 1.0),
            "bias": (0.3, 1.0),
        }
    )

    nonlinearity: str = "mackey_glass"
    feedback: float = 0.5
    exponent: float = 2.0
    phase: float = 0.6
    separation: float = 1.0
    bias: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "nonlinearity", _NONLINEARITIES)
        require_real(self, "feedback")
        require_real(self, "exponent")
        require_real(self, "phase", low=-2 * np.pi, high=2 * np.pi)
        require_real(self, "separation", open_low=True)
        require_real(self, "bias")

    def draw(self, inputs: FloatArray, *, seed: int) -> DelayNode:
        """Draw the mask."""
        rng = np.random.default_rng([seed, 0])
        decay = np.exp(-self.separation)
        steps = np.subtract.outer(np.arange(self.units), np.arange(self.units))
        within = np.where(steps >= 0, decay ** np.maximum(steps, 0), 0.0)
        return DelayNode(
            feedback=self.feedback,
            exponent=self.exponent if self.nonlinearity == "mackey_glass" else None,
            phase=self.phase,
            response=(1 - decay) * within,
            fading=decay ** np.arange(1, self.units + 1),
            mask=input_bound(self.scaling, inputs.shape[2])
            * rng.uniform(-1, 1, (self.units, inputs.shape[2])),
            bias=self.bias * rng.uniform(-1, 1, self.units),
        )


@dataclass(frozen=True, eq=False)
class DelayNode:
    """The virtual nodes of one delay, computed from those of the previous delay."""

    feedback: float
    exponent: float | None  # p of Mackey–Glass; None for the sine
    phase: float
    response: FloatArray  # (N, N), lower triangular: effect of an interval's drive on later nodes
    fading: FloatArray  # (N,), remaining fraction of the last node of the previous delay
    mask: FloatArray  # (N, d)
    bias: FloatArray  # (N,)

    @property
    def units(self) -> int:
        """Number of virtual nodes N."""
        return len(self.bias)

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return the next virtual nodes ``(n, N)``."""
        y = state + (z @ self.mask.T + self.bias)
        if self.exponent is None:
            drive = np.sin(y + self.phase) ** 2
        else:
            drive = y / (1 + np.abs(y) ** self.exponent)
        return np.asarray(self.feedback * drive @ self.response.T + state[:, -1:] * self.fading)
