"""Residual dynamic mode decomposition: which Koopman eigenvalues of a fit can be trusted.

A finite matrix always has eigenvalues, whether or not the Koopman operator has any near them. Let
Ψ_X be the dictionary at states and Ψ_Y the dictionary one step later. The residual of a candidate
eigenpair (λ, Ψv) of the operator itself,

    res(λ, v) = |Ψ_Y v - λ Ψ_X v| / |Ψ_X v|,

can be computed from the same data. As the amount of data grows, it converges to |(K - λ) g| / |g|
for the function g = Ψv, without further assumptions. Eigenvalues with a small residual are
verified, the others are refused. The ε-pseudospectrum consists of all z for which the minimum over
v of res(z, v) is below ε. It contains all of the spectrum that the dictionary can resolve and,
unlike the eigenvalues of a matrix, nothing spurious [colbrook2024].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import InputError
from chaosbench.forecasters._shared.settings import single_threaded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

    ComplexArray = NDArray[np.complex128]

__all__ = ["Audit", "audit", "eigenpairs", "pseudospectrum"]

_TRIVIAL = 1e-6


@dataclass(frozen=True, eq=False)
class Audit:
    """Eigenvalues of a fitted Koopman matrix with their residuals, and a pseudospectrum.

    Attributes:
        eigenvalues: ``(N,)``, complex, per step, sorted by residual, the smallest first.
        residuals: ``(N,)``; 0 for an eigenvalue of the operator, of the order of |λ| for a spurious
            one.
        tolerance: largest residual of a verified eigenvalue.
        real, imaginary: axes of the grid, ``(nx,)`` and ``(ny,)``.
        pseudospectrum: smallest residual of any function at z, on the grid ``(ny, nx)``.

    """

    eigenvalues: ComplexArray
    residuals: FloatArray
    tolerance: float
    real: FloatArray
    imaginary: FloatArray
    pseudospectrum: FloatArray

    @property
    def verified(self) -> ComplexArray:
        """The eigenvalues whose residual is within the tolerance."""
        return self.eigenvalues[self.residuals <= self.tolerance]

    @property
    def refused(self) -> ComplexArray:
        """The eigenvalues whose residual is not within the tolerance."""
        return self.eigenvalues[~(self.residuals <= self.tolerance)]

    @property
    def least_nontrivial(self) -> float:
        """The least residual away from λ = 1, the eigenvalue of constants; NaN if there is none."""
        others = self.residuals[np.abs(self.eigenvalues - 1.0) > _TRIVIAL]
        return float(others.min()) if others.size else float("nan")

    def __repr__(self) -> str:
        shown = ", ".join(f"{z:.4g}" for z in self.verified[:6])
        more = ", …" if len(self.verified) > 6 else ""
        return (
            f"Audit: {len(self.verified)} of {len(self.eigenvalues)} eigenvalues verified to "
            f"{self.tolerance:g}: {shown}{more}"
        )


@single_threaded
def eigenpairs(
    psi_x: ArrayLike, psi_y: ArrayLike, weights: ArrayLike | None = None
) -> tuple[ComplexArray, FloatArray, ComplexArray]:
    """Return the eigenvalues of K = Ψ_X⁺ Ψ_Y with residuals, the smallest residual first.

    Args:
        psi_x: the dictionary at M states, ``(M, N)``, real or complex.
        psi_y: the dictionary one step later, ``(M, N)``.
        weights: weights ``(M,)`` of the states in the inner product, for example of a quadrature;
            by default all are equal, which suits the states of a trajectory.

    Returns:
        Eigenvalues ``(N',)``, residuals ``(N',)`` and coefficients of the eigenfunctions in the
        dictionary ``(N, N')``, normalised in the inner product. N' is the rank of Ψ_X.

    Raises:
        InputError: the shapes do not fit, or a number is not finite.

    """
    matrix, rest, back = _compressed(psi_x, psi_y, weights)
    values, vectors = np.linalg.eig(matrix)
    # Within the span this is an eigenpair: nearly all of the residual lies outside.
    left = vectors.astype(complex)
    inside = np.linalg.norm(matrix @ left - left * values, axis=0)
    residuals = np.hypot(np.linalg.norm(rest @ left, axis=0), inside)
    residuals /= np.linalg.norm(left, axis=0)
    order = np.argsort(residuals, kind="stable")
    return values.astype(complex)[order], residuals[order], (back @ left)[:, order]


@single_threaded
def pseudospectrum(
    psi_x: ArrayLike, psi_y: ArrayLike, z: ArrayLike, weights: ArrayLike | None = None
) -> FloatArray:
    """Return the smallest residual that any function of the dictionary has at each `z`.

    With Ψ_X = QR and C = Ψ_Y R⁻¹, it is the square root of the smallest eigenvalue of C*C - z
    (Q*C)* - z̄ Q*C + |z|². It is accurate to 1e-8, the square root of rounding, and costs O(N³) per
    point.

    Args:
        psi_x, psi_y, weights: as for `eigenpairs`.
        z: complex numbers of any shape.

    Returns:
        Residuals in the shape of `z`.

    """
    matrix, rest, _ = _compressed(psi_x, psi_y, weights)
    return _smallest(matrix, rest, np.asarray(z, dtype=complex))


@single_threaded
def audit(
    psi_x: ArrayLike,
    psi_y: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    tolerance: float = 0.1,
    reach: float = 1.25,
    points: int = 41,
) -> Audit:
    """Verify the eigenvalues of K = Ψ_X⁺ Ψ_Y and map the pseudospectrum around the unit circle.

    Args:
        psi_x, psi_y, weights: as for `eigenpairs`.
        tolerance: largest residual of a verified eigenvalue.
        reach: the grid spans ±reach on both axes.
        points: number of grid points along each axis.

    Example:
        >>> angle = np.arange(50) * 0.1
        >>> lift = lambda a: np.exp(1j * np.outer(a, np.arange(-2, 3)))
        >>> len(audit(lift(angle), lift(angle + 0.3)).verified)  # a rotation has e^(0.3ik)
        5

    """
    if not tolerance > 0 or not reach > 0 or points < 2:
        raise InputError(
            "an audit needs a positive tolerance, a positive reach and at least 2 points, "
            f"not tolerance={tolerance}, reach={reach}, points={points}"
        )
    values, residuals, _ = eigenpairs(psi_x, psi_y, weights)
    matrix, rest, _ = _compressed(psi_x, psi_y, weights)
    axis = np.linspace(-reach, reach, points)
    z = axis + 1j * axis[:, np.newaxis]
    if np.isrealobj(matrix):  # complex conjugates then have the same residual
        upper = _smallest(matrix, rest, z[points // 2 :])
        found = np.concatenate([upper[::-1], upper[points % 2 :]])
    else:
        found = _smallest(matrix, rest, z)
    return Audit(values, residuals, float(tolerance), axis, axis.copy(), found)


def _compressed(
    psi_x: ArrayLike, psi_y: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.inexact], NDArray[np.inexact], NDArray[np.inexact]]:
    """Return Q*C ``(N', N')``, the part of C outside of Q, and the map back to the dictionary.

    One triangular factor of [Ψ_X Ψ_Y] determines both. The singular values of its leading block
    give the rank; directions that are undetermined within rounding are dropped.
    """
    x, y = np.asarray(psi_x), np.asarray(psi_y)
    if x.ndim != 2 or x.shape != y.shape or not x.size:
        raise InputError(
            f"the dictionary at the states and one step later must have the same shape (M, N), "
            f"not {x.shape} and {y.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(
            "the dictionary has non-finite values at the states or one step later; "
            "drop these states or scale the data"
        )
    both = np.concatenate([x, y], axis=1)
    if weights is not None:
        weight = np.asarray(weights, dtype=float)
        if weight.shape != (len(x),) or not (weight >= 0).all() or not weight.sum() > 0:
            raise InputError(f"weights must be {len(x)} non-negative numbers, not all 0")
        both = both * np.sqrt(weight)[:, np.newaxis]
    n = x.shape[1]
    factor = np.asarray(np.linalg.qr(both, mode="r"))
    left, sizes, right = np.linalg.svd(factor[:, :n], full_matrices=False)
    keep = sizes > max(x.shape) * np.finfo(float).eps * sizes[0]
    if not keep.any():
        raise InputError("the dictionary must have a function that is not zero at all states")
    frame, back = left[:, keep], right[keep].conj().T / sizes[keep]
    image = factor[:, n:] @ back
    matrix = frame.conj().T @ image
    return matrix, np.asarray(np.linalg.qr(image - frame @ matrix, mode="r")), back


def _smallest(
    matrix: NDArray[np.inexact], rest: NDArray[np.inexact], z: ComplexArray
) -> FloatArray:
    n = len(matrix)
    square = matrix.conj().T @ matrix + rest.conj().T @ rest
    found = np.empty(z.size)
    for k, point in enumerate(z.ravel()):
        shifted = square - point * matrix.conj().T - np.conj(point) * matrix
        shifted[np.diag_indices(n)] += abs(point) ** 2
        found[k] = np.linalg.eigvalsh(shifted)[0]
    return np.sqrt(np.maximum(found, 0.0)).reshape(z.shape)
