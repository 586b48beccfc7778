"""Least squares from triangular factors, for features too nearly dependent for normal equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import DivergedError

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["TriangularEquations"]


class TriangularEquations:
    """Accumulate R of the QR factorisation of [Φ Y], which is all that least squares need.

    Twice the work of normal equations, for twice the digits. The leading part of R is that of the
    leading features alone, so that one factor serves every nested dictionary. Memory O((p + d)²).
    """

    def __init__(self) -> None:
        self._factor: FloatArray | None = None
        self._samples = 0
        self._features = 0
        self._decomposed: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}

    def add(self, features: FloatArray, targets: FloatArray) -> None:
        """Add the rows of `features` ``(rows, p)`` and `targets` ``(rows, d)``.

        Raises:
            DivergedError: a number is not finite.

        """
        both = np.concatenate([features, targets], axis=1)
        if not np.isfinite(both).all():
            raise DivergedError("the features of the training data are not finite")
        if self._factor is not None:
            both = np.concatenate([self._factor, both])
        self._factor = np.asarray(np.linalg.qr(both, mode="r"))
        self._samples += len(features)
        self._features = features.shape[1]
        self._decomposed = {}

    def solve(
        self, ridge: float, *, size: int | None = None, columns: int | None = None
    ) -> FloatArray:
        """Return W minimising |ΦW - Y|²/samples + ridge |W|², of least norm within rounding.

        Args:
            ridge: penalty.
            size: leading features to use, by default all.
            columns: leading targets to fit, by default all.

        Raises:
            DivergedError: the solution is not finite.

        """
        assert self._factor is not None
        size = self._features if size is None else size
        if size not in self._decomposed:
            left, values, right = np.linalg.svd(self._factor[:size, :size], full_matrices=False)
            projected = left.T @ self._factor[:size, self._features :]
            self._decomposed[size] = values, projected, right
        values, projected, right = self._decomposed[size]
        keep = values > max(self._factor.shape) * np.finfo(float).eps * values[0]
        shrink = values[keep] / (values[keep] ** 2 + ridge * self._samples)
        solution = right[keep].T @ (shrink[:, np.newaxis] * projected[keep, :columns])
        if not np.isfinite(solution).all():
            raise DivergedError("the regression has no finite solution")
        return np.asarray(solution)
