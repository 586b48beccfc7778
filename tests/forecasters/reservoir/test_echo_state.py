"""The echo state network: reservoirpy's own run as oracle, and the echo state property."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.forecasters import Forecast
from chaosbench.forecasters._shared.ridge import NormalEquations
from chaosbench.forecasters.reservoir._reservoir import (
    _RIDGES,
    EnsemblePredictor,
    features,
    member_seeds,
)
from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork
from chaosbench.trajectories import Trajectories


@pytest.fixture(scope="module")
def predictor(reference):
    return EchoStateNetwork(units=80, leak=0.7, ridge=1e-9).fit(reference.train, seed=4)


def test_states_are_those_of_reservoirpy(predictor, reference) -> None:
    from reservoirpy.nodes import Reservoir

    node = Reservoir(
        W=predictor.reservoir.recurrent,
        Win=predictor.reservoir.weights,
        bias=predictor.reservoir.bias,
        lr=0.7,
        input_dim=3,
    )
    z = predictor.scaler.apply(reference.context[:2, :50])
    theirs = np.stack([node.run(window)[-1] for window in z[:1]])
    ours = predictor.drive(z, np.zeros((2, 80)))
    np.testing.assert_allclose(ours[:1], theirs, rtol=1e-12)


def test_spectral_radius_and_input_scaling_are_what_was_asked_for() -> None:
    forecaster = EchoStateNetwork(units=100, spectral_radius=0.7, input_scaling=0.2, bias=0.5)
    train = Trajectories(np.random.default_rng(0).normal(size=(60, 2)), dt=1.0)
    reservoir = forecaster.fit(train, seed=0).reservoir
    radius = np.abs(np.linalg.eigvals(reservoir.recurrent.toarray())).max()
    assert radius == pytest.approx(0.7, rel=1e-6)
    assert 0.18 < np.abs(reservoir.weights).max() <= 0.2
    assert 0.45 < np.abs(reservoir.bias).max() <= 0.5


def test_context_beyond_the_memory_of_the_reservoir_does_not_matter(predictor, reference) -> None:
    whole = predictor.predict(reference.context, 20).values
    recent = predictor.predict(reference.context[:, -200:], 20).values
    np.testing.assert_allclose(recent, whole, rtol=1e-9)


def test_training_is_ridge_regression_of_increments_on_the_driven_states(
    predictor, reference
) -> None:
    z = predictor.scaler.apply(reference.train.values)
    state = np.zeros((1, 80))
    rows = []
    for t in range(4999):
        state = predictor.update(state, z[:, t])
        rows.append(predictor.features(state, z[:, t])[0])
    phi, increments = np.array(rows)[100:], np.diff(z[0], axis=0)[100:]
    penalty = np.sqrt(1e-9 * len(phi)) * np.eye(phi.shape[1])
    expected = np.linalg.lstsq(
        np.concatenate([phi, penalty]),
        np.concatenate([increments, np.zeros((phi.shape[1], 3))]),
        rcond=None,
    )[0]
    np.testing.assert_allclose(phi @ predictor.readout, phi @ expected, atol=1e-7)


def test_chosen_ridge_is_refitted_to_all_of_the_training_data(reference) -> None:
    train = Trajectories(reference.train.values[:, :1500], dt=0.02)
    given = {"units": 60, "input_scaling": 0.3, "spectral_radius": 0.4}
    chosen = EchoStateNetwork(**given).fit(train, seed=0)
    fixed = [EchoStateNetwork(**given, ridge=r).fit(train, seed=0).readout for r in _RIDGES]
    # Readouts are compared relative to their size: the smaller penalties are badly conditioned.
    distance = sorted(np.abs(w - chosen.readout).max() / np.abs(w).max() for w in fixed)
    assert distance[0] < 1e-3
    assert distance[1] > 100 * distance[0]


def test_seed_draws_another_reservoir(reference) -> None:
    train = Trajectories(reference.train.values[:, :600], dt=0.02)
    a, b = (EchoStateNetwork(units=50).fit(train, seed=s).reservoir.weights for s in (0, 1))
    assert not np.array_equal(a, b)


def test_noise_leaves_the_reservoir_as_it_was(reference) -> None:
    train = Trajectories(reference.train.values[:, :600], dt=0.02)
    clean = EchoStateNetwork(units=50).fit(train, seed=0)
    noisy = EchoStateNetwork(units=50, noise=1e-2).fit(train, seed=0)
    assert np.array_equal(clean.reservoir.weights, noisy.reservoir.weights)
    assert not np.array_equal(clean.readout, noisy.readout)


@pytest.mark.parametrize("units", [1, 2, 7])
def test_tiny_reservoirs_work(units: int, reference) -> None:
    train = Trajectories(reference.train.values[:, :400], dt=0.02)
    values = EchoStateNetwork(units=units).fit(train, seed=0).predict(reference.context, 3).values
    assert np.isfinite(values).all()


def test_readouts_have_the_features_they_name() -> None:
    state, z = np.array([[0.5, -2.0, 3.0]]), np.array([[7.0]])
    assert features("linear", state, z).tolist() == [[1, 7, 0.5, -2, 3]]
    assert features("alternate", state, z).tolist() == [[1, 7, 0.25, -2, 9]]
    assert features("squares", state, z).tolist() == [[1, 7, 0.5, -2, 3, 0.25, 4, 9]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "squares"])
def test_other_readouts_forecast_too(kind: str, reference) -> None:
    # The states of 300 units, with or without their squares, suffice for a good forecast.
    forecaster = EchoStateNetwork(units=300, readout=kind)
    assert reference.median(forecaster, lyapunov_times=10.0) >= 8.0


def test_members_of_an_ensemble_are_single_networks(reference) -> None:
    train = Trajectories(reference.train.values[:, :600], dt=0.02)
    seeds = member_seeds(7, 3)
    assert len(set(seeds)) == 3
    single = [
        EchoStateNetwork(units=40).fit(train, seed=s).predict(reference.context, 50).values
        for s in seeds
    ]
    forecast = EchoStateNetwork(units=40, ensemble=3).fit(train, seed=7)
    forecast = forecast.predict(reference.context, 50)
    np.testing.assert_array_equal(forecast.samples, np.stack(single))
    np.testing.assert_array_equal(forecast.values, np.median(single, axis=0))
    assert seeds[0] == 7
    assert (
        EchoStateNetwork(units=40).fit(train, seed=7).predict(reference.context, 5).samples is None
    )


def test_an_ensemble_goes_on_without_the_members_that_escaped() -> None:
    class Fixed:
        def __init__(self, *values: float) -> None:
            self.values = np.array(values).reshape(1, -1, 1)

        def predict(self, context, horizon: int) -> Forecast:
            return Forecast(self.values)

    nan = np.nan
    members = [Fixed(1, 2, nan), Fixed(3, nan, nan), Fixed(8, 4, nan)]
    forecast = EnsemblePredictor(members).predict(np.zeros((1, 1, 1)), 3)
    np.testing.assert_array_equal(forecast.values[0, :, 0], [3, 3, nan])


def test_normal_equations_survive_a_singular_matrix() -> None:
    # Two equal columns without a penalty: Cholesky fails, the least-norm solution splits evenly.
    x = np.random.default_rng(0).normal(size=(50, 1))
    equations = NormalEquations(2, 1)
    equations.add(np.concatenate([x, x], axis=1), 3 * x)
    np.testing.assert_allclose(equations.solve(0.0), [[1.5], [1.5]], rtol=1e-6)
