"""Every way a forecaster can fail ends as an Outcome, within its budget."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from chaosbench.evaluation._process import Budget, WorkerProcess

FAULTY = str(Path(__file__).parent / "faulty.py")
TRAIN = np.random.default_rng(0).standard_normal((1, 200, 2))
CONTEXT = np.random.default_rng(1).standard_normal((3, 20, 2))
HORIZON = 10


def job(name, **config):
    return {
        "forecaster": name, "config": config, "plugins": [FAULTY], "seed": 0, "learn": "train",
        "tune": 0, "dt": 0.1, "horizon": HORIZON,
    }  # fmt: skip


@pytest.fixture
def worker():
    made = WorkerProcess(Budget(seconds=20.0, memory_mib=700.0))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("segfaults", "crashed", "SIGSEGV"),
        ("exits", "crashed", "exit code 3. the licence has expired"),
        ("allocates", "out_of_memory", "allocate"),
        ("grows", "out_of_memory", "more than 700 MiB"),
        ("raises", "crashed", "ZeroDivisionError: as it happens"),
        ("diverges", "diverged", "the loss became infinite"),
        ("blows_up", "diverged", "not finite"),
        ("wrong_shape", "invalid", "expected (n, H, d) = (3, 10, 2)"),
        ("complex_numbers", "invalid", "complex128"),
        ("objects", "invalid", "object"),
        ("no_forecast", "invalid", "must return a chaosbench Forecast"),
        ("writes_on_the_pipe", "invalid", "no valid answer"),
    ],
)
def test_a_fault_becomes_a_status_and_the_next_cell_runs(worker, name, status, words):
    outcome = worker.run(job(name), TRAIN, CONTEXT)
    assert outcome.status == status, outcome.message
    assert words.lower() in outcome.message.lower()
    after = worker.run(job("good", level=2.0), TRAIN, CONTEXT)
    assert after.status == "ok", after.message
    assert (after.values == 2.0).all()


@pytest.mark.parametrize("name", ["hangs", "sleeps_in_native_code"])
def test_a_hang_ends_at_its_deadline(name):
    worker = WorkerProcess(Budget(seconds=1.5))
    try:
        start = time.monotonic()
        outcome = worker.run(job(name), TRAIN, CONTEXT)
        assert outcome.status == "timeout"
        assert time.monotonic() - start < 10.0  # the budget, a start and a kill
        assert worker.run(job("good"), TRAIN, CONTEXT).status == "ok"
    finally:
        worker.close()


def test_a_flood_of_output_is_swallowed(worker):
    assert worker.run(job("chatters"), TRAIN, CONTEXT).status == "ok"


def test_the_process_outlives_a_cell(worker):
    asked = [worker.run(job("counts"), TRAIN, CONTEXT).values[0, 0, 0] for _ in range(3)]
    assert asked == [1.0, 2.0, 3.0]


def test_costs_are_those_of_the_process(worker):
    costs = worker.run(job("good"), TRAIN, CONTEXT).costs
    assert set(costs) == {"fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib"}
    assert 10.0 < costs["peak_memory_mib"] < 700.0
    assert all(value >= 0.0 for value in costs.values())


def test_an_unknown_plugin_file_is_a_crash_with_its_name(worker):
    outcome = worker.run(job("good") | {"plugins": ["/no/such/file.py"]}, TRAIN, CONTEXT)
    assert outcome.status == "crashed"
    assert "/no/such/file.py" in outcome.message


def test_the_future_and_the_files_are_not_in_the_process(worker):
    outcome = worker.run(job("looks_around"), TRAIN, CONTEXT)
    assert outcome.status == "ok"
    assert (outcome.values == 0.0).all()


def test_the_truth_is_not_in_the_address_space(tmp_path):
    """Search the worker's memory for a marker that only the truth contains."""
    import chaosbench.evaluation._runner as runner
    from chaosbench.evaluation import plan, run, spec_of
    from chaosbench.tasks import registry

    task = registry["forecast/henon-v1"]
    worker_pids = []
    original = WorkerProcess.run

    def spy(self, job, train, context, **more):
        outcome = original(self, job, train, context, **more)
        worker_pids.append((self._alive.pid, _memory(self._alive.pid)))
        return outcome

    WorkerProcess.run = spy
    try:
        run(plan([task], [spec_of("persistence")], baselines=False), directory=tmp_path / "r")
    finally:
        WorkerProcess.run = original
    exam = runner.load_exam(runner.open_dataset(tmp_path / "r/data/forecast-henon-v1"), task)
    ((_, memory),) = worker_pids
    seen = exam.context[0, -1].tobytes()
    hidden = [exam.truth[k, 5:7].tobytes() for k in range(5)]
    assert seen in memory  # the search does find what was sent
    assert not any(part in memory for part in hidden)


def _memory(pid):
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, modes, *_ = line.split()
            if "rw" not in modes:
                continue
            low, high = (int(v, 16) for v in span.split("-"))
            try:
                mem.seek(low)
                found.append(mem.read(high - low))
            except OSError:
                continue
    return b"".join(found)
