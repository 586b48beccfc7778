"""How much a Parquet file would unfold to, from the headers of its pages, before any is unfolded.

The footer of a file says sizes too, but a file may say there what it likes. A reader allocates what
the header of each page says, so these headers are what must be read first. They are structures in
Thrift's compact protocol; only whole numbers and structures matter here, the rest is skipped.

Arrow's own view of a footer is not used: where its statistics are damaged, it ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Column", "Page", "columns", "pages"]

_STOP, _TRUE, _FALSE, _BYTE, _SHORT, _INT, _LONG, _DOUBLE = range(8)
_BINARY, _LIST, _SET, _MAP, _STRUCT = range(8, 13)

_DEPTH_AT_MOST = 16
_VARINT_BYTES = 10

_UNCOMPRESSED, _COMPRESSED = 2, 3
_KINDS = (5, 7, 8)
"""Fields of a page's header that hold the header of its kind; each begins with its values."""


_MAGIC = b"PAR1"
_FOOTER_AT_MOST = 4 * 2**20

# fields of the footer, of a group of rows in it, and of a column there
_GROUPS, _COLUMNS, _META = 4, 1, 3
_LENGTH, _DATA, _DICTIONARY = 7, 9, 11


@dataclass(frozen=True)
class Column:
    """Where the pages of one column of one group of rows lie."""

    start: int
    length: int


@dataclass(frozen=True)
class Page:
    """What the header of a page announces: bytes when unfolded, and values."""

    size: int
    values: int


def columns(data: bytes) -> list[Column]:
    """Return where the columns of a file lie, group of rows by group of rows.

    Raises:
        ValueError: it is no Parquet file.

    """
    if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("not a Parquet file")
    length = int.from_bytes(data[-8:-4], "little")
    if length > min(len(data) - 12, _FOOTER_AT_MOST):
        raise ValueError("the footer is too long")
    footer = _Reader(data, len(data) - 8 - length, len(data) - 8).struct(0)
    found = []
    for group in _structs(footer.get(_GROUPS)):
        for chunk in _structs(group.get(_COLUMNS)):
            meta = chunk.get(_META)
            if not isinstance(meta, dict):
                raise ValueError("a column has no description")
            start, room = meta.get(_DATA), meta.get(_LENGTH)
            if not isinstance(start, int) or not isinstance(room, int):
                raise ValueError("a column has no place")
            first = meta.get(_DICTIONARY)
            if isinstance(first, int) and 0 < first < start:
                start = first
            found.append(Column(start, room))
    return found


def _structs(value: Any) -> list[dict[int, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("a list of descriptions is none")
    return value


def pages(data: bytes, start: int, length: int) -> Iterator[Page]:
    """Yield the pages of a column that lies in `length` bytes of `data` from `start`.

    Raises:
        ValueError: there are no headers of pages.

    """
    end = start + length
    if start < 0 or length < 0 or end > len(data):
        raise ValueError("a column lies outside of the file")
    place = start
    while place < end:
        header = _Reader(data, place, end)
        found = header.struct(0)
        kinds = [found[k] for k in _KINDS if isinstance(found.get(k), dict)]
        values = kinds[0].get(1) if kinds else None
        size, packed, values = map(
            _count, (found.get(_UNCOMPRESSED), found.get(_COMPRESSED), values)
        )
        yield Page(size, values)
        place = header.place + packed


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a page has no sizes")
    return value


class _Reader:
    def __init__(self, data: bytes, place: int, end: int) -> None:
        self.data, self.place, self.end = data, place, end

    def byte(self) -> int:
        if self.place >= self.end:
            raise ValueError("a page's header is cut off")
        value = self.data[self.place]
        self.place += 1
        return value

    def varint(self) -> int:
        value = 0
        for k in range(_VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * k)
            if byte < 0x80:
                return value
        raise ValueError("a number in a page's header does not end")

    def number(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)  # the sign is in the last bit

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEPTH_AT_MOST:
            raise ValueError("a page's header is nested too deeply")
        fields: dict[int, Any] = {}
        name = 0
        while True:
            head = self.byte()
            kind = head & 0x0F
            if kind == _STOP:
                return fields
            name = name + (head >> 4) if head >> 4 else self.number()
            fields[name] = kind == _TRUE if kind in (_TRUE, _FALSE) else self.value(kind, depth)

    def value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE, _BYTE):
            return self.byte()
        if kind in (_SHORT, _INT, _LONG):
            return self.number()
        if kind == _DOUBLE:
            return self.skip(8)
        if kind == _BINARY:
            return self.skip(self.varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return self.items(count, (head & 0x0F,), depth)
        if kind == _MAP:
            count = self.varint()
            head = self.byte() if count else 0
            return self.items(count, (head >> 4, head & 0x0F), depth)
        raise ValueError("a page's header holds an unknown type")

    def items(self, count: int, kinds: tuple[int, ...], depth: int) -> list[Any]:
        if count > self.end - self.place:  # each item has a byte at least
            raise ValueError("a list in a page's header is longer than its file")
        if depth > _DEPTH_AT_MOST:
            raise ValueError("a page's header is nested too deeply")
        return [self.value(kind, depth + 1) for _ in range(count) for kind in kinds]

    def skip(self, count: int) -> None:
        self.place += count
        if self.place > self.end:
            raise ValueError("a page's header is cut off")
