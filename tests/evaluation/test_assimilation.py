"""The ceiling of noisy contexts: the true model, fitted to what was seen."""

from __future__ import annotations

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.evaluation.exam._assimilation import assimilate
from chaosbench.evaluation.exam._ceiling import perfect_forecast, reconstruct_pasts

LEVEL = 0.05


def noisy(name, n=8, points=400, per_period=30):
    system = cb.systems[name]
    made = cb.simulate(system, points=points + 1, points_per_period=per_period, n=n, seed=3)
    noise = LEVEL * np.array(cb.constants(name).std)
    generator = np.random.default_rng(0)
    seen = made.values[:, :points] + noise * generator.standard_normal(
        (n, points, system.dimension)
    )
    return system, made, seen, noise


@pytest.mark.parametrize("name", ["lorenz", "duffing", "henon", "chua"])
def test_assimilation_beats_the_last_sample(name):
    system, made, seen, noise = noisy(name)
    last = seen.shape[1] - 1
    errors, raw = [], []
    for k in range(len(seen)):
        end = made.start_times[k] + last * made.dt
        state = assimilate(
            system, seen[k], end=end, dt=made.dt, noise=noise,
            lyapunov_exponent=cb.constants(name).largest_lyapunov_exponent,
        )  # fmt: skip
        errors.append((state - made.values[k, last]) / noise)
        raw.append((seen[k, last] - made.values[k, last]) / noise)
    # Hénon has two samples a Lyapunov time, a flow thirty: less to average over
    assert np.sqrt(np.mean(np.square(raw))) > 0.7
    assert np.sqrt(np.mean(np.square(errors))) < (0.75 if name == "henon" else 0.5)


def test_without_noise_the_fit_is_exact():
    system = cb.systems["lorenz"]
    made = cb.simulate(system, points=200, points_per_period=30, seed=1, rtol=1e-12)
    state = assimilate(
        system, made.values[0], end=made.start_times[0] + 199 * made.dt, dt=made.dt,
        noise=np.full(3, 1e-6), lyapunov_exponent=0.9,
    )  # fmt: skip
    assert np.abs(state - made.values[0, -1]).max() < 1e-5


def test_a_noisy_ceiling_is_below_the_clean_one_and_above_the_naive_one():
    system, made, seen, noise = noisy("lorenz", points=700)
    end = made.start_times + 399 * made.dt
    future = made.values[:, 400:700]
    scale, exponent = np.array(cb.constants("lorenz").std), 0.906

    def reach(context, **options):
        forecast = perfect_forecast(system, context, end, made.dt, 300, **options)
        return np.median(
            cb.metrics.valid_prediction_time(
                future, forecast, scale=scale, dt=made.dt, lyapunov_exponent=exponent
            )
        )

    naive = reach(seen[:, :400])
    fitted = reach(seen[:, :400], noise=noise)
    clean = reach(made.values[:, :400])
    assert naive + 0.5 < fitted < clean


@pytest.mark.slow
def test_the_past_of_a_delay_system_is_recovered_from_samples():
    """Between the samples, where a spline alone is off by a hundred times as much."""
    from scipy.interpolate import CubicSpline

    system = cb.systems["mackey_glass"]
    fine = cb.simulate(system, points=8 * 400 + 1, dt=0.2, seed=2, rtol=1e-12)
    coarse = fine.values[:, ::8]
    end = fine.start_times + 8 * 400 * 0.2
    (past,), _ = reconstruct_pasts(system, coarse, end, 1.6)
    starts, widths, pieces = past
    middle = starts + 0.5 * widths
    found = pieces[:, 0, 0] + 0.5 * (
        pieces[:, 1, 0] + 0.5 * (pieces[:, 2, 0] + 0.5 * pieces[:, 3, 0])
    )
    times = fine.start_times[0] + fine.time
    true = CubicSpline(times, fine.values[0, :, 0])(middle)
    naive = CubicSpline(times[::8], coarse[0, :, 0])(middle)
    assert np.abs(found - true).max() < 0.05 * np.abs(naive - true).max()
