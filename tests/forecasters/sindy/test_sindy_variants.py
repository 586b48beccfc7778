"""The variants of SINDy: equations that each finds and plain SINDy does not, and their limits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from test_sindy import HENON, LORENZ, equation

from chaosbench.errors import ParameterError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.polynomial import Polynomial, Waves
from chaosbench.forecasters._shared.selection import hold_out, lasting
from chaosbench.forecasters.sindy._equation_text import written
from chaosbench.forecasters.sindy._settle import settled
from chaosbench.forecasters.sindy._sparse_regression import (
    SparseRegression,
    gather,
    polynomial_powers,
    thresholded,
)
from chaosbench.forecasters.sindy.ensemble import EnsembleSINDy
from chaosbench.forecasters.sindy.fourier import FourierSINDy
from chaosbench.forecasters.sindy.strong import SINDy
from chaosbench.forecasters.sindy.weak import WeakSINDy
from chaosbench.metrics import coefficient_error
from chaosbench.trajectories import FloatArray, Trajectories

POWERS = polynomial_powers(3, 2)
TRUE = np.zeros((len(POWERS), 3))
for (_variable, _exponents), _value in LORENZ.items():
    TRUE[POWERS.tolist().index(list(_exponents)), _variable] = _value


def in_the_library(predictor) -> FloatArray:
    found = np.zeros_like(TRUE)
    for (variable, exponents), value in equation(predictor).items():
        found[POWERS.tolist().index(list(exponents)), variable] = value
    return found


def noisy(reference, seed: int, share: float = 0.05) -> Trajectories:
    values = reference.train.values
    noise = np.random.default_rng(seed).normal(size=values.shape)
    return Trajectories(values + share * values[0].std(axis=0) * noise, dt=reference.train.dt)


@pytest.fixture(scope="module")
def thomas() -> FloatArray:
    def rhs(_t, u):
        return np.sin(np.roll(u, -1)) - 0.2 * u

    times = np.arange(4000) * 0.3
    solution = solve_ivp(
        rhs, (0, times[-1]), [1.0, 0.5, 0.0], method="DOP853", rtol=1e-12, atol=1e-12, t_eval=times
    )
    return solution.y.T[1000:]


@pytest.mark.parametrize("forecaster", [WeakSINDy(), EnsembleSINDy()], ids=["weak", "ensemble"])
def test_the_seven_terms_of_lorenz(reference, forecaster) -> None:
    predictor = forecaster.fit(reference.train, seed=0)
    found = equation(predictor)
    assert found.keys() == LORENZ.keys()
    for term, value in LORENZ.items():
        assert found[term] == pytest.approx(value, rel=1e-6)
    made = predictor.predict(reference.context, 700).values
    assert np.median(reference.valid_prediction_times(made)) >= 12.0


@pytest.mark.parametrize(
    ("forecaster", "draw"), [(WeakSINDy(), 0), (EnsembleSINDy(), 1)], ids=["weak", "ensemble"]
)
@pytest.mark.slow
def test_the_seven_terms_of_lorenz_through_noise(reference, forecaster, draw: int) -> None:
    """On draw 0 the ensemble keeps twelve terms; the slow test below counts how many draws do."""
    found = equation(forecaster.fit(noisy(reference, draw), seed=0))
    assert found.keys() == LORENZ.keys()
    for term, value in LORENZ.items():
        assert found[term] == pytest.approx(value, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forecaster", "least"), [(WeakSINDy(), 6), (EnsembleSINDy(), 4)], ids=["weak", "ensemble"]
)
def test_the_seven_terms_do_not_owe_to_one_draw_of_the_noise(
    reference, forecaster, least: int
) -> None:
    """Over six draws of the noise: an ensemble kept spurious small terms in three of fourteen."""
    worst, exact = [], 0
    for seed in range(6):
        found = equation(forecaster.fit(noisy(reference, seed), seed=0))
        assert found.keys() >= LORENZ.keys()
        exact += found.keys() == LORENZ.keys()
        worst.append(max(abs(found[term] / value - 1) for term, value in LORENZ.items()))
    assert exact >= least
    assert np.median(worst) < 0.1


@pytest.mark.slow
def test_the_weak_form_beats_differences_on_noise(reference) -> None:
    """Against pysindy's own finite differences and STLSQ, over three draws of the noise."""
    ratios = []
    for seed in range(3):
        train = noisy(reference, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pysindy

            plain = pysindy.SINDy(
                optimizer=pysindy.STLSQ(threshold=0.1),
                feature_library=pysindy.PolynomialLibrary(degree=2),
                differentiation_method=pysindy.FiniteDifference(),
            )
            plain.fit(train.values[0], t=train.dt)
        weak = WeakSINDy(degree=2).fit(train, seed=0)
        error = coefficient_error(TRUE, plain.coefficients().T)
        ratios.append(error / coefficient_error(TRUE, in_the_library(weak)))
    assert min(ratios) > 1.5


def test_the_weak_form_agrees_with_pysindys_on_clean_data(reference) -> None:
    times = np.arange(len(reference.train.values[0])) * reference.train.dt
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pysindy

        library = pysindy.WeakPDELibrary(
            function_library=pysindy.PolynomialLibrary(degree=2, include_bias=True),
            spatiotemporal_grid=times,
            K=100,
        )
        theirs = pysindy.SINDy(optimizer=pysindy.STLSQ(threshold=0.1), feature_library=library)
        theirs.fit(reference.train.values[0], t=reference.train.dt)
    ours = WeakSINDy(degree=2, threshold=0.05, half_width=24, refine=False)
    found = in_the_library(ours.fit(reference.train, seed=0))
    np.testing.assert_allclose(found, theirs.coefficients().T, atol=0.02)


def test_a_settled_state_is_nearer_to_the_truth_than_its_last_sample(reference) -> None:
    predictor = SINDy(degree=2).fit(reference.train, seed=0)
    model, scale = predictor.model, predictor.scale
    clean = reference.context[:, -24:] / scale
    np.testing.assert_allclose(settled(model, clean), clean[:, -1], atol=1e-7)
    seen = clean + 0.05 * np.random.default_rng(0).normal(size=clean.shape)
    before = np.linalg.norm(seen[:, -1] - clean[:, -1], axis=1)
    after = np.linalg.norm(settled(model, seen) - clean[:, -1], axis=1)
    assert np.median(after) < 0.6 * np.median(before)


def test_a_window_too_sensitive_to_be_settled_keeps_its_last_sample() -> None:
    """The normal equations of such windows are singular or overflow."""
    runaway = Polynomial(np.eye(2, dtype=np.int64), np.full((2, 2), 1e9), True)
    for length in (3, 24):
        rows = np.zeros((1, length, 2))
        rows[0, -1] = 1.0, 2.0
        np.testing.assert_array_equal(settled(runaway, rows), [[1.0, 2.0]])


def test_settling_lengthens_forecasts_from_noise(reference) -> None:
    train = noisy(reference, 0)
    noise = np.random.default_rng(7).normal(size=reference.context.shape)
    context = reference.context + 0.05 * train.values[0].std(axis=0) * noise
    times = []
    for settle in (0, 24):
        forecaster = WeakSINDy(degree=2, threshold=0.1, half_width=12, settle=settle)
        values = forecaster.fit(train, seed=0).predict(context, 400).values
        times.append(np.median(reference.valid_prediction_times(values)))
    assert times[1] > 1.2 * times[0]


def test_the_equation_of_thomas_is_found_in_waves(thomas) -> None:
    predictor = FourierSINDy(discrete=False).fit(Trajectories(thomas, dt=0.3), seed=0)
    assert predictor.equations() == [
        "x0' = -0.2 x0 + 1 sin(1 x1)",
        "x1' = -0.2 x1 + 1 sin(1 x2)",
        "x2' = -0.2 x2 + 1 sin(1 x0)",
    ]
    slopes = np.sin(np.roll(thomas[::50], -1, axis=1)) - 0.2 * thomas[::50]
    np.testing.assert_allclose(predictor.vector_field(thomas[::50]), slopes, atol=1e-5)
    assert not hasattr(predictor, "polynomial")  # its terms are not monomials


def test_other_units_move_the_frequency_along(thomas) -> None:
    units = np.array([4.0, 0.5, 1024.0])
    forecaster = FourierSINDy(discrete=False)
    predictor = forecaster.fit(Trajectories(units * thomas[:1500], dt=0.3), seed=0)
    assert predictor.equations() == [
        "x0' = -0.2 x0 + 4 sin(2 x1)",
        "x1' = -0.2 x1 + 0.5 sin(0.00097656 x2)",
        "x2' = -0.2 x2 + 1024 sin(0.25 x0)",
    ]


@pytest.mark.slow
def test_waves_cannot_make_a_product_of_variables(reference) -> None:
    """Lorenz' x z is no sum of functions of single variables, so a bound from above holds.

    The bound is the best f(x) + g(y) + h(z) of any form, from hat functions on 40 knots each.
    """
    predictor = FourierSINDy(discrete=False).fit(reference.train, seed=0)
    values = predictor.predict(reference.context, 300).values
    assert np.median(reference.valid_prediction_times(values)) < 2.0
    states = reference.train.values[0]
    x, y, z = states.T
    slope = x * (28 - z) - y
    hats = []
    for v in (x, y, z):
        knots = np.linspace(v.min(), v.max(), 40)
        width = knots[1] - knots[0]
        hats.append(np.maximum(0.0, 1 - np.abs(v[:, np.newaxis] - knots) / width))
    additive = np.concatenate(hats, axis=1)
    left = slope - additive @ np.linalg.lstsq(additive, slope, rcond=1e-10)[0]
    assert left.std() > 0.05 * slope.std()
    assert (slope - predictor.vector_field(states)[:, 1]).std() > left.std()


def test_a_wave_in_a_map_is_found() -> None:
    """The standard map's kick is a sine of the angle, here with unit frequency."""
    p, q = np.empty(3000), np.empty(3000)
    p[0], q[0] = 0.1, 2.0
    for t in range(2999):
        p[t + 1] = 0.3 * p[t] + 2.5 * np.sin(q[t])
        q[t + 1] = 0.5 * q[t] + p[t]
    predictor = FourierSINDy().fit(Trajectories(np.stack([p, q], axis=1)[500:], dt=1.0), seed=0)
    assert predictor.equations() == ["x0[t+1] = 0.3 x0 + 2.5 sin(1 x1)", "x1[t+1] = 1 x0 + 0.5 x1"]


@pytest.mark.slow
def test_a_trend_of_the_published_medians(reference, thomas) -> None:
    """Polynomials win on a polynomial system, waves win on a system with sines."""
    from chaosbench.metrics import derivative_smape

    def error(forecaster, states: FloatArray, dt: float, slopes: FloatArray) -> float:
        predictor = forecaster.fit(Trajectories(states, dt=dt), seed=0)
        return derivative_smape(slopes, predictor.vector_field(states))

    lorenz = reference.train.values[0]
    x, y, z = lorenz.T
    slopes = np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)
    polynomial = error(SINDy(discrete=False), lorenz, 0.02, slopes)
    fourier = error(FourierSINDy(discrete=False), lorenz, 0.02, slopes)
    assert polynomial < 1e-4 < 0.1 < fourier
    short = thomas[:1500]
    slopes = np.sin(np.roll(short, -1, axis=1)) - 0.2 * short
    assert error(FourierSINDy(discrete=False), short, 0.3, slopes) < 1e-4
    assert error(SINDy(discrete=False), short, 0.3, slopes) > 1e-3


