"""Hankel dynamic mode decomposition: a linear model of long delay vectors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import DivergedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import (
    Scaler,
    checked_context,
    checked_training,
    delay_embedding,
)
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.selection import hold_out
from chaosbench.forecasters._shared.settings import require_flag, require_integer, single_threaded

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["HankelDMD"]

_RANKS = (3, 10, 30, 100)
_LEAST_SINGULAR = 1e-12  # relative to the largest singular value; below is rounding


@dataclass(frozen=True)
class HankelDMD:
    """Dynamic mode decomposition of delay vectors [arbabi2017], [schmid2010].

    The last `delays` standardised states form one vector h(t). A linear operator of rank r,

        h(t+1) = Φ Λ Φ⁺ h(t),    from U = the leading left singular vectors of the h(t),

    has eigenvalues Λ and modes Φ that approximate those of the Koopman operator on the functions
    spanned by delays of the variables. pydmd's `DMD` finds them from the pairs of delay vectors of
    all trajectories (its `HankelDMD` stacks the delays of one trajectory in the same way; a test
    compares the eigenvalues). A forecast takes the amplitudes Φ⁺h of the given context and
    multiplies them by Λ at every step. With ``rank=None`` the rank is the one of 3, 10, 30, 100
    whose forecasts follow the last 15% of the training data longest.

    Cost: O(nT (d delays)²) time and O(nT d delays) memory to fit, O(r) per step and window. It is
    exact on sums of periodic signals and fails on chaos: the linear forecast decays to the mean or,
    with `stable`, continues as a quasi-periodic signal that is out of phase within one Lyapunov
    time.

    Attributes:
        delays: number of states in one vector. Fewer are used when the training trajectories are
            shorter than twice as long, or when the vector would have more than `max_features`
            numbers. A context needs as many states.
        rank: r, or None to choose it by held-out forecasts.
        stable: move eigenvalues outside the unit circle onto it. An attractor neither grows nor
            shrinks, so growth is an error of the estimate.
        max_features: largest length of a delay vector.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "pydmd")
    extra: ClassVar[str] = "koopman"
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (10, 25, 50, 100, 200)}
    )

    delays: int = 50
    rank: int | None = None
    stable: bool = True
    max_features: int = 600

    def __post_init__(self) -> None:
        require_integer(self, "delays", minimum=1)
        require_integer(self, "rank", minimum=1, optional=True)
        require_integer(self, "max_features", minimum=1)
        require_flag(self, "stable")

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _HankelPredictor:  # noqa: ARG002
        """Decompose the delay vectors.

        Raises:
            DivergedError: the training data are not finite, or the decomposition does not converge.
            InvalidForecastError: the training trajectories have fewer than 4 points.

        """
        values = checked_training(train, minimum=4, who="HankelDMD")
        scaler = Scaler.of(values)
        most = min((values.shape[1] - 1) // 2, self.max_features // values.shape[2])
        delays = max(1, min(self.delays, most))
        z = scaler.apply(values)
        rank = self.rank
        if rank is None:
            held_out = hold_out(values, scale=scaler.scale, warmup=delays + 1)
            rank = _RANKS[-1]
            if held_out is not None:
                part = z[:, : held_out.split]
                candidates = [self._decompose(scaler, part, delays, r) for r in _RANKS]
                rank = _RANKS[held_out.best(candidates)]
        return self._decompose(scaler, z, delays, rank)

    def _decompose(self, scaler: Scaler, z: FloatArray, delays: int, rank: int) -> _HankelPredictor:
        stacked = delay_embedding(z, tuple(range(delays)))
        before = stacked[:, :-1].reshape(-1, stacked.shape[2]).T
        after = stacked[:, 1:].reshape(-1, stacked.shape[2]).T
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the condition number, which the rank bounds
            from pydmd import DMD

            sizes = np.linalg.svd(before @ before.T, compute_uv=False) ** 0.5
            model = DMD(svd_rank=max(1, min(rank, int((sizes > _LEAST_SINGULAR * sizes[0]).sum()))))
            try:
                model.fit(before, after)
            except np.linalg.LinAlgError as error:
                raise DivergedError(f"HankelDMD found no finite modes: {error}") from error
        eigenvalues = np.asarray(model.eigs, dtype=complex)
        if self.stable:
            eigenvalues = eigenvalues / np.maximum(np.abs(eigenvalues), 1.0)
        modes = np.asarray(model.modes, dtype=complex)
        return _HankelPredictor(
            scaler=scaler,
            delays=delays,
            eigenvalues=eigenvalues,
            modes=modes[: len(scaler.mean)],
            amplitudes=np.linalg.pinv(modes),
        )


@dataclass(frozen=True, eq=False)
class _HankelPredictor:
    scaler: Scaler
    delays: int
    eigenvalues: Any  # (r,), complex
    modes: Any  # (d, r), the part of the newest state
    amplitudes: Any  # (r, d delays), Φ⁺

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context,
            horizon,
            d=len(self.scaler.mean),
            minimum=self.delays,
            used=self.delays,
            who="HankelDMD",
        )
        z = self.scaler.apply(rows)
        stacked = delay_embedding(z, tuple(range(self.delays)))[:, 0]
        amplitude = stacked @ self.amplitudes.T

        def propagate(_: FloatArray) -> FloatArray:
            nonlocal amplitude
            amplitude = amplitude * self.eigenvalues
            return np.asarray((amplitude @ self.modes.T).real)

        return Forecast(self.scaler.undo(closed_loop(propagate, z[:, -1], horizon, alive)))
