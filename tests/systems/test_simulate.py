from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chaosbench.dynamics.period import dominant_period, estimate_period, period_range
from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import constants, known_constants
from chaosbench.errors import (
    InputError,
    ParameterError,
    StaleConstantsError,
    TrajectoryEscapedError,
    UnknownNameError,
)
from chaosbench.systems import flow, registry

KINDS = ["lorenz", "duffing", "henon", "mackey_glass"]


@pytest.mark.parametrize("name", KINDS)
def test_shapes_and_facts(name):
    system = registry[name]
    data = simulate(name, points=50, n=2)
    assert data.values.shape == (2, 50, system.dimension)
    assert np.isfinite(data.values).all()
    assert data.variables == system.variables
    assert data.start_times.shape == (2,)
    assert np.array_equal(data.time, data.dt * np.arange(50))
    assert data.provenance["system"] == name
    assert data.provenance["fingerprint"] == system.fingerprint
    assert data.provenance["rtol"] == 1e-10
    assert data.provenance["versions"]["numba"]


@pytest.mark.parametrize("name", KINDS)
class TestSeeds:
    def test_the_same_seed_gives_the_same_bits(self, name):
        first, second = (simulate(name, points=30, n=2, seed=7) for _ in range(2))
        assert np.array_equal(first.values, second.values)
        assert np.array_equal(first.start_times, second.start_times)

    def test_trajectories_differ(self, name):
        data = simulate(name, points=30, n=3, seed=7)
        sigma = np.array(constants(name).std)
        for a in range(3):
            for b in range(a):
                assert (np.abs(data.values[a] - data.values[b]) / sigma).max() > 0.01

    def test_another_seed_gives_others(self, name):
        a, b = (simulate(name, points=30, seed=seed).values for seed in (0, 1))
        assert not np.array_equal(a, b)

    def test_a_trajectory_does_not_depend_on_how_many_there_are(self, name):
        three, five = (simulate(name, points=30, n=n, seed=2) for n in (3, 5))
        assert np.array_equal(three.values, five.values[:3])


class TestStart:
    def test_is_the_first_sample(self):
        data = simulate("lorenz", ic=[1, 2, 3], points=10)
        assert data.values[0, 0].tolist() == [1.0, 2.0, 3.0]
        assert data.start_times.tolist() == [0.0]

    def test_there_may_be_several(self):
        states = np.array([[1.0, 2, 3], [4, 5, 6]])
        for ic in (states, states.tolist(), tuple(states)):
            data = simulate("lorenz", ic=ic, points=10, n=7)
            assert np.array_equal(data.values[:, 0], states)
        alone = simulate("lorenz", ic=states[1], points=10)
        assert np.array_equal(alone.values[0], data.values[1])

    def test_a_transient_is_dropped(self):
        whole = simulate("rossler", ic=[1, 2, 0], points=101, dt=0.1)
        later = simulate("rossler", ic=[1, 2, 0], points=51, dt=0.1, transient=5.0)
        np.testing.assert_allclose(later.values[0], whole.values[0, 50:], rtol=1e-6, atol=1e-6)
        assert later.start_times.tolist() == [5.0]
        started = simulate("rossler", points=2, transient=3.0)
        assert started.start_times.tolist() == [3.0]

    def test_the_default_transient_reaches_the_attractor(self):
        known = constants("lorenz")
        starts = simulate("lorenz", points=1, n=40, seed=3)
        assert starts.values.shape == (40, 1, 3)
        assert (starts.start_times >= 100 * known.period).all()
        assert (starts.start_times >= 20 * known.lyapunov_time).all()
        # the mean of forty independent draws from the attractor is within 4 standard errors
        error = np.array(known.std) / np.sqrt(40)
        assert (np.abs(starts.values.mean(axis=(0, 1)) - known.mean) < 4 * error).all()

    def test_a_map_starts_at_a_whole_iteration(self):
        data = simulate("henon", points=5, n=4)
        assert (data.start_times % 1 == 0).all()
        assert (data.start_times >= 1000).all()

    def test_escape_says_when(self):
        with pytest.raises(TrajectoryEscapedError, match="'henon' escaped after") as caught:
            simulate("henon", ic=[10.0, 10.0], points=100)
        assert 0 < caught.value.time < 20


