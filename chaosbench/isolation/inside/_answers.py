"""Asking a predictor, and checking what it answers.

Runs inside the forecaster's process, for the exam and while settings are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chaosbench.errors import InvalidForecastError, UnsupportedError
from chaosbench.forecasters import Forecast
from chaosbench.isolation._pieces import Piece
from chaosbench.trajectories import FloatArray, fill_gaps

__all__ = ["checked", "follow", "right_hand_side", "seen"]


def seen(values: FloatArray, gaps: bool) -> FloatArray:
    """Return a copy of the samples; gaps are filled unless the forecaster handles them."""
    copy = values.copy()
    return copy if gaps else fill_gaps(copy)


def checked(result: Any, context: FloatArray, horizon: int) -> Piece:
    """Return the values and samples of a forecast; refuse one of another type or shape."""
    if not isinstance(result, Forecast):
        raise InvalidForecastError(
            f"predict must return a chaosbench Forecast, not {type(result).__name__}"
        )
    n, _, d = context.shape
    expected = (n, horizon, d)
    if result.values.shape != expected:
        raise InvalidForecastError(
            f"the forecast has shape {result.values.shape}, expected (n, H, d) = {expected}"
        )
    return result.values, result.samples


def follow(
    predict: Callable[[FloatArray, int], Piece],
    context: FloatArray,
    *,
    horizon: int,
    every: int,
    observe: Callable[[Piece], FloatArray],
    gaps: bool,
) -> Piece:
    """Forecast from one observation to the next; return the last piece.

    Each piece before it is handed in with `observe`, which gives the observation ``(n, d)`` whose
    time has come for it. The context ``(n, C, d)`` slides along and keeps its length. Between two
    observations it has gaps, which are filled for forecasters that do not handle them; forecasts
    are not fed back.
    """
    piece = predict(seen(context, gaps), min(every, horizon))
    for begin in range(every, horizon, every):
        between = np.full((len(context), every - 1, context.shape[2]), np.nan)
        latest = observe(piece)[:, np.newaxis]
        context = np.concatenate([context, between, latest], axis=1)[:, every:]
        piece = predict(seen(context, gaps), min(every, horizon - begin))
    return piece


def right_hand_side(predictor: Any, states: FloatArray, *, discrete: bool, name: str) -> FloatArray:
    """Return the right-hand side found, at states ``(w, H, d)``; the next states, for a map."""
    method = "next_state" if discrete else "vector_field"
    if not callable(getattr(predictor, method, None)):
        raise UnsupportedError(
            f"{name} has no equation to show: its predictor has no method {method}(states)"
        )
    d = states.shape[2]
    values = np.asarray(getattr(predictor, method)(states.reshape(-1, d).copy()))
    if values.shape != (states.size // d, d) or values.dtype.kind not in "fiu":
        raise InvalidForecastError(
            f"{method} must return real numbers of shape (n, d) = {(states.size // d, d)}, "
            f"not {values.dtype} of shape {values.shape}"
        )
    return values.reshape(states.shape)
