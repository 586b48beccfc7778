"""Choosing settings on the training trajectory alone.

Runs inside the forecaster's process, which holds no truth: the last fifth of the training data is
forecast in windows by candidates that were fitted to the rest, and the one whose forecasts stay
valid longest wins. Nothing of the exam enters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chaosbench.errors import ChaosbenchError, ParameterError
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["candidates", "tune"]

VALIDATION = 0.2
WINDOWS = 8
THRESHOLD = 0.4
SHARE = 0.6
"""Share of the cell's time that the search may take; the final fit needs the rest."""


def candidates(space: Mapping[str, Sequence[Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """Draw `count` distinct settings from a search space, the empty one (the defaults) first.

    A space maps settings to the values worth trying, such as ``{"units": (200, 500, 1000)}``. A
    space with no more combinations than asked for is gone through in full.
    """
    names = sorted(space)
    total = math.prod(len(space[name]) for name in names) if names else 0
    generator = np.random.default_rng(seed)
    chosen = range(total) if total <= count else generator.choice(total, size=count, replace=False)
    drawn: list[dict[str, Any]] = [{}]
    for number in chosen:
        rest, settings = int(number), {}
        for name in names:
            rest, k = divmod(rest, len(space[name]))
            settings[name] = space[name][k]
        drawn.append(settings)
    return drawn


def tune(
    chosen: Any,
    config: Mapping[str, Any],
    train: Trajectories,
    *,
    count: int,
    context: int,
    horizon: int,
    seed: int,
    seconds: float,
) -> tuple[dict[str, Any], int]:
    """Return the settings that forecast the held-out end of `train` best, and how many were tried.

    Args:
        chosen: the forecaster's class; its ``search_space`` says what may vary.
        config: settings that stay, unless the space varies them.
        train: the training trajectories.
        count: candidates besides the defaults.
        context, horizon: of the exam, in samples; shortened to what the data allow.
        seed: of the search and of every fit.
        seconds: budget of the cell.

    Raises:
        ParameterError: the forecaster declares no search space.

    """
    space = getattr(chosen, "search_space", None)
    if not space:
        raise ParameterError(f"{chosen.__name__} declares no search_space and cannot be tuned")
    fit_on, contexts, futures = _split(train, context, horizon)
    scale = np.nanstd(fit_on.values, axis=(0, 1))
    scale = np.where(scale > 0, scale, 1.0)
    best, best_score, tried = dict(config), -math.inf, 0
    deadline = time.monotonic() + SHARE * seconds
    for settings in candidates(space, count, seed):
        merged = {**config, **settings}
        try:
            predictor = chosen(**merged).fit(fit_on, seed=seed)
            made = predictor.predict(contexts.copy(), futures.shape[1]).values
        except (ChaosbenchError, ArithmeticError, ValueError, MemoryError):
            made = np.full_like(futures, np.nan)
        tried += 1
        score = _mean_valid_steps(futures, made, scale)
        if score > best_score:
            best, best_score = merged, score
        if time.monotonic() > deadline:
            break
    return best, tried


def _split(
    train: Trajectories, context: int, horizon: int
) -> tuple[Trajectories, FloatArray, FloatArray]:
    """Cut the last fifth off and windows out of it; its contexts may reach back before the cut."""
    steps = train.values.shape[1]
    cut = steps - max(2, int(VALIDATION * steps))
    context = min(context, cut)
    horizon = max(1, min(horizon, (steps - cut) // 2))
    starts = np.linspace(cut, steps - horizon, WINDOWS).astype(int)
    contexts = [v[s - context : s] for v in train.values for s in starts]
    futures = [v[s : s + horizon] for v in train.values for s in starts]
    return Trajectories(train.values[:, :cut], train.dt), np.stack(contexts), np.stack(futures)


def _mean_valid_steps(truth: FloatArray, made: FloatArray, scale: FloatArray) -> float:
    with np.errstate(all="ignore"):
        error = np.sqrt((((truth - made) / scale) ** 2).mean(axis=-1))
    valid = np.cumprod(error <= THRESHOLD, axis=1)  # a NaN is not valid
    return float(valid.sum(axis=1).mean())
