"""The whole way through the command line: killed, resumed, compared byte by byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import chaosbench as cb
from chaosbench.testing import check_forecaster

TIMINGS = ["fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib"]
"""What two runs measure differently; the checksum of a record covers them too."""

SLOW = """\
import time
from dataclasses import dataclass
import numpy as np
from chaosbench import Forecast

@dataclass(frozen=True)
class Slow:
    seconds: float = 1.5
    def fit(self, train, *, seed):
        time.sleep(self.seconds)
        return self
    def predict(self, context, horizon):
        return Forecast(np.repeat(context[:, -1:], horizon, axis=1))
"""


def command(*args):
    return [sys.executable, "-m", "chaosbench.cli", *map(str, args)]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """Return the arguments and the directory of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("runs")
    plugin = folder / "slow.py"
    plugin.write_text(SLOW)
    args = (
        "run", "forecast/henon-v1", "forecast/logistic-v1", "-f", "nvar", "-f", "slow", "--plugin",
        plugin,
    )  # fmt: skip
    whole = folder / "whole"
    done = subprocess.run(command(*args, "--out", whole), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((whole / "records").glob("*.parquet"))) == 12
    return args, whole


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, whole_run, blow):
    args, whole = whole_run
    broken = tmp_path / "broken"
    running = subprocess.Popen(
        command(*args, "--out", broken), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(broken.glob("records/*.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(blow)
    _, words = running.communicate(timeout=30)
    if blow is signal.SIGINT:
        assert running.returncode == 130
        assert b"goes on from there" in words
        assert b"Traceback" not in words
    finished = {p: p.stat().st_mtime_ns for p in broken.glob("records/*.parquet")}
    assert 1 <= len(finished) < 12

    again = subprocess.run(command(*args, "--out", broken), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert all(p.stat().st_mtime_ns == t for p, t in finished.items())  # nothing was done twice
    compare(whole, broken)


ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "told to end",
           signal.SIGHUP: "its terminal is gone", signal.SIGKILL: ""}  # fmt: skip


@pytest.mark.parametrize("blow", ENDINGS)
@pytest.mark.parametrize("when", ["while it works", "while it is imported"])
def test_a_signal_ends_everything_that_was_started(tmp_path, blow, when):
    """Within a second, also when the harness has no time to do it."""
    plugin, out = tmp_path / "slow.py", tmp_path / "run"
    early = "time.sleep(600)\n" if when == "while it is imported" else ""
    # processes of its own, one of which has left session and parent
    child = "        if os.fork() == 0:\n            os.setsid()\n            time.sleep(600)\n"
    source = SLOW.replace("        time.sleep", f"{child}        time.sleep").replace(
        "1.5", "600.0"
    )
    plugin.write_text(f"import os, time\n{early}{source}")
    running = subprocess.Popen(
        command("run", "forecast/henon-v1", "-f", "slow", "--plugin", plugin, "--out", out),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    depth = 5 if when == "while it works" else 4  # template, keeper, first, process, its child
    while len(chain := started_by(running.pid)) < depth:
        assert time.monotonic() < deadline, running.communicate()
        time.sleep(0.05)
    running.send_signal(blow)
    _, words = running.communicate(timeout=30)
    end = time.monotonic() + 1.0
    while time.monotonic() < end and any(map(runs, chain)):
        time.sleep(0.02)
    assert not list(filter(runs, chain))
    assert running.returncode == (-9 if blow == signal.SIGKILL else 128 + blow)
    assert words.decode().count(ENDINGS[blow]) == 1 or blow == signal.SIGKILL
    assert b"Traceback" not in words


def started_by(pid):
    """List the processes below one whose chain is the longest."""
    below = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below += [int(number) for number in child.read_text().split()]
        except OSError:
            continue
    return max(([child, *started_by(child)] for child in below), key=len, default=[])


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def compare(one, other):
    """Data, forecasts and manifests byte by byte; records without their timings.

    Checksums differ with the timings. Reading a record compares it with its own checksum.
    """
    names = sorted(str(p.relative_to(one)) for p in one.rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(other)) for p in other.rglob("*") if p.is_file())
    for name in names:
        if name.startswith("records/"):
            a, b = (
                pq.read_table(d / name).drop_columns([*TIMINGS, "checksum"]) for d in (one, other)
            )
            assert a.equals(b), name
            assert len(list(cb.read_records(one / name))) == a.num_rows
            assert len(list(cb.read_records(other / name))) == b.num_rows
        else:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_plugin_package_installs_passes_its_test_and_gets_a_rank(tmp_path):
    """`plugin new`, pip install in a fresh virtual environment, list, test, run, rank."""
    made = subprocess.run(
        command("plugin", "new", "my_method", "--out", tmp_path / "package"),
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    # what chaosbench needs is seen through a path file; installing it anew would take a minute
    folders = [p for p in sys.path if p.endswith("site-packages")]
    folders.append(os.path.dirname(os.path.dirname(cb.__file__)))
    (site,) = (venv / "lib").glob("python*/site-packages")
    (site / "parent.pth").write_text("\n".join(folders))
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", tmp_path / "package"], check=True
    )

    def inside(*args):
        result = subprocess.run(
            [python, *map(str, args)], capture_output=True, text=True, cwd=tmp_path
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    assert "my_method" in inside("-m", "chaosbench.cli", "forecasters", "list")
    assert "passed" in inside("-m", "pytest", "-q", tmp_path / "package" / "tests")
    inside(
        "-m", "chaosbench.cli", "run", "forecast/lorenz-v1", "-f", "my_method", "--out",
        tmp_path / "run",
    )  # fmt: skip
    standings = cb.leaderboard(cb.read_records(tmp_path / "run"))
    scores = {standing.forecaster: standing.score for standing in standings}
    assert not any(standing.failures for standing in standings)
    # What the template makes, a quadratic map from step to step, is a weak forecaster: its median
    # over 20 windows was .67 to 1.35 Lyapunov times in six exams, parroting's is about as much.
    assert scores["my_method"] > 5 * scores["persistence"] > 5 * scores["climatology"]


def test_the_readmes_forecaster_in_twenty_lines_works(tmp_path):
    """The example in the README, cut out of it and run."""
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    source = text.split("```python\n# my_method.py\n", 1)[1].split("```", 1)[0]
    assert len(source.strip().splitlines()) <= 20
    path = tmp_path / "my_method.py"
    path.write_text(source)
    from chaosbench.isolation.plugins import load_plugin

    (name,) = load_plugin(path)
    check_forecaster(cb.forecasters[name]())
    cb.forecasters.registry.discard(name)
    (record,) = cb.evaluate(name, "forecast/henon-v1", plugins=[path], directory=tmp_path / "run")
    assert record.status == "ok", record.message
    assert np.median(record.window_scores["vpt@0.4"]) > 1.0
