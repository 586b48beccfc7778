"""What the variants of SINDy share: fit candidates, choose by held-out rollout, integrate."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import DivergedError, UnsupportedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.selection import HeldOut, hold_out, lasting
from chaosbench.forecasters._shared.settings import (
    require_flag,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters.sindy._equation_text import written
from chaosbench.forecasters.sindy._refine import refine
from chaosbench.forecasters.sindy._settle import settled
from chaosbench.forecasters.sindy._sparse_regression import SparseRegression, gather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from chaosbench.forecasters._shared.polynomial import Polynomial, Waves
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["EquationPredictor", "Library", "PolynomialPredictor", "SparseIdentification"]

Library = tuple["NDArray[np.int64]", "Waves | None"]
"""Exponents ``(p, D)`` of the terms, and the waves that are the variables after the first `d`."""

_THRESHOLDS = (0.1, 0.03, 0.01, 0.001)
_HALF_WIDTHS = (4, 8, 12, 18)
# A candidate whose one-step error on held-out data exceeds the least this many times is dropped.
_HOPELESS = 100.0
_ROLLED_OUT = 6
_FINALISTS = 3
# Largest error of the integrator over one sampling step, in standard deviations.
_STEP_TOLERANCE = 1e-9


@dataclass(frozen=True)
class SparseIdentification:
    """Settings and training that the variants share; `SINDy` explains the settings."""

    libraries: ClassVar[tuple[str, ...]] = ("scipy.integrate", "pysindy")
    # Context samples that a held-out rollout may use.
    _warmup: ClassVar[int] = 1
    # Context samples from which held-out rollouts estimate their start (0: the last one itself).
    _settle: ClassVar[int] = 0
    # Whether to take the sparsest candidate that held-out rollouts cannot tell from the best.
    _parsimonious: ClassVar[bool] = False
    _least_degree: ClassVar[int] = 1

    degree: int = 3
    threshold: float | None = None
    discrete: bool | None = None
    half_width: int | None = 8
    refine: bool = True
    max_terms: int = 1000

    def __post_init__(self) -> None:
        require_integer(self, "degree", minimum=self._least_degree)
        require_real(self, "threshold", optional=True)
        require_integer(self, "half_width", minimum=1, optional=True)
        require_integer(self, "max_terms", minimum=2)
        require_flag(self, "discrete", optional=True)
        require_flag(self, "refine")

    @property
    def _who(self) -> str:
        return type(self).__name__

    @abstractmethod
    def _libraries(self, u: FloatArray, *, discrete: bool, half_width: int) -> Iterator[Library]:
        """Yield the libraries of terms to try on scaled data ``(n, T, d)``."""

    def _regression(
        self,
        u: FloatArray,
        library: Library,
        *,
        discrete: bool,
        half_width: int,
        seed: int,  # noqa: ARG002  # used by an ensemble
    ) -> SparseRegression:
        powers, waves = library
        rows = gather(u, powers, discrete=discrete, half_width=half_width, waves=waves)
        return SparseRegression.of(rows, powers, discrete=discrete, waves=waves)

    def _predictor(
        self,
        chosen: Candidate,
        u: FloatArray,  # noqa: ARG002  # used by the variants
        held_out: HeldOut | None,  # noqa: ARG002
        shown: dict[str, Any],
        seed: int,  # noqa: ARG002
    ) -> EquationPredictor:
        """Make the predictor of the chosen equation; `shown` converts to the units of the data."""
        return PolynomialPredictor(model=chosen.model, who=self._who, **shown)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> EquationPredictor:
        """Find the equation.

        Raises:
            DivergedError: the training data are not finite, or no equation with finite coefficients
                is found.
            InvalidForecastError: the training trajectories have fewer than 8 points.
            ParameterError: `max_terms` is too small for these variables.

        """
        values = checked_training(train, minimum=8, who=self._who)
        scale = Scaler.of(values).scale
        u = values / scale
        held_out = hold_out(u, scale=np.ones(len(scale)), warmup=self._warmup)
        head = u if held_out is None else u[:, : held_out.split]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            chosen = self._choose(self._candidates(head, seed), head, held_out)
            if held_out is not None:
                chosen = self._again(chosen, u, seed)
            if not np.isfinite(chosen.model.coefficients).all():
                raise DivergedError(f"{self._who} found no equation with finite coefficients")
            shown = {"scale": scale, "dt": train.dt}
            return self._predictor(chosen, u, held_out, shown, seed)

    def _candidates(self, u: FloatArray, seed: int) -> list[Candidate]:
        """Fit every kind, library, window and threshold; equal models appear once."""
        longest = (u.shape[1] - 2) // 4
        widths = _HALF_WIDTHS if self.half_width is None else (self.half_width,)
        widths = tuple(dict.fromkeys(min(width, longest) for width in widths))
        kinds = (False, True) if self.discrete is None else (self.discrete,)
        thresholds = _THRESHOLDS if self.threshold is None else (self.threshold,)
        found: dict[tuple[object, ...], Candidate] = {}
        for discrete in kinds:
            for half_width in widths[:1] if discrete else widths:
                for library in self._libraries(u, discrete=discrete, half_width=half_width):
                    regression = self._regression(
                        u, library, discrete=discrete, half_width=half_width, seed=seed
                    )
                    for threshold in thresholds:
                        model = regression.sparse(threshold)
                        support = (model.coefficients != 0).tobytes()
                        key = (discrete, half_width, model.powers.tobytes(), support)
                        if key not in found:
                            model = prepared(model, u)
                            found[key] = Candidate(model, regression, threshold, half_width)
        return list(found.values())

    def _choose(
        self, candidates: list[Candidate], u: FloatArray, held_out: HeldOut | None
    ) -> Candidate:
        """Return the best candidate, refined where refinement helps."""
        if held_out is None:  # too few data for rollouts: compare one-step errors in sample
            errors = [_one_step_error(c.model, u[:, :-1], u[:, 1:]) for c in candidates]
            return candidates[int(np.argmin(errors))]
        states = np.concatenate([held_out.context[:, -1:], held_out.truth], axis=1)
        errors = [_one_step_error(c.model, states[:, :-1], states[:, 1:]) for c in candidates]
        order = np.argsort(errors, kind="stable")[: self._rolled_out]
        hopeful = [candidates[i] for i in order if errors[i] <= _HOPELESS * errors[order[0]]]
        scored = [(self._scores(c, held_out), c) for c in hopeful or candidates[:1]]
        scored.sort(key=_merit, reverse=True)
        if self.refine:
            refined = [
                c.after_refinement(u)
                for _, c in scored[:_FINALISTS]
                if c.model.waves is not None or not c.model.discrete
            ]
            scored += [(self._scores(c, held_out), c) for c in refined]
        scored.sort(key=_merit, reverse=True)
        means = [_merit(pair)[0] for pair in scored]
        first, bounded = lasting(means, lambda i: _bounded(scored[i][1].model, held_out))
        best = scored[first]
        if self._parsimonious:
            equals = [pair for pair in scored if _equal(pair[0], best[0])]
            equals.sort(key=lambda pair: (pair[1].size, -_merit(pair)[0]))
            for pair in equals:
                if pair is best or _bounded(pair[1].model, held_out) >= bounded:
                    return pair[1]
        return best[1]

    @property
    def _rolled_out(self) -> int:
        """Number of candidates to roll out; more where half widths have to be compared too."""
        return _ROLLED_OUT * (1 if self.half_width is not None else 3)

    def _scores(self, candidate: Candidate, held_out: HeldOut) -> FloatArray:
        samples = 0 if candidate.model.discrete else self._settle
        return rollout_scores(candidate.model, held_out, settle=samples)

    def _again(self, chosen: Candidate, u: FloatArray, seed: int) -> Candidate:
        """Fit the coefficients of the chosen equation to all of the data."""
        old = chosen.model
        regression = self._regression(
            u,
            (old.powers, old.waves),
            discrete=old.discrete,
            half_width=chosen.half_width,
            seed=seed,
        )
        model = prepared(regression.restricted(old.coefficients != 0), u)
        if chosen.refined:
            model = refine(model, u)
        return replace(chosen, model=model, regression=regression)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A candidate equation and how it was found."""

    model: Polynomial
    regression: SparseRegression
    threshold: float
    half_width: int
    refined: bool = False

    @property
    def size(self) -> int:
        """Number of terms in all equations."""
        return int(np.count_nonzero(self.model.coefficients))

    def after_refinement(self, u: FloatArray) -> Candidate:
        """Refine, drop the terms that became negligible, and refine the rest."""
        model = refine(self.model, u)
        negligible = np.abs(self.regression.shares(model)) < self.threshold
        if (negligible & (model.coefficients != 0)).any() and not negligible.all():
            kept = np.where(negligible, 0.0, model.coefficients)
            used = kept.any(axis=1)
            model = replace(model, powers=model.powers[used], coefficients=kept[used])
            model = refine(model, u)
        return replace(self, model=prepared(model, u), refined=True)


