"""Drift: the line through the first and the last point of the context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import checked_context, checked_training

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Drift"]


@dataclass(frozen=True)
class Drift:
    """Drift: ŷ(C+h) = y(C) + h (y(C) - y(1)) / (C-1) for every step h of the horizon.

    Persistence that continues with the mean slope of the context [hyndman2021]. Each variable has
    its own line. Only the number of variables is taken from the training data.

    Cost: O(n H d) to write the answer. It fails as soon as the state turns: on a bounded attractor
    the slope adds only noise to persistence, and over long horizons the line leaves every bound.
    """

    def fit(self, train: Trajectories, *, seed: int) -> _DriftPredictor:  # noqa: ARG002
        """Store the number of variables; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=1, who="Drift")
        return _DriftPredictor(d=values.shape[2])


@dataclass(frozen=True, eq=False)
class _DriftPredictor:
    d: int

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(context, horizon, d=self.d, minimum=2, used=None, who="Drift")
        first, last = rows[:, :1], rows[:, -1:]
        ahead = np.arange(1, horizon + 1)[:, np.newaxis]
        values = last + ahead * ((last - first) / (rows.shape[1] - 1))
        values[~alive] = np.nan
        return Forecast(values)
