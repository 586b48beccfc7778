"""Median valid prediction times on Lorenz against reference figures.

The setting is dt = 0.02, 5,000 noise-free training points, 20 windows, threshold 0.4. The bounds
are figures published or measured elsewhere for the method, not with this implementation.
"""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.forecasters.autoregression.nvar import NVAR
from chaosbench.forecasters.darts.regression import LinearRegression, RandomForest
from chaosbench.forecasters.floor.climatology import Climatology
from chaosbench.forecasters.floor.parroting import ContextParroting
from chaosbench.forecasters.floor.persistence import Persistence
from chaosbench.forecasters.memory.local_linear import LocalLinear
from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork
from chaosbench.forecasters.sindy.strong import SINDy
from chaosbench.trajectories import Trajectories


@pytest.mark.parametrize(
    ("forecaster", "least"),
    [
        (LocalLinear(), 3.5),
        (NVAR(), 6.0),
        (EchoStateNetwork(units=500), 10.0),
        (EchoStateNetwork(units=1000), 11.0),
        (SINDy(), 12.0),
    ],
    ids=["local-linear", "nvar", "esn-500", "esn-1000", "sindy"],
)
def test_reaches_the_reference(reference, forecaster, least: float) -> None:
    assert reference.median(forecaster) >= least


@pytest.mark.parametrize(
    ("forecaster", "low", "high"),
    [
        (Persistence(), 0.03, 0.12),
        (Climatology(), 0.0, 0.03),
        (LinearRegression(), 0.1, 0.4),
        (ContextParroting(), 0.3, 1.5),
        (RandomForest(), 1.0, 3.0),
    ],
    ids=["persistence", "climatology", "linear", "parroting", "forest"],
)
def test_the_floor_stays_where_the_literature_has_it(
    reference, forecaster, low: float, high: float
) -> None:
    # A baseline with too high a score would mean that the future leaked into the forecast. The
    # bounds are a factor of two about the published figures, the scatter of a median of 20 windows.
    assert low <= reference.median(forecaster, lyapunov_times=6.0) <= high


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize(("units", "least"), [(500, 10.0), (1000, 11.0)])
def test_echo_state_network_does_not_owe_its_score_to_one_seed(
    reference, units: int, least: float, seed: int
) -> None:
    assert reference.median(EchoStateNetwork(units=units), seed=seed) >= least


@pytest.mark.slow
@pytest.mark.parametrize("name_and_least", [("esn", 1.0), ("sindy", 1.0), ("nvar", 0.5)])
def test_observation_noise_degrades_and_does_not_destroy(reference, name_and_least) -> None:
    import chaosbench.forecasters as forecasters

    name, least = name_and_least
    rng = np.random.default_rng(0)
    values = reference.train.values
    sigma = values[0].std(axis=0)
    noisy = Trajectories(values + 0.05 * sigma * rng.normal(size=values.shape), dt=0.02)
    context = reference.context + 0.05 * sigma * rng.normal(size=reference.context.shape)
    forecast = forecasters.registry[name]().fit(noisy, seed=0).predict(context, 400).values
    clean = reference.median(forecasters.registry[name]())
    assert least <= np.median(reference.valid_prediction_times(forecast)) < clean
