"""Messages arrive whole, in time, or as one error."""

from __future__ import annotations

import json
import math
import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chaosbench.isolation._wire import ProtocolError, read_message, write_message


@pytest.fixture
def pipe():
    source, sink = os.pipe()
    yield source, sink
    for fd in (source, sink):
        try:
            os.close(fd)
        except OSError:  # a test has closed it
            continue


def received(data, **options):
    """Read what stands in a pipe that is closed behind it."""
    source, sink = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(sink, data), os.close(sink)))
    writer.start()
    try:
        return read_message(source, **options)
    finally:
        os.close(source)
        writer.join()


def message(header, numbers=0):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8 * numbers)


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=4),
    st.dictionaries(
        st.text(max_size=8), arrays(np.float64, array_shapes(min_dims=0, min_side=0)), max_size=3
    ),
)
def test_what_is_sent_arrives(header, sent):
    header.pop("arrays", None)
    source, sink = os.pipe()
    try:
        write_message(sink, header, sent)
        told, found = read_message(source)
    finally:
        os.close(source)
        os.close(sink)
    assert told == header | {"arrays": {name: list(a.shape) for name, a in sent.items()}}
    assert {name: (a.shape, a.tobytes()) for name, a in found.items()} == {
        name: (a.shape, a.tobytes()) for name, a in sent.items()
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 4096,
        message(b"{"),
        message(b"\xff\xfe"),
        message(b"[]"),
        message(b"3"),
        message(b"{}"),
        message(b'{"arrays": {}, "a": NaN}'),
        message(b'{"arrays": {}, "a": -Infinity}'),
        message(b'{"arrays": {}, "a": ' + b"9" * 10_000 + b"}"),
        message(b'{"arrays": {}, "a": ' + b"[" * 100_000 + b"}"),
        message({"arrays": []}),
        message({"arrays": {"a": 3}}, 3),
        message({"arrays": {"a": "12"}}, 2),
        message({"arrays": {"a": {"1": 2}}}, 2),
        message({"arrays": {"a": [-1]}}),
        message({"arrays": {"a": [True]}}, 1),
        message({"arrays": {"a": [1.0]}}, 1),
        message({"arrays": {"a": [None]}}),
        message({"arrays": {"a": [0, 10**30]}}),
        message({"arrays": {"a": [0, 2**62]}}),
        message({"arrays": {"a": [1] * 60}}, 1),
        message({"arrays": {"a" * 1000: [1]}}, 1),
        message({"arrays": {str(k): [] for k in range(100)}}, 100),
        message({"arrays": {"a": [4]}}, 3),
        message({"arrays": {"a": [2**39]}}),
    ],
    ids=range(26),
)
def test_what_is_no_message_is_one_error(data):
    with pytest.raises(ProtocolError):
        received(data, numbers_at_most=2**40)


def test_more_numbers_than_were_asked_for_are_not_read():
    with pytest.raises(ProtocolError, match="more numbers than were asked for"):
        received(message({"arrays": {"a": [3], "b": [3]}}, 6), numbers_at_most=5)
    assert received(message({"arrays": {"a": [5]}}, 5), numbers_at_most=5)[1]["a"].shape == (5,)


@pytest.mark.parametrize("data", [b"", b"\x10\0\0\0", message({"arrays": {"a": [4]}}, 3)])
def test_a_message_that_does_not_end_is_too_late(pipe, data):
    source, sink = pipe
    os.write(sink, data)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        read_message(source, deadline=start + 0.2)
    assert 0.15 < time.monotonic() - start < 2.0


def test_a_reader_that_does_not_read_makes_the_writer_too_late(pipe):
    _, sink = pipe
    os.set_blocking(sink, False)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        write_message(sink, {}, {"a": np.zeros(10**6)}, deadline=start + 0.2)
    assert 0.15 < time.monotonic() - start < 2.0


def test_a_slow_reader_gets_everything(pipe):
    source, sink = pipe
    os.set_blocking(sink, False)
    sent = np.random.default_rng(0).standard_normal(10**5)
    found = []

    def read():
        time.sleep(0.2)
        found.append(read_message(source)[1]["a"])

    reader = threading.Thread(target=read)
    reader.start()
    write_message(sink, {}, {"a": sent}, deadline=time.monotonic() + 30.0)
    reader.join()
    assert found[0].tobytes() == sent.tobytes()


def test_a_reader_that_is_gone_is_one_error(pipe):
    source, sink = pipe
    os.close(source)
    with pytest.raises(ProtocolError, match="closed the pipe"):
        write_message(sink, {}, deadline=math.inf)
