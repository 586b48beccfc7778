"""Files that are whole or not there, JSON, checksums, and directories with one owner."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, RecipeMismatchError
from chaosbench.text import printable

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "bounded", "claim", "file_name", "held", "read_json", "sha256", "whole", "write_json",
    "write_text",
]  # fmt: skip


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path; what is written there replaces `path` at the end, in one step.

    A full disk, an exception or a crash leaves the old file as it was, or none where there was
    none. Missing folders are made. What is not a regular file, such as a pipe, is written directly.

    Raises:
        OSError: the file cannot be written.

    """
    target = Path(path)
    if target.exists() and not target.is_file():
        yield target
        return
    target = Path(os.path.realpath(target))  # a link stays a link
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_native_id()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # the new name must not reach the disk before the content
        temporary.replace(target)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)  # the name that the user knows
        with suppress(OSError):  # it may never have been made
            temporary.unlink()
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text with Unix line ends; the file appears whole or not at all."""
    with whole(path) as place:
        place.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path | str, content: Any) -> None:
    """Write indented JSON with sorted keys; the file appears whole or not at all."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CorruptDataError: the file is missing or does not hold a JSON object.

    """
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptDataError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise CorruptDataError(f"{path} must hold a JSON object")
    return content


def bounded(path: Path, at_most: int) -> bytes:
    """Return the bytes of a stranger's file: a regular one, no link, of at most so many bytes.

    A pipe, a device or a link is not read at all.

    Raises:
        CorruptDataError: it is missing, no regular file, or larger.

    """
    shown = printable(str(path))
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CorruptDataError(f"{shown} is no regular file")
            data = file.read(at_most + 1)
    except FileNotFoundError as error:
        raise CorruptDataError(f"there is no file {shown}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = "it is a link" if Path(path).is_symlink() else getattr(error, "strerror", error)
        raise CorruptDataError(f"{shown} cannot be read: {why}") from error
    if len(data) > at_most:
        raise CorruptDataError(f"{shown} is larger than the {at_most:,} bytes that it may have")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def sha256(path: Path) -> str:
    """Hash a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def claim(
    directory: Path, marker: str, content: Mapping[str, Any], *, what: str, by: Sequence[str]
) -> None:
    """Take a directory that is new, empty, or already taken for the same `content`.

    A temporary file of the marker, which a killed process left behind, counts as nothing.

    Args:
        directory: the directory; it is made where it is missing.
        marker: name of the JSON file that says what the directory holds.
        content: content of that file.
        what: what the directory holds, a noun for the messages.
        by: keys of `content` in which the marker must agree.

    Raises:
        RecipeMismatchError: the directory is a file or holds something else; nothing was changed.
        CorruptDataError: the marker cannot be read.

    """
    if directory.exists() and not directory.is_dir():
        raise RecipeMismatchError(f"{directory} is a file; give a directory")
    place = directory / marker
    if place.is_file():
        held = read_json(place)
        if any(held.get(key) != content[key] for key in by):
            raise RecipeMismatchError(
                f"{directory} holds a {what} with {_words(held, by)}, this one has "
                f"{_words(content, by)}; choose another directory (nothing was changed)"
            )
        return
    left = re.compile(rf"\.{re.escape(marker)}\.[0-9-]+")
    if directory.is_dir() and any(not left.fullmatch(entry.name) for entry in directory.iterdir()):
        raise RecipeMismatchError(
            f"{directory} is not empty and holds no chaosbench {what}; choose another directory "
            "(nothing was changed)"
        )
    write_json(place, content)


@contextmanager
def held(directory: Path, waiting: Callable[[], object]) -> Iterator[None]:
    """Hold a directory, so that only one process writes there at a time; wait for it if need be.

    The lock ends with the process, however that ends, and leaves no file. Where the file system
    knows no locks, nothing is held.

    Args:
        directory: an existing directory.
        waiting: called once if another process holds it.

    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)


def file_name(text: str) -> str:
    """Return a text as part of a file's name; one that is not safe in a path becomes a hash."""
    name = text.replace("/", "-").replace(" ", "-")
    if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", name):
        return name
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def _words(content: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {content.get(key)}" for key in keys)
