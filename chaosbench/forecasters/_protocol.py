"""The interface of a forecaster: two methods and one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from chaosbench.errors import InvalidForecastError
from chaosbench.text import html_facts
from chaosbench.trajectories import in_order, unmasked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["EXPOSURES", "Forecast", "Forecaster", "Predictor"]

EXPOSURES = ("none", "catalogue", "unknown")
"""What a pretrained forecaster may have met of the exam: no trajectory of a system of the
catalogue, trajectories of its systems, or nobody knows."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """The result of a prediction.

    Attributes:
        values: point forecast ``(n, H, d)``.
        samples: ``(m, n, H, d)`` draws from the predictive distribution, or None.

    Non-finite numbers are allowed, and what a masked array hides is NaN. They are scored as the
    worst value and never dropped.

    """

    values: FloatArray
    samples: FloatArray | None = None

    def __init__(self, values: ArrayLike, samples: ArrayLike | None = None) -> None:
        object.__setattr__(self, "values", _real(values, axes=3, what="forecast values (n, H, d)"))
        if samples is not None:
            samples = _real(samples, axes=4, what="forecast samples (m, n, H, d)")
            if samples.shape[1:] != self.values.shape:
                raise InvalidForecastError(
                    f"samples must have shape (m, n, H, d) with (n, H, d) = {self.values.shape}, "
                    f"the shape of the values, not {samples.shape}"
                )
        object.__setattr__(self, "samples", samples)

    def _repr_html_(self) -> str:
        n, steps, d = self.values.shape
        wrong = int((~np.isfinite(self.values)).sum())
        return html_facts(
            f"Forecast: {n:,} of {steps:,} steps of {d:,} variables",
            {
                "samples": "none" if self.samples is None else f"{len(self.samples):,}",
                "not finite": f"{wrong:,} values" if wrong else "",
            },
        )


def _real(values: ArrayLike, *, axes: int, what: str) -> FloatArray:
    array = unmasked(values)
    if array.dtype.kind not in "fiu":
        raise InvalidForecastError(f"{what} must be real numbers, not {array.dtype}")
    if array.ndim != axes:
        raise InvalidForecastError(f"{what} must have {axes} axes, not shape {array.shape}")
    return in_order(array.astype(np.float64, copy=False))


@runtime_checkable
class Predictor(Protocol):
    """A fitted forecaster.

    Only `predict` is required. A predictor may offer more; one that cannot either lacks the method
    or raises `UnsupportedError`. States are ``(n, d)`` and in the units of the data.

    - ``vector_field(states)``: the time derivative at these states, per time unit.
    - ``next_state(states)``: for maps, the states one step later.
    - ``polynomial()``: exponents and coefficients, each ``(p, d)``, of a polynomial right-hand
      side.
    - ``audit()``: an `Audit` of the eigenvalues of a Koopman model.
    - ``equations()``: lines of text for a reader, which the Record keeps.

    The first three are scored on the track ``equation``.
    """

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context.

        Args:
            context: ``(n, C, d)``, sampled with the time step of the training data; the forecast
                begins one step after its last row.
            horizon: number of steps `H`.

        Returns:
            A `Forecast` with values ``(n, H, d)``.

        """
        ...


@runtime_checkable
class Forecaster(Protocol):
    """A frozen dataclass of settings; all randomness comes from the seed.

    Optional class attributes:

    - ``libraries: ClassVar[tuple[str, ...]]``: modules to import before the clock starts, so that
      an import does not count as fitting.
    - ``extra: ClassVar[str]``: the extra of chaosbench that installs these modules, if one is
      needed.
    - ``handles_gaps: ClassVar[bool] = True``: `fit` and `predict` accept NaN for lost samples.
      Otherwise lost samples are interpolated linearly first.
    - ``search_space: ClassVar[Mapping[str, tuple]]``: the values of each setting that tuning may
      try, in order: from one value, tuning moves on to its neighbours.
    - ``exposure: ClassVar[str]``: what a pretrained forecaster may have met of the exam, one of
      `EXPOSURES`. One that was not pretrained has none.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def fit(self, train: Trajectories, *, seed: int) -> Predictor:
        """Learn from `train` (values ``(n, T, d)``) and return the predictor."""
        ...
