"""darts' networks without recurrence or attention: perceptron stacks, mixers, linear maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from chaosbench.forecasters._shared.settings import require_real
from chaosbench.forecasters.darts._network import ChunkNetwork

__all__ = ["NBEATS", "DLinear", "NHiTS", "NLinear", "TSMixer", "TiDE"]


@dataclass(frozen=True)
class NBEATS(ChunkNetwork):
    """N-BEATS, darts' `NBEATSModel` [oreshkin2020], [herzen2022].

        r_0 = z,    (b_s, f_s) = MLP_s(r_{s-1}),    r_s = r_{s-1} - b_s,    ẑ = Σ_s f_s

    on the flattened chunk of all variables: each stack explains what it can of its input and passes
    on the rest. The stacks are generic, with one block each. darts' default of 30 stacks of width
    256 has 6.6 million weights, too many for one core. Training, rollout and the other settings are
    those of `ChunkNetwork`.

    Cost: with P = O(stacks (layers width² + (I + O) d width)) weights, O(P) time per window of a
    training step, so O(batch P) per training step, and O(n P / O) per step of the rollout; memory
    for P numbers. It is the best of darts' networks on chaos, both in published comparisons and as
    measured here. It fails by drift: nothing keeps the closed loop on the attractor, and after its
    valid prediction time it may settle on a cycle.

    Attributes:
        stacks: number of stacks, each with one block.
        layers: number of layers in the perceptron of a block.
        width: width of these layers.

    """

    network: ClassVar[str] = "NBEATSModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.nbeats")

    stacks: int = 4
    layers: int = 3
    width: int = 128

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "output_chunk_length": self.output_length,
            "num_stacks": self.stacks,
            "num_blocks": 1,
            "num_layers": self.layers,
            "layer_widths": self.width,
        }


@dataclass(frozen=True)
class NHiTS(ChunkNetwork):
    """N-HiTS, darts' `NHiTSModel` [challu2023], [herzen2022].

        (b_s, f_s) = MLP_s(maxpool_s(r_{s-1})),    r_s = r_{s-1} - interpolate(b_s),
        ẑ = Σ_s interpolate_s(f_s)

    N-BEATS whose stacks see the past at several resolutions and forecast at several resolutions,
    joined by interpolation. darts chooses pooling and interpolation from the chunk lengths. There
    is no dropout by default, because the data are not noisy. Training, rollout and the other
    settings are those of `ChunkNetwork`.

    Cost: as for `NBEATS`. It fails as `NBEATS` does, and where pooling removes details that chaos
    amplifies.

    Attributes:
        stacks: number of stacks, each with one block.
        layers: number of layers in the perceptron of a block.
        width: width of these layers.
        dropout: dropout rate in these layers, in [0, 0.9].

    """

    network: ClassVar[str] = "NHiTSModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.nhits")

    stacks: int = 3
    layers: int = 2
    width: int = 128
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "dropout", high=0.9)

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "output_chunk_length": self.output_length,
            "num_stacks": self.stacks,
            "num_blocks": 1,
            "num_layers": self.layers,
            "layer_widths": self.width,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class TiDE(ChunkNetwork):
    """TiDE, a dense encoder and decoder, darts' `TiDEModel` [das2023], [herzen2022].

        e = encoder(z),    g_1, …, g_O = decoder(e),    ẑ_h = MLP(g_h) + (L z)_h

    on the flattened chunk of all variables. Encoder and decoder consist of residual blocks of two
    layers with a linear bypass; L is a linear map from the past to the future of each variable.
    Training, rollout and the other settings are those of `ChunkNetwork`.

    Cost: with P = O(layers width² + (I + O) d width) weights, O(batch P) per training step and O(n
    P / O) per step of the rollout. It fails as `NBEATS` does, somewhat sooner.

    Attributes:
        layers: number of residual blocks in the encoder, and in the decoder.
        width: width of their hidden layers.
        decoder_width: length of the vector g_h that the decoder gives for each step of the output.
        dropout: dropout rate in the blocks, in [0, 0.9].

    """

    network: ClassVar[str] = "TiDEModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.tide_model")

    layers: int = 1
    width: int = 128
    decoder_width: int = 16
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "dropout", high=0.9)

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "output_chunk_length": self.output_length,
            "num_encoder_layers": self.layers,
            "num_decoder_layers": self.layers,
            "hidden_size": self.width,
            "decoder_output_dim": self.decoder_width,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class TSMixer(ChunkNetwork):
    """TSMixer, darts' `TSMixerModel` [chen2023], [herzen2022].

    Each block mixes the steps of every feature by one linear map with a rectifier, and then the
    features of every step by a perceptron, both with a bypass and a layer norm:

        u = norm(z + relu(W_time z)),    z' = norm(u + MLP_features(u)).

    Training, rollout and the other settings are those of `ChunkNetwork`.

    Cost: O(batch blocks O width (O + width)) per training step and O(n blocks width (O + width))
    per step of the rollout. It fails as `NBEATS` does. In addition, the norm within every step
    hides amplitudes, which are decisive on chaos.

    Attributes:
        blocks: number of mixing blocks.
        width: number of features, and width of the perceptron that mixes them.
        dropout: dropout rate in the blocks, in [0, 0.9].

    """

    network: ClassVar[str] = "TSMixerModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.tsmixer_model")

    blocks: int = 2
    width: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "dropout", high=0.9)

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {
            "output_chunk_length": self.output_length,
            "num_blocks": self.blocks,
            "hidden_size": self.width,
            "ff_size": self.width,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class DLinear(ChunkNetwork):
    """DLinear, darts' `DLinearModel` [zeng2023], [herzen2022].

        ẑ = W_s (z - m) + W_t m,    m = moving average of z over `kernel` steps

    on the flattened chunk of all variables. This is a vector autoregression by chunks. The split
    into trend and remainder makes it no more general than one matrix. Training, rollout and the
    other settings are those of `ChunkNetwork`. The learning rate is ten times that of the networks.

    Cost: O(batch I O d²) per training step and O(n I d²) per step of the rollout. It fails on chaos
    by construction: a linear map has no chaotic attractor.

    Attributes:
        kernel: steps of the moving average.

    """

    network: ClassVar[str] = "DLinearModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.dlinear")

    epochs: int = 40
    learning_rate: float = 1e-2
    kernel: int = 5

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {"output_chunk_length": self.output_length, "kernel_size": self.kernel}


@dataclass(frozen=True)
class NLinear(ChunkNetwork):
    """NLinear, darts' `NLinearModel` [zeng2023], [herzen2022].

        ẑ = z(t) + W (z - z(t)) + b

    on the flattened chunk of all variables: a vector autoregression by chunks of the differences
    from the newest value. Training, rollout and the other settings are those of `ChunkNetwork`. The
    learning rate is ten times that of the networks.

    Cost: O(batch I O d²) per training step and O(n I d²) per step of the rollout. It fails on chaos
    by construction: a linear map has no chaotic attractor. This one depends only on differences and
    does not know where on the attractor it is, so it has no mean to return to either.
    """

    network: ClassVar[str] = "NLinearModel"
    libraries: ClassVar[tuple[str, ...]] = ("torch", "darts.models.forecasting.nlinear")

    epochs: int = 40
    learning_rate: float = 1e-2

    def arguments(self) -> dict[str, Any]:
        """Return darts' arguments for the layers."""
        return {"output_chunk_length": self.output_length}
