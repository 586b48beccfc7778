"""The local-linear analogue where the local map is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chaosbench.errors import InvalidForecastError
from chaosbench.forecasters.memory.local_linear import LocalLinear
from chaosbench.trajectories import Trajectories


def rotation(radius: float, steps: int) -> np.ndarray:
    angle = 0.2 * np.arange(steps)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_a_globally_linear_system_is_continued_exactly() -> None:
    train = np.stack([rotation(radius, 300) for radius in (0.5, 1.0, 1.5, 2.0)])
    predictor = LocalLinear(delays=1, ridge=0.0).fit(Trajectories(train, dt=0.1), seed=0)
    truth = rotation(1.2, 60)
    values = predictor.predict(truth[np.newaxis, :10], 50).values[0]
    np.testing.assert_allclose(values, truth[10:], atol=1e-9)


def test_one_observed_variable_is_continued_through_its_delays() -> None:
    train = np.stack([rotation(radius, 300)[:, :1] for radius in (0.5, 1.0, 1.5, 2.0)])
    truth = rotation(1.2, 60)[:, :1]
    embedded = LocalLinear(delays=2, stride=3).fit(Trajectories(train, dt=0.1), seed=0)
    blind = LocalLinear(delays=1).fit(Trajectories(train, dt=0.1), seed=0)
    context = truth[np.newaxis, :10]
    error = np.abs(embedded.predict(context, 50).values[0] - truth[10:]).max()
    error_blind = np.abs(blind.predict(context, 50).values[0] - truth[10:]).max()
    assert error < 1e-3
    assert error_blind > 0.3


def test_no_increment_joins_two_trajectories() -> None:
    # Two trajectories at rest: only a transition between them could move a forecast.
    train = np.stack([np.full((40, 1), -1.0), np.full((40, 1), 1.0)])
    predictor = LocalLinear().fit(Trajectories(train, dt=0.1), seed=0)
    values = predictor.predict(np.full((1, 5, 1), 0.9), 10).values
    np.testing.assert_allclose(values, 0.9)


def test_brute_force_and_tree_find_the_same_neighbours(reference) -> None:
    library = LocalLinear().fit(reference.train, seed=0).library
    query = library.scaler.apply(reference.context[:, -1])
    for a, b in zip(
        library.nearest(query, 20), replace(library, tree=None).nearest(query, 20), strict=True
    ):
        np.testing.assert_allclose(np.sort(a, axis=1), np.sort(b, axis=1), rtol=1e-9)


def test_more_variables_than_neighbours_is_solved_through_the_dual() -> None:
    rng = np.random.default_rng(0)
    frequencies = rng.uniform(0.05, 0.4, size=15)
    t = np.arange(3000)[:, np.newaxis]
    series = np.concatenate([np.cos(frequencies * t), np.sin(frequencies * t)], axis=1)
    predictor = LocalLinear(neighbours=20).fit(Trajectories(series[:2500], dt=1.0), seed=0)
    values = predictor.predict(series[np.newaxis, 2500:2600], 1).values[0, 0]
    # 20 neighbours cannot determine a 30-dimensional map, yet have to beat persistence.
    still = np.linalg.norm(series[2600] - series[2599])
    assert np.linalg.norm(values - series[2600]) < still


def test_fewer_training_states_than_neighbours_are_all_used() -> None:
    train = rotation(1.0, 8)
    values = LocalLinear(delays=1, ridge=0.0).fit(Trajectories(train, dt=0.1), seed=0)
    forecast = values.predict(train[np.newaxis, :3], 4).values[0]
    np.testing.assert_allclose(forecast, train[3:7], atol=1e-9)


@pytest.mark.parametrize(("points", "context"), [(6, 20), (40, 5)])
def test_too_short_data_are_refused(points: int, context: int) -> None:
    forecaster = LocalLinear(delays=3, stride=3)  # reaches 6 steps back
    train = Trajectories(rotation(1.0, points), dt=0.1)
    with pytest.raises(InvalidForecastError, match="at least"):
        forecaster.fit(train, seed=0).predict(rotation(1.0, context)[np.newaxis], 3)
