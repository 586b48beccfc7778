"""Maps that know no bounds of their own are held near the training data."""

from __future__ import annotations

import pytest

import chaosbench as cb
from chaosbench.forecasters.edmd import EDMD
from chaosbench.forecasters.local_linear import LocalLinear
from chaosbench.forecasters.nvar import NVAR


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
