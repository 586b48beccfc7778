"""Closed-loop forecasts: a one-step model is fed its own output, for all windows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.forecasters._shared.arrays import Scaler, checked_context, delay_embedding

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["ESCAPE", "closed_loop", "delay_rollout", "output_bounds"]

# A rollout this many training standard deviations away has left the attractor for good. Going on
# would only overflow.
ESCAPE = 1e6

# Wide enough that the bounds change nothing on the attractor.
_MARGIN = 0.5


def output_bounds(z: FloatArray, *, margin: float = _MARGIN) -> FloatArray:
    """Return the lowest and highest outputs ``(2, d)`` for training data ``(n, T, d)``.

    Args:
        z: standardised training data.
        margin: fraction of the training range by which an output may leave it on either side.

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
        step: maps the newest standardised values ``(n, d)`` to the next ones; it keeps its own
            memory of older values.
        start: the last row of the context ``(n, d)``, standardised.
        horizon: number of steps `H`.
        alive: ``(n,)``, False for windows whose context is not finite.

    Returns:
        ``(n, H, d)``, standardised. A window is NaN from the step at which it exceeds `ESCAPE`
        standard deviations or stops being finite.

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
                # A dead window continues as zeros, so that the batch keeps its shape.
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
    """Iterate a model of the next increment in delay space, and return the units of the data.

    Args:
        increment: maps delay vectors ``(copies * n, p)`` to increments ``(copies * n, d)``, all
            standardised; the windows of one copy are adjacent.
        context: ``(n, C, d)``.
        horizon: number of steps `H`.
        scaler: standardisation by the training data.
        lags: lags of the stacked states in steps, 0 first.
        who: name of the forecaster for error messages.
        box: lowest and highest standardised values ``(2, d)`` to which every new state is clipped,
            or None.
        copies: number of rollouts of each window.

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
