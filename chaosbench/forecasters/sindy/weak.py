"""Weak SINDy: test functions as wide as the noise asks for, and a start that is estimated."""

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

        ∫ φ Θ(u) dt C = -∫ φ' u dt,

    rows for the same thresholded least squares as in `SINDy`, in which no datum is differentiated.
    The wider φ, the more noise is averaged away and the less motion is left to fit: on Lorenz with
    5% noise, 38 samples a turn, the coefficients are best at half widths of 8 to 12
    and several times worse at 24. Half widths of 4, 8, 12 and 18 samples are tried, and everything
    that `SINDy` tries with each; of what held-out rollouts cannot tell from the best, the sparsest
    wins.

    The noise of the last sample would limit any forecast. Where that helps on held-out data, the
    last state is therefore the end of the orbit of the equation found that passes the last 4, 12 or
    24 samples of the context closest.

    The integrals are sums over the samples at all window positions; pysindy's `WeakPDELibrary`
    draws windows at random, a tenth of the whole record long unless told otherwise, and takes half
    a second for 500 of them. On noise-free data both find the same coefficients (a test).

    Cost: four times `SINDy`'s regressions and three times its rollouts, and per window of the
    forecast 6 (d + 1) orbits of `settle` samples. It fails where `SINDy` does, but for the noise:
    noise inside nonlinear terms still biases the coefficients, strongly so from 20% of σ on.

    Attributes:
        degree, threshold, discrete, refine, max_terms: as in `SINDy`.
        half_width: samples on each side of the centre of a test function, or None to choose.
        settle: samples that the last state of a context is estimated from, 0 to take the last one
            as it is, or None to choose.

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
