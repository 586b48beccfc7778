"""Network of quadratic neurons as a one-step map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from chaosbench.forecasters.network_maps._layers import QuadraticLayer
from chaosbench.forecasters.network_maps._map import NetworkMap

__all__ = ["QuadraticNetwork"]


@dataclass(frozen=True)
class QuadraticNetwork(NetworkMap):
    """Network of quadratic neurons, iterated as a map [fan2020].

    A neuron with inputs x is

        (w₁·x + b₁)(w₂·x + b₂) + w₃·(x⊙x) + c,

    without any other nonlinearity, so that a network of L layers is a polynomial of degree 2ᴸ with
    far fewer weights than monomials. Its output is the standardised increment of the state, its
    input the delay vector. At the start w₂ and w₃ are small and b₂ is near 1: the network is nearly
    linear. It is trained by the Levenberg–Marquardt method with exact Jacobians on one-step errors,
    with all rows at every step. Of the weights after a quarter, a half, three quarters and all of
    the steps, those are kept whose closed loop follows the last 15% of the training data longest.
    These data are not trained on. With ``delays=None`` the embedding, and with many variables the
    neighbourhood, is the simplest with which a locally linear map forecasts nearly best;
    plans with more than 2,000 weights are left out where there are others.

    Cost: with P weights, O(N d P² + P³) per step with N = `rows`, then O(P) per step and window.
    With 12 neurons and three variables P is 261. It fails where the flow over one step is far from
    a polynomial, and outside the data, where a polynomial explodes: the output is clipped to the
    training range, widened by a tenth on either side. It finds a local minimum that depends on the
    seed.

    On Lorenz at the reference setting (dt = 0.02, 5,000 points, 20 windows, seed 100) the median
    valid prediction time from the present state was 8.0 Lyapunov times with one hidden layer, and
    8.1 with 20 neurons. The published figure of NG-RC is 6, and `nvar` with all its choices has 16.

    Attributes:
        hidden: neurons in each hidden layer.
        layers: number of hidden layers; with none the map is quadratic.
        delays: number of states stacked into one delay vector, or None to choose it and the stride.
        stride: steps between stacked states, where `delays` is given.
        neighbourhood: ``"auto"`` to try models that all variables share, where there are more than
            8; ``"all"`` for one model of all variables.
        rows: largest number of transitions used, spread evenly in time.
        ridge: penalty on the squared weights, relative to the squared error per transition.
        steps: largest number of steps of the training.
        seconds: wall time after which training stops with the weights so far.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "hidden": (4, 8, 12, 16),
            "layers": (0, 1, 2),
            "delays": (1, 2, 3, 4, 6, 8),
            "stride": (1, 2, 3),
            "ridge": (0.0, 1e-12, 1e-9, 1e-6, 1e-3),
        }
    )

    hidden: int = 12

    def _layer(self, inputs: int, outputs: int) -> QuadraticLayer:
        return QuadraticLayer(inputs, outputs)
