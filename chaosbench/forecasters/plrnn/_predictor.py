"""Forecasts, Jacobians and Lyapunov exponents of a trained piecewise-linear network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.errors import DivergedError, InvalidForecastError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import checked_context
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.settings import single_threaded
from chaosbench.forecasters.plrnn._maps import Identity, jacobian
from chaosbench.metrics import spectral_hellinger, state_space_divergence

if TYPE_CHECKING:
    from chaosbench.forecasters._shared.arrays import Scaler
    from chaosbench.forecasters.plrnn._teacher_forcing import TeacherForcing
    from chaosbench.forecasters.plrnn._training import Trained
    from chaosbench.trajectories import FloatArray

__all__ = ["PLRNNPredictor"]

# Number and length of the free runs by which parameters are chosen.
_RUNS = 4
_RUN_STEPS = 10_000


@dataclass(frozen=True, eq=False)
class PLRNNPredictor:
    """A trained piecewise-linear network.

    Attributes:
        who: name for error messages.
        scaler: standardisation by the training data.
        dt: sampling step in time units.
        objective: the map, its observation and the forcing.
        parameters: arrays of the map and of the observation, for standardised data.
        alpha: forcing strength at the end of training.
        warmup: number of context rows with which the latent state is synchronised.
        last: the end of the training data, standardised, ``(1, C, d)``.
        training: the course of the training.

    """

    who: str
    scaler: Scaler
    dt: float
    objective: TeacherForcing
    parameters: dict[str, FloatArray]
    alpha: float
    warmup: int
    last: FloatArray
    training: Trained | None

    def _step(self, states: FloatArray) -> FloatArray:
        return np.asarray(self.objective.cell.step(self.parameters, states, np))

    def _synchronised(self, z: FloatArray) -> FloatArray:
        """Return the states ``(n, M)`` at the last of the standardised rows ``(n, C, d)``."""
        p, observation = self.parameters, self.objective.observation
        if isinstance(observation, Identity) and observation.latent == observation.d:
            return z[:, -1].copy()
        targets = observation.invert(p, z, np)
        states = observation.start(p, z[:, 0], np)
        # Sparse forcing is aligned so that it forces the last row of the context.
        interval = self.objective.interval
        steps = z.shape[1] - 1
        gates = self.objective.gates(self.alpha, interval * (1 + steps // interval), np)
        gates = gates[len(gates) - steps :]
        for t in range(steps):
            states = self._step(states)
            states = states + gates[t] * (targets[:, t + 1] - states)
        if isinstance(observation, Identity):
            states[:, : observation.d] = z[:, -1]
        return np.asarray(states)

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        """Continue each context ``(n, C, d)`` by `horizon` steps."""
        rows, alive = checked_context(
            context,
            horizon,
            d=len(self.scaler.mean),
            minimum=1,
            used=self.warmup,
            who=self.who,
        )
        z = self.scaler.apply(rows)
        with np.errstate(all="ignore"):
            states = self._synchronised(z)
        return Forecast(self.scaler.undo(self._free_run(states, z[:, -1], horizon, alive)))

    def _free_run(
        self, states: FloatArray, start: FloatArray, horizon: int, alive: Any
    ) -> FloatArray:
        def step(_: FloatArray) -> FloatArray:
            nonlocal states
            states = self._step(states)
            return np.asarray(self.objective.observation.read(self.parameters, states, np))

        return closed_loop(step, start, horizon, alive)

    def unlikeness(self, z: FloatArray) -> float:
        """Return D_stsp + D_H of free runs against standardised trajectories ``(n, T, d)``."""
        n, length, _ = z.shape
        n = min(n, _RUNS)
        warmup = min(self.warmup, length // 2)
        steps = min(_RUN_STEPS, length - warmup)
        # Several starts, because single free runs scatter more than checkpoints differ.
        ends = np.linspace(warmup, length, _RUNS // n + 1).astype(int)[:-1]
        heads = np.concatenate([z[:n, end - warmup : end] for end in ends])
        truth = np.concatenate([z[:n, warmup : warmup + steps]] * len(ends))
        with np.errstate(all="ignore"):
            states = self._synchronised(heads)
        run = self._free_run(states, heads[:, -1], steps, np.ones(len(heads), dtype=bool))
        both = state_space_divergence(truth, run) + spectral_hellinger(truth, run)
        return float(np.mean(both))

    def latent(self, context: FloatArray) -> FloatArray:
        """Return the latent states ``(n, M)`` at the ends of contexts ``(n, C, d)``."""
        rows, _ = checked_context(
            context, 1, d=len(self.scaler.mean), minimum=1, used=self.warmup, who=self.who
        )
        return self._synchronised(self.scaler.apply(rows))

    def jacobian(self, states: FloatArray) -> FloatArray:
        """Return ∂z(t+1)/∂z(t) at latent states ``(n, M)``, as ``(n, M, M)``.

        Latent units refer to standardised data. Where M = d and the observation is the identity,
        ``latent(context)`` is the last row, standardised.
        """
        z = np.asarray(states, dtype=np.float64)
        if z.ndim != 2 or z.shape[1] != self.objective.cell.latent:
            raise InvalidForecastError(
                f"{self.who} has {self.objective.cell.latent} latent units and needs states of "
                f"shape (n, {self.objective.cell.latent}), not {z.shape}"
            )
        return np.asarray(jacobian(self.objective.cell, self.parameters, z, np))

    @single_threaded
    def lyapunov_spectrum(self, *, steps: int = 20_000, transient: int = 1_000) -> FloatArray:
        """Return the Lyapunov exponents ``(M,)`` of the free run, per time unit, largest first.

        The free run starts at the end of the training data. A QR decomposition after every step
        keeps the M tangent vectors orthogonal. With more units than variables, the spectrum also
        has exponents of the units that only follow the system; an exponent is -inf for a direction
        that the map collapses.

        Raises:
            DivergedError: the free run leaves the finite numbers.

        """
        state = self._synchronised(self.last)
        tangent = np.eye(state.shape[1])
        growth = np.zeros(state.shape[1])
        with np.errstate(all="ignore"):
            for k in range(transient + steps):
                tangent, r = np.linalg.qr(self.jacobian(state)[0] @ tangent)
                state = self._step(state)
                if not np.isfinite(state).all():
                    raise DivergedError(
                        f"the free run of {self.who} left the finite numbers after {k} steps, so "
                        "it has no Lyapunov exponents; fit again with other settings"
                    )
                if k >= transient:
                    growth += np.log(np.abs(np.diag(r)))
        return np.sort(growth / (steps * self.dt))[::-1]

    def lyapunov_exponent(self, *, steps: int = 20_000, transient: int = 1_000) -> float:
        """Return the largest Lyapunov exponent of the free run, per time unit."""
        return float(self.lyapunov_spectrum(steps=steps, transient=transient)[0])
