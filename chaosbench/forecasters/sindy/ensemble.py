"""Ensemble SINDy: many equations from resampled data and terms; their median forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.polynomial import Polynomial
from chaosbench.forecasters._shared.settings import require_integer, require_real
from chaosbench.forecasters.sindy._identification import (
    Candidate,
    EquationPredictor,
    Library,
    PolynomialPredictor,
)
from chaosbench.forecasters.sindy._refine import refine
from chaosbench.forecasters.sindy._sparse_regression import (
    SparseRegression,
    gather,
    solved,
    surviving,
    thresholded,
)
from chaosbench.forecasters.sindy.strong import SINDy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.forecasters._shared.selection import HeldOut
    from chaosbench.trajectories import FloatArray

__all__ = ["EnsembleSINDy"]

_PIECES = 40
_MANY_UNKNOWNS = 100


@dataclass(frozen=True)
class EnsembleSINDy(SINDy):
    """Ensemble SINDy [fasel2022]: bagging of the data and of the library.

    The rows of `SINDy`'s regression are cut into 40 consecutive pieces. Each of `members` equations
    is found by thresholded least squares on pieces drawn with replacement, without a random tenth
    of the terms. A term is kept if at least a fraction `inclusion` of the members that were offered
    it keep it. The coefficients of each member are then solved again for the kept terms. Their
    median is the equation, which is chosen among thresholds, degrees and kinds, refined and shown
    as for `SINDy`. Its rollout is the forecast. The samples are the rollouts of the members; where
    the equation is refined, each member is refined too, on transitions of its own.

    The samples spread as the coefficients vary from one piece of the data to the next. They contain
    neither the noise in the last sample of the context nor terms that are missing from the library,
    so that on clean data of a polynomial flow they are almost equal.

    Cost: that of `SINDy` for each of four half widths, plus `members` times its thresholded
    regressions on 40 p rows, O(40 p³) each, and memory for 40 p² numbers. The forecast takes
    `members` + 1 rollouts, all at once. It fails where `SINDy` does.

    Attributes:
        degree, threshold, discrete, refine, max_terms: as in `SINDy`.
        half_width: samples on each side of the centre of a test function, or None to choose it:
            under noise, narrow test functions keep spurious terms.
        members: number of equations.
        inclusion: smallest fraction of the members that keep a term for it to stay.
        dropped: fraction of the terms that a member is not offered.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "threshold": (0.001, 0.01, 0.03, 0.1, 0.3),
            "degree": (2, 3, 4, 5),
            "inclusion": (0.4, 0.6, 0.8),
        }
    )

    _warmup: ClassVar[int] = 24
    _settle: ClassVar[int] = 12
    _parsimonious: ClassVar[bool] = True

    half_width: int | None = None
    members: int = 20
    inclusion: float = 0.6
    dropped: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "members", minimum=2)
        require_real(self, "inclusion", high=1.0, open_low=True)
        require_real(self, "dropped", high=0.9)

    def _regression(
        self, u: FloatArray, library: Library, *, discrete: bool, half_width: int, seed: int
    ) -> SparseRegression:
        powers, _ = library
        rng = np.random.default_rng([seed, 0])
        rows = gather(u, powers, discrete=discrete, half_width=half_width, pieces=_PIECES)
        whole = SparseRegression.of(rows, powers, discrete=discrete)
        bags = []
        for _ in range(self.members):
            drawn = rng.integers(0, len(rows), size=len(rows))
            found, times = np.unique(drawn, return_counts=True)
            # A piece that is drawn twice counts twice in the sums of squares.
            chosen = [
                (np.sqrt(count) * rows[i][0], int(count) * rows[i][1])
                for i, count in zip(found, times, strict=True)
            ]
            bags.append(SparseRegression.of(chosen, powers, discrete=discrete))
        offered = rng.random((self.members, len(powers))) >= self.dropped
        # With few members, a term may have been offered to none of them.
        offered[:, ~offered.any(axis=0)] = True
        return _Bagged(
            powers=powers,
            triangle=whole.triangle,
            targets=whole.targets,
            unit=whole.unit,
            target_unit=whole.target_unit,
            discrete=discrete,
            bags=tuple(bags),
            offered=offered,
            inclusion=self.inclusion,
        )

    def _predictor(
        self,
        chosen: Candidate,
        u: FloatArray,
        held_out: HeldOut | None,  # noqa: ARG002
        shown: dict[str, Any],
        seed: int,
    ) -> EquationPredictor:
        assert isinstance(chosen.regression, _Bagged)
        model = chosen.model
        support = _placed(chosen.regression.powers, model)
        several = chosen.regression.members(support)
        if chosen.refined:
            # Members start close to their solution; with many unknowns an iteration takes a second.
            iterations = 3 if chosen.size <= _MANY_UNKNOWNS else 1
            made = []
            for k, coefficients in enumerate(several):
                rng = np.random.default_rng([seed, 1, k])
                member = replace(model, coefficients=_taken(chosen.regression, model, coefficients))
                made.append(refine(member, u, iterations, rng=rng).coefficients)
        else:
            made = [_taken(chosen.regression, model, c) for c in several]
        members = replace(model, coefficients=np.stack(made))
        return PolynomialPredictor(model=model, who=self._who, members=members, **shown)


