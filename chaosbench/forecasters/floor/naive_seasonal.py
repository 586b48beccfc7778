"""Naive seasonal: the last season, repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.settings import require_integer

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["NaiveSeasonal", "find_season"]

_AS_GOOD = 0.9  # of the highest autocorrelation


@dataclass(frozen=True)
class NaiveSeasonal:
    """Naive seasonal: ŷ(C+h) = y(C - P + 1 + (h-1) mod P), the last P steps again and again.

    The season P, common to all variables, is the first peak of the autocorrelation r(k) of the
    training data that reaches 90% of the highest, after r first fell to zero and up to a lag of
    `longest` or half of a trajectory; r is the mean over variables and trajectories, each lag
    divided by its number of pairs. Where r never falls to zero, or never rises again, P is 1 and
    the forecast persistence [hyndman2021]. A context shorter than P is
    repeated whole. Cost: O(n T log T d) to fit, O(n H d) to write the answer. It fails on chaos
    because the season is only a mean: the phase is lost within a few of them, and the forecast
    begins with a jump, by as much as the state differs from itself one season ago.

    Attributes:
        longest: longest season that is looked for, in steps.

    """

    longest: int = 500

    def __post_init__(self) -> None:
        require_integer(self, "longest", minimum=1)

    def fit(self, train: Trajectories, *, seed: int) -> _SeasonalPredictor:  # noqa: ARG002
        """Find the season; raise `DivergedError` on non-finite training."""
        values = checked_training(train, minimum=1, who="NaiveSeasonal")
        return _SeasonalPredictor(d=values.shape[2], season=find_season(values, self.longest))


def find_season(values: FloatArray, longest: int) -> int:
    """Return the season of ``(n, T, d)`` in steps, 1 where there is none."""
    z = Scaler.of(values).apply(values)
    length = z.shape[1]
    lags = min(longest, length // 2)
    # Padding to twice the length keeps the end from being correlated with the beginning.
    spectrum = np.abs(np.fft.rfft(z, n=2 * length, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum.mean(axis=(0, 2)), n=2 * length)[: lags + 1]
    correlation /= length - np.arange(lags + 1)
    below = np.flatnonzero(correlation <= 0.0)
    if not below.size:
        return 1
    beyond = correlation[below[0] :]
    high = beyond >= _AS_GOOD * beyond.max()
    if beyond.max() <= 0.0:
        return 1
    # Two, three or more seasons correlate as well as one, and chance decides which of them best.
    first = int(high.argmax())
    end = first + int((~np.append(high[first:], False)).argmax())
    return int(below[0] + first + beyond[first:end].argmax())


@dataclass(frozen=True, eq=False)
class _SeasonalPredictor:
    d: int
    season: int

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context, horizon, d=self.d, minimum=1, used=self.season, who="NaiveSeasonal"
        )
        rows[~alive] = np.nan
        return Forecast(rows[:, np.arange(horizon) % rows.shape[1]])
