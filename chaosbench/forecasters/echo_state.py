"""Echo state network: a fixed random recurrent layer and a ridge readout."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.forecasters._common import (
    Scaler,
    checked_context,
    checked_training,
    closed_loop,
    require_integer,
    require_real,
    single_threaded,
)
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._ridge import NormalEquations, select_ridge
from chaosbench.forecasters._selection import hold_out

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["EchoStateNetwork"]

_CHUNK_BYTES = 16_000_000
_RIDGES = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14)
_DEFAULT_RIDGE = 1e-8


@dataclass(frozen=True)
class EchoStateNetwork:
    """Leaky echo state network with a ridge readout of increments [jaeger2001].

    With z the standardised input and r the reservoir,

        r(t) = (1-a) r(t-1) + a tanh(W r(t-1) + W_in z(t) + b),
        z(t+1) = z(t) + W_out [1, z(t), q(r(t))],

    where q squares every second unit, which breaks the symmetry z -> -z of tanh [pathak2017].
    reservoirpy draws W, W_in and b from uniform distributions and scales W; the states are driven
    here, all windows at once, and start from zero on the given context. W_out comes from ridge
    regression in double precision: a noise-free reservoir keeps its information in directions a
    millionth as large as the first, so the penalty has to be tiny, and how tiny depends on the
    system. With ``ridge=None`` it is the one of 1e-5 … 1e-14 whose closed loop follows the last
    15% of the training data longest; the readout is then refitted to all of it.

    Cost: with N units, O(nT (N degree + N²)) time and O(N²) memory to fit, O(N (degree + d)) a
    step and window. It fails by an unstable closed loop (the attractor of the network is not that
    of the system), by too few units for the number of variables (500 units do no better than
    persistence on Lorenz-96 with 40 variables), and on contexts too short to forget the zero
    state, a few tens of steps at the default spectral radius.

    Attributes:
        units: number of reservoir units N.
        spectral_radius: of W.
        input_scaling: bound of the entries of W_in.
        bias: bound of the entries of b.
        leak: a, in (0, 1].
        degree: mean number of inputs a unit has from other units.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        noise: standard deviation of Gaussian noise on the training inputs, in training standard
            deviations; it trades accuracy for stability.
        transient: training steps dropped while the reservoir forgets its initial state.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "reservoirpy.nodes")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "spectral_radius": (0.1, 0.4, 0.8, 1.1),
            "input_scaling": (0.03, 0.1, 0.3, 1.0),
            "leak": (0.3, 0.6, 1.0),
            "bias": (0.3, 1.0),
        }
    )

    units: int = 500
    spectral_radius: float = 0.4
    input_scaling: float = 0.3
    bias: float = 1.0
    leak: float = 1.0
    degree: int = 6
    ridge: float | None = None
    noise: float = 0.0
    transient: int = 100

    def __post_init__(self) -> None:
        require_integer(self, "units", minimum=1)
        require_real(self, "spectral_radius")
        require_real(self, "input_scaling", open_low=True)
        require_real(self, "bias")
        require_real(self, "leak", high=1.0, open_low=True)
        require_integer(self, "degree", minimum=1)
        require_real(self, "ridge", optional=True)
        require_real(self, "noise")
        require_integer(self, "transient", minimum=0)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _EchoStatePredictor:
        """Draw the reservoir from `seed` and solve for the readout.

        Raises:
            DivergedError: non-finite training data.
            InvalidForecastError: training trajectories of fewer than 3 points.

        """
        values = checked_training(train, minimum=3, who="EchoStateNetwork")
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        n, length, _ = z.shape
        # The noise has its own stream: switching it on leaves the reservoir as it was.
        inputs = z + self.noise * np.random.default_rng([seed, 1]).standard_normal(z.shape)
        transient = min(self.transient, (length - 1) // 2)
        network = _draw(self, scaler, seed)

        ridge = self.ridge
        held_out = None
        if ridge is None:
            held_out = hold_out(values, scale=scaler.scale, warmup=max(1, transient))
        split = length if held_out is None else held_out.split
        equations = NormalEquations(*network.readout.shape)
        state = network.drive(inputs[:, :transient], np.zeros((n, self.units)))
        state = network.gather(equations, inputs[:, transient:split], z[:, transient:split], state)
        if held_out is not None:
            ridge = select_ridge(
                equations, _RIDGES, lambda readout: replace(network, readout=readout), held_out
            )
            # `gather` stops before the last input it is given: its increment is not known there.
            network.gather(equations, inputs[:, split - 1 :], z[:, split - 1 :], state)
        readout = equations.solve(_DEFAULT_RIDGE if ridge is None else ridge)
        return replace(network, readout=readout)


def _draw(config: EchoStateNetwork, scaler: Scaler, seed: int) -> _EchoStatePredictor:
    """Draw the random matrices; the readout is still zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reservoirpy import mat_gen
        from reservoirpy.nodes import Reservoir

        d = len(scaler.mean)
        node = Reservoir(
            config.units,
            lr=config.leak,
            sr=config.spectral_radius,
            input_scaling=config.input_scaling,
            input_connectivity=1.0,
            rc_connectivity=min(1.0, config.degree / config.units),
            Win=mat_gen.uniform,
            W=mat_gen.uniform,
            bias=mat_gen.uniform(low=-config.bias, high=config.bias),
            seed=np.random.default_rng([seed, 0]),
        )
        node.initialize(np.zeros((1, d)))
    return _EchoStatePredictor(
        scaler=scaler,
        leak=config.leak,
        recurrent=node.W,
        weights=np.asarray(node.Win),
        bias=np.asarray(node.bias),
        transient=config.transient,
        readout=np.zeros((1 + d + config.units, d)),
    )


@dataclass(frozen=True, eq=False)
class _EchoStatePredictor:
    scaler: Scaler
    leak: float
    recurrent: Any  # (N, N), sparse unless the reservoir is tiny
    weights: FloatArray  # (N, d)
    bias: FloatArray  # (N,)
    transient: int
    readout: FloatArray  # (1 + d + N, d)

    def update(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return the next reservoir states ``(n, N)``."""
        active = np.tanh((self.recurrent @ state.T).T + (z @ self.weights.T + self.bias))
        return np.asarray((1 - self.leak) * state + self.leak * active)

    def drive(self, inputs: FloatArray, state: FloatArray) -> FloatArray:
        """Return the states after the inputs ``(n, T, d)``."""
        for t in range(inputs.shape[1]):
            state = self.update(state, inputs[:, t])
        return state

    def features(self, state: FloatArray, z: FloatArray) -> FloatArray:
        """Return [1, z, q(r)], ``(n, 1 + d + N)``."""
        d = z.shape[1]
        phi = np.empty((len(z), 1 + d + state.shape[1]))
        phi[:, 0] = 1.0
        phi[:, 1 : 1 + d] = z
        phi[:, 1 + d :] = state
        phi[:, 1 + d :: 2] **= 2
        return phi

    def gather(
        self, equations: NormalEquations, inputs: FloatArray, z: FloatArray, state: FloatArray
    ) -> FloatArray:
        """Add features and increments, and return the states before the last input.

        The target is the clean next value less the (noisy) input, so that the readout learns to
        come back to the attractor.
        """
        n, length, d = z.shape
        chunk = max(1, _CHUNK_BYTES // (8 * n * len(self.readout)))
        for begin in range(0, length - 1, chunk):
            times = range(begin, min(begin + chunk, length - 1))
            phi = np.empty((len(times), n, len(self.readout)))
            for row, t in enumerate(times):
                state = self.update(state, inputs[:, t])
                phi[row] = self.features(state, inputs[:, t])
            target = z[:, begin + 1 : times[-1] + 2] - inputs[:, begin : times[-1] + 1]
            equations.add(phi.reshape(-1, len(self.readout)), target.swapaxes(0, 1).reshape(-1, d))
        return state

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context,
            horizon,
            d=self.weights.shape[1],
            minimum=1,
            used=None,
            who="EchoStateNetwork",
        )
        z = self.scaler.apply(rows)
        state = self.drive(z[:, :-1], np.zeros((len(z), len(self.bias))))

        def step(latest: FloatArray) -> FloatArray:
            nonlocal state
            state = self.update(state, latest)
            return np.asarray(latest + self.features(state, latest) @ self.readout)

        return Forecast(self.scaler.undo(closed_loop(step, z[:, -1], horizon, alive)))
