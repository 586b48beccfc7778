"""Weak SINDy: test functions as wide as the noise requires, and an estimated initial state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._shared.settings import require_integer
from chaosbench.forecasters.sindy._identification import (
    Candidate,
    EquationPredictor,
    PolynomialPredictor,
    rollout_scores,
)
from chaosbench.forecasters.sindy.strong import SINDy

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.selection import HeldOut
    from chaosbench.trajectories import FloatArray

__all__ = ["WeakSINDy"]

_SETTLE = (0, 4, 12, 24)


@dataclass(frozen=True)
class WeakSINDy(SINDy):
    """SINDy for noisy data, in the weak form [messenger2021].

    With test functions φ that vanish at both ends of a window, integration by parts gives

        ∫ φ Θ(u) dt C = -∫ φ' u dt.

    These are the rows of the thresholded least squares of `SINDy`, and they need no derivative of
    the data. A wider φ averages away more noise and leaves less of the motion to fit: on Lorenz
    with 5% noise and 38 samples per turn, the coefficients are best at half widths of 8 to 12 and
    several times worse at 24. Half widths of 4, 8, 12 and 18 samples are tried, each with
    everything that `SINDy` tries. Of the candidates that held-out rollouts cannot tell from the
    best, the sparsest wins.

    The noise of the last sample would limit any forecast. Therefore, where this helps on held-out
    data, the initial state is the end of that orbit of the identified equation which passes closest
    to the last 4, 12 or 24 samples of the context.

    The integrals are sums over the samples, at all window positions. pysindy's `WeakPDELibrary`
    draws windows at random, by default a tenth as long as the whole record, and takes half a second
    for 500 of them. On noise-free data both find the same coefficients (a test compares them).

    Cost: four times the regressions of `SINDy` and three times its rollouts; per window of the
    forecast, 6 (d + 1) orbits of `settle` samples. Apart from noise, it fails where `SINDy` does.
    Noise inside nonlinear terms still biases the coefficients, strongly from 20% of σ on.

    Attributes:
        degree, threshold, discrete, refine, max_terms: as in `SINDy`.
        half_width: samples on each side of the centre of a test function, or None to choose it.
        settle: number of samples from which the last state of a context is estimated; 0 to take the
            last sample itself, None to choose it.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "threshold": (0.001, 0.01, 0.03, 0.1, 0.3),
            "degree": (2, 3, 4, 5),
        }
    )

    _warmup: ClassVar[int] = max(_SETTLE)
    _settle: ClassVar[int] = 12
    _parsimonious: ClassVar[bool] = True

    half_width: int | None = None
    settle: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "settle", minimum=0, optional=True)

    def _predictor(
        self,
        chosen: Candidate,
        u: FloatArray,  # noqa: ARG002
        held_out: HeldOut | None,
        shown: dict[str, Any],
        seed: int,  # noqa: ARG002
    ) -> EquationPredictor:
        settle = self.settle or 0
        if self.settle is None and held_out is not None:
            scores = [rollout_scores(chosen.model, held_out, settle=k).mean() for k in _SETTLE]
            settle = _SETTLE[int(np.argmax(np.round(scores, 3)))]
        return PolynomialPredictor(model=chosen.model, who=self._who, settle=settle, **shown)
