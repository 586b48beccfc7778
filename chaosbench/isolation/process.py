"""The harness's side of a forecaster's process: it asks, watches the clock and ends the process."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import select
import signal
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError, UnknownNameError
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation import _templates
from chaosbench.isolation._pieces import Piece, joined
from chaosbench.isolation._text import last_lines
from chaosbench.isolation._tree import Tree, Watch
from chaosbench.isolation._wire import MARK, MORE, READY, ProtocolError, read_message, write_message
from chaosbench.isolation.outcome import Asked, Budget, Outcome, read_answer, read_piece
from chaosbench.isolation.sandbox import confinement, devices, readable
from chaosbench.text import printable
from chaosbench.trajectories import FloatArray

__all__ = ["STRONG", "WorkerProcess", "isolation"]

STRONG = "strong"
"""What may be required of the isolation: namespaces and Landlock, not less."""

STARTING_SECONDS = 120.0
"""For a process to start and import libraries that are known; then the clock of the cell runs."""

ENDING_SECONDS = 10.0
"""For the kernel to end a process and all that it started."""

MARKS_AT_MOST = 10_000
PIPE_HOLDS = 2**20
"""Bytes, more than a pipe holds: what comes later was said by others than the dead process."""

WORDS_AT_MOST = 20_000
"""Bytes of the error stream that are kept."""

FATAL = "Fatal Python error: "
"""By which the interpreter begins to show where it was when a signal killed it."""


class WorkerProcess:
    """Forecasters' processes, one after the other: each serves one request and ends.

    Args:
        budget: of each request.
        hidden: files and folders that no process may see, wherever they lie.
        require: ``"strong"`` to refuse a system that cannot keep a process apart in every way.

    """

    def __init__(
        self, budget: Budget, hidden: Iterable[str | Path] = (), *, require: str = ""
    ) -> None:
        self.budget = budget
        self.hidden = tuple(str(Path(path).absolute()) for path in hidden)
        self.require = require
        self._running: _Running | None = None
        self._lock = threading.Lock()
        self._retired = False

    def run(
        self,
        job: dict[str, Any],
        train: FloatArray | None = None,
        context: FloatArray | None = None,
        *,
        states: FloatArray | None = None,
        observations: FloatArray | None = None,
    ) -> Outcome:
        """Have one request served by a process of its own; every ending is an `Outcome`.

        Args:
            job: what to do, see `inside._worker`; ``seconds`` may leave it less time than the
                budget does.
            train: ``(n, T, d)``, unless nothing is to be learned.
            context: ``(w, C, d)``, unless the request must not have it.
            states: ``(w, H, d)``, held out, where a right-hand side is asked for.
            observations: ``(m, w, d)``, each sent when the process has handed in the forecast up
                to it.

        Raises:
            InputError: this system offers less isolation than is required.

        """
        arrays = {"train": train, "context": context, "states": states}
        sent = {name: array for name, array in arrays.items() if array is not None}
        waiting = [] if observations is None else list(observations)
        asked = Asked.by(job, train, context)
        try:
            with self._lock:
                if self._retired:
                    return Outcome("crashed", "the run was stopped")
                running = self._running = _Running(job, self.budget, self.hidden)
        except (_templates.TemplateError, OSError) as error:
            return Outcome("crashed", f"the forecaster's process did not start: {error}")
        try:
            if self.require == STRONG:
                _insist(running.confinement, running.reason)
            outcome = running.serve(sent, waiting, asked)
        finally:
            running.close()
            self._running = None
        return replace(outcome, confinement=running.confinement)

    def retire(self) -> None:
        """End the process from another thread; the one in `run` notices and cleans up."""
        with self._lock:  # or a process could start between the look and the end
            self._retired = True
            running = self._running
        if running is not None:
            running.end()

    def close(self) -> None:
        """End the process, if one is still at work."""
        self.retire()


def _without(reading: Iterable[str], hidden: Iterable[str]) -> list[str]:
    """Leave out what is hidden itself; a plugin's own files inside of a hidden folder stay."""
    left_out = {os.path.realpath(path) for path in hidden}
    return [path for path in reading if os.path.realpath(path) not in left_out]


