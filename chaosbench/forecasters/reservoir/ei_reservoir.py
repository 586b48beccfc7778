"""A reservoir of excitatory and inhibitory units that balances itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.settings import require_choice, require_integer, require_real
from chaosbench.forecasters.reservoir._reservoir import ReservoirForecaster, input_bound

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["BalancedNetwork", "BalancedReservoir"]

_ADAPTATIONS = ("two_phases", "one_step", "none")
_TARGETS = ("homogeneous", "beta")
_EXCITATORY = 0.8
_RATES = (1e-2, 1e-3)


@dataclass(frozen=True)
class BalancedReservoir(ReservoirForecaster):
    """Reservoir of excitatory and inhibitory units that adapts its inhibition to its input.

    As in [srinivasan2025], four of five units are excitatory and the others inhibitory. Each unit
    has inputs from exactly `degree` units, in the same proportion, and responds with a rate between
    0 and 1:

        V = A^E r(t-1) - A^I r(t-1) + W_in z(t),    r(t) = 1/(1 + exp(-c (V - θ))).

    The entries of A^E and A^I are uniform. The mean row total is `strength` for A^E, and `strength`
    minus `balance` for A^I. While the training data drive the network, every unit adapts its
    inhibition towards its own target rate ρ_i,

        A^I_ij += δ (r_i - ρ_i),    A^I_ij >= 0,

    with δ = 0.01 for the first half of the data and 0.001 for the second. With
    ``adaptation="one_step"``, row i of A^I is instead multiplied once by

        Ω_i = (A^E ρ + W_in ū - θ - log(ρ/(1-ρ))/c)_i / (A^I ρ)_i,

    which puts a network at its targets and at the mean input ū exactly there. Then the weights are
    frozen, and the readout of increments is that of `EchoStateNetwork`.

    Cost: O(nT N degree) time for the adaptation, then O(nT (N degree + N²)) time and O(N²) memory
    to fit, O(N (degree + d)) per step and window. Balance gives a long linear memory, but a longer
    memory does not mean a longer forecast. It fails where excitation wins (all units saturate), and
    otherwise as an echo state network does.

    Attributes:
        units: number of units N.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        noise: standard deviation of Gaussian noise on the training inputs, in training standard
            deviations.
        transient: number of training steps dropped while the reservoir forgets its initial state.
        readout: q: "linear" (r itself), "alternate" (every second unit squared) or "squares" (all
            units and their squares).
        ensemble: number of networks, from spawned seeds. With more than one, the forecast is the
            median of their paths, and the samples are the paths.
        adaptation: "two_phases", "one_step" or "none".
        targets: "homogeneous" (all ρ_i = `rate`) or "beta" (ρ_i from the Beta(2, 2) distribution).
        rate: homogeneous target ρ.
        balance: mean row total of A^E - A^I before the adaptation.
        strength: mean row total of A^E.
        gain: c.
        threshold: θ.
        input_scaling: bound of the entries of W_in at up to three variables. Beyond, it falls as
            one over the root of their number, so that the drive of a unit keeps its size. None to
            choose it.
        degree: number of units from which a unit has inputs.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "scipy.sparse")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "targets": _TARGETS,
            "rate": (0.1, 0.3, 0.5),
            "strength": (0.1, 0.25, 0.5, 1.0),
            "input_scaling": (0.03, 0.1, 0.3),
        }
    )

    # The response is steep: a unit saturates at a tenth of the drive of a tanh unit.
    scalings: ClassVar[tuple[float, ...]] = (0.1, 0.03, 0.3)

    adaptation: str = "two_phases"
    targets: str = "beta"
    rate: float = 0.5
    balance: float = 0.0
    strength: float = 0.25
    gain: float = 10.0
    threshold: float = 0.0
    degree: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "units", minimum=2)
        require_choice(self, "adaptation", _ADAPTATIONS)
        require_choice(self, "targets", _TARGETS)
        require_real(self, "rate", high=0.99, open_low=True)
        require_real(self, "balance", low=-np.inf)
        require_real(self, "strength", open_low=True)
        require_real(self, "gain", open_low=True)
        require_real(self, "threshold", low=-np.inf)
        require_integer(self, "degree", minimum=1)

    def draw(self, inputs: FloatArray, *, seed: int) -> BalancedNetwork:
        """Draw the network and let it adapt to the inputs."""
        from scipy.sparse import csr_array

        rng = np.random.default_rng([seed, 0])
        exciting = min(max(1, round(_EXCITATORY * self.units)), self.units - 1)
        parts = []
        for first, last, share, total in (
            (0, exciting, _EXCITATORY, self.strength),
            (exciting, self.units, 1 - _EXCITATORY, self.strength - self.balance),
        ):
            count = min(max(1, round(share * self.degree)), last - first)
            sources = rng.random((self.units, last - first)).argsort(axis=1)[:, :count] + first
            sources.sort(axis=1)
            entries = 2 * max(total, 0.0) / count * rng.random(sources.shape)
            starts = count * np.arange(self.units + 1)
            shape = (self.units, self.units)
            parts.append(csr_array((entries.ravel(), sources.ravel(), starts), shape=shape))
        excitation, inhibition = parts
        bound = input_bound(self.scaling, inputs.shape[2])
        network = BalancedNetwork(
            recurrent=excitation - inhibition,
            weights=bound * rng.uniform(-1, 1, (self.units, inputs.shape[2])),
            gain=self.gain,
            threshold=self.threshold,
        )
        if self.adaptation == "none":
            return network
        target = np.full(self.units, self.rate)
        if self.targets == "beta":
            target = rng.beta(2, 2, self.units)
        # A view, so that the adaptation changes the entries of the matrix itself.
        rows: FloatArray = np.asarray(inhibition.data, dtype=np.float64).reshape(self.units, -1)
        if self.adaptation == "one_step":
            mean = network.weights @ inputs.mean(axis=(0, 1))
            wanted = np.log(target / (1 - target)) / self.gain + self.threshold
            factor = (excitation @ target + mean - wanted) / (inhibition @ target)
            rows *= np.maximum(factor, 0.0)[:, np.newaxis]
        else:
            _adapt(network, excitation, inhibition, rows, target, inputs)
        return replace(network, recurrent=excitation - inhibition)


