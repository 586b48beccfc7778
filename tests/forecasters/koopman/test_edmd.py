"""EDMD: maps and rotations that its dictionaries contain, and published figures on Lorenz."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev, legendre

from chaosbench.errors import InvalidForecastError, ParameterError, UnsupportedError
from chaosbench.forecasters._shared.polynomial import exponents
from chaosbench.forecasters._shared.triangular import TriangularEquations
from chaosbench.forecasters.koopman._dictionary import Polynomials, Radial, degree_within
from chaosbench.forecasters.koopman.edmd import EDMD, LinearEDMD
from chaosbench.trajectories import Trajectories


@pytest.mark.parametrize(
    ("kind", "vander"),
    [
        ("legendre", legendre.legvander3d),
        ("chebyshev", chebyshev.chebvander3d),
        ("monomials", np.polynomial.polynomial.polyvander3d),
    ],
)
def test_dictionaries_are_the_products_that_numpy_has(kind: str, vander) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    powers = exponents(3, 5)
    product = vander(*x.T, [5, 5, 5]).reshape(20, 6, 6, 6)
    expected = product[:, powers[:, 0], powers[:, 1], powers[:, 2]]
    np.testing.assert_allclose(Polynomials(kind, powers)(x), expected, rtol=1e-12, atol=1e-14)


def test_every_dictionary_begins_with_a_constant_and_the_state_and_holds_the_smaller_ones() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    for made in (Polynomials("legendre", exponents(3, 4)), Radial(x[:9])):
        full = made(x)
        np.testing.assert_array_equal(full[:, :4], np.column_stack([np.ones(20), x]))
        for size in made.sizes:
            np.testing.assert_array_equal(made.first(size)(x), full[:, :size])


def test_the_degree_is_cut_to_what_fits() -> None:
    assert degree_within(3, 5, 1000) == 5  # 56 functions
    assert degree_within(40, 5, 1000) == 2  # 861
    assert degree_within(2000, 5, 1000) == 1  # at least the state itself


def test_the_regression_is_that_of_least_squares_and_of_ridge() -> None:
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=(300, 12)), rng.normal(size=(300, 2))
    equations = TriangularEquations()
    for part in np.array_split(np.arange(300), 4):
        equations.add(phi[part], y[part])
    exact = np.linalg.lstsq(phi, y, rcond=None)[0]
    np.testing.assert_allclose(equations.solve(0.0), exact, atol=1e-12)
    leading = np.linalg.lstsq(phi[:, :5], y[:, :1], rcond=None)[0]
    np.testing.assert_allclose(equations.solve(0.0, size=5, columns=1), leading, atol=1e-12)
    ridge = np.linalg.solve(phi.T @ phi + 300 * 0.1 * np.eye(12), phi.T @ y)
    np.testing.assert_allclose(equations.solve(0.1), ridge, atol=1e-12)


@pytest.mark.parametrize("rows", [200, 7])
def test_the_quick_solution_is_the_ridge_of_the_other(rows: int) -> None:
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=(rows, 12)), rng.normal(size=(rows, 2))
    equations = TriangularEquations()
    equations.add(phi, y)
    for size in (12, 5):
        expected = equations.solve(1e-6, size=size)
        np.testing.assert_allclose(equations.quick(1e-6, size=size), expected, atol=1e-8)


def test_features_too_dependent_for_normal_equations_are_resolved() -> None:
    x = np.linspace(-1, 1, 400)
    phi = np.vander(x, 18, increasing=True)  # condition 10⁷, whose square is beyond rounding
    wanted = np.ones((18, 1))
    equations = TriangularEquations()
    equations.add(phi, phi @ wanted)
    np.testing.assert_allclose(equations.solve(0.0), wanted, atol=1e-8)


@pytest.mark.parametrize("dictionary", ["legendre", "chebyshev", "monomials"])
def test_henon_is_reproduced(henon, dictionary: str) -> None:
    predictor = EDMD(dictionary=dictionary, degree=2).fit(Trajectories(henon[:2000], 1.0), seed=0)
    states = henon[2000:5000]
    np.testing.assert_allclose(predictor.next_state(states), henon[2001:5001], atol=1e-10)
    context = np.stack([henon[s - 5 : s] for s in range(2100, 5100, 300)])
    truth = np.stack([henon[s : s + 24] for s in range(2100, 5100, 300)])
    error = np.abs(predictor.predict(context, 24).values - truth)
    assert error[:, 0].max() < 1e-10
    assert error.max() < 1e-8  # exp(0.42 · 24) times rounding


def test_the_polynomial_of_henon_is_shown_in_the_units_of_the_data(henon) -> None:
    units, origin = np.array([10.0, 0.2]), np.array([3.0, -1.0])
    data = Trajectories(henon[:2000] * units + origin, 1.0)
    predictor = EDMD(degree=2).fit(data, seed=0)
    powers, coefficients = predictor.polynomial()
    found = {tuple(row): c for row, c in zip(powers.astype(int), coefficients, strict=True)}
    # x' = 1 - 1.4 x² + y and y' = 0.3 x with x = (X - 3)/10, y = (Y + 1)/0.2
    expected = {
        (0, 0): [3 + 10 * (1 - 1.4 * 0.09 + 5), -1 + 0.2 * 0.3 * -0.3],
        (1, 0): [10 * 1.4 * 0.06, 0.2 * 0.03],
        (2, 0): [-10 * 0.014, 0.0],
        (0, 1): [50.0, 0.0],
    }
    for term, value in found.items():
        np.testing.assert_allclose(value, expected.get(term, [0.0, 0.0]), atol=1e-8)
    u = data.values[0, :50]
    terms = np.prod(u[:, np.newaxis] ** powers, axis=2)
    np.testing.assert_allclose(terms @ coefficients, predictor.next_state(u), atol=1e-8)


def test_a_linear_system_is_propagated_exactly_both_ways() -> None:
    step = np.array([[0.99, 0.15], [-0.15, 0.99]])
    states = np.empty((400, 2))
    states[0] = 1.0, 0.0
    for t in range(399):
        states[t + 1] = step @ states[t]
    train = Trajectories(states[:200], 1.0)
    for forecaster in (EDMD(degree=2), LinearEDMD(degree=2), LinearEDMD(dictionary="chebyshev")):
        values = forecaster.fit(train, seed=0).predict(states[np.newaxis, 190:200], 200).values
        scale = np.abs(states[200:]).max()
        np.testing.assert_allclose(values[0], states[200:], atol=1e-6 * scale)


def test_the_two_ways_agree_on_the_first_step_and_part_on_the_second(reference) -> None:
    settings = {"degree": 3, "ridge": 0.0}
    relifted = EDMD(**settings).fit(reference.train, seed=0)
    linear = LinearEDMD(**settings).fit(reference.train, seed=0)
    a = relifted.predict(reference.context, 2).values
    b = linear.predict(reference.context, 2).values
    np.testing.assert_allclose(a[:, 0], b[:, 0], rtol=1e-7)
    assert np.abs(a[:, 1] - b[:, 1]).max() > 1e-4


def test_one_variable_is_forecast_through_delays(reference) -> None:
    train = Trajectories(reference.train.values[:, :, :1], dt=0.02)
    settings = {"degree": 4}

    def median_error(forecaster: EDMD) -> float:
        values = forecaster.fit(train, seed=0).predict(reference.context[:, :, :1], 50).values
        error = np.abs(values - reference.truth[:, :50, :1]) / train.values.std()
        return float(np.median(np.where(np.isfinite(error), error, np.inf)))

    # Some windows leave the box, where a polynomial in four delays is unbounded.
    assert median_error(EDMD(delays=4, stride=3, **settings)) < 0.1
    assert median_error(EDMD(delays=1, **settings)) > 0.5
    assert median_error(EDMD()) < 0.1
    forecast = EDMD(delays=4, stride=3, ridge=1e-8, **settings).fit(train, seed=0)
    with pytest.raises(UnsupportedError, match="delays=4"):
        forecast.next_state(np.zeros((1, 1)))


def test_splines_know_the_map_and_no_polynomial(henon) -> None:
    predictor = EDMD(dictionary="radial").fit(Trajectories(henon[:2000], 1.0), seed=0)
    error = predictor.next_state(henon[2000:3000]) - henon[2001:3001]
    assert np.abs(error).max() < 0.02
    with pytest.raises(UnsupportedError, match="splines"):
        predictor.polynomial()


@pytest.mark.parametrize(
    ("forecaster", "low", "high"),
    [
        (EDMD(delays=1, degree=2), 1.2, 2.0),  # 1.55 published
        (EDMD(delays=1, degree=3), 4.0, 5.5),  # 4.5
        (EDMD(delays=1, degree=5), 11.0, 14.0),  # 12.05
        (EDMD(delays=1, degree=5, dictionary="monomials"), 11.0, 14.0),
        (EDMD(), 14.0, 16.0),  # the whole horizon
        (LinearEDMD(degree=2), 0.07, 0.25),  # 0.13
        (LinearEDMD(degree=3), 0.1, 0.4),  # 0.20
        (LinearEDMD(degree=5), 0.17, 0.6),  # 0.34
    ],
    ids=["2", "3", "5", "5-monomials", "default", "linear-2", "linear-3", "linear-5"],
)
def test_reaches_the_reference_on_lorenz(reference, forecaster, low: float, high: float) -> None:
    assert low <= reference.median(forecaster) <= high


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dictionary": "fourier"}, "dictionary must be one of 'legendre', 'chebyshev'"),
        ({"relift": 1}, "relift must be True or False"),
        ({"degree": 0}, "degree must be an integer of at least 1"),
    ],
)
def test_wrong_settings_are_refused(settings, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        EDMD(**settings)


def test_too_short_trajectories_are_refused() -> None:
    with pytest.raises(InvalidForecastError, match="at least 9 points"):
        EDMD(delays=4, stride=2).fit(Trajectories(np.zeros((8, 2)), 1.0), seed=0)
