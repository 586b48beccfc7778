"""Maps that are unbounded themselves are kept near the training data."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.forecasters.autoregression.nvar import NVAR
from chaosbench.forecasters.darts.feedforward import NLinear
from chaosbench.forecasters.koopman.edmd import EDMD
from chaosbench.forecasters.memory.local_linear import LocalLinear
from chaosbench.trajectories import Trajectories


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forecaster", "system", "margin"),
    [(NVAR(), "bouali", 0.5), (EDMD(degree=5), "colpitts", 0.5), (LocalLinear(), "sprott_d", 0.1)],
    ids=["nvar", "edmd", "local_linear"],
)
def test_a_closed_loop_that_escaped_stays_near_the_training_data(forecaster, system, margin):
    train = cb.simulate(system, points=6000, points_per_period=30, seed=0)
    contexts = train.values[0, :5500].reshape(11, 500, -1)
    values = forecaster.fit(train, seed=0).predict(contexts, 1500).values
    low, high = train.values[0].min(axis=0), train.values[0].max(axis=0)
    room = margin * (high - low) * (1 + 1e-9)
    assert (values >= low - room).all()
    assert (values <= high + room).all()


def test_a_network_that_has_learnt_to_grow_stays_near_the_training_data() -> None:
    time = np.arange(400.0)[:, np.newaxis]
    growing = 1.01**time * np.sin(0.3 * time + [0.0, 1.0])
    predictor = NLinear(epochs=40, learning_rate=1e-2).fit(Trajectories(growing, dt=1.0), seed=0)
    values = predictor.predict(growing[np.newaxis], 400).values[0]
    low, high = growing.min(axis=0), growing.max(axis=0)
    room = 0.5 * (high - low)
    np.testing.assert_allclose(values.max(axis=0), high + room, rtol=1e-6)  # it would grow further
    np.testing.assert_allclose(values.min(axis=0), low - room, rtol=1e-6)
    alike = predictor.predict(growing[np.newaxis, :300], 5).values[0]
    np.testing.assert_allclose(alike, growing[300:305], atol=0.1 * growing[:300].std())
