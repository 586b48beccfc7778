"""What all reservoirs share: drive, gather features, choose the ridge, read out, roll out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.ridge import Equations, NormalEquations, select_ridge
from chaosbench.forecasters._shared.rollout import closed_loop, output_bounds
from chaosbench.forecasters._shared.selection import hold_out
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "EnsemblePredictor",
    "Reservoir",
    "ReservoirForecaster",
    "ReservoirPredictor",
    "feature_count",
    "features",
    "input_bound",
    "member_seeds",
]

_CHUNK_BYTES = 16_000_000
_RIDGES = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14)
_DEFAULT_RIDGE = 1e-8
_FULL_INPUTS = 3
_READOUTS = ("linear", "alternate", "squares")


class Reservoir(Protocol):
    """A fixed recurrent network; the caller keeps its state."""

    @property
    def units(self) -> int:
        """Number of units N."""
        ...

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Map states ``(n, N)`` and inputs ``(n, d)`` to the next states ``(n, N)``."""
        ...


def member_seeds(seed: int, members: int) -> list[int]:
    """Return `seed` and the seeds of further members, spawned from it."""
    spawned = np.random.SeedSequence(seed).spawn(members - 1)
    return [seed, *(int(s.generate_state(1, np.uint64)[0]) for s in spawned)]


