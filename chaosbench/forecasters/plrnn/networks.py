"""Piecewise-linear recurrent networks trained by generalized teacher forcing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.arrays import Scaler, checked_training
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters.plrnn._maps import (
    Affine,
    AlmostLinear,
    Dendritic,
    Identity,
    Shallow,
)
from chaosbench.forecasters.plrnn._predictability import doubling_time
from chaosbench.forecasters.plrnn._predictor import PLRNNPredictor
from chaosbench.forecasters.plrnn._teacher_forcing import TeacherForcing
from chaosbench.forecasters.plrnn._training import Plan, train

if TYPE_CHECKING:
    import os

    from chaosbench.forecasters.plrnn._maps import Cell
    from chaosbench.forecasters.plrnn._training import Progress, Trained
    from chaosbench.trajectories import Trajectories

__all__ = ["AlmostLinearRNN", "ClippedShallowPLRNN", "DendriticPLRNN", "ShallowPLRNN"]

_FORCINGS = ("sparse", "generalized", "adaptive")
_OBSERVATIONS = ("identity", "affine")
_PRECISIONS = ("float32", "float64")
# Scores of parameters that forecast equally well scatter by about this fraction.
_TOLERANCE = 0.25
# Over longer stretches of chaos, gradients get larger but no better.
_LONGEST_INTERVAL = 16


@dataclass(frozen=True, kw_only=True)
class _Settings(ABC):
    """Settings and training that the family shares; a subclass adds the form of the map.

    Attributes:
        latent: number of latent units M, or None for the number of variables d. With the identity
            as observation it is raised to d where it is smaller.
        forcing: ``"sparse"`` [mikhaeil2022], ``"generalized"`` or ``"adaptive"`` [hess2023].
        alpha: forcing strength of ``"generalized"``, and the smallest strength of ``"adaptive"``.
        interval: steps between two forced steps of ``"sparse"``. None estimates the time in which
            the distance of neighbours in the training data doubles, at most 16. It replaces the ln
            2/λ of [mikhaeil2022], which is longer where expansion is uneven.
        memory: fraction of itself that the adaptive strength keeps every 5 steps while it decays.
        observation: ``"identity"`` reads the first d units, ``"affine"`` learns x = Bz + c.
        l2: penalty on the sum of squares of 1 - A and of the weights.
        steps: gradient steps.
        batch: sequences per step.
        sequence: length of a sequence in steps.
        rate: learning rate of RAdam at the first step.
        final_rate: learning rate at the last step, after an exponential decay.
        evaluations: number of evaluations by free runs during training; the best one gives the
            parameters.
        seconds: wall time after which training stops with the best parameters so far.
        precision: ``"float32"`` or ``"float64"`` in training; forecasts are always in float64.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "jax", "optax")
    extra: ClassVar[str] = "jax"
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"forcing": ("sparse", "adaptive"), "sequence": (50, 100, 200), "l2": (0.0, 1e-6, 1e-5)}
    )

    latent: int | None = None
    forcing: str = "adaptive"
    alpha: float = 0.0
    interval: int | None = 25
    memory: float = 0.999
    observation: str = "identity"
    l2: float = 1e-5
    steps: int = 30_000
    batch: int = 16
    sequence: int = 200
    rate: float = 1e-3
    final_rate: float = 1e-6
    evaluations: int = 20
    seconds: float = 480.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        require_integer(self, "latent", minimum=1, optional=True)
        require_choice(self, "forcing", _FORCINGS)
        require_choice(self, "observation", _OBSERVATIONS)
        require_choice(self, "precision", _PRECISIONS)
        require_real(self, "alpha", high=1.0)
        require_real(self, "memory", high=1.0)
        require_real(self, "l2")
        require_integer(self, "interval", minimum=1, optional=True)
        for name in ("steps", "batch", "sequence", "evaluations"):
            require_integer(self, name, minimum=1)
        require_real(self, "rate", open_low=True)
        require_real(self, "final_rate", open_low=True, high=self.rate)
        require_real(self, "seconds", open_low=True)

    @abstractmethod
    def cell(self, latent: int) -> Cell:
        """Return the map of `latent` units."""

    def fit(
        self,
        train: Trajectories,
        *,
        seed: int,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> PLRNNPredictor:
        """Train, and keep the parameters whose free run is most like the training data.

        Args:
            train: trajectories of at least 3 points.
            seed: seed of the initial parameters and of the windows.
            checkpoint: a file that is written at every evaluation, and from which training resumes
                if it exists. The resumed run gives the same bits.
            progress: called after every evaluation.

        Raises:
            DivergedError: the training data are not finite, or the loss left the finite numbers
                before the first evaluation. If this happens later, the best parameters so far are
                kept.
            InvalidForecastError: the training trajectories have fewer than 3 points.

        """
        return _fit(self, train, seed=seed, checkpoint=checkpoint, progress=progress)


@dataclass(frozen=True, kw_only=True)
class ShallowPLRNN(_Settings):
    """Shallow piecewise-linear recurrent network with generalized teacher forcing [hess2023].

        z(t) = A⊙z(t-1) + W₁ relu(W₂ z(t-1) + h₂) + h₁,    x(t) = the first d units of z(t)

    on standardised data. Training predicts one step at a time from states that are pulled towards
    the data, z̃ = (1 - a)z + a z̄, along sequences of 50 steps. The strength a is a number, or 1
    every `interval` steps and 0 between (``"sparse"``). With ``forcing="adaptive"`` it is at least
    `alpha`, and at least 1 - 1/N, which keeps the gradients of a chaotic system bounded; N is the
    typical norm of the Jacobian along a sequence, estimated during training. The optimiser is RAdam
    [liu2020] with an exponentially falling rate. Of the evaluations during training, the one whose
    free run has the lowest D_stsp + D_H against the training data gives the parameters.

    The defaults are for clean data. Those of the paper, for noisy data, are 50 units, alpha = 0,
    sequences of 200 steps and 250,000 gradient steps with rates from 1e-3 to 1e-6. On clean Lorenz
    the one-step error of 50 units ends a forecast a third earlier than that of 200 units, and
    weaker forcing takes more gradient steps to reach the same one-step error. Under noise,
    l2 = 1e-4 gives better Jacobians.

    A forecast starts from the last row of the context where M = d. With more units, the network is
    first driven through the last `sequence` rows of the context, with the forcing of the training.

    The predictor also has ``jacobian(states)`` and ``lyapunov_spectrum()``.

    Cost: O(steps · batch · sequence · M hidden) time and O(batch · sequence · (hidden + M²)) memory
    to fit, O(M hidden) per step and window to forecast. JAX uses a GPU where there is one; these
    models are so small that the CPU is often faster, and ``JAX_PLATFORMS=cpu`` selects it.

    The Jacobian jumps at every fold. This makes the largest exponent of a flow too low by some
    percent, by about the amount by which the middle one is above 0. Where there are no data, for
    example close to an unstable focus, the map may have an attractor of its own that ends a long
    free run. It fails on data too short to show the attractor, on coarse samples that no map of few
    pieces connects, and with hidden variables unless M > d. A closed loop may diverge; that of the
    clipped form can do so only where some |A| > 1.

    Attributes:
        hidden: number of rectified units, each of which adds a fold to the map.
        latent: number of latent units M, or None for the number of variables d. With the identity
            as observation it is raised to d where it is smaller.
        forcing: ``"sparse"`` [mikhaeil2022], ``"generalized"`` or ``"adaptive"`` [hess2023].
        alpha: forcing strength of ``"generalized"``, and the smallest strength of ``"adaptive"``.
        interval: steps between two forced steps of ``"sparse"``. None estimates the time in which
            the distance of neighbours in the training data doubles, at most 16. It replaces the ln
            2/λ of [mikhaeil2022], which is longer where expansion is uneven.
        memory: fraction of itself that the adaptive strength keeps every 5 steps while it decays.
        observation: ``"identity"`` reads the first d units, ``"affine"`` learns x = Bz + c.
        l2: penalty on the sum of squares of 1 - A and of the weights.
        steps: gradient steps.
        batch: sequences per step.
        sequence: length of a sequence in steps.
        rate: learning rate of RAdam at the first step.
        final_rate: learning rate at the last step, after an exponential decay.
        evaluations: number of evaluations by free runs during training; the best one gives the
            parameters.
        seconds: wall time after which training stops with the best parameters so far.
        precision: ``"float32"`` or ``"float64"`` in training; forecasts are always in float64.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "hidden": (50, 100, 200, 400),
            "alpha": (0.0, 0.1, 0.3, 0.5),
            "sequence": (20, 50, 200),
            "l2": (1e-6, 1e-5, 1e-4),
        }
    )

    hidden: int = 200
    alpha: float = 0.3
    steps: int = 40_000
    sequence: int = 50
    rate: float = 5e-3
    final_rate: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "hidden", minimum=1)

    def cell(self, latent: int) -> Cell:
        """Return the map of `latent` units."""
        return Shallow(latent, self.hidden)


@dataclass(frozen=True, kw_only=True)
class ClippedShallowPLRNN(ShallowPLRNN):
    """Shallow piecewise-linear recurrent network whose nonlinear part is bounded [hess2023].

        z(t) = A⊙z(t-1) + W₁ [relu(W₂ z(t-1) + h₂) − relu(W₂ z(t-1))] + h₁

    Each unit of the bracket lies between 0 and h₂ (or h₂ and 0), so every orbit stays bounded where
    all |A| < 1. The settings, the cost and the failures are those of `ShallowPLRNN`. In addition,
    the two kinks of a unit need not lie where the data are.
    """

    def cell(self, latent: int) -> Cell:
        """Return the map of `latent` units."""
        return Shallow(latent, self.hidden, clipped=True)


@dataclass(frozen=True, kw_only=True)
class DendriticPLRNN(_Settings):
    """Dendritic piecewise-linear recurrent network [brenner2022].

        z(t) = A⊙z(t-1) + W Σ_b α_b relu(z(t-1) − h_b) + h

    Each unit has the same B branches, with its own thresholds. Training, forecasting and the other
    settings are those of `ShallowPLRNN`, except that, as in the paper, the first d units are forced
    sparsely: under the adaptive strength the other, unforced units can diverge.

    Cost: O(M (M + B)) per step and window. It fails as `ShallowPLRNN` does, and needs M well above
    d.

    Attributes:
        latent: number of latent units M, at least d with the identity as observation.
        bases: number of branches B.
        steps: gradient steps; the default is lower, because a step costs ten times one of the
            shallow form.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "latent": (10, 22, 40),
            "bases": (5, 20, 40),
            "interval": (2, 8, 16, 25),
            "l2": (0.0, 1e-6, 1e-5),
        }
    )

    latent: int | None = 22
    bases: int = 20
    forcing: str = "sparse"
    interval: int | None = None
    l2: float = 0.0
    steps: int = 12_000
    rate: float = 5e-3
    final_rate: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "bases", minimum=1)

    def cell(self, latent: int) -> Cell:
        """Return the map of `latent` units."""
        return Dendritic(latent, self.bases)


