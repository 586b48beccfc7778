"""Parallel echo state networks, one per neighbourhood of a spatially extended system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.arrays import Scaler
from chaosbench.forecasters._shared.rollout import output_bounds
from chaosbench.forecasters._shared.settings import require_flag, require_integer
from chaosbench.forecasters._shared.triangular import TriangularEquations
from chaosbench.forecasters.reservoir._reservoir import (
    ReservoirPredictor,
    feature_count,
    features,
)
from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["ParallelEchoState"]


@dataclass(frozen=True)
class ParallelEchoState(EchoStateNetwork):
    """Parallel echo state networks for spatially extended systems [pathak2018].

    The d variables, in their order, form a ring that is cut into `groups` blocks of neighbours. The
    network of each block forecasts it from the block and `overlap` further variables on either
    side; after each step, all networks receive the forecasts of their neighbours. Where influence
    travels at a finite speed, this replaces one problem in d variables by many small ones. All
    groups have the same random reservoir, driven by their own inputs. With ``shared=True`` they
    also have the same readout, which suits systems that look alike everywhere and gives `groups`
    times the training data. Everything else is as for `EchoStateNetwork`.

    Cost: with G groups of N units, O(nT G N²) time and O(G N²) memory to fit, O(N²) memory with a
    shared readout, and O(G N degree) per step and window. It fails where variables that are far
    apart in their order depend on each other directly (with an `overlap` so large that each group
    sees all variables, it works as any echo state network). Without `noise` the closed loop is
    unstable on smooth fields such as that of Kuramoto and Sivashinsky.

    Attributes:
        units: number of reservoir units N of each group.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        noise: standard deviation of Gaussian noise on the training inputs, in training standard
            deviations.
        transient: number of training steps dropped while the reservoir forgets its initial state.
        readout: q: "linear" (r itself), "alternate" (every second unit squared) or "squares" (all
            units and their squares).
        ensemble: number of forecasts, from spawned seeds. With more than one, the forecast is the
            median of their paths, and the samples are the paths.
        spectral_radius: spectral radius of W.
        input_scaling: bound of the entries of W_in, or None to choose it.
        bias: bound of the entries of b.
        leak: a, in (0, 1].
        degree: mean number of inputs that a unit has from other units.
        groups: number of blocks G, at most one per variable.
        overlap: number of neighbours on either side that a block sees.
        shared: whether all blocks share one readout.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            **EchoStateNetwork.search_space,
            "noise": (0.0, 3e-4, 1e-3, 3e-3, 1e-2),
            "overlap": (2, 3, 4, 6),
            "groups": (5, 10, 20, 40),
            "shared": (False, True),
        }
    )

    # A group sees more variables than an echo state network on Lorenz. A smaller scaling keeps the
    # units away from saturation.
    scalings: ClassVar[tuple[float, ...]] = (0.1, 0.3, 0.03)

    # Only with noise do the groups learn to damp the jumps between the forecasts of neighbours.
    noise: float = 1e-3
    groups: int = 20
    overlap: int = 3
    shared: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "groups", minimum=1)
        require_integer(self, "overlap", minimum=0)
        require_flag(self, "shared")

    def _input_bound(self, d: int) -> float:  # noqa: ARG002
        return self.scaling  # the default is chosen for the variables of a group

    def _untrained(self, scaler: Scaler, inputs: FloatArray, seed: int) -> _ParallelPredictor:
        d = inputs.shape[2]
        groups = min(self.groups, d)
        size = -(-d // groups)
        first = np.arange(groups) * d // groups
        width = min(size + 2 * self.overlap, d)
        before = min(self.overlap, (width - size) // 2)
        owner = np.searchsorted(first, np.arange(d), side="right") - 1
        reservoir = self.draw(inputs[..., :width], seed=seed)
        count = feature_count(self.readout, reservoir.units, width)
        return _ParallelPredictor(
            who=type(self).__name__,
            scaler=scaler,
            reservoir=reservoir,
            bounds=output_bounds(inputs),
            kind=self.readout,
            readout=np.zeros((1 if self.shared else groups, count, size)),
            seen=(first[:, np.newaxis] - before + np.arange(width)) % d,
            forecast=(first[:, np.newaxis] + np.arange(size)) % d,
            owner=owner * size + np.arange(d) - first[owner],
        )


@dataclass(frozen=True, eq=False)
class _ParallelPredictor(ReservoirPredictor):
    """States are ``(n G, N)``; the readout is ``(G, p, size)``, or ``(1, p, size)`` if shared."""

    seen: NDArray[np.intp]  # (G, width), the variables that drive each group
    forecast: NDArray[np.intp]  # (G, size), the variables that each group forecasts
    owner: NDArray[np.intp]  # (d,), place of each variable in the forecasts of all groups

    def empty_equations(self) -> _GroupEquations:
        return _GroupEquations(len(self.readout), self.forecast)

    def rest(self, n: int) -> FloatArray:
        return np.zeros((n * len(self.seen), self.reservoir.units))

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        return self.reservoir.update(state, self._local(z))

    def _local(self, z: FloatArray) -> FloatArray:
        return z[:, self.seen].reshape(-1, self.seen.shape[1])

    def features(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return the features of all groups, one group after the other, ``(n, G p)``."""
        return features(self.kind, state, self._local(z)).reshape(
            len(z), len(self.seen) * self.readout.shape[1]
        )

    def increments(self, state: FloatArray, z: FloatArray, readouts: FloatArray) -> FloatArray:
        """Return what each of r readouts ``(r, G, p, size)`` adds to its inputs, ``(r n, d)``."""
        copies = len(readouts)
        phi = features(self.kind, state, self._local(z))
        phi = phi.reshape(copies, -1, len(self.seen), phi.shape[1]).swapaxes(1, 2)
        grouped = np.matmul(phi, readouts).swapaxes(1, 2)
        return np.asarray(grouped.reshape(len(z), -1)[:, self.owner])


class _GroupEquations:
    """Equations of each group, or of all groups together."""

    def __init__(self, readouts: int, forecast: NDArray[np.intp]) -> None:
        self._forecast = forecast
        self._parts = [TriangularEquations() for _ in range(readouts)]

    def add(self, features: FloatArray, targets: FloatArray) -> None:
        """Add features ``(rows, G p)`` and targets ``(rows, d)``."""
        grouped = features.reshape(len(features), len(self._forecast), -1)
        for g, variables in enumerate(self._forecast):
            part = self._parts[g % len(self._parts)]
            part.add(np.ascontiguousarray(grouped[:, g]), targets[:, variables])

    def solve(self, ridge: float) -> FloatArray:
        """Return ``(G, p, size)``, or ``(1, p, size)`` for all groups together."""
        return np.stack([part.solve(ridge) for part in self._parts])
