"""The reservoirs beyond the echo state network: plain loops, reservoirpy, published figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chaosbench.forecasters.reservoir._memory_capacity import memory_capacity
from chaosbench.forecasters.reservoir.delay_reservoir import DelayReservoir
from chaosbench.forecasters.reservoir.echo_state import EchoStateNetwork, draw_leaky
from chaosbench.forecasters.reservoir.edge_of_stability import ES2N
from chaosbench.forecasters.reservoir.ei_reservoir import BalancedReservoir
from chaosbench.forecasters.reservoir.intrinsic_plasticity import IntrinsicPlasticity, adapt
from chaosbench.forecasters.reservoir.liquid_state import LiquidStateMachine
from chaosbench.trajectories import Trajectories


def states(reservoir, inputs) -> np.ndarray:
    """Return the states ``(n, T, N)`` from zero."""
    state = np.zeros((len(inputs), reservoir.units))
    rows = []
    for t in range(inputs.shape[1]):
        state = reservoir.update(state, inputs[:, t])
        rows.append(state)
    return np.stack(rows, axis=1)


@pytest.fixture(scope="module")
def lorenz(reference) -> np.ndarray:
    """The training data, standardised, ``(1, 5000, 3)``."""
    values = reference.train.values
    return (values - values.mean(axis=(0, 1))) / values.std(axis=(0, 1))


@pytest.fixture(scope="module")
def white() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, 10_000, 3))


# --- memory capacity ----------------------------------------------------------------------------


class ShiftRegister:
    """A linear network that remembers exactly its last N inputs."""

    units = 12

    def draw(self, inputs, *, seed: int) -> ShiftRegister:
        return self

    def update(self, state, z):
        return np.concatenate([z, state[:, :-1]], axis=1)


def test_memory_capacity_of_a_shift_register_is_its_length() -> None:
    capacity = memory_capacity(ShiftRegister(), seed=0, delays=30)
    np.testing.assert_allclose(capacity[:11], 1.0, rtol=1e-6)
    # Older inputs leave no trace: the squared correlation of white noise is 1/4000 on average.
    assert capacity[11:].max() < 0.01


def test_memory_capacity_is_that_of_least_squares() -> None:
    forecaster = EchoStateNetwork(units=30, spectral_radius=0.9, input_scaling=0.1)
    capacity = memory_capacity(forecaster, seed=3, delays=5, points=500, transient=100, ridge=0.0)
    inputs = np.random.default_rng([3, 2]).uniform(-(3**0.5), 3**0.5, (1, 1100, 1))
    series = states(forecaster.draw(inputs, seed=3), inputs)[0]
    design = np.concatenate([series, np.ones((1100, 1))], axis=1)
    for delay in (1, 3, 5):
        past = np.roll(inputs[0, :, 0], delay)
        weights = np.linalg.lstsq(design[100:600], past[100:600], rcond=None)[0]
        expected = np.corrcoef(design[600:] @ weights, past[600:])[0, 1] ** 2
        assert capacity[delay - 1] == pytest.approx(expected, abs=1e-4)


# --- intrinsic plasticity -----------------------------------------------------------------------


def test_plasticity_is_that_of_reservoirpy(lorenz) -> None:
    from reservoirpy.nodes import IPReservoir

    reservoir = draw_leaky(
        40, 3, spectral_radius=0.8, input_scaling=0.5, bias=0.3, degree=8, seed=2
    )
    node = IPReservoir(
        W=reservoir.recurrent, Win=reservoir.weights, bias=reservoir.bias, mu=0.1, sigma=0.3,
        learning_rate=1e-3, epochs=2, input_dim=3,
    )  # fmt: skip
    node.fit(lorenz[0, :400])
    gain, shift = adapt(reservoir, lorenz[:, :400], mean=0.1, deviation=0.3, rate=1e-3, epochs=2)
    np.testing.assert_allclose(gain, node.a, rtol=1e-10)
    np.testing.assert_allclose(shift, node.b, rtol=1e-10)
    assert np.abs(gain - 1).max() > 0.1


@pytest.mark.parametrize("units", [7, 60])
def test_gains_and_shifts_are_folded_into_the_weights(units: int, lorenz) -> None:
    forecaster = IntrinsicPlasticity(units=units)
    before = draw_leaky(
        units, 3, spectral_radius=0.4, input_scaling=0.3, bias=1.0, degree=6, seed=5
    )
    gain, shift = adapt(before, lorenz[:, :300], mean=0.0, deviation=0.35, rate=5e-4, epochs=1)
    folded = forecaster.draw(lorenz[:, :300], seed=5)
    state, z = np.random.default_rng(0).uniform(-1, 1, (2, units)), lorenz[0, 300:302]
    x = (before.recurrent @ state.T).T + z @ before.weights.T + before.bias
    np.testing.assert_allclose(folded.update(state, z), np.tanh(gain * x + shift), rtol=1e-12)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 0.2), (0.1, 0.3)])
def test_plasticity_gives_the_units_their_target_distribution(mean, deviation, white) -> None:
    def divergence(epochs: int) -> tuple[float, np.ndarray]:
        reservoir = IntrinsicPlasticity(
            units=50, mean=mean, deviation=deviation, rate=1e-3, epochs=epochs
        ).draw(white, seed=0)
        activity = states(reservoir, white)[0, 100:]
        edges = np.linspace(-1, 1, 41)
        center = (edges[1:] + edges[:-1]) / 2
        q = np.exp(-((center - mean) ** 2) / (2 * deviation**2))
        q /= q.sum()
        p = np.stack([np.histogram(a, edges)[0] for a in activity.T]) / len(activity)
        logarithm = np.log(np.where(p > 0, p, 1.0) / q)
        return float((p * logarithm).sum(axis=1).mean()), activity

    untrained, _ = divergence(0)
    trained, activity = divergence(1)
    assert untrained > 0.5
    assert trained < 0.05
    # With gradient variance and curvature both 1/σ², stochastic gradient descent leaves the shift
    # with a variance of half its rate about the optimum.
    scatter = activity.mean(axis=0) - mean
    assert abs(scatter.mean()) < 0.015
    assert 0.5 < scatter.std() / np.sqrt(1e-3 / 2) < 1.5
    np.testing.assert_allclose(activity.std(axis=0), deviation, rtol=0.15)


# --- edge of stability --------------------------------------------------------------------------


def test_states_are_those_of_reservoirpys_node(lorenz) -> None:
    from reservoirpy.nodes import ES2N as Node

    ours = ES2N(units=40, proximity=0.3).draw(lorenz, seed=1)
    node = Node(
        W=ours.recurrent, Win=ours.weights, bias=ours.bias, O=ours.rotation, proximity=0.3,
        input_dim=3,
    )  # fmt: skip
    theirs = node.run(lorenz[0, :50])
    np.testing.assert_allclose(states(ours, lorenz[:, :50])[0], theirs, rtol=1e-10, atol=1e-14)


def test_without_the_nonlinear_part_it_is_a_rotation(lorenz) -> None:
    reservoir = ES2N(units=60, proximity=0.0).draw(lorenz, seed=0)
    np.testing.assert_allclose(reservoir.rotation @ reservoir.rotation.T, np.eye(60), atol=1e-12)
    start = np.random.default_rng(0).standard_normal((2, 60))
    state = start
    for t in range(1000):
        state = reservoir.update(state, lorenz[:, t])
    np.testing.assert_allclose(
        np.linalg.norm(state, axis=1), np.linalg.norm(start, axis=1), rtol=1e-12
    )
    assert np.abs(state - start).max() > 0.1


def test_at_full_proximity_it_is_an_echo_state_network(lorenz) -> None:
    reservoir = ES2N(units=60, proximity=1.0).draw(lorenz, seed=0)
    state = np.full((1, 60), 0.1)
    expected = np.tanh(
        reservoir.recurrent @ state[0] + reservoir.weights @ lorenz[0, 0] + reservoir.bias
    )
    np.testing.assert_allclose(reservoir.update(state, lorenz[:, 0])[0], expected, rtol=1e-12)


def test_near_the_edge_it_remembers_longer_than_an_echo_state_network() -> None:
    # The claim of the architecture [ceni2025]: linear memory near its bound, the number of units.
    settings = {"units": 50, "input_scaling": 0.1, "bias": 0.0, "spectral_radius": 0.9}
    edge = memory_capacity(ES2N(**settings, proximity=0.05), seed=0).sum()
    assert edge > 1.5 * memory_capacity(EchoStateNetwork(**settings), seed=0).sum()
    assert 35 < edge <= 50


# --- delay --------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonlinearity", ["mackey_glass", "sine"])
def test_virtual_nodes_are_those_of_a_plain_loop(nonlinearity: str, lorenz) -> None:
    forecaster = DelayReservoir(
        units=15, nonlinearity=nonlinearity, feedback=0.8, exponent=3.0, separation=0.2
    )
    node = forecaster.draw(lorenz, seed=0)
    x = np.zeros(15)
    for z in lorenz[0, :40]:
        previous, last = x.copy(), x[-1]
        for i in range(15):
            y = previous[i] + node.mask[i] @ z + node.bias[i]
            held = np.sin(y + 0.6) ** 2 if nonlinearity == "sine" else y / (1 + abs(y) ** 3)
            last = np.exp(-0.2) * last + (1 - np.exp(-0.2)) * 0.8 * held
            x[i] = last
    np.testing.assert_allclose(states(node, lorenz[:, :40])[0, -1], x, rtol=1e-10)


def test_long_intervals_are_independent_nodes(lorenz) -> None:
    # Each node reaches equilibrium before the next begins, so there is neither ring nor chain.
    node = DelayReservoir(units=20, separation=50.0, exponent=0.0, feedback=0.6).draw(
        lorenz, seed=0
    )
    series = states(node, lorenz[:, :10])[0]
    expected = 0.3 * (series[8] + node.mask @ lorenz[0, 9] + node.bias)
    np.testing.assert_allclose(series[9], expected, rtol=1e-12)


# --- excitation and inhibition ------------------------------------------------------------------


def balanced(**settings) -> BalancedReservoir:
    """Return the network of the published memory capacities."""
    return BalancedReservoir(**{"units": 300, "strength": 1.0, "input_scaling": 0.03, **settings})


def test_rates_are_those_of_a_plain_loop(lorenz) -> None:
    network = BalancedReservoir(units=60, threshold=0.1, gain=7.0).draw(lorenz[:, :200], seed=0)
    weights, r = network.recurrent.toarray(), np.zeros(60)
    for z in lorenz[0, :30]:
        r = 1 / (1 + np.exp(-7.0 * (weights @ r + network.weights @ z - 0.1)))
    np.testing.assert_allclose(states(network, lorenz[:, :30])[0, -1], r, rtol=1e-10)


@pytest.mark.parametrize("adaptation", ["none", "two_phases", "one_step"])
def test_four_of_five_units_excite_whatever_the_adaptation(adaptation: str, lorenz) -> None:
    network = balanced(units=100, adaptation=adaptation).draw(lorenz[:, :500], seed=0)
    weights = network.recurrent.toarray()
    assert weights[:, :80].min() >= 0
    assert weights[:, 80:].max() <= 0
    assert ((weights[:, :80] > 0).sum(axis=1) == 40).all()
    assert ((weights[:, 80:] < 0).sum(axis=1) <= 10).all()


def test_global_balance_is_the_mean_row_total(lorenz) -> None:
    for balance in (0.5, 0.0, -2.0):
        network = balanced(balance=balance, adaptation="none").draw(lorenz, seed=0)
        totals = network.recurrent.toarray().sum(axis=1)
        # 3,000 uniform inhibitory entries of mean up to 0.3.
        assert totals.mean() == pytest.approx(balance, abs=0.06)


@pytest.mark.parametrize("adaptation", ["two_phases", "one_step"])
@pytest.mark.parametrize("seed", [0, 1])
def test_adaptation_reaches_the_target_rates(adaptation: str, seed: int) -> None:
    bound = np.sqrt(3.0)
    inputs = np.random.default_rng(seed).uniform(-bound, bound, (1, 6000, 1))
    adapted = balanced(adaptation=adaptation, targets="homogeneous", rate=0.3)
    rates = states(adapted.draw(inputs, seed=seed), inputs)[0, 500:].mean(axis=0)
    before = balanced(adaptation="none").draw(inputs, seed=seed)
    rates_before = states(before, inputs)[0, 500:].mean(axis=0)
    assert np.abs(rates_before - 0.3).mean() > 0.1
    assert np.abs(rates - 0.3).mean() < 0.02


def test_beta_targets_are_spread_as_the_distribution() -> None:
    inputs = np.random.default_rng(0).uniform(-1.7, 1.7, (1, 4000, 1))
    network = balanced(adaptation="one_step", targets="beta").draw(inputs, seed=0)
    rates = states(network, inputs)[0, 500:].mean(axis=0)
    # Beta(2, 2): mean 1/2, variance 1/20.
    assert rates.mean() == pytest.approx(0.5, abs=0.04)
    assert rates.std() == pytest.approx(np.sqrt(0.05), abs=0.03)


def capacities(seed: int) -> dict[str, float]:
    cases = {str(b): balanced(adaptation="none", balance=b) for b in (0.5, 0.0, -0.5, -1.0, -2.0)}
    cases["adapted"] = balanced(targets="homogeneous")
    return {name: memory_capacity(case, seed=seed).sum() for name, case in cases.items()}


PUBLISHED = {"0.5": 2.1, "0.0": 17.6, "-0.5": 15.3, "-1.0": 7.7, "-2.0": 2.5, "adapted": 21.2}


def test_memory_capacity_at_each_balance_is_the_published_one() -> None:
    # The published figures are from one network, as is this one.
    found = capacities(seed=0)
    for name, value in PUBLISHED.items():
        assert found[name] == pytest.approx(value, abs=4.5), name
    assert sorted(found, key=found.__getitem__) == sorted(PUBLISHED, key=PUBLISHED.__getitem__)


@pytest.mark.slow
def test_balanced_networks_remember_more_whatever_the_seed() -> None:
    found = [capacities(seed) for seed in range(1, 6)]
    for f in found:
        assert f["adapted"] > max(f["0.0"], f["-0.5"])
        assert min(f["0.0"], f["-0.5"]) > f["-2.0"] > f["0.5"]
    mean = {name: np.mean([f[name] for f in found]) for name in PUBLISHED}
    assert sorted(mean, key=mean.__getitem__) == sorted(PUBLISHED, key=PUBLISHED.__getitem__)


def test_one_step_is_as_good_as_adapting() -> None:
    one, two = (
        memory_capacity(balanced(adaptation=a, targets="homogeneous"), seed=0).sum()
        for a in ("one_step", "two_phases")
    )
    assert one == pytest.approx(two, rel=0.1)


# --- forecasts ----------------------------------------------------------------------------------

FORECASTERS = {
    "intrinsic_plasticity": IntrinsicPlasticity(),
    "es2n": ES2N(),
    "delay_reservoir": DelayReservoir(),
    "ei_reservoir": BalancedReservoir(units=400),
}


@pytest.mark.parametrize("name", FORECASTERS)
@pytest.mark.slow
def test_reaches_the_horizon_of_a_reservoir_set_up_with_care(name: str, reference) -> None:
    # References: 9.5 to 11.4 Lyapunov times with 500 units, E/I at 400 units 5.7 to 7.9.
    assert reference.median(FORECASTERS[name]) >= 9.0


@pytest.mark.slow
def test_the_published_balanced_reservoir_forecasts_as_published(reference) -> None:
    # 5.7 to 7.9 Lyapunov times for the homogeneous network at the setting of the capacities.
    published = balanced(units=400, targets="homogeneous", input_scaling=0.1)
    assert 5.0 <= reference.median(published) <= 9.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("name", FORECASTERS)
def test_no_reservoir_owes_its_score_to_one_seed(name: str, seed: int, reference) -> None:
    assert reference.median(FORECASTERS[name], seed=seed) >= 9.0


@pytest.mark.parametrize("name", FORECASTERS)
def test_several_trajectories_adapt_and_fit_together(name: str, reference) -> None:
    import dataclasses

    pieces = reference.train.values[0].reshape(10, 500, 3)
    small = dataclasses.replace(FORECASTERS[name], units=100)
    predictor = small.fit(Trajectories(pieces, dt=0.02), seed=0)
    values = predictor.predict(reference.context, 60).values
    assert np.median(reference.valid_prediction_times(values)) > 1.0


# --- the closed loop ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forecaster",
    [
        EchoStateNetwork(units=60),
        ES2N(units=60),
        DelayReservoir(units=60),
        BalancedReservoir(units=60),
        LiquidStateMachine(side=3, steps=4),
    ],
    ids=["esn", "es2n", "delay", "balanced", "liquid"],
)
def test_a_closed_loop_that_left_the_data_stays_within_bounds(forecaster) -> None:
    """On growing data the linear path from the input to itself would lead to infinity."""
    growth = np.exp(0.08 * np.arange(400))[:, np.newaxis]
    predictor = forecaster.fit(Trajectories(growth, dt=1.0), seed=0)
    values = predictor.predict(growth[np.newaxis, -100:], 1000).values
    width = np.ptp(growth)
    assert values.max() <= growth.max() + 0.5 * width + 1e-6 * width
    assert values.min() >= growth.min() - 0.5 * width - 1e-6 * width


def test_bounds_change_no_bit_of_a_forecast_inside(reference) -> None:
    predictor = EchoStateNetwork(units=100).fit(reference.train, seed=0)
    free = replace(predictor, bounds=np.array([[-np.inf] * 3, [np.inf] * 3]))
    ours, theirs = (p.predict(reference.context[:4], 100).values for p in (predictor, free))
    np.testing.assert_array_equal(ours, theirs)


def test_the_drive_of_a_unit_does_not_grow_with_the_number_of_variables() -> None:
    spread = []
    for d in (3, 12, 48):
        z = np.random.default_rng(0).standard_normal((1, 500, d))
        weights = EchoStateNetwork(units=300).draw(z, seed=0).weights
        spread.append((z[0] @ weights.T).std())
    np.testing.assert_allclose(spread, 0.3, rtol=0.05)
