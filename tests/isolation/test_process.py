"""Every way a forecaster can fail ends as an Outcome, within its budget."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chaosbench.datasets import read_trajectories
from chaosbench.errors import InputError
from chaosbench.evaluation import run, spec_of
from chaosbench.evaluation._cell import Cell
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation import _templates
from chaosbench.isolation._tree import Tree, descendants
from chaosbench.isolation.outcome import Budget
from chaosbench.isolation.process import WorkerProcess, isolation
from chaosbench.isolation.sandbox import readable
from chaosbench.tasks import registry

FAULTY = str(Path(__file__).parent / "faulty.py")
TRAIN = np.random.default_rng(0).standard_normal((1, 200, 2))
CONTEXT = np.random.default_rng(1).standard_normal((3, 20, 2))
HORIZON = 10


def job(name, **config):
    return {
        "forecaster": name, "config": config, "plugins": [FAULTY], "seed": 0, "learn": "train",
        "dt": 0.1, "horizon": HORIZON,
    }  # fmt: skip


@pytest.fixture(params=["as the system allows", "without namespaces"])
def worker(request, monkeypatch):
    monkeypatch.setattr(_templates, "WANTED", request.param == "as the system allows")
    made = WorkerProcess(Budget(seconds=20.0, memory_mib=700.0))
    yield made
    made.close()
    assert not left()


def left():
    """List what the harness started and has not ended; templates stay."""
    for _ in range(20):
        own = {template._process.pid for template in _templates._TEMPLATES.values()}
        found = [pid for pid in descendants(os.getpid()) if pid not in own and not is_zombie(pid)]
        if not found:
            break
        time.sleep(0.05)  # what has ended takes a moment to disappear
    return found


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


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


def test_a_crash_says_where_it_happened(worker):
    outcome = worker.run(job("raises"), TRAIN, CONTEXT)
    assert outcome.message == "ZeroDivisionError: as it happens"
    first, second, last = outcome.traceback
    assert first.startswith(f'  File "{FAULTY}", line ')
    assert first.endswith(", in fit")
    assert second.strip() == 'raise ZeroDivisionError("as it happens")'
    assert last == "ZeroDivisionError: as it happens"
    assert worker.run(job("good"), TRAIN, CONTEXT).traceback == ()
    assert (
        worker.run(job("diverges"), TRAIN, CONTEXT).traceback == ()
    )  # that it gave up is no crash


def test_a_signal_says_where_it_struck(worker):
    outcome = worker.run(job("segfaults"), TRAIN, CONTEXT)
    assert outcome.message == "the process died of SIGSEGV."
    assert any(f'File "{FAULTY}", line' in line and "in fit" in line for line in outcome.traceback)


def test_a_traceback_is_bounded_and_clean(worker):
    outcome = worker.run(job("recurses"), TRAIN, CONTEXT)
    assert outcome.status == "crashed"
    assert 3 < len(outcome.traceback) <= 20
    assert max(map(len, outcome.traceback)) == 300
    assert all(line.isprintable() for line in outcome.traceback)
    assert "\x1b" not in outcome.message


def test_a_plugin_that_cannot_be_imported_there_says_where(worker, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("def f():\n    return 1 / 0\n\nf()\n")
    outcome = worker.run(job("good") | {"plugins": [str(path)]}, TRAIN, CONTEXT)
    assert "(line 2): ZeroDivisionError" in outcome.message
    assert [line.strip() for line in outcome.traceback] == [
        f'File "{path}", line 4, in <module>', "f()",
        f'File "{path}", line 2, in f', "return 1 / 0", "~~^~~",
        "ZeroDivisionError: division by zero",
    ]  # fmt: skip


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


def test_a_daemon_does_not_outlive_the_process_and_its_memory_counts(worker):
    assert worker.run(job("daemon"), TRAIN, CONTEXT).status == "ok"
    assert not left()
    assert worker.run(job("daemon", mib=800), TRAIN, CONTEXT).status == "out_of_memory"
    assert not left()


def test_a_daemon_does_not_outlive_a_process_that_dies_by_itself(worker):
    outcome = worker.run(job("daemon", dies=True), TRAIN, CONTEXT)
    assert (outcome.status, outcome.message.strip()) == (
        "crashed", "the process ended with exit code 3.",
    )  # fmt: skip
    assert not left()


def test_a_flood_of_output_is_swallowed(worker):
    assert worker.run(job("chatters"), TRAIN, CONTEXT).status == "ok"


def test_a_process_serves_one_request(worker):
    asked = [worker.run(job("counts"), TRAIN, CONTEXT).values[0, 0, 0] for _ in range(3)]
    assert asked == [1.0, 1.0, 1.0]


def test_only_forecasters_of_this_package_are_imported_before_the_clock_starts():
    from chaosbench.isolation.process import _ours

    assert _ours({"forecaster": "persistence", "plugins": []}) == (True, ())
    assert _ours({"forecaster": "esn", "plugins": ["p.py"]}) == (False, ())
    assert _ours({"forecaster": "not_there", "plugins": [], "libraries": ["torch"]}) == (
        False, ("torch",),
    )  # fmt: skip
    declared = {
        library.partition(".")[0]
        for name in forecasters
        for library in getattr(forecasters[name], "libraries", ())
    }
    assert declared == _templates.KNOWN


def test_a_process_that_is_deaf_to_observations_is_a_timeout():
    worker = WorkerProcess(Budget(seconds=1.0))
    arrivals = np.zeros((4, len(CONTEXT), 2))
    try:
        asked = job("stops_reading") | {"observe_every": 2}
        outcome = worker.run(asked, TRAIN, CONTEXT, observations=arrivals)
        assert outcome.status == "timeout"
        assert "longer than 1 s" in outcome.message
    finally:
        worker.close()


SHAPES = {"values": [3, HORIZON, 2]}


def forged(worker, *, number="", **header):
    header = {"status": "ok", "number": "NUMBER", "arrays": SHAPES} | header
    text, numbers = json.dumps(header), 3 * HORIZON * 2 if header["arrays"] else 0
    return worker.run(job("forges", header=text, numbers=numbers, number=number), TRAIN, CONTEXT)


def test_an_answer_is_believed_only_if_it_is_one(worker):
    assert forged(worker).status == "ok"  # the forgery works: what follows is refused for a reason
    for wrong, words in (
        ({"number": "1"}, "it is not the answer to this request"),
        ({"status": "more"}, "it says what has no place here"),
        ({"arrays": SHAPES | {"samples": [0, 3, HORIZON, 2]}}, "its samples have the shape (0, "),
        ({"arrays": {"values": [3, 2, HORIZON]}}, "expected (w, H, d) = (3, 10, 2)"),
        ({"arrays": {"values": [0, 10**30]}}, "too large for any memory"),
        ({"arrays": {"values": [True, 60, True]}}, "whose length is not a length"),
        ({"status": "timeout"}, "its status is 'timeout'"),
        ({"status": ["ok"]}, "its status is of type list"),
        ({"status": "crashed"}, "it holds arrays although its status is 'crashed'"),
        ({"fit_seconds": float("nan")}, "NaN is not a JSON number"),
        ({"message": ["a"]}, "its message is of type list"),
        ({"equations": "x0' = 0"}, "its equations must be a list of text"),
        ({"traceback": [1]}, "its traceback must be a list of text"),
    ):
        outcome = forged(worker, **wrong)
        assert outcome.status == "invalid", wrong
        assert words in outcome.message
        assert outcome.values is None
    assert worker.run(job("good"), TRAIN, CONTEXT).status == "ok"


def test_costs_are_not_what_the_process_says(worker):
    told = {"fit_seconds": -4029, "cpu_seconds": 1e308, "peak_memory_mib": 0}
    outcome = forged(worker, **told)
    assert outcome.status == "ok"
    assert 0 < outcome.costs["fit_seconds"] < 20
    assert 0 < outcome.costs["cpu_seconds"] < 20
    assert outcome.costs["peak_memory_mib"] > 0


def test_a_message_can_be_written_down(worker):
    message = "a\ud800b\n\x1b[31m\u202e" + "x" * 1000
    outcome = forged(worker, status="unsupported", message=message, arrays={})
    assert outcome.status == "unsupported"
    assert outcome.message == "a b  [31m " + "x" * 489 + "…"
    assert outcome.message.encode()


def test_a_deeply_nested_header_is_no_answer(worker):
    deep = '{"arrays": {}, "number": "NUMBER", "status": ' + "[" * 100_000 + "]" * 100_000 + "}"
    outcome = worker.run(job("forges", header=deep), TRAIN, CONTEXT)
    assert outcome.status == "invalid"
    assert "an unreadable header" in outcome.message


@pytest.mark.parametrize("module", ["_worker", "_tuning", "_free_run"])
def test_the_process_imports_nothing_of_the_harness(module):
    code = (
        f"import sys, chaosbench.isolation.inside.{module}\n"
        "theirs = {'systems', 'dynamics', 'datasets', 'tasks', 'evaluation'}\n"
        "parts = {m.split('.')[1] for m in sys.modules if m.startswith('chaosbench.')}\n"
        "assert not parts & theirs, parts & theirs\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_imports_nothing_of_the_harness_for_a_request_either(worker):
    gappy = np.where(np.arange(200)[:, None] == 7, np.nan, TRAIN)
    assert (worker.run(job("looks"), gappy, CONTEXT).values == 0.0).all()


def test_costs_are_those_of_the_process(worker):
    costs = worker.run(job("good"), TRAIN, CONTEXT).costs
    assert set(costs) == {"fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib"}
    assert costs["peak_memory_mib"] < 10.0  # a forecast of sixty numbers, and pages of libraries
    assert all(value >= 0.0 for value in costs.values())


def test_memory_is_that_of_the_cell(worker):
    peaks = [
        worker.run(job(name, **config), TRAIN, CONTEXT).costs["peak_memory_mib"]
        for name, config in (("good", {}), ("hoards", {"mib": 200}), ("good", {}),
                             ("hoards", {"mib": 100}), ("hoards", {"mib": 200}))
    ]  # fmt: skip
    assert peaks == pytest.approx([5, 205, 5, 105, 205], abs=5.0)


def test_an_unknown_plugin_file_is_a_crash_with_its_name(worker):
    outcome = worker.run(job("good") | {"plugins": ["/no/such/file.py"]}, TRAIN, CONTEXT)
    assert outcome.status == "crashed"
    assert "/no/such/file.py" in outcome.message


def test_the_future_and_the_files_are_not_in_the_process(worker):
    outcome = worker.run(job("looks_around"), TRAIN, CONTEXT)
    assert outcome.status == "ok"
    assert (outcome.values == 0.0).all()


def test_what_is_not_the_forecasters_business_is_out_of_reach(tmp_path):
    """Eight ways to the run's directory and to the harness, from inside a run."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        import faulty
    finally:
        sys.path.pop(0)
    task = registry["forecast/henon-v1"]
    spec = spec_of("snoops", plugins=[FAULTY])
    spec = replace(spec, config={**spec.config, "path": str(tmp_path / "r")})
    (record,) = run([Cell(task, spec, 0)], directory=tmp_path / "r")
    assert record.status == "ok", record.message
    (path,) = (tmp_path / "r/forecasts").glob("*.parquet")
    ways_open = read_trajectories(path, dt=1.0, variables=("x", "y")).values[0, 0, 0]
    held = record.provenance["confinement"]
    assert held == isolation()
    # the ways are real: here, where nothing is confined, every one of them is open
    here = faulty.Snoops(path=str(tmp_path / "r")).predict(np.zeros((1, 1, 1)), 1).values[0, 0, 0]
    assert here >= 6.0  # some systems keep processes of one user from each other's memory
    assert ways_open == 0.0 or held == "none"


