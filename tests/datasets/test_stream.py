"""Datasets in parts: bounded memory, any number of workers, resumed after anything."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from chaosbench.datasets import Dataset, Tally, _generate, generate, open_dataset, size_of, verify
from chaosbench.datasets import _make as make_module
from chaosbench.datasets import _parts as parts_module
from chaosbench.datasets import _recipe as recipe_module
from chaosbench.datasets import _truth as truth_module
from chaosbench.datasets.corruptions import Coloured, Delays, Drift, Gaussian, MissingBlocks
from chaosbench.errors import CorruptDataError, InputError

MANY = Dataset(
    systems=("lorenz", "henon"), train_points=100, train_trajectories=21, windows=3, context=20,
    horizon_lyapunov=0.5, validation_trajectories=5, certify=False, transient=5.0,
    corruptions=(Coloured(0.1), MissingBlocks(0.1, 5.0)),
)  # fmt: skip


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(directory)): p.read_bytes()
        for p in sorted(directory.rglob("*"))
        if p.is_file()
    }


@pytest.fixture
def small(monkeypatch):
    """Make parts of a few trajectories."""
    monkeypatch.setattr(parts_module, "ROWS", 400)


@pytest.fixture
def short(monkeypatch):
    """Cut trajectories into segments of 64 samples."""
    for module in (parts_module, recipe_module, truth_module):
        monkeypatch.setattr(module, "SEGMENT", 64)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The dataset MANY in files that hold a whole split each."""
    return generate(MANY, tmp_path_factory.mktemp("whole") / "data")


class TestParts:
    def test_hold_what_one_file_does(self, small, whole, tmp_path):
        stored = generate(MANY, tmp_path / "data")
        assert len(stored.entries("lorenz", "train")) == 6
        assert stored.hash == whole.hash
        for name in MANY.systems:
            assert stored.splits(name) == whole.splits(name)
            for split in stored.splits(name):
                ours, theirs = stored.load(name, split), whole.load(name, split)
                assert ours.values.tobytes() == theirs.values.tobytes()
                assert np.array_equal(ours.start_times, theirs.start_times)
                assert ours.variables == theirs.variables

    @pytest.mark.parametrize("workers", [2, 8])
    def test_have_the_same_bytes_for_any_number_of_workers(self, small, tmp_path, workers):
        generate(MANY, tmp_path / "one")
        generate(MANY, tmp_path / "many", workers=workers)
        assert contents(tmp_path / "many") == contents(tmp_path / "one")

    def test_have_bounded_sizes_and_row_groups(self, small, tmp_path):
        stored = generate(MANY, tmp_path / "data")
        for relative, entry in stored.manifest["files"].items():
            assert entry["rows"] <= 400
            assert pq.ParquetFile(stored.directory / relative).metadata.num_rows == entry["rows"]

    def test_a_missing_part_is_noticed(self, small, tmp_path):
        stored = generate(MANY, tmp_path / "data")
        relative, _ = stored.entries("lorenz", "train")[2]
        (stored.directory / relative).unlink()
        with pytest.raises(CorruptDataError, match=r"train-00002\.parquet is missing"):
            stored.load("lorenz", "train")

    def test_two_parts_in_each_others_place_are_noticed(self, small, tmp_path):
        stored = generate(MANY, tmp_path / "data")
        one, two = (stored.directory / p for p, _ in stored.entries("lorenz", "train")[:2])
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)
        for act in (lambda: verify(stored.directory), lambda: stored.load("lorenz", "train")):
            with pytest.raises(CorruptDataError, match=r"train-0000[01]\.parquet is not the file"):
                act()

    def test_the_size_is_known_beforehand(self, small, tmp_path):
        rows, size = size_of(MANY)
        tally = Tally()
        stored = generate(MANY, tmp_path / "data", tally=tally)
        made = stored.manifest["files"].values()
        assert rows == tally.rows == tally.rows_done == sum(entry["rows"] for entry in made)
        assert size == tally.bytes
        assert tally.bytes_done == sum(p.stat().st_size for p in tmp_path.rglob("*-0*.parquet")) + (
            sum(
                (stored.directory / p).stat().st_size
                for p in stored.manifest["files"]
                if "-" not in p
            )
        )

    def test_the_estimate_of_bytes_holds_for_chaotic_numbers(self, tmp_path):
        recipe = Dataset(systems=("lorenz",), train_points=50_000, windows=0, certify=False)
        for precision in ("float64", "float32"):
            data = dataclasses.replace(recipe, precision=precision)
            stored = generate(data, tmp_path / precision)
            (entry,) = stored.manifest["files"].values()
            assert 0.75 * size_of(data)[1] < entry["bytes"] <= size_of(data)[1]


