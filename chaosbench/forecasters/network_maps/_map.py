"""What the trained maps share: the choice of plan, the fit and the closed loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.errors import DivergedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import Library, LocallyLinear, prepare
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters.network_maps._least_squares import Layer, Network, descend

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.analogues import Training
    from chaosbench.forecasters._shared.regression import Plan
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["NetworkMap", "TrainedMap"]

_NEARLY = 0.9
# With more weights, a step takes seconds or minutes. Plans that need more are left out where others
# need less.
_MOST_WEIGHTS = 2000
# The weights after these shares of the steps are compared on held-out data.
_SHARES = (0.25, 0.5, 0.75, 1.0)


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


@dataclass(frozen=True)
class NetworkMap(ABC):
    """A network of layers of one kind, trained on the increments; the settings of all of them."""

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)

    hidden: int = 8
    layers: int = 1
    delays: int | None = None
    stride: int = 1
    neighbourhood: str = "auto"
    rows: int = 1200
    ridge: float = 1e-12
    steps: int = 120
    seconds: float = 300.0

    def __post_init__(self) -> None:
        require_integer(self, "hidden", minimum=1)
        require_integer(self, "layers", minimum=0)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)
        require_integer(self, "rows", minimum=2)
        require_real(self, "ridge")
        require_integer(self, "steps", minimum=1)
        require_real(self, "seconds", open_low=True)

    @abstractmethod
    def _layer(self, inputs: int, outputs: int) -> Layer:
        """Return a layer with these numbers of inputs and outputs."""

    def _network(self, inputs: int, outputs: int) -> Network:
        widths = [inputs, *[self.hidden] * self.layers, outputs]
        return Network(tuple(self._layer(a, b) for a, b in pairwise(widths)))

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> TrainedMap:
        """Choose the delays and train from weights drawn from `seed`.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        who = type(self).__name__
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who=who,
            select=True,
            local=self.neighbourhood == "auto",
            windows=8,
            horizon=150,
        )
        library = Library.of(
            training.fitted, training.scaler, _plan(training, self._network, who), tree=False
        )
        unit = library.increments.std(axis=0)
        unit = np.where(unit > 0, unit, 1.0)
        count = min(self.rows, len(library.states))
        chosen = np.unique(np.linspace(0, len(library.states) - 1, count).astype(int))
        x, y = library.states[chosen], library.increments[chosen] / unit
        network = self._network(x.shape[1], y.shape[1])
        try:
            snapshots = self._train(network, network.start(np.random.default_rng(seed)), x, y)
        except DivergedError as error:
            raise DivergedError(f"{who} cannot be fitted: {error}") from error
        # the latest first: it wins a tie
        maps = [TrainedMap(who, library, unit, network, weights) for weights in snapshots[::-1]]
        return maps[0] if training.held_out is None else maps[training.held_out.best(maps)]

    def _train(
        self, network: Network, weights: FloatArray, x: FloatArray, y: FloatArray
    ) -> list[FloatArray]:
        """Return the weights after the shares of the steps, those at the end last."""
        kept = {max(1, round(share * self.steps)) for share in _SHARES}
        snapshots = []
        descent = descend(
            network, weights, x, y, ridge=self.ridge, steps=self.steps, seconds=self.seconds
        )
        for step, latest in enumerate(descent, start=1):
            weights = latest
            if step in kept:
                snapshots.append(weights)
        if not snapshots or snapshots[-1] is not weights:
            snapshots.append(weights)
        return snapshots


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
