"""Extended dynamic mode decomposition: linear regression in a dictionary of observables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import UnsupportedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import (
    Scaler,
    checked_context,
    checked_training,
    delay_embedding,
)
from chaosbench.forecasters._shared.polynomial import exponents
from chaosbench.forecasters._shared.rollout import closed_loop, delay_rollout, output_bounds
from chaosbench.forecasters._shared.selection import hold_out
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_flag,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters._shared.triangular import TriangularEquations
from chaosbench.forecasters.koopman._dictionary import (
    POLYNOMIALS,
    Dictionary,
    Polynomials,
    Radial,
    degree_within,
)
from chaosbench.forecasters.koopman.audit import Audit, audit

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["EDMD", "LinearEDMD"]

_CHUNK_BYTES = 32_000_000
# Relative to the mean square of the features, which is of order one. A triangular factor of the
# features resolves penalties that would be lost to rounding in normal equations.
_RIDGES = (1e-4, 1e-8, 1e-12, 1e-16, 1e-20)
_DEFAULT_RIDGE = 1e-10


@dataclass(frozen=True)
class EDMD:
    """Extended dynamic mode decomposition, lifted again at every step [williams2015].

    Let ψ be a dictionary of functions of the scaled state z that contains a constant and z itself.
    The matrix K of the least-squares problem ψ(z(t+1)) ≈ K ψ(z(t)) approximates the Koopman
    operator on the span of ψ. There are two ways to forecast, which agree after one step but not
    after two:

        relift:      z(t+h) = B (K ψ(z(t+h-1))),    a nonlinear map, iterated,
        otherwise:   z(t+h) = B K^h ψ(z(t)),        linear in the lifted state,

    where B reads z off ψ. Only the second is a Koopman forecast in the sense of the theory. On
    chaos it is poor: no finite dictionary is invariant, and what leaves its span is lost
    (`LinearEDMD` is registered to show this). The first needs only the rows of K that belong to z.
    `audit` says which eigenvalues of K can be trusted [colbrook2024].

    Polynomial dictionaries are products over variables, up to a total degree, of Legendre or
    Chebyshev polynomials on the box of the training data, or of monomials of standardised data.
    ``"radial"`` uses thin-plate splines about training states. The regression is on increments, by
    orthogonal triangularisation of the features: on a thin attractor they are nearly dependent
    (condition 10⁵ at degree 5 on Lorenz, 10⁹ at degree 8), and normal equations would square the
    condition number. With ``ridge=None`` the penalty, and the leading part of the dictionary that
    is used, are those whose closed loop follows the last 15% of the training data longest: a degree
    higher than needed costs only time. Degree 5 follows a Lorenz orbit for 12 Lyapunov times,
    degree 9 for all of the 16 that were tried; on Thomas' cyclic attractor the figures are 1.6 and
    5.

    Cost: p functions, C(d' + degree, degree) for d' = d·delays variables, take O(nT p²) time to fit
    (p³ for each candidate) and O(p²) memory, then per step and window O(p d) re-lifted or O(p²)
    linear. It fails where the map over one step is far from the dictionary (coarse sampling,
    kinks), and in many variables, where only a low degree fits into `max_features`. A polynomial
    grows without bound outside the box; re-lifted states are clipped to the box, widened by half of
    it on either side.

    Attributes:
        dictionary: ``"legendre"``, ``"chebyshev"``, ``"monomials"`` or ``"radial"``.
        degree: highest total degree of the polynomials; a lower one may be used, see `ridge` and
            `max_features`.
        relift: True to lift again at every step, False to propagate the lifted state linearly.
        delays: number of states stacked into one; 1 when the state is fully observed.
        stride: steps between stacked states.
        centres: number of thin-plate splines.
        ridge: penalty per sample relative to features of order one; None to choose it, and how much
            of the dictionary to use, by held-out rollout.
        max_features: a larger polynomial dictionary is cut to a lower degree.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "dictionary": ("legendre", "radial"),
            "degree": (2, 3, 5, 7, 9),
            "delays": (1, 2, 4),
            "stride": (1, 3),
        }
    )

    dictionary: str = "legendre"
    degree: int = 9
    relift: bool = True
    delays: int = 1
    stride: int = 1
    centres: int = 400
    ridge: float | None = None
    max_features: int = 1000

    def __post_init__(self) -> None:
        require_choice(self, "dictionary", (*POLYNOMIALS, "radial"))
        require_flag(self, "relift")
        require_integer(self, "degree", minimum=1)
        require_integer(self, "delays", minimum=1)
        require_integer(self, "stride", minimum=1)
        require_integer(self, "centres", minimum=4)
        require_real(self, "ridge", optional=True)
        require_integer(self, "max_features", minimum=1)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _EDMDPredictor:
        """Solve for K; the centres of splines are drawn from `seed`.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories are too short for the delays.

        """
        lags = tuple(i * self.stride for i in range(self.delays))
        who = type(self).__name__
        values = checked_training(train, minimum=max(lags) + 3, who=who)
        scaler = Scaler.of(values)
        scaled = _box(values, scaler) if self.dictionary in POLYNOMIALS[:2] else scaler
        z = scaled.apply(values)
        lifted = _EDMDPredictor(
            who=who,
            scaler=scaled,
            lags=lags,
            dictionary=self._dictionary(delay_embedding(z, lags), seed),
            relift=self.relift,
            matrix=np.zeros((0, 0)),
            training=z,
        )
        held_out = None
        if self.ridge is None:
            held_out = hold_out(values, scale=scaler.scale, warmup=max(lags) + 2)
        split = z.shape[1] if held_out is None else held_out.split
        equations = TriangularEquations()
        lifted.gather(equations, z[:, :split])
        if held_out is None:
            ridge = _DEFAULT_RIDGE if self.ridge is None else self.ridge
            return replace(lifted, matrix=equations.solve(ridge), bounds=output_bounds(z))

        def reduced(size: int, ridge: float) -> _EDMDPredictor:
            columns = None if self.relift else size  # linear: the targets are the features
            return replace(
                lifted,
                dictionary=lifted.dictionary.first(size),
                matrix=equations.solve(ridge, size=size, columns=columns),
            )

        # The smallest dictionary comes first and so wins ties.
        plans = [(size, ridge) for size in lifted.dictionary.sizes for ridge in _RIDGES]
        chosen = held_out.best([reduced(*plan) for plan in plans])
        # The first increment of the tail starts from the last states before the tail.
        lifted.gather(equations, z[:, split - max(lags) - 1 :])
        return replace(reduced(*plans[chosen]), bounds=output_bounds(z))

    def _dictionary(self, states: FloatArray, seed: int) -> Dictionary:
        d = states.shape[2]
        if self.dictionary in POLYNOMIALS:
            degree = degree_within(d, self.degree, self.max_features)
            return Polynomials(self.dictionary, exponents(d, degree))
        rows = states.reshape(-1, d)
        count = min(self.centres, len(rows) // 2)
        return Radial(rows[np.random.default_rng(seed).permutation(len(rows))[:count]])


@dataclass(frozen=True)
class LinearEDMD(EDMD):
    """Extended dynamic mode decomposition, propagated linearly: `EDMD` with ``relift=False``.

    The equations, the settings and the cost are those of `EDMD`. On Lorenz it loses the truth
    within a third of a Lyapunov time at degrees 2 to 5: except for the eigenvalue 1, the spectrum
    of a mixing system is continuous, and a finite matrix has no continuous spectrum.

    Attributes:
        degree: highest total degree of the polynomials.
        relift: False; True would make it `EDMD`.

    """

    degree: int = 5
    relift: bool = False


def _box(values: FloatArray, scaler: Scaler) -> Scaler:
    """Map the range of each variable to [-1, 1]; a constant variable keeps its scale."""
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    half = (high - low) / 2
    constant = half <= 1e-13 * np.maximum(np.abs(low), np.abs(high))
    return Scaler(mean=low + half, scale=np.where(constant, scaler.scale, half))


@dataclass(frozen=True, eq=False)
class _EDMDPredictor:
    who: str
    scaler: Scaler
    lags: tuple[int, ...]
    dictionary: Dictionary
    relift: bool
    matrix: FloatArray  # of increments: of the state (p, d) or, if linear, of all functions (p, p)
    training: FloatArray  # scaled, (n, T, d)
    bounds: FloatArray | None = None  # lowest and highest re-lifted states, (2, d)

    def gather(self, equations: TriangularEquations, z: FloatArray) -> None:
        """Add the transitions of scaled trajectories ``(n, T, d)``."""
        states = delay_embedding(z, self.lags)
        d = z.shape[2]
        before = states[:, :-1].reshape(-1, states.shape[2])
        after = states[:, 1:].reshape(-1, states.shape[2])
        width = len(self.dictionary(before[:1])[0])
        chunk = max(2 * width, _CHUNK_BYTES // (8 * width))
        for begin in range(0, len(before), chunk):
            part = slice(begin, begin + chunk)
            phi = self.dictionary(before[part])
            if self.relift:
                equations.add(phi, (after[part] - before[part])[:, :d])
            else:
                equations.add(phi, self.dictionary(after[part]) - phi)

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        if self.relift:
            values = delay_rollout(
                lambda states: np.asarray(self.dictionary(states) @ self.matrix),
                context,
                horizon,
                scaler=self.scaler,
                lags=self.lags,
                who=self.who,
                box=self.bounds,
            )
            return Forecast(values[0])
        d = len(self.scaler.mean)
        needed = max(self.lags) + 1
        rows, alive = checked_context(
            context, horizon, d=d, minimum=needed, used=needed, who=self.who
        )
        z = self.scaler.apply(rows)
        lifted = self.dictionary(delay_embedding(z, self.lags)[:, 0])

        def propagate(_: FloatArray) -> FloatArray:
            nonlocal lifted
            lifted = lifted + lifted @ self.matrix
            return np.asarray(lifted[:, 1 : 1 + d])

        return Forecast(self.scaler.undo(closed_loop(propagate, z[:, -1], horizon, alive)))

    @single_threaded
    def next_state(self, states: FloatArray) -> FloatArray:
        """Return the states ``(n, d)`` one step later.

        Raises:
            UnsupportedError: the model uses several delayed states.

        """
        z = self.scaler.apply(np.asarray(states, dtype=float))
        return self.scaler.undo(z + self.dictionary(self._undelayed(z)) @ self._increments())

    def polynomial(self) -> tuple[FloatArray, FloatArray]:
        """Return exponents and coefficients, each ``(p, d)``, of the map over one step.

        Raises:
            UnsupportedError: the model uses several delayed states, or splines.

        """
        d = len(self.scaler.mean)
        self._undelayed(np.zeros((1, d)))
        if not isinstance(self.dictionary, Polynomials):
            raise UnsupportedError(
                "a dictionary of thin-plate splines has no polynomial to show; "
                "choose the dictionary 'legendre', 'chebyshev' or 'monomials'"
            )
        step = self._increments().copy()
        step[1 : 1 + d] += np.eye(d)
        step *= self.scaler.scale
        step[0] += self.scaler.mean
        monomials = self.dictionary.expanded(self.scaler.mean, self.scaler.scale)
        return self.dictionary.powers.astype(float), monomials.T @ step

    @single_threaded
    def audit(self, *, tolerance: float = 0.1, most: int = 300, points: int = 41) -> Audit:
        """Verify the eigenvalues of K on the training data; see `Audit`.

        Args:
            tolerance: largest residual of a verified eigenvalue.
            most: a dictionary of more functions is cut to its leading ones, because every point of
                the pseudospectrum costs their cube.
            points: number of grid points of the pseudospectrum along each axis.

        """
        width = len(self.dictionary(np.zeros((1, self._width)))[0])
        sizes = [size for size in self.dictionary.sizes if size <= most]
        chosen = self.dictionary
        if width > most and sizes:
            chosen = chosen.first(sizes[-1])
        states = delay_embedding(self.training, self.lags)
        psi = chosen(states.reshape(-1, self._width)).reshape(*states.shape[:2], -1)
        before, after = psi[:, :-1], psi[:, 1:]
        return audit(
            before.reshape(-1, psi.shape[2]),
            after.reshape(-1, psi.shape[2]),
            tolerance=tolerance,
            points=points,
        )

    @property
    def _width(self) -> int:
        return len(self.lags) * len(self.scaler.mean)

    def _increments(self) -> FloatArray:
        """Return the columns of the matrix that move the state, ``(p, d)``."""
        d = len(self.scaler.mean)
        return self.matrix if self.relift else self.matrix[:, 1 : 1 + d]

    def _undelayed(self, z: FloatArray) -> FloatArray:
        if len(self.lags) > 1:
            raise UnsupportedError(
                f"{self.who} with delays={len(self.lags)} has no map of a single state to show; "
                "set delays=1"
            )
        return z
