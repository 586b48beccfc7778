"""Gaussian-process regression on inducing points, in a numerically stable form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["Hyperparameters", "SparseGP", "kernel", "marginal_likelihood", "maximise"]

# Pivots below this are rounding errors, and their inverse would be noise.
_SMALLEST_PIVOT = 1e-12
_ROWS = 16
_LENGTHS = (1e-2, 1e3)
_NOISES = (1e-12, 1.0)
_SMALLEST_VARIANCE = 1e-30
_ITERATIONS = 60
_GRAIN = 1 / 64


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """Hyperparameters of k(x, x') = s² exp(-½ Σ_i (x_i - x'_i)²/ℓ_i²) with noise of variance s² ρ.

    Attributes:
        lengths: ℓ ``(p,)``.
        noise: ρ, relative to the variance of the process.
        variance: s² of each output, ``(d,)``.

    """

    lengths: FloatArray
    noise: float
    variance: FloatArray


def kernel(a: FloatArray, b: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return exp(-½|a - b|²/ℓ²), ``(rows of a, rows of b)``."""
    u, v = a / lengths, b / lengths
    square = u @ v.T
    square *= 2.0
    square -= (u**2).sum(axis=1)[:, np.newaxis]
    square -= (v**2).sum(axis=1)
    np.minimum(square, 0.0, out=square)
    square *= 0.5
    return np.asarray(np.exp(square, out=square))


def marginal_likelihood(
    x: FloatArray, y: FloatArray, log_lengths: FloatArray, log_noise: float
) -> tuple[float, FloatArray, FloatArray]:
    """Return -log p(Y | X) up to a constant, its gradient, and the variances at which it is taken.

    The outputs ``(S, d)`` are independent and share lengths and noise ratio. Their variances
    maximise the likelihood given the rest, s²_j = y_jᵀ C⁻¹ y_j / S with C = R + ρI, so that

        -log p = S/2 Σ_j log s²_j + d/2 log|C|,
        ∂/∂θ = ½ tr((d C⁻¹ - Σ_j α_j α_jᵀ / s²_j) ∂C/∂θ),   α_j = C⁻¹ y_j.

    The gradient ``(p + 1,)`` is with respect to log ℓ and then log ρ.
    """
    from scipy import linalg

    samples, outputs = y.shape
    lengths, noise = np.exp(log_lengths), float(np.exp(log_noise))
    correlation = kernel(x, x, lengths)
    factor = linalg.cholesky(correlation + noise * np.eye(samples), lower=True, check_finite=False)
    alpha = linalg.cho_solve((factor, True), y, check_finite=False)
    variance = np.maximum((y * alpha).sum(axis=0) / samples, _SMALLEST_VARIANCE)
    value = 0.5 * samples * float(np.log(variance).sum())
    value += outputs * float(np.log(factor.diagonal()).sum())

    inverse, _ = linalg.lapack.dpotri(factor, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    middle = outputs * inverse - (alpha / variance) @ alpha.T
    by_noise = 0.5 * noise * np.trace(middle)
    middle *= correlation
    scaled = x / lengths
    # Σ_ij G_ij (u_i - u_j)² without the differences; ∂R_ij/∂log ℓ = R_ij (u_i - u_j)².
    by_lengths = (middle.sum(axis=1) @ scaled**2) - (scaled * (middle @ scaled)).sum(axis=0)
    return value, np.append(by_lengths, by_noise), variance


def maximise(x: FloatArray, y: FloatArray) -> Hyperparameters:
    """Maximise the marginal likelihood of ``(S, p)`` and ``(S, d)`` by L-BFGS-B."""
    from scipy import linalg, optimize

    p = x.shape[1]

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        try:
            value, gradient, _ = marginal_likelihood(x, y, theta[:p], float(theta[p]))
        except linalg.LinAlgError:  # lengths too long, noise too small: C is not definite
            return 1e30, np.zeros(p + 1)
        return value / len(x), gradient / len(x)

    start = np.append(np.full(p, np.log(2.0 * np.sqrt(p))), np.log(1e-4))
    bounds = [tuple(np.log(_LENGTHS))] * p + [tuple(np.log(_NOISES))]
    found = optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": _ITERATIONS},
    )
    # far finer than the likelihood tells apart, and coarser than what the last bit of another
    # processor makes of an optimum in 50 iterations
    best = np.round(found.x / _GRAIN) * _GRAIN
    _, _, variance = marginal_likelihood(x, y, best[:p], float(best[p]))
    return Hyperparameters(np.exp(best[:p]), float(np.exp(best[p])), variance)


def _pivots(x: FloatArray, lengths: FloatArray, count: int) -> tuple[NDArray[np.intp], FloatArray]:
    """Choose inducing points by pivoted Cholesky decomposition of the correlation of ``(N, p)``.

    Each is the training point whose variance, given the points before it, is largest. Returns their
    indices ``(M,)`` and F ``(N, M)`` with R ≈ FFᵀ, exact in their rows.
    """
    count = min(count, len(x))
    rest = np.ones(len(x))
    chosen = np.empty(count, dtype=np.intp)
    factor = np.empty((count, len(x)))
    for m in range(count):
        pivot = int(rest.argmax())
        if rest[pivot] < _SMALLEST_PIVOT:
            count = m
            break
        row = kernel(x[pivot : pivot + 1], x, lengths)[0] - factor[:m, pivot] @ factor[:m]
        row /= np.sqrt(rest[pivot])
        factor[m] = row
        rest -= row**2
        rest[pivot] = 0.0
        chosen[m] = pivot
    return chosen[:count], factor[:count].T


