"""Every registered metric agrees with its metadata."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pytest

import chaosbench.metrics as metrics
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.metrics import survival

if TYPE_CHECKING:
    from chaosbench.metrics import Metric

NAMES = sorted(metrics.registry)
N, H, D = 3, 12, 2
ROWS = 150  # of a series: a correlation dimension needs a hundred
EXTRA = {
    "valid_prediction_steps": {"scale": np.ones(D)},
    "valid_prediction_time": {"scale": np.ones(D), "dt": 0.1, "lyapunov_exponent": 0.9},
    "valid_prediction_time_smape": {"dt": 0.1, "lyapunov_exponent": 0.9},
    "probabilistic_valid_prediction_time": {
        "scale": np.ones(D),
        "dt": 0.1,
        "lyapunov_exponent": 0.9,
    },
    "nrmse": {"scale": np.ones(D)},
    "cumulative_maximum_error": {"scale": np.ones(D)},
    "crps": {"scale": np.ones(D)},
    "energy_score": {"scale": np.ones(D)},
    "spread_skill_error": {"scale": np.ones(D)},
    "mase": {"context": np.random.default_rng(2).normal(size=(N, 9, D))},
    "prediction_error": {"k": 1},
    "invariant_z_score": {"stderr": 0.1},
}
ENSEMBLES = {
    "coverage_error", "crps", "energy_score", "probabilistic_valid_prediction_time",
    "spread_skill_error",
}  # fmt: skip
SERIES = {
    "correlation_dimension_error", "derivative_smape", "maximum_mean_discrepancy", "mean_error",
    "spread_error", "sliced_wasserstein", "spectral_hellinger", "state_space_divergence",
}  # fmt: skip
EQUATIONS = {"coefficient_error", "structure_f1"}
NUMBERS = {"invariant_error", "invariant_z_score"}
FORECASTS = sorted(set(NAMES) - EQUATIONS - NUMBERS)
# Scores of a perfect forecast that are not the end of the range: a certain forecast covers
# everything, not 90%; an unbiased estimate of 0 may be negative; the information in a finite window
# is limited to ψ(12) - ψ(3).
PERFECT = {
    "coverage_error": (0.1, 0.1),
    "maximum_mean_discrepancy": (-1.0, 0.0),
    "mutual_information": (sum(1 / k for k in range(3, 12)),) * 2,
    "valid_prediction_steps": (H, H),
    **dict.fromkeys((n for n in NAMES if "prediction_time" in n), (H * 0.1 * 0.9,) * 2),
}


def exact(name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return a truth in the shape that a metric takes."""
    if shape is None:
        shape = (ROWS, D) if name in SERIES else (N, H, D)
        shape = {True: (7, D)}.get(name in EQUATIONS, shape)
        shape = {True: (5,)}.get(name in NUMBERS, shape)
    return np.random.default_rng(1).normal(size=shape)