def prepared(model: Polynomial, u: FloatArray) -> Polynomial:
    """Choose the number of substeps on about 200 of the training states."""
    states = u.reshape(-1, u.shape[2])
    return model.with_substeps(states[:: max(1, len(states) // 200)], _STEP_TOLERANCE)


def rollout_scores(model: Polynomial, held_out: HeldOut, *, settle: int) -> FloatArray:
    """Score rollouts ``(n,)`` from states that are estimated from `settle` samples."""
    one = np.ones(len(held_out.scale))
    predictor = EquationPredictor(scale=one, dt=1.0, model=model, who="", settle=settle)
    return held_out.scores(predictor.predict(held_out.context, held_out.truth.shape[1]).values)


def _bounded(model: Polynomial, held_out: HeldOut) -> float:
    one = np.ones(len(held_out.scale))
    return held_out.bounded(EquationPredictor(scale=one, dt=1.0, model=model, who=""))


def _merit(scored: tuple[FloatArray, Candidate]) -> tuple[float, int]:
    """Rank by score, and equal scores by sparsity."""
    return round(float(scored[0].mean()), 3), -scored[1].size


def _equal(scores: FloatArray, best: FloatArray) -> bool:
    """Return whether the mean score falls short of the best by less than the windows can resolve.

    The limit is two standard errors of the difference, as if the windows were independent; in fact
    they overlap.
    """
    behind = best - scores
    return bool(behind.mean() <= 2 * behind.std() / np.sqrt(len(behind)) + 5e-4)


def _one_step_error(model: Polynomial, before: FloatArray, after: FloatArray) -> float:
    d = before.shape[2]
    hop = max(1, before[..., 0].size // 500)
    error = model.advance(before.reshape(-1, d)[::hop]) - after.reshape(-1, d)[::hop]
    mean = float(np.sqrt((error**2).mean()))
    return mean if np.isfinite(mean) else np.inf


@dataclass(frozen=True, eq=False)
class EquationPredictor:
    """The identified equation and its rollout.

    Attributes:
        scale: units ``(d,)`` of the variables during integration.
        dt: sampling step in time units.
        model: the scaled equation, with time in sampling steps.
        who: name for error messages.
        settle: number of context samples from which the last state is estimated; 0 takes the last
            sample itself.
        members: an ensemble of equations, whose rollouts are the samples.

    """

    scale: FloatArray
    dt: float
    model: Polynomial
    who: str
    settle: int = 0
    members: Polynomial | None = None

    @property
    def powers(self) -> NDArray[np.int64]:
        """Exponents of the terms ``(p, D)``."""
        return self.model.powers

    @property
    def coefficients(self) -> FloatArray:
        """C ``(p, d)`` in the units of the data: per time unit, or per iteration for a map."""
        sizes = np.prod(self.scale ** self.powers[:, : len(self.scale)], axis=1)
        step = 1.0 if self.model.discrete else self.dt
        return np.asarray(self.model.coefficients * self.scale / sizes[:, np.newaxis] / step)

    def equations(self) -> list[str]:
        """Return one line per variable, ``x0' = -10 x0 + 10 x1``, in the units of the data."""
        waves = self.model.waves
        if waves is not None:
            waves = replace(waves, fundamental=waves.fundamental / self.scale)
        return written(self.powers, self.coefficients, waves, discrete=self.model.discrete)

    def vector_field(self, states: FloatArray) -> FloatArray:
        """Return du/dt at states ``(n, d)``, per time unit.

        Raises:
            UnsupportedError: the identified equation is a map.

        """
        if self.model.discrete:
            raise UnsupportedError(
                f"{self.who} identified a map from these data, which has no du/dt; "
                "use next_state, or fit with discrete=False"
            )
        return np.asarray(self.model.rate(states / self.scale) * self.scale / self.dt)

    @single_threaded
    def next_state(self, states: FloatArray) -> FloatArray:
        """Return the states ``(n, d)`` one sampling step later."""
        return np.asarray(self.model.advance(states / self.scale) * self.scale)

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context,
            horizon,
            d=len(self.scale),
            minimum=1,
            used=max(1, self.settle),
            who=self.who,
        )
        rows = rows / self.scale
        start = settled(self.model, rows) if self.settle else rows[:, -1]
        values = closed_loop(self.model.advance, start, horizon, alive) * self.scale
        if self.members is None:
            return Forecast(values)
        m = len(self.members.coefficients)
        made = closed_loop(self.members.advance, np.tile(start, (m, 1)), horizon, np.tile(alive, m))
        return Forecast(values, made.reshape(m, *values.shape) * self.scale)


@dataclass(frozen=True, eq=False)
class PolynomialPredictor(EquationPredictor):
    """An equation whose terms are monomials."""

    def polynomial(self) -> tuple[NDArray[np.int64], FloatArray]:
        """Return exponents and coefficients of the equation, in the units of the data."""
        return self.powers, self.coefficients