@dataclass(frozen=True, kw_only=True)
class ReservoirForecaster(ABC):
    """Settings and training that all reservoirs share; a subclass draws the network.

    With z the standardised data and r the state of the reservoir, the readout is

        z(t+1) = f(z(t) + W_out [1, z(t), q(r(t))]),

    where W_out comes from ridge regression on the increments. The units are bounded, but the direct
    path from z to itself is not: once the units saturate it is a linear map, and where this map
    grows nothing brings a closed loop back. The output function f [jaeger2001] therefore clips
    every variable to its training range, widened by half of it on either side. Inside, where the
    attractor is, f changes nothing.
    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)

    units: int = 500
    ridge: float | None = None
    noise: float = 0.0
    transient: int = 100
    readout: str = "alternate"
    ensemble: int = 1

    def __post_init__(self) -> None:
        require_integer(self, "units", minimum=1)
        require_real(self, "ridge", optional=True)
        require_real(self, "noise")
        require_integer(self, "transient", minimum=0)
        require_choice(self, "readout", _READOUTS)
        require_integer(self, "ensemble", minimum=1)

    @abstractmethod
    def draw(self, inputs: FloatArray, *, seed: int) -> Reservoir:
        """Draw the network; it may adapt to the standardised `inputs` ``(n, T, d)``."""

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> ReservoirPredictor | EnsemblePredictor:
        """Draw each reservoir from its seed and solve for its readout.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories have fewer than 3 points.

        """
        values = checked_training(train, minimum=3, who=type(self).__name__)
        scaler = Scaler.of(values)
        members = [self._fit_one(values, scaler, s) for s in member_seeds(seed, self.ensemble)]
        return members[0] if len(members) == 1 else EnsemblePredictor(members)

    def _fit_one(self, values: FloatArray, scaler: Scaler, seed: int) -> ReservoirPredictor:
        z = scaler.apply(values)
        n, length, _ = z.shape
        # The noise has its own random stream, so that it does not change the reservoir.
        inputs = z + self.noise * np.random.default_rng([seed, 1]).standard_normal(z.shape)
        transient = min(self.transient, (length - 1) // 2)
        model = self._untrained(scaler, inputs, seed)
        equations = model.normal_equations()

        ridge = self.ridge
        held_out = None
        if ridge is None:
            held_out = hold_out(values, scale=scaler.scale, warmup=max(1, transient))
        split = length if held_out is None else held_out.split
        state = model.drive(inputs[:, :transient], model.rest(n))
        state = model.gather(equations, inputs[:, transient:split], z[:, transient:split], state)
        if held_out is not None:
            ridge = select_ridge(equations, _RIDGES, model.with_readout, held_out)
            # `gather` stops before the last input, whose increment it does not know.
            model.gather(equations, inputs[:, split - 1 :], z[:, split - 1 :], state)
        return model.with_readout(equations.solve(_DEFAULT_RIDGE if ridge is None else ridge))

    def _untrained(self, scaler: Scaler, inputs: FloatArray, seed: int) -> ReservoirPredictor:
        reservoir = self.draw(inputs, seed=seed)
        d = inputs.shape[2]
        return ReservoirPredictor(
            who=type(self).__name__,
            scaler=scaler,
            reservoir=reservoir,
            bounds=output_bounds(inputs),
            kind=self.readout,
            readout=np.zeros((feature_count(self.readout, reservoir.units, d), d)),
        )


def input_bound(scaling: float, d: int) -> float:
    """Return the bound of the entries of W_in for `d` variables.

    The drive of a unit is a sum over the variables. Beyond three, which suit Lorenz, the bound
    falls, so that the drive keeps its size and the units their range.
    """
    return scaling * min(1.0, float(np.sqrt(_FULL_INPUTS / d)))


def feature_count(kind: str, units: int, d: int) -> int:
    """Return the number p of features for `units` units and `d` inputs."""
    return 1 + d + (2 if kind == "squares" else 1) * units


def features(kind: str, state: FloatArray, z: FloatArray) -> FloatArray:
    """Return [1, z, q(r)], ``(n, p)``, for states ``(n, N)`` and inputs ``(n, d)``."""
    d, units = z.shape[1], state.shape[1]
    phi = np.empty((len(z), feature_count(kind, units, d)))
    phi[:, 0] = 1.0
    phi[:, 1 : 1 + d] = z
    phi[:, 1 + d : 1 + d + units] = state
    if kind == "alternate":
        phi[:, 1 + d :: 2] **= 2
    elif kind == "squares":
        np.square(state, out=phi[:, 1 + d + units :])
    return phi


@dataclass(frozen=True, eq=False)
class ReservoirPredictor:
    """A reservoir and its trained readout ``(p, d)``."""

    who: str
    scaler: Scaler
    reservoir: Reservoir
    bounds: FloatArray  # (2, d)
    kind: str
    readout: FloatArray

    def normal_equations(self) -> Equations:
        """Return empty normal equations for the readout."""
        return NormalEquations(*self.readout.shape)

    def with_readout(self, readout: FloatArray) -> Self:
        """Return the same reservoir with another readout."""
        return replace(self, readout=readout)

    def rest(self, n: int) -> FloatArray:
        """Return the initial states of `n` windows."""
        return np.zeros((n, self.reservoir.units))

    def drive(self, inputs: FloatArray, state: FloatArray) -> FloatArray:
        """Return the states after the inputs ``(n, T, d)``."""
        for t in range(inputs.shape[1]):
            state = self.update(state, inputs[:, t])
        return state

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return the states after one input ``(n, d)``."""
        return self.reservoir.update(state, z)

    def features(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return [1, z, q(r)], ``(n, p)``."""
        return features(self.kind, state, z)

    def increments(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return what the readout adds to the inputs, ``(n, d)``."""
        return np.asarray(self.features(state, z) @ self.readout)

    def gather(
        self, equations: Equations, inputs: FloatArray, z: FloatArray, state: FloatArray
    ) -> FloatArray:
        """Add features and increments to the equations; return the states before the last input.

        The target is the clean next value minus the (noisy) input, so that the readout learns to
        return to the attractor.
        """
        n, length, d = z.shape
        width = self.features(state[:0], inputs[:0, 0]).shape[1]
        chunk = max(1, _CHUNK_BYTES // (8 * n * width))
        for begin in range(0, length - 1, chunk):
            times = range(begin, min(begin + chunk, length - 1))
            phi = np.empty((len(times), n, width))
            for row, t in enumerate(times):
                state = self.update(state, inputs[:, t])
                phi[row] = self.features(state, inputs[:, t])
            target = z[:, begin + 1 : times[-1] + 2] - inputs[:, begin : times[-1] + 1]
            equations.add(phi.reshape(-1, width), target.swapaxes(0, 1).reshape(-1, d))
        return state

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Drive the reservoir with the context, then feed it its own output."""
        rows, alive = checked_context(
            context, horizon, d=len(self.scaler.mean), minimum=1, used=None, who=self.who
        )
        z = self.scaler.apply(rows)
        state = self.drive(z[:, :-1], self.rest(len(z)))

        def step(latest: FloatArray) -> FloatArray:
            nonlocal state
            state = self.update(state, latest)
            return np.clip(latest + self.increments(state, latest), *self.bounds)

        return Forecast(self.scaler.undo(closed_loop(step, z[:, -1], horizon, alive)))


@dataclass(frozen=True, eq=False)
class EnsemblePredictor:
    """Members from several seeds, each in its own closed loop.

    The values are the median over the members that are still finite. The samples are the members.
    """

    members: Sequence[ReservoirPredictor]

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context with every member."""
        samples = np.stack([m.predict(context, horizon).values for m in self.members])
        gone = np.isnan(samples).all(axis=0)
        # numpy warns about the median of no numbers; there the result is set to NaN.
        values = np.nanmedian(np.where(gone, 0.0, samples), axis=0)
        return Forecast(np.where(gone, np.nan, values), samples)
