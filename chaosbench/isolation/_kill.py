"""Ending a process and everything it started, at any time or when its memory passes a limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Watch", "kill", "kill_left_by"]

POLL_SECONDS = 0.1
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Watch:
    """Kills a process with its descendants when their resident memory passes a limit.

    When the process dies by itself, the watch kills what it leaves behind, which would hold its end
    of the pipe open.

    Attributes:
        exceeded: whether the memory passed the limit.

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
                kill_left_by(folder)
                return
            if resident_mib(process.pid) > limit_mib:
                self.exceeded = True
                kill(process.pid)
                return

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join()


def kill(group: int) -> None:
    """Kill a process, its group, and those of its descendants that have left the group."""
    started = descendants(group)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    _kill_each(started)


def kill_left_by(folder: str) -> None:
    """Kill what a dead process left behind, whoever is its parent now and in whatever group.

    The environment of such a process still names the folder that the dead one was started with.
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

    While the forecaster's process lives it adopts what its children leave behind, so none is
    missed.
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
