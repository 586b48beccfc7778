"""What a trained predictor does when it runs freely; runs inside the forecaster's process.

A predictor is a map of contexts: it continues a context, and the last samples of the context and
its continuation together are the next one. The largest Lyapunov exponent of that map comes from
twins, the method of Benettin and others (1976): two contexts that differ a little are continued
side by side, the growth of their distance is recorded, and the second is pulled back towards the
first along the whole context.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["explore"]

RESOLUTION = 1e-12
"""Smallest relative distance between twins; below it there is little but rounding."""

FARTHEST = 100.0
"""Largest distance between twins anywhere in their contexts, in units of that at their ends."""

Predict = Callable[[FloatArray, int], FloatArray]


def explore(
    predict: Predict,
    context: FloatArray,
    scale: FloatArray,
    *,
    points: int,
    twins: int,
    segments: int,
    segment: int,
    growth: int,
    distance: float,
    seed: int,
) -> dict[str, FloatArray]:
    """Run freely from one context, then as twins from states of that free run.

    Args:
        predict: continues contexts ``(n, C, d)`` by a number of steps, ``(n, H, d)``.
        context: ``(C, d)``.
        scale: σ of each variable, ``(d,)``; distances are Euclidean in units of it.
        points: steps of the free run, `T`.
        twins: pairs of twins, from states spread evenly over the last three quarters of the run.
        segments: how often the twins are pulled back.
        segment: steps between two pulls.
        growth: steps for which twins are left alone, for the picture of error growth.
        distance: between the twins at the start and after every pull.
        seed: of the directions at the start.

    Returns:
        ``values`` ``(1, T, d)``, the free run; ``growth`` ``(twins, growth)``, the distance of
        twins left alone; ``stretch`` ``(twins, segments)``, the logarithm of their growth in each
        segment: -∞ once they have merged, NaN once their values are so large that rounding would
        merge them. The last two are empty if the free run left the finite numbers.

    """
    length = len(context)
    run = predict(context[np.newaxis], points)
    if not np.isfinite(run).all():
        return {"values": run, "growth": np.empty((0, growth)), "stretch": np.empty((0, segments))}
    history = np.concatenate([context, run[0]])
    ends = length + np.linspace(points // 4, points, twins).astype(int)
    first = np.stack([history[end - length : end] for end in ends])
    second = first.copy()
    direction = np.random.default_rng(seed).standard_normal((twins, context.shape[1]))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    second[:, -1] += distance * scale * direction
    with np.errstate(all="ignore"):
        both = predict(np.concatenate([first, second]), growth)
        apart = np.linalg.norm((both[twins:] - both[:twins]) / scale, axis=2)
        stretch = np.full((twins, segments), np.nan)
        alive = np.ones(twins, dtype=bool)
        bound = distance / RESOLUTION
        for k in range(segments):
            made = predict(np.concatenate([first, second]), segment)
            first = np.concatenate([first, made[:twins]], axis=1)[:, -length:]
            second = np.concatenate([second, made[twins:]], axis=1)[:, -length:]
            size = np.abs(np.stack([first, second]) / scale).max(axis=(0, 2, 3))
            alive &= size < bound  # False for NaN
            first[~alive] = second[~alive] = context  # keeps the batch finite
            # over the whole segment: in few variables twins cross and touch at single instants
            offset = second - first
            recent = (offset / scale)[:, -segment:]
            reached = np.sqrt((recent**2).sum(axis=2).mean(axis=1))
            stretch[alive, k] = np.log(reached[alive] / distance)
            factor = np.where(reached > 0, distance / reached, 0.0)  # what merged stays merged
            offset *= factor[:, np.newaxis, np.newaxis]
            # where distances shrink, the past would become ever more distant: limit it
            far = np.linalg.norm(offset / scale, axis=2, keepdims=True)
            second = first + offset * np.minimum(1.0, FARTHEST * distance / np.maximum(far, 1e-300))
    return {"values": run, "growth": apart, "stretch": stretch}
