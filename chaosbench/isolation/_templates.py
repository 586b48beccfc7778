"""Templates: clean processes that fork forecasters' processes, kept between cells.

A template has imported NumPy and the libraries of some forecasters, and runs nothing else. A fork
of it costs milliseconds where importing a deep-learning library costs seconds.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.isolation._namespaces import WRITABLE
from chaosbench.isolation.sandbox import devices, readable

__all__ = ["KNOWN", "STARTING_SECONDS", "Started", "TemplateError", "heard", "known", "start"]

STARTING_SECONDS = 120.0
"""For a template to import its libraries; it is no part of any cell."""

WANTED = True
"""Whether namespaces are used where the system has them; for tests of what is left without."""

AT_MOST = 6
"""Templates that are kept; the one that was used longest ago ends first."""

MESSAGE_AT_MOST = 1 << 16
OWN = WRITABLE[0]
"""The folder of temporary files, in a root of its own."""

KNOWN = frozenset(
    {
        "darts", "jax", "kooplearn", "lightgbm", "numba", "optax", "pydmd", "pysindy",
        "reservoirpy", "scipy", "torch",
    }
)  # fmt: skip
"""Libraries that a template may import: those of the forecasters of this package.

Whatever else a plugin needs is imported in its own process, and the clock runs.
"""

_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip

_PASSED = (
    "PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT",
    "HF_HOME", "TORCH_HOME", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "XLA_FLAGS",
)  # fmt: skip
"""Variables of the environment that a forecaster's process gets; no secret is among them."""

PASS = "CHAOSBENCH_PASS"
"""Variable that names further ones, separated by commas."""

_BOOT = (
    "import json, sys; told = json.loads(sys.argv[1]); sys.path[:] = told['path']; "
    "from chaosbench.isolation.inside._template import main; "
    "main(told['fd'], told['libraries'], told['terms'])"
)
"""The modules that the harness has, whatever else is installed under the same names."""


class TemplateError(Exception):
    """No process could be started."""


@dataclass(frozen=True)
class Started:
    """A forecaster's process as the harness holds it.

    Attributes:
        sink, source, words: descriptors: of its requests, its answers, its error stream.
        control: closing it ends the process and all that it started.
        root: the ancestor of all its processes, see `Tree`.
        namespaces: whether it has its own.
        reason: why not.

    """

    sink: int
    source: int
    words: int
    control: socket.socket
    root: int
    namespaces: bool
    reason: str


