"""Echo state network: a fixed random recurrent layer and a ridge readout."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.settings import require_integer, require_real
from chaosbench.forecasters.reservoir._reservoir import SpectralForecaster, input_bound

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["EchoStateNetwork", "LeakyReservoir", "draw_leaky"]


@dataclass(frozen=True)
class EchoStateNetwork(SpectralForecaster):
    """Leaky echo state network with a ridge readout of increments [jaeger2001].

    With z the standardised input and r the state of the reservoir,

        r(t) = (1-a) r(t-1) + a tanh(W r(t-1) + W_in z(t) + b),
        z(t+1) = f(z(t) + W_out [1, z(t), q(r(t))]),

    where q squares every second unit, which breaks the symmetry z → -z of tanh [pathak2017], and f
    clips the output as in `ReservoirForecaster`. reservoirpy draws W, W_in and b from uniform
    distributions and scales W. The states are driven here, for all windows at once, and start from
    zero on the given context. W_out comes from ridge regression in double precision: a noise-free
    reservoir keeps its information in directions a millionth as large as the first, so the penalty
    has to be tiny, and how tiny depends on the system. With ``ridge=None`` it is the one of 1e-5 …
    1e-14 whose closed loop follows the last 15% of the training data longest; the readout is then
    refitted to all of the data.

    Cost: with N units, O(nT (N degree + N²)) time and O(N²) memory to fit, O(N (degree + d)) per
    step and window, each times `ensemble`. It fails where the closed loop is unstable (the
    attractor of the network is not that of the system), where it has too few units for the number
    of variables (500 units do no better than persistence on Lorenz-96 with 40 variables, whereas
    `ParallelEchoState` does), and on contexts too short to forget the zero state, a few tens of
    steps at the default spectral radius.

    Attributes:
        units: number of reservoir units N.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        noise: standard deviation of Gaussian noise on the training inputs, in training standard
            deviations; it trades accuracy for stability.
        transient: number of training steps dropped while the reservoir forgets its initial state.
        readout: q: "linear" is r itself, "alternate" squares every second unit, "squares" appends
            the squares of all units, at four times the cost of the regression.
        ensemble: number of networks, from spawned seeds. With more than one, the forecast is the
            median of their paths, and the samples are the paths.
        spectral_radius: spectral radius of W, or None to choose it.
        input_scaling: bound of the entries of W_in at up to three variables. Beyond, it falls as
            one over the root of their number, so that the drive of a unit keeps its size. None to
            choose it.
        bias: bound of the entries of b.
        leak: a, in (0, 1].
        degree: mean number of inputs that a unit has from other units.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "reservoirpy.nodes")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "spectral_radius": (0.1, 0.4, 0.8, 1.1),
            "input_scaling": (0.03, 0.1, 0.3, 1.0),
            "leak": (0.3, 0.6, 1.0),
            "bias": (0.3, 1.0),
        }
    )

    bias: float = 1.0
    leak: float = 1.0
    degree: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "bias")
        require_real(self, "leak", high=1.0, open_low=True)
        require_integer(self, "degree", minimum=1)

    def _input_bound(self, d: int) -> float:
        return input_bound(self.scaling, d)

    def draw(self, inputs: FloatArray, *, seed: int) -> LeakyReservoir:
        """Draw the random matrices."""
        return draw_leaky(
            self.units,
            inputs.shape[2],
            spectral_radius=self.radius,
            input_scaling=self._input_bound(inputs.shape[2]),
            bias=self.bias,
            leak=self.leak,
            degree=self.degree,
            seed=seed,
        )


@dataclass(frozen=True, eq=False)
class LeakyReservoir:
    """A reservoir of leaky tanh units."""

    leak: float
    recurrent: Any  # (N, N), sparse unless the reservoir is tiny
    weights: FloatArray  # (N, d)
    bias: FloatArray  # (N,)

    @property
    def units(self) -> int:
        """Number of units N."""
        return len(self.bias)

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return the next states ``(n, N)``."""
        active = np.tanh((self.recurrent @ state.T).T + (z @ self.weights.T + self.bias))
        return np.asarray((1 - self.leak) * state + self.leak * active)


def draw_leaky(
    units: int,
    d: int,
    *,
    spectral_radius: float,
    input_scaling: float,
    bias: float,
    degree: int,
    seed: int,
    leak: float = 1.0,
) -> LeakyReservoir:
    """Let reservoirpy draw W, W_in and b from uniform distributions and scale W."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reservoirpy import mat_gen
        from reservoirpy.nodes import Reservoir

        node = Reservoir(
            units,
            lr=leak,
            sr=spectral_radius,
            input_scaling=input_scaling,
            input_connectivity=1.0,
            rc_connectivity=min(1.0, degree / units),
            Win=mat_gen.uniform,
            W=mat_gen.uniform,
            bias=mat_gen.uniform(low=-bias, high=bias),
            seed=np.random.default_rng([seed, 0]),
        )
        node.initialize(np.zeros((1, d)))
    return LeakyReservoir(
        leak=leak,
        recurrent=node.W,
        weights=np.asarray(node.Win),
        bias=np.asarray(node.bias),
    )
