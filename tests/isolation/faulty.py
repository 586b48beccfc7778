"""Forecasters that misbehave, each in its own way: a plugin file for the fault tests."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chaosbench import Forecast
from chaosbench.errors import DivergedError
from chaosbench.isolation import _wire


@dataclass(frozen=True)
class Good:
    level: float = 0.0

    def fit(self, train, *, seed):
        return self

    def predict(self, context, horizon):
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), self.level))


@dataclass(frozen=True)
class Wordy(Good):
    def equations(self):
        return ["a\nb\x1b[31m<script>", "x" * 5000, *["y"] * 998]


@dataclass(frozen=True)
class Mute(Good):
    def equations(self):
        return "x0' = 0"


@dataclass(frozen=True)
class Hangs(Good):
    def fit(self, train, *, seed):
        while True:
            pass


@dataclass(frozen=True)
class SleepsInNativeCode(Good):
    def fit(self, train, *, seed):
        ctypes.CDLL(None).sleep(3600)


@dataclass(frozen=True)
class Segfaults(Good):
    def fit(self, train, *, seed):
        ctypes.string_at(0)


@dataclass(frozen=True)
class Exits(Good):
    def fit(self, train, *, seed):
        sys.stderr.write("the licence has expired\n")
        sys.stderr.flush()
        os._exit(3)


@dataclass(frozen=True)
class Allocates(Good):
    def fit(self, train, *, seed):
        self.hoard = np.ones(100 * 2**27)  # 100 GiB
        return self


@dataclass(frozen=True)
class Grows(Good):
    """Grows in a child process, which no limit of its own process would notice."""

    def fit(self, train, *, seed):
        if os.fork() == 0:
            hoard = []
            while True:
                hoard.append(np.ones(2**20))
                time.sleep(0.001)
        time.sleep(3600)


@dataclass(frozen=True)
class Daemon(Good):
    """Leaves a process behind that has no parent, no group and no environment of ours."""

    mib: int = 0
    dies: bool = False

    def fit(self, train, *, seed):
        source, sink = os.pipe()
        middle = os.fork()
        if middle == 0:
            os.setsid()
            if os.fork() == 0:
                held = np.ones((self.mib, 2**17))  # a MiB a row
                os.write(sink, b"!")
                time.sleep(60 + held.size % 2)
            os._exit(0)
        os.waitpid(middle, 0)
        os.read(source, 1)
        if self.dies:
            os._exit(3)
        time.sleep(1.0)  # for the watch on memory to see it
        return self


@dataclass(frozen=True)
class Raises(Good):
    def fit(self, train, *, seed):
        raise ZeroDivisionError("as it happens")


@dataclass(frozen=True)
class Recurses(Good):
    def fit(self, train, *, seed, depth=0):
        if depth == 30:
            raise ValueError("\x1b[31m\u202e" + "x" * 5000)
        return getattr(self, "fit" if depth % 2 else "again")(train, seed=seed, depth=depth + 1)

    def again(self, train, *, seed, depth):
        return self.fit(train, seed=seed, depth=depth)


@dataclass(frozen=True)
class Diverges(Good):
    def fit(self, train, *, seed):
        raise DivergedError("the loss became infinite")


@dataclass(frozen=True)
class BlowsUp(Good):
    def predict(self, context, horizon):
        values = np.repeat(context[:, -1:], horizon, axis=1)
        values[:, horizon // 2 :] = np.nan
        return Forecast(values)


@dataclass(frozen=True)
class WrongShape(Good):
    def predict(self, context, horizon):
        return Forecast(np.zeros((1, horizon + 1, context.shape[2])))


@dataclass(frozen=True)
class ComplexNumbers(Good):
    def predict(self, context, horizon):
        return Forecast(np.zeros((len(context), horizon, context.shape[2]), dtype=complex))


@dataclass(frozen=True)
class Objects(Good):
    def predict(self, context, horizon):
        return Forecast(np.full((len(context), horizon, context.shape[2]), None))


@dataclass(frozen=True)
class NoForecast(Good):
    def predict(self, context, horizon):
        return context


@dataclass(frozen=True)
class Chatters(Good):
    def fit(self, train, *, seed):
        line = "x" * 2**20
        for _ in range(256):
            sys.stdout.write(line)
            sys.stderr.write(line)
        return self


@dataclass(frozen=True)
class WritesOnThePipe(Good):
    """Sends bytes of its own over every descriptor it can find."""

    def fit(self, train, *, seed):
        for fd in range(3, 64):
            try:
                os.write(fd, b"\xff" * 4096)
            except OSError:
                continue
        return self


@dataclass(frozen=True)
class LooksAround(Good):
    """Reports what it could see: whether a path of the run is open or in its environment."""

    def predict(self, context, horizon):
        seen = " ".join(os.environ.values()) + " ".join(sys.argv) + os.getcwd()
        for fd in os.listdir("/proc/self/fd"):
            try:
                seen += os.readlink(f"/proc/self/fd/{fd}")
            except OSError:
                continue
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), float(".parquet" in seen or "secret-run" in seen)))


@dataclass(frozen=True)
class Snoops(Good):
    """Forecasts how many of its ways to what is not its business are open."""

    path: str = ""

    def predict(self, context, horizon):
        harness = os.getppid()
        ways = (
            lambda: os.listdir(self.path),
            lambda: Path(_truth(self.path)).read_bytes(),
            lambda: Path(self.path, "dropped").write_bytes(b"!"),
            lambda: os.close(os.open(f"/proc/{harness}/mem", os.O_RDONLY)),
            lambda: os.listdir(f"/proc/{harness}/cwd"),
            lambda: _read_memory(harness),
            lambda: subprocess.run(["/bin/ls", self.path], check=True, capture_output=True),
            lambda: os.kill(harness, 0),
        )
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), float(sum(map(_works, ways)))))


@dataclass(frozen=True)
class Peeks(Good):
    """Opens what it must not and does not expect to be refused."""

    path: str = ""

    def fit(self, train, *, seed):
        Path(self.path.replace("HARNESS", str(os.getppid()))).open("rb").close()
        return self


def _truth(path):
    """Say where the truth must be, without having to list the folder."""
    return os.path.join(path, "data", "forecast-henon-v1", "data", "system=henon", "test.parquet")


def _works(way):
    try:
        way()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _read_memory(pid):
    """Read a page of another process's executable, through the system call for it."""
    with open(f"/proc/{pid}/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    there = (ctypes.c_size_t * 2)(start, 16)
    buffer = ctypes.create_string_buffer(16)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    call = ctypes.CDLL(None, use_errno=True).process_vm_readv
    if call(pid, here, 1, there, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")


@dataclass(frozen=True)
class Scribbles(Good):
    """Uses what a library may: its own folder, temporary files, shared memory, children."""

    alone: bool = False

    def fit(self, train, *, seed):
        with open("notes.txt", "w") as notes, tempfile.TemporaryFile() as scratch:
            notes.write("mine")
            scratch.write(b"also mine")
        subprocess.run([sys.executable, "-c", "import json, numpy"], check=True)
        if not self.alone:
            multiprocessing.Lock()
        return self


@dataclass(frozen=True)
class Hoards(Good):
    """Touches so many MiB and lets go of them."""

    mib: int = 200

    def fit(self, train, *, seed):
        np.ones(self.mib * 2**17)
        return self


@dataclass(frozen=True)
class Ensemble(Good):
    """A Gaussian cloud around the last value, growing with the square root of time."""

    members: int = 50
    spread: float = 0.1

    def predict(self, context, horizon):
        generator = np.random.default_rng(0)
        shape = (self.members, len(context), horizon, context.shape[2])
        noise = self.spread * generator.standard_normal(shape).cumsum(axis=2)
        samples = context[None, :, -1:] + noise
        return Forecast(samples.mean(axis=0), samples)


@dataclass(frozen=True)
class StopsReading(Good):
    """Never looks at the pipe again, so that no observation reaches it."""

    def fit(self, train, *, seed):
        _wire._read = lambda *_: time.sleep(3600)
        return self


@dataclass(frozen=True)
class Forges(Good):
    """Writes an answer of its own in place of the worker's, with the number of the request."""

    header: str = "{}"
    numbers: int = 0
    number: str = ""

    def fit(self, train, *, seed):
        held = [o for o in gc.get_objects() if type(o).__name__ == "_Line"]
        text = self.header.replace("NUMBER", self.number or held[0].number).encode()
        answer = len(text).to_bytes(8, "little") + text + bytes(8 * self.numbers)
        os.write(held[0].sink, answer)
        time.sleep(60)


@dataclass(frozen=True)
class Looks(Good):
    """Forecasts how many modules of the harness its process has imported."""

    def predict(self, context, horizon):
        theirs = ("systems", "dynamics", "datasets", "tasks", "evaluation")
        found = [m for m in sys.modules if m.startswith(tuple(f"chaosbench.{t}" for t in theirs))]
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), float(len(found))))


@dataclass(frozen=True)
class Counts(Good):
    """Forecasts how often this process has been asked: shows that it serves one cell."""

    def predict(self, context, horizon):
        Counts.asked = getattr(Counts, "asked", 0) + 1
        n, _, d = context.shape
        return Forecast(np.full((n, horizon, d), float(Counts.asked)))