@dataclass(frozen=True, eq=False)
class SparseGP:
    """The optimal variational posterior of inducing values [titsias2009], whitened.

    With φ(x) = L⁻¹ k_Z(x), R_ZZ = LLᵀ, and the features F ``(N, M)`` of the training inputs, the
    coefficients have the posterior N(W, s²ρ A⁻¹), A = FᵀF + ρI, W = A⁻¹FᵀY. Mean and variance are

        m(x) = φᵀW,   v(x) = s² (1 - φᵀφ + ρ φᵀA⁻¹φ).

    With every training point inducing, this is the exact Gaussian process.

    Attributes:
        hyper: lengths, noise and variances.
        inducing: Z ``(M, p)``.
        whitening: L⁻ᵀ ``(M, M)``; ``φᵀ = k_Z(x)ᵀ L⁻ᵀ``.
        weights: W ``(M, d)``.
        spread: ``(M, M)``, a square root of ρA⁻¹: ρA⁻¹ = ``spread @ spread.T``.

    """

    hyper: Hyperparameters
    inducing: FloatArray
    whitening: FloatArray
    weights: FloatArray
    spread: FloatArray

    @classmethod
    def fit(cls, x: FloatArray, y: FloatArray, hyper: Hyperparameters, count: int) -> SparseGP:
        """Condition on inputs ``(N, p)`` and outputs ``(N, d)``, with `count` inducing points."""
        from scipy import linalg

        chosen, features = _pivots(x, hyper.lengths, count)
        # In the order in which they were chosen, the rows of the inducing points are triangular.
        lower = np.tril(features[chosen])
        identity = np.eye(len(chosen))
        inverse = linalg.solve_triangular(lower, identity, lower=True, check_finite=False)
        gram = features.T @ features + hyper.noise * identity
        factor = linalg.cholesky(gram, lower=True, check_finite=False)
        weights = linalg.cho_solve((factor, True), features.T @ y, check_finite=False)
        root = linalg.solve_triangular(
            factor, np.sqrt(hyper.noise) * identity, lower=True, check_finite=False
        )
        return cls(hyper, x[chosen], inverse.T, weights, root.T)

    def features(self, x: FloatArray) -> FloatArray:
        """Return φ, ``(n, M)``."""
        return self._features(x)[: len(x)]

    def _features(self, x: FloatArray) -> FloatArray:
        # L⁻ᵀ magnifies rounding a millionfold, and BLAS sums one row in another order than many.
        # Whole blocks of rows make a window's forecast the same alone and in a batch.
        padded = np.zeros((-(-len(x) // _ROWS) * _ROWS, x.shape[1]))
        padded[: len(x)] = x
        return np.asarray(kernel(padded, self.inducing, self.hyper.lengths) @ self.whitening)

    def mean(self, x: FloatArray) -> FloatArray:
        """Return the posterior mean ``(n, d)``."""
        return np.asarray(self._features(x) @ self.weights)[: len(x)]

    def variance(self, x: FloatArray) -> FloatArray:
        """Return the posterior variance of the function without noise, ``(n, d)``."""
        phi = self.features(x)
        share = 1.0 - (phi**2).sum(axis=1) + ((phi @ self.spread) ** 2).sum(axis=1)
        return np.asarray(np.maximum(share, 0.0)[:, np.newaxis] * self.hyper.variance)

    def draw(self, count: int, features: int, rng: np.random.Generator) -> Draws:
        """Draw functions from the posterior.

        Pathwise conditioning [wilson2020] gives f = g + φᵀ(v - L⁻¹ g_Z), where v is drawn from the
        posterior of the coefficients and g, a sum of random cosines, from the prior. Where the
        inducing points say nothing, a draw thus keeps its prior variance.

        Args:
            count: number of functions `m`.
            features: number of cosines.
            rng: source of all random numbers.

        """
        m, d, p = len(self.weights), self.weights.shape[1], self.inducing.shape[1]
        frequencies = rng.standard_normal((p, features)) / self.hyper.lengths[:, np.newaxis]
        phases = rng.uniform(0.0, 2 * np.pi, size=features)
        amplitude = np.sqrt(self.hyper.variance)
        prior = rng.standard_normal((count, features, d)) * amplitude * np.sqrt(2 / features)
        noise = self.spread @ rng.standard_normal((count, m, d)) * amplitude
        at_inducing = np.cos(self.inducing @ frequencies + phases) @ prior
        update = self.weights + noise - self.whitening.T @ at_inducing
        return Draws(self, frequencies, phases, prior, update)


@dataclass(frozen=True, eq=False)
class Draws:
    """Functions drawn from the posterior of a sparse Gaussian process.

    Attributes:
        process: the process from which they are drawn.
        frequencies: ``(p, features)``.
        phases: ``(features,)``.
        prior: amplitudes of the cosines, ``(m, features, d)``.
        update: coefficients of φ, ``(m, M, d)``.

    """

    process: SparseGP
    frequencies: FloatArray
    phases: FloatArray
    prior: FloatArray
    update: FloatArray

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate function i at the inputs ``x[i]``, ``(m, n, p)`` to ``(m, n, d)``."""
        m, n, p = x.shape
        flat = x.reshape(m * n, p)
        phi = self.process.features(flat).reshape(m, n, -1)
        cosines = np.cos(flat @ self.frequencies + self.phases).reshape(m, n, -1)
        return np.asarray(phi @ self.update + cosines @ self.prior)
