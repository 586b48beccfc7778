"""darts' networks for sequences: recurrent, convolutional and attention networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from chaosbench.errors import ParameterError
from chaosbench.forecasters._shared.settings import require_flag, require_integer, require_real
from chaosbench.forecasters.darts._network import ChunkNetwork, DartsNetwork

__all__ = ["GRU", "LSTM", "TCN", "TemporalFusionTransformer", "Transformer"]


@dataclass(frozen=True)
class _Recurrent(DartsNetwork):
    """darts' `RNNModel`, which forecasts one step and carries the past in its state.

    Attributes:
        width: number of units N.
        layers: number of layers of units.
        training_length: steps of a training sequence, more than `input_length`.
        washout: leading steps of a training sequence that the loss leaves out, fewer than
            `training_length`; None for a quarter of it.
        residual: whether the network forecasts the increment instead of the value.

    """

    cell: ClassVar[str]
    network: ClassVar[str] = "RNNModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.rnn_model")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "learning_rate": (1e-3, 3e-3, 1e-2),
            "width": (32, 64, 128),
            "residual": (True, False),
            "layers": (1, 2),
        }
    )

    input_length: int = 32
    epochs: int = 50
    learning_rate: float = 3e-3
    width: int = 64
    layers: int = 1
    training_length: int = 64
    washout: int | None = None
    residual: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_integer(self, "washout", minimum=0, optional=True)
        require_flag(self, "residual")
        if self.unscored >= self.training_length:
            raise ParameterError(
                f"{type(self).__name__}: washout must be shorter than the training_length of "
                f"{self.training_length}, not {self.unscored}"
            )
        if self.training_length <= self.input_length:
            raise ParameterError(
                f"{type(self).__name__}: training_length must be longer than the input_length of "
                f"{self.input_length}, not {self.training_length}"
            )

    @property
    def window(self) -> int:
        """One training sequence and the step after it."""
        return self.training_length + 1

    @property
    def unscored(self) -> int:
        """A quarter of the sequence, unless `washout` says otherwise."""
        return self.training_length // 4 if self.washout is None else self.washout

    def adapt(self, module: Any, data: Any) -> None:
        """Let the network forecast increments."""
        if self.residual:
            unit = data.diff(dim=1).std(dim=(0, 1))
            module.register_buffer("unit", unit.clamp_min(1e-6)[:, None])
            module.forward = _residual(module, module.forward)

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "model": self.cell,
            "hidden_dim": self.width,
            "n_rnn_layers": self.layers,
            "training_length": self.training_length,
        }


def _residual(module: Any, forward: Any) -> Any:
    """Return the forward pass that adds the network's output, in units of a step, to its input."""

    def added(given: Any) -> Any:
        from darts.utils.data import ModuleStage
        from darts.utils.data.torch_datasets.utils import PLModuleOutput

        made = forward(given)
        past = given.past_target
        if given.stage is ModuleStage.PREDICT:
            past = past[:, -1:]
        return PLModuleOutput(
            prediction=past.unsqueeze(-1) + module.unit * made.prediction, state=made.state
        )

    return added


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory, darts' `RNNModel` with LSTM cells [hochreiter1997], [herzen2022].

        (h, c)(t) = LSTM(z(t), (h, c)(t-1)),    ẑ(t+1) = z(t) + σ (V h(t) + b)

    with gates i, f, o and candidate g: c ← f∘c + i∘g, h = o∘tanh(c), and σ the standard deviation
    of an increment (ẑ = V h + b without `residual`). The model is `RNNModel` and not
    `BlockRNNModel`. It is trained to forecast every next step of a sequence (teacher forcing),
    and it keeps its state when it is fed its own forecasts: this is the recurrent network of the
    literature [vlachas2020]. The state starts from zero `input_length` steps before the forecast.
    In training the loss leaves out the first `washout` steps of a sequence: the errors of the state
    that starts from zero are a hundred times those of later steps, and would be all that is learnt.
    Training, rollout and the other settings are those of `DartsNetwork`, with chunks of one step.

    Cost: O(batch training_length layers N (N + d)) per training step and O(n layers N (N + d)) per
    step of the rollout. It fails by exposure bias: it is trained on true inputs only, and its own
    errors make it drift off the attractor.

    Attributes:
        width: number of units N.
        layers: number of layers of units.
        training_length: steps of a training sequence, more than `input_length`.
        washout: leading steps of a training sequence that the loss leaves out, fewer than
            `training_length`; None for a quarter of it.
        residual: whether the network forecasts the increment instead of the value.

    """

    cell: ClassVar[str] = "LSTM"


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent units, darts' `RNNModel` with GRU cells [cho2014], [herzen2022].

        h(t) = u∘h(t-1) + (1-u)∘tanh(W z(t) + r∘(U h(t-1)) + b),
        ẑ(t+1) = z(t) + σ (V h(t) + b_o)

    with gates u and r from z(t) and h(t-1). Everything else is as for `LSTM`, with three quarters
    of its weights.

    Attributes:
        width: number of units N.
        layers: number of layers of units.
        training_length: steps of a training sequence, more than `input_length`.
        washout: leading steps of a training sequence that the loss leaves out, fewer than
            `training_length`; None for a quarter of it.
        residual: whether the network forecasts the increment instead of the value.

    """

    cell: ClassVar[str] = "GRU"


