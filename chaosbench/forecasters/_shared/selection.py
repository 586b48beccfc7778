"""Choice of settings by closed-loop forecasts of held-out training data.

Every forecaster that chooses among plans (delays and strides, degrees, neighbourhoods, widths,
input scalings, spectral radii, penalties) follows the same rules:

- *What judges.* A plan is fitted to the first 85% of each training trajectory, and its closed loop
  is followed through windows of the last 15% (`hold_out`). The score is how long it stays near the
  truth (`HeldOut.score`). The exam, its contexts and its truth are never seen. The chosen plan is
  fitted again to all training data.
- *Order.* Plans stand in the order of their simplicity, and the earlier one wins a tie.
- *Budget.* The trials of one choice by a regression or a reservoir together take at most `TRIALS`
  times the work of the dearest fit that the settings allow (`affordable`); whoever tries a short
  fixed list, such as the analogues, has no such bound. Work is counted in arithmetic, rows times
  squared features for a regression, and never in seconds, so that every machine makes the same
  choice as far as rounding lets it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chaosbench.forecasters._protocol import Predictor
    from chaosbench.trajectories import FloatArray

__all__ = [
    "EMBEDDINGS",
    "FREE_RUN",
    "TRIALS",
    "HeldOut",
    "affordable",
    "embeddings",
    "hold_out",
    "lags_of",
    "lasting",
]

# Work of all trials of one choice, relative to the dearest fit that the settings allow.
TRIALS = 2.0

# (delays, stride) in the order that decides ties. The longest reach back over fourteen steps, half
# a period at the sampling of the track `forecast`.
EMBEDDINGS = (
    (1, 1),
    (2, 1),
    (2, 2),
    (2, 3),
    (3, 1),
    (3, 3),
    (4, 1),
    (4, 3),
    (6, 2),
    (8, 1),
    (8, 2),
)

# Length in steps of the free run in which a candidate has to stay finite.
FREE_RUN = 1000

T = TypeVar("T")

# A chaotic error grows exponentially. The times at which it passes several thresholds measure the
# same rate as one valid prediction time, scatter less, and still rank near-perfect candidates.
_THRESHOLDS = (0.4, 0.04, 0.004, 0.0004)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Windows cut from the end of the training trajectories.

    Attributes:
        split: candidates are fitted to the training points ``[0, split)`` of each trajectory.
        context: ``(n, C, d)``.
        truth: ``(n, H, d)``, the states that followed.
        scale: training standard deviation ``(d,)``.

    """

    split: int
    context: FloatArray
    truth: FloatArray
    scale: FloatArray

    def score(self, forecast: FloatArray) -> float:
        """Return the mean fraction of the horizon before the error exceeds a threshold.

        The mean is over the windows and over four thresholds from 0.4 down to 0.0004 standard
        deviations.
        """
        return float(self.scores(forecast).mean())

    def scores(self, forecast: FloatArray) -> FloatArray:
        """Return the score of each window, ``(n,)``."""
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.sqrt((((forecast - self.truth) / self.scale) ** 2).mean(axis=2))
        error = np.where(np.isfinite(error), error, np.inf)
        worst = np.maximum.accumulate(error, axis=1)
        shares = [(worst <= threshold).mean(axis=1) for threshold in _THRESHOLDS]
        return np.asarray(np.mean(shares, axis=0))

    def thinned(self, every: int) -> HeldOut:
        """Return the same with only every so many windows."""
        return replace(self, context=self.context[::every], truth=self.truth[::every])

    def bounded(self, candidate: Predictor) -> float:
        """Return the fraction of windows whose free run of 1,000 steps stays finite."""
        values = candidate.predict(self.context, FREE_RUN).values
        return float(np.isfinite(values[:, -1]).all(axis=1).mean())

    def best(self, candidates: Sequence[Predictor]) -> int:
        """Return the index of the best candidate; the earliest wins a tie."""
        horizon = self.truth.shape[1]
        scores = [self.score(c.predict(self.context, horizon).values) for c in candidates]
        return int(np.argmax(scores))


def lags_of(delays: int, stride: int) -> tuple[int, ...]:
    """Return the lags of the stacked states in steps, 0 first."""
    return tuple(i * stride for i in range(delays))


def embeddings(
    d: int, length: int, *, delays: int | None, stride: int | None, widest: int
) -> list[tuple[int, int]]:
    """Return the pairs (delays, stride) to try for `d` variables, in the order that decides ties.

    A setting that is given is kept; a stride that is given applies to all numbers of delays. Delay
    vectors have at most `widest` entries, and reach back over at most a tenth of a trajectory of
    `length` points. The first pair is always tried.
    """
    if delays is not None and stride is not None:
        return [(delays, stride)]
    pairs = []
    for k, s in EMBEDDINGS:
        count = k if delays is None else delays
        # The stride has no meaning for a single state.
        pairs.append((count, 1 if count == 1 else (s if stride is None else stride)))
    pairs = list(dict.fromkeys(pairs))
    fitting = [(k, s) for k, s in pairs if k * d <= widest and 10 * (k - 1) * s < length]
    return fitting or pairs[:1]


def affordable(plans: Iterable[T], work: Callable[[T], float], dearest: float) -> list[T]:
    """Return the leading plans whose total work is at most `TRIALS` times that of the dearest fit.

    A plan that does not fit any more is left out, and later, cheaper ones may still fit. The first
    plan is always tried.
    """
    kept: list[T] = []
    left = TRIALS * dearest
    for plan in plans:
        needed = work(plan)
        if needed <= left or not kept:
            kept.append(plan)
            left -= needed
    return kept


def lasting(scores: Sequence[float], share: Callable[[int], float]) -> tuple[int, float]:
    """Return the index of the best candidate and the fraction of its free runs that stay finite.

    A candidate is ranked by its score times (1 + fraction)/2: one whose free runs all escape keeps
    half of its score. Of two that follow the held-out windows about equally long, the bounded one
    wins; one that follows twice as long wins in any case. Free runs are expensive and are skipped
    for candidates that can no longer win. The earliest wins a tie.

    Args:
        scores: score of each candidate.
        share: returns the fraction of a candidate's free runs that stay finite.

    """
    # A positive score lets a bounded candidate win where none follows the truth at all.
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
    """Cut windows from the tail of each trajectory ``(n, T, d)``, its last `fraction`.

    The contexts have `warmup` points and may reach back before the tail; the states to be forecast
    never do. Returns None when the tail has fewer than `least` points, too few to measure anything.
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
