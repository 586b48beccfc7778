"""Exact datasets: samples at exact times, windows from between the doubles, angles as seen."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import Dataset, generate, observables_of
from chaosbench.dynamics.orbits import TaylorOrbit


def _apart(a, b):
    """Return the largest difference of double-doubles, sample by sample."""
    return np.abs((a - b)[..., 0] + (a - b)[..., 1]).max(axis=1)


@pytest.mark.parametrize(("name", "dt"), [("lorenz", 0.0252504), ("chua", 0.07)])
def test_samples_lie_at_exact_multiples_of_the_step(name, dt):
    """The oracle takes one step of the grid at a time, so that no multiple is ever rounded."""
    system, ic = cb.systems[name], np.array(cb.systems[name].ic)
    whole = TaylorOrbit(system, ic, 3.7, even=True).sample_exactly(100, dt)
    orbit = TaylorOrbit(system, ic, 3.7, even=True)
    single = np.stack([orbit.sample_exactly(2, dt)[0] for _ in range(100)])
    assert _apart(whole, single).max() < 1e-26
    rounded = TaylorOrbit(system, ic, 3.7).sample_exactly(100, dt)
    assert _apart(whole, rounded).max() > 1e-17  # a few units in the last place of the time


@pytest.mark.parametrize("name", ["lorenz", "chua", "duffing", "arnold_cat"])
def test_another_orbit_stands_exactly_where_the_first_does(name):
    system, dt = cb.systems[name], 1.0 if cb.systems[name].discrete else 0.05
    ic = np.array(system.ic)
    first = TaylorOrbit(system, ic, 0.3, even=True, nudge=3e-17)
    whole = TaylorOrbit(system, ic, 0.3, even=True, nudge=3e-17).sample_exactly(60, dt)
    first.sample(31, dt)
    tail = first.again(tolerance=1e-31).sample_exactly(30, dt)
    assert _apart(whole[30:], tail).max() < 1e-20  # far below what starting from a double gives
    assert _apart(whole[30:31], tail[:1]).max() < 1e-28


@pytest.mark.parametrize("name", ["lorenz", "henon", "kuramoto"])
def test_a_window_is_certified_from_a_state_between_doubles(name, tmp_path):
    data = Dataset(
        (name,), train_points=20, windows=1, context=30, horizon_lyapunov=40.0,
        horizon_at_most=6000, exact=True, bounded=True, stream="test",
    )  # fmt: skip
    made = generate(data, tmp_path / "data").load(name, "test")
    pace = data.pace(name)
    assert made.certified_until[0] == pytest.approx(pace.horizon * pace.dt)
    system, observables = cb.systems[name], data.observables(name)
    context = made.values[:, :30]
    state = observables.states_of(context)[0, -1]
    begin = float(made.start_times[0] + 29 * made.dt)
    again = TaylorOrbit(system, state, begin, even=True).sample_exactly(pace.horizon + 1, pace.dt)
    error = np.abs(observables.of(again[..., 0], again[..., 1])[1:] - made.values[0, 30:])
    spread = data.spread(name)
    assert (error[0] / spread).max() < 1e-14  # started from the same state, but for its rounding
    assert (error / spread).max() > 1e-3  # which grows by 1e13 and more


def test_cosines_and_sines_are_closest_to_the_exact_angle():
    system = cb.systems["bickley_jet"]
    observables = observables_of(system)
    assert observables.variables == ("cos_x", "sin_x", "y")
    period = system.periods[0]
    x = np.array([[0.1 * period + 3 * period, 0.5]])
    rest = np.array([[1e-17, 0.0]])
    seen = observables.of(x, rest)
    rate = 2 * np.pi / period
    assert np.allclose(seen, [[np.cos(rate * x[0, 0]), np.sin(rate * x[0, 0]), 0.5]], atol=1e-14)
    slopes = observables.slopes(x)
    step = 1e-6
    for j in range(2):
        shift = step * np.eye(2)[j]
        numeric = (observables.of(x + shift) - observables.of(x - shift)) / (2 * step)
        assert np.allclose(slopes[..., j], numeric, atol=1e-8)


def test_angles_are_continued_and_gaps_stay():
    system = cb.systems["driven_pendulum"]
    observables = observables_of(system)
    theta = np.linspace(-20.0, 1.5, 200)
    states = np.stack([theta, np.cos(theta)], axis=-1)
    seen = observables.of(states)
    assert np.allclose(observables.states_of(seen[None])[0], states, atol=1e-12)
    seen[[5, 6, 7]] = np.nan
    found = observables.states_of(seen[None])[0]
    assert np.isnan(found[5:8, 0]).all()
    there = np.isfinite(found[:, 0])
    assert np.allclose(found[there], states[there], atol=1e-12)
    assert observables.wrapped(np.array([7.0, 9.0])) == pytest.approx([7.0 - 2 * np.pi, 9.0])
    plain = observables_of(system, bounded=False)
    assert plain.plain
    assert plain.of(states) == pytest.approx(states, abs=0)


def test_a_dataset_with_angles_is_written_and_read_as_it_is_seen(tmp_path):
    data = Dataset(
        ("driven_pendulum", "henon"), train_points=30, windows=2, context=6, horizon_lyapunov=0.2,
        noise=0.1, exact=True, bounded=True,
    )  # fmt: skip
    stored = generate(data, tmp_path / "data")
    test = stored.load("driven_pendulum", "test")
    assert test.variables == ("cos_theta", "sin_theta", "v")
    assert np.allclose(test.values[..., 0] ** 2 + test.values[..., 1] ** 2, 1.0)
    noisy = stored.load("driven_pendulum", "context").values - test.values[:, :6]
    assert noisy.std() == pytest.approx(0.1 * data.spread("driven_pendulum").mean(), rel=0.5)
    assert 0.3 < data.spread("driven_pendulum")[0] < 0.9
