"""Closed-loop forecasts: a one-step model is fed its own output, all windows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["ESCAPE", "closed_loop", "output_bounds"]

# A rollout this many training standard deviations away has left the attractor for good; going
# on would only overflow.
ESCAPE = 1e6

# Share of the training range that a bounded output may leave it by, on either side.
_MARGIN = 0.5


def output_bounds(z: FloatArray) -> FloatArray:
    """Return the least and greatest outputs ``(2, d)`` for training data ``(n, T, d)``."""
    low, high = z.min(axis=(0, 1)), z.max(axis=(0, 1))
    margin = _MARGIN * (high - low)
    return np.stack([low - margin, high + margin])


def closed_loop(
    step: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    horizon: int,
    alive: NDArray[np.bool_],
) -> FloatArray:
    """Feed a one-step predictor its own output.

    Args:
        step: takes the newest standardised values ``(n, d)`` to the next ones; it keeps its own
            memory of older ones.
        start: the last row of the context ``(n, d)``, standardised.
        horizon: number of steps `H`.
        alive: ``(n,)``, False for windows whose context is not finite.

    Returns:
        ``(n, H, d)``; a window that leaves the training data by `ESCAPE` standard deviations, or
        the finite numbers, is NaN from that step on.

    """
    n, d = start.shape
    values = np.empty((n, horizon, d))
    alive = alive.copy()
    latest = start
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for h in range(horizon):
            latest = step(latest)
            alive &= np.abs(latest).max(axis=1) < ESCAPE  # False for NaN
            if not alive.all():
                # A dead window rides along as zeros: the batch keeps its shape and stays finite.
                latest = np.where(alive[:, np.newaxis], latest, 0.0)
            values[:, h] = latest
            values[~alive, h] = np.nan
            if not alive.any():
                values[:, h:] = np.nan
                break
    return values
