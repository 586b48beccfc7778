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
from typing import Any

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["MORE", "READY", "ProtocolError", "read_message", "write_message"]

MORE = "more"
"""What the forecaster's process says when it has forecast as far as the next observation."""

READY = "ready"
"""What it says when everything is imported and the clock of the cell may start."""

_LENGTH = struct.Struct("<Q")
HEADER_AT_MOST = 1 << 20


class ProtocolError(Exception):
    """The other side closed the pipe or sent something that is no message."""


def write_message(fd: int, header: dict[str, Any], **arrays: FloatArray) -> None:
    """Send a header and named float64 arrays."""
    content = {name: np.ascontiguousarray(a, dtype=np.float64) for name, a in arrays.items()}
    shapes = {name: list(a.shape) for name, a in content.items()}
    text = json.dumps({**header, "arrays": shapes}).encode()
    _write(fd, _LENGTH.pack(len(text)) + text)
    for array in content.values():
        _write(fd, array.tobytes())


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
        ProtocolError: the pipe closed, or what came is no message.

    """
    (length,) = _LENGTH.unpack(_read(fd, _LENGTH.size, deadline))
    if length > HEADER_AT_MOST:
        raise ProtocolError(f"a header of {length} bytes")
    try:
        header = json.loads(_read(fd, length, deadline))
        shapes = {
            str(name): tuple(int(n) for n in shape) for name, shape in header["arrays"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"an unreadable header: {error}") from error
    if any(n < 0 for shape in shapes.values() for n in shape):
        raise ProtocolError("an array of negative size")
    if sum(math.prod(shape) for shape in shapes.values()) > numbers_at_most:
        raise ProtocolError("more numbers than were asked for")
    arrays = {
        name: np.frombuffer(_read(fd, 8 * math.prod(shape), deadline)).reshape(shape)
        for name, shape in shapes.items()
    }
    return header, arrays


def _write(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view[: 1 << 20]) :]
        except BrokenPipeError as error:
            raise ProtocolError("the other side has closed the pipe") from error


def _read(fd: int, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if deadline is not None:
            ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
        count = os.readv(fd, [view[: 1 << 20]])
        if count == 0:
            raise ProtocolError("the other side has closed the pipe")
        view = view[count:]
    return data
