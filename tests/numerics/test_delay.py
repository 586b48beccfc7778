"""Delay equations against closed forms and against the method of steps with scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.integrate import solve_ivp

from chaosbench.dynamics.orbits import orbit_of
from chaosbench.errors import ParameterError, TrajectoryEscapedError
from chaosbench.expressions import cos, sin
from chaosbench.numerics.delay import breakpoints, hermite_history, integrate_delay, look_up
from chaosbench.systems import delay, registry


@delay(ic=(1.0,), reference="none")
def echo(x, x_tau, *, tau=1.0):
    return -x_tau


@delay(ic=(1.0,), reference="none")
def two_echoes(x, x_tau, x_tau2, *, tau=1.0, tau2=1.5):
    return -x_tau - 0.5 * x_tau2


@delay(ic=(0.3, 1.0), reference="none")
def crossed(x, y, x_tau, y_tau2, *, tau=0.7, tau2=1.1):
    return -x + sin(y_tau2), x_tau - 0.1 * y


def exact_steps(lags, weights, pieces, width):
    """Piecewise polynomials of x' = Σ wᵢ x(t - τᵢ) with history 1; lags multiples of width."""
    shifts = [round(lag / width) for lag in lags]
    solution = []
    for n in range(pieces):
        slope = Polynomial([0.0])
        for shift, weight in zip(shifts, weights, strict=True):
            past = solution[n - shift] if n >= shift else Polynomial([1.0])
            slope = slope + weight * past
        before = solution[-1](width) if solution else 1.0
        solution.append(slope.integ(lbnd=0) + before)
    return solution


def evaluate(solution, width, times):
    index = np.minimum((times / width + 1e-9).astype(int), len(solution) - 1)
    return np.array([solution[i](t - i * width) for i, t in zip(index, times, strict=True)])


@pytest.mark.parametrize("rtol", [1e-6, 1e-12])
def test_closed_form(rtol):
    """Seven intervals with polynomials up to degree 7: the method is exact at any tolerance."""
    orbit = orbit_of(echo, np.array([1.0]), rtol=rtol)
    times = 0.05 * np.arange(141)
    samples = orbit.sample(141, 0.05)[:, 0]
    exact = [
        sum(
            (-1) ** k * (t - k + 1) ** k / math.factorial(k)
            for k in range(math.floor(t + 1e-9) + 2)
        )
        for t in times
    ]
    np.testing.assert_allclose(samples, exact, rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        evaluate(exact_steps([1.0], [-1.0], 7, 1.0), 1.0, times), exact, atol=1e-12
    )


def test_two_delays():
    orbit = orbit_of(two_echoes, np.array([1.0]), rtol=1e-12)
    times = 0.05 * np.arange(81)
    exact = evaluate(exact_steps([1.0, 1.5], [-1.0, -0.5], 9, 0.5), 0.5, times)
    np.testing.assert_allclose(orbit.sample(81, 0.05)[:, 0], exact, rtol=0, atol=1e-13)


def test_order():
    """Steps as long as the delay on x' = -x(t-h) + cos(t-h) - sin t, whose solution is cos t.

    The delayed values come from the dense output, whose error of h⁸ a step enters times h: order 8
    in theory, at least the 7 of the dense output must show.
    """
    lags = np.array([0.5, 0.35, 0.25, 0.18])
    errors = []
    for lag in lags:

        @delay(ic=(1.0,), reference="none", name="follower")
        def follower(x, x_tau, t, *, tau=lag):
            return -x_tau + cos(t - tau) - sin(t)

        # the exact past, as one polynomial of degree 7 in the basis of the dense output
        s = np.cos(np.pi * (np.arange(8) + 0.5) / 8) / 2 + 0.5
        basis = np.zeros((8, 8))
        from chaosbench.numerics.dop853 import interpolate

        for j in range(8):
            unit = np.zeros((8, 1))
            unit[j] = 1.0
            basis[:, j] = [interpolate(unit, v, 0) for v in s]
        starts, widths, pieces = [], [], []
        n = 8
        for k in range(n):
            starts.append(-1.25 * lag * (1 - k / n))
            widths.append(1.25 * lag / n)
            pieces.append(np.linalg.solve(basis, np.cos(starts[-1] + s * widths[-1]))[:, None])
        past = (np.array(starts), np.array(widths), np.array(pieces))
        count = round(3.0 / lag)
        out = np.empty((count + 1, 1))
        status, _, _, attempts, _ = integrate_delay(
            follower.kernel.address, 0.0, np.array([1.0]), past, np.array([lag]), np.array([0]),
            -np.inf, count * lag, lag, out, lag, 1e3, 1e3, 1e9, 10**6,
        )  # fmt: skip
        assert (status, attempts) == (0, count)
        errors.append(np.abs(out[:, 0] - np.cos(lag * np.arange(count + 1))).max())
    observed = np.diff(np.log(errors)) / np.diff(np.log(lags))
    assert (observed > 7.0).all(), observed


