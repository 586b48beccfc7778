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
# Of the mean square of the features, which are of order one. Smaller than rounding allows in normal
# equations: a triangular factor of the features resolves the square root of that.
_RIDGES = (1e-4, 1e-8, 1e-12, 1e-16, 1e-20)
_DEFAULT_RIDGE = 1e-10


@dataclass(frozen=True)
class EDMD:
    """Extended dynamic mode decomposition, lifted again at every step [williams2015].

    With ψ a dictionary of functions of the scaled state z, a constant and z itself among them, the
    matrix K of least squares ψ(z(t+1)) ≈ K ψ(z(t)) approximates the Koopman operator on its span.
    A forecast can be made in two ways, which agree after one step and not after two:

        relift:      z(t+h) = B (K ψ(z(t+h-1))),    a nonlinear map, iterated,
        otherwise:   z(t+h) = B K^h ψ(z(t)),        linear in the lifted state,

    with B reading z off ψ. Only the second is what the theory calls a Koopman forecast, and in
    chaos it is poor: no finite dictionary is invariant, and what leaves it is lost
    (`LinearEDMD` is registered beside this one to show it). The first only needs the rows of K
    that belong to z. `audit` says which eigenvalues of K to believe [colbrook2024].

    Polynomials are products over variables, up to a total degree, of Legendre or Chebyshev
    polynomials on the box of the training data, or of monomials of standardised data; ``radial``
    are thin-plate splines about training states. The regression is on increments, by orthogonal
    triangularisation of the features: on an attractor, which is thin, they are nearly dependent
    (condition 10⁵ at degree 5 on Lorenz, 10⁹ at degree 8), and normal equations would square that.
    With ``ridge=None`` the penalty, and the dictionary among the smaller ones that begin this one,
    are those whose closed loop follows the last 15% of the training data longest: a degree higher
    than needed costs time only. Degree 5 keeps a Lorenz orbit for 12 Lyapunov times, degree 9 all
    of the 16 that were tried; on Thomas' cyclic attractor they are 1.6 and 5.

    Cost: p functions, C(d' + degree, degree) for d' = d·delays variables, take O(nT p²) time to
    fit (p³ for each candidate) and O(p²) memory; O(p d) a step and window re-lifted, O(p²) linear.
    It fails where the map over one step is far from the dictionary (coarse sampling, kinks), in
    many variables, where only a low degree fits into `max_features`. A polynomial grows without
    bound outside of the box; re-lifted states are held in it, widened by half on either side.

    Attributes:
        dictionary: ``"legendre"``, ``"chebyshev"``, ``"monomials"`` or ``"radial"``.
        degree: highest total degree of the polynomials; the one used may be lower, see `ridge`.
        relift: whether every step starts from a state, or the lifted state is propagated linearly.
        delays: states stacked into one, 1 when the state is fully observed.
        stride: steps between stacked states.
        centres: number of thin-plate splines.
        ridge: penalty per sample relative to features of order one, or None to choose it, and how
            much of the dictionary to use, by held-out rollout.
        max_features: a polynomial dictionary of more functions is cut to a lower degree.

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
        """Solve for K; `seed` draws the centres of splines.

        Raises:
            DivergedError: non-finite training data.
            InvalidForecastError: training trajectories shorter than the delays.

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
            columns = None if self.relift else size  # the targets are the features themselves
            return replace(
                lifted,
                dictionary=lifted.dictionary.first(size),
                matrix=equations.solve(ridge, size=size, columns=columns),
            )

        # The smallest dictionary comes first: it wins ties, and then has the fewest functions.
        plans = [(size, ridge) for size in lifted.dictionary.sizes for ridge in _RIDGES]
        chosen = held_out.best([reduced(*plan) for plan in plans])
        # The first increment of the tail starts from the last states before it.
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

    See there for the equations, the settings and the cost. On Lorenz it loses the truth within a
    third of a Lyapunov time at degrees 2 to 5: the spectrum of a mixing system is continuous but
    for the eigenvalue 1, and a finite matrix has none of it.

    Attributes:
        degree: highest total degree of the polynomials.
        relift: False, or it would be the other one.

    """

    degree: int = 5
    relift: bool = False


def _box(values: FloatArray, scaler: Scaler) -> Scaler:
    """Map the range of each variable to [-1, 1]; a constant one keeps its scale."""
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
    matrix: FloatArray  # of increments, (p, d) or, linear, (p, p)
    training: FloatArray  # scaled, (n, T, d)
    bounds: FloatArray | None = None  # of re-lifted states, (2, d)

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
            UnsupportedError: the model is one of several delayed states.

        """
        z = self.scaler.apply(np.asarray(states, dtype=float))
        return self.scaler.undo(z + self.dictionary(self._undelayed(z)) @ self._increments())

    def polynomial(self) -> tuple[FloatArray, FloatArray]:
        """Return exponents and coefficients, each ``(p, d)``, of the map over one step.

        Raises:
            UnsupportedError: the model is one of several delayed states, or of splines.

        """
        d = len(self.scaler.mean)
        self._undelayed(np.zeros((1, d)))
        if not isinstance(self.dictionary, Polynomials):
            raise UnsupportedError("thin-plate splines are no polynomials: there is none to show")
        step = self._increments().copy()
        step[1 : 1 + d] += np.eye(d)
        step *= self.scaler.scale
        step[0] += self.scaler.mean
        monomials = self.dictionary.expanded(self.scaler.mean, self.scaler.scale)
        return self.dictionary.powers.astype(float), monomials.T @ step

    @single_threaded
    def audit(self, *, tolerance: float = 0.1, most: int = 300, points: int = 41) -> Audit:
        """Verify the eigenvalues of K on the training data; see `resdmd`.

        Args:
            tolerance: largest residual of a verified eigenvalue.
            most: a larger dictionary is cut to its leading functions, because every point of the
                pseudospectrum costs their cube.
            points: of the pseudospectrum's grid along each axis.

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
        """Return the part of the matrix that moves the state, ``(p, d)``."""
        d = len(self.scaler.mean)
        return self.matrix if self.relift else self.matrix[:, 1 : 1 + d]

    def _undelayed(self, z: FloatArray) -> FloatArray:
        if len(self.lags) > 1:
            raise UnsupportedError(
                f"{self.who} with delays={len(self.lags)} has no map of one state to show; "
                "set delays=1"
            )
        return z
