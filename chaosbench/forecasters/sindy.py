"""SINDy: a sparse polynomial equation found in the data, integrated as the forecast."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import DivergedError
from chaosbench.forecasters._common import (
    checked_context,
    checked_training,
    closed_loop,
    require_integer,
    require_real,
)
from chaosbench.forecasters._polynomial import Polynomial, factors, terms
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._refine import refine
from chaosbench.forecasters._selection import hold_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.errors import ParameterError  # noqa: F401 - named in a docstring
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["SINDy"]

_THRESHOLDS = (0.1, 0.03, 0.01, 0.001)
_DEFAULT_THRESHOLD = 0.1
_STENCIL = 9  # points of an eighth-order central difference
_FINALISTS = 3


@dataclass(frozen=True)
class SINDy:
    """TODO."""

    degree: int = 3
    threshold: float | None = None
    discrete: bool | None = None
    refine: bool = True
    max_terms: int = 1000

    def __post_init__(self) -> None:
        require_integer(self, "degree", minimum=1)
        require_real(self, "threshold", optional=True)
        require_integer(self, "max_terms", minimum=2)

    def fit(self, train: Trajectories, *, seed: int) -> _SINDyPredictor:  # noqa: ARG002
        values = checked_training(train, minimum=_STENCIL + 1, who="SINDy")
        scale = _scale(values)
        u = values / scale
        held_out = None
        held_out = hold_out(u, scale=np.ones(len(scale)), warmup=1)
        head = u if held_out is None else u[:, : held_out.split]
        kinds = (False, True) if self.discrete is None else (self.discrete,)
        thresholds = _THRESHOLDS if self.threshold is None else (self.threshold,)
        if held_out is None:
            kinds, thresholds = kinds[:1], thresholds[:1]
        degrees = _degrees(self.degree, u.shape[2], self.max_terms)
        candidates = []
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for discrete in kinds:
                for degree in degrees:
                    regression = _Regression.of(head, degree, discrete)
                    candidates += [regression.sparse(threshold) for threshold in thresholds]
            sample = head.reshape(-1, u.shape[2])
            sample = sample[:: max(1, len(sample) // 200)]
            candidates = [c.with_substeps(sample, 1e-9) for c in candidates]

            def score(model):
                p = _SINDyPredictor(scale=np.ones(len(scale)), model=model)
                return held_out.score(p.predict(held_out.context, held_out.truth.shape[1]).values)
            scored = sorted(((score(c), -np.count_nonzero(c.coefficients), i) for i, c in enumerate(candidates)), reverse=True)
            for s, k, i in scored[:6]:
                print("cand", s, k, candidates[i].discrete, candidates[i].substeps)
            best = []
            for s, k, i in scored[:_FINALISTS]:
                m = candidates[i]; best.append((s, k, m))
                if self.refine:
                    r = refine(m, head); best.append((score(r), -np.count_nonzero(r.coefficients), r))
                    print("refined", best[-1][:2])
        best.sort(key=lambda x: (round(x[0],3),x[1]))
        model = best[-1][2]
        print(model.powers, model.coefficients)
        return _SINDyPredictor(scale=scale, model=model)


def _scale(values):
    s = values.std(axis=(0, 1))
    m = np.abs(values).max(axis=(0, 1))
    return np.where(s > 1e-13 * m, s, np.where(m > 0, m, 1.0))


def _degrees(degree, d, max_terms):
    affordable = [k for k in range(1, degree + 1) if comb(d + k, k) <= max_terms]
    return affordable[-2:] or [1]


@dataclass(frozen=True, eq=False)
class _Regression:
    powers: NDArray[np.int64]
    r: FloatArray
    y: FloatArray
    unit: FloatArray
    target_unit: FloatArray
    discrete: bool

    @classmethod
    def of(cls, u, degree, discrete):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pysindy.feature_library import PolynomialLibrary

            library = PolynomialLibrary(degree=degree)
            library.fit(np.zeros((2, u.shape[2])))
            powers = np.asarray(library.powers_, dtype=np.int64)
        states, targets = _targets(u, discrete)
        rows = max(6 * len(powers), 5000)
        pick = np.linspace(0, len(states) - 1, min(rows, len(states))).astype(int)
        theta = terms(states[pick], factors(powers))
        y = targets[pick]
        unit = np.sqrt((theta**2).mean(axis=0))
        target_unit = np.sqrt((y**2).mean(axis=0))
        unit[unit == 0] = 1
        target_unit[target_unit == 0] = 1
        q, r = np.linalg.qr(theta / unit)
        n = np.sqrt(len(theta))
        return cls(powers, r / n, (q.T @ (y / target_unit)) / n, unit, target_unit, discrete)

    def sparse(self, threshold):
        dense = np.linalg.lstsq(self.r, self.y, rcond=1e-13)[0]
        coefficients = np.zeros_like(dense)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pysindy.optimizers import STLSQ

            for i in range(dense.shape[1]):
                mask = np.abs(dense[:, i]) >= threshold
                if not mask.any():
                    continue
                opt = STLSQ(threshold=threshold, alpha=1e-12, unbias=False)
                opt.fit(self.r[:, mask], self.y[:, [i]])
                mask[mask] = opt.coef_[0] != 0
                if mask.any():
                    coefficients[mask, i] = np.linalg.lstsq(self.r[:, mask], self.y[:, i], rcond=None)[0]
        coefficients *= self.target_unit / self.unit[:, None]
        used = coefficients.any(axis=1)
        if not used.any():
            used[0] = True
        return Polynomial(self.powers[used], coefficients[used], self.discrete)


def _targets(u, discrete):
    if discrete:
        return u[:, :-1].reshape(-1, u.shape[2]), u[:, 1:].reshape(-1, u.shape[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pysindy.differentiation import FiniteDifference

        fd = FiniteDifference(order=8, drop_endpoints=True)
        t = np.arange(u.shape[1], dtype=float)
        du = np.stack([np.asarray(fd(x, t)) for x in u])
    keep = slice(_STENCIL // 2, -(_STENCIL // 2))
    return u[:, keep].reshape(-1, u.shape[2]), du[:, keep].reshape(-1, u.shape[2])


@dataclass(frozen=True, eq=False)
class _SINDyPredictor:
    scale: FloatArray
    model: Polynomial

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context, horizon, d=len(self.scale), minimum=1, used=1, who="SINDy"
        )
        start = rows[:, -1] / self.scale
        return Forecast(closed_loop(self.model.advance, start, horizon, alive) * self.scale)
