"""darts' local models: each variable of each window is fitted separately, on its context."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.rollout import ESCAPE
from chaosbench.forecasters._shared.settings import require_flag, require_integer, single_threaded
from chaosbench.forecasters.darts._series import series, silence

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["FFT", "ExponentialSmoothing", "FourTheta", "Theta"]


@dataclass(frozen=True)
class _Local(ABC):
    """A univariate model that is fitted to every context anew.

    The training data only give the number of variables and the scale. A variable that is constant
    within a context is repeated.
    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "darts.models")

    def fit(self, train: Trajectories, *, seed: int) -> _LocalPredictor:  # noqa: ARG002
        """Measure the scale; raise `DivergedError` on non-finite training data."""
        values = checked_training(train, minimum=1, who=type(self).__name__)
        return _LocalPredictor(config=self, scaler=Scaler.of(values))

    @property
    @abstractmethod
    def minimum(self) -> int:
        """Points that a context needs at least."""

    @abstractmethod
    def model(self, variable: Any) -> Any:
        """Return the darts model for a series, not yet fitted."""


@dataclass(frozen=True)
class Theta(_Local):
    """Theta method, darts' `Theta` [assimakopoulos2000], [herzen2022].

        ŷ(C+h) = ℓ(C) + b (1 - 1/θ) (h - 1 + (1 - (1-α)^C) / α)

    with the level ℓ(t) = α y(t) + (1-α) ℓ(t-1) of simple exponential smoothing (SES) and half the
    slope b of the least-squares line through the context. The model is fitted per variable on each
    context; the training data are not used. With a `season`, its additive pattern is removed first
    and added back afterwards; multiplicative seasons fail on data that are not positive.

    Cost: O(C) for each step of the optimiser in each of the n d fits, about 5 ms for C = 512. It
    fails on chaos as persistence does: on finely sampled data α is 1, and the level is the last
    value.

    Attributes:
        theta: coefficient θ of the theta line, at least 1; 2 is the original method, 1 is SES.
        season: steps of a season that is removed first; 1 for none.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType({"theta": (1, 2, 3)})

    theta: int = 2
    season: int = 1

    def __post_init__(self) -> None:
        require_integer(self, "theta", minimum=1)
        require_integer(self, "season", minimum=1)

    @property
    def minimum(self) -> int:
        """Two seasons, and at least 10 points."""
        return max(10, 2 * self.season)

    def model(self, variable: Any) -> Any:  # noqa: ARG002
        """Return the darts model, not yet fitted."""
        from darts.models import Theta as Model
        from darts.utils.utils import SeasonalityMode

        mode = SeasonalityMode.ADDITIVE if self.season > 1 else SeasonalityMode.NONE
        return Model(theta=self.theta, seasonality_period=self.season, season_mode=mode)


@dataclass(frozen=True)
class FourTheta(_Local):
    """4Theta, darts' `FourTheta` [spiliotis2020], [herzen2022].

        ŷ(C+h) = SES[θ y + (1-θ) l](C) / θ + (1 - 1/θ) l(C+h)

    where l is the least-squares line through the context and SES simple exponential smoothing: the
    theta method with smoothing and line weighted by θ. At θ = 2 without a season it is `Theta`. It
    differs by its selection: θ is the one of 1, 2, 3 that fits the context with the least mean
    absolute error, by darts' `FourTheta.select_best_model`, and a season is found by the
    autocorrelation of the context. The selection among multiplicative models, exponential trends
    and multiplicative seasons needs positive data. Standardised data are not positive, and for them
    neither darts nor the source tries these. The model is fitted per variable on each context; the
    training data are not used.

    Cost: four fits where `Theta` takes one, and the decomposition. It fails as `Theta` does; a
    season that it finds in chaos is spurious.

    Attributes:
        theta: coefficient θ of the theta line, at least 1, or None to choose it.
        season: steps of a season that is removed first, additively; 1 for none, None to look for
            one.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType({"season": (1, None)})

    theta: int | None = None
    season: int | None = None

    def __post_init__(self) -> None:
        require_integer(self, "theta", minimum=1, optional=True)
        require_integer(self, "season", minimum=1, optional=True)

    @property
    def minimum(self) -> int:
        """Two seasons, and at least 10 points."""
        return max(10, 2 * (self.season or 1))

    def model(self, variable: Any) -> Any:
        """Return the darts model for a series, not yet fitted."""
        from darts.models import FourTheta as Model
        from darts.utils.utils import SeasonalityMode

        thetas = [1, 2, 3] if self.theta is None else [self.theta]
        theta = thetas[0]
        if len(thetas) > 1:
            best, _, _ = Model.select_best_model(
                variable, thetas=thetas, m=self.season, normalization=False
            )
            theta = best.theta
        mode = SeasonalityMode.NONE if self.season == 1 else SeasonalityMode.ADDITIVE
        return Model(
            theta=theta, seasonality_period=self.season, season_mode=mode, normalization=False
        )


