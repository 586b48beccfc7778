"""The harness's side of a forecaster's process: budgets, kills and verdicts."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosbench.evaluation._record import STATUSES, Status
from chaosbench.isolation._equation_lines import shortened
from chaosbench.isolation._wire import MORE, READY, ProtocolError, read_message, write_message
from chaosbench.isolation.sandbox import readable, writable
from chaosbench.trajectories import FloatArray

__all__ = ["Budget", "Outcome", "WorkerProcess"]

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip
POLL_SECONDS = 0.1
STARTING_SECONDS = 120.0
"""For a process to start and import a forecaster's libraries, before the clock of a cell runs."""

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
# The modules that the harness has, whatever else is installed under the same names.
_BOOT = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "runpy.run_module('chaosbench.isolation.inside._worker', run_name='__main__')"
)


@dataclass(frozen=True)
class Budget:
    """What one cell may cost.

    Attributes:
        seconds: wall time of fit and predict together.
        memory_mib: resident memory of the forecaster's process and its children.

    """

    seconds: float = 600.0
    memory_mib: float = 8192.0


@dataclass(frozen=True)
class Outcome:
    """How one request ended, as the harness saw it.

    `arrays` is everything that the process sent. It is untrusted.
    """

    status: Status
    message: str = ""
    values: FloatArray | None = None
    samples: FloatArray | None = None
    config: dict[str, Any] | None = None
    tried: int = 0
    polynomial: tuple[FloatArray, FloatArray] | None = None
    equations: tuple[str, ...] = ()
    costs: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, FloatArray] = field(default_factory=dict)


