"""Ridge regression from normal equations, for features too noisy to be nearly dependent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaosbench.forecasters._protocol import Predictor
    from chaosbench.forecasters._shared.selection import HeldOut
    from chaosbench.trajectories import FloatArray

__all__ = ["NormalEquations", "select_ridge"]


class NormalEquations:
    """Accumulate ΦᵀΦ and ΦᵀY, so that the whole feature matrix never has to be stored.

    Memory is O(p² + p d), whatever the number of samples. They square the condition of Φ, so that
    penalties below about 1e-10 of the largest eigenvalue are lost to rounding. Liquids, whose
    features carry the noise of spikes, need far larger ones; for 2,000 features the triangular
    equations would take five times as long and give the same forecasts.
    """

    def __init__(self, features: int, targets: int) -> None:
        self._gram = np.zeros((features, features))
        self._moment = np.zeros((features, targets))
        self._samples = 0

    def add(self, features: FloatArray, targets: FloatArray) -> None:
        """Add the rows of `features` ``(rows, p)`` and `targets` ``(rows, d)``."""
        self._gram += features.T @ features
        self._moment += features.T @ targets
        self._samples += len(features)

    def solve(self, ridge: float) -> FloatArray:
        """Return W ``(p, d)`` that minimises |ΦW - Y|²/samples + ridge |W|².

        A penalty too small to make the matrix positive definite in floating point is raised tenfold
        until it does. Without a penalty, directions below rounding are dropped, which gives the
        solution of least norm.

        Raises:
            DivergedError: the features or the solution are not finite.

        """
        from scipy import linalg

        gram = self._gram / self._samples
        moment = self._moment / self._samples
        if not (np.isfinite(gram).all() and np.isfinite(moment).all()):
            raise DivergedError("the features of the training data are not finite")
        if ridge == 0:
            values, vectors = linalg.eigh(gram, check_finite=False)
            keep = values > len(gram) * np.finfo(float).eps * values[-1]
            projected = vectors[:, keep].T @ moment
            solution = vectors[:, keep] @ (projected / values[keep, np.newaxis])
        else:
            diagonal = gram.diagonal().copy()
            while True:
                gram[np.diag_indices_from(gram)] = diagonal + ridge
                try:
                    factor = linalg.cho_factor(gram, lower=True, check_finite=False)
                    break
                except linalg.LinAlgError:
                    ridge *= 10
            solution = linalg.cho_solve(factor, moment, check_finite=False)
        if not np.isfinite(solution).all():
            raise DivergedError("the ridge regression has no finite solution; raise the penalty")
        return np.asarray(solution)


def select_ridge(
    equations: NormalEquations,
    grid: Sequence[float],
    predictor: Callable[[FloatArray], Predictor],
    held_out: HeldOut,
) -> float:
    """Return the penalty in `grid` whose closed loop follows the held-out windows longest.

    The same normal equations serve every penalty. `predictor` makes a predictor from a readout.
    """
    return grid[held_out.best([predictor(equations.solve(ridge)) for ridge in grid])]
