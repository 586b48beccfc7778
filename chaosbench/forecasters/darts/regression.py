"""Autoregression through darts: a linear map or a random forest of lagged values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded
from chaosbench.forecasters.darts._series import series, silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["LagPredictor", "LinearRegression", "RandomForest"]


@dataclass(frozen=True)
class LinearRegression:
    """Linear vector autoregression by least squares, darts' `LinearRegressionModel` [herzen2022].

        z(t+1) = c + Σ_{i=0}^{lags-1} A_i z(t-i)

    on the standardised variables z, all together. darts fits it. The rollout is the same recursion
    on darts' own lag columns, for all windows together, because darts' loop copies the whole
    history at every step (a test compares the two).

    Cost: O(nT (lags d)²) time and O(nT lags d) memory to fit, O(lags d²) per step and window. It
    fails on chaos by construction: a linear map has no chaotic attractor, so its forecast turns
    into a decaying or growing oscillation within about one period.

    Attributes:
        lags: number of past steps.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "darts.models")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"lags": (3, 10, 30, 60)}
    )

    lags: int = 10

    def __post_init__(self) -> None:
        require_integer(self, "lags", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> LagPredictor:  # noqa: ARG002
        """Fit by least squares; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=self.lags + 1, who="LinearRegression")
        scaler = Scaler.of(values)
        with silence():
            from darts.models import LinearRegressionModel

            model = LinearRegressionModel(lags=self.lags, output_chunk_length=1)
            model.fit(series(scaler.apply(values)))
            estimator = model.model
        d = values.shape[2]
        slope = np.asarray(estimator.coef_, dtype=np.float64).reshape(d, -1).T.copy()
        intercept = np.asarray(estimator.intercept_, dtype=np.float64).reshape(d)
        return LagPredictor(
            who="LinearRegression",
            lags=self.lags,
            scaler=scaler,
            regress=lambda rows: np.asarray(rows @ slope + intercept),
            model=model,
        )


@dataclass(frozen=True)
class RandomForest:
    """Random forest on lagged values, darts' `RandomForestModel` [breiman2001], [herzen2022].

        z(t+1) = mean over trees of tree_b(z(t), …, z(t-lags+1))

    on the standardised variables z; every tree predicts all variables together. Each tree is grown
    on a bootstrap sample, a fraction `max_samples` of the rows, and tries a fraction `max_features`
    of the columns at each split. darts and scikit-learn grow the forest. The rollout walks through
    all trees for all windows at once, on darts' own lag columns (a test compares it with darts'
    predict).

    Cost: O(trees · nT log(nT) · max_samples · max_features · lags d) time to fit, O(trees · depth)
    per step and window. It fails by quantisation: a forecast is a mean of training values, so
    changes smaller than the leaves are lost, the rollout falls onto a periodic orbit, and it never
    leaves the training range.

    Attributes:
        lags: number of past steps.
        trees: number of trees.
        max_depth: largest depth of a tree, or None to grow it until the leaves are pure.
        max_samples: fraction of the rows on which each tree is grown, in (0, 1].
        max_features: fraction of the columns tried at a split, in (0, 1].
        max_columns: largest number of columns tried at a split; it keeps 40 variables affordable.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "darts.models")

    lags: int = 10
    trees: int = 50
    max_depth: int | None = None
    max_samples: float = 0.5
    max_features: float = 1 / 3
    max_columns: int = 40

    def __post_init__(self) -> None:
        require_integer(self, "lags", minimum=1)
        require_integer(self, "trees", minimum=1)
        require_integer(self, "max_depth", minimum=1, optional=True)
        require_real(self, "max_samples", high=1.0, open_low=True)
        require_real(self, "max_features", high=1.0, open_low=True)
        require_integer(self, "max_columns", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> LagPredictor:
        """Grow the forest; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=self.lags + 1, who="RandomForest")
        scaler = Scaler.of(values)
        columns = self.lags * values.shape[2]
        tried = min(self.max_columns, max(1, int(self.max_features * columns)))
        with silence():
            from darts.models import RandomForestModel

            model = RandomForestModel(
                lags=self.lags,
                output_chunk_length=1,
                n_estimators=self.trees,
                max_depth=self.max_depth,
                max_samples=self.max_samples,
                max_features=tried,
                n_jobs=1,
                random_state=seed % 2**32,  # scikit-learn takes 32 bits
            )
            model.fit(series(scaler.apply(values)))
        forest = _Forest.of([estimator.tree_ for estimator in model.model.estimators_])
        return LagPredictor(
            who="RandomForest", lags=self.lags, scaler=scaler, regress=forest.predict, model=model
        )


@dataclass(frozen=True, eq=False)
class LagPredictor:
    """Iterates a regression on lagged values for all windows together."""

    who: str
    lags: int
    scaler: Scaler
    regress: Callable[[FloatArray], FloatArray]  # (n, lags d) to (n, d), oldest lag first
    model: Any  # the fitted darts model

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Feed the regression its own output."""
        d = len(self.scaler.mean)
        rows, alive = checked_context(
            context, horizon, d=d, minimum=self.lags, used=self.lags, who=self.who
        )
        memory = self.scaler.apply(rows).reshape(len(rows), self.lags * d)
        start = memory[:, -d:].copy()
        memory[:, d:] = memory[:, :-d].copy()  # the first step shifts the context back in place

        def step(latest: FloatArray) -> FloatArray:
            memory[:, :-d] = memory[:, d:]
            memory[:, -d:] = latest
            return self.regress(memory)

        return Forecast(self.scaler.undo(closed_loop(step, start, horizon, alive)))


@dataclass(frozen=True, eq=False)
class _Forest:
    """The nodes of all trees in one set of arrays; a leaf is its own child."""

    roots: Any
    feature: Any
    threshold: Any
    left: Any
    right: Any
    value: Any
    depth: int

    @classmethod
    def of(cls, trees: list[Any]) -> _Forest:
        """Concatenate scikit-learn trees."""
        offsets = np.cumsum([0, *(tree.node_count for tree in trees)])
        left = np.concatenate([t.children_left for t in trees])
        right = np.concatenate([t.children_right for t in trees])
        nodes = np.arange(offsets[-1])
        shift = np.repeat(offsets[:-1], np.diff(offsets))
        leaf = left < 0
        return cls(
            roots=offsets[:-1],
            feature=np.where(leaf, 0, np.concatenate([t.feature for t in trees])),
            threshold=np.concatenate([t.threshold for t in trees]),
            left=np.where(leaf, nodes, left + shift),
            right=np.where(leaf, nodes, right + shift),
            value=np.concatenate([t.value[:, :, 0] for t in trees]),
            depth=max(t.max_depth for t in trees),
        )

    def predict(self, rows: FloatArray) -> FloatArray:
        """Return the mean over the trees, ``(n, lags d)`` to ``(n, d)``."""
        # scikit-learn compares in single precision.
        x = rows.astype(np.float32)
        window = np.arange(len(rows))[:, np.newaxis]
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        for _ in range(self.depth):
            below = x[window, self.feature[node]] <= self.threshold[node]
            node = np.where(below, self.left[node], self.right[node])
        return np.asarray(self.value[node].mean(axis=1))
