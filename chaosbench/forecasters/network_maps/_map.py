"""What the trained maps share: the choice of plan, the fit and the closed loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import DivergedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import Library, LocallyLinear, prepare
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import single_threaded
from chaosbench.forecasters.network_maps._least_squares import Network, descend

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.analogues import Training
    from chaosbench.forecasters._shared.regression import Plan
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Schedule", "TrainedMap", "fit_map"]

_NEARLY = 0.9
# With more weights, a step takes seconds or minutes. Plans that need more are left out where others
# need less.
_MOST_WEIGHTS = 2000
# The weights after these shares of the steps are compared on held-out data.
_SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Schedule:
    """How a map is trained.

    Attributes:
        steps: largest number of steps of Levenberg–Marquardt.
        rows: largest number of transitions, spread evenly in time.
        ridge: penalty on the weights.
        seconds: wall time after which training stops.

    """

    steps: int
    rows: int
    ridge: float
    seconds: float


@dataclass(frozen=True, eq=False)
class TrainedMap:
    """A network for the increments, iterated in closed loop."""

    who: str
    library: Library
    unit: FloatArray
    network: Network
    weights: FloatArray

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context ``(n, C, d)`` by `horizon` steps."""
        values = delay_rollout(
            self.library.everywhere(self._increment),
            context,
            horizon,
            scaler=self.library.scaler,
            lags=self.library.lags,
            who=self.who,
            box=self.library.box,
        )
        return Forecast(values[0])

    def _increment(self, query: FloatArray) -> FloatArray:
        return self.network.value(self.weights, query) * self.unit


def fit_map(
    train: Trajectories,
    network: Callable[[int, int], Network],
    *,
    delays: int | None,
    stride: int,
    neighbourhood: str,
    schedule: Schedule,
    seed: int,
    who: str,
) -> TrainedMap:
    """Train a network, made for its numbers of inputs and outputs, on the increments."""
    training = prepare(
        train,
        delays=delays,
        stride=stride,
        who=who,
        select=True,
        local=neighbourhood == "auto",
        windows=8,
        horizon=150,
    )
    plan = _plan(training, network, who)
    library = Library.of(training.fitted, training.scaler, plan, tree=False)
    unit = library.increments.std(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    count = min(schedule.rows, len(library.states))
    chosen = np.unique(np.linspace(0, len(library.states) - 1, count).astype(int))
    x, y = library.states[chosen], library.increments[chosen] / unit
    made = network(x.shape[1], y.shape[1])
    kept = {max(1, round(share * schedule.steps)) for share in _SHARES}
    weights = made.start(np.random.default_rng(seed))
    snapshots = []
    try:
        for step, latest in enumerate(
            descend(
                made,
                weights,
                x,
                y,
                ridge=schedule.ridge,
                steps=schedule.steps,
                seconds=schedule.seconds,
            ),
            start=1,
        ):
            weights = latest
            if step in kept:
                snapshots.append(weights)
    except DivergedError as error:
        raise DivergedError(f"{who} cannot be fitted: {error}") from error
    if not snapshots or snapshots[-1] is not weights:
        snapshots.append(weights)
    # the latest first: it wins a tie
    maps = [TrainedMap(who, library, unit, made, weights) for weights in snapshots[::-1]]
    return maps[0] if training.held_out is None else maps[training.held_out.best(maps)]


def _plan(training: Training, network: Callable[[int, int], Network], who: str) -> Plan:
    """Choose what the network sees, with locally linear maps in its place.

    A network is too expensive to be tried with every plan, and each delay more than the state needs
    makes its task harder: the first plan that reaches nine tenths of the best score is chosen.
    """
    d, held_out = training.values.shape[2], training.held_out
    plans = [
        plan
        for plan in training.plans
        if network(plan.width(d), 1 if plan.shared else d).size <= _MOST_WEIGHTS
    ] or list(training.plans)
    if held_out is None or len(plans) == 1:
        return plans[0]
    scores = []
    for plan in plans:
        library = Library.of(training.fitted, training.scaler, plan)
        values = LocallyLinear(library, 20, 1e-6, who).predict(
            held_out.context, held_out.truth.shape[1]
        )
        scores.append(held_out.score(values.values))
    enough = _NEARLY * max(scores)
    return next(plan for plan, score in zip(plans, scores, strict=True) if score >= enough)