@pytest.mark.slow
def test_the_samples_of_an_ensemble_are_its_members(reference) -> None:
    predictor = EnsembleSINDy(members=7).fit(noisy(reference, 1), seed=3)
    forecast = predictor.predict(reference.context, 200)
    assert forecast.samples is not None
    assert forecast.samples.shape == (7, *forecast.values.shape)
    members = predictor.members
    for k in range(7):
        alone = Polynomial(
            members.powers, members.coefficients[k], members.discrete, members.substeps
        )
        state = reference.context[:, -1] / predictor.scale
        for _ in range(3):
            state = alone.advance(state)
        np.testing.assert_allclose(
            forecast.samples[k, :, 2], state * predictor.scale, rtol=1e-10, atol=1e-10
        )
    spread = forecast.samples.std(axis=0).mean(axis=(0, 2))
    assert spread[199] > 3 * spread[20] > 0  # chaos separates them


@pytest.mark.slow
def test_the_seed_draws_the_ensemble(reference) -> None:
    train = noisy(reference, 2)
    one, two, again = (
        EnsembleSINDy(members=5, degree=2).fit(train, seed=s).members.coefficients
        for s in (0, 1, 0)
    )
    np.testing.assert_array_equal(one, again)
    assert one.shape != two.shape or not np.array_equal(one, two)


