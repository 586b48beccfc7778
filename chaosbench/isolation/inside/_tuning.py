"""Choosing settings on the training trajectory alone.

Runs inside the forecaster's process, which holds no truth. Candidates are fitted to the first four
fifths of the training data and asked about the last fifth what the exam will ask. The candidate
with the best score wins, by the score that ranks the task. Nothing of the exam enters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from chaosbench import metrics
from chaosbench.errors import ParameterError, UnsupportedError
from chaosbench.isolation._pieces import Piece
from chaosbench.isolation.inside._answers import checked, follow, right_hand_side
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["ASKED", "Question", "search", "tune"]

VALIDATION = 0.2
WINDOWS = 8
RUNS = 3
"""Free runs of a candidate where the climate is asked for."""

STENCIL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
"""Central differences of eighth order, at distances of one to four samples."""

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
    A quarter of the candidates is drawn at random. Each later one is a neighbour of the best so
    far, one value of one setting away, or of the next best where the best has no neighbour left. A
    space with no more combinations than `count` is searched in full. The reasons are in
    docs/adr/0011-tuning.md.

    Args:
        space: setting to its values.
        count: candidates besides the defaults.
        seed: of the draws.
        attempt: scores settings, higher is better; the defaults are ``{}``.
        deadline: on the monotonic clock; a candidate that has begun is finished.

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


@dataclass(frozen=True)
class Question:
    """What the exam asks and ranks by, without any of its data.

    Attributes:
        context, horizon: in samples; shortened to what the training data allow.
        ranked: window score, such as ``vpt@0.4``; its metric says which direction is better.
        asks, learn, dropped: as in `Task`.
        observe_every: steps between the observations that arrive; 0 for none.
        discrete: the equation asked for is that of a map.

    """

    context: int
    horizon: int
    ranked: str = "vpt@0.4"
    asks: Literal["forecast", "climate", "equation"] = "forecast"
    learn: Literal["train", "context"] = "train"
    dropped: float = 0.0
    observe_every: int = 0
    discrete: bool = False


ASKED = tuple(f.name for f in fields(Question))


def tune(
    chosen: Any,
    config: Mapping[str, Any],
    train: Trajectories,
    question: Question,
    *,
    count: int,
    seed: int,
    seconds: float,
) -> tuple[dict[str, Any], int]:
    """Return the settings that answer best on held-out training data, and how many were tried.

    Valid prediction times are averaged over windows, because their median cannot tell apart
    settings that fail alike. Any other score counts with its median, as on the leaderboard.

    Args:
        chosen: the forecaster's class; its ``search_space`` says what may vary.
        config: settings that stay, unless the space varies them.
        train: the training trajectories.
        question: what is asked, and which score ranks.
        count: candidates besides the defaults.
        seed: of the search and of every fit.
        seconds: budget of the cell.

    Raises:
        ParameterError: the forecaster declares no search space, or the data are too short.
        UnsupportedError: an equation is asked for and the defaults have none.

    """
    space = getattr(chosen, "search_space", None)
    if not space:
        raise ParameterError(f"{chosen.__name__} declares no search_space and cannot be tuned")
    answer, judge = _exercise(train, question)

    def attempt(settings: dict[str, Any]) -> float:
        try:
            made = answer(chosen(**{**config, **settings}), seed)
        except Exception as error:  # settings that fail must not end the search for others
            if isinstance(error, UnsupportedError) and not settings:
                raise  # rather than search in vain
            return -math.inf
        found = judge(made)
        typical = np.mean(found) if _metric(question) == "vpt" else np.median(found)
        sign = 1 if metrics.registry[_metric(question)].direction == "higher" else -1
        return float(sign * typical)

    best, tried = search(space, count, seed, attempt, deadline=time.monotonic() + SHARE * seconds)
    return {**config, **best}, tried


Answer = Callable[[Any, int], FloatArray]
"""Fits a forecaster with a seed and asks it."""

Judge = Callable[[FloatArray], FloatArray]
"""Scores what comes, ``(w,)``."""


def _exercise(train: Trajectories, question: Question) -> tuple[Answer, Judge]:
    """Turn training data into an exam of its own."""
    if question.learn == "context":
        return _worlds(train, question)
    steps = train.values.shape[1]
    cut = steps - max(2, int(VALIDATION * steps))
    fit_on, held_out = Trajectories(train.values[:, :cut], train.dt), train.values[:, cut:]
    scale = _spread(fit_on.values)
    if question.asks == "equation":
        states, slopes = _slopes(held_out, train.dt, discrete=question.discrete)

        def show(forecaster: Any, seed: int) -> FloatArray:
            predictor, name = forecaster.fit(fit_on, seed=seed), type(forecaster).__name__
            return right_hand_side(predictor, states, discrete=question.discrete, name=name)

        return show, lambda made: np.array(
            [metrics.derivative_smape(truth, one) for truth, one in zip(slopes, made, strict=True)]
        )
    if question.asks == "climate":
        length = min(math.ceil(held_out.shape[1] / (1 - question.dropped)), question.horizon)
        starts, _ = _windows(train.values, np.linspace(cut, steps, RUNS), question.context, 0)

        def run(forecaster: Any, seed: int) -> FloatArray:
            predictor = forecaster.fit(fit_on, seed=seed)
            return checked(predictor.predict(starts.copy(), length), starts, length)[0]

        first = round(question.dropped * length)
        return run, lambda made: _climate(held_out, made[:, first:], question, scale)
    horizon = max(1, min(question.horizon, (steps - cut) // 2))
    ends = np.linspace(cut, steps - horizon, WINDOWS)
    contexts, futures = _windows(train.values, ends, question.context, horizon)

    def forecast(forecaster: Any, seed: int) -> FloatArray:
        predictor = forecaster.fit(fit_on, seed=seed)
        return _forecast(forecaster, predictor, contexts, futures, question)

    return forecast, lambda made: _errors(question, futures, made, contexts, scale)


def _worlds(train: Trajectories, question: Question) -> tuple[Answer, Judge]:
    """Do the same as `_exercise` where each context is all that there is to learn from."""
    steps = train.values.shape[1]
    horizon = min(question.horizon, steps - question.context)
    if horizon < 1:
        raise ParameterError(
            f"settings cannot be tuned on {steps} training samples, which are no more than the "
            f"context of {question.context}"
        )
    ends = np.linspace(question.context, steps - horizon, WINDOWS)
    contexts, futures = _windows(train.values, ends, question.context, horizon)

    def forecast(forecaster: Any, seed: int) -> FloatArray:
        made = []
        for context in contexts[:, np.newaxis]:
            predictor = forecaster.fit(Trajectories(context.copy(), train.dt), seed=seed)
            made.append(checked(predictor.predict(context.copy(), horizon), context, horizon)[0])
        return np.concatenate(made)

    scale = _spread(train.values)
    return forecast, lambda made: _errors(question, futures, made, contexts, scale)


def _forecast(
    forecaster: Any, predictor: Any, contexts: FloatArray, futures: FloatArray, question: Question
) -> FloatArray:
    every, horizon = question.observe_every, futures.shape[1]

    def predict(context: FloatArray, steps: int) -> Piece:
        return checked(predictor.predict(context, steps), context, steps)

    if not every:
        return predict(contexts.copy(), horizon)[0]
    arrivals = iter(futures[:, every - 1 : horizon - 1 : every].swapaxes(0, 1))
    pieces: list[FloatArray] = []

    def observe(piece: Piece) -> FloatArray:
        pieces.append(piece[0])
        return next(arrivals)

    last, _ = follow(
        predict, contexts.copy(), horizon=horizon, every=every, observe=observe,
        gaps=getattr(forecaster, "handles_gaps", False),
    )  # fmt: skip
    return np.concatenate([*pieces, last], axis=1)


def _errors(
    question: Question,
    truth: FloatArray,
    made: FloatArray,
    context: FloatArray,
    scale: FloatArray,
) -> FloatArray:
    """Return the score of each window, ``(w,)``; gaps in the truth count as no error."""
    made = np.where(np.isnan(truth), 0.0, made)
    truth = np.where(np.isnan(truth), 0.0, truth)
    name, _, threshold = question.ranked.partition("@")
    if name == "vpt":
        return metrics.valid_prediction_steps(
            truth, made, scale=scale, threshold=float(threshold)
        ).astype(np.float64)
    if name == "nrmse":
        found = metrics.nrmse(truth, made, scale=scale)
    elif name == "mase":
        found = metrics.mase(truth, made, context)
    else:
        found = np.asarray(metrics.registry[name](truth, made))
    return np.array([values.mean() for values in found])


def _climate(
    held_out: FloatArray, runs: FloatArray, question: Question, scale: FloatArray
) -> FloatArray:
    reference = held_out.reshape(-1, held_out.shape[2])
    reference = reference[np.isfinite(reference).all(axis=1)]
    score = metrics.registry[_metric(question)]
    runs = np.where(np.isfinite(runs).all(axis=(1, 2), keepdims=True), runs, np.nan)
    return np.array([float(score(reference, run, scale=scale)) for run in runs])


def _windows(
    values: FloatArray, starts: FloatArray, context: int, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """Cut windows out of every trajectory; contexts may reach back before the validation part."""
    ends = np.unique(starts.astype(int))
    context = min(context, int(ends[0]))
    seen = [v[end - context : end] for v in values for end in ends]
    futures = [v[end : end + horizon] for v in values for end in ends]
    return np.stack(seen), np.stack(futures)


def _slopes(values: FloatArray, dt: float, *, discrete: bool) -> tuple[FloatArray, FloatArray]:
    """Return states ``(n, T', d)`` and the right-hand side there, from samples around them."""
    if discrete:
        return values[:, :-1], values[:, 1:]
    width, steps = len(STENCIL), values.shape[1]
    if steps <= 2 * width:
        raise ParameterError(f"settings cannot be tuned on {steps} held-out samples; give more")
    inside = slice(width, steps - width)
    slopes = np.zeros_like(values[:, inside])
    for k, weight in enumerate(STENCIL, 1):
        ahead, behind = values[:, width + k :], values[:, width - k :]
        length = slopes.shape[1]
        slopes += weight / dt * (ahead[:, :length] - behind[:, :length])
    return values[:, inside], slopes


def _metric(question: Question) -> str:
    return question.ranked.partition("@")[0]


def _spread(values: FloatArray) -> FloatArray:
    scale = np.nanstd(values, axis=(0, 1))
    return np.where(scale > 0, scale, 1.0)
