"""Kernel regression of increments with the kernels of infinitely wide networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from chaosbench.forecasters._shared.arrays import Scaler, checked_training
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.regression import Loop, choose, fitted_to_all, plans_for
from chaosbench.forecasters._shared.selection import embeddings, hold_out
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters.network_maps._wide_kernel import ACTIVATIONS, Centred, WideKernel

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.regression import Plan
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["NNGP", "NTK"]

# Relative to the kernel's variance and per sample.
_RIDGES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-18)
_DEFAULT_RIDGE = 1e-8
_WIDEST = 12


@dataclass(frozen=True)
class _InfiniteNetwork:
    """What both kernels share: settings, choice and fit."""

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "activation": ACTIVATIONS,
            "depth": (1, 2, 3),
            "weight": (0.1, 0.3, 1.0, 2.0),
            "bias": (0.1, 0.3, 1.0),
            "delays": (1, 2, 3, 4, 6, 8),
            "stride": (1, 2, 3),
        }
    )
    tangent: ClassVar[bool]

    activation: str = "erf"
    depth: int = 1
    weight: float = 0.3
    bias: float = 0.3
    centres: int = 500
    ridge: float | None = None
    delays: int | None = None
    stride: int | None = None
    neighbourhood: str = "auto"

    def __post_init__(self) -> None:
        require_choice(self, "activation", ACTIVATIONS)
        require_integer(self, "depth", minimum=1)
        require_real(self, "weight", open_low=True)
        require_real(self, "bias")
        require_integer(self, "centres", minimum=1)
        require_real(self, "ridge", optional=True)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1, optional=True)
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> Loop:  # noqa: ARG002
        """Choose the settings that are None and solve for the coefficients.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        who = type(self).__name__
        _, length, d = train.values.shape
        first = embeddings(d, length, delays=self.delays, stride=self.stride, widest=_WIDEST)[0]
        values = checked_training(train, minimum=(first[0] - 1) * first[1] + 2, who=who)
        scaler = Scaler.of(values)
        plans = plans_for(
            values,
            scaler,
            delays=self.delays,
            stride=self.stride,
            local=self.neighbourhood == "auto",
            widest=_WIDEST,
        )
        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        held_out = None
        if len(plans) * len(ridges) > 1:
            warmup = max(max(plan.lags) for plan in plans) + 1
            held_out = hold_out(values, scale=scaler.scale, warmup=warmup)
        if held_out is None:
            return fitted_to_all(
                values,
                plans[0],
                functions=self._functions,
                ridge=_DEFAULT_RIDGE if self.ridge is None else self.ridge,
                scaler=scaler,
                who=who,
            )
        choice = choose(
            values,
            plans,
            functions=self._functions,
            ridges=ridges,
            held_out=held_out,
            scaler=scaler,
            who=who,
            most=self.centres,
            whole=True,
        )
        return choice.complete(values, held_out.split)

    def _functions(self, plan: Plan, rows: FloatArray) -> Centred:  # noqa: ARG002
        kernel = WideKernel(self.activation, self.depth, self.weight, self.bias, self.tangent)
        return Centred.about(kernel, rows, self.centres)


