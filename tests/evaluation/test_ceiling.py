"""The ceiling of version 2: what it starts from, and that nobody stands above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import generate, observables_of
from chaosbench.evaluation import plan, run, spec_of
from chaosbench.evaluation._crew import ceiling
from chaosbench.evaluation.exam import LABEL, load_exam, perfect_forecast
from chaosbench.tasks import registry, select

CHEAP = ("sindy", "nvar", "edmd:degree=5", "local_linear", "parroting")


def _exam(name, folder, **changes):
    task = registry[name]
    task = replace(task, dataset=replace(task.dataset, train_points=50, windows=2, **changes))
    return task, load_exam(generate(task.dataset, folder), task)


def _errors(task, exam):
    spread = exam.spread[list(exam.observed)]
    return np.abs(ceiling(task, exam).values - exam.truth).max(axis=2) / spread.min()


@pytest.mark.parametrize("name", ["lorenz", "henon", "driven_pendulum"])
def test_it_starts_from_the_doubles_that_forecasters_get(name, tmp_path):
    task, exam = _exam(f"forecast/{name}-v2", tmp_path / "data", horizon_lyapunov=5.0)
    assert exam.seen is exam.context
    assert _errors(task, exam)[:, 0].max() < 1e-13
    # another last bit of the context's last sample is another forecast
    moved = exam.context.copy()
    moved[:, -1] = np.nextafter(moved[:, -1], np.inf)
    again = ceiling(task, replace(exam, context=moved, seen=moved)).values
    assert (again != ceiling(task, exam).values).any()


def test_single_precision_is_left_to_version_1(tmp_path):
    task, exam = _exam("forecast/lorenz-v1", tmp_path / "data", horizon_lyapunov=1.0)
    assert exam.seen is None
    assert exam.observables is None
    assert 1e-9 < _errors(task, exam)[:, 0].max() < 1e-5


@pytest.mark.parametrize(
    ("name", "limit"),
    [("lorenz", 1e-13), pytest.param("mackey_glass", 1e-5, marks=pytest.mark.slow)],
)
def test_gaps_cost_a_flow_nothing_and_a_delay_system_little(name, limit, tmp_path):
    task, exam = _exam(f"gaps/{name}-v2", tmp_path / "data", horizon_lyapunov=1.0)
    assert np.isnan(exam.seen).any()
    assert _errors(task, exam)[:, 0].max() < limit


def test_it_fits_noisy_cosines_and_sines(tmp_path):
    task, exam = _exam("noisy-5/driven_pendulum-v2", tmp_path / "data", horizon_lyapunov=1.0)
    assert exam.context.shape[2] == 3
    assert np.isfinite(ceiling(task, exam).values).all()
    noise = np.abs(exam.context[:, -1] - exam.clean_context[:, -1]).max(axis=1)
    assert (_errors(task, exam)[:, 0] < noise / exam.spread.min()).all()


def test_a_forecast_of_a_winding_angle_does_not_depend_on_its_turns():
    system = cb.systems["driven_pendulum"]
    observables = observables_of(system)
    states = np.array([[[0.3, 1.2]], [[0.3 + 2 * np.pi, 1.2]]])
    made = perfect_forecast(
        system, observables.of(states), np.array([2.0, 2.0]), 0.1, 20, observables=observables
    )
    assert np.allclose(made[0], made[1], atol=1e-9)


@pytest.mark.slow
def test_no_cheap_forecaster_of_lite_stands_above_the_ceiling(tmp_path):
    """In more windows it must be behind than ahead, on every task; equal where both outlive it."""
    for task in select("lite"):
        cells = plan([task], [spec_of(name) for name in CHEAP])
        records = {r.forecaster: r for r in run(cells, directory=tmp_path / task.system)}
        best = np.array(records[LABEL].window_scores["vpt@0.4"])
        for name, record in records.items():
            found = np.array(record.window_scores.get("vpt@0.4", np.zeros(len(best))))
            ahead, behind = (found > best).sum(), (found < best).sum()
            assert ahead <= behind, (task.id, name, found, best)
