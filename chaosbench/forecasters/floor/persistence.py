"""Persistence: the last observation, repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import checked_context, checked_training

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Persistence"]


@dataclass(frozen=True)
class Persistence:
    """Persistence: ŷ(C+h) = y(C) for every step h of the horizon.

    The baseline that every forecaster has to beat, and the best constant forecast over a horizon
    much shorter than the correlation time [hyndman2021]. All variables are forecast at once.

    Cost: nothing to fit, O(n H d) to write the answer. It fails as soon as the state moves: on
    Lorenz the error exceeds 0.4 standard deviations after about 0.06 Lyapunov times.
    """

    def fit(self, train: Trajectories, *, seed: int) -> _PersistencePredictor:  # noqa: ARG002
        """Store the number of variables; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=1, who="Persistence")
        return _PersistencePredictor(d=values.shape[2])


@dataclass(frozen=True, eq=False)
class _PersistencePredictor:
    d: int

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        last, alive = checked_context(
            context, horizon, d=self.d, minimum=1, used=1, who="Persistence"
        )
        last[~alive] = np.nan
        return Forecast(np.repeat(last, horizon, axis=1))
