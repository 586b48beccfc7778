"""Every track runs end to end, and what is known beforehand comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.datasets import generate
from chaosbench.evaluation import plan, run, spec_of
from chaosbench.evaluation._cell import CEILING, Cell
from chaosbench.evaluation.exam import cache_directory, load_exam
from chaosbench.evaluation.scoring import score
from chaosbench.isolation.process import WorkerProcess
from chaosbench.leaderboard import rank
from chaosbench.tasks import registry, suites
from chaosbench.tasks._tracks import TRACKS

ORACLES = Path(__file__).parent / "oracles.py"
CHEAP = {
    "few": "lorenz", "partial": "henon", "shift": "henon", "shift-switch": "henon",
    "field": "lorenz96", "assimilate": "lorenz",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One cache for the module: exams are the same for every test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAOSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def small(name, **changes):
    task = registry[name]
    steps = min(200, task.dataset.horizon_at_most)
    defaults = {"train_points": 300, "windows": 2, "horizon_at_most": steps}
    return replace(task, dataset=replace(task.dataset, **(defaults | changes)))


def exam_of(task):
    return load_exam(generate(task.dataset, cache_directory() / task.dataset.hash), task)


def evaluate(name, task):
    (record,) = cb.evaluate(name, task, plugins=[ORACLES])
    return record


PROTOCOLS = (
    "gilpin-2021-15/lorenz-v1", "gilpin-2023/lorenz-v1", "neurobench/mackey_glass-v1",
    "ctf/lorenz-v1", "dynamix/lorenz-v1",
)  # fmt: skip


@pytest.fixture(scope="module")
def everything(cache):
    """Floor and ceiling on a small task of every track, in one run."""
    chosen = [small(f"{track}/{CHEAP.get(track, 'logistic')}-v1") for track in TRACKS]
    chosen += [small(name, windows=1, context=200) for name in PROTOCOLS]
    cells = plan(chosen, [spec_of("persistence"), spec_of("climatology")], baselines=False)
    return run([*cells, *(Cell(task, CEILING, 0, privileged=True) for task in chosen)])


@pytest.mark.parametrize("track", sorted(TRACKS))
def test_every_track_runs_with_floor_and_ceiling_and_ranks(track, everything):
    task = registry[f"{track}/{CHEAP.get(track, 'logistic')}-v1"]
    records = [record for record in everything if record.task == task.id]
    lines = {line.forecaster: line for line in rank(records, bootstrap=0)}
    assert {r.provenance["ranked"] for r in records} == {task.ranked}
    ceiling = lines["perfect model"]
    statuses = {r.forecaster: r.status for r in records}
    if track == "equation":
        assert statuses == dict.fromkeys(statuses, "unsupported") | {"perfect model": "ok"}
        assert (lines["persistence"].score, ceiling.score) == (2.0, 0.0)
        return
    assert set(statuses.values()) == {"ok"}
    for name in ("persistence", "climatology"):
        assert np.isfinite(lines[name].score)
        better = lines[name].score - ceiling.score
        assert better < 0 if task.ranked.startswith("vpt") else better > 0


# ------------------------------------------------------------------------------------ climate


def test_the_true_map_has_the_climate_and_a_fixed_point_has_none():
    task = small("climate/henon-v1", horizon_at_most=10_000)
    right = evaluate("henon_itself", task)
    ceiling = evaluate("perfect model", task)
    still = evaluate("collapses", task)
    # other orbits of the same attractor: the floor that finite samples leave is shared
    assert max(right.window_scores["d_stsp"]) < 0.05
    assert right.scores["d_stsp"] == pytest.approx(ceiling.scores["d_stsp"], abs=0.02)
    assert right.scores["sw1"] < 0.02
    assert right.scores["mean_error"] < 0.02
    assert right.scores["spread_error"] < 0.02
    assert min(still.window_scores["d_stsp"]) > 10.0
    assert still.scores["spread_error"] == pytest.approx(1.0, abs=1e-2)
    # a line of a spectrum against a broad one: as far apart as spectra can be
    assert still.scores["d_h"] > 0.9


def test_a_diverged_free_run_is_the_worst_and_the_others_are_kept():
    task = small("climate/henon-v1", windows=3, horizon_at_most=2000)
    record = evaluate("loses_one", task)
    assert record.status == "diverged"
    first, *others = record.window_scores["d_stsp"]
    assert first == cb.metrics["d_stsp"].worst
    assert max(others) < 0.5
    assert record.window_scores["sw1"][0] == cb.metrics["sw1"].worst


def test_the_settling_quarter_is_not_scored():
    task = small("climate/henon-v1", windows=2, horizon_at_most=1000)
    exam = exam_of(task)
    made = evaluate("henon_itself", task)
    forecast = exam.truth.copy()
    forecast[:, :250] = 7.0
    scores, _ = score(task, exam, forecast)
    exact, _ = score(task, exam, exam.truth)
    assert scores == exact
    assert made.scores["d_stsp"] > exact["d_stsp"]
    forecast[:, 250] = 7.0
    assert score(task, exam, forecast)[0]["sw1"] > exact["sw1"]


# -------------------------------------------------------------------------------------- shift


def test_after_a_shift_only_the_shifted_equation_is_right():
    task = small("shift/henon-v1", windows=10, horizon_at_most=3000)
    new, old = (evaluate(f"henon_itself:a={a}", task) for a in (1.38, 1.4))
    ceiling = evaluate("perfect model", task)
    median = {r.forecaster: np.median(r.window_scores["vpt@0.4"]) for r in (new, old, ceiling)}
    horizon = new.provenance["horizon_lyapunov"]
    assert median["henon_itself:a=1.38"] == pytest.approx(horizon)
    assert median["perfect model"] == pytest.approx(horizon)
    assert median["henon_itself"] < 0.6 * horizon
    # Lyapunov times of the unshifted system, whose constants are certified
    assert new.provenance["lyapunov_exponent"] == (cb.constants("henon").largest_lyapunov_exponent)


def test_the_regime_switches_in_the_middle_of_the_context():
    task = small("shift-switch/henon-v1", horizon_at_most=3000)
    exam = exam_of(task)
    before, after = (cb.systems["henon"].with_params(a=a) for a in (1.4, 1.38))
    whole = np.concatenate([exam.context, exam.truth], axis=1)
    middle = task.dataset.context // 2

    def error(system, part):
        made = system.rhs(0.0, part[:, :-1].reshape(-1, 2)).reshape(part[:, 1:].shape)
        return np.abs(made - part[:, 1:]).max()

    assert error(before, whole[:, :middle]) < 1e-12
    assert error(after, whole[:, middle - 1 :]) < 1e-12  # the last old state is moved by the new
    assert error(after, whole[:, :middle]) > 1e-3


# --------------------------------------------------------------------------------- assimilate


def test_the_pieces_between_observations_are_what_persistence_makes_of_them():
    task = small("assimilate/lorenz-v1")
    exam = exam_of(task)
    k = task.dataset.observe_every
    made = exam.context[:, -1:].repeat(exam.horizon, axis=1)
    for step in range(k, exam.horizon, k):
        made[:, step:] = exam.observations[:, step - 1 : step]
    _, windows = score(task, exam, made)
    assert evaluate("persistence", task).window_scores == windows
    # noise of 10% of σ on what is repeated, and k steps of motion
    assert 0.1 < np.mean(windows["nrmse"]) < 0.6


def test_climatology_learns_nothing_from_observations():
    task = small("assimilate/lorenz-v1", windows=5, train_points=5000)
    exam = exam_of(task)
    error = (exam.truth - exam.train.mean(axis=(0, 1))) / exam.train.std(axis=(0, 1))
    expected = np.sqrt((error**2).mean(axis=2)).mean(axis=1)
    assert evaluate("climatology", task).window_scores["nrmse"] == pytest.approx(expected)


def test_the_true_flow_is_as_wrong_as_its_last_observation_and_the_ceiling_less():
    task = small("assimilate/lorenz-v1", windows=5, train_points=5000)
    free, ceiling = (evaluate(n, task) for n in ("true_lorenz", "perfect model"))
    free_error, error = (np.median(r.window_scores["nrmse"]) for r in (free, ceiling))
    assert 0.08 < free_error < 0.16  # 10% of noise, growing over five steps
    assert error < 0.4 * free_error


def test_forecasters_see_observations_when_their_time_has_come_and_gaps_between():
    task = small("assimilate/lorenz-v1", windows=2)
    exam = exam_of(task)
    record_values = []

    class Spy(WorkerProcess):
        def run(self, job, train, context, **more):
            outcome = super().run(job, train, context, **more)
            record_values.append(outcome.values)
            return outcome

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chaosbench.evaluation._crew.WorkerProcess", Spy)
        evaluate("counts_what_it_sees", task)
    (values,) = record_values
    k, seen = task.dataset.observe_every, task.dataset.context
    pieces = np.arange(exam.horizon) // k
    np.testing.assert_array_equal(values[0, :, 0], seen - (k - 1) * pieces)
    np.testing.assert_array_equal(values[..., 2], float(seen))
    np.testing.assert_array_equal(values[:, :k, 1], exam.context[:, -1:, 1].repeat(k, axis=1))
    for piece in range(1, int(pieces[-1]) + 1):
        last = exam.observations[:, piece * k - 1, 1]
        assert (values[:, pieces == piece, 1] == last[:, np.newaxis]).all()
    assert len(exam.arrivals(k)) == pieces[-1]


def test_observations_are_noisy_sparse_and_all_of_them():
    task = registry["assimilate/lorenz-v1"]
    exam = exam_of(replace(task, dataset=replace(task.dataset, windows=20, train_points=10)))
    there = np.isfinite(exam.observations)
    steps = np.arange(1, exam.horizon + 1)
    np.testing.assert_array_equal(there.all(axis=(0, 2)), steps % 5 == 0)
    np.testing.assert_array_equal(there.any(axis=(0, 2)), steps % 5 == 0)
    noise = ((exam.observations - exam.truth) / exam.spread)[:, 4::5]
    n = noise[..., 0].size  # 880: the standard error of a standard deviation is σ / √(2n)
    assert noise.std(axis=(0, 1)) == pytest.approx(0.1, abs=5 * 0.1 / np.sqrt(2 * n))


# ----------------------------------------------------------------------------------- equation


def test_the_true_equations_have_no_error():
    lorenz = evaluate("true_lorenz", small("equation/lorenz-v1"))
    assert max(lorenz.window_scores["derivative_smape"]) < 1e-10
    assert "structure_f1" not in lorenz.scores  # it shows no polynomial
    henon = evaluate("henon_itself", small("equation/henon-v1"))
    assert henon.scores["derivative_smape"] < 1e-12
    assert henon.scores["structure_f1"] == 1.0
    assert henon.scores["coefficient_error"] < 1e-15


def test_a_wrong_coefficient_is_measured():
    henon = evaluate("henon_itself:a=1.2", small("equation/henon-v1"))
    # ‖(1, -1.4, 1, 0.3)‖ is what the error of 0.2 is divided by
    assert henon.scores["coefficient_error"] == pytest.approx(0.2 / np.sqrt(1 + 1.96 + 1 + 0.09))
    assert henon.scores["structure_f1"] == 1.0
    assert 0.01 < henon.scores["derivative_smape"] < 0.5


def test_held_out_states_of_version_2_are_no_neighbours():
    """Nor near a context: in version 1 the next state of a map is among them."""

    def nearest(version):
        """Return how near the next state of any held-out state is to one of the others, in σ."""
        task = registry[f"equation/henon-v{version}"]
        exam = load_exam(generate(task.dataset, cache_directory() / task.dataset.hash), task)
        states = exam.states.reshape(-1, 2)
        following = exam.truth.reshape(-1, 2)  # of a map, the right-hand side is the next state
        gaps = np.abs(following[:, None] - states[None]).max(axis=2).min(axis=1)
        return exam.states.shape, np.median(gaps)

    _, gap = nearest(1)
    assert gap < 1e-15
    shape, gap = nearest(2)
    assert shape == (10, 50, 2)
    assert gap > 1e-3
    (record,) = cb.evaluate("sindy", "equation/henon-v2", exam_seed=101)
    assert record.status == "ok", record.message
    assert record.scores["derivative_smape"] < 1e-6
    assert len(record.window_scores["derivative_smape"]) == 10


def test_an_equation_of_the_wrong_shape_is_invalid():
    record = evaluate("wrong_slopes", small("equation/henon-v1"))
    assert record.status == "invalid"
    assert "(n, d) = (100, 2)" in record.message


# ---------------------------------------------------------------------- compatibility suites


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_published_protocol_runs(name, everything):
    ranked = registry[name].ranked
    known = cb.metrics[ranked]
    values = {r.forecaster: r.window_scores[ranked][0] for r in everything if r.task == name}
    low, high = known.range
    for value in values.values():
        assert low <= value <= high
        assert value != known.worst
    sign = 1 if known.direction == "higher" else -1
    assert max(values, key=lambda name: sign * values[name]) == "perfect model"
    assert any(name in suites[suite].tasks for suite in suites)
