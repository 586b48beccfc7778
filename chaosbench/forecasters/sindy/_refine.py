"""Refinement of the coefficients of a sparse equation on its own flow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.polynomial import Polynomial
    from chaosbench.trajectories import FloatArray

__all__ = ["refine"]

_MOST_UNKNOWNS = 300
_TRANSITIONS_TIMES_UNKNOWNS = 60_000


def refine(
    model: Polynomial,
    u: FloatArray,
    iterations: int = 6,
    *,
    rng: np.random.Generator | None = None,
) -> Polynomial:
    """Fit the coefficients to u(t+1) = flow over one step of u(t), by Gauss–Newton.

    A derivative estimated from samples carries the error of its stencil or quadrature. The flow
    itself has no such error, so on clean data this converges to the accuracy of the data. The
    fundamental frequencies of active waves are fitted as well. The model is returned unchanged if
    it has too many terms or does not improve, and if it is a map without waves, which least squares
    have already fitted.

    Args:
        model: a vector field, or a map with waves.
        u: trajectories ``(n, T, d)``.
        iterations: largest number of iterations. They stop after one that does not halve the
            residual.
        rng: if given, a tenth as many transitions are drawn with replacement; by default they are
            spread evenly over the data.

    """
    d = u.shape[2]
    place = np.argwhere(model.coefficients != 0)
    swinging = _swinging(model)
    unknowns = len(place) + len(swinging)
    if (model.discrete and not swinging) or not 0 < unknowns <= _MOST_UNKNOWNS:
        return model
    before, after = u[:, :-1].reshape(-1, d), u[:, 1:].reshape(-1, d)
    wanted = int(np.clip(_TRANSITIONS_TIMES_UNKNOWNS // unknowns, 2 * unknowns, 3000))
    if rng is None:
        pick = np.linspace(0, len(before) - 1, min(wanted, len(before))).astype(int)
    else:
        pick = rng.integers(0, len(before), size=max(wanted // 10, 2 * unknowns))
    before, after = before[pick], after[pick]

    def moved(vector: FloatArray) -> Polynomial:
        coefficients = model.coefficients.copy()
        coefficients[place[:, 0], place[:, 1]] = vector[: len(place)]
        if model.waves is None:
            return replace(model, coefficients=coefficients)
        fundamental = model.waves.fundamental.copy()
        fundamental[swinging] = vector[len(place) :]
        waves = replace(model.waves, fundamental=fundamental)
        return replace(model, coefficients=coefficients, waves=waves)

    def residual(vector: FloatArray) -> FloatArray:
        return np.asarray(after - moved(vector).advance(before)).ravel()

    current = model.coefficients[place[:, 0], place[:, 1]]
    if model.waves is not None:
        current = np.concatenate([current, model.waves.fundamental[swinging]])
    error = residual(current)
    for _ in range(iterations):
        jacobian = np.empty((len(error), unknowns))
        for k in range(unknowns):
            nudged = current.copy()
            nudge = 1e-6 * max(abs(current[k]), 1e-3)
            nudged[k] += nudge
            jacobian[:, k] = (error - residual(nudged)) / nudge
        if not (np.isfinite(jacobian).all() and np.isfinite(error).all()):
            break
        trial = current + np.linalg.lstsq(jacobian, error, rcond=1e-12)[0]
        trial_error = residual(trial)
        before_size, size = np.linalg.norm(error), np.linalg.norm(trial_error)
        if not size < before_size:
            break
        current, error = trial, trial_error
        if size > 0.5 * before_size:
            break
    return moved(current)


def _swinging(model: Polynomial) -> list[int]:
    """Return the variables of which a wave is active."""
    if model.waves is None:
        return []
    d = model.coefficients.shape[1]
    used = np.asarray(model.coefficients.any(axis=1))
    active = np.asarray((model.powers[used] > 0).any(axis=0))[d:]
    q = len(model.waves.variable)
    return sorted({int(v) for v in model.waves.variable[active[:q] | active[q:]]})
