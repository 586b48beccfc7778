"""NVAR: reservoirpy's features as the oracle, and maps that its features contain."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from chaosbench.errors import InvalidForecastError, ParameterError
from chaosbench.forecasters._shared.arrays import delay_embedding
from chaosbench.forecasters._shared.polynomial import Monomials, exponents
from chaosbench.forecasters.autoregression.nvar import NVAR
from chaosbench.trajectories import FloatArray, Trajectories


def median_steps_within(error: FloatArray) -> float:
    """Return the median over windows ``(n, H)`` of the steps before the error exceeds 0.4."""
    within = np.logical_and.accumulate(error <= 0.4, axis=1)
    return float(np.median(within.sum(axis=1)))


@pytest.mark.parametrize(("delay", "stride", "order"), [(1, 1, 2), (2, 1, 2), (3, 2, 2), (2, 3, 3)])
def test_the_features_contain_those_of_reservoirpy(delay: int, stride: int, order: int) -> None:
    from reservoirpy.nodes import NVAR as Node

    series = np.random.default_rng(0).normal(size=(1, 30, 3))
    linear = delay_embedding(series, tuple(i * stride for i in range(delay)))[0]
    powers = exponents(3 * delay, order)
    ours = Monomials(powers)(linear)
    total = powers.sum(axis=1)
    # The node has the linear part and the monomials of the highest degree, and none between.
    both = np.concatenate([ours[:, total == 1], ours[:, total == order]], axis=1)
    theirs = Node(delay=delay, order=order, strides=stride).run(series[0])[(delay - 1) * stride :]
    np.testing.assert_allclose(both, theirs, rtol=1e-12)
    assert (ours[:, 0] == 1).all()
    assert len(powers) == comb(3 * delay + order, order)


def test_a_map_of_odd_and_even_terms_is_found_at_order_three() -> None:
    # x' = 1 - 1.3 x² + 0.1 x³: with the terms of degree three alone it would not be contained.
    x = np.empty(600)
    x[0] = 0.1
    for t in range(599):
        x[t + 1] = 1 - 1.3 * x[t] ** 2 + 0.1 * x[t] ** 3
    predictor = NVAR(delay=1, order=3, ridge=0.0).fit(Trajectories(x[:500, None], 1.0), seed=0)
    made = predictor.predict(x[np.newaxis, 490:500, np.newaxis], 1).values
    assert abs(made[0, 0, 0] - x[500]) < 1e-12


def test_henon_map_is_continued_until_chaos_amplifies_rounding(henon) -> None:
    predictor = NVAR(delay=1, order=2, ridge=0.0).fit(Trajectories(henon[:2000], 1.0), seed=0)
    context = np.stack([henon[s - 5 : s] for s in range(2100, 5100, 300)])
    truth = np.stack([henon[s : s + 24] for s in range(2100, 5100, 300)])
    error = np.abs(predictor.predict(context, 24).values - truth)
    assert error[:, 0].max() < 1e-12
    # exp(0.42 · 24) times rounding.
    assert error.max() < 1e-8


def test_readout_is_that_of_least_squares(henon) -> None:
    predictor = NVAR(delay=1, order=2, ridge=0.0).fit(Trajectories(henon[:500], 1.0), seed=0)
    z = predictor.scaler.apply(henon[:500])
    phi = predictor.functions(z[:-1])
    expected = np.linalg.lstsq(phi, np.diff(z, axis=0), rcond=None)[0]
    np.testing.assert_allclose(predictor.readout, expected, atol=1e-8)


def test_several_trajectories_are_not_joined(henon) -> None:
    pieces = henon[:600].reshape(30, 20, 2)
    shuffled = pieces[np.random.default_rng(0).permutation(30)]
    together = NVAR(delay=2, order=2, ridge=1e-8).fit(Trajectories(pieces, dt=1.0), seed=0)
    apart = NVAR(delay=2, order=2, ridge=1e-8).fit(Trajectories(shuffled, dt=1.0), seed=0)
    np.testing.assert_allclose(apart.readout, together.readout, atol=1e-7)


def test_choosing_the_ridge_keeps_a_coarsely_sampled_rollout_stable(reference) -> None:
    coarse = Trajectories(reference.train.values[:, ::3], dt=0.06)
    context, truth = reference.context[:, -30::3], reference.truth[:, ::3]
    sigma = reference.train.values[0].std(axis=0)

    def median_steps(forecaster: NVAR) -> float:
        values = forecaster.fit(coarse, seed=0).predict(context, 100).values
        error = np.sqrt((((values - truth[:, :100]) / sigma) ** 2).mean(axis=2))
        return median_steps_within(error)

    shape = {"delay": 2, "order": 2, "stride": 1}
    assert median_steps(NVAR(**shape)) > 2 * median_steps(NVAR(**shape, ridge=1e-12))


def test_too_many_features_are_refused_with_the_number() -> None:
    wide = Trajectories(np.random.default_rng(0).normal(size=(50, 40)), dt=0.1)
    with pytest.raises(ParameterError, match="has 91881 features on 40 variables"):
        NVAR(delay=2, order=3).fit(wide, seed=0)


def test_context_shorter_than_the_delays_is_refused(reference) -> None:
    predictor = NVAR(delay=3, stride=4).fit(reference.train, seed=0)
    with pytest.raises(InvalidForecastError, match="at least 9 points, not 8"):
        predictor.predict(reference.context[:, :8], 3)


def test_features_are_chosen_where_the_sampling_asks_for_others(reference) -> None:
    """At three times the step of the reference, two states and their squares are too few."""
    coarse = Trajectories(reference.train.values[:, ::3], dt=0.06)
    context, truth = reference.context[:, -120::3], reference.truth[:, ::3]
    sigma = reference.train.values[0].std(axis=0)

    def median_steps(forecaster: NVAR) -> float:
        values = forecaster.fit(coarse, seed=0).predict(context, 200).values
        error = np.sqrt((((values - truth[:, :200]) / sigma) ** 2).mean(axis=2))
        return median_steps_within(error)

    assert median_steps(NVAR()) > 1.3 * median_steps(NVAR(delay=2, order=2, stride=1))
