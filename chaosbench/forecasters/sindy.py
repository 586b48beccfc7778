"""SINDy: a sparse polynomial equation found in the data, integrated as the forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from chaosbench.errors import DivergedError, ParameterError, UnsupportedError
from chaosbench.forecasters._common import (
    Scaler,
    checked_context,
    checked_training,
    closed_loop,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters._polynomial import factors, terms
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._refine import refine
from chaosbench.forecasters._selection import HeldOut, hold_out
from chaosbench.forecasters._sparse_regression import SparseRegression, polynomial_powers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.forecasters._polynomial import Polynomial
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["SINDy"]

_THRESHOLDS = (0.1, 0.03, 0.01, 0.001)
# A candidate whose one-step error on held-out data is this many times the least is not rolled out.
_HOPELESS = 100.0
_ROLLED_OUT = 6
_FINALISTS = 3
# One step of the integrator may be wrong by this many standard deviations.
_STEP_TOLERANCE = 1e-9


@dataclass(frozen=True)
class SINDy:
    """Sparse identification of nonlinear dynamics [brunton2016], with pysindy's library and STLSQ.

    With u the variables divided by their training standard deviations (not centred: a shift would
    make a sparse polynomial dense) and Θ all monomials up to `degree`,

        du/dt = Θ(u) C      or, for maps,      u(t+1) = Θ(u(t)) C,

    where C is sparse: least squares and the removal of terms whose share of their equation (root
    mean square of the term over that of the derivative) is below `threshold` alternate. Vector
    fields are fitted in the weak form [messenger2021] and the surviving coefficients refined by
    Gauss–Newton on the flow over one sampling step, which removes the bias of the quadrature.

    What is not set is chosen by closed-loop forecasts of the last 15% of the training data: map or
    vector field, the threshold (0.1, 0.03, 0.01 or 0.001), the degree (`degree` or one less),
    whether the refinement helped (on noisy data it does not). Of equals the sparser wins; its
    coefficients are fitted again to all training data.

    The number of terms p = C(d + k, k) is bounded by `max_terms`, and by half the number of
    training points, through a lower degree k: at the default 2 from 17 variables on, 1 from 44 on.
    No equation keeps more than 100 terms. The forecast integrates the equation for all windows
    together with DOP853 steps, as many a sampling step as make halving them irrelevant; pysindy's
    own `simulate` is not used.

    Cost: O(min(nT, 6p) p²) time and O(p² + nTd) memory to fit, with 12 evaluations of the terms
    left, O(active terms · d), a substep and window to forecast. It fails where the equation is not
    a sparse polynomial of the observed variables (trigonometric or rational terms, hidden
    variables), by escape to infinity outside the training data, and under strong noise.

    Attributes:
        degree: highest degree of a monomial.
        threshold: least share of a term in its equation, or None to choose.
        discrete: a map (True), a vector field (False), or None to choose.
        half_width: samples on each side of the centre of a weak-form window.
        refine: try the Gauss–Newton refinement.
        max_terms: bound on the number of monomials.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.integrate", "pysindy")

    degree: int = 3
    threshold: float | None = None
    discrete: bool | None = None
    half_width: int = 8
    refine: bool = True
    max_terms: int = 1000

    def __post_init__(self) -> None:
        require_integer(self, "degree", minimum=1)
        require_real(self, "threshold", optional=True)
        require_integer(self, "half_width", minimum=1)
        require_integer(self, "max_terms", minimum=2)
        for name, allowed in (("discrete", (None, True, False)), ("refine", (True, False))):
            value = getattr(self, name)
            if not any(value is choice for choice in allowed):
                raise ParameterError(f"SINDy: {name} must be one of {allowed}, not {value!r}")

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _SINDyPredictor:  # noqa: ARG002
        """Find the equation.

        Raises:
            DivergedError: non-finite training data, or no finite equation.
            InvalidForecastError: training trajectories of fewer than 8 points.
            ParameterError: more variables than `max_terms` allows for.

        """
        values = checked_training(train, minimum=8, who="SINDy")
        scale = Scaler.of(values).scale
        u = values / scale
        half_width = min(self.half_width, (u.shape[1] - 2) // 4)
        held_out = hold_out(u, scale=np.ones(len(scale)), warmup=1)
        head = u if held_out is None else u[:, : held_out.split]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            candidates = self._candidates(head, half_width)
            chosen = self._choose(candidates, head, held_out)
            model = chosen.model
            if held_out is not None:
                again = SparseRegression.of(
                    u, model.powers, discrete=model.discrete, half_width=half_width
                )
                model = _prepared(again.restricted(model.coefficients != 0), u)
                if chosen.refined:
                    model = refine(model, u)
        if not np.isfinite(model.coefficients).all():
            raise DivergedError("SINDy found no equation with finite coefficients")
        return _SINDyPredictor(scale=scale, dt=train.dt, model=model)

    def _candidates(self, u: FloatArray, half_width: int) -> list[_Candidate]:
        """Fit every kind, degree and threshold in question; equal supports appear once."""
        d = u.shape[2]
        kinds = (False, True) if self.discrete is None else (self.discrete,)
        thresholds = _THRESHOLDS if self.threshold is None else (self.threshold,)
        if d + 1 > self.max_terms:
            raise ParameterError(
                f"SINDy: a linear equation of {d} variables has {d + 1} terms; "
                f"raise max_terms={self.max_terms}"
            )
        bound = min(self.max_terms, u.shape[0] * u.shape[1] // 2)
        affordable = [k for k in range(1, self.degree + 1) if comb(d + k, k) <= bound] or [1]
        found: dict[tuple[object, ...], _Candidate] = {}
        for discrete in kinds:
            for degree in affordable[-2:]:
                powers = polynomial_powers(d, degree)
                regression = SparseRegression.of(
                    u, powers, discrete=discrete, half_width=half_width
                )
                for threshold in thresholds:
                    model = regression.sparse(threshold)
                    key = (discrete, model.powers.tobytes(), (model.coefficients != 0).tobytes())
                    if key not in found:
                        model = _prepared(model, u)
                        found[key] = _Candidate(model, regression, threshold)
        return list(found.values())

    def _choose(
        self, candidates: list[_Candidate], u: FloatArray, held_out: HeldOut | None
    ) -> _Candidate:
        """Return the best candidate, refined if that helps."""
        if held_out is None:  # too few data for a rollout: what fits one step, in sample
            errors = [_one_step_error(c.model, u[:, :-1], u[:, 1:]) for c in candidates]
            return candidates[int(np.argmin(errors))]
        states = np.concatenate([held_out.context[:, -1:], held_out.truth], axis=1)
        errors = [_one_step_error(c.model, states[:, :-1], states[:, 1:]) for c in candidates]
        order = np.argsort(errors, kind="stable")[:_ROLLED_OUT]
        hopeful = [candidates[i] for i in order if errors[i] <= _HOPELESS * errors[order[0]]]
        scored = [(_merit(c, held_out), c) for c in hopeful or candidates[:1]]
        scored.sort(key=lambda pair: pair[0], reverse=True)
        if self.refine:
            refined = [
                c.after_refinement(u) for _, c in scored[:_FINALISTS] if not c.model.discrete
            ]
            scored += [(_merit(c, held_out), c) for c in refined]
        return max(scored, key=lambda pair: pair[0])[1]


@dataclass(frozen=True, eq=False)
class _Candidate:
    model: Polynomial
    regression: SparseRegression
    threshold: float
    refined: bool = False

    def after_refinement(self, u: FloatArray) -> _Candidate:
        """Refine, drop the terms that the refinement made negligible, refine what is left."""
        model = refine(self.model, u)
        negligible = np.abs(self.regression.shares(model)) < self.threshold
        if (negligible & (model.coefficients != 0)).any() and not negligible.all():
            kept = np.where(negligible, 0.0, model.coefficients)
            used = kept.any(axis=1)
            model = replace(model, powers=model.powers[used], coefficients=kept[used])
            model = refine(model, u)
        return replace(self, model=_prepared(model, u), refined=True)


def _prepared(model: Polynomial, u: FloatArray) -> Polynomial:
    """Choose the substeps on about 200 of the training states."""
    states = u.reshape(-1, u.shape[2])
    return model.with_substeps(states[:: max(1, len(states) // 200)], _STEP_TOLERANCE)


def _one_step_error(model: Polynomial, before: FloatArray, after: FloatArray) -> float:
    d = before.shape[2]
    hop = max(1, before[..., 0].size // 500)
    error = model.advance(before.reshape(-1, d)[::hop]) - after.reshape(-1, d)[::hop]
    mean = float(np.sqrt((error**2).mean()))
    return mean if np.isfinite(mean) else np.inf


def _merit(candidate: _Candidate, held_out: HeldOut) -> tuple[float, int]:
    """Rank by score, and among equals by sparsity."""
    predictor = _SINDyPredictor(scale=np.ones(len(held_out.scale)), dt=1.0, model=candidate.model)
    forecast = predictor.predict(held_out.context, held_out.truth.shape[1]).values
    terms = int(np.count_nonzero(candidate.model.coefficients))
    return round(held_out.score(forecast), 3), -terms


@dataclass(frozen=True, eq=False)
class _SINDyPredictor:
    """The equation that was found.

    Attributes:
        scale: the variables are measured in these ``(d,)`` while integrating.
        dt: sampling step in time units.
        model: the scaled equation, with time in sampling steps.

    """

    scale: FloatArray
    dt: float
    model: Polynomial

    @property
    def powers(self) -> NDArray[np.int64]:
        """Exponents of the terms ``(p, d)``."""
        return self.model.powers

    @property
    def coefficients(self) -> FloatArray:
        """C ``(p, d)`` in the units of the data: per unit time, or per iteration for a map."""
        sizes = np.prod(self.scale**self.model.powers, axis=1)
        step = 1.0 if self.model.discrete else self.dt
        return np.asarray(self.model.coefficients * self.scale / sizes[:, np.newaxis] / step)

    def polynomial(self) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the exponents and the coefficients of the equation, in the units of the data."""
        return self.powers, self.coefficients

    def vector_field(self, states: FloatArray) -> FloatArray:
        """Return du/dt at states ``(n, d)``, per time unit.

        Raises:
            UnsupportedError: what was found is a map.

        """
        if self.model.discrete:
            raise UnsupportedError("SINDy took these data for those of a map: there is no du/dt")
        return np.asarray(terms(states, factors(self.powers)) @ self.coefficients)

    @single_threaded
    def next_state(self, states: FloatArray) -> FloatArray:
        """Return the states ``(n, d)`` one sampling step later."""
        return np.asarray(self.model.advance(states / self.scale) * self.scale)

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context, horizon, d=len(self.scale), minimum=1, used=1, who="SINDy"
        )
        start = rows[:, -1] / self.scale
        return Forecast(closed_loop(self.model.advance, start, horizon, alive) * self.scale)
