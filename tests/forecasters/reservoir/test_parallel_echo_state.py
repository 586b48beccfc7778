"""Parallel echo state networks on a ring: Lorenz-96, and the ordinary network as the limit."""

from __future__ import annotations

import numpy as np
import pytest

from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork
from chaosbench.forecasters.reservoir.parallel_echo_state import ParallelEchoState
from chaosbench.trajectories import Trajectories

DT = 0.02


def lorenz96(u: np.ndarray, steps: int) -> np.ndarray:
    """Return ``(n, steps, d)`` from the states ``(n, d)``, by RK4 at half the sampling step."""

    def rhs(u):
        return (np.roll(u, -1, 1) - np.roll(u, 2, 1)) * np.roll(u, 1, 1) - u + 8.0

    h, rows = DT / 2, []
    for _ in range(steps):
        rows.append(u)
        for _ in range(2):
            a = rhs(u)
            b = rhs(u + h / 2 * a)
            c = rhs(u + h / 2 * b)
            u = u + h / 6 * (a + 2 * b + 2 * c + rhs(u + h * c))
    return np.stack(rows, axis=1)


@pytest.fixture(scope="module")
def ring() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training data ``(4000, 40)``, ten contexts and the states that followed them."""
    start = 8 + np.random.default_rng(0).standard_normal((11, 40))
    start = lorenz96(start, 1000)[:, -1]
    windows = lorenz96(start[1:], 300)
    return lorenz96(start[:1], 4000)[0], windows[:, :150], windows[:, 150:]


def steps_until_wrong(forecaster, ring) -> float:
    train, context, truth = ring
    values = forecaster.fit(Trajectories(train, dt=DT), seed=0).predict(context, 150).values
    error = np.sqrt((((values - truth) / train.std(axis=0)) ** 2).mean(axis=2))
    return float(np.median(np.logical_and.accumulate(error <= 0.4, axis=1).sum(axis=1)))


def test_one_group_is_an_echo_state_network(reference) -> None:
    train = Trajectories(reference.train.values[:, :1500], dt=DT)
    given = {"units": 60, "input_scaling": 0.3, "spectral_radius": 0.4, "noise": 0.0}
    one = ParallelEchoState(groups=1, **given).fit(train, seed=3)
    plain = EchoStateNetwork(**given).fit(train, seed=3)
    np.testing.assert_allclose(
        one.predict(reference.context, 20).values,
        plain.predict(reference.context, 20).values,
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip


def test_groups_see_their_neighbours_around_the_ring(ring) -> None:
    train = Trajectories(ring[0][:200], dt=DT)
    predictor = ParallelEchoState(units=10, groups=20, overlap=2, ridge=1e-6).fit(train, seed=0)
    assert predictor.seen[0].tolist() == [38, 39, 0, 1, 2, 3]
    assert predictor.seen[-1].tolist() == [36, 37, 38, 39, 0, 1]
    assert predictor.forecast[-1].tolist() == [38, 39]


@pytest.mark.parametrize("groups", [1, 3, 7, 20, 40, 99])
@pytest.mark.parametrize("shared", [False, True])
def test_every_variable_is_forecast_by_a_group_that_holds_it(groups, shared, ring) -> None:
    train = Trajectories(ring[0][:200], dt=DT)
    predictor = ParallelEchoState(units=5, groups=groups, ridge=1e-6, shared=shared).fit(
        train, seed=0
    )
    assert predictor.forecast.ravel()[predictor.owner].tolist() == list(range(40))
    for seen, forecast in zip(predictor.seen, predictor.forecast, strict=True):
        assert len(set(seen)) == len(seen)
        assert set(forecast) <= set(seen)


def test_each_readout_is_ridge_regression_on_its_own_neighbourhood(ring) -> None:
    train = Trajectories(ring[0][:600], dt=DT)
    forecaster = ParallelEchoState(
        units=8, groups=10, overlap=1, ridge=1e-4, transient=50, noise=0.0
    )
    predictor = forecaster.fit(train, seed=0)
    z = predictor.scaler.apply(train.values)[0]
    group = 9
    local = z[:, predictor.seen[group]]
    state, rows = np.zeros((1, 8)), []
    for t in range(599):
        state = predictor.reservoir.update(state, local[t : t + 1])
        squared = np.where(np.arange(8) % 2 == 0, state[0] ** 2, state[0])
        rows.append(np.concatenate([[1.0], local[t], squared]))
    phi, increments = np.array(rows)[50:], np.diff(z, axis=0)[50:, predictor.forecast[group]]
    penalty = np.sqrt(1e-4 * len(phi)) * np.eye(phi.shape[1])
    expected = np.linalg.lstsq(
        np.concatenate([phi, penalty]),
        np.concatenate([increments, np.zeros((phi.shape[1], 4))]),
        rcond=None,
    )[0]
    np.testing.assert_allclose(phi @ predictor.readout[group], phi @ expected, atol=1e-7)


def test_a_shared_readout_does_not_know_where_it_is(ring) -> None:
    train, context, _ = ring
    settings = {"units": 50, "groups": 20, "shared": True, "ridge": 1e-6, "noise": 0.0}
    plain = ParallelEchoState(**settings).fit(Trajectories(train[:800], dt=DT), seed=0)
    turned = ParallelEchoState(**settings).fit(
        Trajectories(np.roll(train[:800], 2, axis=1), dt=DT), seed=0
    )
    np.testing.assert_allclose(
        turned.predict(np.roll(context, 2, axis=2), 10).values,
        np.roll(plain.predict(context, 10).values, 2, axis=2),
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip


@pytest.mark.slow
def test_groups_see_what_one_network_cannot(ring) -> None:
    alone = steps_until_wrong(EchoStateNetwork(units=200), ring)
    parallel = steps_until_wrong(ParallelEchoState(units=200, shared=True), ring)
    assert parallel > 3 * alone