class TestSegments:
    LONG = Dataset(
        systems=("lorenz",), train_points=300, train_trajectories=2, windows=0, certify=True,
        corruptions=(Coloured(0.1), Drift(0.5), Delays("x", 3, 4), Gaussian(0.01)),
    )  # fmt: skip

    def test_a_long_trajectory_lies_in_several_files(self, short, tmp_path):
        stored = generate(self.LONG, tmp_path / "data", workers=2)
        assert self.LONG.recipe()["segment"] == 64
        assert len(stored.entries("lorenz", "train")) == 10
        clean, seen = stored.load("lorenz", "train_clean"), stored.load("lorenz", "train")
        assert clean.values.shape == (2, 300, 3)
        assert seen.variables == ("x", "x_lag4", "x_lag8")
        assert np.array_equal(seen.values[:, 8:, 2] * 0, np.zeros((2, 292)))
        # the integration goes on: from each sample the equation leads to the next one
        import chaosbench as cb

        for k in (0, 63, 64, 127, 128, 255):
            next_ = cb.simulate("lorenz", ic=clean.values[0, k], points=2, dt=clean.dt, rtol=1e-13)
            assert np.allclose(next_.values[0, 1], clean.values[0, k + 1], atol=1e-9)

    def test_the_pieces_see_what_the_whole_does(self, short, monkeypatch, tmp_path):
        """Noise does not depend on the cut; the clean samples do by the error of their steps."""
        cut = generate(dataclasses.replace(self.LONG), tmp_path / "cut")
        monkeypatch.undo()
        whole = generate(dataclasses.replace(self.LONG), tmp_path / "whole")
        assert cut.hash != whole.hash  # other numbers have another name
        added = [
            made.load("lorenz", "train").values[..., 0]
            - made.load("lorenz", "train_clean").values[..., 0]
            for made in (cut, whole)
        ]
        assert np.abs(added[0] - added[1]).max() < 1e-12
        first = [made.load("lorenz", "train_clean").values[:, :64] for made in (cut, whole)]
        # the last step before the cut is shorter: errors of some 1e-12, which grow fourfold
        assert np.allclose(*first, rtol=0, atol=1e-9)

    def test_their_certificate_is_that_of_the_first_piece(self, short, tmp_path):
        stored = generate(dataclasses.replace(self.LONG, corruptions=()), tmp_path / "data")
        made = stored.load("lorenz", "train")
        assert np.allclose(made.certified_until, 63 * made.dt)

    @pytest.mark.parametrize("system", ["mackey_glass", "henon", "duffing"])
    def test_exact_and_delayed_and_driven_trajectories_go_on_too(self, short, tmp_path, system):
        recipe = Dataset(systems=(system,), train_points=200, windows=0, exact=True, bounded=True)
        stored = generate(recipe, tmp_path / "data")
        made = stored.load(system, "train")
        whole = truth_module.integrate(recipe, system, "train", recipe.pace(system))
        assert np.allclose(made.values[0, :100], whole.values[0, :100], atol=1e-8)
        table = pq.read_table(stored.directory / stored.entries(system, "train")[1][0])
        assert table["step"][0].as_py() == 64
        assert table["time"][0].as_py() == pytest.approx(made.start_times[0] + 64 * made.dt)

    def test_what_is_there_is_not_written_again(self, short, tmp_path):
        def stop(done, total, what):
            if done == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            generate(self.LONG, tmp_path / "data", progress=stop)
        before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*.parquet")}
        assert len(before) >= 7
        generate(self.LONG, tmp_path / "data")
        after = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*.parquet")}
        kept = [p for p, stamp in before.items() if after[p] == stamp]
        assert len(kept) >= 7
        generate(self.LONG, tmp_path / "again")
        assert contents(tmp_path / "again") == contents(tmp_path / "data")


class Killed(BaseException):
    """Stands for the end of the process: nothing but Python's own cleaning up runs after it."""


