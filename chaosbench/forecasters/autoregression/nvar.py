"""Nonlinear vector autoregression, also called next-generation reservoir computing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from chaosbench.errors import ParameterError
from chaosbench.forecasters._shared.arrays import Scaler, checked_training
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.polynomial import Monomials, exponents
from chaosbench.forecasters._shared.regression import Loop, choose, fitted_to_all, plans_for
from chaosbench.forecasters._shared.selection import embeddings, hold_out
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)

if TYPE_CHECKING:
    from chaosbench.trajectories import Trajectories

__all__ = ["NVAR"]

# The best is below 1e-14 on clean data and 1e-2 under noise.
_RIDGES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-18)
_DEFAULT_RIDGE = 1e-6
# Choices of features beyond the simplest are tried up to this many features.
_FEW = 500
_HIGHEST_ORDER = 9
_WIDEST = 24


@dataclass(frozen=True)
class NVAR:
    """Nonlinear vector autoregression (NG-RC) [gauthier2021].

    The features of the standardised series z at time t are a constant, the linear part L, and all
    unique monomials of the degrees 2 to `order` in L,

        L = z(t) ⊕ z(t-s) ⊕ … ⊕ z(t-(k-1)s),    Φ = 1 ⊕ L ⊕ {L_i L_j} ⊕ {L_i L_j L_l} ⊕ …,
        z(t+1) = z(t) + W Φ(t),

    with k = `delay`, s = `stride`, and W from ridge regression on the increments, solved by QR. The
    authors' features for Lorenz are those of order 2. reservoirpy's `NVAR` node has the monomials
    of degree `order` only, and so no quadratic terms at order 3 (a test checks that ours contain
    the node's).

    Settings that are None are chosen by closed-loop forecasts of the last 15% of the training data,
    by the rules that all forecasters share: delays and strides up to 8 and 3, each with the orders
    that keep at most 500 features and up to order 9, and the penalty from 1e-2 … 1e-18. With more
    than 8 variables, local models are among the choices (``neighbourhood="auto"``): each variable
    is forecast from itself and the few variables that act on it most, by one model for all
    variables or by one for each. A context has to hold all delayed states, 15 samples at most.

    Cost: with p features, O(nT p²) time and O(p²) memory to fit; the choice of features costs at
    most twice the largest fit, and O(p d) per step and window. It fails where the flow over one
    step is far from a polynomial of this degree in the delayed values (coarse sampling, kinks): the
    polynomial map then leaves the attractor, and the output is clipped to the training range,
    widened by half of it on either side. On clean data the last bits of the features decide how
    far beyond 1e-14 a penalty may fall, so that two machines may differ in the last Lyapunov time.

    Attributes:
        delay: number k of states in the linear part, or None to choose it.
        order: highest degree of the monomials, or None to choose it; 1 keeps the linear part only.
        stride: steps s between delayed states, or None to choose it.
        ridge: penalty per sample, on standardised data, or None to choose it.
        neighbourhood: ``"auto"`` to try local models too, ``"all"`` for one model of all variables.
        max_features: largest number of features; `fit` raises `ParameterError` where the settings
            need more.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delay": (1, 2, 3, 4, 6, 8), "order": (2, 3, 4, 5, 7), "stride": (1, 2, 3)}
    )

    delay: int | None = None
    order: int | None = None
    stride: int | None = None
    ridge: float | None = None
    neighbourhood: str = "auto"
    max_features: int = 1000

    def __post_init__(self) -> None:
        require_integer(self, "delay", minimum=1, optional=True)
        require_integer(self, "order", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1, optional=True)
        require_real(self, "ridge", optional=True)
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)
        require_integer(self, "max_features", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> Loop:  # noqa: ARG002
        """Solve for the readout.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.
            ParameterError: the settings need more than `max_features` features for these variables.

        """
        n, length, d = train.values.shape
        first = embeddings(d, length, delays=self.delay, stride=self.stride, widest=_WIDEST)[0]
        self._refuse_too_many(first[0], d)
        values = checked_training(train, minimum=(first[0] - 1) * first[1] + 2, who="NVAR")
        scaler = Scaler.of(values)
        plans = plans_for(
            values,
            scaler,
            delays=self.delay,
            stride=self.stride,
            local=self.neighbourhood == "auto",
            widest=_WIDEST,
        )
        plans = [plan for plan in plans if self._order(plan.width(d), self.max_features)]
        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        held_out = None
        if len(plans) * len(ridges) > 1 or self.order is None:
            warmup = max(max(plan.lags) for plan in plans) + 1
            held_out = hold_out(values, scale=scaler.scale, warmup=warmup)
        if held_out is None:
            # Half as many features as rows determine them, and order 2 is that of the authors.
            few = min(self.max_features, max(1, n * (length - max(plans[0].lags)) // 2))
            order = self.order or min(2, self._order(plans[0].width(d), few) or 1)
            return fitted_to_all(
                values,
                plans[0],
                functions=lambda plan, _: Monomials(exponents(plan.width(d), order)),
                ridge=_DEFAULT_RIDGE if self.ridge is None else self.ridge,
                scaler=scaler,
                who="NVAR",
            )
        choice = choose(
            values,
            plans,
            functions=lambda plan, _: self._features(plan.width(d)),
            ridges=ridges,
            held_out=held_out,
            scaler=scaler,
            who="NVAR",
            most=_FEW,
            whole=self.order is not None,
            stay=True,
        )
        return choice.complete(values, held_out.split)

    def _features(self, width: int) -> Monomials:
        order = self._order(width, min(_FEW, self.max_features)) or self._order(
            width, self.max_features
        )
        return Monomials(exponents(width, order))

    def _order(self, width: int, most: int) -> int:
        """Return the order of the monomials of that many variables, 0 where none is affordable."""
        if self.order is not None:
            return self.order if comb(width + self.order, self.order) <= most else 0
        order = _HIGHEST_ORDER
        while order and comb(width + order, order) > most:
            order -= 1
        return order

    def _refuse_too_many(self, delays: int, d: int) -> None:
        width = delays * d
        if not self._order(width, self.max_features):
            order = self.order or 1
            raise ParameterError(
                f"NVAR with delay={delays}, order={order} has {comb(width + order, order)} "
                f"features on {d} variables; lower delay or order, or raise "
                f"max_features={self.max_features}"
            )
