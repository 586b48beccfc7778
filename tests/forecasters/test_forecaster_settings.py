"""Every setting that makes no sense is refused with a sentence that names it."""

from __future__ import annotations

import dataclasses
import math

import pytest

from chaosbench.errors import ParameterError
from chaosbench.forecasters.attention_local_linear import AttentionLocalLinear
from chaosbench.forecasters.darts_regression import LinearRegression, RandomForest
from chaosbench.forecasters.echo_state import EchoStateNetwork
from chaosbench.forecasters.gaussian_process import GaussianProcess
from chaosbench.forecasters.hopfield import Hopfield
from chaosbench.forecasters.local_linear import LocalLinear
from chaosbench.forecasters.nvar import NVAR
from chaosbench.forecasters.parroting import ContextParroting
from chaosbench.forecasters.sindy import SINDy
from chaosbench.forecasters.smap import SMap
from chaosbench.forecasters.student_t import StudentT

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
    (LinearRegression, "lags", 0),
    (LinearRegression, "lags", True),
    (RandomForest, "lags", "10"),
    (RandomForest, "trees", 0),
    (RandomForest, "max_depth", 0),
    (RandomForest, "max_samples", 0.0),
    (RandomForest, "max_samples", 1.1),
    (RandomForest, "max_features", 0.0),
    (RandomForest, "max_columns", 0),
    (EchoStateNetwork, "units", 0),
    (EchoStateNetwork, "spectral_radius", -0.1),
    (EchoStateNetwork, "spectral_radius", math.nan),
    (EchoStateNetwork, "input_scaling", 0.0),
    (EchoStateNetwork, "bias", math.inf),
    (EchoStateNetwork, "leak", 0.0),
    (EchoStateNetwork, "leak", 1.01),
    (EchoStateNetwork, "degree", 0),
    (EchoStateNetwork, "ridge", -1e-9),
    (EchoStateNetwork, "noise", -1.0),
    (EchoStateNetwork, "transient", -1),
    (NVAR, "delay", 0),
    (NVAR, "order", 0),
    (NVAR, "stride", 0),
    (NVAR, "ridge", "auto"),
    (NVAR, "max_features", 0),
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
