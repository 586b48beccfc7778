"""The polynomial map: what it solves, what it chooses, and how far it sees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from chaosbench.errors import ParameterError
from chaosbench.forecasters._shared.polynomial import exponents
from chaosbench.forecasters._shared.selection import hold_out
from chaosbench.forecasters.autoregression.polynomial_map import (
    _THRESHOLDS,
    PolynomialMap,
    _box,
    _choose,
    _Equations,
    _PolynomialPredictor,
    _scores,
)
from chaosbench.trajectories import Trajectories

ROUNDING = 1e-30


def untrained(values: np.ndarray, degree: int) -> _PolynomialPredictor:
    box, moving = _box(values)
    powers = exponents(len(moving), degree)
    return _PolynomialPredictor(box, moving, powers, np.zeros((len(powers), len(moving))))


def test_terms_are_products_of_chebyshev_polynomials() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-3.0, 7.0, size=(1, 50, 3))
    one = untrained(values, 6)
    u = one.scaler.apply(values[0])
    expected = [
        np.prod([chebyshev.Chebyshev.basis(int(k))(u[:, i]) for i, k in enumerate(row)], axis=0)
        for row in one.powers
    ]
    np.testing.assert_allclose(one.terms(values[0]), expected, rtol=0, atol=1e-13)
    assert np.abs(u).max() == 1.0


def test_the_map_is_that_of_least_squares_on_monomials() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(1, 300, 2))
    fitted = PolynomialMap(degree=3, ridge=0.0).fit(Trajectories(values, dt=1.0), seed=0)
    states = values[0, :-1]
    monomials = np.stack([np.prod(states**row, axis=1) for row in exponents(2, 3)], axis=1)
    expected = monomials @ np.linalg.lstsq(monomials, values[0, 1:], rcond=None)[0]
    np.testing.assert_allclose(fitted.next_state(states), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ridge", [1e-2, 1e-6])
def test_the_penalty_is_per_sample(ridge: float) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(3, 100, 2))
    fitted = PolynomialMap(degree=2, ridge=ridge).fit(Trajectories(values, dt=1.0), seed=0)
    phi = fitted.terms(values[:, :-1].reshape(-1, 2)).T
    increments = (np.diff(values, axis=1) / fitted.scaler.scale).reshape(-1, 2)
    normal = phi.T @ phi + ridge * len(phi) * np.eye(phi.shape[1])
    np.testing.assert_allclose(
        fitted.readout, np.linalg.solve(normal, phi.T @ increments), rtol=1e-9, atol=1e-12
    )


def test_refinement_takes_back_what_many_factorisations_lost(henon) -> None:
    values = henon[np.newaxis, :1001]
    equations = _Equations(untrained(values, 10))
    for begin in range(0, 1000, 10):  # each QR adds rounding errors
        equations.add(values[:, begin : begin + 11])
    rough = equations.solve(ROUNDING, [10])[0]
    fine = equations.refined(rough, ROUNDING, values)
    increments = np.diff(values[0], axis=0) / rough.scaler.scale
    phi = rough.terms(values[0, :-1]).T
    before, after = (
        np.sqrt(((increments - phi @ one.readout) ** 2).mean()) for one in (rough, fine)
    )
    assert after < 0.7 * before


def test_lower_degrees_come_out_of_the_same_factor(henon) -> None:
    values = henon[np.newaxis, :400]
    highest = _Equations(untrained(values, 6))
    highest.add(values)
    both = highest.solve(1e-12, [2, 4])
    for degree, found in zip((2, 4), both, strict=True):
        alone = _Equations(untrained(values, degree))
        alone.add(values[:, :200])
        alone.add(values[:, 199:])
        expected = alone.solve(1e-12, [degree])[0].readout
        np.testing.assert_allclose(found.readout, expected, atol=1e-12)
        cut = highest.first(degree).solve(1e-12, [degree])[0].readout
        np.testing.assert_allclose(cut, expected, atol=1e-12)


def test_henon_map_is_continued_until_chaos_amplifies_rounding(henon) -> None:
    predictor = PolynomialMap().fit(Trajectories(henon[:2000], dt=1.0), seed=0)
    context = np.stack([henon[s - 5 : s] for s in range(2100, 5100, 300)])
    truth = np.stack([henon[s : s + 24] for s in range(2100, 5100, 300)])
    error = np.abs(predictor.predict(context, 24).values - truth)
    assert error[:, 0].max() < 2e-15
    # exp(0.42 · 24) times rounding, with a margin for windows in which errors grow faster
    assert error.max() < 1e-9
    np.testing.assert_allclose(predictor.next_state(henon[:50]), henon[1:51], rtol=0, atol=2e-15)


def test_several_trajectories_are_not_joined(henon) -> None:
    pieces = henon[:600].reshape(30, 20, 2)
    predictor = PolynomialMap(degree=2, ridge=0.0).fit(Trajectories(pieces, dt=1.0), seed=0)
    np.testing.assert_allclose(predictor.next_state(henon[:50]), henon[1:51], rtol=0, atol=1e-14)


def test_lorenz_is_followed_to_the_end_of_the_reference(reference) -> None:
    # The published range of this method on clean Lorenz begins at twice these 16 Lyapunov times.
    assert reference.median(PolynomialMap(degree=9, ridge=ROUNDING)) > 15.9


def test_noise_lowers_the_degree_and_the_forecast_stays_bounded(reference) -> None:
    clean = reference.train.values[:, :1000]
    rng = np.random.default_rng(0)
    noisy = clean + 0.05 * clean[0].std(axis=0) * rng.normal(size=clean.shape)
    degrees = []
    for values in (clean, noisy):
        predictor = PolynomialMap().fit(Trajectories(values, dt=0.02), seed=0)
        degrees.append(predictor.powers.sum(axis=1).max())
    assert degrees[1] < degrees[0]
    forecast = predictor.predict(reference.context, 800).values
    low, high = noisy.min(axis=(0, 1)), noisy.max(axis=(0, 1))
    room = 0.5 * (high - low) * (1 + 1e-12)
    assert ((forecast >= low - room) & (forecast <= high + room)).all()


def test_maps_scored_together_score_as_they_forecast(reference) -> None:
    values = reference.train.values[:, :600]
    held_out = hold_out(values, scale=values[0].std(axis=0), warmup=1, horizon=40)
    assert held_out is not None
    equations = _Equations(untrained(values, 4))
    equations.add(values[:, : held_out.split])
    maps = [equations.solve(ridge, [4])[0] for ridge in (1e-30, 1e-8, 1e-2)]
    expected = []
    for one in maps:
        forecast = one.predict(held_out.context, held_out.truth.shape[1]).values
        error = np.sqrt((((forecast - held_out.truth) / held_out.scale) ** 2).mean(axis=2))
        worst = np.maximum.accumulate(error, axis=1)
        expected.append((worst[..., np.newaxis] <= _THRESHOLDS).mean())
    np.testing.assert_allclose(_scores(maps, held_out), expected, rtol=0, atol=1e-3)
    assert len(set(expected)) == 3
    assert _choose(equations, [1, 4], (1e-30, 1e-2), held_out) == (4, 1e-30)


def test_a_constant_variable_changes_nothing_and_stays(reference) -> None:
    values, context = reference.train.values[:, :500], reference.context[:3, -2:]
    settings = PolynomialMap(degree=4, ridge=ROUNDING)
    plain = settings.fit(Trajectories(values, dt=0.02), seed=0).predict(context, 20).values

    def extended(array: np.ndarray) -> np.ndarray:
        return np.insert(array, 1, 0.1, axis=2)

    more = settings.fit(Trajectories(extended(values), dt=0.02), seed=0)
    forecast = more.predict(extended(context), 20).values
    np.testing.assert_allclose(np.delete(forecast, 1, axis=2), plain, rtol=1e-12)
    np.testing.assert_array_equal(forecast[..., 1], 0.1)


@pytest.mark.parametrize("settings", [{}, {"degree": 3}])
def test_nothing_that_moves_is_forecast_to_stand_still(settings) -> None:
    values = np.full((1, 200, 2), [3.0, 0.0])
    predictor = PolynomialMap(**settings).fit(Trajectories(values, dt=1.0), seed=0)
    np.testing.assert_array_equal(predictor.predict(values[:, :5], 7).values, values[:, :7])


def test_a_variable_that_is_given_twice_does_no_harm(reference) -> None:
    def twice(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array, array[..., :1]], axis=2)

    predictor = PolynomialMap().fit(
        Trajectories(twice(reference.train.values[:, :700]), dt=0.02), seed=0
    )
    forecast = predictor.predict(twice(reference.context), 100).values
    error = np.abs(forecast - twice(reference.truth[:, :100]))
    assert np.median(error.max(axis=(1, 2))) < 0.1


@pytest.mark.parametrize("length", [2, 3, 10, 60])
def test_few_samples_give_a_forecast(reference, length: int) -> None:
    train = Trajectories(reference.train.values[:, :length], dt=0.02)
    forecast = PolynomialMap().fit(train, seed=0).predict(reference.context, 30).values
    assert np.isfinite(forecast).all()


@pytest.mark.parametrize(
    ("variables", "samples", "expected"),
    [
        (3, 10_000, list(range(1, 16))),
        (3, 100, [1, 2, 3, 4]),
        (40, 10_000, [1, 2]),
        (40, 100_000, [1]),  # samples times squared terms would exceed the budget
        (50, 10_000, [1]),
    ],
)
def test_degrees_that_are_tried(variables: int, samples: int, expected: list[int]) -> None:
    assert PolynomialMap()._degrees(variables, samples) == expected


def test_a_degree_with_too_many_terms_is_refused(reference) -> None:
    with pytest.raises(ParameterError, match="degree=9 has 220 terms on 3 variables; lower"):
        PolynomialMap(degree=9, max_features=200).fit(reference.train, seed=0)


@pytest.mark.slow
def test_the_default_reaches_as_far_as_doubles_allow(reference) -> None:
    # No window is lost within 16 Lyapunov times, after which rounding has grown to 1e-9.
    predictor = PolynomialMap().fit(reference.train, seed=0)
    forecast = predictor.predict(reference.context, reference.truth.shape[1]).values
    assert reference.valid_prediction_times(forecast).min() > 15.9
    scaled = np.abs(forecast - reference.truth) / reference.train.values[0].std(axis=0)
    assert np.median(scaled[:, -1].max(axis=1)) < 1e-6
