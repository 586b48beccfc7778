"""Deep Koopman autoencoder: a learned lift to a space in which the dynamics are linear."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import DivergedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.rollout import closed_loop
from chaosbench.forecasters._shared.selection import hold_out
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["DeepKoopman"]

_REENCODE = (0, 1, 4, 16)
_EVALUATE_EVERY = 100
_VALIDATION_WINDOWS = 256

Layers = tuple[tuple[Any, Any], ...]


@dataclass(frozen=True)
class DeepKoopman:
    """Autoencoder with linear latent dynamics [lusch2018].

    Encoder φ and decoder ψ are multilayer perceptrons, each plus a linear map; K is a matrix on the
    latent space. Over windows of s steps of the standardised series x, training minimises

        |ψ(φ(x_0)) - x_0|²  +  mean_k |ψ(K^k φ(x_0)) - x_k|²  +  w mean_k |K^k φ(x_0) - φ(x_k)|²,

    the errors of reconstruction, prediction and linearity, by Adam with a cosine schedule. It keeps
    the weights with the least loss on the last 15% of each trajectory. Lusch and others let K
    depend on the latent state through auxiliary networks; here it is one matrix. A forecast
    propagates linearly, x_h = ψ(K^h φ(x_0)), or encodes the decoded state again every r steps
    [fathi2024]; r = 1 makes the autoencoder a nonlinear map. With ``reencode=None``, r is the one
    of never, 1, 4 and 16 whose forecasts follow the held-out data longest.

    Cost: O(steps · batch · horizon · (hidden² + latent²)) time, independent of the length of the
    data: about a minute on one core by default. Propagated linearly it fails on chaos, because no
    finite K has a continuous spectrum; re-encoded it fails by the error of a network trained in
    single precision.

    Attributes:
        latent: dimension of the latent space.
        hidden: width of the two hidden layers of the encoder and of the decoder.
        horizon: steps s of a training window.
        linearity: weight w of the linearity error.
        steps: number of optimiser steps.
        batch: windows per optimiser step.
        learning_rate: initial learning rate; it falls to a hundredth.
        patience: number of evaluations, one every 100 steps, without improvement after which
            training stops.
        reencode: steps between encodings, 0 for never, or None to choose it.
        seconds: wall time after which training stops with the best weights so far.

    """

    libraries: ClassVar[tuple[str, ...]] = ("scipy.linalg", "torch")
    extra: ClassVar[str] = "torch"
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "latent": (8, 32, 64),
            "hidden": (64, 128, 256),
            "horizon": (5, 10, 20),
            "learning_rate": (3e-4, 1e-3, 3e-3),
        }
    )

    latent: int = 32
    hidden: int = 128
    horizon: int = 10
    linearity: float = 0.1
    steps: int = 4000
    batch: int = 128
    learning_rate: float = 2e-3
    patience: int = 20
    reencode: int | None = None
    seconds: float = 400.0

    def __post_init__(self) -> None:
        for name in ("latent", "hidden", "horizon", "steps", "batch", "patience"):
            require_integer(self, name, minimum=1)
        require_integer(self, "reencode", minimum=0, optional=True)
        require_real(self, "linearity")
        require_real(self, "learning_rate", open_low=True)
        require_real(self, "seconds", open_low=True)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _DeepKoopmanPredictor:
        """Train from initial weights and batches drawn from `seed`.

        Raises:
            DivergedError: the training data are not finite, or the loss was never finite.
            InvalidForecastError: the training trajectories have fewer than 3 points.

        """
        values = checked_training(train, minimum=3, who="DeepKoopman")
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        held_out = hold_out(values, scale=scaler.scale, warmup=1)
        split = z.shape[1] if held_out is None else held_out.split
        horizon = max(1, min(self.horizon, (z.shape[1] - split) // 2 or split // 2, split - 1))
        known = _windows(z[:, :split], horizon)
        unseen = known if held_out is None else _windows(z[:, split:], horizon)
        chosen = np.linspace(0, len(unseen) - 1, min(len(unseen), _VALIDATION_WINDOWS)).astype(int)
        fitted = self._train(scaler, known, unseen[chosen], seed)
        if self.reencode is not None:
            return replace(fitted, reencode=self.reencode)
        if held_out is None:
            return replace(fitted, reencode=1)
        ways = [replace(fitted, reencode=r) for r in _REENCODE]
        return ways[held_out.best(ways)]

    def _train(
        self, scaler: Scaler, known: FloatArray, unseen: FloatArray, seed: int
    ) -> _DeepKoopmanPredictor:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._optimise(torch, scaler, known, unseen, seed)
        finally:
            torch.set_num_threads(threads)

    def _optimise(
        self, torch: Any, scaler: Scaler, known: FloatArray, unseen: FloatArray, seed: int
    ) -> _DeepKoopmanPredictor:
        deadline = time.monotonic() + self.seconds
        rng = np.random.default_rng(seed)
        d = known.shape[2]
        encoder = _draw(torch, rng, d, self.hidden, self.latent)
        decoder = _draw(torch, rng, self.latent, self.hidden, d)
        drift = torch.zeros(self.latent, self.latent, requires_grad=True)  # K - 1
        weights = [drift, *(w for layer in (*encoder, *decoder) for w in layer)]
        optimiser = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimiser, self.steps, 0.01 * self.learning_rate
        )
        windows = torch.tensor(known, dtype=torch.float32)
        validation = torch.tensor(unseen, dtype=torch.float32)

        def loss(x: Any) -> Any:
            y = _apply(torch.nn.functional.silu, encoder, x)
            state, path = y[:, 0], [y[:, 0]]
            for _ in range(x.shape[1] - 1):
                state = state + state @ drift
                path.append(state)
            latent = torch.stack(path, dim=1)
            error = (_apply(torch.nn.functional.silu, decoder, latent) - x) ** 2
            linear = ((latent - y)[:, 1:] ** 2).mean()
            return error[:, 0].mean() + error[:, 1:].mean() + self.linearity * linear

        best, least, waited = None, np.inf, 0
        for step in range(self.steps):
            chosen = torch.from_numpy(rng.integers(0, len(windows), self.batch))
            optimiser.zero_grad()
            current = loss(windows[chosen])
            current.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            schedule.step()
            late = time.monotonic() > deadline
            if not late and (step + 1) % _EVALUATE_EVERY and step + 1 < self.steps:
                continue
            with torch.no_grad():
                value = float(loss(validation))
            waited += 1
            if value < least:  # False for NaN
                best, least, waited = [w.detach().clone() for w in weights], value, 0
            if late or waited >= self.patience or not np.isfinite(value):
                break
        if best is None:
            raise DivergedError(
                "DeepKoopman: the training loss was never finite; lower learning_rate, "
                f"now {self.learning_rate:g}"
            )
        arrays = [np.asarray(w.numpy(), dtype=float) for w in best]
        pairs = list(zip(arrays[1::2], arrays[2::2], strict=True))
        return _DeepKoopmanPredictor(
            scaler=scaler,
            encoder=tuple(pairs[: len(encoder)]),
            decoder=tuple(pairs[len(encoder) :]),
            drift=arrays[0],
            reencode=0,
        )


def _windows(z: FloatArray, horizon: int) -> FloatArray:
    """Cut all windows of ``horizon + 1`` states from ``(n, T, d)``, ``(w, horizon + 1, d)``."""
    cut = np.lib.stride_tricks.sliding_window_view(z, horizon + 1, axis=1)
    return np.ascontiguousarray(cut.reshape(-1, z.shape[2], horizon + 1).swapaxes(1, 2))


def _draw(torch: Any, rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> Any:
    """Draw three layers and the linear map beside them, uniform within 1/√inputs."""
    sizes = ((inputs, hidden), (hidden, hidden), (hidden, outputs), (inputs, outputs))
    layers = []
    for fan_in, fan_out in sizes:
        matrix = rng.uniform(-1, 1, (fan_in, fan_out)) / np.sqrt(fan_in)
        bias = rng.uniform(-1, 1, fan_out) / np.sqrt(fan_in)
        layers.append(
            tuple(torch.tensor(w, dtype=torch.float32, requires_grad=True) for w in (matrix, bias))
        )
    return layers


def _apply(activation: Any, layers: Any, x: Any) -> Any:
    """Return the perceptron plus the linear map, in torch or in numpy."""
    *inner, last, beside = layers
    hidden = x
    for matrix, bias in inner:
        hidden = activation(hidden @ matrix + bias)
    return hidden @ last[0] + last[1] + x @ beside[0] + beside[1]


def _silu(x: FloatArray) -> FloatArray:
    return np.asarray(x * 0.5 * (1 + np.tanh(0.5 * x)))


@dataclass(frozen=True, eq=False)
class _DeepKoopmanPredictor:
    """The trained network in numpy and in double precision.

    In this precision a window has the same forecast alone and in a batch.
    """

    scaler: Scaler
    encoder: Layers
    decoder: Layers
    drift: FloatArray
    reencode: int

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        rows, alive = checked_context(
            context, horizon, d=len(self.scaler.mean), minimum=1, used=1, who="DeepKoopman"
        )
        start = self.scaler.apply(rows)[:, -1]
        latent = _apply(_silu, self.encoder, start)
        taken = 0

        def step(latest: FloatArray) -> FloatArray:
            nonlocal latent, taken
            if self.reencode and taken and taken % self.reencode == 0:
                latent = _apply(_silu, self.encoder, latest)
            taken += 1
            latent = latent + latent @ self.drift
            return np.asarray(_apply(_silu, self.decoder, latent))

        return Forecast(self.scaler.undo(closed_loop(step, start, horizon, alive)))
