"""Training and rollout of darts' networks, for all windows together."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import DivergedError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.rollout import closed_loop, output_bounds
from chaosbench.forecasters._shared.settings import require_integer, require_real
from chaosbench.forecasters.darts._series import series, silence

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["ChunkNetwork", "DartsNetwork"]

_VALIDATION_WINDOWS = 512
_FINAL_RATE = 0.01  # learning rate at the end of the cosine, relative to the initial one


@dataclass(frozen=True)
class DartsNetwork(ABC):
    """Settings and training of darts' networks; a subclass names its darts model and its layers.

    darts builds the network f for chunks of the standardised series z,

        z(t+1), …, z(t+O) = f(z(t-I+1), …, z(t)),

    all variables together. Training minimises darts' own loss, the mean squared error, with darts'
    own optimiser, Adam [kingma2015], over randomly drawn windows. The training loop is our own:
    through Lightning, a step of a small network took 7.5 ms, of which the network itself took 1 ms.
    The learning rate falls along half a cosine, and the gradient is clipped to a norm of 1. The
    last part of each trajectory, a fraction `validation`, is held out and evaluated after every
    epoch. The weights with the best validation are kept, and training stops after `patience` epochs
    without improvement. Training is in single precision and forecasting in double, so that a window
    has the same forecast alone and in a batch. The rollout is darts' autoregression by whole
    chunks, for all windows at once (a test compares it with darts' predict). Nothing in it keeps a
    closed loop on the attractor, so outputs are clipped to the training range, widened by half of
    it on either side. It runs on a GPU where torch finds one; there, the last bits of two fits may
    differ.

    Attributes:
        input_length: number of steps I that the network sees.
        epochs: largest number of epochs.
        steps: batches per epoch; fewer where the training data have fewer windows.
        batch: windows per batch.
        learning_rate: initial learning rate of Adam.
        validation: fraction of the training data that is held out for validation, in [0, 0.5].
        patience: epochs without a better validation after which training stops.
        seconds: wall time after which training stops with the best weights so far. This is a
            safeguard: a run that it stops cannot be reproduced.

    """

    extra: ClassVar[str] = "torch"
    network: ClassVar[str]  # class in darts.models

    input_length: int = 16
    epochs: int = 100
    steps: int = 100
    batch: int = 64
    learning_rate: float = 1e-3
    validation: float = 0.1
    patience: int = 25
    seconds: float = 300.0

    def __post_init__(self) -> None:
        others = {"learning_rate", "validation", "seconds", "dropout", "washout", "residual"}
        for field in fields(self):
            if field.name not in others:
                require_integer(self, field.name, minimum=1)
        require_real(self, "learning_rate", open_low=True)
        require_real(self, "validation", high=0.5)
        require_real(self, "seconds", open_low=True)

    @property
    @abstractmethod
    def window(self) -> int:
        """Points that a training trajectory needs at least."""

    @property
    def unscored(self) -> int:
        """Leading steps of a forecast sequence that the loss leaves out."""
        return 0

    def adapt(self, module: Any, data: Any) -> None:  # noqa: ARG002
        """Change the untrained torch module, given the standardised data ``(n, T, d)``."""
        return

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""

    def fit(self, train: Trajectories, *, seed: int) -> _NetworkPredictor:
        """Train the network.

        Raises:
            DivergedError: the training data are not finite, or training produces non-finite
                weights.
            InvalidForecastError: the training trajectories are shorter than one window.

        """
        return _fit(self, train, seed=seed)


@dataclass(frozen=True)
class ChunkNetwork(DartsNetwork):
    """A network that forecasts a chunk of several steps at once.

    Attributes:
        output_length: number of steps O of a chunk. Short chunks are easier to learn, long ones are
            fed back less often; on chaos the short ones win.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "input_length": (8, 16, 32, 64),
            "output_length": (1, 4, 16),
            "learning_rate": (3e-4, 1e-3, 3e-3),
        }
    )

    output_length: int = 4

    @property
    def window(self) -> int:
        """One chunk of input and one chunk of output."""
        return self.input_length + self.output_length


def _fit(config: DartsNetwork, train: Trajectories, *, seed: int) -> _NetworkPredictor:
    who = type(config).__name__
    values = checked_training(train, minimum=config.window, who=who)
    scaler = Scaler.of(values)
    z: Any = scaler.apply(values).astype(np.float32)
    with silence():
        import torch

        folded = int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1)  # 31 bits
        device = "cuda" if torch.cuda.is_available() else "cpu"
        cuda = range(torch.cuda.device_count())
        with torch.random.fork_rng(devices=cuda):
            model = _untrained(config, z, folded)
            module = model.model.to(device)
            torch.manual_seed(folded)
            data = torch.from_numpy(np.ascontiguousarray(z)).to(device)
            config.adapt(module, data)
            _train(config, module, data)
        module.double().eval()
    return _NetworkPredictor(
        config=config, scaler=scaler, bounds=output_bounds(z), model=model, device=device
    )


def _untrained(config: DartsNetwork, z: Any, seed: int) -> Any:
    """Let darts initialise the network by a fit of no epochs, without files or output."""
    import darts.models

    model = getattr(darts.models, config.network)(
        input_chunk_length=config.input_length,
        n_epochs=0,
        random_state=seed,
        pl_trainer_kwargs={
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        },
        **config.arguments(),
    )
    model.fit(series(z[:1]))
    return model


