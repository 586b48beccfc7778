"""Free runs whose invariants are known, and what is said of those that fail."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import ChaosbenchError, InputError
from chaosbench.evaluation import Budget
from chaosbench.evaluation._analysis import departure
from chaosbench.plotting import maxima, plot_analysis, save

KNOWN = Path(__file__).parent / "known_predictors.py"
FAULTY = Path(__file__).parents[1] / "isolation" / "faulty.py"


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """Keep the data of all these tests in one place."""
    old = os.environ.get("CHAOSBENCH_CACHE")
    os.environ["CHAOSBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("CHAOSBENCH_CACHE")
    if old is not None:
        os.environ["CHAOSBENCH_CACHE"] = old


@pytest.fixture(scope="module")
def henon():
    return cb.analyse("true_henon", "forecast/henon-v1", plugins=[KNOWN])


@pytest.mark.parametrize(
    ("name", "task", "exponent"),
    [
        ("true_logistic", "forecast/logistic-v1", math.log(2)),  # in closed form
        ("true_henon", "forecast/henon-v1", 0.41922),  # sprott2003
    ],
)
def test_the_true_map_has_the_true_exponent(name, task, exponent):
    found = cb.analyse(name, task, plugins=[KNOWN]).measures["lyapunov_exponent"]
    assert found.stderr < 0.03
    assert found.value == pytest.approx(exponent, abs=3 * found.stderr + 1e-3)
    assert found.truth == pytest.approx(exponent, abs=3 * found.truth_stderr + 1e-3)


def test_the_true_map_has_the_true_attractor(henon):
    """What is left is the sampling error of finite runs, which two runs of the truth have too."""
    assert henon.status == "ok"
    for name in ("d_stsp", "d_h"):
        measure = henon.measures[name]
        assert 0 < measure.value < 3 * measure.truth
    dimension = henon.measures["correlation_dimension"]
    error = math.hypot(dimension.stderr, dimension.truth_stderr)
    assert dimension.value == pytest.approx(dimension.truth, abs=3 * error)
    assert math.isinf(henon.measures["divergence_time"].value)


@pytest.mark.parametrize("factor", [0.5, 0.8, -0.9])
def test_a_stable_linear_predictor_has_its_logarithm_as_exponent(factor):
    found = cb.analyse(
        f"linear:factor={factor}", "forecast/henon-v1", plugins=[KNOWN], points=1000
    ).measures
    assert found["lyapunov_exponent"].value == pytest.approx(math.log(abs(factor)), rel=1e-6)
    assert found["correlation_dimension"].value == 0.0
    assert found["d_stsp"].value > 5.0


def test_a_diverging_predictor_leaves_at_a_known_step_and_gets_the_worst():
    """|x| ≤ 1.29 on the Hénon attractor and σ = 0.72: after a few steps 4ᵏ|x| is outside."""
    found = cb.analyse("linear:factor=4.0", "forecast/henon-v1", plugins=[KNOWN], points=3000)
    assert found.status == "diverged"  # 4⁵¹² is the end of the numbers, before a quarter of the run
    clock = cb.constants("henon").largest_lyapunov_exponent
    assert 1 * clock <= found.measures["divergence_time"].value <= 8 * clock
    assert found.measures["d_stsp"].value == 1000.0
    assert found.measures["d_h"].value == 1.0
    assert math.isnan(found.measures["lyapunov_exponent"].value)
    assert math.isnan(found.measures["correlation_dimension"].value)
    assert "ran away" in found.note
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(plot_analysis(found)) == 4


def test_a_predictor_that_runs_away_slowly_has_no_exponent_either():
    """1.01¹⁰⁰⁰⁰ is 10⁴³: finite, but twins there differ by less than their last digit."""
    found = cb.analyse("linear:factor=1.01", "forecast/henon-v1", plugins=[KNOWN])
    assert found.status == "ok"
    assert math.isnan(found.measures["lyapunov_exponent"].value)
    assert math.isfinite(found.measures["divergence_time"].value)


def test_a_predictor_that_forgets_its_context_has_no_finite_exponent():
    found = cb.analyse("climatology", "forecast/henon-v1", points=1000)
    assert found.measures["lyapunov_exponent"].value == -math.inf
    assert "16 of 16 twins merged" in found.note
    assert found.to_dict()["measures"]["lyapunov_exponent"]["value"] is None


def test_persistence_neither_grows_nor_shrinks_a_difference():
    found = cb.analyse("persistence", "forecast/henon-v1", points=1000)
    assert found.measures["lyapunov_exponent"].value == pytest.approx(0.0, abs=1e-9)


def test_twins_that_fail_are_said_to():
    found = cb.analyse("shy", "forecast/logistic-v1", plugins=[KNOWN], points=1000)
    assert found.status == "ok"
    assert math.isnan(found.measures["lyapunov_exponent"].value)
    assert "ran away" in found.note


@pytest.mark.slow
def test_the_exponent_of_nvar_on_lorenz_is_that_of_lorenz():
    found = cb.analyse("nvar", "forecast/lorenz-v1").measures
    assert found["lyapunov_exponent"].value == pytest.approx(0.9, abs=0.1)
    assert found["d_stsp"].value < 1.5 * found["d_stsp"].truth


def test_one_observed_variable_is_unfolded():
    """The dimension of Lorenz, 2.05, cannot be seen in one variable unless it is embedded."""
    found = cb.analyse("nvar:delay=5,stride=3", "partial/lorenz-v1", points=4000)
    dimension = found.measures["correlation_dimension"]
    assert found.variables == ("x",)
    assert dimension.truth == pytest.approx(2.05, abs=0.25)
    assert f"constants: {cb.constants('lorenz').correlation_dimension:.4g} " in dimension.source


def test_the_box_is_left_at_the_first_step_outside():
    truth = np.array([[0.0, -1.0], [2.0, 1.0]])
    run = np.array([[1.0, 0.0], [3.0, 2.0], [3.1, 0.0], [1.0, 0.0]])
    spread = np.ones(2)
    assert departure(run, truth, spread) == 3
    assert departure(run[:2], truth, spread) is None
    run[1, 0] = np.nan
    assert departure(run, truth, spread) == 2


def test_maxima_are_those_between_the_samples():
    time = np.arange(0, 60, 0.1)
    found = maxima(np.cos(time) * 3)
    assert len(found) == 9  # the first, at 0, has no sample before it
    np.testing.assert_allclose(found, 3.0, atol=3e-5)  # the parabola errs by h⁴/128 here


def test_pictures_show_truth_and_run(henon, tmp_path):
    figures = plot_analysis(henon)
    assert set(figures) == {"attractor", "return_map", "spectrum", "error_growth"}
    for name in ("attractor", "return_map"):
        left, right = figures[name].axes
        assert (left.get_title(), right.get_title()) == ("truth", "true_henon")
        assert left.get_xlim() == right.get_xlim()
    x, y = figures["return_map"].axes[1].lines[0].get_data()
    np.testing.assert_allclose(y[1:], 1 - 1.4 * x[1:] ** 2 + 0.3 * x[:-1])
    (growth,) = figures["error_growth"].axes
    slopes = {
        line.get_label().split(":")[0]: np.polyfit(line.get_xdata(), np.log(line.get_ydata()), 1)[0]
        for line in growth.lines
        if line.get_label().startswith("slope")
    }
    assert slopes["slope of the truth"] == pytest.approx(1.0)  # per Lyapunov time
    assert slopes["slope of true_henon"] == pytest.approx(1.0, abs=0.2)
    for suffix in ("png", "svg"):
        save(figures["error_growth"], tmp_path / f"twice.{suffix}")
        first = (tmp_path / f"twice.{suffix}").read_bytes()
        assert len(first) > 10_000


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cb.analyse("perfect model", "forecast/henon-v1"), InputError, "systems show"),
        (
            lambda: cb.analyse("nvar", "forecast/henon-v1", points=50),
            InputError,
            "400 to 10000000 points",
        ),
        (lambda: cb.analyse("nvar", "forecast/henon-v1", distance=1.0), InputError, "distance"),
        (lambda: cb.analyse("nvr", "forecast/henon-v1"), InputError, "nvar"),
        (
            lambda: cb.analyse("segfaults", "forecast/henon-v1", plugins=[FAULTY]),
            ChaosbenchError,
            "crashed. the process died of SIGSEGV",
        ),
        (
            lambda: cb.analyse(
                "hangs", "forecast/henon-v1", plugins=[FAULTY], budget=Budget(seconds=1.0)
            ),
            ChaosbenchError,
            "timeout",
        ),
        (
            lambda: cb.analyse("wrong_shape", "forecast/henon-v1", plugins=[FAULTY]),
            ChaosbenchError,
            "expected",
        ),
    ],
)
def test_what_cannot_be_analysed_is_one_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


def command(*args):
    return subprocess.run(
        [sys.executable, "-m", "chaosbench.cli", "analyse", *map(str, args)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip


def test_the_command_prints_writes_and_draws(tmp_path):
    args = ("true_henon", "forecast/henon-v1", "--plugin", KNOWN, "--points", 1000,
            "--json", tmp_path / "a.json", "--out", tmp_path, "--picture", "svg")  # fmt: skip
    done = command(*args)
    assert (done.returncode, done.stderr) == (0, "")
    assert "largest Lyapunov exponent" in done.stdout
    assert "±" in done.stdout
    facts = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert facts["measures"]["lyapunov_exponent"]["truth"] == pytest.approx(0.4192, abs=0.005)
    pictures = sorted(path.name for path in tmp_path.glob("*.svg"))
    assert pictures == ["attractor.svg", "error_growth.svg", "return_map.svg", "spectrum.svg"]
    again = command(*args)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "--force" in again.stderr


def test_the_command_refuses_in_one_sentence():
    done = command("nvar", "forecast/henn-v1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no task named 'forecast/henn-v1'; did you mean")
    assert done.stderr.count("\n") == 1
