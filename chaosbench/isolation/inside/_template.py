"""A clean process that forks forecasters' processes, so that none has to import its libraries.

It is started by `isolation._templates` with a socket, imports NumPy, the worker and a few libraries
that the harness names, and from then on only forks: no line of a plugin ever runs in it. Each
request brings the descriptors of one cell. The fork that answers it is the *keeper*: it starts the
forecaster's process, in namespaces of its own where the system allows them, waits until it ends or
the harness lets go, ends what is left, and says how it ended.

    harness -- template -- keeper -- first process of the namespace -- forecaster's process

Everything here ends when the harness does, even when that is killed: the template and the keepers
notice that their sockets close, and the kernel ends a namespace with its first process.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterable
from typing import Any, NoReturn

from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation._namespaces import (
    build_root,
    drop_capabilities,
    forget_keys,
    forget_the_rest,
    unshare,
)
from chaosbench.isolation._tree import descendants
from chaosbench.isolation.inside import _worker

__all__ = ["main"]

OFTEN = ("chaosbench", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.random", "dataclasses")
"""What nearly every forecaster needs, and NumPy loads only when it is asked for."""

MESSAGE_AT_MOST = 1 << 20
STATUS = struct.Struct("=i")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KILLS_AT_MOST = 1000
REAP_SECONDS = 0.2
OPEN_FILES = 256
"""Of one process; what sockets and pipes hold is counted by nobody else."""


def main(fd: int, libraries: Iterable[str], terms: dict[str, Any]) -> NoReturn:
    """Import, say what there is, and fork until the harness closes the socket."""
    harness = socket.socket(fileno=fd)
    with _ends_with(harness):
        failed = ""
        for library in (*OFTEN, *libraries):
            try:
                importlib.import_module(library)
            except Exception as error:
                failed = f"{library}: {type(error).__name__}: {error}"[:300]
    len(forecasters)  # finds the entry points, which takes a while
    reason = _refusal(terms)
    told = {"threads": _threads(), "namespaces": not reason, "reason": reason, "failed": failed}
    harness.send(json.dumps(told).encode())
    gc.collect()
    gc.freeze()
    keepers: set[int] = set()
    while True:
        while not select.select([harness.fileno()], [], [], REAP_SECONDS if keepers else None)[0]:
            keepers -= {pid for pid in keepers if os.waitpid(pid, os.WNOHANG)[0]}
        text, fds, _, _ = socket.recv_fds(harness, MESSAGE_AT_MOST, 4)
        if not text:
            os._exit(0)
        keeper = os.fork()
        if keeper == 0:
            _only(harness.close)
            _only(_keep, json.loads(text), fds)
        keepers.add(keeper)
        for one in fds:
            os.close(one)


def _only(step: Any, *arguments: Any) -> None:
    """Do one step in a fork, which must not come back into the template's loop if it fails."""
    try:
        step(*arguments)
    except BaseException:
        os._exit(70)


@contextlib.contextmanager
def _ends_with(harness: socket.socket) -> Any:
    """Let the closing of a socket end this process while it is too busy to look."""
    flags = fcntl.fcntl(harness, fcntl.F_GETFL)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        fcntl.fcntl(harness, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(harness, fcntl.F_SETFL, flags | os.O_ASYNC)
    yield
    fcntl.fcntl(harness, fcntl.F_SETFL, flags)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _refusal(terms: dict[str, Any]) -> str:
    """Try the namespaces once; return why they cannot be had, or nothing."""
    if not terms["wanted"]:
        return "they were not wanted"
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        words = b""
        try:
            unshare()
            first = os.fork()
            if first == 0:
                code = 1
                try:
                    _enter(terms)
                    code = 0
                except Exception as error:
                    os.write(sink, str(error).encode()[:300])
                finally:
                    os._exit(code)
            if os.waitpid(first, 0)[1] != 0:
                words = b" "
        except Exception as error:
            words = str(error).encode()[:300] or b"refused"
        os.write(sink, words)
        os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as told:
        words = told.read()
    os.waitpid(pid, 0)
    return words.decode(errors="replace").strip() or ("refused" if words else "")


def _enter(terms: dict[str, Any]) -> None:
    build_root(
        terms["folder"], terms["reading"], terms["devices"], terms["hidden"], terms["memory_mib"]
    )
    forget_the_rest()


def _keep(terms: dict[str, Any], fds: list[int]) -> NoReturn:
    """Start the forecaster's process, wait for its end, and end what it leaves behind."""
    job, result, words, control = fds
    os.setsid()
    prctl = ctypes.CDLL(None).prctl
    source, sink = os.pipe()
    guarded = terms["namespaces"]
    if guarded:
        unshare()
    else:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    _die_with_the_parent()
    first = os.fork()
    if first == 0:
        os.close(source)
        _die_with_the_parent()
        if guarded:
            _only(_be_first, terms, (job, result, words), sink)
        _only(_be_worker, terms, (job, result, words))
    for fd in (job, result, words, sink):
        os.close(fd)
    harness = socket.socket(fileno=control)
    with contextlib.suppress(OSError):
        root = first if guarded else os.getpid()
        harness.send(json.dumps({"root": root}).encode())
    _wait_or_kill(first, harness)
    _, status, usage = os.wait4(first, 0)
    if guarded:
        told = os.read(source, STATUS.size)
        status = STATUS.unpack(told)[0] if len(told) == STATUS.size else status
    else:
        _end_the_rest()
    usage_of_all = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = {
        "status": status,
        "cpu_seconds": usage_of_all.ru_utime + usage_of_all.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }
    with contextlib.suppress(OSError):
        harness.send(json.dumps(said).encode())
    os._exit(0)


def _wait_or_kill(first: int, harness: socket.socket) -> None:
    """Return when the process has ended by itself, or the harness lets go of it."""
    pidfd = os.pidfd_open(first)
    ended, _, _ = select.select([pidfd, harness.fileno()], [], [])
    os.close(pidfd)
    if pidfd not in ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)


def _end_the_rest() -> None:
    """Kill what the dead process left behind; its keeper has adopted it."""
    for _ in range(KILLS_AT_MOST):
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _be_first(terms: dict[str, Any], fds: tuple[int, int, int], sink: int) -> NoReturn:
    """Be the first process of the namespaces: start the forecaster's, adopt, wait."""
    _enter(terms)
    worker = os.fork()
    if worker == 0:
        os.close(sink)
        _only(_be_worker, terms, fds)
    for fd in fds:
        os.close(fd)
    while True:
        pid, status = os.wait()
        if pid == worker:
            os.write(sink, STATUS.pack(status))
            os._exit(0)  # the kernel ends whatever else is in the namespace


def _be_worker(terms: dict[str, Any], fds: tuple[int, int, int]) -> NoReturn:
    """Become the forecaster's process: nothing is left open but its pipes."""
    job, result, words = fds
    os.setsid()
    os.dup2(words, 2)
    low, high = sorted((job, result))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, 1 << 16)
    own = terms["own"]
    os.chdir(own)
    os.environ.update(dict.fromkeys(("HOME", "TMPDIR", "NUMBA_CACHE_DIR"), own))
    tempfile.tempdir = None
    if "numba" in sys.modules:
        sys.modules["numba"].core.config.reload_config()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))
    forget_keys()
    drop_capabilities()
    _worker.main(job, result, terms)
    os._exit(0)  # a library's exit handlers have nothing to add


def _die_with_the_parent() -> None:
    """Ask Linux to end this process with the one that forked it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