@pytest.mark.parametrize("place", ["run/data/system=henon/test.parquet", "/proc/HARNESS/mem"])
def test_a_peek_that_is_refused_is_a_crash_with_the_place(worker, tmp_path, place):
    path = tmp_path / place
    if not place.startswith("/"):
        path.parent.mkdir(parents=True)
        path.touch()
    outcome = worker.run(job("peeks", path=str(path)), TRAIN, CONTEXT)
    if outcome.confinement == "none":
        assert outcome.status in ("ok", "crashed")
    else:
        assert outcome.status == "crashed"
        assert outcome.message.startswith(("PermissionError: [Errno 13]", "FileNotFoundError: "))
        assert path.name in outcome.message


def test_a_confined_process_has_what_libraries_need(worker):
    outcome = worker.run(job("scribbles"), TRAIN, CONTEXT)
    if "namespaces" in outcome.confinement:
        assert outcome.status == "ok", outcome.message
    else:  # it has no /dev/shm of its own, where semaphores live
        assert outcome.message.startswith("PermissionError")
        assert worker.run(job("scribbles", alone=True), TRAIN, CONTEXT).status == "ok"


def test_only_modules_of_a_source_tree_may_be_read(tmp_path, monkeypatch):
    for name in ("module.py", "package/__init__.py", "runs/run.json", "truth.parquet"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    (tmp_path / "mine").mkdir()
    for name in ("mine/weights.npz", "mine/other.npz", "mine/data/truth.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "mine/plugin.py").write_text("WEIGHTS = 'weights.npz'\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "tree")])
    monkeypatch.setenv("CHAOSBENCH_ALLOW", "/srv/weights")
    allowed = readable([str(tmp_path / "mine/plugin.py")])
    ours = {path for path in allowed if path.startswith(str(tmp_path))}
    names = ("tree/module.py", "tree/package", "mine/plugin.py", "mine/weights.npz")
    assert ours == {str(tmp_path / name) for name in names}
    assert "/srv/weights" in allowed
    assert sys.prefix in allowed
    assert not {"/", "/tmp", "/home", "/root", "/var"} & set(allowed)


