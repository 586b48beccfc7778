"""Bayesian polynomial regression of increments, whose predictive distribution is a Student-t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import comb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import ParameterError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import Library, Training, prepare
from chaosbench.forecasters._shared.arrays import Scaler
from chaosbench.forecasters._shared.polynomial import Monomials, exponents, factors, terms
from chaosbench.forecasters._shared.regression import Plan, choose
from chaosbench.forecasters._shared.rollout import delay_rollout
from chaosbench.forecasters._shared.settings import (
    require_flag,
    require_integer,
    require_real,
    single_threaded,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["StudentT"]

_HIGHEST = 12
# Plans beyond the simplest are tried up to this many features.
_FEW = 500
_RIDGES = (1e-2, 1e-5, 1e-8, 1e-11, 1e-14, 1e-17)
# Simulated data are right to some eight digits. A smaller λ fits their last digits, which the
# marginal likelihood, where only increments have errors, takes for a part of the flow.
_PRECISIONS = 10.0 ** np.arange(-16, 1)
_CHUNK_BYTES = 32_000_000
_FREEDOMS = (2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 1e3)
_FIXED_POINT_STEPS = 60
# The prior allows noise as small as this fraction of the variance of an increment: rounding.
_PRIOR_NOISE = 1e-20


@dataclass(frozen=True)
class StudentT:
    """Bayesian linear regression of increments on polynomials, noise unknown [bishop2006].

    Let φ(x) be all monomials up to `degree` of the standardised, delay-embedded state x, each
    divided by its root mean square. The increment of every variable is Δ = φ(x)ᵀw + ε with the
    normal-inverse-gamma prior

        ε ~ N(0, σ²),   w | σ² ~ N(0, σ²/(λN) I),   σ² ~ InvGamma(a₀, b₀).

    The posterior has A = ΦᵀΦ + λN I, μ = A⁻¹Φᵀy, a = a₀ + N/2 and b = b₀ + (|y - Φμ|² + λN|μ|²)/2.
    It and the predictive distribution of the next increment,

        Δ | x ~ t with 2a degrees of freedom, location φᵀμ, scale² (b/a)(1 + φᵀA⁻¹φ),

    are exact. They come from a QR decomposition of Φ, which keeps twice the digits of ΦᵀΦ. λ
    maximises the marginal likelihood, which also has a closed form. Other settings that are None
    are chosen by closed-loop forecasts of ridge regressions on the last 15% of the training data.

    With thousands of points this t is nearly Gaussian, but the part of the flow that a polynomial
    cannot express is large in a few places of the attractor and small elsewhere. `calibrate`
    therefore replaces the degrees of freedom 2a by the ν, and multiplies the scale by the c, that
    maximise the likelihood of one-step errors on held-out data, made by a fit without these data.

    `values` is the rollout of the locations. Outside the data a polynomial would diverge, so every
    new state is clipped to the box around the training data, widened by a tenth of its range on
    either side. Each of the `samples` draws one (w, σ²) from the posterior, keeps it for the whole
    path, and adds fresh noise at every step: N(0, σ²), so that its one-step distribution is the
    exact Student-t. When calibrated, the noise is σ c t_ν, and w - μ is multiplied by c. All
    windows share the draws and the noise, so that the samples of a window depend only on the seed
    and its own context. On noise-free data the errors of consecutive steps are correlated, whereas
    the noise is independent.

    Cost: with P features, O(nT P²) time and O(nT d + P²) memory per candidate, then O(P d) per step
    and window for the locations and for each sample. It fails where the flow over one step is not a
    polynomial of an affordable degree, and by sticking to the walls of the box.

    Attributes:
        degree: degree of the polynomials, or None to choose it from 1 to 12.
        precision: λ, or None to choose it by the marginal likelihood.
        shape: a₀; b₀ is a₀ times 1e-20 of the variance of the increments.
        calibrate: fit tails and scale to held-out errors, where there are enough data to hold out.
        samples: number of sampled paths; 0 for none.
        delays: number of states stacked into one embedding vector, or None to choose it and the
            stride.
        stride: steps between stacked states, where `delays` is given.
        max_features: largest number P of features to try; `fit` raises `ParameterError` where the
            given degree and delays need more.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "scipy.special")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "degree": (1, 2, 3, 4, 5, 6, 9, 12), "stride": (1, 2, 3)}
    )

    degree: int | None = None
    precision: float | None = None
    shape: float = 1.0
    calibrate: bool = True
    samples: int = 20
    delays: int | None = None
    stride: int = 1
    max_features: int = 1000

    def __post_init__(self) -> None:
        require_integer(self, "degree", minimum=1, optional=True)
        require_real(self, "precision", open_low=True, optional=True)
        require_real(self, "shape", open_low=True)
        require_flag(self, "calibrate")
        require_integer(self, "samples", minimum=0)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)
        require_integer(self, "max_features", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _StudentTPredictor:
        """Choose the settings that are None, compute the posterior and draw from it.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.
            ParameterError: the settings need more than `max_features` features for these variables.

        """
        training = prepare(
            train,
            delays=self.delays,
            stride=self.stride,
            who="StudentT",
            select=self.calibrate or self.degree is None,
        )
        plans = self._affordable(training)
        plan, degree = plans[0], self._degree(training, plans[0])
        if training.held_out is not None and (len(plans) > 1 or self.degree is None):
            choice = choose(
                training.values,
                plans,
                functions=lambda plan, _: self._functions(training, plan),
                ridges=_RIDGES,
                held_out=training.held_out,
                scaler=training.scaler,
                who="StudentT",
                most=_FEW,
                whole=self.degree is not None,
            )
            plan = choice.trial.loop.plan
            degree = 1 + choice.trial.loop.functions.sizes.index(choice.size)
            degree = degree if self.degree is None else self.degree
        lags = plan.lags
        fitted = self._posterior(training.values, training.scaler, lags, degree)
        if self.calibrate and training.held_out is not None:
            trial = self._posterior(training.fitted, training.scaler, lags, degree)
            # The first increment of the tail starts from the last states before the tail.
            tail = training.values[:, training.held_out.split - max(lags) - 1 :]
            library = Library.of(tail, training.scaler, plan, tree=False)
            _, location, scale = trial.posterior.predictive(library.states)
            fitted = replace(fitted, tails=fit_tails((library.increments - location) / scale))
        if self.samples:
            rng = np.random.default_rng([seed, 0])
            weights, sigma = fitted.posterior.draw(self.samples, rng)
            # A calibrated scale is that of the whole error, that of the coefficients included.
            mean, factor = fitted.posterior.mean, fitted.tails[1]
            draws = (mean + factor * (weights - mean), factor * sigma)
            fitted = replace(fitted, draws=draws, seed=seed)
        return fitted

    def _degree(self, training: Training, plan: Plan) -> int:
        """Return the highest degree to try, 0 where none is affordable."""
        width = plan.width(training.values.shape[2])
        if self.degree is not None:
            return self.degree if comb(width + self.degree, width) <= self.max_features else 0
        # A degree with more than half as many terms as samples is not tried.
        samples = training.fitted.shape[0] * training.fitted.shape[1]
        few = self.max_features if plan is training.plans[0] else min(self.max_features, _FEW)
        degree = _HIGHEST
        while degree > 1 and comb(width + degree, width) > min(few, samples // 2):
            degree -= 1
        return degree if comb(width + degree, width) <= self.max_features else 0

    def _functions(self, training: Training, plan: Plan) -> Monomials:
        return Monomials(
            exponents(plan.width(training.values.shape[2]), self._degree(training, plan))
        )

    def _affordable(self, training: Training) -> list[Plan]:
        """Return the plans for which a degree is affordable."""
        plans = [plan for plan in training.plans if self._degree(training, plan)]
        if not plans:
            raise ParameterError(
                f"StudentT: {training.values.shape[2]} variables with this degree and these delays "
                f"need more than max_features={self.max_features} features; lower degree or "
                "delays, or raise max_features"
            )
        return plans

    def _posterior(
        self, values: FloatArray, scaler: Scaler, lags: tuple[int, ...], degree: int
    ) -> _StudentTPredictor:
        library = Library.of(values, scaler, Plan(lags), tree=False)
        monomials = factors(exponents(library.states.shape[1], degree))
        posterior = Posterior.fit(
            library.states, library.increments, monomials, self.precision, self.shape
        )
        exact = np.stack([np.full(values.shape[2], 2 * posterior.shape), np.ones(values.shape[2])])
        return _StudentTPredictor(scaler, lags, posterior, exact, library.box)


@dataclass(frozen=True, eq=False)
class Posterior:
    """The normal-inverse-gamma posterior of one regression for each output.

    Attributes:
        monomials: indices of the inputs to multiply, ``(degree, P)``.
        unit: root mean squares of the monomials, ``(P,)``.
        mean: μ ``(P, d)``.
        root: ``(P, P)``, with A⁻¹ = ``root @ root.T``.
        shape: a.
        scale: b ``(d,)``.

    """

    monomials: NDArray[np.intp]
    unit: FloatArray
    mean: FloatArray
    root: FloatArray
    shape: float
    scale: FloatArray

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: FloatArray,
        monomials: NDArray[np.intp],
        precision: float | None,
        shape: float,
    ) -> Posterior:
        """Condition on inputs ``(N, p)`` and outputs ``(N, d)``."""
        from scipy import linalg
        from scipy.special import gammaln

        samples, outputs = y.shape
        count = monomials.shape[1]
        rows = max(1, _CHUNK_BYTES // (8 * count))
        chunks = [slice(begin, begin + rows) for begin in range(0, samples, rows)]
        square = sum((terms(x[part], monomials) ** 2).sum(axis=0) for part in chunks)
        unit = np.sqrt(square / samples)
        unit = np.where(unit > 0, unit, 1.0)
        factor = np.zeros((0, count + outputs))
        for part in chunks:
            both = np.concatenate([terms(x[part], monomials) / unit, y[part]], axis=1)
            factor = np.asarray(np.linalg.qr(np.concatenate([factor, both]), mode="r"))
        left, singular, right = linalg.svd(factor[:, :count], full_matrices=False)
        vectors = np.zeros((count, count))
        vectors[:, : len(right)] = right.T
        if len(right) < count:  # fewer samples than features: complete the basis
            vectors = np.linalg.qr(
                np.concatenate([right.T, np.eye(count)], axis=1), mode="reduced"
            )[0]
            vectors[:, : len(right)] = right.T
        values, projected = np.zeros(count), np.zeros((count, outputs))
        values[: len(singular)] = singular**2
        projected[: len(singular)] = singular[:, np.newaxis] * (left.T @ factor[:, count:])
        precisions = samples * (_PRECISIONS if precision is None else np.array([precision]))
        # Rounding perturbs singular values by eps times the largest, and so their squares.
        precisions = np.maximum(precisions, (4 * np.finfo(float).eps * singular[0]) ** 2)
        shrunk = values[:, np.newaxis] + precisions  # (P, candidates)
        means = np.einsum("pq,qc,qd->cpd", vectors, 1 / shrunk, projected, optimize=True)
        # From the residuals themselves: the difference |y|² - … cancels where the fit is close.
        residual = np.zeros((len(precisions), outputs))
        for part in chunks:
            phi = terms(x[part], monomials) / unit
            residual += ((y[part] - phi @ means) ** 2).sum(axis=1)
        prior = shape * np.maximum(_PRIOR_NOISE * (y**2).mean(axis=0), 1e-300)
        scales = prior + 0.5 * (residual + precisions[:, np.newaxis] * (means**2).sum(axis=1))
        after = shape + 0.5 * samples
        evidence = (
            0.5 * outputs * (count * np.log(precisions) - np.log(shrunk).sum(axis=0))
            - after * np.log(scales).sum(axis=1)
            + shape * np.log(prior).sum()
            + outputs * (gammaln(after) - gammaln(shape) - 0.5 * samples * np.log(2 * np.pi))
        )
        best = int(evidence.argmax())
        root = vectors / np.sqrt(shrunk[:, best])
        return cls(monomials, unit, means[best], root, after, scales[best])

    def features(self, x: FloatArray) -> FloatArray:
        """Return φ, ``(n, P)``."""
        return terms(x, self.monomials) / self.unit

    def predictive(self, x: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the Student-t's degrees of freedom, and its locations and scales ``(n, d)``."""
        phi = self.features(x)
        inflation = 1.0 + ((phi @ self.root) ** 2).sum(axis=1)
        scale = np.sqrt(inflation[:, np.newaxis] * (self.scale / self.shape))
        return 2 * self.shape, phi @ self.mean, scale

    def draw(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw coefficients ``(m, P, d)`` and noise levels σ ``(m, 1, d)``."""
        p, d = self.mean.shape
        sigma = np.sqrt(self.scale / rng.gamma(self.shape, size=(count, 1, d)))
        return self.mean + sigma * (self.root @ rng.standard_normal((count, p, d))), sigma


def fit_tails(errors: FloatArray) -> FloatArray:
    """Fit a centred Student-t to each column of ``(N, d)`` and return ``(2, d)``.

    The first row holds the degrees of freedom, which come from a grid. The second holds the scale,
    the fixed point of the likelihood equation for these degrees of freedom.
    """
    from scipy import stats

    best = np.empty((2, errors.shape[1]))
    for j, column in enumerate(errors.T):
        likelihood = -np.inf
        square = column**2
        for freedom in _FREEDOMS:
            variance = max(float(np.median(square)), 1e-300)
            for _ in range(_FIXED_POINT_STEPS):
                weight = (freedom + 1) / (freedom + square / variance)
                variance = max(float((weight * square).mean()), 1e-300)
            scale = np.sqrt(variance)
            value = float(stats.t.logpdf(column / scale, freedom).sum()) - len(column) * np.log(
                scale
            )
            if value > likelihood:
                likelihood, best[:, j] = value, (freedom, scale)
    return best


@dataclass(frozen=True, eq=False)
class _StudentTPredictor:
    scaler: Scaler
    lags: tuple[int, ...]
    posterior: Posterior
    tails: FloatArray  # degrees of freedom and factor of the scale of each variable, (2, d)
    box: FloatArray
    draws: tuple[FloatArray, FloatArray] | None = None
    seed: int = 0

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        def roll(increment: Any, copies: int) -> FloatArray:
            return delay_rollout(
                increment,
                context,
                horizon,
                scaler=self.scaler,
                lags=self.lags,
                who="StudentT",
                box=self.box,
                copies=copies,
            )

        posterior = self.posterior
        values = roll(lambda query: posterior.features(query) @ posterior.mean, 1)[0]
        if self.draws is None:
            return Forecast(values)
        weights, sigma = self.draws
        m, p, d = weights.shape
        normal, mixing = (np.random.default_rng([self.seed, stream]) for stream in (1, 2))
        freedom = self.tails[0]
        # Drawing σ² once per path gives the exact t; only a fitted t needs a draw at every step.
        mixed = freedom != 2 * posterior.shape

        def sampled(query: FloatArray) -> FloatArray:
            phi = posterior.features(query).reshape(m, -1, p)
            noise = sigma * normal.standard_normal((m, 1, d))
            gamma = mixing.gamma(freedom / 2, size=(m, 1, d)) / (freedom / 2)
            noise = np.where(mixed, noise / np.sqrt(gamma), noise)
            return np.asarray((phi @ weights + noise).reshape(len(query), d))

        return Forecast(values, roll(sampled, m))

    def predictive(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the increments' degrees of freedom ``(d,)``, locations and scales ``(n, d)``."""
        freedom, factor = self.tails
        _, location, scale = self.posterior.predictive(x)
        return freedom, location, factor * scale