def scipy_steps(rhs, history, lags, width, steps, rtol=1e-12):
    """The method of steps, independently: one solve_ivp per `width`, on dense outputs."""
    solutions = []

    def past(t):
        if t <= 0:
            return history
        index = min(int(t / width + 1e-12), len(solutions) - 1)
        return solutions[index](t)

    y = np.array(history)
    for n in range(steps):
        found = solve_ivp(
            lambda t, u: rhs(u, [past(t - lag) for lag in lags]),
            (n * width, (n + 1) * width), y, method="DOP853", rtol=rtol, atol=rtol,
            dense_output=True,
        )  # fmt: skip
        solutions.append(found.sol)
        y = found.y[:, -1]
    return lambda t: solutions[min(int(t / width), steps - 1)](t)


def test_mackey_glass_against_scipy():
    """Five delays of τ = 17; both methods use the same breakpoints and share no code."""
    system = registry["mackey_glass"]

    def rhs(u, past):
        return 0.2 * past[0] / (1 + past[0] ** 10) - 0.1 * u

    reference = scipy_steps(rhs, np.array(system.ic), [17.0], 17.0, 5)
    times = 0.5 * np.arange(170)
    expected = np.array([reference(t)[0] for t in times])
    samples = orbit_of(system, np.array(system.ic), rtol=1e-12).sample(170, 0.5)[:, 0]
    # some 100 steps with local errors of 1e-12 and an equally accurate dense output; no growth yet
    np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-10)
    coarse = orbit_of(system, np.array(system.ic), rtol=1e-7).sample(170, 0.5)[:, 0]
    assert 1e-10 < np.abs(coarse - expected).max() < 1e-5


def test_two_variables_with_a_delay_each():
    reference = scipy_steps(
        lambda u, past: np.array([-u[0] + np.sin(past[1][1]), past[0][0] - 0.1 * u[1]]),
        np.array(crossed.ic), [0.7, 1.1], 0.1, 60,
    )  # fmt: skip
    times = 0.05 * np.arange(120)
    expected = np.array([reference(t) for t in times])
    samples = orbit_of(crossed, np.array(crossed.ic), rtol=1e-12).sample(120, 0.05)
    np.testing.assert_allclose(samples, expected, atol=1e-10)


def test_breakpoints():
    assert breakpoints(np.array([2.0])).tolist() == [2.0 * k for k in range(1, 10)]
    found = breakpoints(np.array([1.0, 1.5]))
    expected = {a + 1.5 * b for a in range(10) for b in range(10) if 1 <= a + b <= 9}
    assert found.tolist() == sorted(expected)


def test_steps_end_on_the_breakpoints():
    orbit = orbit_of(registry["mackey_glass"], np.array([1.2]), rtol=1e-6)
    orbit.advance(60.0)
    starts = orbit.past[0]
    for kink in (17.0, 34.0, 51.0):
        if kink > 60.0 - 17.0:
            assert np.abs(starts - kink).min() < 1e-9
    assert starts[0] <= 60.0 - 17.0


def test_no_step_exceeds_the_shortest_delay():
    orbit = orbit_of(two_echoes.with_params(tau=0.05), np.array([1.0]), rtol=1e-3)
    orbit.advance(5.0)
    assert orbit.past[1][1:].max() <= 0.05 * (1 + 1e-8)


def test_two_pieces_are_one_trajectory():
    system = registry["mackey_glass"]
    whole = orbit_of(system, np.array(system.ic), rtol=1e-12).sample(301, 0.5)
    orbit = orbit_of(system, np.array(system.ic), rtol=1e-12)
    first = orbit.sample(151, 0.5)
    second = orbit.sample(151, 0.5)
    assert np.abs(first[-1] - second[0]).max() < 1e-15
    np.testing.assert_allclose(np.concatenate([first, second[1:]]), whole, atol=1e-9)


def test_hermite_history_is_cubic():
    times = np.array([-2.0, -1.4, -0.5, 0.0])
    cubic = Polynomial([0.3, -1.0, 0.7, 0.2])
    starts, widths, pieces = hermite_history(
        times, cubic(times)[:, None], cubic.deriv()(times)[:, None]
    )
    for t in np.linspace(-2, 0, 41):
        assert look_up(starts, widths, pieces, 0, 2, t, 0) == pytest.approx(cubic(t), abs=1e-14)


def test_escape_says_when():
    @delay(ic=(1.0,), reference="none")
    def runaway(x, x_tau, *, tau=1.0):
        return x**2 + 0.0 * sin(x_tau)

    with pytest.raises(TrajectoryEscapedError) as caught:
        orbit_of(runaway, np.array([1.0])).advance(50.0)
    assert caught.value.time == pytest.approx(1.0, abs=2e-9)


@pytest.mark.parametrize("tau", [0.0, -1.0])
def test_delays_are_positive(tau):
    with pytest.raises(ParameterError, match="must be positive"):
        echo.with_params(tau=tau)
