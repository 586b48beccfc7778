"""Compile loops by numba and keep the machine code in the user's cache, keyed by its sources.

numba keeps machine code beside the source and checks only the file that defines a function. An
integrator whose step lies in another file would then run with the old step after a change. Here the
code of a function lies in a folder whose name is a hash of all files of its package and of the
versions of numba and Python. Changed sources have another folder, so old code is never found.
Nothing is written into the installed package.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from shutil import rmtree
from typing import Any

import llvmlite
import numba
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    _CacheLocator,
)

__all__ = ["jit"]

UNUSED_DAYS = 60
"""A folder of machine code that was not used for so long is deleted when another one is made."""


def jit(**options: Any) -> Callable[[Any], Any]:
    """Return a decorator that compiles a function and keeps its machine code.

    Args:
        options: what ``numba.njit`` takes besides ``cache``.

    """
    compiled = numba.njit(nogil=True, error_model="numpy", **options)

    def decorate(function: Any) -> Any:
        dispatcher = compiled(function)
        if folder := _folder(Path(inspect.getfile(function)).parent):
            dispatcher._cache = _Cache(function, folder)
        return dispatcher

    return decorate


@cache
def _folder(package: Path) -> Path | None:
    """Return the folder for the machine code of a package, or None where none can be had."""
    name = _key(package)
    if name is None:
        return None
    for base in _bases():
        folder = base / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            os.utime(folder)
        except OSError:
            continue
        _drop_unused(base, package.name)
        return folder
    return None


def _key(package: Path) -> str | None:
    """Return a name for the sources of a package and what compiles them; None without sources."""
    digest = hashlib.sha256()
    for part in (numba.__version__, llvmlite.__version__, sys.version):
        digest.update(part.encode() + b"\0")
    try:
        files = sorted(package.rglob("*.py"))
        for file in files:
            digest.update(file.relative_to(package).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError:
        return None
    return f"{package.name}-{digest.hexdigest()[:24]}" if files else None


def _bases() -> list[Path]:
    """List where machine code may be kept, the best place first.

    The variable CHAOSBENCH_CODE_CACHE names it, or numba's own NUMBA_CACHE_DIR. Otherwise it is the
    user's cache directory, or a private folder for temporary files where there is no home.
    """
    for variable in ("CHAOSBENCH_CODE_CACHE", "NUMBA_CACHE_DIR"):
        if given := os.environ.get(variable):
            return [Path(given).absolute()]
    found = []
    with suppress(RuntimeError):  # raised where there is no home
        found.append(_user_cache() / "chaosbench" / "machine-code")
    if private := _private():
        found.append(private)
    return found


def _user_cache() -> Path:
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if local := os.environ.get("LOCALAPPDATA"):
        return Path(local)
    return Path.home() / ".cache"


def _private() -> Path | None:
    """Return this user's own folder for temporary files, or None if somebody else made it.

    The code in it is run, so nobody else may be able to write there.
    """
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir()) / f"chaosbench-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if ours and not found.st_mode & 0o077 else None


def _drop_unused(base: Path, name: str) -> None:
    """Delete the machine code of other versions of a package that was not used for long."""
    oldest = time.time() - UNUSED_DAYS * 86400
    for folder in base.glob(f"{name}-{'?' * 24}"):
        with suppress(OSError):  # another process may be deleting it
            if folder.stat().st_mtime < oldest:
                rmtree(folder, ignore_errors=True)


class _Place(_CacheLocator):
    """The folder of a function's machine code."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._py_file = inspect.getfile(function)
        self._folder = folder
        self._line = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._folder.name

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(CompileResultCacheImpl):
    """numba's way of storing a compiled function, at our place."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Place(function, folder)
        name = f"{Path(inspect.getfile(function)).stem}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _Files(IndexDataCacheFile):
    """An index and the compiled functions it names.

    Every function is written to a file with a new name, before the index that names it. Processes
    that write at the same time may lose an entry of the index and compile a function again later.
    They never read each other's code under a wrong name. What a full disk or a power failure cut
    off counts as missing.
    """

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()  # type: ignore[no-any-return]
        except Exception:  # unpickling what is damaged raises anything
            return {}

    def _load_data(self, name: str) -> Any:
        try:
            return super()._load_data(name)
        except Exception as error:
            raise FileNotFoundError(name) from error  # numba compiles again

    def save(self, key: Any, data: Any) -> None:
        name = self._data_name_pattern.format(number=uuid.uuid4().int)
        self._save_data(name, data)
        self._save_index({**self._load_index(), key: name})


class _Cache(FunctionCache):
    """numba's cache of one function. Where it cannot be read or written, there is none."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._name = repr(function)
        self._py_func = function
        self._package = Path(inspect.getfile(function)).parent
        self._impl = _Implementation(function, folder)
        self._cache_path = str(folder)
        self._cache_file = _Files(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=folder.name,
        )
        self.enable()

    def save_overload(self, signature: Any, compiled: Any) -> None:
        with suppress(OSError):  # a full disk is no reason to stop a computation
            if _key(self._package) == Path(self._cache_path).name:  # the files may have changed
                super().save_overload(signature, compiled)
