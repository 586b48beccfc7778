"""Kernel extended dynamic mode decomposition: a dictionary of Gaussian kernel functions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from chaosbench.forecasters._shared.regression import Kernels, choose, gamma_of, plans_for
from chaosbench.forecasters._shared.rollout import closed_loop, delay_rollout
from chaosbench.forecasters._shared.selection import HeldOut, hold_out, lags_of
from chaosbench.forecasters._shared.settings import (
    require_flag,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters._shared.triangular import TriangularEquations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["KernelEDMD"]

_CHUNK_BYTES = 32_000_000
_WIDTHS = (0.5, 1.0, 2.0)
_RIDGES = (1e-6, 1e-10, 1e-14, 1e-18)
_DEFAULT_WIDTH = 1.0
_DEFAULT_RIDGE = 1e-12
# The embedding is chosen with this many kernels, enough to tell embeddings apart.
_TRIAL_CENTRES = 200
_WIDEST = 24


@dataclass(frozen=True)
class KernelEDMD:
    """Koopman operator regression in the space of a Gaussian kernel [williams2015kernel].

    The dictionary consists of the functions k(x, x_j) = exp(-|x - x_j|²/w²) about m training
    states, a Nyström subsample [meanti2023]; w is `width` times the mean distance of a state from
    the mean [colbrook2024]. kooplearn's `NystroemKernelRidge` estimates the operator from all pairs
    of successive states. It gives functions φ(x) = k(x, X) U and the matrix A = Vᵀ k(Y, X) U with
    φ(x(t+1)) ≈ Aᵀ φ(x(t)). The state is read off these functions by least squares over all training
    data,

        relift:      x(t+1) = x(t) + W φ(x(t)),    iterated,
        otherwise:   x(t+h) = B (Aᵀ)^h φ(x(t)).

    kooplearn itself reads off the state from the centres alone, through the inverse of their Gram
    matrix. This is not used: it loses five digits (median valid prediction time on Lorenz 2 instead
    of 13), and `predict(n_steps=h)` of release 2.0.3 returns the state after h - 1 steps. The
    centres are drawn here, without replacement. Settings that are None are chosen by closed-loop
    forecasts of the last 15% of the training data, by the rules that all forecasters share: first
    delays and strides, by 200 kernels each, then the width and the penalty of the regression.

    Cost: O(nT m² + m³) time for each of three widths, O(m² + chunk) memory, then O(m (d + rank))
    per step and window. It fails in many variables, where m functions cannot cover the attractor,
    and under noise, which the interpolation between centres follows.

    Attributes:
        centres: number m of centres.
        rank: rank of the operator; when re-lifted, the full rank is best.
        reduced_rank: True for reduced-rank regression [kostic2022], False for principal-component
            regression.
        width: w in mean distances from the mean, or None to choose it.
        ridge: penalty per sample in the regression of the state, or None to choose it.
        relift: True to start every step from a state, False to propagate the functions linearly.
        delays: number of states stacked into one, or None to choose it; 1 where the functions are
            propagated linearly.
        stride: steps between stacked states, or None to choose it.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "kooplearn.kernel")
    extra: ClassVar[str] = "koopman"
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {"delays": (1, 2, 3, 4, 6, 8), "stride": (1, 2, 3), "centres": (300, 600, 1000)}
    )

    centres: int = 600
    rank: int = 600
    reduced_rank: bool = False
    width: float | None = None
    ridge: float | None = None
    relift: bool = True
    delays: int | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        require_integer(self, "centres", minimum=2)
        require_integer(self, "rank", minimum=1)
        require_real(self, "width", open_low=True, optional=True)
        require_real(self, "ridge", optional=True)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1, optional=True)
        require_flag(self, "relift")
        require_flag(self, "reduced_rank")

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _KernelPredictor:
        """Estimate the operator about centres drawn from `seed`.

        Raises:
            DivergedError: the training data are not finite, or the regression has no solution.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        lags = lags_of(self.delays or 1, self.stride or 1)
        values = checked_training(train, minimum=max(lags) + 5, who="KernelEDMD")
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        if self.relift and self.delays is None:
            lags = self._embedding(values, scaler, seed)
        widths = _WIDTHS if self.width is None else (self.width,)
        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        width, ridge = (
            _DEFAULT_WIDTH if self.width is None else self.width,
            _DEFAULT_RIDGE if self.ridge is None else self.ridge,
        )
        held_out = None
        if len(widths) * len(ridges) > 1:
            held_out = hold_out(values, scale=scaler.scale, warmup=max(lags) + 5)
        if held_out is not None:
            width, ridge = self._choose(scaler, z, lags, held_out, widths, ridges, seed)
        lifted, equations = self._lift(scaler, z, lags, width, seed)
        return replace(lifted, readout=equations.solve(ridge))

    def _embedding(self, values: FloatArray, scaler: Scaler, seed: int) -> tuple[int, ...]:
        """Choose delays and stride with few kernels."""
        plans = plans_for(
            values, scaler, delays=None, stride=self.stride, local=False, widest=_WIDEST
        )
        warmup = max(max(plan.lags) for plan in plans) + 1
        held_out = hold_out(values, scale=scaler.scale, warmup=warmup)
        if held_out is None or len(plans) == 1:
            return plans[0].lags

        width = _DEFAULT_WIDTH if self.width is None else self.width
        count = min(_TRIAL_CENTRES, self.centres)
        return choose(
            values,
            plans,
            functions=lambda _, states: Kernels.about(states, count, width, seed),
            ridges=_RIDGES,
            held_out=held_out,
            scaler=scaler,
            who="KernelEDMD",
            most=self.centres,
        ).trial.loop.plan.lags

    def _choose(
        self,
        scaler: Scaler,
        z: FloatArray,
        lags: tuple[int, ...],
        held_out: HeldOut,
        widths: tuple[float, ...],
        ridges: tuple[float, ...],
        seed: int,
    ) -> tuple[float, float]:
        plans = [(width, ridge) for width in widths for ridge in ridges]
        candidates = []
        for width in widths:
            lifted, equations = self._lift(scaler, z[:, : held_out.split], lags, width, seed)
            candidates += [replace(lifted, readout=equations.solve(ridge)) for ridge in ridges]
        return plans[held_out.best(candidates)]

    def _lift(
        self, scaler: Scaler, z: FloatArray, lags: tuple[int, ...], width: float, seed: int
    ) -> tuple[_KernelPredictor, TriangularEquations]:
        """Estimate the operator; return equations, not yet solved, for the readout of the state."""
        states = delay_embedding(z, lags)
        before = states[:, :-1].reshape(-1, states.shape[2])
        after = states[:, 1:].reshape(-1, states.shape[2])
        count = max(2, min(self.centres, len(before) // 2))
        chosen = np.sort(np.random.default_rng(seed).permutation(len(before))[:count])
        gamma = gamma_of(before, width)
        model = _estimate(before, after, chosen, gamma, min(self.rank, count), self.reduced_rank)
        left = np.real(model.U_) / np.sqrt(count)
        right = np.real(model.V_) / np.sqrt(count)
        lifted = _KernelPredictor(
            scaler=scaler,
            lags=lags,
            relift=self.relift,
            centres=before[chosen],
            gamma=gamma,
            left=left,
            operator=right.T @ model.kernel_YX_ @ left,
            readout=np.zeros((0, 0)),
        )
        equations = TriangularEquations()
        chunk = max(2 * count, _CHUNK_BYTES // (8 * count))
        d = z.shape[2]
        for begin in range(0, len(before), chunk):
            part = slice(begin, begin + chunk)
            x = before[part]
            target = (after[part] - x)[:, :d] if self.relift else x[:, :d]
            equations.add(lifted.features(x), target)
        return lifted, equations


def _estimate(
    before: FloatArray,
    after: FloatArray,
    chosen: NDArray[np.intp],
    gamma: float,
    rank: int,
    reduced_rank: bool,
) -> Any:
    """Fit kooplearn's estimator to pairs of states from any number of trajectories."""
    from kooplearn.kernel import NystroemKernelRidge

    given = {"_center_selection": lambda *_: chosen}
    estimator: Any = type("Estimator", (NystroemKernelRidge,), given)
    # In this series the second half lies one lag after the first, which makes exactly the pairs.
    model = estimator(
        n_components=rank, kernel="rbf", gamma=gamma, alpha=1e-12, lag_time=len(before),
        reduced_rank=reduced_rank, eigen_solver="dense", n_centers=len(chosen),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return model.fit(np.concatenate([before, after]))
        except np.linalg.LinAlgError as error:
            raise DivergedError(f"KernelEDMD found no finite solution: {error}") from error


@dataclass(frozen=True, eq=False)
class _KernelPredictor:
    scaler: Scaler
    lags: tuple[int, ...]
    relift: bool
    centres: FloatArray  # (m, d delays)
    gamma: float
    left: FloatArray  # (m, rank)
    operator: FloatArray  # (rank, rank)
    readout: FloatArray  # (rank, d)

    def features(self, x: FloatArray) -> FloatArray:
        """Return φ at states, ``(rows, rank)``."""
        return np.asarray(Kernels(self.centres, self.gamma)(x) @ self.left)

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        if self.relift:
            values = delay_rollout(
                lambda states: np.asarray(self.features(states) @ self.readout),
                context,
                horizon,
                scaler=self.scaler,
                lags=self.lags,
                who="KernelEDMD",
            )
            return Forecast(values[0])
        needed = max(self.lags) + 1
        rows, alive = checked_context(
            context,
            horizon,
            d=len(self.scaler.mean),
            minimum=needed,
            used=needed,
            who="KernelEDMD",
        )
        z = self.scaler.apply(rows)
        lifted = self.features(delay_embedding(z, self.lags)[:, 0])

        def propagate(_: FloatArray) -> FloatArray:
            nonlocal lifted
            lifted = lifted @ self.operator
            return np.asarray(lifted @ self.readout)

        return Forecast(self.scaler.undo(closed_loop(propagate, z[:, -1], horizon, alive)))
