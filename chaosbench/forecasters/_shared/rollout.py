"""Closed-loop forecasts: a one-step model is fed its own output, all windows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._shared.arrays import Scaler, checked_context, delay_embedding

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["ESCAPE", "closed_loop", "delay_rollout", "output_bounds"]

# A rollout this many training standard deviations away has left the attractor for good; going
# on would only overflow.
ESCAPE = 1e6

# For models that extrapolate: on the attractor the bounds change nothing.
_MARGIN = 0.5


def output_bounds(z: FloatArray, *, margin: float = _MARGIN) -> FloatArray:
    """Return the least and greatest outputs ``(2, d)`` for training data ``(n, T, d)``.

    Args:
        z: standardised training data.
        margin: share of the training range by which an output may leave it on either side.

    """
    low, high = z.min(axis=(0, 1)), z.max(axis=(0, 1))
    room = margin * (high - low)
    return np.stack([low - room, high + room])


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


def delay_rollout(
    increment: Callable[[FloatArray], FloatArray],
    context: ArrayLike,
    horizon: int,
    *,
    scaler: Scaler,
    lags: tuple[int, ...],
    who: str,
    box: FloatArray | None = None,
    copies: int = 1,
) -> FloatArray:
    """Add increments to the newest state, step after step, in the units of the data.

    Args:
        increment: takes delay vectors ``(copies * n, p)`` to increments ``(copies * n, d)``, all
            standardised; the windows of one copy lie together.
        context: ``(n, C, d)``.
        horizon: number of steps `H`.
        scaler: of the training data.
        lags: steps back of the stacked states, 0 first.
        who: the forecaster, for what is refused.
        box: lowest and highest standardised values ``(2, d)``, which no state leaves, or None.
        copies: rollouts of each window.

    Returns:
        ``(copies, n, H, d)``.

    """
    needed, d = max(lags) + 1, len(scaler.mean)
    rows, alive = checked_context(context, horizon, d=d, minimum=needed, used=needed, who=who)
    memory = np.tile(scaler.apply(rows), (copies, 1, 1))

    def step(latest: FloatArray) -> FloatArray:
        memory[:, :-1] = memory[:, 1:]
        memory[:, -1] = latest
        new = latest + increment(delay_embedding(memory, lags)[:, 0])
        return new if box is None else np.clip(new, *box)

    start = memory[:, -1].copy()
    memory[:, 1:] = memory[:, :-1].copy()  # the first step shifts the context back in place
    values = closed_loop(step, start, horizon, np.tile(alive, copies))
    return scaler.undo(values).reshape(copies, len(rows), horizon, d)
