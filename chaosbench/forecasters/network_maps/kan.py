"""Kolmogorov–Arnold network as a one-step map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from chaosbench.forecasters._shared.settings import require_choice, require_integer, require_real
from chaosbench.forecasters.network_maps._layers import BASES, EdgeLayer
from chaosbench.forecasters.network_maps._map import NetworkMap

__all__ = ["KAN"]


@dataclass(frozen=True)
class KAN(NetworkMap):
    """Kolmogorov–Arnold network, iterated as a map [liu2024].

    Every edge of the network has its own function, and a node is the sum over its edges,

        xˡ⁺¹_o = Σ_i φˡ_oi(xˡ_i),   φ(x) = w silu(x) + Σ_b c_b B_b(x).

    B are the cubic B-splines on `grid` equal intervals of [-reach, reach], or the Chebyshev
    polynomials of the degrees 0 to `grid` + 2 of tanh(x/reach). The input is the standardised delay
    vector, the output the standardised increment. It is trained by the Levenberg–Marquardt method
    with exact Jacobians on one-step errors, with all rows at every step; the authors use L-BFGS or
    Adam, and adapt the grid, which here stays as it is. Of the weights after a quarter, a half,
    three quarters and all of the steps, those are kept whose closed loop follows the last 15% of
    the training data longest. These data are not trained on. With ``delays=None`` the embedding,
    and with many variables the neighbourhood, is the simplest with which a locally linear map
    forecasts nearly best;
    plans with more than 2,000 weights are left out where there are others.

    Cost: with P weights, O(N d P² + P³) per step with N = `rows`, then O(P) per step and window.
    With 6 nodes and three variables P is 324. It fails outside the grid, where only silu remains;
    the output is clipped to the training range, widened by a tenth on either side. It finds a local
    minimum that depends on the seed.

    On Lorenz at the reference setting (dt = 0.02, 5,000 points, 20 windows, seed 100) the median
    valid prediction time from the present state was 5.4 Lyapunov times with splines and 5.0 with
    polynomials. That is less than NG-RC (published 6, `nvar` with all its choices 16): the flow
    over one step is nearly a polynomial with products of variables, which sums of functions of one
    variable form only through the hidden nodes. With 3,000 rows and a penalty of 1e-9 the relative
    one-step error over all states fell from 6e-2 to 5e-4, but the time was 5.1.

    Attributes:
        hidden: nodes in each hidden layer.
        layers: number of hidden layers; with none the map is a sum of functions of one variable.
        basis: ``"spline"`` or ``"chebyshev"``.
        grid: number of intervals of the splines; the polynomials have as many coefficients.
        reach: half the width of the grid, in standard deviations.
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
            "hidden": (4, 8, 12),
            "basis": BASES,
            "grid": (3, 5, 8),
            "reach": (2.5, 4.0, 6.0),
            "delays": (1, 2, 3, 4, 6, 8),
            "stride": (1, 2, 3),
            "ridge": (0.0, 1e-12, 1e-9, 1e-6, 1e-3),
        }
    )

    hidden: int = 6
    basis: str = "spline"
    grid: int = 5
    reach: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "basis", BASES)
        require_integer(self, "grid", minimum=1)
        require_real(self, "reach", open_low=True)

    def _layer(self, inputs: int, outputs: int) -> EdgeLayer:
        return EdgeLayer(inputs, outputs, self.basis, self.grid, self.reach)
