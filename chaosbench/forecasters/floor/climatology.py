"""Climatology: the training mean, repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Climatology"]


@dataclass(frozen=True)
class Climatology:
    """Climatology: ŷ_i(C+h) = mean of the training values of variable i.

    The baseline for long horizons: beyond the limit of predictability, the mean has the least
    squared error of all constants, one training standard deviation [murphy1992]. The mean of each
    variable is taken over all trajectories and times.

    Cost: O(n T d) to fit, O(n H d) to write the answer. It ignores the context and fails wherever
    the state is away from the mean, which is nearly always.
    """

    def fit(self, train: Trajectories, *, seed: int) -> _ClimatologyPredictor:  # noqa: ARG002
        """Take the mean of each variable; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=1, who="Climatology")
        return _ClimatologyPredictor(mean=Scaler.of(values).mean)


@dataclass(frozen=True, eq=False)
class _ClimatologyPredictor:
    mean: FloatArray

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, _ = checked_context(
            context, horizon, d=len(self.mean), minimum=1, used=1, who="Climatology"
        )
        return Forecast(np.tile(self.mean, (len(rows), horizon, 1)))
