"""The same tricks by the other ways to a forecaster: `analyse`, `--tune` and a cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from test_hostile import HENON, HERE, KILLED, MODES, NO_ANSWER, QUICK, RECORDS, forget_segments

from chaosbench.errors import ChaosbenchError
from chaosbench.evaluation import Budget, analyse, run, spec_of
from chaosbench.evaluation._cell import Cell
from chaosbench.isolation import _templates
from chaosbench.isolation.cluster import Cluster

SHORT = Budget(seconds=3.0, memory_mib=300.0)

TRICKS = {
    "unearned": ("patches_the_score", "patches_os", "patches_builtins", "forges_costs",
                 "forges_scores", "guesses_a_number"),
    "ending": ("raises_exit", "fails_with_a_lie", "announces_a_terabyte", "closes_its_pipes",
               "kills_itself", "dumps_its_core"),
    "hoarding": ("hoards_in_memfd", "hoards_in_children", "daemonises"),
    "wording": ("odd_message", "odd_words"),
}  # fmt: skip
PLACES = {name: file for file, names in TRICKS.items() for name in names}

CHOICES = {
    "remembers_its_choice": ("ok", ""),
    "kills_its_choice": ("crashed", KILLED),
    "hangs_in_its_choice": ("timeout", "fit and predict took longer than 3 s"),
    "hoards_in_its_choice": ("out_of_memory", "used more than 300 MiB of memory"),
}
FORGED = {
    "another setting": "its config has not the forecaster's settings",
    "no setting": "its config has not the forecaster's settings",
    "a list": "its config is of type list and not a dictionary",
    "a number": "its config holds an integer of more than 64 bits",
    "a count": "",
}


@pytest.fixture(scope="module", params=MODES, autouse=True)
def world(request, tmp_path_factory):
    own = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_templates, "WANTED", request.param == "namespaces")
        patch.setenv("CHAOSBENCH_CACHE", str(own / "cache"))
        patch.syspath_prepend(str(HERE))
        yield own
        _templates._end()
    forget_segments()


def spec(name, file=None, **config):
    return spec_of(name, plugins=[HERE / f"{file or PLACES[name]}.py"], config=config)


@pytest.fixture(scope="module")
def honest(world):
    return analysed("odd_setting:word=honest", "wording")


def analysed(name, file):
    return analyse(name, HENON, points=1000, budget=QUICK, plugins=[HERE / f"{file}.py"])


@pytest.mark.parametrize("name", PLACES)
def test_an_analysis_ends_as_a_record_does(name, honest):
    status, message = RECORDS[name]
    if status == "ok":
        found = analysed(name, PLACES[name])
        for measure, value in honest.measures.items():
            assert found.measures[measure].truth == pytest.approx(value.truth, nan_ok=True)
            assert found.measures[measure].value == pytest.approx(value.value, nan_ok=True)
        return
    with pytest.raises(ChaosbenchError) as caught:
        analysed(name, PLACES[name])
    assert str(caught.value).isprintable()
    assert f"{name} on {HENON.id}: {status}. {message}"[:70] in str(caught.value)


def test_on_a_cluster_the_records_are_the_same(world):
    cells = [Cell(HENON, spec(name), 0) for name in PLACES]
    with ThreadPoolExecutor(2) as machines:
        records = run(cells, directory=world / "there", budget=QUICK, cluster=Cluster(machines, 2))
    for name, record in zip(PLACES, records, strict=True):
        status, message = RECORDS[name]
        assert record.status == status, (name, record.message)
        assert record.message.startswith(message)
        assert record.message.isprintable()
        if status == "ok":
            assert max(record.window_scores["vpt@0.4"]) < 1.0


@pytest.mark.parametrize("name", CHOICES)
def test_choosing_settings_ends_in_the_right_record(name):
    (record,) = run([Cell(HENON, spec(name, "choosing"), 0, tune=2)], budget=SHORT)
    status, message = CHOICES[name]
    assert (record.status, record.message) == (status, message)
    assert bool(record.scores) == (status == "ok")
    if "namespaces" in record.provenance["confinement"]:
        assert record.equations == (), "what the choosing process left was found"


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_choice_is_refused(kind):
    (record,) = run([Cell(HENON, spec("forges_its_choice", "choosing", kind=kind), 0, tune=2)],
                    budget=QUICK)  # fmt: skip
    assert record.status == "invalid", record.config
    assert record.message.startswith(NO_ANSWER + FORGED[kind])
    assert not record.scores