class _Running:
    """One process, from its start to its end."""

    def __init__(self, job: dict[str, Any], budget: Budget, hidden: tuple[str, ...]) -> None:
        ours, libraries = _ours(job)
        own = {"ours": ours, "libraries": list(libraries), "number": secrets.token_hex(8)}
        self.job = {"duty": "forecast"} | job | own
        self.budget = budget
        self._folder = tempfile.TemporaryDirectory(prefix="chaosbench-", ignore_cleanup_errors=True)
        terms = {
            "folder": self._folder.name,
            "reading": _without(readable(job["plugins"]), hidden),
            "devices": devices(),
            "hidden": hidden,
            "memory_mib": budget.memory_mib,
        }
        try:
            self.started = _templates.start(libraries, terms)
        except BaseException:
            self._folder.cleanup()
            raise
        guarded = self.started.namespaces
        self.confinement = confinement(namespaces=guarded)
        self.reason = self.started.reason
        self.tree = Tree(self.started.root, guarded=guarded, folder=self._folder.name)
        self.costs: dict[str, float] = {}
        self._ended: dict[str, Any] | None = None
        self._words = bytearray()
        self._silenced = threading.Event()
        self._listener = threading.Thread(
            target=_listen, args=(self.started.words, self._words, self._silenced), daemon=True
        )
        self._listener.start()

    def serve(
        self, sent: dict[str, FloatArray], waiting: list[FloatArray], asked: Asked
    ) -> Outcome:
        """Have the request served, within its budget."""
        watch = Watch(self.tree, self.budget.memory_mib, self.end)
        pieces: list[Piece] = []
        self.late = f"its process was not ready after {STARTING_SECONDS:g} s"
        try:
            header, found = self._converse(sent, waiting, asked, pieces)
        except TimeoutError:
            return Outcome("timeout", self.late, costs=self.costs)
        except ProtocolError as error:
            return replace(self._post_mortem(error, watch), costs=self.costs)
        finally:
            self._count(watch)
        if pieces and header.get("status") in ("ok", "diverged") and "values" in found:
            found = _whole(pieces, found)
        outcome = read_answer(header, found, asked)
        if asked.duty == "tune":
            self.costs.pop("predict_seconds", None)
        return replace(outcome, costs=dict(self.costs))

    def _converse(
        self,
        sent: dict[str, FloatArray],
        waiting: list[FloatArray],
        asked: Asked,
        pieces: list[Piece],
    ) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        sink, source = self.started.sink, self.started.source
        deadline = time.monotonic() + STARTING_SECONDS
        write_message(sink, self.job, deadline=deadline)
        header, _ = read_message(source, deadline=deadline, numbers_at_most=0)
        self._expect(header, READY)
        self.tree.begin()
        # the process reads while this is written, and runs no code of a plugin before it has all
        write_message(sink, self.job, sent, deadline=deadline)
        begun = phase_begun = time.monotonic()
        seconds = min(self.budget.seconds, self.job.get("seconds", math.inf))
        self.late = f"fit and predict took longer than {self.budget.seconds:g} s"
        deadline, phase, marks = begun + seconds, "fit", 0
        spent = {"fit": 0.0, "predict": 0.0}
        try:
            while True:
                header, found = read_message(
                    source, deadline=deadline, numbers_at_most=asked.numbers_at_most
                )
                now = time.monotonic()
                if header.get("number") != self.job["number"]:
                    raise ProtocolError("it is not the answer to this request")
                if header.get("status") == MARK and not found and marks < MARKS_AT_MOST:
                    spent[phase] += now - phase_begun
                    phase = "fit" if header.get("phase") == "fit" else "predict"
                    phase_begun, marks = now, marks + 1
                elif header.get("status") == MORE and waiting:
                    wrong = read_piece(found, asked)
                    if wrong:
                        return {"status": "invalid", "message": wrong}, {}
                    pieces.append((found["values"], found.get("samples")))
                    seen = {"observation": waiting.pop(0)}
                    write_message(sink, {}, seen, deadline=deadline)
                elif header.get("status") in (MARK, MORE, READY):
                    raise ProtocolError("it says what has no place here")
                else:
                    break
        finally:
            spent[phase] += time.monotonic() - phase_begun
            self.costs |= {f"{name}_seconds": value for name, value in spent.items()}
        return header, found

    def _expect(self, header: dict[str, Any], status: str) -> None:
        if header.get("number") != self.job["number"] or header.get("status") != status:
            raise ProtocolError("it is not the answer to this request")

    def _count(self, watch: Watch) -> None:
        """Add what the processes used, as the kernel says, before they end."""
        watch.stop()
        cpu, peak = self.tree.cpu_seconds(), self.tree.own_peak_mib()
        ended = self._wait_for_the_end() if cpu is None or peak is None else {}
        told = ended.get("cpu_seconds", 0.0), ended.get("peak_mib", 0.0)
        noted = self.tree.noted  # a killed process tells nothing, and the dead can go unnoticed
        self.costs |= {
            "cpu_seconds": max(noted[0], told[0] if cpu is None else cpu),
            "peak_memory_mib": max(noted[1], told[1] if peak is None else peak) + watch.others_mib,
        }

    def _post_mortem(self, error: ProtocolError, watch: Watch) -> Outcome:
        ended = self._wait_for_the_end()
        if watch.exceeded:
            return Outcome("out_of_memory", watch.exceeded)
        code = os.waitstatus_to_exitcode(ended["status"]) if "status" in ended else None
        self._hear_out()
        said, _, stack = self._words.decode(errors="replace").partition(FATAL)
        words = printable(said.strip()[-300:])
        lines = last_lines(_frames(stack))
        if code is None:
            return Outcome("invalid", f"the process sent no valid answer: {error}")
        if code == -signal.SIGKILL:
            return Outcome("out_of_memory", "the process was killed from outside (out of memory)")
        if code < 0:
            message = f"the process died of {signal.Signals(-code).name}. {words}".strip()
            return Outcome("crashed", message, traceback=lines)
        return Outcome(
            "crashed", f"the process ended with exit code {code}. {words}", traceback=lines
        )

    def _wait_for_the_end(self, seconds: float = 1.0) -> dict[str, Any]:
        """Return how the process ended, if it does by itself."""
        if self._ended is None:
            with contextlib.suppress(_templates.TemplateError, ValueError, OSError):
                self._ended = _templates.heard(self.started.control, seconds)
        return self._ended or {}

    def end(self) -> None:
        """End the process and everything it started; from any thread."""
        with contextlib.suppress(OSError):
            self.started.control.shutdown(1)

    def close(self) -> None:
        """End everything and forget it."""
        self.end()
        self._wait_for_the_end(ENDING_SECONDS)
        with contextlib.suppress(_templates.TemplateError, ValueError, OSError):
            _templates.heard(self.started.control, ENDING_SECONDS)  # until nobody is there
        self._hear_out()
        self.started.control.close()
        for fd in (self.started.sink, self.started.source, self.started.words):
            os.close(fd)
        self._folder.cleanup()

    def _hear_out(self) -> None:
        self._silenced.set()  # what it said last is in the pipe, and is read before the end
        self._listener.join()


