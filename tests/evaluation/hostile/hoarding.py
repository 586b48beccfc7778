"""Ways to take more memory, more disk, more processes and more time than the budget."""

from __future__ import annotations

import array
import contextlib
import ctypes
import mmap
import os
import resource
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import numpy as np
from honest import Honest, Tries, call

MIB = 400
"""More than the budget of these cells."""


def fill(fd, mib=MIB):
    """Write so much to a file, a MiB at a time, or as much as there is room for."""
    with contextlib.suppress(OSError):
        for _ in range(mib):
            os.write(fd, b"\1" * 2**20)


class HoardsInMemfd(Honest):
    """Fills a file in memory that has no name."""

    def fit(self, train, *, seed):
        fill(os.memfd_create("hoard"))
        time.sleep(4)
        return self


class HoardsInAThread(Honest):
    """Fills a file in memory that only another thread has open."""

    def fit(self, train, *, seed):
        def hoard():
            call("unshare", 0x400)  # the table of files
            fill(os.memfd_create("hoard"))
            time.sleep(5)

        threading.Thread(target=hoard, daemon=True).start()
        time.sleep(4)
        return self


class HoardsInShm(Honest):
    """Fills the folder for shared memory."""

    def fit(self, train, *, seed):
        with open("/dev/shm/hostile-hoard", "wb", buffering=0) as file:
            fill(file.fileno())
        time.sleep(4)
        return self


class HoardsInTmp(Honest):
    """Fills the folder for temporary files."""

    def fit(self, train, *, seed):
        with open("hostile-hoard", "wb", buffering=0) as file:
            fill(file.fileno())
        time.sleep(4)
        return self


class HoardsDeletedFiles(Honest):
    """Fills a temporary file that is deleted and open."""

    def fit(self, train, *, seed):
        file = os.open("/dev/shm/hostile-gone", os.O_CREAT | os.O_WRONLY)
        os.unlink("/dev/shm/hostile-gone")
        fill(file)
        time.sleep(4)
        return self


class HoardsInSysV(Honest):
    """Fills segments of shared memory of the old kind, attached by nobody."""

    def fit(self, train, *, seed):
        attach = ctypes.CDLL(None, use_errno=True).shmat
        attach.restype = ctypes.c_void_p
        for k in range(8):
            segment = call("shmget", 0x5EEE + k, ctypes.c_size_t(50 * 2**20), 0o1666)
            place = attach(segment, None, 0)
            ctypes.memset(place, 1, 50 * 2**20)
            ctypes.CDLL(None).shmdt(ctypes.c_void_p(place))
        time.sleep(4)
        return self


class HoardsInSharedMaps(Honest):
    """Fills pages that it shares with a child and that no limit on its data counts."""

    def fit(self, train, *, seed):
        held = mmap.mmap(-1, MIB * 2**20)
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        for k in range(MIB):
            held[k * 2**20 : (k + 1) * 2**20] = b"\1" * 2**20
        time.sleep(4)
        return self


class HoardsInChildren(Honest):
    """Spreads its memory over ten children."""

    def fit(self, train, *, seed):
        for _ in range(10):
            if os.fork() == 0:
                held = np.ones(MIB * 2**17 // 10)
                time.sleep(20 + held[0])
        time.sleep(4)
        return self


class LiftsItsLimit(Honest):
    """Lifts the limit on its own data before it uses more."""

    def fit(self, train, *, seed):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
        self.__dict__["held"] = np.ones(MIB * 2**17)
        time.sleep(4)
        return self


class ComputesInAPool(Honest):
    """Does what is allowed: six children at work on 60 MiB that they share."""

    def fit(self, train, *, seed):
        held = np.ones(60 * 2**17)
        children = []
        for k in range(6):
            pid = os.fork()
            if pid == 0:
                total = held[k::6].sum()
                time.sleep(0.5)  # for the watch on memory to see all of them
                os._exit(0 if total > 0 else 1)
            children.append(pid)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
        return self


class Forks(Honest):
    """Leaves a hundred children behind, each with a child."""

    def fit(self, train, *, seed):
        for _ in range(50):
            if os.fork() == 0:
                if os.fork() == 0:
                    os.setsid()
                time.sleep(60)
                os._exit(0)
        return self


class ForksFaster(Honest):
    """Leaves a child behind that is always another process, so that a look comes too late."""

    def fit(self, train, *, seed):
        if os.fork() == 0:
            os.setsid()
            for _ in range(200_000):
                if os.fork() > 0:
                    os._exit(0)
            os._exit(0)
        return self


class Daemonises(Honest):
    """Leaves a process without parent, session, environment, name and open files."""

    def fit(self, train, *, seed):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.chdir("/")
                os.closerange(0, 1024)
                os.execve(sys.executable, ["kworker", "-c", "import time; time.sleep(60)"], {})
            os._exit(0)
        os.wait()
        return self


class Threads(Honest):
    """Leaves sixty threads behind, two of which are busy."""

    def fit(self, train, *, seed):
        def busy():
            while True:
                pass

        for k in range(60):
            work, *given = (busy,) if k < 2 else (time.sleep, 60)
            threading.Thread(target=work, args=given, daemon=True).start()
        return self


class OpensFiles(Honest):
    """Opens files until there are no more descriptors."""

    def fit(self, train, *, seed):
        held = []
        with contextlib.suppress(OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(7)[1],) * 2)
            while len(held) < 20_000:
                held.append(os.open("/dev/null", os.O_RDONLY))
        return self


