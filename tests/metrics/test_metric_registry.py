"""Every registered metric keeps the promises that its metadata makes."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import chaosbench.metrics as metrics
from chaosbench.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from chaosbench.metrics import Metric

NAMES = sorted(metrics.registry)
N, H, D = 3, 12, 2
TRUTH = np.random.default_rng(1).normal(size=(N, H, D))
EXTRA = {
    "valid_prediction_steps": {"scale": np.ones(D)},
    "valid_prediction_time": {"scale": np.ones(D), "dt": 0.1, "lyapunov_exponent": 0.9},
    "valid_prediction_time_smape": {"dt": 0.1, "lyapunov_exponent": 0.9},
    "nrmse": {"scale": np.ones(D)},
    "mase": {"context": np.random.default_rng(2).normal(size=(N, 9, D))},
}


def score(name: str, truth: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Call any metric on windows; those of single series see the first window."""
    if name in ("state_space_divergence", "spectral_hellinger"):
        truth, forecast = truth[0], forecast[0]
    return np.asarray(metrics[name](truth, forecast, **EXTRA.get(name, {})))


def test_the_module_is_both_functions_and_registry() -> None:
    assert NAMES == [
        "mae", "mase", "mse", "nrmse", "rmse", "smape", "spectral_hellinger",
        "state_space_divergence", "valid_prediction_steps", "valid_prediction_time",
        "valid_prediction_time_smape",
    ]  # fmt: skip
    for name in NAMES:
        assert metrics[name].function is getattr(metrics, name)
        assert inspect.isfunction(getattr(metrics, name))
    assert metrics["vpt"] is metrics["valid_prediction_time"]
    assert metrics["d_stsp"].name == "state_space_divergence"
    assert metrics["d_h"].name == "spectral_hellinger"
    assert list(metrics) == NAMES
    assert "vpt" in metrics


def test_the_public_surface_is_pinned() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert set(metrics.__all__) == {*NAMES, "Metric", "prefix_mean", "registry"}


def test_an_unknown_metric_is_an_error_that_suggests() -> None:
    with pytest.raises(UnknownNameError, match="valid_prediction_time"):
        metrics["valid_predicton_time"]


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_states_axes_range_and_source(name: str) -> None:
    text = inspect.getdoc(metrics[name].function) or ""
    assert re.search(r"``\((n, H|T), d\)``", text)
    assert "Returns:" in text
    assert f"{metrics[name].direction} is better" in " ".join(text.split())
    assert "worst" in text
    assert metrics[name].source in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_forecast_without_a_finite_number_gets_the_worst_value(name: str, bad: float) -> None:
    assert (score(name, TRUTH, np.full_like(TRUTH, bad)) == metrics[name].worst).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_forecast_gets_the_best_value(name: str) -> None:
    value = score(name, TRUTH, TRUTH.copy())
    if metrics[name].direction == "lower":
        assert (value == metrics[name].range[0]).all()
    else:
        best = {"valid_prediction_steps": H}.get(name, H * 0.1 * 0.9)
        np.testing.assert_allclose(value, best)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e-300, 1e-3, 1.0, 1e150, 1.7e308])
def test_values_of_any_size_stay_in_the_range_and_are_never_nan(name: str, size: float) -> None:
    forecast = size * np.random.default_rng(3).uniform(-1, 1, TRUTH.shape)
    value = score(name, TRUTH, forecast)
    low, high = metrics[name].range
    assert ((low <= value) & (value <= high)).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_window_one_step_one_variable(name: str) -> None:
    extra = {
        key: np.ones((1, 2, 1)).cumsum(axis=1) if key == "context" else value
        for key, value in EXTRA.get(name, {}).items()
    }
    if "scale" in extra:
        extra["scale"] = [1.0]
    single = name in ("state_space_divergence", "spectral_hellinger")
    truth = np.full((1, 1) if single else (1, 1, 1), 2.0)
    value = np.asarray(metrics[name](truth, truth.copy(), **extra))
    assert value.size == 1
    worst = np.asarray(metrics[name](truth, np.full_like(truth, np.nan), **extra))
    assert (worst == metrics[name].worst).all()
    if metrics[name].direction == "lower":
        assert (value == 0).all()
    else:
        assert (value > 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("truth", "forecast"),
    [
        (np.full((N, H, D), np.nan), TRUTH),
        (TRUTH[:, :, :1], TRUTH),
        (np.zeros((N, 0, D)), np.zeros((N, 0, D))),
        (TRUTH.astype(complex), TRUTH),
        (TRUTH, TRUTH.astype(str)),
    ],
    ids=["nan truth", "variables differ", "no steps", "complex", "text"],
)
def test_wrong_input_is_one_sentence(name: str, truth: np.ndarray, forecast: np.ndarray) -> None:
    with pytest.raises(InputError) as caught:
        score(name, truth, forecast)
    assert 10 < len(str(caught.value)) < 160
    assert "\n" not in str(caught.value)


def test_metadata_prints_values() -> None:
    vpt: Metric = metrics["vpt"]
    assert (vpt.arrow, metrics["d_h"].arrow) == ("↑", "↓")
    assert vpt.format(3.14159) == "3.14"
    assert vpt.format(float("nan")) == "–"
    assert (vpt.format(np.inf), vpt.format(-np.inf)) == ("∞", "−∞")
    assert metrics["mae"](TRUTH, TRUTH + 1).tolist() == pytest.approx([1.0] * N)


def test_importing_metrics_loads_no_heavy_library() -> None:
    code = (
        "import sys, chaosbench.metrics; "
        "print([m for m in ('scipy', 'numba', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
