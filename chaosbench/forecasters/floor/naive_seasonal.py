"""Naive seasonal forecast: the last season, repeated."""

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

_AS_GOOD = 0.9  # fraction of the highest autocorrelation that a peak has to reach


@dataclass(frozen=True)
class NaiveSeasonal:
    """Naive seasonal: ŷ(C+h) = y(C - P + 1 + (h-1) mod P), the last P steps repeated.

    The season P is common to all variables. It is the first peak of the autocorrelation r(k) of the
    training data that reaches 90% of the highest peak, searched from the lag at which r first falls
    to zero up to a lag of `longest` or half of a trajectory. r is the mean over variables and
    trajectories; each lag is divided by its number of pairs. Where r never falls to zero, or never
    rises again, P is 1 and the forecast is persistence [hyndman2021]. A context shorter than P is
    repeated as a whole.

    Cost: O(n T log T d) to fit, O(n H d) to write the answer. It fails on chaos because the season
    is only a mean: the phase is lost within a few seasons, and the forecast begins with a jump, the
    difference between the state now and one season ago.

    Attributes:
        longest: longest season to look for, in steps.

    """

    longest: int = 500

    def __post_init__(self) -> None:
        require_integer(self, "longest", minimum=1)

    def fit(self, train: Trajectories, *, seed: int) -> _SeasonalPredictor:  # noqa: ARG002
        """Find the season; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=1, who="NaiveSeasonal")
        return _SeasonalPredictor(d=values.shape[2], season=find_season(values, self.longest))


def find_season(values: FloatArray, longest: int) -> int:
    """Return the season of ``(n, T, d)`` in steps, or 1 where there is none."""
    z = Scaler.of(values).apply(values)
    length = z.shape[1]
    lags = min(longest, length // 2)
    # Padding to twice the length keeps the end from correlating with the beginning.
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
    # Multiples of the season correlate about as well, and chance decides which of them is highest.
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
