"""The names others rely on, run as they are written in the design."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import chaosbench as cb


def test_the_public_names_are_pinned():
    assert sorted(cb.__all__) == [
        "Analysis", "ChaosbenchError", "Dataset", "Forecast", "Record", "Records", "System",
        "Trajectories", "analyse", "characterise", "constants", "delay", "evaluate", "field",
        "flow",
        "forecasters", "generate", "grow", "import_recording",
        "leaderboard", "load_recordings", "load_systems", "lyapunov_spectrum", "map", "metrics",
        "read_records", "series", "simulate", "stochastic", "systems", "tasks",
    ]  # fmt: skip
    for name in cb.__all__:
        assert getattr(cb, name) is not None


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, chaosbench\n"
        "heavy = {'numpy', 'numba', 'scipy', 'pandas', 'darts', 'reservoirpy', 'pysindy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "import chaosbench.forecasters\n"
        "heavy -= {'numpy'}\n"
        "list(chaosbench.forecasters)\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lorenz'"):
        cb.lorenz  # noqa: B018


def test_systems_is_a_registry():
    assert cb.systems["lorenz"] is cb.systems["Lorenz"]
    assert "lorenz" in list(cb.systems)
    assert "lorenz" in cb.systems
    assert len(cb.systems) == len(list(cb.systems))
    with pytest.raises(cb.errors.UnknownNameError, match="did you mean"):
        cb.systems["lorentz"]


def test_rhs_and_jacobian_take_one_state_or_many():
    system = cb.systems["lorenz"]
    states = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert system.rhs(0.0, states[0]).shape == (3,)
    assert system.rhs(0.0, states).shape == (2, 3)
    assert system.jacobian(0.0, states[0]).shape == (3, 3)
    assert system.jacobian(0.0, states).shape == (2, 3, 3)
    np.testing.assert_array_equal(system.rhs(0.0, states)[0], system.rhs(0.0, states[0]))


def test_simulate():
    made = cb.simulate("lorenz", points=1000, points_per_period=100, seed=0)
    assert made.time.shape == (1000,)
    assert made.values.shape == (1, 1000, 3)
    assert made.dt == pytest.approx(cb.constants("lorenz").period / 100)
    assert made.variables == ("x", "y", "z")
    assert made.provenance["fingerprint"] == cb.systems["lorenz"].fingerprint


def test_a_users_own_data():
    assert cb.Trajectories(values=np.zeros((50, 2)), dt=0.01).values.shape == (1, 50, 2)
    assert cb.Trajectories(values=np.zeros((3, 50, 2)), dt=0.01).values.shape == (3, 50, 2)


def test_lyapunov_spectrum():
    found = cb.lyapunov_spectrum("lorenz", periods=200)
    assert found.values.shape == found.stderr.shape == (3,)
    assert abs(found.values[0] - 0.9056) < 4 * found.stderr[0]


def test_constants_are_those_of_the_system():
    known = cb.constants("lorenz")
    assert known.fingerprint == cb.systems["lorenz"].fingerprint
    assert known.provenance["versions"]["numba"]


def test_a_forecaster_by_name():
    made = cb.simulate("lorenz", points=3000, points_per_period=40, seed=0)
    train = cb.Trajectories(made.values[:, :2500], made.dt)
    context = made.values[:, 2500:2700]
    forecast = cb.forecasters["esn"](units=50).fit(train, seed=0).predict(context, 20)
    assert forecast.values.shape == (1, 20, 3)
    assert forecast.samples is None
    assert np.abs(forecast.values - made.values[:, 2700:2720]).max() < 5.0


def test_metrics():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((4, 50, 3))
    vpt = cb.metrics.valid_prediction_time(
        truth, truth + 0.1, scale=np.ones(3), dt=0.1, lyapunov_exponent=0.9, threshold=0.4
    )
    np.testing.assert_allclose(vpt, 50 * 0.1 * 0.9)
    series = rng.standard_normal((5000, 3))
    assert cb.metrics.state_space_divergence(series, series, bins=30) == pytest.approx(0, abs=1e-9)
    assert cb.metrics.spectral_hellinger(series, series, smoothing=20) == pytest.approx(0, abs=1e-9)


def test_evaluate_and_leaderboard(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    records = cb.evaluate("esn", "forecast/lorenz-v1", seed=0)
    assert isinstance(records, cb.Records)
    table = cb.leaderboard(records)
    assert "esn" in repr(table)


def test_a_system_of_ones_own():
    @cb.flow(ic=(1.0, 0.0), reference="huygens1673")
    def pendulum(angle, speed, *, g=9.81, length=1.0):
        """A rod that swings."""
        from chaosbench.expressions import sin

        return speed, -g / length * sin(angle)

    made = cb.simulate(pendulum, ic=(0.1, 0.0), points=100, dt=0.01)
    small_angle = 0.1 * np.cos(np.sqrt(9.81) * made.time)
    assert np.abs(made.values[0, :, 0] - small_angle).max() < 1e-3