class TestClocks:
    @pytest.mark.parametrize("name", ["lorenz", "mackey_glass"])
    def test_steps(self, name):
        known = constants(name)
        assert simulate(name, points=2).dt == pytest.approx(known.period / 100)
        assert simulate(name, points=2, points_per_period=30).dt == pytest.approx(known.period / 30)
        assert simulate(name, points=2, points_per_lyapunov=30).dt == pytest.approx(
            1 / known.lyapunov_exponents[0] / 30
        )
        assert simulate(name, points=2, dt=0.125).dt == 0.125

    @pytest.mark.parametrize(
        "clock", [{}, {"dt": 1}, {"points_per_period": 7}, {"points_per_lyapunov": 9}]
    )
    def test_a_map_ignores_them(self, clock):
        data = simulate("logistic", points=5, ic=[0.3], **clock)
        assert data.dt == 1.0
        assert data.values[0, :2, 0].tolist() == [0.3, 4 * 0.3 * (1 - 0.3)]

    def test_a_map_has_no_other_step(self):
        with pytest.raises(ParameterError, match=r"'logistic' is a map and sampled at every iter"):
            simulate("logistic", points=5, dt=0.5)

    def test_the_step_does_not_depend_on_the_number_of_points(self):
        assert simulate("lorenz", points=10).dt == simulate("lorenz", points=11).dt

    def test_without_constants_the_period_is_estimated(self):
        other = registry["lorenz"].with_params(rho=29.0)
        assert known_constants(other) is None
        data = simulate(other, points=20)
        assert data.dt == pytest.approx(constants("lorenz").period / 100, rel=0.1)

    def test_a_regular_system_has_no_lyapunov_time(self):
        with pytest.raises(StaleConstantsError, match="belong to the fingerprint"):
            simulate(registry["lorenz"].with_params(rho=20.0), points_per_lyapunov=30)


