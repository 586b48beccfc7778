"""Least squares by QR, for features too nearly dependent for normal equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from chaosbench.errors import DivergedError

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["Equations", "TriangularEquations"]


class Equations(Protocol):
    """Equations for a readout, to which samples can be added and which can be solved."""

    def add(self, features: FloatArray, targets: FloatArray) -> None:
        """Add rows of features and targets."""
        ...

    def solve(self, ridge: float) -> FloatArray:
        """Return the readout for this penalty."""
        ...


class TriangularEquations:
    """Accumulate R of the QR factorisation of [Φ Y], which determines the least-squares solution.

    This takes twice the work of normal equations and keeps twice as many digits. The leading block
    of R belongs to the leading features alone, so that one factor serves every nested dictionary.
    Memory is O((p + d)²).
    """

    def __init__(self) -> None:
        self._factor: FloatArray | None = None
        self._samples = 0
        self._features = 0
        self._decomposed: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}

    def add(self, features: FloatArray, targets: FloatArray) -> None:
        """Add the rows of `features` ``(rows, p)`` and `targets` ``(rows, d)``.

        Raises:
            DivergedError: a feature or a target is not finite.

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
        """Return W that minimises |ΦW - Y|²/samples + ridge |W|²; W has least norm within rounding.

        Args:
            ridge: penalty.
            size: number of leading features to use, all by default.
            columns: number of leading targets to fit, all by default.

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
            raise DivergedError("the regression has no finite solution; raise the penalty")
        return np.asarray(solution)

    def quick(self, ridge: float, *, size: int) -> FloatArray:
        """Return about the same as `solve`, by one more QR: cheaper for a few penalties.

        Directions within rounding are not dropped, so the penalty must be well above it.
        """
        from scipy import linalg

        assert self._factor is not None
        targets = self._factor[:size, self._features :]
        damped = np.sqrt(ridge * self._samples) * np.eye(size)
        upper = np.concatenate([self._factor[:size, :size], targets], axis=1)
        lower = np.concatenate([damped, np.zeros((size, targets.shape[1]))], axis=1)
        both = np.asarray(np.linalg.qr(np.concatenate([upper, lower]), mode="r"))
        try:
            solution = linalg.solve_triangular(
                both[:size, :size], both[:size, size:], check_finite=False
            )
        except linalg.LinAlgError:
            return self.solve(ridge, size=size)
        return np.asarray(solution)
