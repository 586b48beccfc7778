"""Histories of delay systems against solutions in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import lambertw

import chaosbench as cb
from chaosbench.errors import ChaosbenchError
from chaosbench.trajectories import Trajectories

TAU, B = 1.0, -1.2
ROOT = lambertw(B * TAU) / TAU  # exp(ROOT t) solves x' = B x(t - TAU), before 0 and after it


@cb.delay(ic=(1.0,), reference="Corless et al. (1996)")
def echo(x, x_tau, *, b=B, tau=TAU):
    return b * x_tau


def exact(times):
    return np.exp(np.real(ROOT) * times) * np.cos(np.imag(ROOT) * times)


def of(values, dt):
    return Trajectories(values, dt, variables=("x",))


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12])
def test_a_history_that_solves_the_equation_is_continued(unit):
    made = cb.simulate(echo, history=lambda t: unit * exact(t), points=40, dt=0.25, certify=True)
    times = 0.25 * np.arange(40)
    assert np.abs(made.values[0, :, 0] / unit - exact(times)).max() < 1e-8
    assert made.certified_until >= times[-1]


def test_a_history_may_be_zero_where_it_ends():
    made = cb.simulate(echo, history=lambda t: t**2, points=5, dt=0.25)
    times = 0.25 * np.arange(5)
    assert np.allclose(made.values[0, :, 0], B * ((times - TAU) ** 3 + TAU**3) / 3, atol=1e-10)


def test_trajectories_are_histories_that_end_in_the_present():
    times = 0.02 * np.arange(-60, 1)
    seen = of(np.stack([exact(times), 2.0 * exact(times)])[:, :, np.newaxis], 0.02)
    made = cb.simulate(echo, history=seen, points=20, dt=0.25)
    after = exact(0.25 * np.arange(20))
    assert made.values.shape == (2, 20, 1)
    assert np.abs(made.values[:, :, 0] - np.outer([1.0, 2.0], after)).max() < 1e-8


def test_a_recorded_trajectory_goes_on():
    whole = cb.simulate("mackey_glass", points=200, dt=0.5)
    seen = of(whole.values[:, :101], 0.5)
    made = cb.simulate("mackey_glass", history=seen, points=100, dt=0.5)
    assert np.abs(made.values[0] - whole.values[0, 100:]).max() < 1e-4


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        ("lorenz", {"history": np.cos}, "'lorenz' has no delays"),
        (echo, {"history": np.cos, "ic": [1.0]}, "ic or history, not both"),
        (echo, {"history": [1.0, 2.0]}, "a function of time or Trajectories"),
        (echo, {"history": lambda t: abs(t + 0.3)}, "a jump, a kink"),
        (echo, {"history": lambda t: np.nan}, "finite"),
        (echo, {"history": lambda t: 1 / 0}, "at time -.* ZeroDivisionError: division by zero"),
        (echo, {"history": lambda t: [1.0, 2.0]}, "echo"),
        (echo, {"history": of(np.ones((1, 20, 1)), 0.01)}, "needs its longest delay, 1"),
        (echo, {"history": of(np.ones((1, 3, 1)), 1.0)}, "6 samples"),
        (echo, {"history": of(np.full((1, 20, 1), np.nan), 1.0)}, "missing"),
    ],
)
def test_what_cannot_be_a_history_is_one_sentence(system, options, message):
    with pytest.raises(ChaosbenchError, match=message) as caught:
        cb.simulate(system, points=3, dt=0.1, **options)
    assert "\n" not in str(caught.value)
