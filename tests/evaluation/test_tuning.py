"""Settings chosen on training data alone."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import DivergedError, ParameterError
from chaosbench.evaluation import plan, spec_of
from chaosbench.evaluation._tuning import candidates, tune
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


def search(**options):
    defaults = {"count": 10, "context": 20, "horizon": 10, "seed": 0, "seconds": 60.0}
    return tune(Power, {"factor": 1.0, "mood": "calm"}, decaying(), **{**defaults, **options})


def test_the_best_candidate_wins_and_failures_do_not_stop_the_search():
    config, tried = search()
    assert config == {"factor": 0.9, "mood": "calm"}
    assert tried == 7  # six combinations and the defaults


def test_the_budget_ends_the_search():
    _, tried = search(seconds=0.0)
    assert tried == 1


def test_the_search_is_the_same_for_the_same_seed():
    space = {"a": tuple(range(10)), "b": tuple(range(10))}
    assert candidates(space, 5, 3) == candidates(space, 5, 3)
    assert candidates(space, 5, 3) != candidates(space, 5, 4)
    drawn = candidates(space, 20, 0)
    assert drawn[0] == {}
    assert len({tuple(sorted(d.items())) for d in drawn}) == 21


def test_candidates_are_fitted_without_the_validation_part():
    train = decaying()
    marked = train.values.copy()
    marked[:, -1] = 1e6  # the very last sample is only ever a target
    SEEN.clear()
    tune(
        Power, {"factor": 1.0, "mood": "calm"}, cb.Trajectories(marked, 1.0), count=6, context=20,
        horizon=10, seed=0, seconds=60.0,
    )  # fmt: skip
    assert SEEN
    assert max(SEEN) < 1e6


def test_nothing_to_search_is_said():
    with pytest.raises(ParameterError, match="search_space"):
        cb.evaluate("persistence", "forecast/henon-v1", tune=3)


def test_a_tuned_run_is_another_entry_with_its_settings_in_the_record(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(tmp_path))
    (tuned,) = cb.evaluate("local_linear", "forecast/mackey_glass-v1", tune=6)
    (default,) = cb.evaluate("local_linear", "forecast/mackey_glass-v1")
    assert tuned.forecaster == "local_linear (tuned 6)"
    assert tuned.config != default.config
    assert tuned.provenance["tuned"] == {"asked": 6, "tried": 7}
    # one variable of a delay system needs delays, which the defaults do not have
    assert np.median(tuned.window_scores["vpt@0.4"]) > np.median(default.window_scores["vpt@0.4"])


def test_a_plan_with_tuning_keeps_the_defaults():
    task = registry["forecast/henon-v1"]
    labels = [c.label for c in plan([task], [spec_of("nvar")], tune=4, baselines=False)]
    assert labels == ["nvar", "nvar (tuned 4)"]