BAD = [
    ({"points": 0}, "points must be a positive integer"),
    ({"points": 2.5}, "points must be a positive integer"),
    ({"points": "many"}, "points must be a positive integer"),
    ({"n": 0}, "n must be a positive integer"),
    ({"n": None}, "n must be a positive integer"),
    ({"seed": -1}, "seed must be a non-negative integer"),
    ({"seed": 0.5}, "seed must be a non-negative integer"),
    ({"transient": -1.0}, "transient must be a finite time"),
    ({"transient": np.inf}, "transient must be a finite time"),
    ({"transient": np.nan}, "transient must be a finite time"),
    ({"transient": "long"}, "transient must be a finite time"),
    ({"dt": 0.0}, "dt must be positive and finite"),
    ({"dt": -0.1}, "dt must be positive and finite"),
    ({"dt": np.nan}, "dt must be positive and finite"),
    ({"dt": "0.1"}, "dt must be positive and finite"),
    ({"points_per_period": 0}, "points_per_period must be positive and finite"),
    ({"points_per_lyapunov": np.inf}, "points_per_lyapunov must be positive and finite"),
    ({"dt": 0.1, "points_per_period": 100}, "give only one of points_per_period and dt"),
    ({"rtol": 0.0}, "rtol must lie between"),
    ({"rtol": "tight"}, "rtol must lie between"),
    ({"ic": [1.0, 2.0]}, "3 finite numbers"),
    ({"ic": []}, "finite numbers"),
    ({"ic": 1.0}, "3 finite numbers"),
    ({"ic": [1.0, 2.0, np.nan]}, "3 finite numbers"),
    ({"ic": ["a", "b", "c"]}, "3 finite numbers"),
    ({"ic": np.empty((0, 3))}, "no initial state"),
    ({"ic": [[1, 2, 3], [4, 5]]}, "3 finite numbers"),
    ({"ic": np.zeros((2, 2, 3))}, "3 finite numbers"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=[str(s)[:40] for s, _ in BAD])
def test_bad_input_is_one_clear_error(settings, message):
    with pytest.raises(InputError, match=message):
        simulate("lorenz", **({"points": 5} | settings))


def test_an_unknown_system_suggests():
    with pytest.raises(UnknownNameError, match="did you mean 'lorenz'"):
        simulate("lorentz")


class TestConstants:
    def test_belong_to_their_parameters(self):
        assert constants("Lorenz") is constants(registry["lorenz"])
        changed = registry["lorenz"].with_params(rho=28.5)
        with pytest.raises(StaleConstantsError, match="characterise lorenz") as caught:
            constants(changed)
        assert changed.fingerprint in str(caught.value)
        with pytest.raises(StaleConstantsError):
            constants(registry["lorenz"].with_ic([1, 2, 3]))
        with pytest.raises(StaleConstantsError):
            constants(registry["lorenz96"].with_dimension(8))
        assert constants(changed.with_params(rho=28.0)) is constants("lorenz")

    def test_of_a_system_that_was_never_measured(self):
        @flow(ic=(1.0,), reference="none")
        def unmeasured(x):
            return -x

        with pytest.raises(StaleConstantsError, match="no constants are stored for 'unmeasured'"):
            constants(unmeasured)
        assert known_constants(unmeasured) is None


class TestPeriods:
    def test_of_a_pure_tone(self):
        time = 0.05 * np.arange(2**15)
        wave = np.stack([np.sin(2 * np.pi * time / 3.1), np.cos(2 * np.pi * time / 3.1)], axis=1)
        # the resolution of the spectrum: one bin of 1 / (2048 · 0.05)
        assert dominant_period(wave, 0.05) == pytest.approx(3.1, rel=0.01)
        assert period_range(wave, 0.05) == pytest.approx((3.1, 3.1), rel=0.02)

    def test_of_a_flat_top_is_a_range(self):
        """Noise of equal power per logarithm of frequency from 0.1 to 0.2, and none outside."""
        frequency = np.fft.rfftfreq(2**16, 0.5)
        band = (frequency > 0.1) & (frequency < 0.2)
        power = np.where(band, 1 / np.maximum(frequency, 0.1), 0.0)
        phases = np.exp(2j * np.pi * np.random.default_rng(0).random((12, len(frequency))))
        noise = np.fft.irfft(np.sqrt(power) * phases)[:, :, np.newaxis]
        ranges = period_range(np.concatenate(noise, axis=1), 0.5)
        assert 5.0 <= ranges[0] < ranges[1] <= 10.0
        assert 5.0 <= dominant_period(np.concatenate(noise, axis=1), 0.5) <= 10.0

    def test_of_rossler_is_that_of_its_spiral(self):
        """Mean return time of the section y = 0, x < 0, crossed downwards in angle."""
        data = simulate("rossler", points=40_000, dt=0.05).values[0]
        angle = np.unwrap(np.arctan2(data[:, 1], data[:, 0]))
        turns = (angle[-1] - angle[0]) / (2 * np.pi)
        assert estimate_period(registry["rossler"]) == pytest.approx(2000 / turns, rel=0.02)

    def test_of_a_fixed_point_is_its_characteristic_time(self):
        @flow(ic=(0.0, 0.0), reference="none")
        def still(x, y):
            return -x, -y

        assert estimate_period(still) == pytest.approx(2 * np.pi)


def test_a_transient_system_is_sampled_while_it_lasts():
    """It escapes after some hundred periods; without constants its period is estimated first."""
    made = simulate("hyper_lu", points=500, points_per_period=100)
    assert np.isfinite(made.values).all()
    assert made.values.std(axis=(0, 1)).min() > 0


def test_a_vanishing_exponent_does_not_make_settling_endless():
    made = simulate("torus", points=100, points_per_period=50)
    assert made.start_times[0] < 5000 * constants("torus").period


@pytest.mark.parametrize(
    ("ic", "starts"),
    [
        (pd.Series({"y": 0.2, "x": 0.1}), [[0.1, 0.2]]),
        (pd.DataFrame({"y": [0.2, 0.3], "x": [0.1, 0.4]}), [[0.1, 0.2], [0.4, 0.3]]),
        (pd.DataFrame([[0.1, 0.2], [0.4, 0.3]]), [[0.1, 0.2], [0.4, 0.3]]),
        (pd.Series([0.1, 0.2]), [[0.1, 0.2]]),
    ],
)
def test_initial_states_from_pandas_are_taken_by_the_names_of_the_variables(ic, starts):
    assert simulate("henon", ic=ic, points=2).values[:, 0].tolist() == starts


@pytest.mark.parametrize(
    ("ic", "words"),
    [
        (pd.DataFrame({"y": [0.2], "z": [0.1]}), "ic names the variables y, z; those of 'henon'"),
        (np.ones((2, 50)), "2 finite numbers"),
        (np.ones((50, 3)), "2 finite numbers"),
    ],
)
def test_wrong_initial_states_are_one_short_line(ic, words):
    with pytest.raises(InputError, match=words) as caught:
        simulate("henon", ic=ic, points=2)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["dt", "points_per_period", "max_step", "bound"])
def test_true_is_no_number(name):
    with pytest.raises(InputError, match=f"{name} must be"):
        simulate("lorenz", points=2, **{name: True})
