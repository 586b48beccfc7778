"""Persistence, climatology and context parroting against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.forecasters.floor.climatology import Climatology
from chaosbench.forecasters.floor.parroting import ContextParroting
from chaosbench.forecasters.floor.persistence import Persistence
from chaosbench.trajectories import Trajectories

RNG = np.random.default_rng(3)


def fit(forecaster, values):
    return forecaster.fit(Trajectories(values, dt=0.1), seed=0)


def test_persistence_repeats_the_last_row() -> None:
    context = RNG.normal(size=(4, 9, 3))
    values = fit(Persistence(), RNG.normal(size=(50, 3))).predict(context, 6).values
    assert np.array_equal(values, np.broadcast_to(context[:, -1:], (4, 6, 3)))


def test_climatology_is_the_mean_over_trajectories_and_time() -> None:
    train = RNG.normal(size=(3, 40, 2)) + np.array([5.0, -2.0])
    values = fit(Climatology(), train).predict(RNG.normal(size=(2, 7, 2)), 4).values
    np.testing.assert_allclose(values, np.broadcast_to(train.mean(axis=(0, 1)), (2, 4, 2)))


@pytest.mark.parametrize("period", [7, 16, 25])
def test_parroting_continues_a_periodic_signal_exactly(period: int) -> None:
    pattern = RNG.normal(size=(period, 2))
    signal = np.tile(pattern, (30, 1))
    predictor = fit(ContextParroting(window=10), RNG.normal(size=(30, 2)))
    values = predictor.predict(signal[np.newaxis, :60], 100).values
    assert np.array_equal(values[0], signal[60:160])


def test_parroting_copies_what_followed_the_best_match() -> None:
    context = RNG.normal(size=(100, 1))
    # The last five steps are a perturbed copy of steps 40 to 44.
    context[95:] = context[40:45] + 1e-3
    values = fit(ContextParroting(window=5), context).predict(context[np.newaxis], 80).values[0]
    # The copy runs to the end of the context, 55 steps, and starts again after the match.
    assert np.array_equal(values[:55], context[45:])
    assert np.array_equal(values[55:], context[45:70])


def test_parroting_weighs_each_variable_by_its_spread_in_the_context() -> None:
    quiet = RNG.normal(size=100)
    loud = 1e6 * RNG.normal(size=100)
    quiet[98:] = quiet[20:22]  # matches exactly at 20 ...
    loud[98:] = loud[20:22] + 1e5  # ... where loud is off by a tenth of its spread
    loud[60:62] = loud[98:]  # loud alone would choose 60
    quiet[60:62] = quiet[98:] + 3.0
    context = np.stack([quiet, loud], axis=1)
    values = fit(ContextParroting(window=2), context).predict(context[np.newaxis], 3).values[0]
    assert np.array_equal(values, context[22:25])


def test_parroting_leaves_out_what_overlaps_the_query() -> None:
    # On a slow ramp every match would be one step back, and the copy would be persistence.
    context = np.linspace(0.0, 1.0, 60)[:, np.newaxis]
    values = fit(ContextParroting(window=10), context).predict(context[np.newaxis], 10).values[0]
    assert np.array_equal(values, context[50:])


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_parroting_makes_do_with_a_short_context(length: int) -> None:
    context = RNG.normal(size=(2, length, 3))
    values = fit(ContextParroting(window=10), RNG.normal(size=(30, 3))).predict(context, 8).values
    known = [{*map(tuple, window)} for window in context.tolist()]
    assert all({*map(tuple, rows)} <= known[i] for i, rows in enumerate(values.tolist()))
