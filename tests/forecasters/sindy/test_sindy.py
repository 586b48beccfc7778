"""SINDy: known equations must be found, term by term."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from chaosbench.errors import UnsupportedError
from chaosbench.forecasters._shared.polynomial import Polynomial, factors, terms
from chaosbench.forecasters.sindy.strong import SINDy
from chaosbench.trajectories import Trajectories


def equation(predictor) -> dict[tuple[int, tuple[int, ...]], float]:
    """Map (variable, exponents) to the coefficient, without zero terms."""
    return {
        (variable, tuple(int(e) for e in exponents)): float(value)
        for exponents, row in zip(predictor.powers, predictor.coefficients, strict=True)
        for variable, value in enumerate(row)
        if value != 0
    }


LORENZ = {
    (0, (1, 0, 0)): -10.0,
    (0, (0, 1, 0)): 10.0,
    (1, (1, 0, 0)): 28.0,
    (1, (0, 1, 0)): -1.0,
    (1, (1, 0, 1)): -1.0,
    (2, (1, 1, 0)): 1.0,
    (2, (0, 0, 1)): -8 / 3,
}
HENON = {
    (0, (0, 0)): 1.0,
    (0, (0, 1)): 1.0,
    (0, (2, 0)): -1.4,
    (1, (1, 0)): 0.3,
}
ROSSLER = {
    (0, (0, 1, 0)): -1.0,
    (0, (0, 0, 1)): -1.0,
    (1, (1, 0, 0)): 1.0,
    (1, (0, 1, 0)): 0.2,
    (2, (0, 0, 0)): 0.2,
    (2, (1, 0, 1)): 1.0,
    (2, (0, 0, 1)): -5.7,
}


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_the_seven_terms_of_lorenz(reference, degree: int) -> None:
    found = equation(SINDy(degree=degree).fit(reference.train, seed=0))
    assert found.keys() == LORENZ.keys()
    for term, value in LORENZ.items():
        assert found[term] == pytest.approx(value, rel=1e-6)


def test_the_seven_terms_of_lorenz_within_a_percent_without_refinement(reference) -> None:
    found = equation(SINDy(refine=False, threshold=0.1).fit(reference.train, seed=0))
    assert found.keys() == LORENZ.keys()
    for term, value in LORENZ.items():
        assert found[term] == pytest.approx(value, rel=1e-2)


def test_lorenz_from_short_pieces(reference) -> None:
    pieces = reference.train.values[0, :2400].reshape(12, 200, 3)
    found = equation(SINDy().fit(Trajectories(pieces, dt=0.02), seed=0))
    assert found.keys() == LORENZ.keys()


@pytest.mark.slow
def test_rossler_sampled_thirty_times_a_period() -> None:
    dt = 5.9 / 30
    times = np.arange(4000) * dt + 100

    def rhs(_t, u):
        x, y, z = u
        return [-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)]

    solution = solve_ivp(
        rhs, (0, times[-1]), [1.0, 1.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-12, t_eval=times
    )
    found = equation(SINDy().fit(Trajectories(solution.y.T, dt=dt), seed=0))
    assert found.keys() == ROSSLER.keys()
    for term, value in ROSSLER.items():
        assert found[term] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("discrete", [None, True])
def test_the_four_terms_of_henon(henon, discrete: bool | None) -> None:
    predictor = SINDy(discrete=discrete).fit(Trajectories(henon[:3000], dt=1.0), seed=0)
    found = equation(predictor)
    assert predictor.model.discrete
    assert found.keys() == HENON.keys()
    for term, value in HENON.items():
        assert found[term] == pytest.approx(value, rel=1e-9)


def test_a_map_is_recognised_in_a_few_iterates(henon) -> None:
    assert SINDy().fit(Trajectories(henon[:60], dt=1.0), seed=0).model.discrete


def test_the_equation_is_shown_in_the_units_of_the_data(reference) -> None:
    predictor = SINDy(degree=2).fit(reference.train, seed=0)
    x, y, z = states = reference.train.values[0, ::50].T
    slopes = np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)
    np.testing.assert_allclose(predictor.vector_field(states.T), slopes, atol=1e-4)
    made = predictor.predict(states.T[:, np.newaxis], 1).values[:, 0]
    np.testing.assert_array_equal(predictor.next_state(states.T), made)
    powers, coefficients = predictor.polynomial()
    assert powers.shape == coefficients.shape == (len(powers), 3)


def test_a_map_has_next_states_and_no_slopes(henon) -> None:
    predictor = SINDy(discrete=True).fit(Trajectories(henon[:1000], dt=1.0), seed=0)
    np.testing.assert_allclose(predictor.next_state(henon[:99]), henon[1:100], atol=1e-9)
    with pytest.raises(UnsupportedError, match="identified a map"):
        predictor.vector_field(henon[:99])


def test_units_leave_the_support_as_it_is(reference) -> None:
    units = np.array([1e-3, 1.0, 1e4])
    train = Trajectories(units * reference.train.values, dt=0.02)
    found = equation(SINDy().fit(train, seed=0))
    assert found.keys() == LORENZ.keys()
    assert found[2, (1, 1, 0)] == pytest.approx(1e4 / 1e-3, rel=1e-6)


def test_degree_falls_until_the_library_is_affordable() -> None:
    rng = np.random.default_rng(0)
    train = Trajectories(rng.normal(size=(400, 12)).cumsum(axis=0), dt=1.0)
    predictor = SINDy(degree=3, max_terms=100, discrete=True).fit(train, seed=0)
    assert predictor.powers.sum(axis=1).max() <= 2


def test_monomials_are_products_of_powers() -> None:
    rng = np.random.default_rng(0)
    powers = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 1], [3, 0, 0]])
    u = rng.normal(size=(20, 3))
    expected = np.prod(u[:, np.newaxis] ** powers, axis=2)
    np.testing.assert_allclose(terms(u, factors(powers)), expected, rtol=1e-12)


def test_integration_is_of_eighth_order() -> None:
    speed = 4.0
    errors = []
    for substeps in (1, 2, 4, 8):
        rotation = Polynomial(
            np.array([[1, 0], [0, 1]]), np.array([[0, speed], [-speed, 0]]), False, substeps
        )
        end = rotation.advance(np.array([[1.0, 0.0]]))[0]
        errors.append(np.abs(end - [np.cos(speed), np.sin(speed)]).max())
    order = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(order, 8.0, atol=0.5)


def test_an_equation_without_terms_stands_still() -> None:
    still = np.full((200, 2), 3.0)
    values = SINDy().fit(Trajectories(still, dt=0.1), seed=0).predict(still[np.newaxis, :5], 50)
    np.testing.assert_allclose(values.values, 3.0, rtol=1e-6)
