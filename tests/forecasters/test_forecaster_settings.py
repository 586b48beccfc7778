"""Every invalid setting is refused with a message that names it."""

from __future__ import annotations

import dataclasses
import math

import pytest

from chaosbench.errors import ParameterError
from chaosbench.forecasters.autoregression.nvar import NVAR
from chaosbench.forecasters.autoregression.polynomial_map import PolynomialMap
from chaosbench.forecasters.darts.regression import LinearRegression, RandomForest
from chaosbench.forecasters.floor.parroting import ContextParroting
from chaosbench.forecasters.memory.attention_local_linear import AttentionLocalLinear
from chaosbench.forecasters.memory.gaussian_process import GaussianProcess
from chaosbench.forecasters.memory.hopfield import Hopfield
from chaosbench.forecasters.memory.local_linear import LocalLinear
from chaosbench.forecasters.memory.smap import SMap
from chaosbench.forecasters.memory.student_t import StudentT
from chaosbench.forecasters.network_maps.infinite_network import NNGP, NTK
from chaosbench.forecasters.network_maps.kan import KAN
from chaosbench.forecasters.network_maps.quadratic_network import QuadraticNetwork
from chaosbench.forecasters.reservoir.delay_reservoir import DelayReservoir
from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork
from chaosbench.forecasters.reservoir.edge_of_stability import ES2N
from chaosbench.forecasters.reservoir.ei_reservoir import BalancedReservoir
from chaosbench.forecasters.reservoir.intrinsic_plasticity import IntrinsicPlasticity
from chaosbench.forecasters.reservoir.liquid_state import LiquidStateMachine, NeuronAstrocyteLiquid
from chaosbench.forecasters.reservoir.parallel_echo_state import ParallelEchoState
from chaosbench.forecasters.sindy.strong import SINDy

# Settings of every reservoir.
RESERVOIR = [
    ("units", 0),
    ("ridge", -1e-9),
    ("noise", -1.0),
    ("transient", -1),
    ("readout", "cubes"),
    ("ensemble", 0),
]
ECHO_STATE = [
    *RESERVOIR,
    ("spectral_radius", -0.1),
    ("spectral_radius", math.nan),
    ("input_scaling", 0.0),
    ("bias", math.inf),
    ("degree", 0),
]

