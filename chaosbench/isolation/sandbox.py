"""What a forecaster's process may open: its libraries and a folder of its own, nothing else.

With Landlock a Linux process gives up rights for good, and needs no privilege for it. The datasets,
the runs and the harness's memory are then out of reach of a plugin and of everything it starts.
Where the kernel has no Landlock (before 5.13, or another system), this part is missing. Every
Record says what held.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import unquote, urlparse

from chaosbench.isolation._namespaces import NAMESPACES
from chaosbench.isolation.source import files_of

__all__ = ["confine", "confinement", "devices", "readable"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, alike on all machines
PR_SET_NO_NEW_PRIVS, PATH_BENEATH = 38, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REFER, TRUNCATE = 1 << 13, 1 << 14
FIRST_VERSION = REFER - 1  # thirteen rights on files and folders
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
READING = EXECUTE | READ_FILE | READ_DIR
SCOPE_SOCKETS_AND_SIGNALS = 3
NETWORK = 3
"""To bind and to connect TCP sockets."""

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/etc", "/sys", "/nix", "/gnu",
    "/Library", "/System",
)  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom", "dri", "kfd")
OF_THE_MACHINE = (
    "cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version",
)  # fmt: skip
"""What may be read of a /proc that shows other processes too; besides the process's own folder."""

CACHES = (("HF_HOME", ".cache/huggingface"), ("TORCH_HOME", ".cache/torch"))
ALLOW = "CHAOSBENCH_ALLOW"


@cache
def _version() -> int:
    """Return the version of the kernel's Landlock; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, 1)))


def confinement(*, namespaces: bool) -> str:
    """Say how a forecaster's process is confined, for the Record."""
    held = [NAMESPACES] if namespaces else []
    held += [f"landlock {_version()}"] if _version() else []
    return "; ".join(held) or "none"


def confine(
    reading: Iterable[str], writing: Iterable[str], *, own_process_only: bool = False
) -> None:
    """Give up access to all files but these, for good; without Landlock nothing happens.

    The memory of processes outside the confinement becomes unreadable too, and from version 6 on
    they can no longer be sent signals. Threads that exist already stay unconfined, so this must
    come before anything that starts a thread.

    Args:
        reading: files and folders to read.
        writing: files and folders to write too.
        own_process_only: of /proc, show this process and the machine but no other process, and
            close TCP, because the process has no /proc and no network of its own.

    Raises:
        OSError: the kernel refused; the process must not go on.

    """
    version = _version()
    if not version:
        return
    library = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: object) -> int:
        result = int(library.syscall(number, *arguments))
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"Landlock: {os.strerror(code)}")
        return result

    handled = FIRST_VERSION | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    scoped = SCOPE_SOCKETS_AND_SIGNALS if version >= 6 else 0
    network = NETWORK if own_process_only and version >= 4 else 0
    attributes = struct.pack("=QQQ", handled, network, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = call(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    seen = ["/proc/self", *(f"/proc/{name}" for name in OF_THE_MACHINE)]
    shown = seen if own_process_only else ["/proc"]
    for paths, rights in (([*reading, *shown], READING), (writing, handled)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:  # what does not exist need not be allowed
                continue
            fitting = handled if stat.S_ISDIR(os.fstat(place).st_mode) else handled & ON_FILES
            rule = struct.pack("=Qi", rights & fitting, place)
            call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
            os.close(place)
    if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the process could not give up new privileges")
    call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def readable(plugins: Iterable[str] = ()) -> list[str]:
    """List what may be read: interpreter, libraries, caches, plugins and the files beside them.

    In a source tree (an editable installation, the current directory) only modules and packages
    are listed, because runs and data may lie there too; in a plugin's folder the files and packages
    that its hash covers, see `files_of`, and no others. The variable ``CHAOSBENCH_ALLOW`` adds
    paths, separated as in ``PATH``.
    """
    trees = tuple(sorted({str(Path(entry or ".").absolute()) for entry in sys.path} | _editable()))
    told = tuple(os.environ.get(name, "") for name in ("HOME", ALLOW, *(n for n, _ in CACHES)))
    found = set(_always(trees, tuple(map(_changed, trees)), told))
    for plugin in plugins:
        if Path(plugin).is_file():
            around = Path(plugin).absolute().parent
            for file in files_of(Path(plugin).absolute()):
                top = around / file.relative_to(around).parts[0]  # a module, or a package's folder
                found |= {str(top)} if _is_file(top) or _is_package(top) else set()
    return sorted(found)


def _changed(folder: str) -> int:
    """Return when files came to a folder or left it; 0 if it is not there."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _always(trees: tuple[str, ...], _: tuple[int, ...], told: tuple[str, ...]) -> frozenset[str]:
    """List what every forecaster may read; again if a folder or the environment has changed."""
    home, allowed, *caches = told
    found = {*SYSTEM, sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)}
    usual = [str(Path(home or "/") / place) for _, place in CACHES]
    found |= {cache or place for cache, place in zip(caches, usual, strict=True)}
    found |= {path for path in allowed.split(os.pathsep) if path}
    for folder in map(Path, trees):
        if folder.name in ("site-packages", "dist-packages") or folder.is_file():
            found.add(str(folder))
        elif not any(folder.is_relative_to(part) for part in (sys.prefix, sys.base_prefix)):
            found |= set(_importable(folder))
    return frozenset(found)


def devices() -> list[str]:
    """List the devices that may be used."""
    return [*(f"/dev/{name}" for name in DEVICES), *map(str, Path("/dev").glob("nvidia*"))]


def _importable(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for child in folder.iterdir():
            package = child.name.endswith("-info") or _is_package(child)
            if package or child.suffix in (".py", ".so"):
                yield str(child)


def _is_package(folder: Path) -> bool:
    return _is_file(folder / "__init__.py")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # it lies where this user may not look
        return False


@cache
def _editable() -> frozenset[str]:
    """Find the source trees of editable installations that are not on the path themselves."""
    found = set()
    for distribution in importlib.metadata.distributions():
        try:
            told = json.loads(distribution.read_text("direct_url.json") or "{}")
            if told.get("dir_info", {}).get("editable"):
                root = unquote(urlparse(told["url"]).path)
                found |= {root, f"{root}/src"}
        except (ValueError, KeyError):
            continue
    return frozenset(found)