def isolation() -> str:
    """Say how forecasters' processes are kept apart on this system."""
    running = _Running({"forecaster": "", "plugins": []}, Budget(), ())
    running.close()
    return running.confinement


def _insist(held: str, reason: str) -> None:
    """Refuse what is less than all.

    Raises:
        InputError: namespaces or Landlock are missing.

    """
    missing = [word for word in ("namespaces", "landlock") if word not in held]
    if missing:
        why = f" ({reason})" if reason else ""
        raise InputError(
            f"strong isolation is required, and this system has no {' and no '.join(missing)}"
            f"{why}; what holds here: {held}"
        )


def _ours(job: dict[str, Any]) -> tuple[bool, tuple[str, ...]]:
    """Say whether the forecaster is of this package, and which libraries it declares."""
    name = job["forecaster"]
    try:
        ours = not job["plugins"] and forecasters.origin(name).startswith("chaosbench.")
    except UnknownNameError:
        ours = False
    declared = getattr(forecasters[name], "libraries", ()) if ours else job.get("libraries", ())
    return ours, tuple(declared)


def _whole(pieces: list[Piece], last: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Join the forecasts from one observation to the next; what does not fit stays as it came."""
    try:
        whole = joined([*pieces, (last["values"], last.get("samples"))], axis=1)
    except ValueError:
        return last
    return {name: array for name, array in last.items() if name != "samples"} | whole


def _frames(stack: str) -> list[str]:
    """Return the frames of the thread that a signal struck, the innermost last, without our own."""
    struck = stack.partition("Current thread")[2].partition("\n\n")[0]
    inside = str(Path(__file__).parent / "inside")
    frames = [line for line in struck.splitlines() if line.startswith('  File "')]
    ours = (inside, '"<frozen', 'File "<string>"')
    return [line for line in frames[::-1] if not any(part in line for part in ours)]


def _listen(pipe: int, words: bytearray, silenced: threading.Event) -> None:
    """Drain the error stream, keeping only its end.

    Once the process is dead, all that it said is in the pipe. What is there then is read, but the
    end of the stream is not waited for, because others may hold it.
    """
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
