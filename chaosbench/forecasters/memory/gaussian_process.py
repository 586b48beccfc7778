"""Gaussian process on the increments of the state, with sampled functions as futures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import Library, prepare
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import require_choice, require_integer, single_threaded
from chaosbench.forecasters.memory._sparse_gp import SparseGP, maximise

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.regression import Plan
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["GaussianProcess"]

# Sizes of the fits that compare embeddings: enough to tell them apart, a fraction of the cost.
_TRIAL_SUBSET = 300
_TRIAL_INDUCING = 300


@dataclass(frozen=True)
class GaussianProcess:
    """Gaussian-process regression of increments [rasmussen2006], sparse [titsias2009].

    The increments Δ(x) of the standardised, delay-embedded state are independent Gaussian processes
    with k(x, x') = s²_j exp(-½ Σ_i (x_i - x'_i)²/ℓ_i²) and noise of variance s²_j ρ. The length
    scales ℓ_i and the noise ratio ρ are common to all outputs. Together with the variances s²_j
    they maximise the marginal likelihood of `subset` training points, spread evenly in time, by
    L-BFGS with analytic gradients. The posterior is the optimal variational one for `inducing`
    points, given all training points; each inducing point is the training point that the previous
    ones leave most uncertain (pivoted Cholesky). Increments are first divided by their standard
    deviation.

    `values` is the rollout of the posterior mean. `samples` are rollouts of functions drawn from
    the posterior by pathwise conditioning with random cosines [wilson2020]. Each path uses one
    function from the first step to the last, the same for all windows, so that every path is an
    orbit of one system that the data allow. No noise is added to the steps, and the error of the
    context is not modelled: under observation noise the samples are too narrow at first. With
    ``delays=None`` the embedding is chosen by closed-loop forecasts of small fits on the last 15%
    of the training data.

    Cost: O(S³) per gradient with S = `subset`, O(nT M²) time and O(nT M) memory with M =
    `inducing`, then O(M (p + M + d)) per step and window for the mean and for each sample. It fails
    where one length scale does not suit the whole attractor (spikes, kinks), in many dimensions,
    and outside the data, where the predicted increment falls back to zero.

    Attributes:
        inducing: largest number M of inducing points; fewer are used where more would be
            numerically dependent.
        subset: largest number S of training points for the marginal likelihood.
        samples: number of sampled functions; 0 for none.
        cosines: number of random cosines in the prior part of a sampled function.
        delays: number of states stacked into one embedding vector, or None to choose it and the
            stride.
        stride: steps between stacked states, where `delays` is given.
        neighbourhood: ``"auto"`` to try models of neighbourhoods too, shared by all variables,
            where there are many; for 40 variables they cost some forty times as much to iterate.
            ``"all"`` for one model of all variables.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "scipy.optimize")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "stride": (1, 2, 3), "inducing": (200, 400, 800)}
    )

    inducing: int = 600
    subset: int = 800
    samples: int = 20
    cosines: int = 500
    delays: int | None = None
    stride: int = 1
    neighbourhood: str = "all"

    def __post_init__(self) -> None:
        require_integer(self, "inducing", minimum=1)
        require_integer(self, "subset", minimum=2)
        require_integer(self, "samples", minimum=0)
        require_integer(self, "cosines", minimum=1)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _GaussianProcessPredictor:
        """Learn the hyperparameters and condition on the training data.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="GaussianProcess",
            select=False,
            local=self.neighbourhood == "auto",
        )

        def trial(plan: Plan) -> _GaussianProcessPredictor:
            library = Library.of(training.fitted, training.scaler, plan, tree=False)
            count = min(_TRIAL_INDUCING, self.inducing)
            return _condition(library, count, min(_TRIAL_SUBSET, self.subset), None)

        plan = training.choose(training.plans, trial)
        library = Library.of(training.values, training.scaler, plan, tree=False)
        draws = (self.samples, self.cosines, seed) if self.samples else None
        return _condition(library, self.inducing, self.subset, draws)


def _condition(
    library: Library, inducing: int, subset: int, draws: tuple[int, int, int] | None
) -> _GaussianProcessPredictor:
    """Fit to the transitions of a library.

    `draws` is the number of sampled functions, their number of cosines and a seed, or None.
    """
    unit = library.increments.std(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    targets = library.increments / unit
    chosen = np.unique(np.linspace(0, len(targets) - 1, subset).astype(int))
    hyper = maximise(library.states[chosen], targets[chosen])
    process = SparseGP.fit(library.states, targets, hyper, inducing)
    functions = None
    if draws is not None:
        count, cosines, seed = draws
        functions = process.draw(count, cosines, np.random.default_rng(seed))
    return _GaussianProcessPredictor(library, unit, process, functions)


@dataclass(frozen=True, eq=False)
class _GaussianProcessPredictor:
    library: Library
    unit: FloatArray
    process: SparseGP
    functions: Any  # Draws or None

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        def roll(increment: Any, copies: int) -> FloatArray:
            return delay_rollout(
                self.library.everywhere(increment),
                context,
                horizon,
                scaler=self.library.scaler,
                lags=self.library.lags,
                who="GaussianProcess",
                copies=copies,
            )

        values = roll(lambda query: self.process.mean(query) * self.unit, 1)[0]
        if self.functions is None:
            return Forecast(values)
        m = len(self.functions.update)

        def sampled(query: FloatArray) -> FloatArray:
            drawn = self.functions(query.reshape(m, -1, query.shape[1]))
            return np.asarray(drawn.reshape(len(query), -1) * self.unit)

        return Forecast(values, roll(sampled, m))