def _placed(powers: NDArray[np.int64], model: Polynomial) -> NDArray[np.bool_]:
    """Return the support of a model among the terms of a regression, ``(p, d)``."""
    support = np.zeros((len(powers), model.coefficients.shape[1]), dtype=np.bool_)
    support[_rows_of(powers, model)] = model.coefficients != 0
    return support


def _taken(regression: SparseRegression, model: Polynomial, full: FloatArray) -> FloatArray:
    """Return the rows of full coefficients ``(p, d)`` that belong to the terms of the model."""
    return np.asarray(full[_rows_of(regression.powers, model)])


def _rows_of(powers: NDArray[np.int64], model: Polynomial) -> list[int]:
    place = {tuple(row): k for k, row in enumerate(powers.tolist())}
    return [place[tuple(row)] for row in model.powers.tolist()]


@dataclass(frozen=True, eq=False)
class _Bagged(SparseRegression):
    """A regression on all rows, and the regressions of the members on resampled rows.

    Attributes:
        bags: the regression of each member.
        offered: the terms that each member may use, ``(m, p)``.
        inclusion: smallest fraction of the members that keep a term for it to stay.

    """

    bags: tuple[SparseRegression, ...] = ()
    offered: NDArray[np.bool_] = field(default_factory=lambda: np.empty((0, 0), dtype=np.bool_))
    inclusion: float = 0.5

    @cached_property
    def _dense(self) -> list[FloatArray]:
        """Coefficients ``(p, d)`` of each member for all terms that it is offered.

        The first round of thresholded least squares is one solve for all equations and the same for
        every threshold. With 40 variables it dominates the cost.
        """
        made = []
        for bag, offered in zip(self.bags, self.offered, strict=True):
            dense = np.zeros((len(self.powers), bag.targets.shape[1]))
            dense[offered] = solved(bag.triangle[:, offered], bag.targets)
            made.append(dense)
        return made

    def sparse(self, threshold: float) -> Polynomial:
        """Return the median equation of the terms that enough members keep."""
        p, d = len(self.powers), len(self.target_unit)
        kept = np.zeros((p, d))
        for bag, offered, shares in zip(self.bags, self.offered, self._dense, strict=True):
            used = np.flatnonzero(offered)
            for i in range(d):
                first = used[surviving(shares[used, i], threshold)]
                chosen = thresholded(bag.triangle[:, first], bag.targets[:, i], threshold)
                kept[first[chosen], i] += 1
        asked = np.maximum(self.offered.sum(axis=0), 1)[:, np.newaxis]
        return self.restricted(kept >= self.inclusion * np.maximum(asked, 1))

    def restricted(self, support: NDArray[np.bool_]) -> Polynomial:
        """Return the median of the members' coefficients for the terms in `support` ``(p, d)``."""
        whole = super().restricted(support)
        middle = np.median(self.members(support), axis=0)
        return replace(whole, coefficients=_taken(self, whole, middle))

    def members(self, support: NDArray[np.bool_]) -> FloatArray:
        """Return the coefficients ``(m, p, d)`` of every member, solved for `support`."""
        made = np.zeros((len(self.bags), *support.shape))
        for k, bag in enumerate(self.bags):
            model = bag.restricted(support)
            made[k, _rows_of(self.powers, model)] = model.coefficients
        return made
