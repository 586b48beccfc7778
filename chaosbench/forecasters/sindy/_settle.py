"""Estimation of the state at the end of a context from several samples through the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.polynomial import Polynomial
    from chaosbench.trajectories import FloatArray

__all__ = ["settled"]

_ITERATIONS = 6
_NUDGE = 1e-6
# Normal equations square the sensitivity; beyond this limit they have no digits left.
_MOST_SENSITIVE = 1e7


def settled(model: Polynomial, rows: FloatArray) -> FloatArray:
    """Return the last state ``(n, d)`` of the orbit closest to the samples ``(n, L, d)``.

    The state at the first sample is found by least squares with Gauss–Newton, separately for each
    window, with derivatives from differences of orbits. A window keeps its last sample where no
    orbit comes closer than the one from its first sample, or where orbits are too sensitive to the
    initial state.
    """
    n, length, d = rows.shape
    if length == 1:
        return np.asarray(rows[:, -1])
    with np.errstate(over="ignore", invalid="ignore"):
        start = rows[:, 0].copy()
        orbit = _orbit(model, start, length)
        error = ((orbit - rows) ** 2).sum(axis=(1, 2))
        improved = np.zeros(n, dtype=np.bool_)
        going = np.isfinite(error)
        for _ in range(_ITERATIONS):
            if not going.any():
                break
            nudged = start[np.newaxis] + _NUDGE * np.eye(d)[:, np.newaxis]
            others = _orbit(model, nudged.reshape(-1, d), length).reshape(d, n, length, d)
            slopes = ((others - orbit) / _NUDGE).reshape(d, n, -1).transpose(1, 2, 0)
            sound = going & (np.abs(slopes) < _MOST_SENSITIVE).all(axis=(1, 2))
            slopes = np.where(sound[:, np.newaxis, np.newaxis], slopes, 0.0)
            missed = np.where(sound[:, np.newaxis], (rows - orbit).reshape(n, -1), 0.0)
            # The first sample is one of the residuals, so this matrix is at least the identity.
            gram = slopes.transpose(0, 2, 1) @ slopes + 1e-9 * np.eye(d)
            step = np.linalg.solve(gram, slopes.transpose(0, 2, 1) @ missed[..., np.newaxis])
            trial = start + step[..., 0]
            trial_orbit = _orbit(model, trial, length)
            trial_error = ((trial_orbit - rows) ** 2).sum(axis=(1, 2))
            better = sound & (trial_error < error)
            start[better], orbit[better] = trial[better], trial_orbit[better]
            going = better & (trial_error < (1 - 1e-6) * error)
            error[better] = trial_error[better]
            improved |= better
    return np.asarray(np.where(improved[:, np.newaxis], orbit[:, -1], rows[:, -1]))


def _orbit(model: Polynomial, start: FloatArray, length: int) -> FloatArray:
    """Return `length` states ``(n, length, d)``, beginning with `start`."""
    states = np.empty((len(start), length, start.shape[1]))
    states[:, 0] = start
    for k in range(1, length):
        states[:, k] = model.advance(states[:, k - 1])
    return states
