"""Runs: the verb evaluate, resuming, the ceiling, and what a Record says."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.evaluation import Budget, plan, run, spec_of
from chaosbench.evaluation.exam import Exam, perfect_forecast
from chaosbench.evaluation.scoring import score
from chaosbench.tasks import describe, registry
from chaosbench.trajectories import fill_gaps

FAULTY = Path(__file__).parents[1] / "isolation" / "faulty.py"
HENON = "forecast/henon-v1"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One cache for the module: most tests ask for the same few datasets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAOSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def small(name):
    """Return a task with little data, for tests that are not about the numbers."""
    task = registry[name]
    return replace(task, dataset=replace(task.dataset, train_points=500, windows=3, context=64))


def test_evaluate_gives_one_record_with_everything():
    (record,) = cb.evaluate("nvar", HENON, seed=0)
    assert record.status == "ok"
    assert (record.task, record.system, record.forecaster) == (HENON, "henon", "nvar")
    assert len(record.window_scores["vpt@0.4"]) == 20
    assert {"smape@1", "nrmse@2", "mase", "d_stsp", "d_h", "smape", "nrmse"} <= set(record.scores)
    assert record.fit_seconds >= 0
    assert 0 <= record.peak_memory_mib < 500
    assert record.provenance["dataset"] == registry[HENON].dataset.hash
    assert record.provenance["fingerprint"] == cb.systems["henon"].fingerprint
    assert record.provenance["versions"]["numpy"] == np.__version__
    # quadratic features contain the Hénon map exactly
    assert np.median(record.window_scores["vpt@0.4"]) == pytest.approx(
        record.provenance["horizon_lyapunov"]
    )


def test_equations_are_kept_and_bounded():
    (record,) = cb.evaluate("sindy", HENON, seed=0)
    assert record.equations == ("x0[t+1] = 1 + 1 x1 - 1.4 x0^2", "x1[t+1] = 0.3 x0")
    task = small(HENON)
    specs = [spec_of(name, plugins=[str(FAULTY)]) for name in ("wordy", "mute", "good")]
    found = {r.forecaster: r for r in run(plan([task], specs))}
    wordy = found["wordy"].equations
    assert found["wordy"].status == "ok"
    assert (len(wordy), max(map(len, wordy))) == (64, 1000)
    assert wordy[0] == "a b [31m<script>"
    assert wordy[-1] == "… and 937 more"
    assert found["good"].equations == ()
    assert found["mute"].status == "invalid"
    assert "a list of str" in found["mute"].message


def test_the_same_seed_gives_the_same_scores_and_another_exam_others():
    first, again = (cb.evaluate("nvar", HENON)[0] for _ in range(2))
    assert first.scores == again.scores
    fresh = cb.evaluate("parroting", HENON, exam_seed=1)[0]
    assert fresh.exam_seed == 1
    assert fresh.scores != cb.evaluate("parroting", HENON)[0].scores


def test_scores_are_those_of_the_stored_forecast(tmp_path):
    """Recompute a Record from the forecast on disk and the truth on disk."""
    from chaosbench.datasets import open_dataset, read_trajectories
    from chaosbench.evaluation.exam import load_exam

    task = registry[HENON]
    (record,) = cb.evaluate("local_linear", HENON, directory=tmp_path / "run")
    exam = load_exam(open_dataset(tmp_path / "run/data/forecast-henon-v1"), task)
    (path,) = (tmp_path / "run/forecasts").glob("*.parquet")
    forecast = read_trajectories(path, dt=1.0, variables=("x", "y"))
    scores, windows = score(task, exam, forecast.values)
    assert scores == record.scores
    assert windows == record.window_scores


def test_a_failure_is_a_record_and_the_run_goes_on(tmp_path):
    cells = plan(
        [small(HENON), small("forecast/logistic-v1")],
        [spec_of(n, plugins=[FAULTY]) for n in ("segfaults", "hangs", "good")],
    )
    records = run(cells, directory=tmp_path / "run", budget=Budget(seconds=3.0), workers=2)
    by_name = {}
    for record in records:
        by_name.setdefault(record.forecaster, []).append(record.status)
    assert by_name["segfaults"] == ["crashed"] * 2
    assert by_name["hangs"] == ["timeout"] * 2
    assert by_name["good"] == ["ok"] * 2
    assert by_name["perfect model"] == ["ok"] * 2
    assert set(by_name) == {
        "segfaults", "hangs", "good", "persistence", "climatology", "parroting", "perfect model",
    }  # fmt: skip
    failed = [r for r in records if r.status != "ok"]
    assert all(not r.scores and r.message for r in failed)


def test_a_late_divergence_keeps_the_scores_of_its_beginning():
    (record,) = cb.evaluate("blows_up", small(HENON), plugins=[FAULTY])
    assert record.status == "diverged"
    assert len(record.window_scores["vpt@0.4"]) == 3
    assert record.scores["smape"] > 100.0  # half of it is the worst, 200


def test_a_run_resumes_and_does_not_repeat(tmp_path):
    cells = plan([small(HENON)], [spec_of("nvar")])
    first = run(cells, directory=tmp_path / "run")
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*.parquet")}
    victim = next(p for p in stamps if "nvar" in p.name and "records" in str(p))
    victim.unlink()
    second = run(cells, directory=tmp_path / "run")
    assert victim.is_file()
    assert [r.scores for r in first] == [r.scores for r in second]
    kept = {p for p, t in stamps.items() if p.exists() and p.stat().st_mtime_ns == t}
    assert {p for p in stamps if "nvar" not in p.name} <= kept


def test_workers_do_not_change_the_scores():
    cells = plan([small(HENON), small("forecast/logistic-v1")], [spec_of("nvar")])
    one, three = run(cells, workers=1), run(cells, workers=3)
    assert [r.window_scores for r in one] == [r.window_scores for r in three]


def test_an_outside_executor_runs_the_cells():
    from concurrent.futures import ThreadPoolExecutor

    cells = plan([small(HENON)], [spec_of("nvar")])
    with ThreadPoolExecutor(2) as pool:
        records = run(cells, executor=pool)
    assert [r.status for r in records] == ["ok"] * len(cells)


def test_progress_is_reported():
    seen = []
    cells = plan([small(HENON)], [spec_of("nvar")])
    run(cells, progress=lambda done, total, note: seen.append((done, total, note)))
    assert seen[0] == (0, len(cells), "")
    assert [done for done, _, _ in seen] == list(range(len(cells) + 1))


def test_an_interrupted_run_ends_its_processes_and_keeps_what_it_has(tmp_path):
    cells = plan(
        [small(HENON)], [spec_of(n, plugins=[FAULTY]) for n in ("good", "hangs")], baselines=False
    )

    def stop(done, total, note):
        if done == 1:
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(cells, directory=tmp_path / "run", progress=stop, budget=Budget(seconds=60.0))
    assert time.monotonic() - start < 20.0
    (record,) = cb.read_records(tmp_path / "run")
    assert record.forecaster == "good"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cb.evaluate("esn", "forecast/lorentz-v1"), UnknownNameError, "lorenz"),
        (lambda: cb.evaluate("esm", HENON), UnknownNameError, "esn"),
        (lambda: run([]), InputError, "nothing to run"),
        (
            lambda: run(plan([registry[HENON], registry[HENON].with_seed(1)], [], baselines=True)),
            InputError,
            "one exam seed",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ------------------------------------------------------------------------------- the ceiling


@pytest.mark.parametrize("name", ["lorenz", "duffing", "henon", "mackey_glass"])
def test_the_ceiling_outlives_five_lyapunov_times(name):
    """Single precision in, so at least ln(0.4 / 1e-7) = 15 Lyapunov times in theory for a flow.

    A delay system's past lies between the samples; its reconstruction costs a part.
    """
    (record,) = cb.evaluate("perfect model", f"forecast/{name}-v1")
    assert record.privileged
    assert record.status == "ok"
    assert min(record.window_scores["vpt@0.4"]) > 5.0


def test_the_ceiling_of_a_driven_system_needs_its_time():
    system = cb.systems["duffing"]
    truth = cb.simulate(system, points=400, points_per_period=30, seed=5)
    context, future = truth.values[:, :200], truth.values[:, 200:]
    end = truth.start_times + 199 * truth.dt
    right = perfect_forecast(system, context, end, truth.dt, 100)
    wrong = perfect_forecast(system, context, end + 1.0, truth.dt, 100)
    assert np.abs(right - future[:, :100]).max() < 1e-3
    assert np.abs(wrong - future[:, :100]).max() > 0.1


# --------------------------------------------------------------------------------- the scores


def exam(truth, context=None, lyapunov_exponent=1.0, certified_steps=None):
    context = truth[:, :5] if context is None else context
    return Exam(
        train=np.random.default_rng(0).standard_normal((1, 1000, truth.shape[2])),
        context=context, truth=truth, clean_context=context, noise=np.zeros(truth.shape[2]),
        spread=np.ones(truth.shape[2]),
        observed=tuple(range(truth.shape[2])), context_end=np.zeros(len(truth)), dt=0.1,
        lyapunov_exponent=lyapunov_exponent, period=2.0, certified_steps=certified_steps,
    )  # fmt: skip


def test_a_perfect_forecast_scores_perfectly():
    truth = np.random.default_rng(1).standard_normal((4, 100, 2)).cumsum(axis=1)
    scores, windows = score(registry[HENON], exam(truth), truth.copy())
    assert windows["vpt@0.4"] == pytest.approx((10.0,) * 4)
    assert windows["censored@0.4"] == (1.0,) * 4
    assert scores["smape"] == scores["nrmse"] == scores["mase"] == 0.0
    assert scores["d_stsp"] == pytest.approx(0.0, abs=1e-9)
    assert scores["d_h"] == pytest.approx(0.0, abs=1e-9)


def test_scores_end_where_the_truth_does():
    """Windows certified for 60, 30, 0 and 200 of 100 steps, with an error after step 40."""
    truth = np.random.default_rng(1).standard_normal((4, 100, 2)).cumsum(axis=1) + 50.0
    forecast = truth.copy()
    forecast[:, 40:] += 10.0
    certified = np.array([60, 30, 0, 200])
    scores, windows = score(registry[HENON], exam(truth, certified_steps=certified), forecast)
    assert windows["vpt@0.4"] == pytest.approx((4.0, 3.0, 0.0, 4.0))
    assert windows["censored@0.4"] == (0.0, 1.0, 1.0, 0.0)
    # no pointwise error is reported where one window is not certified
    assert not any("@" in name for name in scores if not name.startswith("coverage"))
    # means are over the certified steps: 20 of 60, none of 30 and 60 of 100 are off by 10
    raw = np.stack([cb.metrics.smape(truth, forecast)[k] for k in range(4)])
    assert scores["smape"] == pytest.approx(np.median([raw[0, :60].mean(), 0.0, raw[3].mean()]))
    assert windows["mase"][1] == 0.0
    assert np.isnan(windows["mase"][2])
    certified = np.array([60, 30, 10, 200])
    scores, _ = score(registry[HENON], exam(truth, certified_steps=certified), forecast)
    assert scores["nrmse@1"] == 0.0
    assert "nrmse@2" not in scores


def test_every_score_that_is_a_time_ends_where_the_truth_does():
    """Also by the sMAPE so far, and in the short-time score of CTF."""
    truth = np.random.default_rng(1).standard_normal((3, 100, 2)).cumsum(axis=1) + 50.0
    asked = registry["zero-shot/lorenz-v1"]
    asked = replace(asked, metrics=(*asked.metrics, "ctf_short_time"))
    forecast = truth.copy()
    forecast[:, 15:] = -50.0  # from here on the sMAPE is 200
    for certified, steps, censored in ((None, 17, 0.0), (16, 16, 1.0), (10, 10, 1.0), (0, 0, 1.0)):
        limit = None if certified is None else np.full(3, certified)
        scores, windows = score(asked, exam(truth, certified_steps=limit), forecast)
        assert windows["vpt_smape"] == pytest.approx((0.1 * steps,) * 3)
        assert windows["censored"] == (censored,) * 3
        assert scores["vpt_smape"] == pytest.approx(0.1 * steps)
        for name, values in windows.items():
            if name.startswith("vpt"):
                assert max(values) <= 0.1 * (100 if certified is None else certified) + 1e-9
        # of 20 steps 5 are 100 off, of 16 one is, and of 10 none; a window without any has no part
        expected = {None: (-5.0, 5.0), 16: (45.0, 55.0), 10: (100.0, 100.0)}
        if certified == 0:
            assert "ctf_short_time" not in scores
        else:
            low, high = expected[certified]
            assert low <= scores["ctf_short_time"] <= high


def test_a_truth_that_is_certified_throughout_changes_no_score():
    rng = np.random.default_rng(3)
    truth = rng.standard_normal((3, 60, 2)).cumsum(axis=1)
    forecast = truth + 0.2 * rng.standard_normal((3, 60, 2)).cumsum(axis=1)
    samples = forecast + 0.1 * rng.standard_normal((5, *forecast.shape))
    plain = score(registry[HENON], exam(truth), forecast, samples)
    whole = score(registry[HENON], exam(truth, certified_steps=np.full(3, 60)), forecast, samples)
    assert plain == whole


def test_a_record_says_for_how_long_its_truth_is_certified():
    (record,) = cb.evaluate("persistence", HENON)
    certified = record.provenance["certified_lyapunov"]
    assert len(certified) == len(record.window_scores["vpt@0.4"])
    assert min(certified) >= record.provenance["horizon_lyapunov"] - 1e-9


def test_a_hopeless_forecast_scores_the_worst_and_raises_nothing():
    truth = np.random.default_rng(1).standard_normal((4, 100, 2))
    scores, windows = score(registry[HENON], exam(truth), np.full_like(truth, np.nan))
    assert windows["vpt@0.4"] == (0.0,) * 4
    assert scores["smape"] == 200.0
    assert scores["d_h"] == 1.0
    assert all(np.isfinite(v) for v in scores.values())


def test_horizons_are_in_lyapunov_times():
    truth = np.zeros((1, 100, 1))
    truth[0, :, 0] = np.arange(1, 101)
    forecast = truth.copy()
    forecast[0, 19, 0] = -20.0  # two Lyapunov times after the context: step 20 of 0.1
    scores, _ = score(registry[HENON], exam(truth), forecast)
    assert scores["smape@2"] == 200.0
    assert scores["smape@1"] == 0.0


# --------------------------------------------------------------------------------- the tracks


def test_noise_is_on_what_is_seen_and_not_on_the_truth(tmp_path):
    from chaosbench.datasets import open_dataset
    from chaosbench.evaluation.exam import load_exam

    for track in ("forecast", "noisy-20"):
        cb.evaluate("persistence", small(f"{track}/henon-v1"), directory=tmp_path / track)
    clean, noisy = (
        load_exam(open_dataset(tmp_path / t / f"data/{t}-henon-v1"), small(f"{t}/henon-v1"))
        for t in ("forecast", "noisy-20")
    )
    np.testing.assert_array_equal(clean.truth, noisy.truth)
    np.testing.assert_array_equal(clean.clean_context, noisy.clean_context)
    std = np.array(cb.constants("henon").std)
    off = (noisy.context - clean.context) / std
    assert off.std() == pytest.approx(0.2, rel=0.15)  # 3 × 64 × 2 draws
    assert ((noisy.train - clean.train) / std).std() == pytest.approx(0.2, rel=0.1)


def test_gaps_are_lost_and_filled_for_those_who_cannot_take_them(tmp_path):
    from chaosbench.datasets import open_dataset
    from chaosbench.evaluation.exam import load_exam

    task = small("gaps/henon-v1")
    (record,) = cb.evaluate("local_linear", task, directory=tmp_path)
    assert record.status == "ok"
    exam = load_exam(open_dataset(tmp_path / "data/gaps-henon-v1"), task)
    lost = np.isnan(exam.train).all(axis=-1)
    assert (np.isnan(exam.train).any(axis=-1) == lost).all()
    assert lost.mean() == pytest.approx(0.3, abs=0.07)
    assert np.isfinite(exam.context[:, -1]).all()
    assert np.isfinite(exam.truth).all()
    line = np.array([[[1.0], [np.nan], [np.nan], [4.0]]])
    np.testing.assert_allclose(fill_gaps(line)[0, :, 0], [1.0, 2.0, 3.0, 4.0])


def test_a_partial_view_is_one_variable_and_the_ceiling_keeps_its_height(tmp_path):
    (record,) = cb.evaluate("local_linear", "partial/lorenz-v1", directory=tmp_path)
    import pyarrow.parquet as pq

    (path,) = (tmp_path / "forecasts").glob("*.parquet")
    assert pq.read_table(path).column_names == ["trajectory", "step", "time", "x"]
    assert record.status == "ok"
    ceiling = cb.evaluate("perfect model", "partial/lorenz-v1")[0]
    assert min(ceiling.provenance["certified_lyapunov"]) > 10.0, "the truth is in double-double"
    assert min(ceiling.window_scores["vpt@0.4"]) > 9.0


def test_zero_shot_learns_from_each_context_alone():
    """Nothing of another window, or of a training trajectory, can change a forecast."""
    task = small("zero-shot/lorenz-v1")
    (one,) = cb.evaluate("nvar", replace(task, dataset=replace(task.dataset, windows=1)))
    (three,) = cb.evaluate("nvar", task)
    assert one.window_scores["vpt@0.4"][0] == three.window_scores["vpt@0.4"][0]
    other = replace(task, dataset=replace(task.dataset, train_points=50))
    assert cb.evaluate("nvar", other)[0].window_scores == three.window_scores


@pytest.mark.parametrize(
    "track", ["few", "noisy-5", "noisy-20", "gaps", "partial", "zero-shot", "forecast"]
)
def test_every_track_says_in_words_what_it_is(track):
    words = describe(registry[f"{track}/lorenz-v1"])
    telling = {
        "few": "1,000 samples", "noisy-5": "noise of 5%", "noisy-20": "noise of 20%",
        "gaps": "30% of what is seen is lost", "partial": "of x.", "zero-shot": "Not trained",
        "forecast": "10,000 samples",
    }  # fmt: skip
    assert telling[track] in words


# ---------------------------------------------------------------------------------- ensembles


def test_samples_are_scored_end_to_end():
    (record,) = cb.evaluate("ensemble", small("forecast/lorenz-v1"), plugins=[FAULTY])
    assert record.status == "ok"
    assert 0.0 <= record.scores["coverage@0.9"] <= 1.0
    assert record.scores["spread_skill"] > 0.0
    assert len(record.window_scores["ensemble_vpt@0.4"]) == 3
    # the mean of the samples is the point forecast here
    assert record.window_scores["ensemble_vpt@0.4"] == pytest.approx(
        record.window_scores["vpt@0.4"]
    )
    (point,) = cb.evaluate("persistence", small("forecast/lorenz-v1"))
    assert "coverage@0.9" not in point.scores
    # an ensemble of one is its absolute error; spread makes the same centre score better
    assert record.scores["crps"] < point.scores["crps"]


def test_a_calibrated_ensemble_covers_what_it_says():
    generator = np.random.default_rng(4)
    truth = generator.standard_normal((5, 400, 2))
    samples = generator.standard_normal((400, 5, 400, 2))
    scores, _ = score(registry[HENON], exam(truth), np.zeros_like(truth), samples)
    assert scores["coverage@0.9"] == pytest.approx(0.9, abs=0.02)
    assert scores["spread_skill"] == pytest.approx(1.0, abs=0.05)
