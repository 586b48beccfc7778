"""Edge-of-stability echo state network: an orthogonal map beside the nonlinear layer."""

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

__all__ = ["ES2N", "EdgeOfStabilityReservoir"]


@dataclass(frozen=True)
class ES2N(SpectralForecaster):
    """Edge-of-stability echo state network (ES²N) with a ridge readout of increments [ceni2025].

    A random orthogonal matrix O, which preserves the norm of the state, acts beside the nonlinear
    layer:

        r(t) = (1-β) O r(t-1) + β tanh(W r(t-1) + W_in z(t) + b).

    The proximity β sets how far from the edge of stability the network works. At β = 1 it is an
    echo state network without leak, for β → 0 a pure rotation; between them, memory fades like
    (1-β)^t. The readout is that of `EchoStateNetwork`. reservoirpy's `ES2N` node draws the
    matrices; the states are driven here, for all windows at once (a test compares the two).

    Cost: O is dense, so O(nT N²) time and O(N²) memory to fit, O(N²) per step and window, each
    times `ensemble`. It fails on contexts of fewer than about 10/β steps, which are too short to
    forget the zero state, and otherwise as an echo state network does.

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
        proximity: β, in [0, 1].
        spectral_radius: spectral radius of W, or None to choose it.
        input_scaling: bound of the entries of W_in at up to three variables. Beyond, it falls as
            one over the root of their number, so that the drive of a unit keeps its size. None to
            choose it.
        bias: bound of the entries of b.
        degree: mean number of inputs that a unit has through W.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "reservoirpy.nodes")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "proximity": (0.1, 0.3, 0.6, 0.9),
            "spectral_radius": (0.1, 0.4, 0.9),
            "input_scaling": (0.1, 0.3, 1.0),
            "bias": (0.3, 1.0),
        }
    )

    proximity: float = 0.9
    bias: float = 1.0
    degree: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "proximity", high=1.0)
        require_real(self, "bias")
        require_integer(self, "degree", minimum=1)

    def draw(self, inputs: FloatArray, *, seed: int) -> EdgeOfStabilityReservoir:
        """Draw the random matrices."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from reservoirpy import mat_gen
            from reservoirpy.nodes import ES2N as Node

            node = Node(
                self.units,
                proximity=self.proximity,
                sr=self.radius,
                input_scaling=input_bound(self.scaling, inputs.shape[2]),
                input_connectivity=1.0,
                rc_connectivity=min(1.0, self.degree / self.units),
                Win=mat_gen.uniform,
                W=mat_gen.uniform,
                bias=mat_gen.uniform(low=-self.bias, high=self.bias),
                seed=np.random.default_rng([seed, 0]),
            )
            node.initialize(np.zeros((1, inputs.shape[2])))
        return EdgeOfStabilityReservoir(
            proximity=self.proximity,
            rotation=np.asarray(node.O),
            recurrent=node.W,
            weights=np.asarray(node.Win),
            bias=np.asarray(node.bias),
        )


@dataclass(frozen=True, eq=False)
class EdgeOfStabilityReservoir:
    """A convex combination of an orthogonal map and a tanh layer."""

    proximity: float
    rotation: FloatArray  # (N, N), orthogonal
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
        kept = state @ self.rotation.T
        return np.asarray((1 - self.proximity) * kept + self.proximity * active)
