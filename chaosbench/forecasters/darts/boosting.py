"""Gradient boosting through darts: LightGBM on lagged values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.arrays import Scaler, checked_training
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded
from chaosbench.forecasters.darts._series import series, silence
from chaosbench.forecasters.darts.regression import LagPredictor

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["LightGBM"]

_LAGS = 20
_LEAST_LAGS = 3
_COLUMNS = 120
_TREES = 300
_TREES_IN_ALL = 6000


@dataclass(frozen=True)
class LightGBM:
    """Gradient-boosted trees on lagged values, darts' `LightGBMModel` [ke2017], [herzen2022].

        z_i(t+1) = Σ_b ν tree_{i,b}(z(t), …, z(t-lags+1))

    on the standardised variables z. Each variable has its own ensemble, in which each tree is
    fitted to the residual of the previous ones and shrunk by ν. darts and LightGBM grow the trees.
    The rollout calls LightGBM for all windows at once, on darts' own lag columns (a test compares
    it with darts' predict).

    Cost: O(d trees · nT min(lags d, max_columns)) time and O(nT lags d) memory to fit, O(d trees ·
    depth) per step and window, and half a millisecond per step and variable for the call. It fails
    by quantisation, as the random forest does: the forecast is a step function of the state, and it
    hardly leaves the training range.

    Attributes:
        lags: number of past steps, or None for 20, reduced beyond 6 variables to 120 lagged values
            in all, and at least 3 steps.
        trees: number of trees per variable, or None for 300, reduced beyond 20 variables to 6,000
            in all.
        leaves: largest number of leaves of a tree.
        learning_rate: shrinkage ν, in (0, 1].
        min_samples: smallest number of training rows in a leaf.
        max_columns: largest number of lagged values that a tree may use, drawn anew for each tree.
            At the default lags it allows all lagged values of three variables; it keeps 40
            variables affordable.

    """

    extra: ClassVar[str] = "gbm"
    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "lightgbm", "darts.models")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"lags": (5, 10, 20, 40), "leaves": (15, 31, 63), "trees": (100, 300, 1000)}
    )

    lags: int | None = None
    trees: int | None = None
    leaves: int = 31
    learning_rate: float = 0.1
    min_samples: int = 20
    max_columns: int = 60

    def __post_init__(self) -> None:
        require_integer(self, "lags", minimum=1, optional=True)
        require_integer(self, "trees", minimum=1, optional=True)
        require_integer(self, "leaves", minimum=2)
        require_real(self, "learning_rate", high=1.0, open_low=True)
        require_integer(self, "min_samples", minimum=1)
        require_integer(self, "max_columns", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> LagPredictor:
        """Grow the trees; raise `DivergedError` on non-finite training data."""
        d = train.values.shape[2]
        lags = max(_LEAST_LAGS, min(_LAGS, _COLUMNS // d)) if self.lags is None else self.lags
        values = checked_training(train, minimum=lags + 1, who="LightGBM")
        scaler = Scaler.of(values)
        trees = max(1, min(_TREES, _TREES_IN_ALL // d)) if self.trees is None else self.trees
        with silence():
            from darts.models import LightGBMModel

            model = LightGBMModel(
                lags=lags,
                output_chunk_length=1,
                n_estimators=trees,
                colsample_bytree=min(1.0, self.max_columns / (lags * d)),
                num_leaves=self.leaves,
                learning_rate=self.learning_rate,
                min_child_samples=self.min_samples,
                random_state=seed % 2**31,  # LightGBM takes 31 bits
                n_jobs=1,
                deterministic=True,
                force_row_wise=True,
                verbose=-1,
            )
            model.fit(series(scaler.apply(values)))
        # For several variables, darts wraps the regressors in one of scikit-learn's.
        regressors = getattr(model.model, "estimators_", [model.model])
        boosters = [regressor.booster_ for regressor in regressors]

        def regress(rows: FloatArray) -> FloatArray:
            return np.stack([b.predict(rows, num_threads=1) for b in boosters], axis=1)

        return LagPredictor(who="LightGBM", lags=lags, scaler=scaler, regress=regress, model=model)
