"""The memories in cases with known results: limits of their weights, and other solvers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chaosbench.errors import InvalidForecastError
from chaosbench.forecasters._shared.analogues import Library
from chaosbench.forecasters._shared.regression import Plan
from chaosbench.forecasters.memory.attention_local_linear import AttentionLocalLinear
from chaosbench.forecasters.memory.hopfield import Hopfield
from chaosbench.forecasters.memory.local_linear import LocalLinear
from chaosbench.forecasters.memory.smap import SMap
from chaosbench.trajectories import FloatArray, Trajectories

SMALL = [
    Hopfield(beta=50.0, delays=2, stride=3),
    AttentionLocalLinear(neighbours=8, beta=1.0, ridge=1e-6, delays=2, stride=3),
    SMap(theta=4.0, delays=2, stride=3),
]


def names(forecaster) -> str:
    return type(forecaster).__name__


@pytest.fixture(scope="module")
def cloud() -> Trajectories:
    """Return transitions in random order: neighbours are near in space and not in time."""
    return Trajectories(np.random.default_rng(3).normal(size=(1500, 3)), dt=1.0)


@pytest.fixture(scope="module")
def query() -> FloatArray:
    return np.random.default_rng(4).normal(size=(40, 3))


def squares(query: FloatArray, library: Library) -> FloatArray:
    return ((query[:, np.newaxis] - library.states) ** 2).sum(axis=2)


# --- Hopfield -----------------------------------------------------------------------------------


def test_a_cold_hopfield_memory_recalls_the_nearest_neighbour(cloud, query) -> None:
    memory = Hopfield(beta=1e12, delays=1).fit(cloud, seed=0)
    nearest = squares(query, memory.library).argmin(axis=1)
    np.testing.assert_array_equal(memory.recall(query), memory.library.increments[nearest])


def test_a_hot_hopfield_memory_recalls_the_mean(cloud, query) -> None:
    memory = Hopfield(beta=0.0, delays=1).fit(cloud, seed=0)
    mean = np.broadcast_to(memory.library.increments.mean(axis=0), (40, 3))
    np.testing.assert_allclose(memory.recall(query), mean, atol=1e-13)


@pytest.mark.parametrize("beta", [0.3, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize("tree", [True, False])
def test_hopfield_recalls_what_the_softmax_over_everything_gives(
    cloud, query, beta: float, tree: bool
) -> None:
    # The temperatures need all keys, 256 keys and 64 keys.
    memory = Hopfield(beta=beta, delays=1).fit(cloud, seed=0)
    if not tree:
        memory = replace(memory, library=replace(memory.library, tree=None))
    logit = -beta * squares(query, memory.library) / 2
    weight = np.exp(logit - logit.max(axis=1, keepdims=True))
    expected = weight @ memory.library.increments / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(memory.recall(query), expected, rtol=0, atol=2e-11)


def test_hopfield_is_the_update_of_a_modern_hopfield_network(query) -> None:
    # For keys of equal length the term in |x|² cancels, and X softmax(β Xᵀξ) remains.
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(1, 400))
    library = Hopfield(beta=5.0, delays=1).fit(
        Trajectories(np.stack([np.cos(angle), np.sin(angle)], axis=2), dt=1.0), seed=0
    )
    keys = library.library.states
    unit = replace(
        library.library,
        states=keys / np.linalg.norm(keys, axis=1, keepdims=True),
        squares=np.ones(len(keys)),
    )
    logit = 5.0 * query[:, :2] @ unit.states.T
    weight = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    recalled = replace(library, library=unit).recall(query[:, :2])
    np.testing.assert_allclose(recalled, weight @ unit.increments, atol=1e-12)


# --- attention ----------------------------------------------------------------------------------


def test_attention_at_unit_temperature_is_the_local_linear_analogue(reference) -> None:
    attention = AttentionLocalLinear(neighbours=20, beta=1.0, ridge=1e-6, delays=2, stride=2)
    plain = LocalLinear(neighbours=20, ridge=1e-6, delays=2, stride=2)
    a, b = (
        f.fit(reference.train, seed=0).predict(reference.context, 30).values
        for f in (attention, plain)
    )
    np.testing.assert_allclose(a, b, rtol=1e-9)


def test_attention_at_flat_weights_is_least_squares_on_the_neighbours(reference) -> None:
    predictor = AttentionLocalLinear(neighbours=30, beta=0.0, ridge=0.0, delays=1).fit(
        reference.train, seed=0
    )
    library = predictor.library
    query = library.scaler.apply(reference.context[:, -1])
    order = squares(query, library).argsort(axis=1)[:, :30]
    for row, near, found in zip(query, order, predictor.increment(query), strict=True):
        design = np.column_stack([np.ones(30), library.states[near] - row])
        expected = np.linalg.lstsq(design, library.increments[near], rcond=None)[0][0]
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_tree_and_brute_force_attend_to_the_same_neighbours(cloud, query) -> None:
    library = Library.of(
        cloud.values, LocalLinear().fit(cloud, seed=0).library.scaler, Plan((0, 1))
    )
    double = np.concatenate([query, query[::-1]], axis=1)
    distance, index = library.nearest(double, 25)
    everything = squares(double, library)
    np.testing.assert_array_equal(index, everything.argsort(axis=1)[:, :25])
    np.testing.assert_allclose(distance**2, np.sort(everything, axis=1)[:, :25], rtol=1e-12)
    brute, rows = replace(library, tree=None).nearest(double, 25)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.sort(index, axis=1))
    np.testing.assert_allclose(np.sort(brute, axis=1), distance, rtol=1e-12)


# --- S-map --------------------------------------------------------------------------------------


def test_s_map_at_theta_zero_is_global_linear_regression(reference) -> None:
    predictor = SMap(theta=0.0, ridge=0.0, delays=1).fit(reference.train, seed=0)
    library = predictor.library
    design = np.column_stack([np.ones(len(library.states)), library.states])
    slope = np.linalg.lstsq(design, library.increments, rcond=None)[0]
    query = library.scaler.apply(reference.context[:, -1])
    expected = np.column_stack([np.ones(len(query)), query]) @ slope
    np.testing.assert_allclose(predictor.increment(query), expected, atol=1e-12)


@pytest.mark.parametrize("theta", [1.0, 8.0, 64.0])
def test_s_map_is_weighted_least_squares(reference, theta: float) -> None:
    predictor = SMap(theta=theta, ridge=0.0, delays=1).fit(reference.train, seed=0)
    library = predictor.library
    query = library.scaler.apply(reference.context[:5, -1])
    for row, found in zip(query, predictor.increment(query), strict=True):
        distance = np.linalg.norm(library.states - row, axis=1)
        root = np.exp(-0.5 * theta * distance / distance.mean())[:, np.newaxis]
        design = np.column_stack([np.ones(len(distance)), library.states - row])
        expected = np.linalg.lstsq(root * design, root * library.increments, rcond=1e-15)[0][0]
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_s_map_finds_noise_linear_and_lorenz_nonlinear(reference) -> None:
    rng = np.random.default_rng(0)
    series = np.zeros((1500, 1))
    for t in range(1, len(series)):
        series[t] = 0.9 * series[t - 1] + rng.normal()
    short = Trajectories(reference.train.values[:, :800], dt=0.02)
    assert SMap(delays=2).fit(Trajectories(series, dt=1.0), seed=0).theta <= 1.0
    assert SMap(delays=1).fit(short, seed=0).theta >= 16.0


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("forecaster", SMALL, ids=names)
def test_no_increment_joins_two_trajectories(forecaster) -> None:
    train = np.stack([np.full((60, 1), -1.0), np.full((60, 1), 1.0)])
    predictor = forecaster.fit(Trajectories(train, dt=0.1), seed=0)
    np.testing.assert_allclose(predictor.predict(np.full((1, 9, 1), 0.9), 10).values, 0.9)


@pytest.mark.parametrize("forecaster", SMALL, ids=names)
@pytest.mark.parametrize(("points", "context"), [(4, 20), (40, 3)])
def test_too_short_data_are_refused(forecaster, points: int, context: int) -> None:
    series = np.sin(np.arange(60.0))[:, np.newaxis]
    with pytest.raises(InvalidForecastError, match="at least"):
        forecaster.fit(Trajectories(series[:points], dt=0.1), seed=0).predict(
            series[np.newaxis, :context], 3
        )


@pytest.mark.parametrize("kind", [AttentionLocalLinear, SMap], ids=lambda kind: kind.__name__)
def test_no_state_leaves_the_box_around_the_data(kind) -> None:
    growth = np.exp(0.05 * np.arange(300))[:, np.newaxis]
    values = (
        kind().fit(Trajectories(growth, dt=1.0), seed=0).predict(growth[np.newaxis], 100).values
    )
    assert values.max() <= growth.max() + 0.1 * np.ptp(growth) + 1e-6
    assert values.max() > growth.max()


@pytest.mark.parametrize("forecaster", [Hopfield(), AttentionLocalLinear(), SMap()], ids=names)
def test_a_hidden_variable_calls_for_delays(reference, forecaster) -> None:
    hidden = Trajectories(reference.train.values[:, :1000, :1], dt=0.02)
    assert len(forecaster.fit(hidden, seed=0).library.lags) > 1


@pytest.mark.parametrize(
    ("forecaster", "low", "high"),
    [(Hopfield(), 1.0, 2.0), (AttentionLocalLinear(), 3.5, 7.0)],
    ids=["hopfield", "attention"],
)
@pytest.mark.slow
def test_reaches_the_reference(reference, forecaster, low: float, high: float) -> None:
    # Published: 1.2 to 1.5 for the softmax analogue, 3.5 for the local-linear one.
    assert low <= reference.median(forecaster) <= high


@pytest.mark.slow
def test_s_map_reaches_the_local_linear_analogue(reference) -> None:
    assert reference.median(SMap()) >= 3.5