def test_an_ensemble_finds_the_map_of_henon(henon) -> None:
    predictor = EnsembleSINDy().fit(Trajectories(henon[:2000], dt=1.0), seed=0)
    found = equation(predictor)
    assert predictor.model.discrete
    assert found.keys() == HENON.keys()
    assert all(found[term] == pytest.approx(value, rel=1e-9) for term, value in HENON.items())


def test_thresholding_keeps_what_stlsq_keeps() -> None:
    from pysindy.optimizers import STLSQ

    rng = np.random.default_rng(0)
    for threshold in (0.05, 0.2, 0.5):
        theta = rng.normal(size=(60, 12))
        y = theta @ np.where(rng.random(12) < 0.5, 0.0, rng.normal(size=12))
        y = y + 0.1 * rng.normal(size=60)
        optimiser = STLSQ(threshold=threshold, alpha=1e-12, unbias=False)
        optimiser.fit(theta, y[:, np.newaxis])
        kept = thresholded(theta, y, threshold)
        np.testing.assert_array_equal(kept, optimiser.coef_[0] != 0)
        assert 0 < kept.sum() < 12


def test_pieces_hold_together_what_the_whole_holds(reference) -> None:
    u = reference.train.values[:, :1500] / 10
    whole, parts = (
        SparseRegression.of(
            gather(u, POWERS, discrete=False, half_width=8, pieces=pieces), POWERS, discrete=False
        )
        for pieces in (1, 40)
    )
    expected, found = whole.sparse(0.05), parts.sparse(0.05)
    np.testing.assert_array_equal(found.powers, expected.powers)
    np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=1e-8, atol=1e-12)