class NamesFiles(Tries):
    """Makes twenty thousand empty files, which take memory that no size shows."""

    def ways(self):
        def names():
            for k in range(20_000):
                os.close(os.open(f"hostile-{k}", os.O_CREAT | os.O_WRONLY))
            return True

        return {"twenty thousand names": names}


class Chatters(Honest):
    """Floods both streams."""

    def fit(self, train, *, seed):
        line = "x" * 2**20
        for _ in range(64):
            sys.stdout.write(line)
            sys.stderr.write(line)
        return self


class SetsTimers(Honest):
    """Sets a timer whose signal ends the process."""

    def fit(self, train, *, seed):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(5)
        return self


class LeavesTimers(Honest):
    """Leaves timers, handlers, limits, a folder, a mask and a priority for whoever comes next."""

    def fit(self, train, *, seed):
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        os.nice(19)
        os.umask(0o777)
        os.chdir("/")
        for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
            resource.setrlimit(limit, (0, 0))
        return self


class RunsOutOfProcessorTime(Honest):
    """Limits its own processor time, and is ended by the kernel."""

    def fit(self, train, *, seed):
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        while True:
            pass


class HangsWithChildren(Honest):
    """Hangs, and so do its children; none listens to signals."""

    def fit(self, train, *, seed):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.fork()
        os.fork()
        while True:
            time.sleep(1)


class Limits(Tries):
    """Changes the limits and the priority of other processes."""

    def ways(self):
        def limit(pid):
            return resource.prlimit(pid, resource.RLIMIT_CPU) and True

        def priority(pid):
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))
            return True

        def affinity(pid):
            os.sched_setaffinity(pid, os.sched_getaffinity(pid))
            return True

        return {
            "limit": lambda: limit(self.harness),
            "priority": lambda: priority(self.harness),
            "affinity": lambda: affinity(self.harness),
        }


class HoardsInFlight(Honest):
    """Sends files in memory to itself and closes them, so that no table of files has them."""

    def fit(self, train, *, seed):
        ours, theirs = socket.socketpair()
        self.__dict__["held"] = ours, theirs
        for _ in range(10):
            fd = os.memfd_create("hoard")
            fill(fd, MIB // 10)
            rights = array.array("i", [fd])
            ours.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            os.close(fd)
        time.sleep(3)
        return self


class LeavesFiles(Honest):
    """Leaves files and folders that cannot be removed by their names, wherever it may write."""

    def fit(self, train, *, seed):
        for place in (".", "/tmp", "/dev/shm", "/var/tmp"):
            with contextlib.suppress(OSError):
                deep = Path(place, "hostile-deep")
                for _ in range(60):
                    deep = deep / ("d" * 50)
                deep.mkdir(parents=True)
            with contextlib.suppress(OSError):
                os.mkfifo(f"{place}/hostile-pipe")
            with contextlib.suppress(OSError):
                os.symlink("/", f"{place}/hostile-link")
            with contextlib.suppress(OSError):
                shut = Path(place, "hostile-shut")
                shut.mkdir()
                (shut / "file").write_text("x")
                shut.chmod(0)
        return self
