"""A value of the wrong kind is one sentence, wherever it is given."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.plotting import plot_attractors
from chaosbench.systems import get
from chaosbench.tasks import registry, select

DATA = cb.Trajectories(np.zeros((5, 3)), 0.1)
TASK = registry["forecast/henon-v1"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(cb.evaluate, "persistence", DATA), "Task or its id .* of type Trajectories"),
        (partial(cb.evaluate, "persistence", [TASK, TASK]), "one task .* list of 2; .*run"),
        (partial(cb.evaluate, "persistence", ["forecast/henon-v1"]), "one task is expected"),
        (partial(cb.evaluate, "persistence", "lite"), "'lite' is a suite of 8 tasks"),
        (partial(cb.evaluate, "persistence", None), "not a value of type NoneType"),
        (partial(cb.evaluate, DATA, TASK), "with a fit method, not .* of type Trajectories"),
        (partial(cb.evaluate, DATA.values, TASK), "with a fit method, not .* of type ndarray"),
        (partial(cb.analyse, "persistence", DATA), "Task or its id .* of type Trajectories"),
        (partial(cb.lyapunov_spectrum, DATA), "Trajectories; trajectories have no equation"),
        (partial(cb.simulate, DATA), "Trajectories; trajectories have no equation"),
        (partial(cb.simulate, ["lorenz"]), "System or its name .* of type list"),
        (partial(cb.constants, DATA), "Trajectories; trajectories have no equation"),
        (partial(cb.characterise, 3), "System or its name .* of type int"),
        (partial(plot_attractors, [DATA]), "Trajectories; trajectories have no equation"),
        (partial(get, None), "of type NoneType"),
        (partial(cb.systems.__getitem__, 3), "name of a system is a text, .* of type int"),
        (partial(cb.tasks.__getitem__, [TASK]), "name of a task is a text, .* of type list"),
        (partial(cb.generate, "lorenz", "nowhere"), r"Dataset\(systems=\('lorenz',\)\)"),
        (partial(cb.leaderboard, "runs/demo"), "ranks records, .* of type str; .*read_records"),
        (partial(cb.leaderboard, [TASK]), "ranks records, .* of type Task"),
        (partial(cb.leaderboard, None), "ranks records, .* of type NoneType"),
    ],
)
def test_it_is_refused_in_one_sentence(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert re.search(words, str(caught.value))
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_one_name_stands_for_a_list_of_one():
    assert select("lite") == select(["lite"])
    assert len(plot_attractors("henon").axes) == 1


def test_a_record_by_itself_is_no_list():
    record = Record("forecast/henon-v1", "henon", "f", {}, 0, 0, "ok")
    with pytest.raises(InputError, match="of type Record"):
        cb.leaderboard(record)