class TestInterruptions:
    """The fast form: the process ends before or after a write, a rename or a note."""

    @pytest.mark.parametrize("moment", ["before writing", "while writing", "before the note"])
    @pytest.mark.parametrize("count", [1, 12])
    def test_any_moment(self, small, whole, monkeypatch, tmp_path, moment, count):
        left = [count]

        def dying(function, *, after):
            def call(*args, **settings):
                left[0] -= 1
                if left[0] == 0 and not after:
                    raise Killed
                made = function(*args, **settings)
                if left[0] == 0:
                    raise Killed
                return made

            return call

        with monkeypatch.context() as patch:
            if moment == "before writing":
                write = dying(make_module.write_trajectories, after=False)
                patch.setattr(make_module, "write_trajectories", write)
            elif moment == "while writing":
                patch.setattr(pq, "write_table", dying(pq.write_table, after=True))
            else:
                patch.setattr(_generate, "_note", dying(_generate._note, after=False))
            with pytest.raises(Killed):
                generate(MANY, tmp_path / "data", workers=2)
        directory = tmp_path / "data"
        with pytest.raises(CorruptDataError, match="not a finished dataset"):
            open_dataset(directory)
        noted = set(_generate._finished(directory))
        stamps = {p: (directory / p).stat().st_mtime_ns for p in noted}
        (directory / "data").mkdir(exist_ok=True)
        (directory / "data" / ".train.parquet.123-456").write_bytes(b"left by a killed process")
        stored = generate(MANY, directory)
        assert {p: (directory / p).stat().st_mtime_ns for p in noted} == stamps  # nothing was lost
        assert not list(directory.rglob(".*"))
        for name in MANY.systems:
            for split in stored.splits(name):
                assert (
                    stored.load(name, split).values.tobytes()
                    == whole.load(name, split).values.tobytes()
                )

    @pytest.mark.parametrize("damage", ["cut", "flipped", "swapped", "torn note"])
    def test_a_part_that_is_damaged_meanwhile_is_made_again(self, small, tmp_path, damage):
        def stop(done, total, what):
            if done == 9:
                raise KeyboardInterrupt

        directory = tmp_path / "data"
        with pytest.raises(KeyboardInterrupt):
            generate(MANY, directory, progress=stop)
        one, two = sorted((directory / "data").rglob("*-0*.parquet"))[:2]
        held = one.read_bytes()
        if damage == "cut":
            one.write_bytes(held[:-9])
        elif damage == "flipped":
            one.write_bytes(held[:500] + bytes([held[500] ^ 1]) + held[501:])
        elif damage == "swapped":
            other = two.read_bytes()
            two.write_bytes(held)
            one.write_bytes(other)
        else:
            parts = directory / "_parts.jsonl"
            parts.write_bytes(parts.read_bytes()[:-40] + b"\xff\x00")
        generate(MANY, directory)
        generate(MANY, tmp_path / "other")
        assert contents(directory) == contents(tmp_path / "other")


class TestDisk:
    def test_what_it_has_no_room_for_is_refused(self, tmp_path, monkeypatch):
        usage = shutil.disk_usage(tmp_path)._replace(free=1000)
        monkeypatch.setattr(_generate.shutil, "disk_usage", lambda path: usage)
        with pytest.raises(InputError, match=r"takes about .* GB, but only 1e-06 GB are free"):
            generate(MANY, tmp_path / "data")
        assert not (tmp_path / "data" / "data").exists()

    def test_what_is_there_needs_no_room(self, small, tmp_path, monkeypatch):
        def stop(done, total, what):
            if done == total:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            generate(MANY, tmp_path / "data", progress=stop)
        usage = shutil.disk_usage(tmp_path)._replace(free=0)
        monkeypatch.setattr(_generate.shutil, "disk_usage", lambda path: usage)
        assert generate(MANY, tmp_path / "data").hash == MANY.hash

    def test_one_that_fills_up_loses_nothing(self, small, tmp_path):
        """Files may not grow beyond a limit, as on a full disk."""
        directory = tmp_path / "data"
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (7000, hard))
            with pytest.raises(OSError, match="large"):
                generate(MANY, directory)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, former)
        assert not list(directory.rglob("*.parquet.*"))
        generate(MANY, directory)
        generate(MANY, tmp_path / "other")
        assert contents(directory) == contents(tmp_path / "other")


def test_two_writers_in_one_directory_make_it_once(small, tmp_path):
    made, waited = [], []

    def write(number):
        def told(done, total, what):
            if "waiting" in what:
                waited.append(number)
            else:
                made.append((number, done))

        generate(MANY, tmp_path / "data", progress=told)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({number for number, _ in made}) == 1
    assert len(made) == len(open_dataset(tmp_path / "data").manifest["files"])
    verify(tmp_path / "data")


SCRIPT = """
import sys
from chaosbench.datasets import Dataset, _parts, generate
from chaosbench.datasets.corruptions import Gaussian
_parts.ROWS = 4000
generate(Dataset(
    systems=("lorenz", "rossler"), train_points=1000, train_trajectories=60, windows=5,
    context=20, horizon_lyapunov=0.5, corruptions=(Gaussian(0.1),),
), sys.argv[1], workers=2)
"""


