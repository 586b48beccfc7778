"""The harness's side of a forecaster's process: it asks, watches the clock and ends the process."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chaosbench.errors import UnknownNameError
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation._kill import Watch, kill, kill_left_by
from chaosbench.isolation._text import last_lines, printable
from chaosbench.isolation._wire import MORE, READY, ProtocolError, read_message, write_message
from chaosbench.isolation.outcome import Asked, Budget, Outcome, read_answer
from chaosbench.isolation.sandbox import readable, writable
from chaosbench.trajectories import FloatArray

__all__ = ["WorkerProcess"]

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip

STARTING_SECONDS = 120.0
"""For a process to start, take a request and import libraries; then the clock of the cell runs."""

PIPE_HOLDS = 2**20
"""Bytes, more than a pipe holds: what comes later was said by others than the dead process."""

WORDS_AT_MOST = 20_000
"""Bytes of the error stream that are kept."""

FATAL = "Fatal Python error: "
"""By which the interpreter begins to show where it was when a signal killed it."""

# The modules that the harness has, whatever else is installed under the same names.
_BOOT = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "runpy.run_module('chaosbench.isolation.inside._worker', run_name='__main__')"
)


class WorkerProcess:
    """A forecaster's process: started when needed, and again after a kill.

    The forecasters of this package share a process, because importing a deep-learning library takes
    seconds. Any other forecaster gets a process of its own, for all its requests in a row: what it
    leaves behind in memory must not serve the next one.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._last_words = bytearray()
        self._silenced = threading.Event()
        self._lock = threading.Lock()
        self._retired = False
        self._owner: tuple[str, ...] = ()
        self._terms: dict[str, Any] | None = None

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
            job: what to do, see `inside._worker`; ``seconds`` may leave it less time than the
                budget does.
            train: ``(n, T, d)``.
            context: ``(w, C, d)``, unless the request must not have it.
            states: ``(w, H, d)``, held out, where a right-hand side is asked for.
            observations: ``(m, w, d)``, sent one at a time, each when the process has delivered
                the forecast up to it.

        """
        arrays = {"train": train, "context": context, "states": states}
        sent = {name: array for name, array in arrays.items() if array is not None}
        waiting = [] if observations is None else list(observations)
        asked = Asked.by(job, train, context)
        try:
            self._start(job)
        except (ProtocolError, OSError) as error:
            self.close()
            return Outcome("crashed", f"the forecaster's process did not start: {error}")
        watch = Watch(self._alive, self._place, self.budget.memory_mib)
        late = f"its process was not ready after {STARTING_SECONDS:g} s"
        deadline = time.monotonic() + STARTING_SECONDS
        ready = False
        try:
            if self._terms is not None:
                write_message(self._sink, self._terms, deadline=deadline)
                self._terms = None
            write_message(self._sink, job, sent, deadline=deadline)
            while True:
                header, found = read_message(
                    self._source, deadline=deadline, numbers_at_most=asked.numbers_at_most
                )
                if header.get("status") == READY and not ready:
                    seconds = min(self.budget.seconds, job.get("seconds", math.inf))
                    late = f"fit and predict took longer than {self.budget.seconds:g} s"
                    deadline, ready = time.monotonic() + seconds, True
                elif header.get("status") == MORE and waiting:
                    seen = {"observation": waiting.pop(0)}
                    write_message(self._sink, {}, seen, deadline=deadline)
                else:
                    break
        except TimeoutError:
            self.close()
            return Outcome("timeout", late)
        except ProtocolError as error:
            return self._post_mortem(error, watch)
        finally:
            watch.stop()
        outcome = read_answer(header, found, asked)
        if outcome.status == "invalid" and header.get("status") != "invalid":
            self.close()  # what else is in the pipe cannot be trusted
        return outcome

    def retire(self) -> None:
        """End the process from another thread; the one in `run` notices and cleans up."""
        with self._lock:  # or a process could start between the look and the kill
            self._retired = True
            if self._process is not None:
                kill(self._process.pid)

    def close(self) -> None:
        """End the process and everything it started."""
        process, self._process = self._process, None
        if process is not None:
            kill(process.pid)
            process.wait()
            kill_left_by(self._place)
            self._silenced.set()  # what it said last is in the pipe, and is read before the end
            self._listener.join()
            if process.stderr is not None:
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

    def _start(self, job: dict[str, Any]) -> None:
        """Keep the process that is there, if it may serve the request, or start another one."""
        owner = _owner(job)
        if self._process is not None and self._process.poll() is None and owner == self._owner:
            return
        self.close()
        with self._lock:
            if self._retired:
                raise ProtocolError("the run was stopped")
            self._owner = owner
            self._spawn(job["plugins"])

    def _spawn(self, plugins: Iterable[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chaosbench-")
        self._last_words.clear()
        self._silenced = threading.Event()
        with contextlib.ExitStack() as undo:
            ends = [*os.pipe(), *os.pipe()]
            for fd in ends:
                undo.callback(os.close, fd)
            job_read, sink, source, result_write = ends
            os.set_blocking(sink, False)  # a process that stops reading must not stop the harness
            process = subprocess.Popen(
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
            undo.pop_all()
        os.close(job_read)
        os.close(result_write)
        self._process, self._sink, self._source = process, sink, source
        self._listener = threading.Thread(
            target=_listen, args=(process.stderr, self._last_words, self._silenced), daemon=True
        )
        self._listener.start()
        self._terms = {
            "memory_mib": self.budget.memory_mib,
            "reading": readable(plugins),
            "writing": writable(self._place),
        }

    def _post_mortem(self, error: ProtocolError, watch: Watch) -> Outcome:
        process = self._alive
        if watch.exceeded:
            self.close()
            return Outcome(
                "out_of_memory", f"used more than {self.budget.memory_mib:g} MiB of memory"
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        code = process.poll()
        self.close()  # and hear its last words out
        said, _, stack = self._last_words.decode(errors="replace").partition(FATAL)
        words = printable(said.strip()[-300:])
        lines = last_lines(_frames(stack))
        if code == -signal.SIGKILL:
            return Outcome("out_of_memory", "the process was killed from outside (out of memory)")
        if code is not None and code < 0:
            message = f"the process died of {signal.Signals(-code).name}. {words}".strip()
            return Outcome("crashed", message, traceback=lines)
        if code is None:
            return Outcome("invalid", f"the process sent no valid answer: {error}")
        return Outcome(
            "crashed", f"the process ended with exit code {code}. {words}", traceback=lines
        )


def _owner(job: dict[str, Any]) -> tuple[str, ...]:
    """Name the forecaster and its files if it is not of this package; nothing if it is."""
    name = job["forecaster"]
    try:
        ours = forecasters.origin(name).startswith("chaosbench.")
    except UnknownNameError:
        ours = False
    return () if ours and not job["plugins"] else (name, *job["plugins"])


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


def _frames(stack: str) -> list[str]:
    """Return the frames of the thread that a signal struck, the innermost last, without our own."""
    struck = stack.partition("Current thread")[2].partition("\n\n")[0]
    inside = str(Path(__file__).parent / "inside")
    frames = [line for line in struck.splitlines() if line.startswith('  File "')]
    return [line for line in frames[::-1] if inside not in line and '"<frozen' not in line]


def _listen(stream: Any, words: bytearray, silenced: threading.Event) -> None:
    """Drain the error stream, keeping only its end.

    Once the process is dead, all that it said is in the pipe. What is there then is read, but the
    end of the stream is not waited for, because others may hold it.
    """
    pipe = stream.fileno()
    os.set_blocking(pipe, False)
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    after = 0
    while after < PIPE_HOLDS:
        dead = silenced.is_set()
        poll.poll(0 if dead else 50)
        try:
            chunk = os.read(pipe, 65536)
        except BlockingIOError:
            if dead:
                return
            continue
        if not chunk:
            return
        after += len(chunk) if dead else 0
        words += chunk
        del words[:-WORDS_AT_MOST]
