"""Longest first, and anywhere: neither changes a score."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from chaosbench.errors import InputError
from chaosbench.evaluation import Budget, Record, connect, plan, run, spec_of
from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._order import longest_first, numbers
from chaosbench.isolation.cluster import Cluster
from chaosbench.tasks import registry

FAULTY = Path(__file__).parents[1] / "isolation" / "faulty.py"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One cache for the module: most tests ask for the same few datasets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAOSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def small(name, points=500):
    task = registry[name]
    return replace(task, dataset=replace(task.dataset, train_points=points, windows=3, context=64))


HENON, LOGISTIC = small("forecast/henon-v1"), small("forecast/logistic-v1")


def test_work_counts_what_is_seen_and_made():
    horizon = HENON.dataset.pace("henon").horizon
    assert numbers(HENON) == 2 * (500 + 3 * horizon)
    partial = replace(HENON, observed=("x",))
    assert numbers(partial) == numbers(HENON) / 2


def test_the_longest_cells_come_first():
    short, long = Cell(LOGISTIC, spec_of("nvar"), 0), Cell(HENON, spec_of("nvar"), 0)
    tuned = replace(short, tune=5)
    assert longest_first([short, long, tuned]) == [tuned, long, short]
    again = replace(long, seed=1)
    assert longest_first([again, long]) == [again, long]  # equals keep their order


def test_what_was_measured_counts_more_than_the_size():
    def took(cell, seconds):
        return cell, Record(
            task=cell.task.id, system=cell.task.system, forecaster=cell.label, config={}, seed=0,
            exam_seed=0, status="ok", fit_seconds=seconds, predict_seconds=seconds,
        )  # fmt: skip

    quick, slow, new = (Cell(HENON, spec_of(name), 0) for name in ("nvar", "esn", "sindy"))
    nan = float("nan")
    done = [took(quick, 0.01), took(replace(quick, seed=3), nan), took(slow, 5.0)]
    todo = [replace(cell, seed=1) for cell in (quick, new, slow)]
    ordered = [cell.spec.name for cell in longest_first(todo, done)]
    assert ordered == ["sindy", "esn", "nvar"]  # the unknown is taken for as slow as the slowest
    shorter = replace(todo[2], task=LOGISTIC)
    assert longest_first([todo[0], shorter], done)[0] is shorter


def test_a_run_takes_the_longest_first_and_returns_in_the_order_asked():
    cells = plan([LOGISTIC, HENON], [spec_of("local_linear")], baselines=False)
    seen = []
    records = run(cells, progress=lambda done, total, note: seen.append(note))
    assert seen == ["", "local_linear on forecast/henon-v1", "local_linear on forecast/logistic-v1"]
    assert [record.task for record in records] == [cell.task.id for cell in cells]
    turned = run(cells[::-1])[::-1]
    assert [r.window_scores for r in records] == [r.window_scores for r in turned]


def test_what_travels_to_a_cluster_is_what_a_forecaster_may_see():
    sent = []

    class Spying(ThreadPoolExecutor):
        def submit(self, function, *args):
            sent.append(args)
            return super().submit(function, *args)

    with Spying(1) as machines:
        cells = plan([HENON], [spec_of("local_linear")])
        records = run(cells, cluster=Cluster(machines, 1))
    assert [r.status for r in records] == ["ok"] * 5
    assert len(sent) == 4  # the ceiling stays with the harness
    for budget, require, job, train, context in sent:
        assert isinstance(budget, Budget)
        assert require == ""
        assert "henon" not in repr(job)
        assert train.shape == (1, 500, 2)
        assert context.shape == (3, 64, 2)


def test_a_machine_that_is_lost_is_a_crash():
    class Broken(ThreadPoolExecutor):
        def submit(self, function, *args):
            raise RuntimeError("the scheduler is gone")

    with Broken(1) as machines:
        (record,) = run(
            plan([HENON], [spec_of("local_linear")], baselines=False), cluster=Cluster(machines, 1)
        )
    assert record.status == "crashed"
    assert "the scheduler is gone" in record.message


@pytest.mark.slow
def test_a_dask_cluster_gives_the_records_of_this_machine(tmp_path):
    from dask.distributed import LocalCluster

    specs = [spec_of("local_linear"), spec_of("segfaults", plugins=[FAULTY])]
    cells = plan([HENON], specs, seeds=(0, 1), baselines=False)
    here = run(cells)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            local_directory=str(tmp_path / "dask"),
        ) as machines,
        connect(machines.scheduler_address) as cluster,
    ):  # fmt: skip
        assert cluster.slots == 2
        there = run(cells, directory=tmp_path / "run", cluster=cluster)
    assert [r.status for r in here].count("crashed") == 2
    for one, other in zip(here, there, strict=True):
        assert (one.forecaster, one.seed) == (other.forecaster, other.seed)
        assert one.status == other.status
        assert (one.scores, one.window_scores) == (other.scores, other.window_scores)
    assert len(list((tmp_path / "run/records").glob("*.parquet"))) == len(cells)


def test_no_cluster_at_an_address_is_one_sentence(tmp_path, monkeypatch):
    done = subprocess.run(
        [sys.executable, "-m", "chaosbench.cli", "run", "forecast/henon-v1", "--out",
         str(tmp_path / "r"), "--cluster", "nonsense://nowhere"],
        capture_output=True, text=True, timeout=120, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: no Dask scheduler answers at 'nonsense")
    monkeypatch.setattr("chaosbench.isolation.cluster.TIMEOUT", 0.3)
    with pytest.raises(InputError, match="no Dask scheduler"), connect("tcp://127.0.0.1:9"):
        pass
