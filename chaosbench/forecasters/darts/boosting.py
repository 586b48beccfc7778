"""Gradient boosting: LightGBM on delayed values, iterated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.analogues import embedding
from chaosbench.forecasters._shared.arrays import Scaler, checked_training
from chaosbench.forecasters._shared.regression import Plan, transitions
from chaosbench.forecasters._shared.rollout import delay_rollout, output_bounds
from chaosbench.forecasters._shared.selection import hold_out, lags_of
from chaosbench.forecasters._shared.settings import (
    require_flag,
    require_integer,
    require_real,
    single_threaded,
)

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["LightGBM"]

_TREES = 300
_TREES_IN_ALL = 6000
_TRIAL_TREES = 100
# (delays, stride) of constant leaves.
_LONG = (10, 2)
# Penalty on the slopes in a leaf, relative to rows: delayed values are nearly dependent there.
_LINEAR_RIDGE = 0.01


@dataclass(frozen=True)
class LightGBM:
    """Gradient-boosted trees on delayed values [ke2017].

        z_i(t+1) = z_i(t) + σ_i Σ_b ν tree_{i,b}(z(t), z(t-s), …, z(t-(k-1)s))

    on the standardised variables z, with k = `lags` and s = `stride`; σ_i is the standard deviation
    of an increment. Each variable has its own ensemble, in which each tree is fitted to the
    residual of the previous ones and shrunk by ν. Linear leaves hold linear
    functions of the values on their branch instead of constants: the flow over one step is smooth,
    and constants quantise it. The rollout calls LightGBM for all windows at once, and its output is
    clipped to the training range, widened by half of it on either side. Settings that are None are
    chosen by closed-loop forecasts of the last 15% of the training data: delays and stride, for
    which locally linear maps stand in for the trees, and by 100 trees the kind of leaves.

    Cost: O(d trees · nT min(lags d, max_columns)) time and O(nT lags d) memory to fit, O(d trees ·
    depth) per step and window, and half a millisecond per step and variable for the call. It fails
    at the edges of its leaves, where the map jumps; with constant leaves it fails by quantisation,
    as the random forest does.

    Attributes:
        lags: number k of delayed states, or None to choose it and the stride.
        stride: steps between delayed states, where `lags` is given.
        linear: whether the leaves are linear, or None to choose it: linear leaves with few delays
            or constant leaves with ten, two steps apart.
        trees: number of trees per variable, or None for 300, reduced beyond 20 variables to 6,000
            in all.
        leaves: largest number of leaves of a tree.
        learning_rate: shrinkage ν, in (0, 1].
        min_samples: smallest number of training rows in a leaf.
        max_columns: largest number of delayed values that a tree may use, drawn anew for each tree.

    """

    extra: ClassVar[str] = "gbm"
    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "lightgbm")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "lags": (1, 2, 3, 5, 10, 20),
            "leaves": (15, 31, 63, 127),
            "linear": (True, False),
            "min_samples": (5, 20, 50),
        }
    )

    lags: int | None = None
    stride: int = 1
    linear: bool | None = None
    trees: int | None = None
    leaves: int = 31
    learning_rate: float = 0.1
    min_samples: int = 20
    max_columns: int = 60

    def __post_init__(self) -> None:
        require_integer(self, "lags", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1)
        require_flag(self, "linear", optional=True)
        require_integer(self, "trees", minimum=1, optional=True)
        require_integer(self, "leaves", minimum=2)
        require_real(self, "learning_rate", high=1.0, open_low=True)
        require_integer(self, "min_samples", minimum=1)
        require_integer(self, "max_columns", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _LightGBMPredictor:
        """Grow the trees; raise `DivergedError` on non-finite training data."""
        lags = lags_of(self.lags or 1, self.stride)
        values = checked_training(train, minimum=max(lags) + 2, who="LightGBM")
        plans = [(lags, linear) for linear in (True, False) if self.linear in (None, linear)]
        if self.lags is None:
            plans = [(embedding(train, who="LightGBM"), linear) for _, linear in plans]
            # Constant leaves need many values: each adds the precision of its own cut.
            long = lags_of(*_LONG)
            if len(long) * values.shape[2] <= self.max_columns and 10 * max(long) < len(values[0]):
                plans = [(lags if linear else long, linear) for lags, linear in plans]
        scaler = Scaler.of(values)
        held_out = None
        if len(plans) > 1:
            reach = max(max(lags) for lags, _ in plans)
            held_out = hold_out(
                values, scale=scaler.scale, warmup=reach + 1, windows=8, horizon=150
            )
        if held_out is not None:
            past = values[:, : held_out.split]
            trials = [self._grown(past, scaler, *plan, seed, _TRIAL_TREES) for plan in plans]
            plans = [plans[held_out.best(trials)]]
        trees = max(1, min(_TREES, _TREES_IN_ALL // values.shape[2]))
        return self._grown(values, scaler, *plans[0], seed, trees)

    def _grown(
        self,
        values: FloatArray,
        scaler: Scaler,
        lags: tuple[int, ...],
        linear: bool,
        seed: int,
        most: int,
    ) -> _LightGBMPredictor:
        """Grow the trees, as many as set or so many by default."""
        import lightgbm

        z = scaler.apply(values)
        rows, increments = transitions(Plan(lags), z, z.shape[0] * z.shape[1])
        unit = increments.std(axis=0)
        unit = np.where(unit > 0, unit, 1.0)
        trees = most if self.trees is None else self.trees
        settings = {
            "objective": "regression",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_samples,
            "feature_fraction": min(1.0, self.max_columns / rows.shape[1]),
            "linear_tree": linear,
            "linear_lambda": _LINEAR_RIDGE,
            "seed": seed % 2**31,  # LightGBM takes 31 bits
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        boosters = []
        for target in (increments / unit).T:
            data = lightgbm.Dataset(
                rows, np.ascontiguousarray(target), params=settings, free_raw_data=False
            )
            boosters.append(lightgbm.train(settings, data, num_boost_round=trees))
        return _LightGBMPredictor(scaler, lags, unit, output_bounds(z), boosters)


@dataclass(frozen=True, eq=False)
class _LightGBMPredictor:
    scaler: Scaler
    lags: tuple[int, ...]
    unit: FloatArray  # (d,)
    bounds: FloatArray  # (2, d)
    boosters: list[Any]

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        def increments(rows: FloatArray) -> FloatArray:
            made = [booster.predict(rows, num_threads=1) for booster in self.boosters]
            return np.asarray(np.stack(made, axis=1) * self.unit)

        values = delay_rollout(
            increments,
            context,
            horizon,
            scaler=self.scaler,
            lags=self.lags,
            who="LightGBM",
            box=self.bounds,
        )
        return Forecast(values[0])
