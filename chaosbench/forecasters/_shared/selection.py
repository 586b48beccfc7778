"""Choosing a setting by closed-loop forecasts of training data that were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaosbench.forecasters._protocol import Predictor
    from chaosbench.trajectories import FloatArray

__all__ = ["FREE_RUN", "HeldOut", "hold_out", "lasting"]

# Steps of the free run that a candidate has to stay finite for.
FREE_RUN = 1000

# A chaotic error grows exponentially, so the steps below several thresholds measure the same rate
# as one valid prediction time, with less scatter, and still rank near-perfect candidates.
_THRESHOLDS = (0.4, 0.04, 0.004, 0.0004)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Windows cut from the tail of the training trajectories.

    Attributes:
        split: training points ``[0, split)`` of each trajectory may be fitted on.
        context: ``(n, C, d)``.
        truth: ``(n, H, d)``, what followed.
        scale: ``(d,)`` training standard deviation.

    """

    split: int
    context: FloatArray
    truth: FloatArray
    scale: FloatArray

    def score(self, forecast: FloatArray) -> float:
        """Return the mean fraction of the horizon before the error passes each threshold."""
        return float(self.scores(forecast).mean())

    def scores(self, forecast: FloatArray) -> FloatArray:
        """Return the same of each window, ``(n,)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.sqrt((((forecast - self.truth) / self.scale) ** 2).mean(axis=2))
        error = np.where(np.isfinite(error), error, np.inf)
        worst = np.maximum.accumulate(error, axis=1)
        shares = [(worst <= threshold).mean(axis=1) for threshold in _THRESHOLDS]
        return np.asarray(np.mean(shares, axis=0))

    def bounded(self, candidate: Predictor) -> float:
        """Return the share of the windows from which a free run of 1,000 steps stays finite."""
        values = candidate.predict(self.context, FREE_RUN).values
        return float(np.isfinite(values[:, -1]).all(axis=1).mean())

    def best(self, candidates: Sequence[Predictor]) -> int:
        """Return the index of the best candidate; the earliest wins a tie."""
        horizon = self.truth.shape[1]
        scores = [self.score(c.predict(self.context, horizon).values) for c in candidates]
        return int(np.argmax(scores))


def lasting(scores: Sequence[float], share: Callable[[int], float]) -> tuple[int, float]:
    """Return the best candidate, a score counting half where free runs escape, and its share.

    Of two that follow the held-out windows about equally long, the one whose free run then leaves
    for infinity is the worse; one that follows twice as long is the better all the same. Free runs
    are long: one that could not win any more is not made. The earliest wins a tie.

    Args:
        scores: one a candidate.
        share: of a candidate's free runs, how many stay finite.

    """
    # Of candidates that follow nothing at all, too, one that stays finite is the better.
    scores = [score + 1e-6 for score in scores]
    ranked = sorted(range(len(scores)), key=lambda i: -scores[i])
    best, greatest, bounded = ranked[0], 0.0, 0.0
    for i in ranked:
        if scores[i] <= greatest:
            break
        found = share(i)
        merit = scores[i] * (1 + found) / 2
        if merit > greatest:
            best, greatest, bounded = i, merit, found
    return best, bounded


def hold_out(
    values: FloatArray,
    *,
    scale: FloatArray,
    warmup: int,
    fraction: float = 0.15,
    windows: int = 16,
    horizon: int = 300,
    least: int = 20,
) -> HeldOut | None:
    """Cut windows from the last `fraction` of each trajectory ``(n, T, d)``.

    The contexts, `warmup` points long, may reach into the fitted part; what has to be forecast
    never does. None when the tail is shorter than `least` points: nothing could be measured.
    """
    n, length, _ = values.shape
    tail = int(length * fraction)
    if tail < least or length - tail < warmup:
        return None
    split = length - tail
    steps = min(horizon, tail // 2)
    per_trajectory = max(1, windows // n)
    chosen = range(0, n, max(1, n // windows))
    starts = np.unique(np.linspace(split, length - steps, per_trajectory).astype(int))
    pairs = [(i, s) for i in chosen for s in starts]
    return HeldOut(
        split=split,
        context=np.stack([values[i, s - warmup : s] for i, s in pairs]),
        truth=np.stack([values[i, s : s + steps] for i, s in pairs]),
        scale=scale,
    )
