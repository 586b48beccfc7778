"""Settings chosen on training data alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import DivergedError, ExamSealedError, ParameterError, UnsupportedError
from chaosbench.evaluation import plan, run, spec_of
from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._request import ask
from chaosbench.evaluation.exam import Exam, SealedExam
from chaosbench.isolation.inside._tuning import Question, search, tune
from chaosbench.isolation.outcome import Outcome
from chaosbench.tasks import registry

SEEN: list[float] = []


@dataclass(frozen=True)
class Power:
    """Forecasts context[-1] * factor ** k; remembers the largest value it was shown."""

    factor: float = 1.0
    mood: str = "calm"
    search_space: ClassVar = MappingProxyType({"factor": (0.5, 0.9, 1.1), "mood": ("calm", "bad")})

    def fit(self, train, *, seed):
        SEEN.append(float(np.max(train.values)))
        if self.mood == "bad":
            raise DivergedError("in a bad mood")
        return self

    def predict(self, context, horizon):
        SEEN.append(float(np.max(context)))
        steps = self.factor ** np.arange(1, horizon + 1)
        return cb.Forecast(context[:, -1:] * steps[None, :, None])


def decaying(steps=200, factor=0.9, repeats=4):
    """A sawtooth that decays by `factor` a step; its last fifth is marked by large values."""
    values = np.tile(factor ** np.arange(steps // repeats), repeats)[:, None]
    return cb.Trajectories(values * np.array([1.0]), 1.0)


def tuned(**options):
    defaults = {"count": 10, "seed": 0, "seconds": 60.0}
    question = Question(context=20, horizon=10)
    config = {"factor": 1.0, "mood": "calm"}
    return tune(Power, config, decaying(), question, **{**defaults, **options})


def test_the_best_candidate_wins_and_failures_do_not_stop_the_search():
    config, tried = tuned()
    assert config == {"factor": 0.9, "mood": "calm"}
    assert tried == 7  # six combinations and the defaults


def test_the_budget_ends_the_search():
    _, tried = tuned(seconds=0.0)
    assert tried == 1


def ridge(settings):
    """Highest at a = 7, b = 3, and the higher the nearer."""
    if not settings:
        return -100.0
    return -abs(settings["a"] - 7) - abs(settings["b"] - 3)


SPACE = {"a": tuple(range(10)), "b": tuple(range(10))}


def test_the_search_is_the_same_for_the_same_seed_and_repeats_nothing():
    def trail(seed):
        seen = []
        search(SPACE, 20, seed, lambda settings: (seen.append(settings), ridge(settings))[1])
        return seen

    assert trail(3) == trail(3)
    assert trail(3) != trail(4)
    assert trail(0)[0] == {}
    assert len({tuple(sorted(settings.items())) for settings in trail(0)}) == 21


def test_the_search_climbs():
    """Of a hundred places a random draw of 30 finds the top with probability 0.3."""
    found = [search(SPACE, 30, seed, ridge)[0] for seed in range(20)]
    assert found.count({"a": 7, "b": 3}) == 20


def test_a_small_space_is_gone_through_in_full():
    best, tried = search(SPACE, 100, 0, ridge)
    assert (best, tried) == ({"a": 7, "b": 3}, 101)


def test_candidates_are_fitted_without_the_validation_part():
    train = decaying()
    marked = train.values.copy()
    marked[:, -1] = 1e6  # the very last sample is only ever a target
    SEEN.clear()
    tune(
        Power, {"factor": 1.0, "mood": "calm"}, cb.Trajectories(marked, 1.0),
        Question(context=20, horizon=10), count=6, seed=0, seconds=60.0,
    )  # fmt: skip
    assert SEEN
    assert max(SEEN) < 1e6


def test_nothing_to_search_is_said():
    with pytest.raises(ParameterError, match="search_space"):
        cb.evaluate("persistence", "forecast/henon-v1", tune=3)


@pytest.mark.slow
def test_a_tuned_run_is_another_entry_with_its_settings_in_the_record(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    (tuned,) = cb.evaluate("local_linear", "forecast/mackey_glass-v1", tune=6)
    (default,) = cb.evaluate("local_linear", "forecast/mackey_glass-v1")
    assert tuned.forecaster == "local_linear (tuned 6)"
    assert tuned.config != default.config
    begun = dict(default.config)
    assert tuned.provenance["tuned"] == {"asked": 6, "tried": 7, "from": begun}
    # one variable of a delay system needs delays, which the defaults do not have
    assert np.median(tuned.window_scores["vpt@0.4"]) > np.median(default.window_scores["vpt@0.4"])


def test_asking_for_the_exam_while_settings_are_chosen_raises():
    exam = an_exam()
    sealed = SealedExam(exam)
    assert sealed.train is exam.train
    assert (sealed.dt, sealed.horizon, sealed.context_length) == (0.1, 7, 5)
    for name in ("truth", "context", "clean_context", "context_end", "lyapunov_exponent"):
        assert hasattr(exam, name)
        with pytest.raises(ExamSealedError, match=name):
            getattr(sealed, name)


def an_exam():
    truth = np.zeros((2, 7, 1))
    return Exam(
        train=np.ones((1, 50, 1)), context=np.zeros((2, 5, 1)), truth=truth,
        clean_context=np.zeros((2, 5, 1)), observed=(0,), spread=np.ones(1), noise=np.zeros(1),
        context_end=np.zeros(2), dt=0.1, lyapunov_exponent=1.0, period=1.0,
    )  # fmt: skip


def test_the_process_has_no_context_until_the_settings_are_chosen():
    """Stand in for the process and look at what is sent to it, in which order."""
    sent = []

    class Server:
        def run(self, job, train, context=None):
            sent.append((job, context))
            costs = {"fit_seconds": 1.0, "cpu_seconds": 1.0, "peak_memory_mib": 5.0}
            if job["duty"] == "tune":
                return Outcome("ok", config={"units": 9}, tried=4, costs=costs)
            return Outcome("ok", values=np.zeros((2, 7, 1)), costs=costs | {"fit_seconds": 2.0})

    cell = Cell(registry["forecast/henon-v1"], spec_of("nvar"), seed=0, tune=3)
    outcome = ask(Server(), cell, an_exam(), 60.0)
    (search_job, searched), (fit_job, shown) = sent
    assert (search_job["duty"], searched) == ("tune", None)
    assert not any(isinstance(value, np.ndarray) for value in search_job.values())
    assert (fit_job["duty"], fit_job["config"]) == ("forecast", {"units": 9})
    assert fit_job["seconds"] <= 60.0
    assert shown.shape == (2, 5, 1)
    assert (outcome.config, outcome.tried) == ({"units": 9}, 4)
    assert outcome.costs == {"fit_seconds": 3.0, "cpu_seconds": 2.0, "peak_memory_mib": 5.0}


def test_tuned_and_default_are_two_rows_of_the_leaderboard(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    cells = plan([registry["forecast/henon-v1"]], [spec_of("local_linear")], tune=2)
    board = cb.leaderboard(run(cells))
    names = [line.forecaster for line in board]
    assert {"local_linear", "local_linear (tuned 2)"} <= set(names)
    assert len(names) == len(set(names)) == 6  # and three of the floor, and the ceiling


def test_a_plan_with_tuning_keeps_the_defaults():
    task = registry["forecast/henon-v1"]
    labels = [c.label for c in plan([task], [spec_of("nvar")], tune=4, baselines=False)]
    assert labels == ["nvar", "nvar (tuned 4)"]


# --------------------------------------------------------------- what ranks is what is optimised


@dataclass(frozen=True)
class Choice:
    """Good at one thing at a time: valid long, small errors, the right climate or equation."""

    good_at: str = "nothing"
    search_space: ClassVar = MappingProxyType(
        {"good_at": ("vpt", "nrmse", "climate", "equation", "trouble")}
    )

    def fit(self, train, *, seed):
        if self.good_at == "trouble":
            raise RuntimeError("of a library's own kind")
        return self

    def next_state(self, states):
        return 4 * states * (1 - states) if self.good_at == "equation" else states

    def predict(self, context, horizon):
        """On logistic orbits, whose errors double a step."""
        u, out = context[:, -1], []
        for _ in range(horizon):
            u = 4 * u * (1 - u)
            out.append(u)
        made = np.stack(out, axis=1)
        if self.good_at == "vpt":  # exact for four steps, then absurd
            made[:, 4:] = 50.0
        elif self.good_at == "nrmse":  # never exact, never far
            made = np.full_like(made, 0.5)
        elif self.good_at == "climate":  # the right states in the wrong order
            made = np.roll(made, 7, axis=1)
        else:
            made[:] = 9.0
        return cb.Forecast(made)


def logistic(steps=1000):
    u = [0.3]
    for _ in range(steps - 1):
        u.append(4 * u[-1] * (1 - u[-1]))
    return cb.Trajectories(np.array(u)[:, None], 1.0)


@pytest.mark.parametrize(
    ("best", "asked"),
    [
        ("vpt", {"ranked": "vpt@0.4"}),
        ("nrmse", {"ranked": "nrmse"}),
        ("nrmse", {"ranked": "nrmse", "observe_every": 5}),
        ("nrmse", {"ranked": "smape", "learn": "context"}),
        ("climate", {"ranked": "d_stsp", "asks": "climate", "dropped": 0.25}),
        ("equation", {"ranked": "derivative_smape", "asks": "equation", "discrete": True}),
    ],
)
def test_the_score_that_ranks_decides(best, asked):
    question = Question(context=20, horizon=100 if "asks" in asked else 10, **asked)
    config, tried = tune(Choice, {}, logistic(), question, count=9, seed=0, seconds=60.0)
    assert (config, tried) == ({"good_at": best}, 6)


def test_slopes_of_a_flow_are_of_eighth_order():
    from chaosbench.isolation.inside._tuning import _slopes

    errors = []
    for dt in (0.2, 0.1):
        t = np.arange(0, 6, dt)
        states, slopes = _slopes(np.stack([np.sin(t), np.cos(t)], axis=1)[None], dt, discrete=False)
        truth = np.stack([states[..., 1], -states[..., 0]], axis=2)
        errors.append(np.abs(slopes - truth).max())
    assert errors[0] < 1e-7
    assert np.log2(errors[0] / errors[1]) == pytest.approx(8, abs=0.2)


def test_a_gap_in_the_held_out_part_is_no_error():
    train = decaying()
    train.values[:, -30::7] = np.nan
    question = Question(context=20, horizon=10)
    config, _ = tune(
        Power, {"factor": 1.0, "mood": "calm"}, train, question, count=10, seed=0, seconds=60.0
    )
    assert config["factor"] == 0.9


def test_a_forecaster_without_an_equation_is_not_searched():
    question = Question(context=20, horizon=10, ranked="derivative_smape", asks="equation")
    with pytest.raises(UnsupportedError, match="vector_field"):
        tune(Choice, {}, logistic(), question, count=9, seed=0, seconds=60.0)


def test_a_task_without_training_data_cannot_be_tuned():
    task = registry["zero-shot/lorenz-v1"]
    with pytest.raises(ParameterError, match="no training data"):
        cb.evaluate("esn", task, tune=2)
    assert {cell.tune for cell in plan([task], [spec_of("esn")], tune=2)} == {0}


@pytest.mark.parametrize(
    "task",
    ["climate/henon-v1", "assimilate/lorenz-v1", "equation/henon-v1", "gilpin-2021-15/lorenz-v1"],
)
def test_tuned_cells_of_every_kind_run(task, tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    name = "edmd" if task.startswith("equation") else "local_linear"
    small = registry[task]
    if small.learn == "train":
        data = replace(small.dataset, train_points=400, horizon_at_most=100, windows=2)
        small = replace(small, dataset=data)
    (record,) = cb.evaluate(name, small, tune=2)
    assert record.status == "ok", record.message
    assert record.provenance["tuned"]["tried"] == 3
