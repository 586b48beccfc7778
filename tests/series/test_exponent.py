"""The exponent of a series is that of the catalogue, or is refused."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InputError, ParameterError
from chaosbench.series import largest_exponent, surrogates

SYSTEMS = ("lorenz", "rossler", "henon", "mackey_glass", "lorenz96")


@cache
def recording(name, points=10_000, seed=0):
    """Return the first variable and its sampling step."""
    rate = {} if name == "henon" else {"points_per_period": 25}
    made = cb.simulate(name, points=points, seed=seed, **rate)
    return made.values[0, :, 0], made.dt


def noisy(x, level=0.02, seed=0):
    return x + level * x.std() * np.random.default_rng(seed).standard_normal(len(x))


def right_or_refused(found, name):
    """Return whether there is a value; if so, it must be within 15 % of the catalogue's."""
    true = cb.constants(name).lyapunov_exponents[0]
    if found.reason is not None:
        assert np.isnan(found.value)
        assert np.isnan(found.error)
        assert found.region is None
        return False
    assert found.value == pytest.approx(true, rel=0.15), name
    assert 0 < found.error < 0.25 * found.value
    return True


def test_the_exponent_of_a_map_is_found():
    x, dt = recording("henon", 3000)
    found = largest_exponent(x, dt)
    assert right_or_refused(found, "henon")
    assert found.embedding.dimension == 2
    assert len(found.times) == len(found.divergence)
    low, high = found.region
    inside = (found.times >= low) & (found.times <= high)
    slope = np.polyfit(found.times[inside], found.divergence[inside], 1)[0]
    assert slope == pytest.approx(found.value)


def test_the_unit_of_time_is_that_of_the_step():
    x, _ = recording("henon", 3000)
    assert largest_exponent(x, 0.1).value == pytest.approx(10 * largest_exponent(x, 1.0).value)


def test_scale_and_offset_do_not_matter():
    x, _ = recording("henon", 3000)
    assert largest_exponent(1e-9 * x - 1e-9, 1.0).value == pytest.approx(
        largest_exponent(x, 1.0).value, rel=1e-3
    )


def test_several_variables_are_the_state():
    x = cb.simulate("henon", points=3000).values[0]
    found = largest_exponent(x, 1.0)
    assert right_or_refused(found, "henon")
    assert found.embedding.dimension == 0
    with pytest.raises(ParameterError, match="taken as the state"):
        largest_exponent(x, 1.0, dimension=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("method", ["rosenstein", "kantz"])
def test_clean_and_noisy_series_are_right_or_refused(name, method):
    x, dt = recording(name)
    told = right_or_refused(largest_exponent(x, dt, method=method), name)
    assert told == (name != "lorenz96")  # its forty dimensions are too many for 10,000 samples
    right_or_refused(largest_exponent(noisy(x), dt, method=method), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_linear_surrogates_are_refused(name):
    x, dt = recording(name)
    for made in surrogates(x, count=2):
        assert largest_exponent(made, dt).reason


def test_noise_is_refused():
    rng = np.random.default_rng(0)
    assert largest_exponent(rng.standard_normal(3000), 1.0).reason
    assert largest_exponent(rng.standard_normal(1000).cumsum(), 1.0).reason


@pytest.mark.parametrize("period", [25.0, 31.4159, 7.0])
def test_a_sine_is_refused(period):
    assert largest_exponent(np.sin(2 * np.pi * np.arange(3000) / period), 1.0).reason


def test_regular_motion_is_refused():
    t = np.arange(4000)
    assert largest_exponent(np.sin(0.2 * t) + np.sin(0.2 * np.sqrt(2) * t), 1.0).reason
    cycle = cb.systems["rossler"].with_params(c=4.0)  # of period two
    x = cb.simulate(cycle, points=4000, dt=0.2, transient=500.0, ic=(1.0, 1.0, 0.0)).values[0, :, 0]
    assert largest_exponent(x, 0.2).reason
    assert "constant" in largest_exponent(np.ones(1000), 1.0).reason
    assert largest_exponent(np.arange(1000.0), 1.0).reason


def test_a_recording_sampled_often_gives_the_same_exponent():
    """The curve of the dense one has fewer points than samples."""
    made = cb.simulate("lorenz", points=24_000, points_per_period=200, seed=0)
    x, dt = made.values[0, :, 0], made.dt
    dense, thin = largest_exponent(x, dt), largest_exponent(x[::8], 8 * dt)
    assert np.diff(dense.times).min() > 2 * dt
    assert dense.value == pytest.approx(thin.value, rel=0.1)


def test_given_settings_never_raise_on_long_memory():
    ramp = np.arange(1000.0) + np.random.default_rng(0).standard_normal(1000)
    assert largest_exponent(ramp, 1.0, theiler=10, delay=250, dimension=3).reason


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"method": "wolf"}, ParameterError, "rosenstein, kantz"),
        ({"dt": 0.0}, InputError, "positive"),
        ({"series": np.zeros(100)}, InputError, "at least 500"),
        ({"series": np.full(1000, np.nan)}, InputError, "finite"),
        ({"delay": 0}, ParameterError, "delay"),
        ({"dimension": 1.5}, ParameterError, "dimension"),
    ],
)
def test_odd_input_is_refused(change, error, words):
    given = {"series": recording("henon", 3000)[0], "dt": 1.0} | change
    with pytest.raises(error, match=words):
        largest_exponent(**given)