def _adapt(
    network: BalancedNetwork,
    excitation: Any,
    inhibition: Any,
    rows: FloatArray,
    target: FloatArray,
    inputs: FloatArray,
) -> None:
    """Adapt the inhibitory weights in place; `rows` ``(N, k)`` is a view of `inhibition`."""
    n, length, _ = inputs.shape
    state = np.zeros((n, len(target)))
    for t in range(length):
        current = (excitation @ state.T - inhibition @ state.T).T
        state = network.respond(current, inputs[:, t])
        step = _RATES[0] if 2 * t < length else _RATES[1]
        rows += step * (state.mean(axis=0) - target)[:, np.newaxis]
        np.maximum(rows, 0.0, out=rows)


@dataclass(frozen=True, eq=False)
class BalancedNetwork:
    """Rate units with a sigmoid response and signed weights."""

    recurrent: Any  # (N, N), sparse: A^E - A^I
    weights: FloatArray  # (N, d)
    gain: float
    threshold: float

    @property
    def units(self) -> int:
        """Number of units N."""
        return len(self.weights)

    def respond(self, current: FloatArray, z: FloatArray) -> FloatArray:
        """Return the rates for recurrent currents ``(n, N)`` and inputs ``(n, d)``."""
        excess = current + z @ self.weights.T - self.threshold
        # The logistic function, without overflow where it vanishes.
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * self.gain * excess))

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return the next rates ``(n, N)``."""
        return self.respond((self.recurrent @ state.T).T, z)