@dataclass(frozen=True, kw_only=True)
class AlmostLinearRNN(_Settings):
    """Almost-linear recurrent network, linear except for P units [brenner2024].

        z(t) = A⊙z(t-1) + W φ(z(t-1)) + h,    φ = relu on the last P units, identity on the others

    The map has at most 2^P linear pieces, few enough to inspect each. Training, forecasting and the
    other settings are those of `ShallowPLRNN`, except that, as in the paper, the first d units are
    forced sparsely: under the adaptive strength the other units are free, and the closed loop
    diverges. The paper's P = 2 for Lorenz draws the attractor crudely, in three pieces; forecasts
    need P near M/2.

    Cost: O(M²) per step and window. It fails where few pieces cannot represent the flow, and needs
    M well above d.

    Attributes:
        latent: number of latent units M, at least d with the identity as observation.
        rectified: number of rectified units P, at most M.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "latent": (10, 20, 40),
            "rectified": (2, 5, 10, 20),
            "interval": (2, 8, 16, 25),
            "l2": (0.0, 1e-6, 1e-5),
        }
    )

    latent: int | None = 20
    rectified: int = 10
    forcing: str = "sparse"
    interval: int | None = None
    l2: float = 0.0
    rate: float = 5e-3
    final_rate: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "rectified", minimum=1)

    def cell(self, latent: int) -> Cell:
        """Return the map of `latent` units."""
        return AlmostLinear(latent, min(self.rectified, latent))


# --- fitting ------------------------------------------------------------------------------------


@single_threaded
def _fit(
    config: _Settings,
    data: Trajectories,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None,
    progress: Callable[[Progress], None] | None,
) -> PLRNNPredictor:
    who = type(config).__name__
    values = checked_training(data, minimum=3, who=who)
    d = values.shape[2]
    latent = d if config.latent is None else config.latent
    observation: Identity | Affine
    if config.observation == "identity":
        latent = max(latent, d)
        observation = Identity(latent, d)
    else:
        observation = Affine(latent, d)
    scaler = Scaler.of(values)
    z = scaler.apply(values)
    interval = config.interval
    if interval is None:
        interval = doubling_time(z, most=_LONGEST_INTERVAL)
    objective = TeacherForcing(
        cell=config.cell(latent),
        observation=observation,
        forcing=config.forcing,
        alpha=config.alpha,
        interval=interval,
        memory=config.memory,
        l2=config.l2,
    )
    rng = np.random.default_rng([seed, 0])
    start = objective.cell.initial(rng) | observation.initial(rng)

    def fitted(parameters: Any, strength: float, trained: Trained | None) -> PLRNNPredictor:
        return PLRNNPredictor(
            who=who,
            scaler=scaler,
            dt=data.dt,
            objective=objective,
            parameters=parameters,
            alpha=strength,
            warmup=min(config.sequence, z.shape[1]),
            last=z[:1, -config.sequence :],
            training=trained,
        )

    trained = train(
        objective,
        start,
        z,
        Plan(
            steps=config.steps,
            batch=config.batch,
            sequence=config.sequence,
            rate=config.rate,
            final_rate=config.final_rate,
            evaluations=config.evaluations,
            seconds=config.seconds,
            precision=config.precision,
            tolerance=_TOLERANCE,
        ),
        seed=seed,
        score=lambda parameters, control: fitted(parameters, float(control), None).unlikeness(z),
        checkpoint=checkpoint,
        progress=progress,
    )
    return fitted(trained.parameters, float(trained.control), trained)
