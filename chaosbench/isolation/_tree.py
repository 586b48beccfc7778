"""What a process and everything it started use, as the kernel says, and the limit on it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from chaosbench.isolation._namespaces import WRITABLE

__all__ = ["Tree", "Watch", "descendants"]

POLL_SECONDS = 0.1
SLOWLY = 10
"""Polls between two looks at what takes longer to read."""

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 2**20
CPUCLOCK_SCHED = 2

NAME_BYTES = 1024
"""What the kernel keeps of a file in memory besides its content."""

IN_FILES = ("/memfd:", "/dev/shm/", "/tmp/")
"""Beginnings of mapped files that live in memory; they are counted as files."""


class Tree:
    """A forecaster's process with all that it started.

    Args:
        root: their common ancestor, which runs our own code and is not counted.
        guarded: they have a root folder of their own.
        folder: what they may write otherwise.

    """

    def __init__(self, root: int, *, guarded: bool, folder: str) -> None:
        self.root = root
        self._guarded = guarded
        self._folder = folder
        self._own = 0
        self._before = 0.0
        self._cpu_before = 0.0
        self._clocks: dict[int, float] = {}
        self._clocks_before = 0.0
        self._peak = 0.0

    def pids(self) -> list[int]:
        """List the processes, the forecaster's own first while it lives."""
        return descendants(self.root)

    def begin(self) -> None:
        """Count from here on: what was imported before is no cost of the cell."""
        pids = self.pids()
        self._own = pids[0] if pids else 0
        with contextlib.suppress(OSError):
            Path(f"/proc/{self._own}/clear_refs").write_text("5")  # forget the peak so far
        self._before = self._peak = _high_water_mib(self._own)
        self._cpu_before = self._cpu_of(pids)
        self._clocks = {pid: _clock(pid) for pid in pids}
        self._clocks_before = sum(self._clocks.values())

    def note(self, pids: Iterable[int]) -> None:
        """Remember what each process has used, which nobody may be left to tell at the end."""
        for pid in pids:
            self._clocks[pid] = max(self._clocks.get(pid, 0.0), _clock(pid))
        self._peak = max(self._peak, _high_water_mib(self._own))

    @property
    def noted(self) -> tuple[float, float]:
        """The seconds and the MiB since `begin` that `note` saw; there may have been more."""
        spent = sum(self._clocks.values()) - self._clocks_before
        return max(0.0, spent), max(0.0, self._peak - self._before)

    def cpu_seconds(self) -> float | None:
        """Return the processor time since `begin`; None if the process has ended."""
        pids = self.pids()
        if self._own not in pids:
            return None
        return max(0.0, self._cpu_of(pids) - self._cpu_before)

    def _cpu_of(self, pids: Iterable[int]) -> float:
        """Add what the living used, and the dead that they or their ancestor waited for."""
        return sum(map(_cpu_seconds, pids)) + _childrens_seconds(self.root)

    def own_peak_mib(self) -> float | None:
        """Return how far the forecaster's own process grew since `begin`; None if it has ended."""
        peak = _high_water_mib(self._own)
        return max(0.0, peak - self._before) if peak else None

    def resident_mib(self, pids: Iterable[int]) -> float:
        """Return the sum of resident sizes, in which shared pages count more than once."""
        return PAGE_MIB * sum(map(_resident_pages, pids))

    def files_mib(self, pids: Iterable[int], *, every_thread: bool) -> float:
        """Return the memory in files: those without a name, and in folders that live in memory.

        Args:
            pids: of the processes.
            every_thread: look at what each thread has open; it may differ, but rarely does.

        """
        return (_unnamed_bytes(pids, every_thread) + self._folders_bytes()) / MIB

    def proportional_mib(self, pids: Iterable[int]) -> float:
        """Return the memory of processes, shared pages counted once, without `files_mib`."""
        return sum(map(_proportional_kib, pids)) / 1024

    def written_mib(self) -> float:
        """Return what lies in the folder on disk, where there is no root of their own."""
        if self._guarded:
            return 0.0
        return _disk_bytes(self._folder) / MIB

    def _folders_bytes(self) -> int:
        total = 0
        if self._guarded:
            for folder in WRITABLE:
                with contextlib.suppress(OSError):
                    told = os.statvfs(f"/proc/{self.root}/root{folder}")
                    total += (told.f_blocks - told.f_bfree) * told.f_frsize
                    total += (told.f_files - told.f_ffree) * NAME_BYTES
        return total