@dataclass(frozen=True)
class NNGP(_InfiniteNetwork):
    """Regression of increments with the covariance of an infinitely wide network [lee2018].

    A fully connected network of L hidden layers with independent normal weights is a Gaussian
    process in the limit of infinite width. Its covariance Kᴸ of two delay vectors x, x' with p
    entries follows from

        K⁰ = σ_b² + σ_w² x·x'/p,   Kˡ⁺¹ = σ_b² + σ_w² E φ(u)φ(v),   (u, v) ~ N(0, Kˡ),

    in closed form for φ = erf [williams1997] and φ = relu [cho2009]. The forecast is the posterior
    mean of the standardised increments,

        z(t+1) = z(t) + Wφ_Z(x(t)),   φ_Z = L⁻¹k_Z,   K_ZZ = LLᵀ,

    with ridge regression, solved by QR, for the coefficients W. The centres Z are training states:
    each is the one that the previous ones leave most uncertain. With every state a centre this is
    the exact posterior mean; a whole network with a Bayesian posterior has the same one.

    Settings that are None are chosen by closed-loop forecasts of the last 15% of the training data:
    delays and strides up to 12 stacked values, and the penalty from 1e-2 … 1e-18. The output is
    clipped to the training range, widened by half of it on either side.

    Cost: O(nT M²) time and O(nT M) memory per plan that is tried, with M = `centres`, then
    O(M (M + p + d)) per step and window. The kernel of erf is analytic and suits smooth flows. That
    of relu has a kink, so that its spectrum falls slowly and more centres would be needed. It fails
    with few centres in many dimensions, and far from the data, where a network of erf saturates.

    On Lorenz at the reference setting (dt = 0.02, 5,000 points, 20 windows) the median valid
    prediction time was 10.7 Lyapunov times with erf and 5.3 with relu.

    Attributes:
        activation: φ, ``"erf"`` or ``"relu"``.
        depth: number L of hidden layers.
        weight: σ_w², the variance of the weights; small ones make a kernel of small curvature.
        bias: σ_b², the variance of the biases.
        centres: largest number M of centres; fewer are used where more would be numerically
            dependent.
        ridge: penalty per sample, or None to choose it.
        delays: number of states stacked into one delay vector, or None to choose it.
        stride: steps between stacked states, or None to choose it.
        neighbourhood: ``"auto"`` to try local models too, where there are more than 8 variables;
            ``"all"`` for one model of all variables.

    """

    tangent: ClassVar[bool] = False


@dataclass(frozen=True)
class NTK(_InfiniteNetwork):
    """Regression of increments with the tangent kernel of an infinitely wide network [jacot2018].

    In the limit of infinite width, training a network by gradient descent moves its weights so
    little that it stays linear in them. Trained on squared errors with weight decay, it ends at
    kernel ridge regression with the Gram matrix of its gradients,

        Θ⁰ = K⁰,   Θˡ⁺¹ = Kˡ⁺¹ + σ_w² Θˡ E φ'(u)φ'(v),   (u, v) ~ N(0, Kˡ),

    where Kˡ is the covariance of `nngp`. Both expectations have closed forms for erf
    [williams1997] and relu [cho2009]. The forecast is

        z(t+1) = z(t) + Wφ_Z(x(t)),   φ_Z = L⁻¹θ_Z,   Θ_ZZ = LLᵀ,

    with W from ridge regression on the standardised increments, solved by QR. The centres Z are
    training states: each is the one that the previous ones leave furthest from their span. With
    every state a centre it is the exact kernel regression.

    Settings that are None are chosen by closed-loop forecasts of the last 15% of the training data:
    delays and strides up to 12 stacked values, and the penalty from 1e-2 … 1e-18. The output is
    clipped to the training range, widened by half of it on either side.

    Cost: O(nT M²) time and O(nT M) memory per plan that is tried, with M = `centres`, then
    O(M (M + p + d)) per step and window. With relu the kernel has a cusp where two states
    coincide, as the kernel of a rough process has: the forecast is then hardly better than
    interpolation. It fails with few centres in many dimensions, and far from the data.

    On Lorenz at the reference setting (dt = 0.02, 5,000 points, 20 windows) the median valid
    prediction time was 12.9 Lyapunov times with erf and 3.4 with relu.

    Attributes:
        activation: φ, ``"erf"`` or ``"relu"``.
        depth: number L of hidden layers.
        weight: σ_w², the variance of the weights; small ones make a kernel of small curvature.
        bias: σ_b², the variance of the biases.
        centres: largest number M of centres; fewer are used where more would be numerically
            dependent.
        ridge: penalty per sample, or None to choose it.
        delays: number of states stacked into one delay vector, or None to choose it.
        stride: steps between stacked states, or None to choose it.
        neighbourhood: ``"auto"`` to try local models too, where there are more than 8 variables;
            ``"all"`` for one model of all variables.

    """

    tangent: ClassVar[bool] = True
