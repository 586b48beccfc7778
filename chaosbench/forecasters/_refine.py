"""Gauss–Newton refinement of a sparse polynomial on the flow over one sampling step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from chaosbench.forecasters._polynomial import Polynomial
    from chaosbench.trajectories import FloatArray

__all__ = ["refine"]

_BUDGET = 60_000  # transitions times unknowns


def refine(model: Polynomial, u: FloatArray, iterations: int = 6) -> Polynomial:
    d = u.shape[2]
    where = np.argwhere(model.coefficients != 0)
    unknowns = len(where)
    if model.discrete or not 0 < unknowns <= 300:
        return model
    before = u[:, :-1].reshape(-1, d)
    after = u[:, 1:].reshape(-1, d)
    rows = min(len(before), max(2 * unknowns, _BUDGET // unknowns, 200), 3000)
    pick = np.linspace(0, len(before) - 1, rows).astype(int)
    before, after = before[pick], after[pick]

    def residual(m):
        return (after - m.advance(before)).ravel()

    error = residual(model)
    size = np.linalg.norm(error)
    for _ in range(iterations):
        if not np.isfinite(size):
            return model
        jacobian = np.empty((len(error), unknowns))
        for k, (term, variable) in enumerate(where):
            c = model.coefficients.copy()
            c[term, variable] += (e := 1e-6 * max(abs(c[term, variable]), 1e-3))
            jacobian[:, k] = (error - residual(replace(model, coefficients=c))) / e
        if not np.isfinite(jacobian).all():
            return model
        delta = np.linalg.lstsq(jacobian, error, rcond=1e-12)[0]
        c = model.coefficients.copy()
        c[where[:, 0], where[:, 1]] += delta
        trial = replace(model, coefficients=c)
        trial_error = residual(trial)
        trial_size = np.linalg.norm(trial_error)
        if not trial_size < size:
            break
        done = trial_size > 0.5 * size
        model, error, size = trial, trial_error, trial_size
        if done:
            break
    return model
