"""Ways to a score that was not earned, or to costs that were not paid."""

from __future__ import annotations

import builtins
import ctypes
import gc
import glob
import importlib
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from honest import Found, Honest, Tries, answer, call, line

from chaosbench import Forecast

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/dev")
MARK = "hostile-mark"


class PatchesTheScore(Honest):
    """Replaces every metric and the scoring by 10, in its own process."""

    def fit(self, train, *, seed):
        for name in ("chaosbench.metrics", "chaosbench.evaluation.scoring"):
            module = importlib.import_module(name)
            for attribute, value in list(vars(module).items()):
                if callable(value):
                    setattr(module, attribute, lambda *_, **__: 10.0)
        return self


class PatchesNumpy(Honest):
    """Makes NumPy call everything finite and equal."""

    def fit(self, train, *, seed):
        np.isfinite = lambda a: np.ones(np.shape(a), dtype=bool)
        np.array_equal = np.allclose = lambda *_, **__: True
        return self


class PatchesClocks(Honest):
    """Stops every clock in its process and runs them backwards."""

    def fit(self, train, *, seed):
        for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
            setattr(time, name, lambda: -4029.0)
        time.clock_gettime = lambda _: -4029.0
        resource.getrusage = lambda _: resource.struct_rusage([0.0] * 16)
        return self


class PatchesJson(Honest):
    """Makes every header say what it likes."""

    def fit(self, train, *, seed):
        json.dumps = lambda *_, **__: '{"status": "ok", "scores": {"vpt@0.4": 10}, "arrays": {}}'
        return self


class PatchesOs(Honest):
    """Replaces the bytes that are written."""

    def fit(self, train, *, seed):
        write = os.write
        os.write = lambda fd, data: write(fd, b"\xff" * len(data))
        return self


class PatchesBuiltins(Honest):
    """Makes every check of a type or a shape pass."""

    def fit(self, train, *, seed):
        builtins.isinstance = lambda *_: True
        return self

    def predict(self, context, horizon):
        return Forecast.__new__(Forecast)


class ForgesCosts(Honest):
    """Sends costs of its own with the answer."""

    def fit(self, train, *, seed):
        say = type(line()).say
        costs = {
            "fit_seconds": -4029.0, "predict_seconds": 1e308, "cpu_seconds": None,
            "peak_memory_mib": -1, "costs": {"fit_seconds": -1},
        }  # fmt: skip
        type(line()).say = lambda self, header, *rest: say(self, header | costs, *rest)
        return self


class ForgesScores(Honest):
    """Sends scores, a privilege, another name and another seed with the answer."""

    def fit(self, train, *, seed):
        say = type(line()).say
        more = {
            "scores": {"vpt@0.4": 10.0}, "window_scores": {"vpt@0.4": [10.0] * 3},
            "privileged": True, "forecaster": "perfect model", "seed": 7, "provenance": {},
            "confinement": "everything", "tried": 10**6, "config": {"level": 3.0},
        }  # fmt: skip
        type(line()).say = lambda self, header, *rest: say(self, header | more, *rest)
        return self


class ForgesPhases(Honest):
    """Says that it predicts before it has begun to fit, and fits on."""

    def fit(self, train, *, seed):
        line().mark("predict")
        time.sleep(0.3)
        line().mark("fit")
        return self


class ResetsItsPeak(Honest):
    """Uses memory and makes the kernel forget it."""

    def fit(self, train, *, seed):
        np.ones(100 * 2**17)
        for pid in ("self", os.getpid(), os.getppid()):
            try:
                Path(f"/proc/{pid}/clear_refs").write_text("5")
            except OSError:
                continue
        return self


class WorksInAChild(Honest):
    """Has a child compute that it does not wait for, whose parent has gone."""

    def fit(self, train, *, seed):
        source, sink = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                end = time.process_time() + 0.5
                while time.process_time() < end:
                    pass
                os.write(sink, b"!")
            os._exit(0)
        os.wait()
        os.read(source, 1)
        time.sleep(0.1)  # until somebody has waited for it
        return self


class WorksUnseen(Honest):
    """Has children compute whose time nobody is told, because SIGCHLD is ignored."""

    def fit(self, train, *, seed):
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        source, sink = os.pipe()
        if os.fork() == 0:
            end = time.process_time() + 0.5
            while time.process_time() < end:
                pass
            os.write(sink, b"!")
            os._exit(0)
        os.read(source, 1)
        time.sleep(0.1)
        return self


class WorksInLibraries(Honest):
    """Computes in a module that it declares as a library."""

    libraries = ("busy_library",)


class ReadsCommandLines(Tries):
    """Looks for the task, the exam's seed and the run in what other processes were started with."""

    def ways(self):
        def told(name):
            words = (b"henon", b"exam", f"{self.place}/run".encode())
            for path in glob.glob(f"/proc/[0-9]*/{name}"):
                if path.split("/")[2] != str(os.getpid()):
                    content = Path(path).read_bytes()
                    if any(word in content for word in words):
                        return True
            return False

        def link(name):
            return any(
                f"{self.place}/run" in os.readlink(path)
                for path in glob.glob(f"/proc/[0-9]*/{name}")
            )

        return {
            "cmdline": lambda: told("cmdline"), "environ": lambda: told("environ"),
            "cwd": lambda: link("cwd"), "fd": lambda: link("fd/*"),
            "mine": lambda: (
                f"{self.place}/run" in " ".join([*sys.argv, *os.environ.values(), os.getcwd()])
            ),
        }  # fmt: skip


