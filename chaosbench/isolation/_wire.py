"""Messages between the harness and a forecaster's process: a JSON header and raw arrays.

Nothing is ever unpickled: what comes from a forecaster's process is untrusted.
"""

from __future__ import annotations

import json
import math
import os
import select
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["MARK", "MORE", "READY", "ProtocolError", "read_message", "write_message"]

MARK = "mark"
"""Status by which the forecaster's process says that it fits, or that it predicts, from now on."""

MORE = "more"
"""Status by which it hands in its forecast up to the next observation."""

READY = "ready"
"""Status by which it says that it is confined and has imported what is no part of the cell."""

_LENGTH = struct.Struct("<Q")
HEADER_AT_MOST = 1 << 20
ARRAYS_AT_MOST = 16
NAME_AT_MOST = 64
AXES_AT_MOST = 4
SIZE_AT_MOST = 2**40
CHUNK = 1 << 20
LONGEST_WAIT = 86_400.0
"""Seconds that the system call is asked to wait at a time."""


class ProtocolError(Exception):
    """The other side closed the pipe or sent something that is not a message."""


def write_message(
    fd: int,
    header: dict[str, Any],
    arrays: Mapping[str, FloatArray] | None = None,
    *,
    deadline: float | None = None,
) -> None:
    """Send a header and named float64 arrays.

    Args:
        fd: the pipe. A deadline can only be kept if it does not block.
        header: plain data.
        arrays: by name.
        deadline: on the monotonic clock.

    Raises:
        TimeoutError: the deadline passed before the other side had read enough.
        ProtocolError: the pipe closed.

    """
    content = {
        name: np.asarray(a, dtype=np.float64, order="C") for name, a in (arrays or {}).items()
    }
    shapes = {name: list(a.shape) for name, a in content.items()}
    text = json.dumps({**header, "arrays": shapes}).encode()
    _write(fd, _LENGTH.pack(len(text)) + text, deadline)
    for array in content.values():
        _write(fd, array.tobytes(), deadline)


def read_message(
    fd: int, *, deadline: float | None = None, numbers_at_most: float = math.inf
) -> tuple[dict[str, Any], dict[str, FloatArray]]:
    """Receive a header and its arrays.

    Args:
        fd: the pipe.
        deadline: on the monotonic clock.
        numbers_at_most: arrays with more numbers in all are refused before they are read.

    Raises:
        TimeoutError: the deadline passed.
        ProtocolError: the pipe closed, or what came is not a message.

    """
    (length,) = _LENGTH.unpack(_read(fd, _LENGTH.size, deadline))
    if length > HEADER_AT_MOST:
        raise ProtocolError(f"a header of {length} bytes")
    try:
        header = json.loads(_read(fd, length, deadline), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"an unreadable header: {error}") from error
    shapes = _shapes(header)
    if sum(math.prod(shape) for shape in shapes.values()) > numbers_at_most:
        raise ProtocolError("more numbers than were asked for")
    arrays = {name: _read_array(fd, shape, np.float64, deadline) for name, shape in shapes.items()}
    return header, arrays


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _shapes(header: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a header announces by name, if they are shapes of arrays."""
    announced = header.get("arrays") if isinstance(header, dict) else None
    if not isinstance(announced, dict) or len(announced) > ARRAYS_AT_MOST:
        raise ProtocolError("a header without a list of arrays, or with too many of them")
    for name, shape in announced.items():
        if len(name) > NAME_AT_MOST or not isinstance(shape, list) or len(shape) > AXES_AT_MOST:
            raise ProtocolError("an array whose name or shape is not one")
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ProtocolError("an array with an axis whose length is not a length")
        if math.prod(max(n, 1) for n in shape) > SIZE_AT_MOST:  # also of an empty one
            raise ProtocolError("an array that is too large for any memory")
    return {name: tuple(shape) for name, shape in announced.items()}


def _write(fd: int, data: bytes, deadline: float | None) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view[:CHUNK]) :]
        except BlockingIOError:  # the pipe is full
            _wait(fd, select.POLLOUT, deadline)
        except BrokenPipeError as error:
            raise ProtocolError("the other side has closed the pipe") from error


def _read(fd: int, size: int, deadline: float | None) -> bytes:
    return bytes(_read_array(fd, (size,), np.uint8, deadline))


def _read_array(
    fd: int, shape: tuple[int, ...], kind: type[np.generic], deadline: float | None
) -> Any:
    """Read an array; the system gives it memory only as its content arrives."""
    try:
        array = np.empty(shape, dtype=kind)
    except MemoryError as error:
        raise ProtocolError("an array that is too large for this memory") from error
    view = array.reshape(-1).view(np.uint8).data
    while view:
        _wait(fd, select.POLLIN, deadline)
        count = os.readv(fd, [view[:CHUNK]])
        if count == 0:
            raise ProtocolError("the other side has closed the pipe")
        view = view[count:]
    return array


def _wait(fd: int, event: int, deadline: float | None) -> None:
    """Wait until a pipe can be used or is closed.

    Raises:
        TimeoutError: the deadline passed.

    """
    poll = select.poll()
    poll.register(fd, event)
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if poll.poll(None if left is None else 1000 * min(left, LONGEST_WAIT)):
            return
        if left is not None and left <= LONGEST_WAIT:
            raise TimeoutError
