"""How much a Parquet file would unfold to, from the headers of its pages, before any is unfolded.

The footer of a file says sizes too, but a file may say there what it likes. A reader allocates what
the header of each page says, so these headers are what must be read first. They are structures in
Thrift's compact protocol; only whole numbers and structures matter here, the rest is skipped.

Arrow's own view of a footer is not used: where its statistics are damaged, it ends the process.
`content_of` and `check_pages` come before any reader that gets a stranger's file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Column", "Page", "TooMuchError", "check_pages", "columns", "content_of", "pages"]

PAGES_AT_MOST = 50_000

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
_VALUES, _LENGTH, _DATA, _DICTIONARY = 5, 7, 9, 11


@dataclass(frozen=True)
class Column:
    """Where the pages of one column of one group of rows lie, and how many values they announce."""

    start: int
    length: int
    values: int


@dataclass(frozen=True)
class Page:
    """What the header of a page announces: bytes when unfolded, and values."""

    size: int
    values: int


class TooMuchError(Exception):
    """A file is none, or larger than it may be; says in a few words what is wrong with it."""


def content_of(path: Path, at_most: int, what: str, *, follow: bool = True) -> bytes:
    """Return the bytes of a regular file of bounded size; a pipe would never end.

    Args:
        path: the file.
        at_most: bytes.
        what: the file in words, such as "a file of records".
        follow: whether it may be a link.

    Raises:
        TooMuchError: it is no regular file, or larger than `at_most` bytes.
        OSError: it cannot be read.

    """
    # what is opened is what is looked at, and opening a pipe does not wait for its writer
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise TooMuchError(f"is no regular file; give {what}")
    with os.fdopen(opened, "rb") as file:
        data = file.read(at_most + 1)
    if len(data) > at_most:
        raise TooMuchError(f"is larger than {what} may be, {_size(at_most)}")
    return data


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 2**20 else f"{count >> 10} KiB"


def check_pages(
    data: bytes,
    what: str,
    *,
    page_at_most: int,
    unfolded_at_most: int,
    values_at_most: int,
    total_at_most: int | None = None,
) -> None:
    """Refuse a Parquet file that would unfold to more than fits.

    Args:
        data: the file.
        what: the file in words, such as "a file of records".
        page_at_most: bytes of one unfolded page.
        unfolded_at_most: bytes of all unfolded pages.
        values_at_most: values of one column in one group of rows.
        total_at_most: values of all columns in all groups, as the footer has them; a reader of
            whole columns makes room for them before it looks at a page.

    Raises:
        TooMuchError: it would.
        ValueError: it is no Parquet file.

    """
    unfolded = count = total = 0
    for column in columns(data):
        values, total = 0, total + column.values
        if column.values > values_at_most or (total_at_most is not None and total > total_at_most):
            raise TooMuchError(f"unfolds to more than {what} may hold")
        for page in pages(data, column.start, column.length):
            count += 1
            if page.size > page_at_most:
                raise TooMuchError(
                    f"has a page that unfolds to {page.size >> 20:,} MiB; {what} has none over "
                    f"{page_at_most >> 20}"
                )
            unfolded, values = unfolded + page.size, values + page.values
            if count > PAGES_AT_MOST or values > values_at_most or unfolded > unfolded_at_most:
                raise TooMuchError(f"unfolds to more than {what} may hold")


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
            found.append(Column(start, room, _count(meta.get(_VALUES))))
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
        raise ValueError("a column or a page has no sizes")
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