class Watch:
    """Ends a tree of processes when its memory passes a limit.

    Attributes:
        exceeded: what was too much, in words; empty if nothing was.
        others_mib: the most that was in use besides the forecaster's own process.

    """

    def __init__(self, tree: Tree, limit_mib: float, end: Callable[[], None]) -> None:
        self.exceeded = ""
        self.others_mib = 0.0
        self._tree = tree
        self._limit = limit_mib
        self._end = end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        polls = 0
        while not self._stop.wait(POLL_SECONDS):
            pids = self._tree.pids()
            if not pids:  # not forked yet, with no root of its own, or ended
                continue
            self._tree.note(pids)
            self._look(pids, slowly=polls % SLOWLY == 0)
            polls += 1
            if self.exceeded:
                self._end()
                return

    def _look(self, pids: list[int], *, slowly: bool) -> None:
        in_files = self._tree.files_mib(pids, every_thread=slowly)
        total = self._tree.resident_mib(pids) + in_files
        if (total > self._limit and len(pids) > 1) or (in_files > 0 and total > self._limit):
            total = self._tree.proportional_mib(pids) + in_files
        others = in_files
        if len(pids) > 1 and slowly:
            others += self._tree.proportional_mib(pids[1:])
        if total > self._limit:
            self.exceeded = f"used more than {self._limit:g} MiB of memory"
            others = max(others, total - self._tree.resident_mib(pids[:1]))
        self.others_mib = max(self.others_mib, others)
        if self.exceeded:
            return
        if slowly and self._tree.written_mib() > self._limit:
            self.exceeded = f"wrote more than {self._limit:g} MiB to its folder"

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join()


def descendants(pid: int) -> list[int]:
    """Return the processes below one; none where /proc is missing.

    Whoever keeps a forecaster's process adopts what its children leave behind, so none is missed.
    """
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                for child in map(int, file.read().split()):
                    found += [child, *descendants(child)]
    return found


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, and of its children that have ended."""
    return _clock(pid) + _childrens_seconds(pid)


def _clock(pid: int) -> float:
    """Return the processor time of a process alone."""
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    return 0.0


def _childrens_seconds(pid: int) -> float:
    """Return the processor time of the children of a process that it has waited for."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[13]) + int(fields[14])) / TICKS
    return 0.0


def _resident_pages(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _high_water_mib(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _unnamed_bytes(pids: Iterable[int], every_thread: bool) -> int:
    """Return the size of files that live in memory and have no name but a descriptor."""
    sizes: dict[tuple[int, int], int] = {}
    for folder in _descriptors(pids, every_thread):
        with contextlib.suppress(OSError):
            for fd in os.listdir(folder):
                place = f"{folder}/{fd}"
                with contextlib.suppress(OSError):
                    if os.readlink(place).startswith("/memfd:"):
                        told = os.stat(place)
                        sizes[told.st_dev, told.st_ino] = told.st_blocks * 512
    return sum(sizes.values())


def _descriptors(pids: Iterable[int], every_thread: bool) -> Iterator[str]:
    """List the folders of /proc with what processes have open, or each of their threads."""
    for pid in pids:
        if not every_thread:
            yield f"/proc/{pid}/fd"
            continue
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                yield f"/proc/{pid}/task/{task}/fd"


def _proportional_kib(pid: int) -> int:
    """Sum the proportional sizes of a process's mappings, but for files that live in memory."""
    total, counted = 0, True
    with (
        contextlib.suppress(OSError, ValueError, IndexError),
        open(f"/proc/{pid}/smaps", "rb") as file,
    ):
        for line in file:
            if line.startswith(b"Pss:"):
                total += int(line.split()[1]) if counted else 0
            elif line[:1] in b"0123456789abcdef":
                parts = line.split(maxsplit=5)
                path = parts[5].decode(errors="replace") if len(parts) > 5 else ""
                counted = not path.startswith(IN_FILES)
    return total


def _disk_bytes(folder: str) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total
