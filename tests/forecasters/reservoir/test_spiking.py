"""The spiking kernel: closed forms, hand-computed spike pairs, and a plain loop as oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from liquids import DenseLiquid

from chaosbench.forecasters.reservoir._spiking import (
    Activity,
    Liquid,
    Plasticity,
    draw_liquid,
    simulate,
)

FROZEN = Plasticity(astrocyte=None, fading=False, reset=False)


def neurons(*kinds: int, synapses: tuple[tuple[int, int, float], ...] = ()) -> Liquid:
    """Return neurons of the given kinds; every synaptic current decays over 1 ms."""
    source = np.array([j for j, _, _ in synapses], dtype=np.int64)
    counts = np.bincount(source, minlength=len(kinds))
    return Liquid(
        kind=np.array(kinds, dtype=np.int8),
        slow=np.zeros(len(kinds), dtype=np.int8),
        begin=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        target=np.array([i for _, i, _ in synapses], dtype=np.int32),
        weights=np.array([w for _, _, w in synapses], dtype=float),
    )


def forced(times: dict[int, int], size: int, steps: int) -> np.ndarray:
    """Return currents ``(1, steps, N)`` that make neuron k fire at ``times[k]``."""
    drive = np.zeros((1, steps, size))
    for neuron, time in times.items():
        drive[0, time - 1, neuron] = 100.0  # a current in one ms shows in the next
    return drive


def test_a_constant_current_charges_the_membrane_as_the_leaky_integrator_does() -> None:
    liquid, current = neurons(1), 0.3  # 64 I stays below the threshold of 20
    activity = Activity.rest(liquid, 1)
    drive = np.full((1, 1, 1), current)
    for k in range(1, 400):
        simulate(liquid, activity, drive)
        exact = 64 * current * (1 - (1 - 1 / 64) ** k)
        assert activity.potential[0, 0] == pytest.approx(exact, rel=1e-12)
        # This is Euler's rule for the continuous membrane, with an error of first order in 1/64.
        assert exact == pytest.approx(64 * current * (1 - np.exp(-k / 64)), abs=0.1)


@pytest.mark.parametrize("current", [0.4, 1.0, 3.0])
def test_the_rate_is_that_of_the_leaky_integrator(current: float) -> None:
    liquid = neurons(1)
    _, spikes = simulate(
        liquid, Activity.rest(liquid, 1), np.full((1, 1, 1), current), steps=2000, record=True
    )
    # From a reset, k ms of charging reach 64 I (1 - (63/64)^k); the spike comes in the next ms.
    charging = int(np.ceil(np.log(1 - 20 / (64 * current)) / np.log(63 / 64)))
    gaps = np.diff(np.flatnonzero(spikes[0, :, 0]))
    # The ms of the spike itself already charges again, but the refractory time takes three.
    assert set(gaps) == {charging}


def test_no_spike_follows_within_the_refractory_time() -> None:
    liquid = neurons(1)
    _, spikes = simulate(
        liquid, Activity.rest(liquid, 1), np.full((1, 1, 1), 100.0), steps=60, record=True
    )
    assert np.array_equal(np.flatnonzero(spikes[0, :, 0]), np.arange(1, 60, 3))


def test_a_spike_makes_the_current_of_the_source() -> None:
    liquid = neurons(1, 1, synapses=((0, 1, 2.0),))
    liquid = replace(liquid, slow=np.array([0, 1], dtype=np.int8))
    activity = Activity.rest(liquid, 1)
    potentials = []
    drive = forced({0: 5}, 2, 12)
    for t in range(12):
        simulate(liquid, activity, drive[:, t : t + 1])
        potentials.append(activity.potential[0, 1])
    expected, v = [], 0.0
    for t in range(12):
        v += (2.0 * np.exp(-(t - 5) / 2) / 2 if t >= 5 else 0.0) - v / 64
        expected.append(v)
    np.testing.assert_allclose(potentials, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("lag", [1, 3, 10, 30])
@pytest.mark.parametrize(
    ("kind", "sign"), [(0, 1.0), (1, 1.0), (2, -1.0)], ids=["input", "excitatory", "inhibitory"]
)
def test_one_pair_of_spikes_changes_the_weight_as_computed_by_hand(
    kind: int, sign: float, lag: int
) -> None:
    rule = replace(FROZEN, rate=0.15)
    trace = 0.1 * np.exp(-0.1 * lag)
    start = sign * 0.5
    for times, change in (
        ({0: 4, 1: 4 + lag}, 0.15 * trace),  # pre before post
        ({0: 4 + lag, 1: 4}, -0.15 * trace),
    ):
        liquid = neurons(kind, 1, synapses=((0, 1, start),))
        activity = Activity.rest(liquid, 1, plasticity=rule)
        _, spikes = simulate(liquid, activity, forced(times, 2, 40), plasticity=rule, record=True)
        assert {k: int(np.flatnonzero(spikes[0, :, k])[0]) for k in (0, 1)} == times
        assert spikes.sum() == 2
        # For an inhibitory synapse the signs swap: pre before post makes it more negative.
        assert activity.weights[0, 0] - start == pytest.approx(sign * change, rel=1e-12)


def test_spikes_at_the_same_time_leave_a_fresh_weight_alone() -> None:
    liquid = neurons(1, 1, synapses=((0, 1, 0.5),))
    activity = Activity.rest(liquid, 1, plasticity=FROZEN)
    simulate(liquid, activity, forced({0: 4, 1: 4}, 2, 10), plasticity=FROZEN)
    assert activity.weights[0, 0] == 0.5


@pytest.mark.parametrize(
    ("kind", "weight", "times", "bound"),
    [(1, 2.999, {0: 4, 1: 5}, 3.0), (1, 0.001, {0: 5, 1: 4}, 0.0), (2, -0.001, {0: 5, 1: 4}, 0.0),
     (2, -2.999, {0: 4, 1: 5}, -3.0), (0, 0.001, {0: 5, 1: 4}, None)],
)  # fmt: skip
def test_weights_stay_within_their_bounds(
    kind: int, weight: float, times: dict[int, int], bound: float | None
) -> None:
    liquid = neurons(kind, 1, synapses=((0, 1, weight),))
    activity = Activity.rest(liquid, 1, plasticity=FROZEN)
    simulate(liquid, activity, forced(times, 2, 10), plasticity=FROZEN)
    if bound is None:  # an input synapse may change its sign
        assert activity.weights[0, 0] < 0
    else:
        assert activity.weights[0, 0] == bound


def test_the_astrocyte_integrates_liquid_less_input_spikes() -> None:
    rule = Plasticity(astrocyte=0.05, fading=False, reset=False)
    liquid = neurons(0, 1, 1, 1)
    activity = Activity.rest(liquid, 1, plasticity=rule)
    drive = forced({1: 2, 2: 2, 3: 2, 0: 2}, 4, 3)
    simulate(liquid, activity, drive, plasticity=rule)
    assert activity.rates[0, 1] == pytest.approx(0.15 + (0.05 * (3 - 1)) / 100, rel=1e-12)
    simulate(liquid, activity, np.zeros((1, 1, 4)), steps=50, plasticity=rule)
    # Back to its bias with a time constant of 100 ms.
    assert activity.rates[0, 1] == pytest.approx(0.15 + 0.001 * 0.99**50, rel=1e-12)


def test_rates_fade_and_each_sample_begins_anew() -> None:
    rule = Plasticity(astrocyte=0.0)
    liquid = neurons(1, 1, synapses=((0, 1, 0.5),))
    activity = Activity.rest(liquid, 1, plasticity=rule)
    simulate(liquid, activity, np.zeros((1, 1, 2)), steps=7, plasticity=rule)
    assert activity.rates[0, 0] == pytest.approx(0.15 * 0.99**7, rel=1e-12)
    drive = np.full((1, 1, 2), 3.0) * [1.0, 1.5]
    simulate(liquid, activity, drive, steps=40, plasticity=rule)
    assert activity.weights[0, 0] != 0.5
    silence = np.zeros((1, 2, 2))  # the last spike may fall into the first of two samples
    simulate(liquid, activity, silence, steps=5, plasticity=rule)
    assert activity.weights[0, 0] == 0.5


def test_filters_are_exponential_means_of_the_spikes() -> None:
    liquid = neurons(1)
    found, spikes = simulate(
        liquid, Activity.rest(liquid, 1, filters=2), np.full((1, 30, 1), 2.0), steps=10,
        filters=np.array([20.0, 100.0]), record=True,
    )  # fmt: skip
    for k, tau in enumerate((20.0, 100.0)):
        keep = np.exp(-1 / tau)
        x, ends = 0.0, []
        for t, spike in enumerate(spikes[0, :, 0]):
            x = keep * x + (1 - keep) * spike
            if t % 10 == 9:
                ends.append(x)
        np.testing.assert_allclose(found[0, :, k, 0], ends, rtol=1e-12)


@pytest.mark.parametrize(
    "rule",
    [None, FROZEN, Plasticity(fading=False, reset=False), Plasticity(), Plasticity(astrocyte=0.2)],
    ids=["static", "stdp", "astrocyte", "samples", "strong-astrocyte"],
)
def test_a_plain_loop_gives_the_same_spikes_and_weights(rule: Plasticity | None) -> None:
    rng = np.random.default_rng(3)
    liquid = draw_liquid(rng, side=6, inputs=40, weight=1.5, input_weight=1.5, density=0.3)
    size = len(liquid.kind)
    drive = np.zeros((2, 20, size))
    drive[..., :40] = 100 * (rng.random((2, 20, 40)) < 0.3)
    drive[..., 40:] = rng.normal(0.6, 0.6, size=(2, 20, size - 40))
    activity = Activity.rest(liquid, 2, plasticity=rule)
    _, spikes = simulate(liquid, activity, drive, steps=10, plasticity=rule, record=True)
    assert spikes[..., 40:].mean() > 0.01
    for copy in range(2):
        plain = DenseLiquid(liquid, rule)
        expected = plain.run(drive[copy], steps=10)
        np.testing.assert_array_equal(spikes[copy], expected)
        np.testing.assert_allclose(
            activity.weights[copy if rule else 0], plain.synapses(), rtol=0, atol=1e-12
        )


def test_samples_may_be_given_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    liquid = draw_liquid(rng, side=4)
    drive = rng.normal(1.0, 1.0, size=(3, 30, 64))
    rule = Plasticity()
    whole, parts = (Activity.rest(liquid, 3, plasticity=rule) for _ in range(2))
    _, expected = simulate(liquid, whole, drive, steps=5, plasticity=rule, record=True)
    found = [
        simulate(liquid, parts, drive[:, t : t + 1], steps=5, plasticity=rule, record=True)[1]
        for t in range(30)
    ]
    assert np.array_equal(np.concatenate(found, axis=1), expected)
    assert np.array_equal(parts.weights, whole.weights)


def test_connections_fall_with_distance_and_have_the_densities_of_the_source() -> None:
    liquid = draw_liquid(np.random.default_rng(0), inputs=100)
    assert (liquid.kind == 0).sum() == 100
    assert (liquid.kind == 1).sum() == 800
    assert (liquid.kind == 2).sum() == 200
    inside = liquid.source >= 100
    assert (~inside).sum() == 15_000
    assert set(liquid.weights[~inside]) == {-1.0, 1.0}
    pairs = np.zeros((2, 2))
    kinds = liquid.kind - 1
    np.add.at(pairs, (kinds[liquid.source[inside]], kinds[liquid.target[inside]]), 1)
    # The mean of exp(-(distance/3)²) over the pairs of the grid's points, counted directly.
    place = np.stack(np.meshgrid(*[np.arange(10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    square = ((place[:, np.newaxis] - place) ** 2).sum(axis=2)
    fall = (np.exp(-square / 9).sum() - 1000) / (1000 * 999)
    number = np.array([[800 * 799, 800 * 200], [200 * 800, 200 * 199]])
    expected = number * fall * np.array([[0.2, 0.1], [0.3, 0.05]])
    np.testing.assert_allclose(pairs, expected, rtol=0.1)
    assert np.array_equal(
        np.sign(liquid.weights[inside]), 3 - 2 * liquid.kind[liquid.source[inside]]
    )


def test_currents_do_not_linger_as_denormal_numbers() -> None:
    rng = np.random.default_rng(0)
    liquid = draw_liquid(rng, side=4)
    activity = Activity.rest(liquid, 1, plasticity=FROZEN)
    simulate(liquid, activity, np.full((1, 1, 64), 2.0), steps=50, plasticity=FROZEN)
    simulate(liquid, activity, np.zeros((1, 1, 64)), steps=5000, plasticity=FROZEN)
    for state in (activity.current, activity.trace):
        assert not ((state != 0) & (np.abs(state) < 1e-300)).any()