KILLER = """
import json, os, pathlib, random, shutil, signal, sys, time
from chaosbench.datasets import Dataset, _generate, _parts, generate
from chaosbench.datasets.corruptions import Gaussian
_parts.ROWS = 4000
recipe = Dataset(
    systems=("lorenz", "rossler"), train_points=1000, train_trajectories=60, windows=5,
    context=20, horizon_lyapunov=0.5, corruptions=(Gaussian(0.1),),
)
whole, place = (pathlib.Path(p) for p in sys.argv[1:])
generate(recipe, whole)
began = time.monotonic()
generate(recipe, place, workers=2)
length = time.monotonic() - began
shutil.rmtree(place)
draws = random.Random(0)
kills, finished, lost, most, known = 0, 0, 0, 0, {}
while kills < 20 and finished < 20:
    child = os.fork()
    if not child:
        generate(recipe, place, workers=2)
        os._exit(0)
    end = time.monotonic() + draws.uniform(0.0, 0.9) * length
    while (done := os.waitpid(child, os.WNOHANG)[0] == child) is False and time.monotonic() < end:
        time.sleep(0.001)
    if not done:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
    if (place / "_manifest.json").exists():
        finished += 1
        for path in whole.rglob("*"):
            if path.is_file():
                assert (place / path.relative_to(whole)).read_bytes() == path.read_bytes(), path
        shutil.rmtree(place)
        known = {}
        continue
    noted = set(_generate._finished(place)) if place.exists() else set()
    lost += len(known.keys() - noted)
    lost += sum((place / p).stat().st_mtime_ns != t for p, t in known.items() if p in noted)
    known = {p: (place / p).stat().st_mtime_ns for p in noted}
    most = max(most, len(noted))
generate(recipe, place)
print(json.dumps({"kills": kills, "finished": finished, "lost": lost, "most": most}))
"""


@pytest.mark.slow
def test_twenty_kills_at_random_moments(tmp_path):
    """A process that has all its code compiled forks, and each child is killed while it writes."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, tmp_path / "whole", tmp_path / "data"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] == 20
    assert told["lost"] == 0
    assert told["finished"] >= 1
    assert told["most"] > 3
    assert contents(tmp_path / "data") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_in_one_directory(tmp_path):
    command = [sys.executable, "-c", SCRIPT]
    subprocess.run([*command, tmp_path / "whole"], check=True)
    both = [subprocess.Popen([*command, tmp_path / "data"]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert contents(tmp_path / "data") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes_and_may_lose_a_worker(tmp_path):
    from dask import distributed

    recipe = Dataset(
        systems=("lorenz", "rossler"), train_points=2000, train_trajectories=40, windows=2,
        context=20, horizon_lyapunov=0.5,
    )  # fmt: skip
    parts_module.ROWS, former = 4000, parts_module.ROWS
    try:
        generate(recipe, tmp_path / "here")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            client.run(_shrink)
            pids = list(client.run(os.getpid).values())

            def told(done, total, what):
                if done == 5:
                    os.kill(pids[0], signal.SIGKILL)

            generate(
                recipe, tmp_path / "there", executor=client.get_executor(pure=False, retries=0),
                workers=2, progress=told,
            )  # fmt: skip
    finally:
        parts_module.ROWS = former
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def _shrink():
    parts_module.ROWS = 4000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_dataset(tmp_path):
    """Measured in processes of their own; the smaller one has a part or two, the other sixteen."""
    code = (
        "import resource, sys, numpy\n"
        "from chaosbench.datasets import Dataset, generate\n"
        "generate(Dataset(systems=('lorenz',), train_points=100_000, windows=0, certify=False,\n"
        "    train_trajectories=int(sys.argv[1]), integrator='taylor-lanes', rtol=1e-8),\n"
        "    sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for count in (16, 128):
        done = subprocess.run(
            [sys.executable, "-c", code, str(count), tmp_path / str(count)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < 500
    assert peaks[1] < peaks[0] + 60


def test_the_note_of_a_finished_part_is_one_line(small, tmp_path):
    def stop(done, total, what):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(MANY, tmp_path / "data", progress=stop)
    lines = (tmp_path / "data" / "_parts.jsonl").read_text().split()
    told = [json.loads(line) for line in " ".join(lines).replace("} {", "}\n{").splitlines()]
    assert all(entry["layout"] == 3 for entry in told)