@dataclass(frozen=True, eq=False)
class _Windows:
    """Pairs of past and future in trajectories ``(n, T, d)``."""

    pieces: Any  # (n, windows, d, past + shift), a view
    past: int
    future: int

    def __len__(self) -> int:
        return int(self.pieces.shape[0] * self.pieces.shape[1])

    def take(self, rows: Any) -> tuple[Any, Any]:
        """Return past ``(b, I, d)`` and future ``(b, O, d)`` of the given windows."""
        count = self.pieces.shape[1]
        window = self.pieces[rows // count, rows % count].transpose(1, 2)
        return window[:, : self.past], window[:, -self.future :]


def _windows(module: Any, config: DartsNetwork, data: Any) -> tuple[_Windows, _Windows | None]:
    """Cut the training windows, and the windows whose future lies in the held-out tail."""
    shape = module.train_sample_shape
    past, future = shape["past_target"][0], shape["future_target"][0]
    shift = module.output_chunk_length
    length = data.shape[1]
    split = length - int(length * config.validation)

    def cut(begin: int, end: int) -> _Windows:
        return _Windows(data[:, begin:end].unfold(1, past + shift, 1), past, future)

    if split < past + shift or length - split < shift:
        return cut(0, length), None
    return cut(0, split), cut(max(0, split - past), length)


def _train(config: DartsNetwork, module: Any, data: Any) -> None:
    import torch
    from darts.utils.data import ModuleStage

    fitted, held_out = _windows(module, config, data)
    steps = min(config.steps, math.ceil(len(fitted) / config.batch))
    optimiser = torch.optim.Adam(module.parameters(), lr=config.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser,
        T_max=config.epochs * steps,
        eta_min=_FINAL_RATE * config.learning_rate,
    )
    squared, skip = torch.nn.MSELoss(), config.unscored

    def loss(found: Any, wanted: Any) -> Any:
        return squared(found[:, skip:], wanted[:, skip:])

    every = None
    if held_out is not None:
        stride = -(-len(held_out) // _VALIDATION_WINDOWS)
        every = held_out.take(torch.arange(0, len(held_out), stride, device=data.device))

    best, kept, since = math.inf, None, 0
    start = time.monotonic()
    late = False
    for _ in range(config.epochs):
        module.train()
        for _ in range(steps):
            rows = torch.randint(len(fitted), (config.batch,)).to(data.device)
            past, future = fitted.take(rows)
            optimiser.zero_grad(set_to_none=True)
            error = loss(_call(module, past, ModuleStage.TRAIN, future)[0], future)
            error.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            late = time.monotonic() - start > config.seconds
            if late:
                break
        if every is not None:
            module.eval()
            with torch.no_grad():
                past, future = every
                score = float(loss(_call(module, past, ModuleStage.VALIDATE)[0], future))
            since += 1
            if score < best:
                best, since = score, 0
                kept = {k: v.detach().clone() for k, v in module.state_dict().items()}
        if late or since >= config.patience:
            break
    if kept is not None:
        module.load_state_dict(kept)
    exploded = every is not None and kept is None  # every score was NaN
    if exploded or not all(bool(p.isfinite().all()) for p in module.parameters()):
        raise DivergedError(
            f"{type(config).__name__}: training produced non-finite weights; lower learning_rate, "
            f"now {config.learning_rate:g}"
        )


def _call(
    module: Any, past: Any, stage: Any, future: Any = None, state: Any = None
) -> tuple[Any, Any]:
    """Apply the network, ``(b, I, d)`` to ``(b, O, d)``, and return its recurrent state too."""
    from darts.utils.data.torch_datasets.utils import PLModuleInput

    output = module(PLModuleInput(past_target=past, future_target=future, state=state, stage=stage))
    return output.prediction.squeeze(-1), output.state


@dataclass(frozen=True, eq=False)
class _NetworkPredictor:
    config: DartsNetwork
    scaler: Scaler
    bounds: FloatArray  # lowest and highest outputs (2, d), standardised
    model: Any  # the darts model; `model.model` is the torch module
    device: str

    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        import torch
        from darts.utils.data import ModuleStage

        config = self.config
        rows, alive = checked_context(
            context,
            horizon,
            d=len(self.scaler.mean),
            minimum=config.input_length,
            used=config.input_length,
            who=type(config).__name__,
        )
        z = self.scaler.apply(rows)
        memory = torch.from_numpy(z).to(self.device)
        low, high = torch.from_numpy(self.bounds).to(memory)
        state: Any = None
        chunk: list[FloatArray] = []
        module = self.model.model

        def step(_: FloatArray) -> FloatArray:
            nonlocal memory, state
            if not chunk:
                with torch.no_grad():
                    out, state = _call(module, memory, ModuleStage.PREDICT, state=state)
                out = out.clamp(low, high)
                memory = torch.cat([memory, out], dim=1)[:, -config.input_length :]
                chunk.extend(out.cpu().numpy().swapaxes(0, 1)[::-1])
            return chunk.pop()

        with silence():
            values = closed_loop(step, z[:, -1], horizon, alive)
        return Forecast(self.scaler.undo(values))
