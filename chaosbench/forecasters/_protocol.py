"""What a forecaster is: two methods and one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from chaosbench.errors import InvalidForecastError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Forecast", "Forecaster", "Predictor"]


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a predictor returns.

    Attributes:
        values: point forecast ``(n, H, d)``.
        samples: ``(m, n, H, d)`` draws from the predictive distribution, or None.

    Non-finite numbers are allowed: they are scored as the worst, never dropped.

    """

    values: FloatArray
    samples: FloatArray | None = None

    def __init__(self, values: ArrayLike, samples: ArrayLike | None = None) -> None:
        object.__setattr__(self, "values", _real(values, axes=3, what="forecast values (n, H, d)"))
        if samples is not None:
            samples = _real(samples, axes=4, what="forecast samples (m, n, H, d)")
            if samples.shape[1:] != self.values.shape:
                raise InvalidForecastError(
                    f"samples have shape (m, n, H, d) over values {self.values.shape}, "
                    f"not {samples.shape}"
                )
        object.__setattr__(self, "samples", samples)


def _real(values: ArrayLike, *, axes: int, what: str) -> FloatArray:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise InvalidForecastError(f"{what} must be real numbers, not {array.dtype}")
    if array.ndim != axes:
        raise InvalidForecastError(f"{what} must have {axes} axes, not shape {array.shape}")
    return array.astype(np.float64, copy=False)


@runtime_checkable
class Predictor(Protocol):
    """A fitted forecaster.

    A predictor that knows an equation may show it, to be scored on the track ``equation``, through
    further methods: ``vector_field(states)``, the time derivative at states ``(n, d)`` per time
    unit; ``next_state(states)``, for maps, the states one step later; both in the units of the
    data. And ``polynomial()``, the exponents and the coefficients, each ``(p, d)``, of a polynomial
    right-hand side. A predictor of a Koopman model may have ``audit()``, which returns an `Audit`
    of its eigenvalues (see `resdmd`). What it does not have it lacks, or raises `UnsupportedError`
    for. Its method ``equations()`` returns lines for a reader, which the Record keeps.
    """

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context.

        Args:
            context: ``(n, C, d)``, sampled with the training step; the forecast begins one step
                after its last row.
            horizon: number of steps `H`.

        Returns:
            A `Forecast` with values ``(n, H, d)``.

        """
        ...


@runtime_checkable
class Forecaster(Protocol):
    """A frozen dataclass of settings; all randomness comes from `seed`.

    A class attribute ``libraries: ClassVar[tuple[str, ...]]`` may name modules to import before
    the clock starts, so that an import does not count as fitting; ``extra: ClassVar[str]`` the
    extra of chaosbench that installs them, if one is needed. Samples that were lost are
    interpolated linearly before `fit` and `predict`, unless ``handles_gaps: ClassVar[bool] = True``
    says that NaN is welcome. ``search_space: ClassVar[Mapping[str, tuple]]`` maps settings to the
    values that tuning may try, in order: neighbours are tried next.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def fit(self, train: Trajectories, *, seed: int) -> Predictor:
        """Learn from `train` (values ``(n, T, d)``) and return the predictor."""
        ...
