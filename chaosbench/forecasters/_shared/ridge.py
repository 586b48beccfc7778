"""Ridge regression from normal equations gathered in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from chaosbench.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaosbench.forecasters._protocol import Predictor
    from chaosbench.forecasters._shared.selection import HeldOut
    from chaosbench.trajectories import FloatArray

__all__ = ["Equations", "NormalEquations", "select_ridge"]


class Equations(Protocol):
    """What can be added to and solved for a readout."""

    def add(self, features: FloatArray, targets: FloatArray) -> None:
        """Add rows of features and targets."""
        ...

    def solve(self, ridge: float) -> FloatArray:
        """Return the readout for a penalty."""
        ...


class NormalEquations:
    """Accumulate ΦᵀΦ and ΦᵀY, so that the feature matrix never has to exist at once.

    The memory is O(p² + p d) whatever the number of samples.
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
        """Return W ``(p, d)`` minimising |ΦW - Y|²/samples + ridge |W|².

        A penalty that rounding swallows is raised tenfold until the matrix is positive definite.
        Without a penalty, directions below rounding are dropped: the solution of least norm.

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
            raise DivergedError("the ridge regression has no finite solution")
        return np.asarray(solution)


def select_ridge(
    equations: Equations,
    grid: Sequence[float],
    predictor: Callable[[FloatArray], Predictor],
    held_out: HeldOut,
) -> float:
    """Return the penalty of `grid` whose closed loop follows the held-out windows longest.

    One set of normal equations serves every penalty; `predictor` makes a predictor of a readout.
    """
    return grid[held_out.best([predictor(equations.solve(ridge)) for ridge in grid])]