class WorkerProcess:
    """One forecaster's process, started when needed and started again after a kill."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._last_words: deque[str] = deque(maxlen=4)
        self._lock = threading.Lock()
        self._retired = False
        self._plugins: frozenset[str] = frozenset()

    def run(
        self,
        job: dict[str, Any],
        train: FloatArray,
        context: FloatArray | None = None,
        *,
        states: FloatArray | None = None,
        observations: FloatArray | None = None,
    ) -> Outcome:
        """Have one request served by the process; every ending is an `Outcome`.

        Args:
            job: what to do, see `_worker`. ``numbers`` bounds the size of the answer, by default
                to that of a forecast; ``seconds`` may leave it less time than the budget does.
            train: ``(n, T, d)``.
            context: ``(w, C, d)``, unless the request must not have it.
            states: ``(w, H, d)``, held out, where a right-hand side is asked for.
            observations: ``(m, w, d)``, sent one at a time, each when the process has delivered
                the forecast up to it.

        """
        optional = {"context": context, "states": states}
        sent = {name: array for name, array in optional.items() if array is not None}
        try:
            self._start(job["plugins"])
            write_message(self._sink, job, train=train, **sent)
        except (ProtocolError, OSError) as error:
            self.close()
            return Outcome("crashed", f"the forecaster's process did not start: {error}")
        watch = _Watch(self._alive, self._place, self.budget.memory_mib)
        deadline = time.monotonic() + STARTING_SECONDS
        slow = f"its process was not ready after {STARTING_SECONDS:g} s"
        windows, _, d = train.shape if context is None else context.shape
        # by default point values and at most a thousand samples of them
        wanted = job.get("numbers", 1001.0 * windows * job["horizon"] * d)
        try:
            waiting = [] if observations is None else list(observations)
            while True:
                header, found = read_message(
                    self._source, deadline=deadline, numbers_at_most=wanted
                )
                if header.get("status") == READY and slow:
                    seconds = min(self.budget.seconds, job.get("seconds", math.inf))
                    deadline, slow = time.monotonic() + seconds, ""
                elif header.get("status") == MORE and waiting:
                    write_message(self._sink, {}, observation=waiting.pop(0))
                else:
                    break
        except TimeoutError:
            self.close()
            late = f"fit and predict took longer than {self.budget.seconds:g} s"
            return Outcome("timeout", slow or late)
        except ProtocolError as error:
            return self._post_mortem(error, watch)
        finally:
            watch.stop()
        return _outcome(header, found)

    def retire(self) -> None:
        """End the process from another thread; the one in `run` notices and cleans up."""
        with self._lock:  # or a process could start between the look and the kill
            self._retired = True
            if self._process is not None:
                _kill(self._process.pid)

    def close(self) -> None:
        """End the process and everything it started."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process.pid)
            process.wait()
            _kill_left_by(self._place)
            self._listener.join(timeout=1.0)
            if process.stderr is not None and not self._listener.is_alive():
                process.stderr.close()
            for fd in (self._sink, self._source):
                os.close(fd)
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    @property
    def _alive(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def _place(self) -> str:
        assert self._folder is not None
        return self._folder.name

    def _start(self, plugins: Sequence[str]) -> None:
        known = self._plugins.issuperset(plugins)  # what may be read is settled at the start
        if known and self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._plugins |= frozenset(plugins)
        with self._lock:
            if self._retired:
                raise ProtocolError("the run was stopped")
            self._spawn()

    def _spawn(self) -> None:
        job_read, self._sink = os.pipe()
        self._source, result_write = os.pipe()
        self._folder = tempfile.TemporaryDirectory(prefix="chaosbench-")
        self._last_words.clear()
        self._process = subprocess.Popen(
            [
                sys.executable, "-c", _BOOT, str(job_read), str(result_write),
                json.dumps([str(Path(entry).absolute()) for entry in sys.path]),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(job_read, result_write),
            cwd=self._place,
            env=_environment(self._place),
            start_new_session=True,
        )  # fmt: skip
        os.close(job_read)
        os.close(result_write)
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stderr, self._last_words), daemon=True
        )
        self._listener.start()
        terms = {
            "memory_mib": self.budget.memory_mib,
            "reading": readable(self._plugins),
            "writing": writable(self._place),
        }
        write_message(self._sink, terms)

    def _post_mortem(self, error: ProtocolError, watch: _Watch) -> Outcome:
        process = self._alive
        if watch.exceeded:
            self.close()
            return Outcome(
                "out_of_memory", f"used more than {self.budget.memory_mib:g} MiB of memory"
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        code = process.poll()
        words = " ".join(self._last_words).strip()[-300:]
        self.close()
        if code == -signal.SIGKILL:
            return Outcome("out_of_memory", "the process was killed from outside (out of memory)")
        if code is not None and code < 0:
            return Outcome("crashed", f"the process died of {signal.Signals(-code).name}. {words}")
        if code is None:
            return Outcome("invalid", f"the process sent no valid answer: {error}")
        return Outcome("crashed", f"the process ended with exit code {code}. {words}")


class _Watch:
    """Kills a process group when its resident memory passes the budget.

    And, when the process dies, what it leaves behind, which would hold its end of the pipe open.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: str, limit_mib: float) -> None:
        self.exceeded = False
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(process, folder, limit_mib), daemon=True
        )
        self._thread.start()

    def _run(self, process: subprocess.Popen[bytes], folder: str, limit_mib: float) -> None:
        while not self._stop.wait(POLL_SECONDS):
            if process.poll() is not None:
                _kill_left_by(folder)
                return
            if resident_mib(process.pid) > limit_mib:
                self.exceeded = True
                _kill(process.pid)
                return

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def _kill(group: int) -> None:
    """Kill a process, its group and those of its descendants that have left the group."""
    started = descendants(group)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    _kill_each(started)


def _kill_left_by(folder: str) -> None:
    """Kill what a dead process left behind: nobody's descendants, perhaps in groups of their own.

    They keep the environment that it was started with, in which its folder is named.
    """
    mark = f"TMPDIR={folder}\0".encode()
    left = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or it has ended meanwhile
            if mark in place.read_bytes():
                left.append(int(place.parent.name))
    _kill_each(left)


def _kill_each(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Return the processes below one; none where /proc is missing.

    The forecaster's process adopts what its children leave behind, so that none is missed while it
    lives itself.
    """
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # ten times a second
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:  # noqa: PTH123
                for child in map(int, file.read().split()):
                    found += [child, *descendants(child)]
    return found


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and its descendants; 0 where /proc is missing."""
    pages = 0
    for one in (pid, *descendants(pid)):
        try:
            with open(f"/proc/{one}/statm", "rb") as file:  # noqa: PTH123
                pages += int(file.read().split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return pages * PAGE_MIB


def _outcome(header: dict[str, Any], arrays: dict[str, FloatArray]) -> Outcome:
    status = header.get("status")
    if status not in STATUSES:
        return Outcome("invalid", f"the process reported the unknown status {status!r}")
    costs = {
        name: float(header[name])
        for name in ("fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib")
        if isinstance(header.get(name), (int, float))
    }
    return Outcome(
        status,
        str(header.get("message", "")),
        arrays.get("values"),
        arrays.get("samples"),
        header["config"] if isinstance(header.get("config"), dict) else None,
        int(header.get("tried", 0)),
        _polynomial(arrays),
        tuple(shortened(header.get("equations"))),
        costs,
        arrays,
    )


def _polynomial(arrays: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray] | None:
    """Return exponents and coefficients, each ``(p, d)``, if that is what came."""
    powers, coefficients = arrays.get("powers"), arrays.get("coefficients")
    if powers is None or coefficients is None:
        return None
    sound = powers.ndim == 2 and powers.shape == coefficients.shape
    sound = sound and bool(((powers >= 0) & (powers <= 100) & (powers % 1 == 0)).all())
    return (powers, coefficients) if sound else None


def _environment(folder: str) -> dict[str, str]:
    """One thread per worker; no hub look-ups; nothing about where the data lies.

    Temporary files and compiled code go to the process's own folder: it may write nowhere else.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CHAOSBENCH_") and name != "PYTHONWARNINGS"
    }
    return (
        kept
        | dict.fromkeys(_THREADS, "1")
        | {"HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
        | {"TMPDIR": folder, "NUMBA_CACHE_DIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    )


def _listen(stream: Any, words: deque[str]) -> None:
    """Drain the error stream, keeping only its end, in pieces of bounded size."""
    with contextlib.suppress(OSError, ValueError):
        while chunk := stream.read1(65536):
            words.append(chunk.decode(errors="replace")[-300:])