@dataclass(frozen=True)
class Remembers(Tries):
    """Leaves the data of its cell wherever something could last, and looks for those before."""

    def fit(self, train, *, seed):
        found = tuple(name for name, look in self.looks().items() if _true(look))
        for leave in self.leaves():
            _true(leave)
        return Found(found)

    def folders(self):
        return (*PLACES, tempfile.gettempdir(), os.getcwd(), os.path.expanduser("~"),
                os.path.dirname(__file__), os.path.dirname(np.__file__), sys.prefix)  # fmt: skip

    def looks(self):
        return {
            "module": lambda: hasattr(np, "hostile_mark") or MARK in sys.modules,
            "environment": lambda: MARK in os.environ,
            "files": lambda: any(os.path.exists(f"{f}/{MARK}") for f in self.folders()),
            "sysv": lambda: call("shmget", 0x5EED, 0, 0) >= 0,
            "messages": lambda: call("msgget", 0x5EED, 0) >= 0,
            "semaphores": lambda: call("semget", 0x5EED, 0, 0) >= 0,
            "mqueue": lambda: call("mq_open", b"/hostile-mark", os.O_RDONLY) >= 0,
            "session keyring": lambda: _key(10, ctypes.c_int(-3)) > 0,
            "user keyring": lambda: _key(10, ctypes.c_int(-4)) > 0,
            "socket": lambda: socket.socket(socket.AF_UNIX).connect("\0hostile-mark") is None,
            "descriptors": lambda: len(os.listdir("/proc/self/fd")) > 8,
        }

    def leaves(self):
        def file(folder):
            return lambda: Path(folder, MARK).write_text("seen")

        def listen():
            held = socket.socket(socket.AF_UNIX)
            held.bind("\0hostile-mark")
            held.listen()
            gc.freeze()
            if os.fork() == 0:
                os.setsid()
                time.sleep(60)

        return [
            lambda: setattr(np, "hostile_mark", 1),
            lambda: sys.modules.setdefault(MARK, sys),
            lambda: os.environ.setdefault(MARK, "1"),
            *(file(folder) for folder in self.folders()),
            lambda: call("shmget", 0x5EED, 4096, 0o1666),
            lambda: call("msgget", 0x5EED, 0o1666),
            lambda: call("semget", 0x5EED, 1, 0o1666),
            lambda: call("mq_open", b"/hostile-mark", os.O_CREAT | os.O_RDWR, 0o666, None),
            lambda: _key(0, ctypes.c_int(-3)),
            lambda: _key(0, ctypes.c_int(-4)),
            listen,
        ]


def _key(operation, ring):
    """Add a key to a ring of the kernel's (0) or look for it (10)."""
    number = 248 if operation == 0 else 250
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    if operation == 0:
        return syscall(number, b"user", b"hostile-mark", b"seen", ctypes.c_size_t(4), ring)
    return syscall(number, 10, ring, b"user", b"hostile-mark", 0)


def _true(way):
    try:
        return way()
    except Exception:
        return False


class AnswersForTheNext(Honest):
    """Leaves a child behind that writes to its pipe when the next cell runs."""

    def fit(self, train, *, seed):
        sink, number = line().sink, line().number
        if os.fork() == 0:
            os.setsid()
            time.sleep(0.5)
            for _ in range(100):
                text = json.dumps({"status": "ok", "number": number, "arrays": {}}).encode()
                os.write(sink, len(text).to_bytes(8, "little") + text)
                time.sleep(0.01)
            os._exit(0)
        return self


class AnswersTwice(Honest):
    """Sends its answer, and then another with other values."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        answer({"arrays": {"values": [n, horizon, d]}}, n * horizon * d)
        return Forecast(np.ones((n, horizon, d)))


class GuessesANumber(Honest):
    """Answers with the number of another request."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        answer({"number": "0" * 16, "arrays": {"values": [n, horizon, d]}}, n * horizon * d)
        return super().predict(context, horizon)


class CallsItselfAnother(Honest):
    """Says in its process that it has another name, and takes that of a class of the package."""

    def fit(self, train, *, seed):
        type(self).name = "esn"
        type(self).__module__ = "chaosbench.forecasters"
        return self


class ShiftsRows(Honest):
    """Answers with the state of the next row, which of a trajectory is the next state."""

    def next_state(self, states):
        return np.roll(states, -1, axis=0)


class Persists(Honest):
    """Answers with the state itself: what `ShiftsRows` must not be better than."""

    def next_state(self, states):
        return states


class SortsStates(Honest):
    """Looks for rows in which one variable of Hénon's map repeats the other of the row before."""

    def next_state(self, states):
        ahead = np.abs(states[:, None, 0] * 0.3 - states[None, :, 1])
        np.fill_diagonal(ahead, np.inf)
        return states[ahead.argmin(axis=1)]


class AsksAhead(Honest):
    """Takes all observations of the horizon in its first predict, for forecasts of zeros."""

    def predict(self, context, horizon):
        n, _, d = context.shape
        for _ in range(4):
            line().observe((np.zeros((n, horizon, d)), None))
        return super().predict(context, horizon)


class AsksForNothing(Honest):
    """Asks for an observation without a forecast for its time."""

    def predict(self, context, horizon):
        line().say({"status": "more"})
        return super().predict(context, horizon)


class AsksForMore(Honest):
    """Asks for an observation where there are none."""

    def predict(self, context, horizon):
        line().say({"status": "more"}, {"values": np.zeros((len(context), horizon, 2))})
        return super().predict(context, horizon)