def score(name: str, truth: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Call any metric; a metric of ensembles gets the forecast twice, as two members."""
    if name in ENSEMBLES:
        forecast = np.stack([forecast, forecast])
    return np.asarray(metrics[name](truth, forecast, **EXTRA.get(name, {})))


def test_the_module_is_both_functions_and_registry() -> None:
    assert NAMES == [
        "coefficient_error", "coefficient_of_variation", "correlation_dimension_error",
        "coverage_error", "crps", "ctf_long_time_histogram", "ctf_long_time_spectrum",
        "ctf_short_time", "cumulative_maximum_error", "derivative_smape", "energy_score",
        "invariant_error", "invariant_z_score", "kendall", "mae", "mape", "marre", "mase",
        "maximum_mean_discrepancy", "mean_error", "mixture_divergence", "mse",
        "mutual_information", "nrmse",
        "pearson", "prediction_error", "probabilistic_valid_prediction_time", "r2", "rmse",
        "rmsle", "sliced_wasserstein", "smape", "spearman", "spectral_hellinger",
        "spread_error", "spread_skill_error", "state_space_divergence", "structure_f1",
        "valid_prediction_steps",
        "valid_prediction_time", "valid_prediction_time_smape", "wape", "window_nrmse",
        "window_smape",
    ]  # fmt: skip
    for name in NAMES:
        assert metrics[name].function is getattr(metrics, name)
        assert inspect.isfunction(getattr(metrics, name))
    assert metrics["vpt"] is metrics["valid_prediction_time"]
    assert metrics["d_stsp"].name == "state_space_divergence"
    assert metrics["d_h"].name == "spectral_hellinger"
    assert metrics["cv"].name == "coefficient_of_variation"
    assert list(metrics) == NAMES
    assert "vpt" in metrics


def test_the_public_surface_is_pinned() -> None:
    assert metrics.__all__ == sorted(metrics.__all__)
    assert set(metrics.__all__) == {
        *NAMES, "CorrelationDimension", "Metric", "correlation_dimension", "interval_coverage",
        "prefix_mean", "registry", "spread_skill_ratio", "structure_precision_recall",
    }  # fmt: skip


def test_an_unknown_metric_is_an_error_that_suggests() -> None:
    with pytest.raises(UnknownNameError, match="valid_prediction_time"):
        metrics["valid_predicton_time"]


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_states_axes_range_and_source(name: str) -> None:
    text = inspect.getdoc(metrics[name].function) or ""
    axes = r"``\(terms, d\)``" if name in EQUATIONS else r"``\((n, H|T), d\)``"
    assert re.search(r"``\(\)``" if name in NUMBERS else axes, text)
    assert (r"``(m, n, H, d)``" in text) == (name in ENSEMBLES)
    assert "Returns:" in text
    assert "Raises:" in text
    assert f"{metrics[name].direction} is better" in " ".join(text.split())
    assert "worst" in text
    assert metrics[name].source in text.partition("References:")[2]


def test_every_key_cited_is_in_the_bibliography() -> None:
    entries = (resources.files("chaosbench.metrics") / "references.bib").read_text("utf-8")
    known = re.findall(r"^@\w+\{(\w+),", entries, re.MULTILINE)
    cited: set[str] = {metrics[name].source for name in NAMES}
    public = [getattr(metrics, name) for name in metrics.__all__]
    for thing in (*public, *(getattr(survival, name) for name in survival.__all__)):
        text = inspect.getdoc(thing) or ""
        cited |= set(re.findall(r"\b[a-z]+(?:19|20)\d\d\b", text))
    assert known == sorted(known)
    assert cited == set(known)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_forecast_without_a_finite_number_gets_the_worst_value(name: str, bad: float) -> None:
    truth = exact(name)
    assert (score(name, truth, np.full_like(truth, bad)) == metrics[name].worst).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_number_that_is_not_finite_never_helps(name: str, bad: float) -> None:
    truth = exact(name)
    forecast = truth + 0.5 * np.random.default_rng(5).normal(size=truth.shape)
    broken = forecast.copy()
    broken[(0,) * truth.ndim] = bad
    whole, part = score(name, truth, forecast), score(name, truth, broken)
    assert not np.isnan(part).any()
    # Losing coverage may by chance bring the value closer to 90%.
    if name != "coverage_error":
        better = part < whole if metrics[name].direction == "lower" else part > whole
        assert not better.any()
    if part.ndim and part.shape[0] > 1:  # other windows do not see it
        np.testing.assert_allclose(part[1:], whole[1:], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_forecast_gets_the_best_value(name: str) -> None:
    truth = exact(name)
    value = score(name, truth, truth.copy())
    low, high = metrics[name].range
    best = low if metrics[name].direction == "lower" else high
    floor, ceiling = PERFECT.get(name, (best, best))
    assert (value >= floor - 1e-12).all()
    assert (value <= ceiling + 1e-12).all()


# added noise leaves the dimension of noise as it is
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"correlation_dimension_error"}))
def test_noise_is_worse_than_little_noise(name: str) -> None:
    truth = exact(name, (400, D) if name in SERIES else None)
    if name in EQUATIONS:
        truth[:3] = 0.0
    noise = np.random.default_rng(8).normal(size=truth.shape)
    value, far = (np.median(score(name, truth, truth + size * noise)) for size in (0.1, 3.0))
    if name == "structure_f1":
        far = score(name, truth, np.where(truth == 0, 1.0, 0.0))
        value = score(name, truth, truth)
    if name in ("coverage_error", "spread_skill_error"):
        assert value == far  # two equal members have no spread, however near they are
    else:
        assert value < far if metrics[name].direction == "lower" else value > far


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e-300, 1e-3, 1.0, 1e150, 1.7e308])
def test_values_of_any_size_stay_in_the_range_and_are_never_nan(name: str, size: float) -> None:
    truth = exact(name)
    forecast = size * np.random.default_rng(3).uniform(-1, 1, truth.shape)
    value = score(name, truth, forecast)
    low, high = metrics[name].range
    assert ((low <= value) & (value <= high)).all()


@pytest.mark.parametrize("name", sorted(set(FORECASTS) - {"correlation_dimension_error"}))
def test_one_window_one_step_one_variable(name: str) -> None:
    extra = {
        key: np.ones((1, 2, 1)).cumsum(axis=1) if key == "context" else value
        for key, value in EXTRA.get(name, {}).items()
    }
    if "scale" in extra:
        extra["scale"] = [1.0]
    truth = np.full((1, 1) if name in SERIES else (1, 1, 1), 2.0)
    value = np.asarray(metrics[name](truth, truth.copy(), **extra))
    assert value.size == 1
    worst = np.asarray(metrics[name](truth, np.full_like(truth, np.nan), **extra))
    assert (worst == metrics[name].worst).all()
    if name in ("coverage_error", "mutual_information"):
        # certain and right; one step of one value shares no information
        assert value == pytest.approx(0.1 if name == "coverage_error" else 0.0)
    elif metrics[name].direction == "lower":
        assert (value == 0).all()
    else:
        assert (value > 0).all()


@pytest.mark.parametrize("name", FORECASTS)
def test_a_truth_that_never_varies_is_matched_or_missed(name: str) -> None:
    truth = np.full_like(exact(name), 0.1)  # not a binary fraction: means of it round
    matched, missed = (score(name, truth, truth + shift) for shift in (1e-16, 0.7))
    moving = score(name, truth, truth + exact(name))
    low, high = metrics[name].range
    for value in (matched, missed, moving):
        assert ((low <= value) & (value <= high)).all()
    blind = {"spectral_hellinger", "pearson", "spearman", "kendall", "mutual_information",
             "spread_skill_error", "correlation_dimension_error"}  # fmt: skip
    better = np.less if metrics[name].direction == "lower" else np.greater
    if name in blind:  # they see neither level nor, in two equal members, any spread
        assert not better(moving, matched).any()
    else:
        assert better(matched, missed).all()


@pytest.mark.parametrize("name", FORECASTS)
@pytest.mark.parametrize("case", ["nan truth", "variables differ", "no steps", "complex", "text"])
def test_wrong_input_is_one_sentence(name: str, case: str) -> None:
    good = exact(name)
    truth, forecast = {
        "nan truth": (np.full_like(good, np.nan), good),
        "variables differ": (good[..., :1], good),
        "no steps": (good[..., :0, :], good[..., :0, :]),
        "complex": (good.astype(complex), good),
        "text": (good, good.astype(str)),
    }[case]
    with pytest.raises(InputError) as caught:
        score(name, truth, forecast)
    assert 10 < len(str(caught.value)) < 160
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(EQUATIONS | NUMBERS))
@pytest.mark.parametrize("case", ["nan truth", "shapes differ", "complex", "text"])
def test_wrong_numbers_are_one_sentence(name: str, case: str) -> None:
    good = exact(name)
    truth, found = {
        "nan truth": (np.full_like(good, np.nan), good),
        "shapes differ": (good[:2], good),
        "complex": (good.astype(complex), good),
        "text": (good, good.astype(str)),
    }[case]
    with pytest.raises(InputError) as caught:
        score(name, truth, found)
    assert 10 < len(str(caught.value)) < 160
    assert "\n" not in str(caught.value)


WINDOWED = sorted(set(FORECASTS) - SERIES | {"spectral_hellinger", "state_space_divergence"})


@pytest.mark.parametrize("name", WINDOWED)
def test_windows_are_scored_each_for_itself(name: str) -> None:
    truth = exact(name, (N, H, D))
    truth[1] *= 100.0
    truth[2, :, 0] = 5.0
    forecast = truth + np.random.default_rng(4).normal(size=truth.shape)
    forecast[2, 5] = np.nan
    together = score(name, truth, forecast)
    extra = dict(EXTRA.get(name, {}))
    for i in range(N):
        if "context" in extra:
            extra["context"] = EXTRA[name]["context"][i : i + 1]
        alone = metrics[name](
            truth[i : i + 1],
            np.stack([forecast[i : i + 1]] * 2) if name in ENSEMBLES else forecast[i : i + 1],
            **extra,
        )
        np.testing.assert_allclose(alone, together[i : i + 1], rtol=1e-12, atol=1e-12)


def test_metadata_prints_values() -> None:
    vpt: Metric = metrics["vpt"]
    assert (vpt.arrow, metrics["d_h"].arrow) == ("↑", "↓")
    assert vpt.format(3.14159) == "3.14"
    assert vpt.format(99_999.0) == "99999.00"
    assert vpt.format(261_945.343) == "2.6e+05"
    assert vpt.format(float("nan")) == "–"
    assert (vpt.format(np.inf), vpt.format(-np.inf)) == ("∞", "−∞")
    assert metrics["mae"](exact("mae"), exact("mae") + 1).tolist() == pytest.approx([1.0] * N)


def test_importing_metrics_loads_no_heavy_library() -> None:
    code = (
        "import sys, chaosbench.metrics; "
        "print([m for m in ('scipy', 'numba', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
