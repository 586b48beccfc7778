"""Choosing settings on the training trajectory alone.

Runs inside the forecaster's process, which holds no truth: the last fifth of the training data is
forecast in windows by candidates that were fitted to the rest, and the one whose forecasts stay
valid longest wins. Nothing of the exam enters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chaosbench.errors import ChaosbenchError, ParameterError
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["search", "tune"]

VALIDATION = 0.2
WINDOWS = 8
THRESHOLD = 0.4
SHARE = 0.6
"""Share of the cell's time that the search may take; the final fit needs the rest."""


def search(
    space: Mapping[str, Sequence[Any]],
    count: int,
    seed: int,
    attempt: Callable[[dict[str, Any]], float],
    *,
    deadline: float = math.inf,
) -> tuple[dict[str, Any], int]:
    """Return the best settings found, and how many were tried: the defaults and `count` others.

    A space maps settings to the values worth trying, in order, such as ``{"units": (200, 500)}``.
    A quarter of the candidates is drawn at random; each later one is a neighbour of the best so
    far, one value of one setting away, or of the next best where it has none left. A space with no
    more combinations than `count` is gone through in full. Why so: docs/adr/0011-tuning.md.

    Args:
        space: setting to its values.
        count: candidates besides the defaults.
        seed: of the draws.
        attempt: scores settings, higher is better; the defaults are ``{}``.
        deadline: on the monotonic clock; the candidate under way is finished.

    """
    names = sorted(space)
    sizes = [len(space[name]) for name in names]
    total = math.prod(sizes) if names else 0
    shuffled = np.random.default_rng(seed).permutation(total)
    untried = [tuple(int(k) for k in np.unravel_index(number, sizes)) for number in shuffled]
    best: dict[str, Any] = {}
    best_score, tried = attempt(best), 1
    scores: dict[tuple[int, ...], float] = {}
    while untried and tried <= count and time.monotonic() <= deadline:
        place = untried[0]
        if len(scores) >= count / 4:
            near = (
                other
                for centre in sorted(scores, key=lambda tried: -scores[tried])
                for other in untried
                if sum(abs(a - b) for a, b in zip(centre, other, strict=True)) == 1
            )
            place = next(near, place)
        untried.remove(place)
        settings = {name: space[name][k] for name, k in zip(names, place, strict=True)}
        scores[place] = attempt(settings)
        tried += 1
        if scores[place] > best_score:
            best, best_score = settings, scores[place]
    return best, tried


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

    def attempt(settings: dict[str, Any]) -> float:
        try:
            predictor = chosen(**{**config, **settings}).fit(fit_on, seed=seed)
            made = predictor.predict(contexts.copy(), futures.shape[1]).values
        except (ChaosbenchError, ArithmeticError, ValueError, MemoryError):
            return 0.0
        return _mean_valid_steps(futures, made, scale)

    best, tried = search(space, count, seed, attempt, deadline=time.monotonic() + SHARE * seconds)
    return {**config, **best}, tried


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