@dataclass(frozen=True)
class TCN(ChunkNetwork):
    """Temporal convolutional network, darts' `TCNModel` [bai2018], [herzen2022].

    Residual blocks of causal convolutions, whose dilation doubles from block to block until the
    output sees the whole input. At every step of the input it is trained to give the value
    `output_length` later. Training, rollout and the other settings are those of `ChunkNetwork`.

    Cost: O(batch I blocks kernel filters²) per training step and O(n I blocks kernel filters² / O)
    per step of the rollout, with blocks = O(log(I / kernel)). It fails sooner than perceptrons of
    the same cost: its first output within a chunk has seen as little as its last.

    Attributes:
        kernel: taps of a convolution, fewer than `input_length`.
        filters: number of channels.
        dropout: dropout rate in the blocks, in [0, 0.9].

    """

    network: ClassVar[str] = "TCNModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.tcn_model")

    kernel: int = 3
    filters: int = 32
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "dropout", high=0.9)
        for name in ("output_length", "kernel"):
            if getattr(self, name) >= self.input_length:
                raise ParameterError(
                    f"TCN: {name} must be less than the input_length of {self.input_length}, "
                    f"not {getattr(self, name)}"
                )

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "output_chunk_length": self.output_length,
            "kernel_size": self.kernel,
            "num_filters": self.filters,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class Transformer(ChunkNetwork):
    """Encoder–decoder transformer, darts' `TransformerModel` [vaswani2017], [herzen2022].

    Every step is a token. The encoder attends to the past; the decoder attends to the encoder's
    output and to the part of the chunk that it has already forecast, softmax(Q Kᵀ/√width) V in
    `heads` parts. It is trained with the true chunk shifted by one step (teacher forcing) and
    forecasts token by token. Training, rollout and the other settings are those of `ChunkNetwork`.

    Cost: O(batch layers (I + O) width (I + O + width)) per training step. The rollout decodes a
    chunk anew for each of its steps, O(n layers (I/O + O) width²) per step. It fails by blurring:
    attention averages over similar pasts, and normalised tokens lose small differences.

    Attributes:
        layers: number of layers of the encoder, and of the decoder.
        width: length of a token, even and a multiple of `heads`.
        heads: number of attention heads.
        dropout: dropout rate in every layer, in [0, 0.9].

    """

    network: ClassVar[str] = "TransformerModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.transformer_model")

    epochs: int = 25
    learning_rate: float = 3e-3
    layers: int = 2
    width: int = 32
    heads: int = 4
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "dropout", high=0.9)
        _require_heads(self)

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "output_chunk_length": self.output_length,
            "num_encoder_layers": self.layers,
            "num_decoder_layers": self.layers,
            "d_model": self.width,
            "dim_feedforward": 2 * self.width,
            "nhead": self.heads,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class TemporalFusionTransformer(ChunkNetwork):
    """Temporal fusion transformer, darts' `TFTModel` [lim2021], [herzen2022].

    A learned selection of variables, an LSTM over the chunk, attention over all steps of the chunk,
    and gated residual layers between them. It makes point forecasts with the squared error instead
    of quantiles, and the position in the chunk takes the place of covariates, of which there are
    none. Training, rollout and the other settings are those of `ChunkNetwork`.

    Cost: O(batch (I + O) (d + layers) width²) per training step and O(n (I/O + 1) (d + layers)
    width²) per step of the rollout: the most expensive of darts' networks at a given width. It
    fails as `Transformer` does.

    Attributes:
        layers: number of layers of the LSTM.
        width: width of the hidden states, even and a multiple of `heads`.
        heads: number of attention heads.
        dropout: dropout rate in every layer, in [0, 0.9].

    """

    network: ClassVar[str] = "TFTModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.tft_model")

    epochs: int = 40
    layers: int = 1
    width: int = 16
    heads: int = 4
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "dropout", high=0.9)
        _require_heads(self)

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        from torch import nn

        return {
            "output_chunk_length": self.output_length,
            "hidden_size": self.width,
            "lstm_layers": self.layers,
            "num_attention_heads": self.heads,
            "dropout": self.dropout,
            "add_relative_index": True,
            "loss_fn": nn.MSELoss(),  # without it darts forecasts quantiles
        }


def _require_heads(config: Transformer | TemporalFusionTransformer) -> None:
    if config.width % config.heads or config.width % 2:
        raise ParameterError(
            f"{type(config).__name__}: width must be even and a multiple of the {config.heads} "
            f"heads, not {config.width}"
        )
