"""The time in which the distance of neighbours doubles, against maps of known expansion."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chaosbench.forecasters.plrnn._predictability import doubling_time


def expansion(rate: float, points: int) -> np.ndarray:
    """Return an orbit ``(1, points, 1)`` of x ↦ rate x mod 1, which expands by `rate`."""
    x = np.empty(points)
    x[0] = 0.3
    for t in range(points - 1):
        x[t + 1] = rate * x[t] % 1.0
    return x[np.newaxis, :, np.newaxis]


@pytest.mark.parametrize("rate", [1.1, 1.3, 1.7])
def test_a_map_that_stretches_evenly(rate: float) -> None:
    steps = math.log(2) / math.log(rate)
    assert abs(doubling_time(expansion(rate, 6000), most=30) - steps) <= 1


def test_the_reference_systems(reference, henon) -> None:
    """Hénon: ln 2 / 0.419 = 1.65 steps. Lorenz' neighbours part faster than its mean exponent."""
    assert doubling_time(henon[np.newaxis], most=30) == 2
    z = reference.train.values / reference.train.values.std(axis=(0, 1))
    found = doubling_time(z, most=60)
    assert 0.4 * math.log(2) / 0.9056 / 0.02 < found < math.log(2) / 0.9056 / 0.02


def test_noise_makes_no_system_faster(reference) -> None:
    z = reference.train.values / reference.train.values.std(axis=(0, 1))
    noise = np.random.default_rng(0).normal(size=z.shape)
    assert doubling_time(z + 0.05 * noise, most=60) >= doubling_time(z, most=60)


def test_several_trajectories_are_one_library(henon) -> None:
    assert doubling_time(henon.reshape(6, 1000, 2), most=30) == 2


def test_what_does_not_part_or_is_too_short_has_the_longest() -> None:
    cycle = np.stack([np.sin(0.1 * np.arange(2000)), np.cos(0.1 * np.arange(2000))], axis=1)
    assert doubling_time(cycle[np.newaxis], most=16) == 16
    assert doubling_time(expansion(1.7, 300), most=16) == 16
    assert doubling_time(np.zeros((1, 2000, 2)), most=16) == 16