class _Template:
    def __init__(self, libraries: tuple[str, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chaosbench-", ignore_cleanup_errors=True)
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        told = {
            "path": [str(Path(entry).absolute()) for entry in sys.path],
            "fd": theirs.fileno(),
            "libraries": libraries,
            "terms": {
                "folder": self._folder.name,
                "reading": readable(),
                "devices": devices(),
                "hidden": [],
                "memory_mib": 64.0,
                "wanted": WANTED,
            },
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps(told)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            cwd=self._folder.name,
            env=environment(self._folder.name),
            start_new_session=True,
        )
        theirs.close()
        try:
            text = heard(self._socket, STARTING_SECONDS)
        except TemplateError:
            words = self._last_words()
            self.close()
            raise TemplateError(
                f"the process for forecasters with {', '.join(libraries) or 'no libraries'} did "
                f"not start: {words or 'it gave no sign of life'}"
            ) from None
        self.namespaces: bool = text["namespaces"] and text["threads"] == 1
        self.reason: str = text["reason"]
        self.single: bool = text["threads"] == 1
        self.failed: str = text["failed"]

    def _last_words(self) -> str:
        self._process.kill()
        _, words = self._process.communicate()
        return words.decode(errors="replace").strip()[-300:]

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def start(self, terms: dict[str, Any]) -> Started:
        """Fork a process; the folder in the terms is the place of its root."""
        ends = [*os.pipe(), *os.pipe(), *os.pipe()]
        job_read, sink, source, result_write, words, words_write = ends
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own = OWN if self.namespaces else terms["folder"]
        writing = WRITABLE if self.namespaces else (own,)
        terms = terms | {
            "namespaces": self.namespaces, "own": own, "writing": [*writing, *terms["devices"]],
        }  # fmt: skip
        try:
            text = json.dumps(terms).encode()
            with self._lock:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(text) + 4096)
                socket.send_fds(
                    self._socket, [text], [job_read, result_write, words_write, theirs.fileno()]
                )
            for fd in (job_read, result_write, words_write):
                os.close(fd)
            theirs.close()
            ends = [sink, source, words]
            root = heard(ours, STARTING_SECONDS)["root"]
        except (OSError, TemplateError, KeyError) as error:
            for fd in ends:
                os.close(fd)
            ours.close()
            theirs.close()
            raise TemplateError(f"no process could be forked: {error}") from error
        os.set_blocking(sink, False)  # a process that stops reading must not stop the harness
        return Started(sink, source, words, ours, root, self.namespaces, self.reason)

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._folder.cleanup()


_Key = tuple[int, bool, tuple[str, ...], frozenset[str]]
_TEMPLATES: OrderedDict[_Key, _Template] = OrderedDict()
_LOCK = threading.Lock()
_STARTING: dict[frozenset[str], threading.Lock] = {}


def start(libraries: tuple[str, ...], terms: dict[str, Any]) -> Started:
    """Start a forecaster's process that has these libraries imported, as far as they are known.

    Raises:
        TemplateError: it could not be started.

    """
    chosen = tuple(name for name in libraries if known(name))
    roots = frozenset(name.partition(".")[0] for name in chosen)
    try:
        return _template(roots, chosen).start(terms)
    except TemplateError:
        _forget(roots)  # it may have been killed from outside
    return _template(roots, chosen).start(terms)


def known(module: str) -> bool:
    """Say whether a module is of a library that a template may import."""
    return module.partition(".")[0] in KNOWN


def _key(roots: frozenset[str]) -> _Key:
    return os.getpid(), WANTED, tuple(sys.path), roots


def _template(roots: frozenset[str], libraries: tuple[str, ...]) -> _Template:
    key = _key(roots)
    with _LOCK:
        one_at_a_time = _STARTING.setdefault(roots, threading.Lock())
    with one_at_a_time:
        with _LOCK:
            found = _TEMPLATES.get(key)
            if found is not None and found.alive:
                _TEMPLATES.move_to_end(key)
                return found
        made = _Template(libraries)
        if libraries and (made.failed or not made.single):
            made.close()  # a library that fails, or that has threads, is imported in the cell
            made = _Template(())
        with _LOCK:
            _TEMPLATES[key] = made
            too_many = [
                _TEMPLATES.pop(old) for old in list(_TEMPLATES)[: max(0, len(_TEMPLATES) - AT_MOST)]
            ]
        for old in too_many:
            old.close()
        return made


def _forget(roots: frozenset[str]) -> None:
    with _LOCK:
        old = _TEMPLATES.pop(_key(roots), None)
    if old is not None:
        old.close()


@atexit.register
def _end() -> None:
    with _LOCK:
        mine = [key for key in _TEMPLATES if key[0] == os.getpid()]
        ending = [_TEMPLATES.pop(key) for key in mine]
    for template in ending:
        template.close()


def heard(line: socket.socket, seconds: float) -> dict[str, Any]:
    """Return the next message of our own code at the other end."""
    deadline = time.monotonic() + seconds
    poll = select.poll()
    poll.register(line, select.POLLIN)
    if not poll.poll(1000 * max(0.0, deadline - time.monotonic())):
        raise TemplateError(f"no answer within {seconds:g} s")
    text = line.recv(MESSAGE_AT_MOST)
    if not text:
        raise TemplateError("it ended")
    told: dict[str, Any] = json.loads(text)
    return told


def environment(folder: str) -> dict[str, str]:
    """Return the environment of a forecaster's process: little, and nothing that is secret."""
    passed = {*_PASSED, *(name.strip() for name in os.environ.get(PASS, "").split(","))}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in passed or name.startswith(("LC_", "NVIDIA_"))
    }
    home = Path(os.environ.get("HOME", folder))
    caches = {"HF_HOME": ".cache/huggingface", "TORCH_HOME": ".cache/torch"}
    return (
        {name: str(home / usual) for name, usual in caches.items()}
        | kept
        | dict.fromkeys(_THREADS, "1")
        | {"HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
        | {"HOME": folder, "TMPDIR": folder, "NUMBA_CACHE_DIR": folder}
        | {"USER": "forecaster", "LOGNAME": "forecaster", "PYTHONDONTWRITEBYTECODE": "1"}
        | {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # a fork must find one thread
    )