def test_equations_read_as_one_writes_them() -> None:
    powers = np.array([[0, 0, 0, 0], [1, 2, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]])
    coefficients = np.array([[-1.5, 0.0], [2.0, 0.0], [0.0, 0.333333333], [0.0, -1e-7]])
    waves = Waves(np.array([1]), np.array([2]), np.array([1.0, 0.5]))
    assert written(powers, coefficients, waves, discrete=False) == [
        "x0' = -1.5 + 2 x0 x1^2",
        "x1' = 0.33333 sin(1 x1) - 1e-07 x0 cos(1 x1)",
    ]
    nothing = written(powers[:1, :1], np.zeros((1, 1)), None, discrete=True)
    assert nothing == ["x0[t+1] = 0"]


@pytest.mark.parametrize(
    ("forecaster", "words"),
    [
        (lambda: FourierSINDy(harmonics=0), "harmonics must be an integer"),
        (lambda: FourierSINDy(frequency=0.0), "frequency must be a finite number"),
        (lambda: EnsembleSINDy(members=1), "members must be an integer"),
        (lambda: EnsembleSINDy(inclusion=0.0), "inclusion must be a finite number"),
        (lambda: WeakSINDy(settle=-1), "settle must be an integer"),
    ],
)
def test_impossible_settings_are_refused(forecaster, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        forecaster()


def test_a_fourier_library_that_is_too_large_is_refused() -> None:
    train = Trajectories(np.random.default_rng(0).normal(size=(200, 30)), dt=1.0)
    with pytest.raises(ParameterError, match=r"31 monomials and 120 waves"):
        FourierSINDy(max_terms=100).fit(train, seed=0)


def lorenz96(d: int, steps: int) -> FloatArray:
    def rhs(_t, u):
        return (np.roll(u, -1) - np.roll(u, 2)) * np.roll(u, 1) - u + 8

    start = 8 + np.random.default_rng(0).normal(size=d)
    times = np.arange(500 + steps) * 0.02
    solution = solve_ivp(
        rhs, (0, times[-1]), start, method="DOP853", rtol=1e-10, atol=1e-10, t_eval=times
    )
    return solution.y.T[500:]


@pytest.mark.slow
def test_an_ensemble_of_many_variables_has_products_among_its_terms() -> None:
    """With sixteen or more variables only a linear library was left, and Lorenz-96 is quadratic."""
    train = Trajectories(lorenz96(18, 2500), dt=0.02)
    predictor = EnsembleSINDy(discrete=False, threshold=0.03).fit(train, seed=0)
    found = {
        (variable, tuple(row)): predictor.coefficients[k, variable]
        for k, row in enumerate(predictor.powers.tolist())
        for variable in np.flatnonzero(predictor.coefficients[k])
    }
    true = {}
    for i in range(18):
        unit = np.eye(18, dtype=int)
        true[i, tuple(unit[i - 1] + unit[(i + 1) % 18])] = 1.0
        true[i, tuple(unit[i - 1] + unit[i - 2])] = -1.0
        true[i, tuple(unit[i])] = -1.0
        true[i, (0,) * 18] = 8.0
    assert found.keys() == true.keys()
    assert found == pytest.approx(true, rel=1e-6)


def test_a_term_that_no_member_was_offered_is_offered_to_all() -> None:
    few = EnsembleSINDy(members=2, dropped=0.7)
    library = (polynomial_powers(4, 2), None)
    u = lorenz96(4, 400)[np.newaxis]
    regression = few._regression(u, library, discrete=False, half_width=4, seed=0)
    assert 0.2 < regression.offered.mean() < 0.9
    assert regression.offered.any(axis=0).all()


def test_an_equation_that_runs_away_gives_way_to_one_that_stays() -> None:
    class Runs:
        def __init__(self, stays: int) -> None:
            self.stays = stays

        def predict(self, context, horizon: int) -> Forecast:
            values = np.ones((len(context), horizon, 1))
            values[self.stays :, 5:] = np.nan
            return Forecast(values)

    held_out = hold_out(
        np.ones((1, 1000, 1)), scale=np.ones(1), warmup=1, fraction=0.15, windows=10, horizon=50
    )
    n = len(held_out.context)
    runs = [Runs(n // 2), Runs(n), Runs(0)]
    asked = []

    def share(i: int) -> float:
        asked.append(i)
        return held_out.bounded(runs[i])

    assert lasting([0.5, 0.4, 0.3], share) == (1, 1.0)
    assert asked == [0, 1]  # the third could no longer win
    assert lasting([0.9, 0.4, 0.3], share) == (0, 0.5)
    assert lasting([0.0, 0.0, 0.0], share) == (1, 1.0)
    assert lasting([0.2, 0.3], lambda _: 0.0) == (1, 0.0)


def test_a_driven_flow_gets_a_finite_forecast() -> None:
    """Duffing's oscillator with its drive hidden: the best one-step fit diverges."""

    def rhs(t, u):
        return [u[1], u[0] - u[0] ** 3 - 0.1 * u[1] + 0.35 * np.cos(1.4 * t)]

    times = np.arange(6000) * 0.15
    solution = solve_ivp(
        rhs, (0, times[-1]), [0.5, 0.0], method="DOP853", rtol=1e-10, atol=1e-10, t_eval=times
    )
    states = solution.y.T
    predictor = SINDy().fit(Trajectories(states[:4000], dt=0.15), seed=0)
    context = np.stack([states[s - 5 : s] for s in range(4100, 6000, 100)])
    assert np.isfinite(predictor.predict(context, 1000).values).all()
