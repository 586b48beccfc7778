"""Context parroting: copy what followed the best match of the recent past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.settings import require_integer

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["ContextParroting"]


@dataclass(frozen=True)
class ContextParroting:
    """Nearest-neighbour copying within the context [zhang2025], after Lorenz's analogues.

    Let z be the context with each variable z-scored over the context, so that all variables count
    alike. The last `window` steps are compared with every earlier stretch of the same length,

        m = argmin_j Σ_{i<window} |z(C-1-i) - z(j-i)|²,    ŷ(C-1+h) = y(m + 1 + (h-1) mod P),

    where P = C-1-m. The copy runs from the match to the end of the context and then starts again
    after the match, as if it continued from its own output. Stretches that overlap the last
    `window` steps are excluded: on finely sampled data the step before is always the best match,
    and the copy would be persistence [theiler1986]. Of equally good matches the latest wins.

    Only the number of variables is taken from the training data. All variables are matched and
    copied together. In a context shorter than two windows, the window shrinks to half of the
    context; a context of one point is repeated.

    Cost: O(n C window d) time and O(n C d) memory, independent of T. It fails when the context
    holds no close recurrence: the expected distance of the best match falls only as C^(-1/D), where
    D is the dimension of the attractor.

    Attributes:
        window: length of the stretch that is matched, in steps.

    """

    window: int = 10

    def __post_init__(self) -> None:
        require_integer(self, "window", minimum=1)

    def fit(self, train: Trajectories, *, seed: int) -> _ParrotingPredictor:  # noqa: ARG002
        """Store the number of variables; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=1, who="ContextParroting")
        return _ParrotingPredictor(config=self, d=values.shape[2])


@dataclass(frozen=True, eq=False)
class _ParrotingPredictor:
    config: ContextParroting
    d: int

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        values, alive = checked_context(
            context, horizon, d=self.d, minimum=1, used=None, who="ContextParroting"
        )
        forecast = np.stack([self._continue(window, horizon) for window in values])
        forecast[~alive] = np.nan
        return Forecast(forecast)

    def _continue(self, values: FloatArray, horizon: int) -> FloatArray:
        length = len(values)
        window = min(self.config.window, length // 2)
        if window == 0:
            return np.repeat(values, horizon, axis=0)
        z = Scaler.of(values[np.newaxis]).apply(values)
        # Candidate j ends at j. The last one that does not overlap the query ends at
        # length - 1 - window.
        ends = np.arange(window - 1, length - window)
        distance = np.zeros(len(ends))
        for back in range(window):
            distance += ((z[ends - back] - z[length - 1 - back]) ** 2).sum(axis=1)
        best = int(ends[len(ends) - 1 - int(np.argmin(distance[::-1]))])
        period = length - 1 - best
        return values[best + 1 + np.arange(horizon) % period]