def test_the_process_has_the_modules_of_the_harness(worker):
    """An installed copy must not be run in place of the one in use."""
    import chaosbench

    assert worker.run(job("good"), TRAIN, CONTEXT).status == "ok"
    template = next(t for key, t in _templates._TEMPLATES.items() if key[1] == _templates.WANTED)
    given = Path(f"/proc/{template._process.pid}/cmdline").read_bytes().split(b"\0")[-2]
    paths = json.loads(given)["path"]
    first = next(p for p in paths if (Path(p) / "chaosbench/__init__.py").is_file())
    assert Path(chaosbench.__file__).is_relative_to(first)


def test_the_truth_is_not_in_the_address_space(tmp_path, monkeypatch):
    """Search the worker's memory for a marker that only the truth contains."""
    from chaosbench.datasets import open_dataset
    from chaosbench.evaluation import plan, run, spec_of
    from chaosbench.evaluation.exam import load_exam
    from chaosbench.tasks import registry

    task = registry["forecast/henon-v1"]
    memories = []
    original = Tree.cpu_seconds

    def spy(self):  # the harness asks after the answer, while the process waits
        memories.append(_memory(self.pids()[0]))
        return original(self)

    monkeypatch.setattr(Tree, "cpu_seconds", spy)
    run(plan([task], [spec_of("persistence")], baselines=False), directory=tmp_path / "r")
    exam = load_exam(open_dataset(tmp_path / "r/data/forecast-henon-v1"), task)
    (memory,) = memories
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