WRONG = [
    (ContextParroting, "window", 0),
    (LocalLinear, "neighbours", 0),
    (LocalLinear, "delays", -1),
    (LocalLinear, "stride", 1.5),
    (LocalLinear, "ridge", -1e-3),
    (Hopfield, "beta", -1.0),
    (Hopfield, "delays", 0),
    (Hopfield, "stride", 0),
    (AttentionLocalLinear, "neighbours", 0),
    (AttentionLocalLinear, "beta", -0.1),
    (AttentionLocalLinear, "ridge", math.nan),
    (AttentionLocalLinear, "delays", 1.0),
    (AttentionLocalLinear, "stride", None),
    (SMap, "theta", -1.0),
    (SMap, "ridge", -1e-9),
    (SMap, "delays", 0),
    (SMap, "stride", 0),
    (GaussianProcess, "inducing", 0),
    (GaussianProcess, "subset", 1),
    (GaussianProcess, "samples", -1),
    (GaussianProcess, "cosines", 0),
    (GaussianProcess, "delays", 0),
    (GaussianProcess, "stride", 0),
    (StudentT, "degree", 0),
    (StudentT, "precision", 0.0),
    (StudentT, "shape", 0.0),
    (StudentT, "calibrate", 1),
    (StudentT, "samples", -1),
    (StudentT, "delays", 0),
    (StudentT, "stride", 0),
    (StudentT, "max_features", 0),
    *[
        (kind, "neighbourhood", "some")
        for kind in (LocalLinear, AttentionLocalLinear, GaussianProcess, NVAR)
    ],
    (LinearRegression, "lags", 0),
    (LinearRegression, "lags", True),
    (RandomForest, "lags", "10"),
    (RandomForest, "trees", 0),
    (RandomForest, "max_depth", 0),
    (RandomForest, "max_samples", 0.0),
    (RandomForest, "max_samples", 1.1),
    (RandomForest, "max_features", 0.0),
    (RandomForest, "max_columns", 0),
    *((EchoStateNetwork, *wrong) for wrong in ECHO_STATE),
    (EchoStateNetwork, "leak", 0.0),
    (EchoStateNetwork, "leak", 1.01),
    (EchoStateNetwork, "degree", 0),
    (EchoStateNetwork, "ridge", -1e-9),
    (EchoStateNetwork, "noise", -1.0),
    (EchoStateNetwork, "transient", -1),
    *[
        (kind, name, value)
        for kind in (LiquidStateMachine, NeuronAstrocyteLiquid)
        for name, value in [
            ("side", 0),
            ("weight", -0.1),
            ("gain", 0.0),
            ("bias", -1.0),
            ("spread", math.nan),
            ("density", 1.1),
            ("steps", 0),
            ("fast", 0.0),
            ("slow", -100.0),
            ("ridge", -1e-9),
            ("transient", -1),
        ]
    ],
    (NeuronAstrocyteLiquid, "weight", 3.1),
    (NeuronAstrocyteLiquid, "astrocyte", -0.01),
    (NeuronAstrocyteLiquid, "rate", "0.15"),
    (NeuronAstrocyteLiquid, "settling", 1.5),
    *((ParallelEchoState, *wrong) for wrong in ECHO_STATE),
    (ParallelEchoState, "leak", 0.0),
    (ParallelEchoState, "groups", 0),
    (ParallelEchoState, "overlap", -1),
    (ParallelEchoState, "shared", 1),
    *((IntrinsicPlasticity, *wrong) for wrong in ECHO_STATE),
    (IntrinsicPlasticity, "mean", 1.5),
    (IntrinsicPlasticity, "deviation", 0.0),
    (IntrinsicPlasticity, "rate", -1e-3),
    (IntrinsicPlasticity, "epochs", -1),
    *((ES2N, *wrong) for wrong in ECHO_STATE),
    (ES2N, "proximity", 1.1),
    *((DelayReservoir, *wrong) for wrong in RESERVOIR),
    (DelayReservoir, "nonlinearity", "cosine"),
    (DelayReservoir, "feedback", -0.1),
    (DelayReservoir, "exponent", -1.0),
    (DelayReservoir, "phase", math.inf),
    (DelayReservoir, "separation", 0.0),
    (DelayReservoir, "input_scaling", 0.0),
    (DelayReservoir, "bias", -1.0),
    *((BalancedReservoir, *wrong) for wrong in RESERVOIR),
    (BalancedReservoir, "units", 1),
    (BalancedReservoir, "adaptation", "three_phases"),
    (BalancedReservoir, "targets", "gaussian"),
    (BalancedReservoir, "rate", 1.0),
    (BalancedReservoir, "balance", math.nan),
    (BalancedReservoir, "strength", 0.0),
    (BalancedReservoir, "gain", 0.0),
    (BalancedReservoir, "threshold", math.inf),
    (BalancedReservoir, "input_scaling", 0.0),
    (BalancedReservoir, "degree", 0),
    *[
        (kind, name, value)
        for kind in (NNGP, NTK)
        for name, value in [
            ("activation", "tanh"),
            ("depth", 0),
            ("weight", 0.0),
            ("bias", -0.1),
            ("centres", 0),
            ("ridge", -1e-9),
            ("delays", 0),
            ("stride", 0),
            ("neighbourhood", "some"),
        ]
    ],
    *[
        (kind, name, value)
        for kind in (QuadraticNetwork, KAN)
        for name, value in [
            ("hidden", 0),
            ("layers", -1),
            ("delays", 0),
            ("stride", None),
            ("neighbourhood", "some"),
            ("rows", 1),
            ("ridge", -1e-9),
            ("steps", 0),
            ("seconds", 0.0),
        ]
    ],
    (KAN, "basis", "wavelet"),
    (KAN, "grid", 0),
    (KAN, "reach", 0.0),
    (NVAR, "delay", 0),
    (NVAR, "order", 0),
    (NVAR, "stride", 0),
    (NVAR, "ridge", "auto"),
    (NVAR, "max_features", 0),
    (PolynomialMap, "degree", 0),
    (PolynomialMap, "ridge", -1e-9),
    (PolynomialMap, "max_features", 2.5),
    (SINDy, "degree", 0),
    (SINDy, "threshold", -0.1),
    (SINDy, "discrete", "yes"),
    (SINDy, "discrete", 1),
    (SINDy, "refine", None),
    (SINDy, "half_width", 0),
    (SINDy, "max_terms", 1),
]


@pytest.mark.parametrize(
    ("kind", "name", "value"), WRONG, ids=[f"{k.__name__}-{n}-{v}" for k, n, v in WRONG]
)
def test_wrong_setting(kind: type, name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=rf"^{kind.__name__}: {name} must be .*, not .*"):
        kind(**{name: value})


def test_every_numeric_setting_is_among_them() -> None:
    kinds = {kind for kind, _, _ in WRONG}
    for kind in kinds:
        tried = {name for k, name, _ in WRONG if k is kind}
        assert tried == {f.name for f in dataclasses.fields(kind)}