@dataclass(frozen=True)
class FFT(_Local):
    """Fourier extrapolation, darts' `FFT` [herzen2022].

        ŷ(C+h) = y_K(1 + (h-1) mod C),    y_K = the sum of the K largest Fourier components of y

    The context, reduced to its strongest frequencies, is repeated. The model is fitted per variable
    on each context; the training data are not used.

    Cost: O(n d C log C). It fails at the first step: the frequencies are multiples of 1/C, so the
    forecast continues the beginning of the context and not its end. The two join only where the
    context is one whole period.

    Attributes:
        frequencies: number K of Fourier coefficients that are kept; a real oscillation takes two.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"frequencies": (4, 10, 30, 100)}
    )

    frequencies: int = 10

    def __post_init__(self) -> None:
        require_integer(self, "frequencies", minimum=1)

    @property
    def minimum(self) -> int:
        """10 points."""
        return 10

    def model(self, variable: Any) -> Any:  # noqa: ARG002
        """Return the darts model, not yet fitted."""
        from darts.models import FFT as Model

        # The data have no calendar, in which darts would look for seasons.
        return Model(nr_freqs_to_keep=self.frequencies, required_matches=set())


@dataclass(frozen=True)
class ExponentialSmoothing(_Local):
    """Holt's damped trend with Winters' season, darts' `ExponentialSmoothing` [winters1960].

        ℓ(t) = α (y(t) - s(t-P)) + (1-α) (ℓ(t-1) + φ b(t-1)),
        b(t) = β (ℓ(t) - ℓ(t-1)) + (1-β) φ b(t-1),
        ŷ(C+h) = ℓ(C) + (φ + … + φ^h) b(C) + s

    with a level ℓ, a trend b that fades by the factor φ, and, where `season` is given, an additive
    season s of P steps [hyndman2021], [herzen2022]. statsmodels finds α, β, φ and the initial
    values by maximum likelihood. The model is fitted per variable on each context; the training
    data are not used.

    Cost: O(C) for each step of the optimiser in each of the n d fits, about 25 ms for C = 512; a
    season adds P unknowns and half a second. It fails on chaos because the trend is a straight
    line, which the state leaves within a fraction of a period.

    Attributes:
        damped: whether the trend fades.
        season: steps P of a season; 1 for none.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"damped": (False, True)}
    )

    damped: bool = True
    season: int = 1

    def __post_init__(self) -> None:
        require_flag(self, "damped")
        require_integer(self, "season", minimum=1)

    @property
    def minimum(self) -> int:
        """Two seasons and two points for the trend, and at least 12 points."""
        return max(12, 2 * self.season + 2)

    def model(self, variable: Any) -> Any:  # noqa: ARG002
        """Return the darts model, not yet fitted."""
        from darts.models import ExponentialSmoothing as Model
        from darts.utils.utils import ModelMode, SeasonalityMode

        seasonal = self.season > 1
        return Model(
            trend=ModelMode.ADDITIVE,
            damped=self.damped,
            seasonal=SeasonalityMode.ADDITIVE if seasonal else None,
            seasonal_periods=self.season if seasonal else None,
        )


@dataclass(frozen=True, eq=False)
class _LocalPredictor:
    config: _Local
    scaler: Scaler

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context,
            horizon,
            d=len(self.scaler.mean),
            minimum=self.config.minimum,
            used=None,
            who=type(self.config).__name__,
        )
        z = self.scaler.apply(rows)
        values = np.empty((len(z), horizon, z.shape[2]))
        with silence(), np.errstate(all="ignore"):
            for i, window in enumerate(z):
                for j, variable in enumerate(window.T):
                    values[i, :, j] = self._continue(variable, horizon) if alive[i] else np.nan
        escaped = ~(np.abs(values).max(axis=2) < ESCAPE)
        values[np.logical_or.accumulate(escaped, axis=1)] = np.nan
        return Forecast(self.scaler.undo(values))

    def _continue(self, variable: FloatArray, horizon: int) -> FloatArray:
        """Fit darts' model to ``(C,)`` and forecast ``(H,)``."""
        if np.ptp(variable) < 1e-12:
            return np.full(horizon, variable[-1])
        seen = series(variable[np.newaxis, :, np.newaxis])[0]
        model = self.config.model(seen)
        model.fit(seen)
        return np.asarray(model.predict(horizon).values()[:, 0])