@pytest.mark.parametrize("place", ["at its import", "in its libraries"])
def test_what_a_plugin_does_before_its_fit_is_on_the_clock(tmp_path, place):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(2.0)\n")
    plugin = tmp_path / "slow_to_import.py"
    early = "import slow" if place == "at its import" else ""
    plugin.write_text(
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "import numpy as np\n"
        "from chaosbench import Forecast\n"
        f"{early}\n"
        "@dataclass(frozen=True)\n"
        "class SlowToImport:\n"
        "    libraries: ClassVar = ('slow',)\n"
        "    def fit(self, train, *, seed):\n"
        "        return self\n"
        "    def predict(self, context, horizon):\n"
        "        return Forecast(np.repeat(context[:, -1:], horizon, axis=1))\n"
    )
    asked = job("slow_to_import") | {"plugins": [str(plugin)]}
    outcome = WorkerProcess(Budget(seconds=1.0)).run(asked, TRAIN, CONTEXT)
    assert (outcome.status, outcome.message) == (
        "timeout", "fit and predict took longer than 1 s",
    )  # fmt: skip
    outcome = WorkerProcess(Budget(seconds=20.0)).run(asked, TRAIN, CONTEXT)
    assert outcome.status == "ok", outcome.message
    assert outcome.costs["fit_seconds"] > 2.0


def test_a_plugin_that_leads_nowhere_is_given_up(tmp_path):
    plugin = tmp_path / "never_ready.py"
    plugin.write_text("import time\ntime.sleep(600)\n")
    worker = WorkerProcess(Budget(seconds=1.0))
    outcome = worker.run(job("good") | {"plugins": [str(plugin)]}, TRAIN, CONTEXT)
    assert outcome.status == "timeout"
    assert not left()


def test_what_is_hidden_is_empty_wherever_it_lies(tmp_path):
    """Also inside of what may be read."""
    package = tmp_path / "package"
    for place in (package / "__init__.py", package / "runs" / "truth.parquet"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("x = 1\n")
    plugin = tmp_path / "counts_files.py"
    source = Path(FAULTY).read_text().partition("@dataclass(frozen=True)\nclass Wordy")[0]
    plugin.write_text(
        f"{source}\nimport package\n@dataclass(frozen=True)\nclass CountsFiles(Good):\n"
        "    def predict(self, context, horizon):\n"
        f"        found = len(os.listdir({str(package / 'runs')!r}))\n"
        "        return Good(level=float(found)).predict(context, horizon)\n"
    )
    asked = job("counts_files") | {"plugins": [str(plugin)]}
    for hidden, files in (([], 1.0), ([package / "runs"], 0.0)):
        outcome = WorkerProcess(Budget(seconds=20.0), hidden).run(asked, TRAIN, CONTEXT)
        if "namespaces" not in outcome.confinement:
            continue
        assert outcome.status == "ok", outcome.message
        assert outcome.values[0, 0, 0] == files


def test_strong_isolation_can_be_required(monkeypatch):
    strong = isolation()
    worker = WorkerProcess(Budget(seconds=20.0), require="strong")
    if "namespaces" in strong and "landlock" in strong:
        assert worker.run(job("good"), TRAIN, CONTEXT).status == "ok"
    monkeypatch.setattr(_templates, "WANTED", False)
    with pytest.raises(InputError, match="strong isolation is required, and this system has no na"):
        worker.run(job("good"), TRAIN, CONTEXT)
    assert not left()
