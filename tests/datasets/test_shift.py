"""A parameter that drifts: what changes in the data, what does not, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import Dataset
from chaosbench.datasets._truth import make_split
from chaosbench.errors import ParameterError

LORENZ = {"systems": ("lorenz",), "train_points": 50, "windows": 2, "context": 40}
SHIFT = (("rho", 32.0),)


def splits(dataset, name="lorenz"):
    pace = dataset.pace(name)
    return {s: make_split(dataset, name, s, pace) for s in ("train", "test")}


def test_training_stays_and_tests_change():
    base, shifted = Dataset(**LORENZ), Dataset(**LORENZ, shift=SHIFT)
    assert base.hash != shifted.hash
    assert base.pace("lorenz") == shifted.pace("lorenz")
    a, b = splits(base), splits(shifted)
    np.testing.assert_array_equal(a["train"].values, b["train"].values)
    assert np.abs(a["test"].values - b["test"].values).max() > 1.0


@pytest.mark.parametrize(("switch", "old"), [(0.0, 0), (0.5, 20), (1.0, 40)])
def test_a_window_follows_the_old_equation_and_then_the_new_one(switch, old):
    made = splits(Dataset(**LORENZ, shift=SHIFT, switch=switch))["test"]
    window, step = made.values[0], made.dt
    for t in (*range(old - 3, old + 4), old + 30):
        if t < 0:
            continue
        # the sample after the last old one is the first that the new equation makes
        system = cb.systems["lorenz"] if t + 1 < old else cb.systems["lorenz"].with_params(rho=32.0)
        expected = cb.simulate(system, ic=window[t], points=2, dt=step, rtol=1e-12).values[0, 1]
        np.testing.assert_allclose(window[t + 1], expected, atol=1e-9)


def test_a_delay_system_carries_its_past_through_the_switch():
    dataset = Dataset(
        systems=("mackey_glass",), train_points=10, windows=1, context=200, shift=(("beta", 0.22),),
        switch=0.5, horizon_at_most=50,
    )  # fmt: skip
    made = splits(dataset, "mackey_glass")["test"]
    x, dt = made.values[0, :, 0], made.dt
    # dx/dt = β x_τ / (1 + x_τ¹⁰) - 0.1 x, with slope and past from a spline through the samples
    from scipy.interpolate import CubicSpline

    times = dt * np.arange(len(x))
    spline = CubicSpline(times, x)
    past = spline(times - 17.0)
    share = past / (1 + past**10)
    slope = spline(times, 1) + 0.1 * x
    for begin, end, beta in ((60, 97, 0.2), (125, 240, 0.22)):
        t = begin + int(np.argmax(share[begin:end]))  # where the other β would show best
        assert 0.02 * share[t] > 5e-3
        assert slope[t] == pytest.approx(beta * share[t], abs=1e-3)


def test_the_time_of_a_driven_system_goes_on_through_the_switch():
    dataset = Dataset(
        systems=("duffing",), train_points=10, windows=2, context=30, shift=(("gamma", 0.4),),
        switch=0.5,
    )  # fmt: skip
    made = splits(dataset, "duffing")["test"]
    base = splits(Dataset(systems=("duffing",), train_points=10, windows=2, context=30), "duffing")
    np.testing.assert_allclose(made.start_times, base["test"].start_times, rtol=1e-12)
    # until the switch nothing differs but the step sizes
    np.testing.assert_allclose(made.values[:, :15], base["test"].values[:, :15], atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shift": (("rh", 32.0),)}, "no parameter 'rh'"),
        ({"shift": (("rho", float("nan")),)}, "finite"),
        ({"switch": 0.5}, "give shift too"),
        ({"switch": 1.5, "shift": SHIFT}, "switch must lie between 0 and 1"),
        ({"shift": SHIFT, "systems": ("lorenz", "rossler")}, "of one system"),
        ({"observe_every": -1}, "observe_every must be an integer"),
        (
            {"systems": ("mackey_glass",), "shift": (("tau", 20.0),), "switch": 0.5},
            "cannot switch inside a context",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes, words):
    with pytest.raises(ParameterError, match=words):
        Dataset(**{"systems": ("lorenz",), **changes})
