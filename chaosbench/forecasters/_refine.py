"""Refining the coefficients of a sparse polynomial on its own flow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chaosbench.forecasters._polynomial import Polynomial
    from chaosbench.trajectories import FloatArray

__all__ = ["refine"]

_MOST_UNKNOWNS = 300
_TRANSITIONS_TIMES_UNKNOWNS = 60_000


def refine(model: Polynomial, u: FloatArray, iterations: int = 6) -> Polynomial:
    """Fit the coefficients to u(t+1) = flow over one step of u(t), by Gauss–Newton.

    A derivative estimated from samples carries the error of its stencil or quadrature; the flow
    itself does not, so on clean data this converges to the accuracy of the data. A model that is
    a map, has too many terms or does not improve is returned as it is.

    Args:
        model: a vector field.
        u: trajectories ``(n, T, d)``.
        iterations: at most this many; each halves the residual, or is the last.

    """
    d = u.shape[2]
    place = np.argwhere(model.coefficients != 0)
    unknowns = len(place)
    if model.discrete or not 0 < unknowns <= _MOST_UNKNOWNS:
        return model
    before, after = u[:, :-1].reshape(-1, d), u[:, 1:].reshape(-1, d)
    wanted = int(np.clip(_TRANSITIONS_TIMES_UNKNOWNS // unknowns, 2 * unknowns, 3000))
    pick = np.linspace(0, len(before) - 1, min(wanted, len(before))).astype(int)
    before, after = before[pick], after[pick]

    def residual(coefficients: FloatArray) -> FloatArray:
        flowed = replace(model, coefficients=coefficients).advance(before)
        return np.asarray(after - flowed).ravel()

    current = model.coefficients
    error = residual(current)
    for _ in range(iterations):
        jacobian = np.empty((len(error), unknowns))
        for k, (term, variable) in enumerate(place):
            nudged = current.copy()
            nudge = 1e-6 * max(abs(current[term, variable]), 1e-3)
            nudged[term, variable] += nudge
            jacobian[:, k] = (error - residual(nudged)) / nudge
        if not (np.isfinite(jacobian).all() and np.isfinite(error).all()):
            break
        trial = current.copy()
        trial[place[:, 0], place[:, 1]] += np.linalg.lstsq(jacobian, error, rcond=1e-12)[0]
        trial_error = residual(trial)
        before_size, size = np.linalg.norm(error), np.linalg.norm(trial_error)
        if not size < before_size:
            break
        current, error = trial, trial_error
        if size > 0.5 * before_size:
            break
    return replace(model, coefficients=current)
