"""What all reservoirs share: drive, gather features, choose the ridge, read out, roll out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.rollout import closed_loop, output_bounds
from chaosbench.forecasters._shared.selection import HeldOut, affordable, hold_out
from chaosbench.forecasters._shared.settings import (
    require_choice,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters._shared.triangular import Equations, TriangularEquations

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "EnsemblePredictor",
    "Reservoir",
    "ReservoirForecaster",
    "ReservoirPredictor",
    "SpectralForecaster",
    "feature_count",
    "features",
    "input_bound",
    "member_seeds",
]

_CHUNK_BYTES = 16_000_000
_RIDGES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-18, 1e-20, 1e-22)
_DEFAULT_RIDGE = 1e-8
# A network is tried on this many samples at most, at the end of the data that judge nothing.
_TRIAL_SAMPLES = 3000
_TRIAL_RIDGES = (1e-5, 1e-7, 1e-10, 1e-14, 1e-18)
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

    W_out is solved by QR, which keeps twice the digits of normal equations: what a noise-free
    reservoir knows about the future lies in directions a billionth as large as the first. The
    settings that are None are chosen by closed-loop forecasts of the last 15% of the training data,
    by the rules that all forecasters share: first the scaling of the input (0.3, 0.1 or 1), then,
    where there is one, the spectral radius (0.4 or 0.1), each by a network that is fitted to at
    most 3,000 samples, and last the penalty from 1e-4 … 1e-22. The readout is then refitted to all
    of the data. On clean data the last bits of the features decide how far below 1e-14 the penalty
    may fall, so that two machines may differ in the last Lyapunov times.
    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg",)

    # Values to choose from, the default first.
    scalings: ClassVar[tuple[float, ...]] = (0.3, 0.1, 1.0)
    radii: ClassVar[tuple[float, ...]] = (0.4, 0.1)

    units: int = 500
    ridge: float | None = None
    noise: float = 0.0
    transient: int = 100
    readout: str = "alternate"
    ensemble: int = 1
    input_scaling: float | None = None

    def __post_init__(self) -> None:
        require_real(self, "input_scaling", open_low=True, optional=True)
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
        chosen = self._chosen(values, scaler, seed)
        members = [chosen._fit_one(values, scaler, s) for s in member_seeds(seed, self.ensemble)]
        return members[0] if len(members) == 1 else EnsemblePredictor(members)

    def _rounds(self) -> list[list[dict[str, Any]]]:
        """Return the settings to choose, one after the other, each with its values."""
        if self.input_scaling is not None:
            return []
        return [[{"input_scaling": value} for value in self.scalings]]

    @property
    def scaling(self) -> float:
        """The scaling of the input, or its default while it is not chosen."""
        return self.scalings[0] if self.input_scaling is None else self.input_scaling

    def _held_out(self, values: FloatArray, scaler: Scaler) -> HeldOut | None:
        transient = min(self.transient, (values.shape[1] - 1) // 2)
        return hold_out(values, scale=scaler.scale, warmup=max(1, transient))

    def _chosen(self, values: FloatArray, scaler: Scaler, seed: int) -> Self:
        """Choose the settings that the network is drawn with."""
        rounds = self._rounds()
        held_out = self._held_out(values, scaler)
        config = self
        for options in rounds:
            config = replace(config, **options[0])
        if held_out is None:
            return config
        past = held_out.split
        samples = min(_TRIAL_SAMPLES // len(values), past // 2)
        transient = min(self.transient, samples // 2)
        left = values[:, past - samples : past]
        few = held_out.thinned(2)
        scores: dict[Self, float] = {}
        for options in rounds:
            configs = [replace(config, **option) for option in options]
            configs = affordable(configs, lambda _: samples, past)
            for tried in configs:
                if tried not in scores:
                    scores[tried] = tried._trial(left, scaler, seed, transient, few)
            config = max(configs, key=lambda tried: scores[tried])
        return config

    def _trial(
        self, values: FloatArray, scaler: Scaler, seed: int, transient: int, held_out: HeldOut
    ) -> float:
        """Return the best score that a network with these settings reaches with any penalty."""
        z = scaler.apply(values)
        inputs = self._noisy(z, seed)
        model = self._untrained(scaler, inputs, seed)
        equations = model.empty_equations()
        state = model.drive(inputs[:, :transient], model.rest(len(z)))
        model.gather(equations, inputs[:, transient:], z[:, transient:], state)
        ridges = _TRIAL_RIDGES if self.ridge is None else (self.ridge,)
        return max(self._scores(model, equations, ridges, held_out))

    @staticmethod
    def _scores(
        model: ReservoirPredictor,
        equations: Equations,
        ridges: Sequence[float],
        held_out: HeldOut,
    ) -> list[float]:
        """Follow the held-out windows with every penalty, all at once."""
        readouts = np.stack([equations.solve(ridge) for ridge in ridges])
        paths = model.follow(held_out.context, held_out.truth.shape[1], readouts)
        return [held_out.score(path) for path in paths]

    def _noisy(self, z: FloatArray, seed: int) -> FloatArray:
        # The noise has its own random stream, so that it does not change the reservoir.
        noise = np.random.default_rng([seed, 1]).standard_normal(z.shape)
        return np.asarray(z + self.noise * noise)

    def _fit_one(self, values: FloatArray, scaler: Scaler, seed: int) -> ReservoirPredictor:
        z = scaler.apply(values)
        n, length, _ = z.shape
        inputs = self._noisy(z, seed)
        transient = min(self.transient, (length - 1) // 2)
        model = self._untrained(scaler, inputs, seed)
        equations = model.empty_equations()

        ridge = _DEFAULT_RIDGE if self.ridge is None else self.ridge
        held_out = self._held_out(values, scaler) if self.ridge is None else None
        split = length if held_out is None else held_out.split
        state = model.drive(inputs[:, :transient], model.rest(n))
        state = model.gather(equations, inputs[:, transient:split], z[:, transient:split], state)
        if held_out is not None:
            scores = self._scores(model, equations, _RIDGES, held_out)
            ridge = _RIDGES[int(np.argmax(scores))]
            # `gather` stops before the last input, whose increment it does not know.
            model.gather(equations, inputs[:, split - 1 :], z[:, split - 1 :], state)
        return model.with_readout(equations.solve(ridge))

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


@dataclass(frozen=True, kw_only=True)
class SpectralForecaster(ReservoirForecaster):
    """A reservoir with a random matrix whose spectral radius may be chosen."""

    spectral_radius: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "spectral_radius", optional=True)

    @property
    def radius(self) -> float:
        """The spectral radius, or its default while it is not chosen."""
        return self.radii[0] if self.spectral_radius is None else self.spectral_radius

    def _rounds(self) -> list[list[dict[str, Any]]]:
        rounds = super()._rounds()
        if self.spectral_radius is None:
            rounds.append([{"spectral_radius": value} for value in self.radii])
        return rounds


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

    def empty_equations(self) -> Equations:
        """Return empty equations for the readout."""
        return TriangularEquations()

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

    def increments(self, state: FloatArray, z: FloatArray, readouts: FloatArray) -> FloatArray:
        """Return what each of r readouts adds to its inputs, ``(r n, d)``."""
        copies, width, d = readouts.shape
        phi = self.features(state, z).reshape(copies, -1, width)
        return np.asarray((phi @ readouts).reshape(-1, d))

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
        return Forecast(self.follow(context, horizon, self.readout[np.newaxis])[0])

    def follow(self, context: FloatArray, horizon: int, readouts: FloatArray) -> FloatArray:
        """Continue each context ``(n, C, d)`` with each readout, ``(r, n, H, d)``."""
        d, copies = len(self.scaler.mean), len(readouts)
        rows, alive = checked_context(context, horizon, d=d, minimum=1, used=None, who=self.who)
        z = self.scaler.apply(rows)
        driven = self.drive(z[:, :-1], self.rest(len(z)))
        state = np.tile(driven, (copies, 1))

        def step(latest: FloatArray) -> FloatArray:
            nonlocal state
            state = self.update(state, latest)
            return np.clip(latest + self.increments(state, latest, readouts), *self.bounds)

        start = np.tile(z[:, -1], (copies, 1))
        values = closed_loop(step, start, horizon, np.tile(alive, copies))
        return self.scaler.undo(values).reshape(copies, len(rows), horizon, d)


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
