"""Extended dynamic mode decomposition: linear regression in a dictionary of observables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
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
from chaosbench.forecasters._shared.neighbourhood import NEIGHBOURHOODS
from chaosbench.forecasters._shared.polynomial import exponents
from chaosbench.forecasters._shared.regression import (
    Loop,
    Plan,
    choose,
    fitted_to_all,
    plans_for,
)
from chaosbench.forecasters._shared.rollout import closed_loop, output_bounds
from chaosbench.forecasters._shared.selection import hold_out, lags_of
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
from chaosbench.trajectories import Trajectories

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray

__all__ = ["EDMD", "LinearEDMD"]

_CHUNK_BYTES = 32_000_000
# Relative to the mean square of the features, which is of order one. A triangular factor of the
# features resolves penalties that would be lost to rounding in normal equations.
_RIDGES = (1e-4, 1e-8, 1e-12, 1e-16, 1e-20)
_DEFAULT_RIDGE = 1e-10
_HIGHEST_DEGREE = 15
# Plans beyond the simplest are tried up to this many functions.
_FEW = 500
_WIDEST = 24


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
    condition number.

    Settings that are None are chosen by closed-loop forecasts of the last 15% of the training data,
    by the rules that all forecasters share: delays and strides, the degree, which for a single
    state of three variables may reach 15, and the penalty. Part of the dictionary may be left out
    wherever the penalty is chosen. Degree 5 follows a Lorenz orbit for 12 Lyapunov times, degree 9
    for all of the 16 that were tried. With more than 8 variables, local models are among the
    choices (``neighbourhood="auto"``): each variable is forecast from itself and the few variables
    that act on it most, by one model for all variables or by one for each. Propagated linearly, the
    model has one state unless `delays` is given, all variables, and degree 9 unless it is given.

    Cost: p functions, C(d' + degree, degree) for d' = d·delays variables, take O(nT p²) time to fit
    (p³ for each candidate) and O(p²) memory, then per step and window O(p d) re-lifted or O(p²)
    linear; the choice costs at most twice the largest fit. It fails where the map over one step is
    far from the dictionary (coarse sampling, kinks), and in many variables that do not act on few
    others, where only a low degree fits into `max_features`. A polynomial grows without bound
    outside the box; re-lifted states are clipped to the box, widened by half of it on either side.

    Attributes:
        dictionary: ``"legendre"``, ``"chebyshev"``, ``"monomials"`` or ``"radial"``.
        degree: highest total degree of the polynomials, or None to choose it; a lower one may be
            used, see `ridge` and `max_features`.
        relift: True to lift again at every step, False to propagate the lifted state linearly.
        delays: number of states stacked into one, or None to choose it.
        stride: steps between stacked states, or None to choose it.
        neighbourhood: ``"auto"`` to try local models too, ``"all"`` for one model of all variables.
        centres: number of thin-plate splines.
        ridge: penalty per sample relative to features of order one; None to choose it, and how much
            of the dictionary to use, by held-out rollout.
        max_features: a larger polynomial dictionary is cut to a lower degree.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "delays": (1, 2, 3, 4, 6, 8),
            "degree": (2, 3, 5, 7, 9, 15),
            "stride": (1, 2, 3),
            "dictionary": ("legendre", "radial"),
        }
    )

    dictionary: str = "legendre"
    degree: int | None = None
    relift: bool = True
    delays: int | None = None
    stride: int | None = None
    neighbourhood: str = "auto"
    centres: int = 400
    ridge: float | None = None
    max_features: int = 1000

    def __post_init__(self) -> None:
        require_choice(self, "dictionary", (*POLYNOMIALS, "radial"))
        require_flag(self, "relift")
        require_choice(self, "neighbourhood", NEIGHBOURHOODS)
        require_integer(self, "degree", minimum=1, optional=True)
        require_integer(self, "delays", minimum=1, optional=True)
        require_integer(self, "stride", minimum=1, optional=True)
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
        lags = lags_of(self.delays or 1, self.stride or 1)
        who = type(self).__name__
        values = checked_training(train, minimum=max(lags) + 3, who=who)
        scaler = Scaler.of(values)
        scaled = _box(values, scaler) if self.dictionary in POLYNOMIALS[:2] else scaler
        if not self.relift:
            return self._propagated(values, scaler, scaled, seed)
        plans = plans_for(
            values,
            scaled,
            delays=self.delays,
            stride=self.stride,
            local=self.neighbourhood == "auto",
            widest=_WIDEST,
        )

        def functions(plan: Plan, states: FloatArray) -> Dictionary:
            most = self.max_features if plan is plans[0] else min(self.max_features, _FEW)
            return self._dictionary(states, seed, most)

        ridges = _RIDGES if self.ridge is None else (self.ridge,)
        held_out = None
        if len(plans) * len(ridges) > 1:
            warmup = max(max(plan.lags) for plan in plans) + 2
            held_out = hold_out(values, scale=scaler.scale, warmup=warmup)
        if held_out is None:
            ridge = _DEFAULT_RIDGE if self.ridge is None else self.ridge
            loop = fitted_to_all(
                values, plans[0], functions=functions, ridge=ridge, scaler=scaled, who=who
            )
        else:
            choice = choose(
                values,
                plans,
                functions=functions,
                ridges=ridges,
                held_out=held_out,
                scaler=scaled,
                who=who,
                most=_FEW,
                whole=self.ridge is not None,
            )
            loop = choice.complete(values, held_out.split)
        return self._predictor(loop, loop.scaler.apply(values), seed)

    def _predictor(self, loop: Loop, z: FloatArray, seed: int) -> _EDMDPredictor:
        assert isinstance(loop.functions, (Polynomials, Radial))
        return _EDMDPredictor(
            who=loop.who,
            scaler=loop.scaler,
            plan=loop.plan,
            dictionary=loop.functions,
            relift=self.relift,
            matrix=loop.readout,
            training=z,
            bounds=loop.bounds,
            config=self,
            seed=seed,
        )

    def _propagated(
        self, values: FloatArray, scaler: Scaler, scaled: Scaler, seed: int
    ) -> _EDMDPredictor:
        """Fit the matrix of all functions, whose size and penalty alone are chosen."""
        lags = lags_of(self.delays or 1, self.stride or 1)
        z = scaled.apply(values)
        states = delay_embedding(z, lags)
        dictionary = self._dictionary(states.reshape(-1, states.shape[2]), seed, self.max_features)
        untrained = Loop(type(self).__name__, scaled, Plan(lags), dictionary, np.zeros((0, 0)))
        lifted = self._predictor(untrained, z, seed)
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
            return replace(
                lifted,
                dictionary=lifted.dictionary.first(size),
                matrix=equations.solve(ridge, size=size, columns=size),
            )

        # The smallest dictionary comes first and so wins ties.
        plans = [(size, ridge) for size in lifted.dictionary.sizes for ridge in _RIDGES]
        chosen = held_out.best([reduced(*plan) for plan in plans])
        # The first increment of the tail starts from the last states before the tail.
        lifted.gather(equations, z[:, split - max(lags) - 1 :])
        return replace(reduced(*plans[chosen]), bounds=output_bounds(z))

    def _dictionary(self, states: FloatArray, seed: int, most: int) -> Dictionary:
        """Return the functions for delay vectors ``(rows, p)``, at most so many polynomials."""
        rows, width = states.shape
        if self.dictionary in POLYNOMIALS:
            highest = _HIGHEST_DEGREE if self.degree is None else self.degree
            degree = degree_within(width, highest, most)
            return Polynomials(self.dictionary, exponents(width, degree))
        count = min(self.centres, rows // 2)
        return Radial(states[np.random.default_rng(seed).permutation(rows)[:count]])


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

    degree: int | None = 5
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
    plan: Plan
    dictionary: Dictionary
    relift: bool
    matrix: FloatArray  # of increments: of the state (p, d) or, if linear, of all functions (p, p)
    training: FloatArray  # scaled, (n, T, d)
    bounds: FloatArray | None  # lowest and highest re-lifted states, (2, d)
    config: EDMD
    seed: int

    @property
    def lags(self) -> tuple[int, ...]:
        """Lags of the stacked states in steps, 0 first."""
        return self.plan.lags

    @property
    def loop(self) -> Loop:
        """The re-lifted model."""
        return Loop(self.who, self.scaler, self.plan, self.dictionary, self.matrix, self.bounds)

    @cached_property
    def undelayed(self) -> _EDMDPredictor:
        """The model of a single state of all variables.

        Where delays or a neighbourhood were chosen, it is a second fit to the same data: what is
        asked for is a function of the state, and a forecast is not.

        Raises:
            UnsupportedError: the settings ask for several delayed states.

        """
        if len(self.lags) == 1 and self.plan.around is None:
            return self
        if (self.config.delays or 1) > 1:
            raise UnsupportedError(
                f"{self.who} with delays={len(self.lags)} has no map of a single state to show; "
                "set delays=1"
            )
        alone = replace(self.config, delays=1, stride=1, neighbourhood="all")
        data = Trajectories(self.scaler.undo(self.training), dt=1.0)
        return alone.fit(data, seed=self.seed)

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
            return self.loop.predict(context, horizon)
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
            UnsupportedError: the settings ask for several delayed states.

        """
        model = self.undelayed
        z = model.scaler.apply(np.asarray(states, dtype=float))
        return model.scaler.undo(z + model.dictionary(z) @ model._increments())

    def polynomial(self) -> tuple[FloatArray, FloatArray]:
        """Return exponents and coefficients, each ``(p, d)``, of the map over one step.

        Raises:
            UnsupportedError: the settings ask for several delayed states, or for splines.

        """
        if self.undelayed is not self:
            return self.undelayed.polynomial()
        d = len(self.scaler.mean)
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

        Where delays or a neighbourhood were chosen, the model of a single state of all variables
        is verified; delays that are given are kept.

        Args:
            tolerance: largest residual of a verified eigenvalue.
            most: a dictionary of more functions is cut to its leading ones, because every point of
                the pseudospectrum costs their cube.
            points: number of grid points of the pseudospectrum along each axis.

        """
        chosen = self.config.delays is None and len(self.lags) > 1
        if chosen or self.plan.around is not None:
            return self.undelayed.audit(tolerance=tolerance, most=most, points=points)
        width = len(self.dictionary(np.zeros((1, self._width)))[0])
        sizes = [size for size in self.dictionary.sizes if size <= most]
        dictionary = self.dictionary
        if width > most and sizes:
            dictionary = dictionary.first(sizes[-1])
        states = delay_embedding(self.training, self.lags)
        psi = dictionary(states.reshape(-1, self._width)).reshape(*states.shape[:2], -1)
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
