"""Every registered forecaster passes the public suite and handles the same edge cases."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
from quick import DEPEND_ON_ORIGIN, IGNORE_CONTEXT, quick

import chaosbench.forecasters as forecasters
from chaosbench.errors import DivergedError, InvalidForecastError
from chaosbench.forecasters import Predictor
from chaosbench.testing import check_forecaster, forecaster_checks
from chaosbench.trajectories import Trajectories

BUILT_IN = sorted(forecasters.registry)


@functools.cache
def fitted(name: str) -> Predictor:
    """Fit quickly to the first 400 steps of the signal; all tests share it."""
    return quick(name).fit(Trajectories(signal()[:400], dt=0.1), seed=0)


def signal() -> np.ndarray:
    """Return a quasi-periodic signal in two variables, ``(T, 2)``."""
    t = np.arange(700)
    return np.stack([np.sin(0.13 * t) + np.sin(0.31 * t), np.cos(0.13 * t)], axis=1)


@pytest.mark.parametrize("check", forecaster_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", BUILT_IN)
def test_conformance(name: str, check) -> None:
    check(quick(name))


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    return signal()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", BUILT_IN)
def test_non_finite_training_diverges(name: str, value: float, series: np.ndarray) -> None:
    broken = series.copy()
    broken[50, 1] = value
    with pytest.raises(DivergedError, match="1 of 1400 training values are not finite"):
        quick(name).fit(Trajectories(broken, dt=0.1), seed=0)


@pytest.mark.parametrize("name", BUILT_IN)
def test_non_finite_context_spoils_only_its_own_window(name: str, series: np.ndarray) -> None:
    predictor = fitted(name)
    context = np.stack([series[400:500], series[450:550], series[500:600]])
    clean = predictor.predict(context, 5).values
    context[1, -1, 0] = np.nan
    broken = predictor.predict(context, 5).values
    if name in IGNORE_CONTEXT:
        assert np.array_equal(broken, clean)
    else:
        assert np.isnan(broken[1]).all()
        np.testing.assert_allclose(broken[[0, 2]], clean[[0, 2]], rtol=1e-9)


@pytest.mark.parametrize(
    ("shape", "horizon", "sentence"),
    [
        ((3, 100, 1), 5, "trained on 2 variables"),
        ((100, 2), 5, "trained on 2 variables"),
        ((3, 0, 2), 5, "at least"),
        ((3, 100, 2), 0, "horizon must be a positive integer"),
    ],
)
@pytest.mark.parametrize("name", BUILT_IN)
def test_impossible_requests_are_refused(
    name: str, shape: tuple[int, ...], horizon: int, sentence: str
) -> None:
    predictor = fitted(name)
    with pytest.raises(InvalidForecastError, match=sentence):
        predictor.predict(np.zeros(shape), horizon)


@pytest.mark.parametrize("name", BUILT_IN)
def test_other_units_give_the_same_forecast(name: str, series: np.ndarray) -> None:
    # Powers of two leave every standardised number the same to the last bit.
    units = np.array([1024.0, 0.125])
    plain = fitted(name)
    scaled = quick(name).fit(Trajectories(units * series[:400], dt=0.1), seed=0)
    context = np.stack([series[400:500], series[500:600]])
    expected = units * plain.predict(context, 20).values
    np.testing.assert_array_equal(scaled.predict(units * context, 20).values, expected)


# A shift rounds the data. A forest then decides near ties differently. For SINDy, which looks for a
# sparse polynomial in the original variables, shifted data are another problem.
@pytest.mark.parametrize("name", sorted({*BUILT_IN} - DEPEND_ON_ORIGIN))
def test_another_origin_gives_the_same_forecast(name: str, series: np.ndarray) -> None:
    origin = np.array([512.0, -2.0])
    plain = fitted(name)
    shifted = quick(name).fit(Trajectories(series[:400] + origin, dt=0.1), seed=0)
    context = np.stack([series[400:500], series[500:600]])
    expected = plain.predict(context, 3).values
    values = shifted.predict(context + origin, 3).values - origin
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_exploding_rollout_is_nan_and_silent(name: str) -> None:
    # Growth by 8% per step: any model that learns it leaves every bound within the horizon.
    growth = np.exp(0.08 * np.arange(400))[:, np.newaxis]
    predictor = quick(name).fit(Trajectories(growth, dt=1.0), seed=0)
    values = predictor.predict(growth[np.newaxis, -100:], 1000).values
    assert values.shape == (1, 1000, 1)
    finite = np.isfinite(values[0, :, 0])
    stopped = int(finite.argmin()) if not finite.all() else len(finite)
    assert not finite[stopped:].any()


@pytest.mark.parametrize("name", ["linear_regression", "sindy"])
def test_a_model_that_learns_growth_gives_up_where_it_left_the_data(name: str) -> None:
    growth = np.exp(0.08 * np.arange(400))[:, np.newaxis]
    predictor = quick(name).fit(Trajectories(growth, dt=1.0), seed=0)
    values = predictor.predict(growth[np.newaxis, -100:], 1000).values[0, :, 0]
    assert np.isfinite(values[:50]).all()
    assert np.isnan(values[-1])


def test_the_number_of_threads_changes_no_bit() -> None:
    # In a fresh process: the libraries that bring BLAS are loaded by the first fit.
    code = (
        "import hashlib, numpy as np, chaosbench.forecasters as f\n"
        "from chaosbench.trajectories import Trajectories\n"
        "x = np.random.default_rng(0).normal(size=(600, 3)).cumsum(axis=0)\n"
        "plans = {\n"
        "    'esn': {'input_scaling': 0.3, 'spectral_radius': 0.4},\n"
        "    'nvar': {'delay': 2, 'order': 3}, 'sindy': {'threshold': 0.05},\n"
        "}\n"
        "for name, plan in plans.items():\n"
        "    p = f.registry[name](**plan).fit(Trajectories(x, 1.0), seed=0)\n"
        "    y = p.predict(x[np.newaxis, :100], 5).values\n"
        "    print(name, hashlib.sha256(y.tobytes()).hexdigest())\n"
    )
    outputs = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "first",
    [
        ["found = [f.Audit, f.Forecast, f.Forecaster, f.Predictor, *f.registry]"],
        [
            "modules = pkgutil.walk_packages(f.__path__, f.__name__ + '.')",
            "found = [importlib.import_module(module.name) for module in modules]",
        ],
    ],
    ids=["public-names", "every-module"],
)
def test_importing_the_forecasters_imports_no_heavy_library(first: list[str]) -> None:
    heavy = {"darts", "jax", "kooplearn", "lightgbm", "numba", "pydmd", "pysindy", "reservoirpy"}
    heavy |= {"scipy", "sklearn", "torch"}
    lines = [
        "import importlib, pkgutil, sys, chaosbench.forecasters as f",
        *first,
        "assert len(found) > 50, len(found)",
        f"print(sorted({heavy} & set(sys.modules)))",
    ]
    code = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 40])
@pytest.mark.parametrize("name", BUILT_IN)
def test_conformance_in_few_and_many_variables(name: str, d: int) -> None:
    check_forecaster(quick(name), d=d)
